"""JSON, by the standard library or by orjson: each reads what the other wrote."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from enum import Enum
from importlib import import_module
from typing import Any

from django_cachex.cache.serializers.base import imported
from django_cachex.commands.args import INT64

# What a JSON text may begin with, spaces included. None ends with the full stop of a pickle.
JSON_PREFIXES = tuple(bytes([byte]) for byte in b' \t\n\r{["-0123456789tfnNI')

# For every byte, a digit or a space: to find the numbers that are past 64 bits.
DIGITS = bytes(ord("0") if chr(byte) in "0123456789" else ord(" ") for byte in range(256))
LONG = b"0" * 20


class JSONSerializer:
    """JSON by the standard library. NaN and infinity are written as JavaScript calls them.

    `encoder` and `decoder` are subclasses of `json.JSONEncoder` and `json.JSONDecoder`, or their
    dotted paths, for what JSON does not have: "django.core.serializers.json.DjangoJSONEncoder".
    """

    def __init__(self, encoder: Any = None, decoder: Any = None) -> None:
        encoder, decoder = imported("encoder", encoder), imported("decoder", decoder)
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
        self._default: Callable[[Any], Any] | None = imported("default", default)
        exact: int = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
        self._option = exact | option
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
        if LONG in data.translate(DIGITS):
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
