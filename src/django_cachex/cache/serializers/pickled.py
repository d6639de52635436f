"""Pickles: the default, which Django's own Redis backend can read and write."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.serializers.base import integer, number
from django_cachex.commands.base import INT64

_loads = pickle.loads
_BEGINNINGS = frozenset(bytes([0x80, n]) for n in range(2, pickle.HIGHEST_PROTOCOL + 1))


class PickleSerializer:
    """Pickles, but leaves integers of 64 bits to the server, which counts with them."""

    def __init__(self, protocol: int | None = None) -> None:
        highest = pickle.HIGHEST_PROTOCOL
        if protocol is not None and (type(protocol) is not int or protocol > highest):
            raise ImproperlyConfigured(f"“protocol” is a whole number, {highest} at most.")
        self.protocol = highest if protocol is None else protocol

    def dumps(self, obj: Any) -> bytes | int:
        # Subclasses, booleans among them, come back as what they are only from a pickle.
        if type(obj) is int and obj in INT64:
            return obj
        return pickle.dumps(obj, self.protocol)

    def loads(self, data: bytes) -> Any:
        # 0x80 opens every pickle of protocol 2 and later.
        return _loads(data) if data[:1] == b"\x80" else _other(data)

    def recognises(self, data: bytes) -> bool:
        """Return whether `data` begins and ends like a pickle of any protocol, or is a number."""
        if data[-1:] == b".":
            # Opcodes of protocols 0 and 1 are letters and signs; later ones say which it is.
            return len(data) > 1 and (data[0] < 0x80 or data[:2] in _BEGINNINGS)
        return number(data) is not None


def unpickled(replies: Iterable[bytes | None]) -> list[Any]:
    """Return what `PickleSerializer.loads` returns for each; None, for no value, stays."""
    return [_loads(data) if data and data[0] == 0x80 else _other(data) for data in replies]


def _other(data: bytes | None) -> Any:
    if data is None:
        return None
    if integer(data):
        return int(data)
    found = number(data)
    return _loads(data) if found is None else found
