"""Pickles: the default, which Django's own Redis backend can read and write."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.serializers.base import UnreadableValue, integer, is_number, number
from django_cachex.commands.args import INT64

_loads = pickle.loads

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
"""Those whose pickles say what they are. One of an older protocol may begin with any opcode: so
may what another serializer wrote, and a person chose, and reading it would run it."""

PICKLE_PREFIXES = tuple(bytes([0x80, protocol]) for protocol in PROTOCOLS)


class PickleSerializer:
    """Pickles, but leaves integers of 64 bits to the server, which counts with them.

    It reads what begins as it writes, and no pickle of the protocols 0 and 1.
    """

    def __init__(self, protocol: int | None = None) -> None:
        if protocol in (None, -1):  # `pickle` takes both for the highest.
            protocol = PROTOCOLS[-1]
        if type(protocol) is not int or protocol not in PROTOCOLS:
            least, most = PROTOCOLS[0], PROTOCOLS[-1]
            raise ImproperlyConfigured(
                f"“protocol” is a whole number, {least} at least and {most} at most."
            )
        self.protocol = protocol

    def dumps(self, obj: Any) -> bytes | int:
        # Subclasses, booleans among them, come back as what they are only from a pickle.
        if type(obj) is int and obj in INT64:
            return obj
        return pickle.dumps(obj, self.protocol)

    def loads(self, data: bytes) -> Any:
        # 0x80 opens every pickle of protocol 2 and later.
        return _loads(data) if data[:1] == b"\x80" else _other(data)

    def recognises(self, data: bytes) -> bool:
        """Return whether `data` begins and ends like a pickle that it reads, or is a number."""
        if data[-1:] == b".":
            return data.startswith(PICKLE_PREFIXES)
        return is_number(data)


def unpickled(replies: Iterable[bytes | None]) -> list[Any]:
    """Return what `PickleSerializer.loads` returns for each; None, for no value, stays."""
    return [_loads(data) if data and data[0] == 0x80 else _other(data) for data in replies]


def _other(data: bytes | None) -> Any:
    if data is None:
        return None
    if integer(data):
        return int(data)
    found = number(data)
    if found is None:
        raise UnreadableValue(
            "What is stored begins neither like a pickle of protocol 2 or later nor like a number."
        )
    return found
