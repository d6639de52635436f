"""Serializers: pickle, JSON and MessagePack."""

from __future__ import annotations

import json
import math
import pickle
import re
from collections.abc import Callable, Iterable
from enum import Enum
from importlib import import_module
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_cachex.commands.args import INT64

match_integer = re.compile(rb"-?[0-9]+").fullmatch
"""Match what is stored for an integer. `int()` would take b" 1_0 " too."""

match_float = re.compile(rb"-?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|inf|nan)").fullmatch


def is_decimal(data: bytes) -> bool:
    """Return whether `data` is a number in decimal, of however many digits."""
    return match_integer(data) is not None or match_float(data) is not None


def parse_decimal(data: bytes) -> int | float | None:
    """Return the number that `data` is in decimal: our integers, or a float; None if it is none.

    HINCRBYFLOAT and django-valkey store floats so. No pickle is one, and no MessagePack of more
    than a byte. Raise ValueError for an integer of more digits than Python reads.
    """
    if match_integer(data):
        return int(data)
    return float(data) if match_float(data) else None


class UnreadableValue(ValueError):
    """A cache's serializer, or none of them, can read what is stored; notes say why each cannot."""


class Serializer(Protocol):
    """What OPTIONS["serializer"] is: the interface of Django's RedisCache.

    One that also has ``recognises(data)``, which tells by how `data` begins and ends whether it
    could have written it, is not asked for what it could not, where several read.
    """

    def dumps(self, obj: Any) -> bytes | str | int:
        """Return what to store for `obj`; an integer is stored as decimal text."""

    def loads(self, data: bytes) -> Any:
        """Return the object that is stored as `data`."""


def import_callable(name: str, given: Any) -> Any:
    """Return the function or class that the option `name` is, or None where it is not given.

    Raise ImportError for a dotted path that leads nowhere, ImproperlyConfigured for what cannot be
    called.
    """
    value = import_string(given) if isinstance(given, str) else given
    if value is not None and not callable(value):
        raise ImproperlyConfigured(f"“{name}” is a function or a class, or the dotted path of one.")
    return value


Hook = Callable[[Any], Any]


class BaseMsgPackSerializer:
    """What both have in common: which bytes are MessagePack, and which an integer's digits."""

    def dumps(self, obj: Any) -> bytes | int:
        if type(obj) is int and obj in INT64:
            return obj
        data = self._pack(obj)
        # An enumeration's 53 would be the byte of the digit 5: it is given more room.
        return b"\xcc" + data if len(data) == 1 and data.isdigit() else data

    def loads(self, data: bytes) -> Any:
        # Below 0x80 are integers of one byte: what is longer is a number in decimal.
        value = parse_decimal(data) if data[:1] < b"\x80" else None
        return self._unpack(data) if value is None else value

    def recognises(self, data: bytes) -> bool:
        """Return whether `data` can be one MessagePack object, or is a number."""
        # Pickles begin with 0x80, which as a map is empty, and has nothing after it.
        if data[:1] < b"\x81":
            return len(data) == 1 or is_decimal(data)
        return data[:1] != b"\xc1"

    def _pack(self, obj: Any) -> bytes:
        raise NotImplementedError

    def _unpack(self, data: bytes) -> Any:
        raise NotImplementedError


class MsgPackSerializer(BaseMsgPackSerializer):
    """MessagePack by msgpack.

    `default` is a function that makes something else of what MessagePack does not have, such as an
    `ExtType`, and `ext_hook` one of a code and bytes that undoes it; or their dotted paths.
    """

    def __init__(self, default: Any = None, ext_hook: Any = None) -> None:
        msgpack = import_module("msgpack")
        self._write: Callable[..., bytes] = msgpack.packb
        self._read: Callable[..., Any] = msgpack.unpackb
        self._default: Hook | None = import_callable("default", default)
        self._ext_hook: Callable[[int, bytes], Any] = (
            import_callable("ext_hook", ext_hook) or msgpack.ExtType
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
                object_pairs_hook=_make_keys_hashable,
            )


class ORMsgPackSerializer(BaseMsgPackSerializer):
    """MessagePack by ormsgpack: quicker.

    `default` and `ext_hook` are as for `MsgPackSerializer`, `option` is ormsgpack's. Dataclasses,
    dates, times and UUIDs are refused unless `default` takes them: ormsgpack would make text of
    them, and leave it at that.
    """

    def __init__(self, default: Any = None, ext_hook: Any = None, option: int = 0) -> None:
        ormsgpack = import_module("ormsgpack")
        self._write: Callable[..., bytes] = ormsgpack.packb
        self._read: Callable[..., Any] = ormsgpack.unpackb
        self._default: Hook | None = import_callable("default", default)
        self._ext_hook: Callable[[int, bytes], Any] | None = import_callable("ext_hook", ext_hook)
        passthrough: int = (
            ormsgpack.OPT_NON_STR_KEYS
            | ormsgpack.OPT_PASSTHROUGH_DATACLASS
            | ormsgpack.OPT_PASSTHROUGH_DATETIME
            | ormsgpack.OPT_PASSTHROUGH_UUID
        )
        self._option = passthrough | option
        self._pack(None)  # Raises for an option that there is not.
        self._reading: int = ormsgpack.OPT_NON_STR_KEYS

    def _pack(self, obj: Any) -> bytes:
        return self._write(obj, default=self._default, option=self._option)

    def _unpack(self, data: bytes) -> Any:
        return self._read(data, ext_hook=self._ext_hook, option=self._reading)


def _make_keys_hashable(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    return {_make_hashable(key): value for key, value in pairs}


def _make_hashable(key: Any) -> Any:
    return tuple(map(_make_hashable, key)) if isinstance(key, list) else key


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
        return _loads(data) if data[:1] == b"\x80" else _loads_number(data)

    def recognises(self, data: bytes) -> bool:
        """Return whether `data` begins and ends like a pickle that it reads, or is a number."""
        if data[-1:] == b".":
            return data.startswith(PICKLE_PREFIXES)
        return is_decimal(data)


def unpickle_all(replies: Iterable[bytes | None]) -> list[Any]:
    """Return what `PickleSerializer.loads` returns for each; None, for no value, stays."""
    return [_loads(data) if data and data[0] == 0x80 else _loads_number(data) for data in replies]


def _loads_number(data: bytes | None) -> Any:
    if data is None:
        return None
    if match_integer(data):
        return int(data)
    value = parse_decimal(data)
    if value is None:
        raise UnreadableValue(
            "What is stored begins neither like a pickle of protocol 2 or later nor like a number."
        )
    return value


# What a JSON text may begin with, spaces included. None ends with the full stop of a pickle.
JSON_PREFIXES = tuple(bytes([byte]) for byte in b' \t\n\r{["-0123456789tfnNI')

# For every byte, a digit or a space: to find the numbers that are past 64 bits.
DIGIT_MASK = bytes(ord("0") if chr(byte) in "0123456789" else ord(" ") for byte in range(256))
LONG_NUMBER = b"0" * 20


class JSONSerializer:
    """JSON by the standard library. NaN and infinity are written as JavaScript calls them.

    `encoder` and `decoder` are subclasses of `json.JSONEncoder` and `json.JSONDecoder`, or their
    dotted paths, for what JSON does not have: "django.core.serializers.json.DjangoJSONEncoder".
    """

    def __init__(self, encoder: Any = None, decoder: Any = None) -> None:
        encoder, decoder = import_callable("encoder", encoder), import_callable("decoder", decoder)
        self._encode: Callable[[Any], str] = (encoder or json.JSONEncoder)().encode
        self._decode: Callable[[str], Any] = (decoder or json.JSONDecoder)().decode

    def dumps(self, obj: Any) -> bytes | int:
        if type(obj) is int and obj in INT64:
            return obj
        return self._encode(obj).encode()

    def loads(self, data: bytes) -> Any:
        return self._decode(str(data, "utf-8"))

    def recognises(self, data: bytes) -> bool:
        """Return whether `data` begins and ends like JSON."""
        return data.startswith(JSON_PREFIXES) and data[-1:] != b"."


class ORJSONSerializer:
    """JSON by orjson: quicker, and for fewer values.

    `default` is a function, or its dotted path, that makes something else of what JSON does not
    have; `option` is orjson's. Dataclasses, dates and times are refused unless `default` takes
    them: orjson would make text of them, and leave it at that.
    """

    def __init__(self, default: Any = None, option: int = 0) -> None:
        orjson = import_module("orjson")
        self._write, self._read = orjson.dumps, orjson.loads
        self._decode = json.JSONDecoder().decode
        self._default: Callable[[Any], Any] | None = import_callable("default", default)
        passthrough: int = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
        self._option = passthrough | option
        self._write(None, None, self._option)  # Raises for an option that there is not.

    def dumps(self, obj: Any) -> bytes | int:
        if type(obj) is int and obj in INT64:
            return obj
        data: bytes = self._write(obj, self._default, self._option)
        if b"null" in data and _is_infinite(obj, self._default):
            raise ValueError("orjson writes NaN and infinity as null.")
        return data

    def loads(self, data: bytes) -> Any:
        # orjson makes floats of integers past 64 bits, which it does not write.
        if LONG_NUMBER in data.translate(DIGIT_MASK):
            return self._decode(str(data, "utf-8"))
        try:
            return self._read(data)
        except (
            ValueError
        ):  # NaN, infinity or half a surrogate pair, which it does not write either.
            return self._decode(str(data, "utf-8"))

    def recognises(self, data: bytes) -> bool:
        """Return whether `data` begins and ends like JSON."""
        return data.startswith(JSON_PREFIXES) and data[-1:] != b"."


def _is_infinite(obj: Any, default: Callable[[Any], Any] | None) -> bool:
    """Return whether a number in `obj`, which orjson has written, is none."""
    match obj:
        case float():
            return not math.isfinite(obj)
        case None | bool() | int() | str():
            return False
        case dict():
            return any(_is_infinite(value, default) for value in obj.values())
        case list() | tuple():
            return any(_is_infinite(item, default) for item in obj)
        case Enum():
            return _is_infinite(obj.value, default)
        case _:
            return default is not None and _is_infinite(default(obj), default)
