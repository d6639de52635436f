"""MessagePack, by msgpack or by ormsgpack: each reads what the other wrote."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django_cachex.cache.serializers.base import imported, is_number, number
from django_cachex.commands.args import INT64

Hook = Callable[[Any], Any]


class Packed:
    """What both have in common: which bytes are MessagePack, and which an integer's digits."""

    def dumps(self, obj: Any) -> bytes | int:
        if type(obj) is int and obj in INT64:
            return obj
        data = self._pack(obj)
        # An enumeration's 53 would be the byte of the digit 5: it is given more room.
        return b"\xcc" + data if len(data) == 1 and data.isdigit() else data

    def loads(self, data: bytes) -> Any:
        # Below 0x80 are integers of one byte: what is longer is a number in decimal.
        found = number(data) if data[:1] < b"\x80" else None
        return self._unpack(data) if found is None else found

    def recognises(self, data: bytes) -> bool:
        """Return whether `data` can be one MessagePack object, or is a number."""
        # Pickles begin with 0x80, which as a map is empty, and has nothing after it.
        if data[:1] < b"\x81":
            return len(data) == 1 or is_number(data)
        return data[:1] != b"\xc1"

    def _pack(self, obj: Any) -> bytes:
        raise NotImplementedError

    def _unpack(self, data: bytes) -> Any:
        raise NotImplementedError


class MsgPackSerializer(Packed):
    """MessagePack by msgpack.

    `default` is a function that makes something else of what MessagePack does not have, such as an
    `ExtType`, and `ext_hook` one of a code and bytes that undoes it; or their dotted paths.
    """

    def __init__(self, default: Any = None, ext_hook: Any = None) -> None:
        msgpack = import_module("msgpack")
        self._write: Callable[..., bytes] = msgpack.packb
        self._read: Callable[..., Any] = msgpack.unpackb
        self._default: Hook | None = imported("default", default)
        self._ext_hook: Callable[[int, bytes], Any] = (
            imported("ext_hook", ext_hook) or msgpack.ExtType
        )

    def _pack(self, obj: Any) -> bytes:
        return self._write(obj, default=self._default)

    def _unpack(self, data: bytes) -> Any:
        try:
            return self._read(data, strict_map_key=False, ext_hook=self._ext_hook)
        except TypeError:  # A list cannot be a key: it was a tuple.
            return self._read(
                data,
                strict_map_key=False,
                ext_hook=self._ext_hook,
                object_pairs_hook=_with_tuples_as_keys,
            )


class ORMsgPackSerializer(Packed):
    """MessagePack by ormsgpack: quicker.

    `default` and `ext_hook` are as for `MsgPackSerializer`, `option` is ormsgpack's. Dataclasses,
    dates, times and UUIDs are refused unless `default` takes them: ormsgpack would make text of
    them, and leave it at that.
    """

    def __init__(self, default: Any = None, ext_hook: Any = None, option: int = 0) -> None:
        ormsgpack = import_module("ormsgpack")
        self._write: Callable[..., bytes] = ormsgpack.packb
        self._read: Callable[..., Any] = ormsgpack.unpackb
        self._default: Hook | None = imported("default", default)
        self._ext_hook: Callable[[int, bytes], Any] | None = imported("ext_hook", ext_hook)
        exact: int = (
            ormsgpack.OPT_NON_STR_KEYS
            | ormsgpack.OPT_PASSTHROUGH_DATACLASS
            | ormsgpack.OPT_PASSTHROUGH_DATETIME
            | ormsgpack.OPT_PASSTHROUGH_UUID
        )
        self._option = exact | option
        self._pack(None)  # Raises for an option that there is not.
        self._reading: int = ormsgpack.OPT_NON_STR_KEYS

    def _pack(self, obj: Any) -> bytes:
        return self._write(obj, default=self._default, option=self._option)

    def _unpack(self, data: bytes) -> Any:
        return self._read(data, ext_hook=self._ext_hook, option=self._reading)


def _with_tuples_as_keys(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    return {_hashable(key): value for key, value in pairs}


def _hashable(key: Any) -> Any:
    return tuple(map(_hashable, key)) if isinstance(key, list) else key
