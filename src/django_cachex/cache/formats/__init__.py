"""Which serializers and compressors OPTIONS name: one, or a list of which any may read."""

from django_cachex.cache.formats.kinds import COMPRESSOR, SERIALIZER, Kind
from django_cachex.cache.formats.making import make, make_all, make_codec
from django_cachex.cache.formats.wrong import MissingPackage, WrongFormat, path_advice

__all__ = [
    "COMPRESSOR",
    "SERIALIZER",
    "Kind",
    "MissingPackage",
    "WrongFormat",
    "make",
    "make_all",
    "make_codec",
    "path_advice",
]
