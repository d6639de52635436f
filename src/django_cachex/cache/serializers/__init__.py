"""How values become bytes. Whatever the format, integers of 64 bits are the server's to count."""

from django_cachex.cache.serializers.base import Serializer, UnreadableValue
from django_cachex.cache.serializers.packed import MsgPackSerializer, ORMsgPackSerializer
from django_cachex.cache.serializers.pickled import PickleSerializer, unpickled
from django_cachex.cache.serializers.text import JSONSerializer, ORJSONSerializer

__all__ = [
    "JSONSerializer",
    "MsgPackSerializer",
    "ORJSONSerializer",
    "ORMsgPackSerializer",
    "PickleSerializer",
    "Serializer",
    "UnreadableValue",
    "unpickled",
]
"""What ``"serializer"`` may name; each is a class of its own format."""
