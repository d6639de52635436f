"""How values become bytes: the default, which Django's own Redis backend can read and write."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable
from typing import Any, Protocol, cast

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_cachex.commands.base import INT64

_loads = pickle.loads
_integer = re.compile(rb"-?[0-9]+").fullmatch
_sum = re.compile(rb"-?[0-9]+\.[0-9]+").fullmatch  # What HINCRBYFLOAT stores.


class Serializer(Protocol):
    """What OPTIONS["serializer"] is: the interface of Django's RedisCache."""

    def dumps(self, obj: Any) -> bytes | str | int:
        """Return what to store for `obj`; an integer is stored as decimal text."""

    def loads(self, data: bytes) -> Any:
        """Return the object that is stored as `data`."""


class PickleSerializer:
    """Pickles, but leaves integers of 64 bits to the server, which counts with them."""

    def __init__(self, protocol: int | None = None) -> None:
        self.protocol = pickle.HIGHEST_PROTOCOL if protocol is None else protocol

    def dumps(self, obj: Any) -> bytes | int:
        # Subclasses, booleans among them, come back as what they are only from a pickle.
        if type(obj) is int and obj in INT64:
            return obj
        return pickle.dumps(obj, self.protocol)

    def loads(self, data: bytes) -> Any:
        # 0x80 opens every pickle of protocol 2 and later. `int()` would take b" 1_0 " too.
        return _loads(data) if data[:1] == b"\x80" else _other(data)


def unpickled(replies: Iterable[bytes | None]) -> list[Any]:
    """Return what `PickleSerializer.loads` returns for each; None, for no value, stays."""
    return [
        _loads(data) if data is not None and data[:1] == b"\x80" else _other(data)
        for data in replies
    ]


def _other(data: bytes | None) -> Any:
    if data is None:
        return None
    if _integer(data):
        return int(data)
    return float(data) if _sum(data) else _loads(data)


def make_serializer(given: Any = None) -> Serializer:
    """Return the serializer that OPTIONS name: a class, its dotted path, or an instance."""
    if given is None:
        return PickleSerializer()
    try:
        if isinstance(given, str):
            given = import_string(given)
        made = given() if callable(given) else given
    except (ImportError, TypeError) as error:
        raise ImproperlyConfigured(f"The serializer cannot be made: {error}") from error
    if not (hasattr(made, "dumps") and hasattr(made, "loads")):
        raise ImproperlyConfigured("The serializer must have dumps(obj) and loads(data).")
    return cast(Serializer, made)
