"""Serializers: pickle, JSON and MessagePack."""

from __future__ import annotations

import json
import math
import pickle
import re
from collections.abc import Callable, Iterable
from enum import Enum
from importlib import import_module
from typing import Any, ClassVar, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_cachex.commands.args import INT64

match_integer = re.compile(rb"-?[0-9]+").fullmatch
"""Matches a stored integer. `int()` would also accept b" 1_0 "."""

match_float = re.compile(rb"-?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|inf|nan)").fullmatch


def is_decimal(data: bytes) -> bool:
    """Return whether `data` is a decimal number, with any number of digits."""
    return match_integer(data) is not None or match_float(data) is not None


def parse_decimal(data: bytes) -> int | float | None:
    """Return the value of a decimal number, or None if `data` is not one.

    HINCRBYFLOAT and django-valkey store floats in this way. Decimal numbers can't be confused with
    pickles, nor with MessagePack data of more than one byte. ValueError is raised for an integer
    with more digits than Python converts.
    """
    if match_integer(data):
        return int(data)
    return float(data) if match_float(data) else None


class UnreadableValue(ValueError):
    """No serializer of the cache can read the stored value. Notes contain their errors."""


class Serializer(Protocol):
    """The interface of serializers, for the option `serializer`. It is that of Django's RedisCache.

    A serializer may also have the method ``recognizes(data)``, which returns whether it may have
    written `data`. If a cache has several serializers, only those are tried.

    For the admin, the class may have the attribute ``format``: "pickle", "json" or "msgpack" if
    `dumps` returns such data, or "opaque" for other data. A subclass that overrides `dumps` or
    `loads` must set it again. If ``stores_ints`` is true as well, `dumps` returns integers, and
    `loads` reads decimal text as an integer.
    """

    def dumps(self, obj: Any) -> bytes | str | int:
        """Return the data to store for `obj`. An integer is stored as decimal text."""

    def loads(self, data: bytes) -> Any:
        """Return the object that is stored as `data`."""


def import_callable(name: str, given: Any) -> Any:
    """Return the function or class for the value of the option `name`, or None.

    Raises:
        ImportError: the dotted path can't be imported.
        ImproperlyConfigured: the object is not callable.
    """
    value = import_string(given) if isinstance(given, str) else given
    if value is not None and not callable(value):
        raise ImproperlyConfigured(
            f"“{name}” must be a function or a class, or the dotted path of one."
        )
    return value


Hook = Callable[[Any], Any]


class BaseMsgPackSerializer:
    """Base class of MessagePack serializers, which tells numbers and MessagePack data apart."""

    format: ClassVar[str] = "msgpack"
    stores_ints: ClassVar[bool] = True

    def dumps(self, obj: Any) -> bytes | int:
        if type(obj) is int and obj in INT64:
            return obj
        data = self._pack(obj)
        # For example, the enum member 53 would be packed as b"5", which is also the digit 5. The
        # longer encoding as uint8 is unambiguous.
        return b"\xcc" + data if len(data) == 1 and data.isdigit() else data

    def loads(self, data: bytes) -> Any:
        # The bytes below 0x80 are integers of one byte. Longer data is a decimal number.
        value = parse_decimal(data) if data[:1] < b"\x80" else None
        return self._unpack(data) if value is None else value

    def recognizes(self, data: bytes) -> bool:
        """Return whether `data` may be a MessagePack object, or is a decimal number."""
        # Pickles start with 0x80, which is an empty map in MessagePack, with nothing after it.
        if data[:1] < b"\x81":
            return len(data) == 1 or is_decimal(data)
        return data[:1] != b"\xc1"

    def _pack(self, obj: Any) -> bytes:
        raise NotImplementedError

    def _unpack(self, data: bytes) -> Any:
        raise NotImplementedError


class MsgPackSerializer(BaseMsgPackSerializer):
    """MessagePack by the package msgpack.

    Args:
        default: a function, or its dotted path, that converts objects that MessagePack doesn't
            support, for example to an `ExtType`.
        ext_hook: a function, or its dotted path, that gets the code and the bytes of an `ExtType`
            and returns the object.
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
        except TypeError:  # A list can't be a key, so it must have been a tuple.
            return self._read(
                data,
                strict_map_key=False,
                ext_hook=self._ext_hook,
                object_pairs_hook=_make_keys_hashable,
            )


class ORMsgPackSerializer(BaseMsgPackSerializer):
    """MessagePack by the package ormsgpack, which is faster.

    Dataclasses, dates, times and UUIDs need a `default` function. Otherwise, they are rejected,
    because ormsgpack would convert them to text, which is read back as text.

    Args:
        default, ext_hook: see `MsgPackSerializer`.
        option: options of ormsgpack.
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
        self._pack(None)  # Raises an error for an invalid option.
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
"""The protocols whose pickles start with a marker. Pickles of older protocols may start with any
opcode, as may values that users chose and another serializer wrote. Reading them as pickles would
run code."""

PICKLE_PREFIXES = tuple(bytes([0x80, protocol]) for protocol in PROTOCOLS)


class PickleSerializer:
    """Pickles. Integers of 64 bits are stored as decimal text, so the server can increment them.

    Pickles of protocols 0 and 1 are not read.
    """

    format: ClassVar[str] = "pickle"
    stores_ints: ClassVar[bool] = True

    def __init__(self, protocol: int | None = None) -> None:
        if protocol in (None, -1):  # In `pickle`, both stand for the highest.
            protocol = PROTOCOLS[-1]
        if type(protocol) is not int or protocol not in PROTOCOLS:
            least, most = PROTOCOLS[0], PROTOCOLS[-1]
            raise ImproperlyConfigured(f"“protocol” must be a whole number from {least} to {most}.")
        self.protocol = protocol

    def dumps(self, obj: Any) -> bytes | int:
        # Subclasses of int, such as bool, must be pickled to keep their type.
        if type(obj) is int and obj in INT64:
            return obj
        return pickle.dumps(obj, self.protocol)

    def loads(self, data: bytes) -> Any:
        # Every pickle of protocol 2 and later starts with 0x80.
        return _loads(data) if data[:1] == b"\x80" else _loads_number(data)

    def recognizes(self, data: bytes) -> bool:
        """Return whether `data` starts and ends like a readable pickle, or is a decimal number."""
        if data[-1:] == b".":
            return data.startswith(PICKLE_PREFIXES)
        return is_decimal(data)


def unpickle_all(replies: Iterable[bytes | None]) -> list[Any]:
    """Return the objects for the data of several keys; None stands for a missing key."""
    return [_loads(data) if data and data[0] == 0x80 else _loads_number(data) for data in replies]


def _loads_number(data: bytes | None) -> Any:
    if data is None:
        return None
    if match_integer(data):
        return int(data)
    value = parse_decimal(data)
    if value is None:
        raise UnreadableValue(
            "The stored value is neither a pickle of protocol 2 or later nor a decimal number."
        )
    return value


# The possible first bytes of JSON, including whitespace. Its last byte is never a dot, unlike that
# of pickles.
JSON_PREFIXES = tuple(bytes([byte]) for byte in b' \t\n\r{["-0123456789tfnNI')

# Translates digits to zeros and other bytes to spaces, to find integers of more than 64 bits.
DIGIT_MASK = bytes(ord("0") if chr(byte) in "0123456789" else ord(" ") for byte in range(256))
LONG_NUMBER = b"0" * 20


class JSONSerializer:
    """JSON by the standard library. NaN and infinity are written as in JavaScript.

    Args:
        encoder: a subclass of `json.JSONEncoder`, or its dotted path, for objects that JSON doesn't
            support. An example is "django.core.serializers.json.DjangoJSONEncoder".
        decoder: a subclass of `json.JSONDecoder`, or its dotted path.
    """

    format: ClassVar[str] = "json"
    stores_ints: ClassVar[bool] = True

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

    def recognizes(self, data: bytes) -> bool:
        """Return whether `data` starts and ends like JSON."""
        return data.startswith(JSON_PREFIXES) and data[-1:] != b"."


class ORJSONSerializer:
    """JSON by the package orjson, which is faster, but supports fewer values.

    Dataclasses, dates and times need a `default` function. Otherwise, they are rejected, because
    orjson would convert them to text, which is read back as text.

    Args:
        default: a function, or its dotted path, that converts objects that JSON doesn't support.
        option: options of orjson.
    """

    format: ClassVar[str] = "json"
    stores_ints: ClassVar[bool] = True

    def __init__(self, default: Any = None, option: int = 0) -> None:
        orjson = import_module("orjson")
        self._write, self._read = orjson.dumps, orjson.loads
        self._decode = json.JSONDecoder().decode
        self._default: Callable[[Any], Any] | None = import_callable("default", default)
        passthrough: int = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
        self._option = passthrough | option
        self._write(None, None, self._option)  # Raises an error for an invalid option.

    def dumps(self, obj: Any) -> bytes | int:
        if type(obj) is int and obj in INT64:
            return obj
        data: bytes = self._write(obj, self._default, self._option)
        if b"null" in data and _is_infinite(obj, self._default):
            raise ValueError("orjson writes NaN and infinity as null.")
        return data

    def loads(self, data: bytes) -> Any:
        # orjson reads integers of more than 64 bits as floats. It doesn't write them itself.
        if LONG_NUMBER in data.translate(DIGIT_MASK):
            return self._decode(str(data, "utf-8"))
        try:
            return self._read(data)
        except ValueError:  # NaN, infinity or a lone surrogate, which orjson doesn't write either.
            return self._decode(str(data, "utf-8"))

    def recognizes(self, data: bytes) -> bool:
        """Return whether `data` starts and ends like JSON."""
        return data.startswith(JSON_PREFIXES) and data[-1:] != b"."


def _is_infinite(obj: Any, default: Callable[[Any], Any] | None) -> bool:
    """Return whether `obj`, which orjson has serialized, contains NaN or infinity."""
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
