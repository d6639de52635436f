"""How values are stored: serializers, compressors and formats of other programs."""

from __future__ import annotations

import bz2
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.util import find_spec
from typing import Any, Literal, get_args

from django.core.cache.backends.redis import RedisSerializer
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.codecs import BytesCompressor, CompositeSerializer
from django_cachex.cache.compressors import (
    Compressor,
    Decompressor,
    GzipCompressor,
    Lz4Compressor,
    LzmaCompressor,
    ZlibCompressor,
    ZstdCompressor,
)
from django_cachex.cache.serializers import PickleSerializer
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.values.msgpack import read_msgpack
from django_cachex.inspectors.values.pickle import read_pickle
from django_cachex.inspectors.values.tree import DecodeLimits, Tree, to_tree


class Bzip2Decompressor(Compressor):
    """Decompresses bzip2. No compressor of the package writes it."""

    magic = tuple(b"BZh%d1AY&SY" % level for level in range(1, 10))

    def decompressor(self, data: bytes) -> Decompressor:
        return bz2.BZ2Decompressor()


COMPRESSORS: dict[str, type[Compressor]] = {
    "zlib": ZlibCompressor,
    "gzip": GzipCompressor,
    "xz": LzmaCompressor,
    "lz4": Lz4Compressor,
    "zstd": ZstdCompressor,
    "bzip2": Bzip2Decompressor,
}

MAGIC_NUMBERS: tuple[bytes, ...] = tuple(
    magic for compressor in COMPRESSORS.values() for magic in compressor.magic
)

# Magic numbers that text can't start with.
UNSUPPORTED_MAGIC_NUMBERS: dict[bytes, str] = {
    **{
        magic: name
        for name, compressor in COMPRESSORS.items()
        if name not in ("zlib", "gzip")
        for magic in compressor.magic
    },
    b"\xff\x06\x00\x00sNaPpY": "snappy",
}


@dataclass(frozen=True, slots=True)
class Decompressed:
    """The result of decompression."""

    name: str
    """The name of the compression."""

    data: bytes
    complete: bool
    """Whether `data` is complete: not truncated, not damaged, and without trailing bytes."""

    truncated: bool
    """Whether there was more data than the limit."""


def unsupported_compression(raw: bytes) -> str:
    """Return the name of a compression that is recognized but not decompressed, or ""."""
    if not raw.startswith(tuple(UNSUPPORTED_MAGIC_NUMBERS)):
        return ""
    return next(name for magic, name in UNSUPPORTED_MAGIC_NUMBERS.items() if raw.startswith(magic))


def decompress(raw: bytes, limit: int) -> Decompressed | None:
    """Return at most `limit` decompressed bytes, or None if `raw` isn't compressed or is damaged.

    Bytes after a zlib stream are ignored, because Django's file-based cache leaves some.
    """
    if not raw.startswith(MAGIC_NUMBERS):
        return None
    name = next(name for name, kind in COMPRESSORS.items() if raw.startswith(kind.magic))
    try:
        stream = COMPRESSORS[name]().decompressor(raw)
        data = stream.decompress(raw, limit + 1)
    except Exception:  # A missing package or damaged data: exceptions differ by format.
        return None
    if not (data or stream.eof):
        return None
    rest = name != "zlib" and stream.unused_data
    truncated = len(data) > limit
    return Decompressed(name, data[:limit], stream.eof and not rest and not truncated, truncated)


# Formats of other languages and of the server.

PHP_SCALAR = re.compile(
    rb"(?:i:-?[0-9]{1,20}|b:[01]|d:(?:-?[0-9.]+(?:E[+-]?[0-9]+)?|-?INF|NAN)|N);"
)
PHP_TEXT = re.compile(rb's:([0-9]{1,10}):"')
PHP_NESTED = re.compile(rb'(?:a:[0-9]{1,10}:\{|[OC]:[0-9]{1,4}:"[\w\\]+":[0-9]{1,10}:\{)')

JAVA_MAGIC = b"\xac\xed\x00\x05"
HYPERLOGLOG_MAGIC = b"HYLL"


def foreign_format(raw: bytes) -> Text:
    """Return the name of a format of another language or server, or an empty string."""
    if raw.startswith(JAVA_MAGIC):
        return _("serialized Java")
    if raw.startswith(HYPERLOGLOG_MAGIC):
        return _("HyperLogLog")
    return _("serialized PHP") if is_php_serialized(raw) else ""


def is_php_serialized(raw: bytes) -> bool:
    """Return whether the bytes look like the result of PHP's `serialize`."""
    if match := PHP_TEXT.match(raw):
        return len(raw) == match.end() + int(match[1]) + 2 and raw.endswith(b'";')
    if PHP_NESTED.match(raw):
        return raw.endswith(b"}")
    return PHP_SCALAR.fullmatch(raw) is not None


# How an alias stores values.

Format = Literal["pickle", "json", "msgpack", "opaque"]


@dataclass(frozen=True)
class ValueFormat:
    """How an alias stores values."""

    name: str
    """The dotted path of the serializer for display, or empty without serializer."""

    format: Format
    """The format that the application reads; "opaque" if it is unknown."""

    dumps: Callable[[Any], bytes | int]
    """The alias's serializer and compressor, which every stored value goes through."""

    loads_ints: bool = False
    """Whether decimal digits are read as an integer first."""

    loads_floats: bool = False
    """Whether other decimal numbers are read as floats before the serializer is tried."""

    compression: str = ""
    """The compression that the application writes, such as "zlib", or an empty string."""

    other_formats: tuple[Format, ...] = ()
    """Other formats that the application reads."""

    other_compressions: tuple[str, ...] = ()
    """Other compressions that the application reads."""

    requires_protocol_2: bool = False
    """Whether the serializer refuses pickles of protocols 0 and 1."""

    markers: Mapping[bytes, str] = field(default_factory=dict)
    """The first bytes of stored values that aren't part of the serialized value, each with the
    compression of the rest, such as "zstd", or an empty string. Empty if there are none."""

    unwrap: Callable[[Tree], Tree] | None = None
    """Returns the application's value if the backend stores it within another one."""

    def can_read(self, other: ValueFormat) -> bool:
        """Return whether this format reads all that `other` stores with the same serializer."""
        return (
            self.name == other.name
            and set(other.other_formats) <= {self.format, *self.other_formats}
            and {other.compression, *other.other_compressions}
            <= {"", self.compression, *self.other_compressions}
        )

    @cached_property
    def unreadable_reason(self) -> Text:
        """A sentence about a value that isn't in this format."""
        match self.format:
            case "pickle":
                return _(
                    "This cache stores pickles, but this value isn't a pickle, so it can't be read."
                )
            case "json":
                return _("This cache stores JSON, but this value isn't JSON, so it can't be read.")
            case "msgpack" if find_spec("msgpack") is None:
                return _(
                    "This cache stores MessagePack. To read its values here, run: "
                    "pip install django-cachex[msgpack]"
                )
            case "msgpack":
                return _(
                    "This cache stores MessagePack, but this value isn't MessagePack, so it can't "
                    "be read."
                )
            case "opaque":
                return format_lazy(
                    _("The format of {name} is unknown, so values are shown as they are stored."),
                    name=self.name,
                )


def serializer_format(serializer: Any, dumps: Callable[[Any], bytes | str | int]) -> ValueFormat:
    """Return the format of an alias's serializer.

    Args:
        serializer: the serializer. If it doesn't declare its format, `dumps` is called to detect
            it.
        dumps: returns what the alias stores for a value.
    """
    if isinstance(serializer, CompositeSerializer):
        return composite_format(serializer, dumps)
    declared = declared_format(serializer)
    if declared is None:
        return detect_format(class_path(serializer), dumps)
    return ValueFormat(
        class_path(serializer),
        declared.format,
        encode_text_result(dumps),
        loads_ints=getattr(serializer, "stores_ints", getattr(declared, "stores_ints", False)),
        requires_protocol_2=type(serializer).loads is PickleSerializer.loads,
    )


def composite_format(
    composite: CompositeSerializer, dumps: Callable[[Any], bytes | str | int]
) -> ValueFormat:
    """Return the format of several serializers and compressors. The first ones write."""
    first, *others = (serializer_format(one, one.dumps) for one in composite.serializers)
    return replace(
        first,
        dumps=encode_text_result(dumps),
        loads_ints=first.loads_ints or any(one.loads_ints for one in others),
        other_formats=tuple(one.format for one in others if one.format != "opaque"),
        other_compressions=tuple(filter(None, map(compression_name, composite.compressors))),
    )


def class_path(serializer: object) -> str:
    """Return the dotted path of a serializer's class."""
    kind = type(serializer)
    return f"{kind.__module__}.{kind.__qualname__}"


def encode_text_result(dumps: Callable[[Any], bytes | str | int]) -> Callable[[Any], bytes | int]:
    """Wrap `dumps` to encode text as UTF-8."""

    def serialize(value: Any) -> bytes | int:
        stored = dumps(value)
        return stored.encode() if isinstance(stored, str) else stored

    return serialize


def declared_format(serializer: Any) -> Any:
    """Return the class with the attributes `format` and `stores_ints` of a serializer, or None.

    A subclass that overrides `dumps` or `loads` must set `format` again.
    """
    for cls in type(serializer).__mro__:
        if cls is RedisSerializer:
            return PickleSerializer  # It stores the same.
        if vars(cls).get("format") in get_args(Format):
            return cls
        if "dumps" in vars(cls) or "loads" in vars(cls):
            return None
    return None


# Detection of the formats of serializers and compressors that don't declare them.

# Long and repetitive, so that compressors with a threshold compress it.
PROBE = {"probe": ["é", 1, -2.5, None, True, {}], "long": "x" * 10_000}
PROBE_SIZE = 1024 * 1024


def detect_format(name: str, dumps: Callable[[Any], bytes | str | int]) -> ValueFormat:
    """Detect the format of a serializer by serializing known values with it.

    Args:
        name: the dotted path of the serializer.
        dumps: the serializer. If it raises an exception or its format isn't recognized, the format
            is "opaque".
    """
    serialize = encode_text_result(dumps)
    try:
        stored, integer = serialize(PROBE), serialize(7)
    except Exception:
        # Third-party serializers may raise anything.
        return ValueFormat(name, "opaque", serialize)
    if not isinstance(stored, bytes):
        return ValueFormat(name, "opaque", serialize)
    result = decompress(stored, PROBE_SIZE)
    compression, plain = (result.name, result.data) if result else ("", stored)
    return ValueFormat(
        name, detect_kind(plain), serialize, isinstance(integer, int), compression=compression
    )


def detect_kind(probe: bytes) -> Format:
    """Return the format of the serialized probe."""
    for kind, load in PROBE_LOADERS.items():
        with suppress(ImportError, ValueError):
            if load(probe) == PROBE:
                return kind
    return "opaque"


def load_pickle(data: bytes) -> Any:
    pickled = read_pickle(data)
    return pickled.value if pickled.is_json else None


def load_msgpack(data: bytes) -> Any:
    return to_tree(read_msgpack(data)[0], DecodeLimits())[0]


PROBE_LOADERS: dict[Format, Callable[[bytes], Any]] = {
    "pickle": load_pickle,
    "json": json.loads,
    "msgpack": load_msgpack,
}


def compression_name(compressor: BytesCompressor) -> str:
    """Return the name of the format that a compressor writes, or "" if it is unknown."""
    for name, known in COMPRESSORS.items():
        if type(compressor) is known:
            return name
    try:
        decompressed = decompress(compressor.compress(b"probe"), PROBE_SIZE)
    except Exception:
        # Third-party compressors may raise anything.
        return ""
    return decompressed.name if decompressed and decompressed.data == b"probe" else ""
