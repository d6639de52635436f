"""Detect the serializer and compression of stored bytes."""

from __future__ import annotations

import bz2
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

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
from django_cachex.inspectors.values.msgpack import read_msgpack
from django_cachex.inspectors.values.pickle import read_pickle, to_tree
from django_cachex.inspectors.values.pickle_machine import DecodeLimits


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

# zlib isn't included, because text can start with its magic number.
MAGIC_NUMBERS = {
    **{magic: name for name, kind in COMPRESSORS.items() if name != "zlib" for magic in kind.magic},
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
    names = (
        name for magic, name in MAGIC_NUMBERS.items() if raw.startswith(magic) and name != "gzip"
    )
    return next(names, "")


def decompress(raw: bytes, limit: int) -> Decompressed | None:
    """Return at most `limit` decompressed bytes, or None if `raw` isn't compressed or is damaged.

    Bytes after a zlib stream are ignored, because Django's file-based cache leaves some.
    """
    name = next((name for name, kind in COMPRESSORS.items() if raw.startswith(kind.magic)), "")
    if not name:
        return None
    try:
        stream = COMPRESSORS[name]().decompressor(raw)
        data = stream.decompress(raw, limit + 1)
    except Exception:  # A missing package or damaged data: exceptions differ by format.
        return None
    return make_decompressed(name, data, limit, stream) if data or stream.eof else None


def make_decompressed(name: str, data: bytes, limit: int, stream: Decompressor) -> Decompressed:
    rest = name != "zlib" and stream.unused_data
    truncated = len(data) > limit
    return Decompressed(name, data[:limit], stream.eof and not rest and not truncated, truncated)


Format = Literal["pickle", "json", "msgpack", "opaque"]

# Long and repetitive, so that compressors with a threshold compress it.
PROBE = {"probe": ["é", 1, -2.5, None, True, {}], "long": "x" * 10_000}
PROBE_SIZE = 1024 * 1024

GUARDED_SERIALIZER = f"{PickleSerializer.__module__}.{PickleSerializer.__qualname__}"


@dataclass(frozen=True, slots=True)
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

    compression: str = ""
    """The compression that the application writes, such as "zlib", or an empty string."""

    other_formats: tuple[Format, ...] = ()
    """Other formats that the application reads."""

    other_compressions: tuple[str, ...] = ()
    """Other compressions that the application reads."""

    requires_protocol_2: bool = False
    """Whether the serializer refuses pickles of protocols 0 and 1."""

    def can_read(self, other: ValueFormat) -> bool:
        """Return whether this format reads all that `other` stores with the same serializer."""
        return (
            self.name == other.name
            and set(other.other_formats) <= {self.format, *self.other_formats}
            and {other.compression, *other.other_compressions}
            <= {"", self.compression, *self.other_compressions}
        )


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
        name,
        detect_kind(plain),
        serialize,
        isinstance(integer, int),
        compression,
        requires_protocol_2=name == GUARDED_SERIALIZER,
    )


def detect_composite_format(
    composite: CompositeSerializer, dumps: Callable[[Any], bytes | str | int]
) -> ValueFormat:
    """Detect the format of several serializers and compressors. The first ones write."""
    first, *others = (detect_format(class_path(one), one.dumps) for one in composite.serializers)
    return replace(
        first,
        dumps=encode_text_result(dumps),
        loads_ints=first.loads_ints or any(one.loads_ints for one in others),
        other_formats=tuple(one.format for one in others if one.format != "opaque"),
        other_compressions=tuple(filter(None, map(detect_compression, composite.compressors))),
    )


def class_path(serializer: object) -> str:
    """Return the dotted path of a serializer's class."""
    kind = type(serializer)
    return f"{kind.__module__}.{kind.__qualname__}"


def detect_compression(compressor: BytesCompressor) -> str:
    """Detect what a compressor writes by compressing known bytes. Returns "" if unknown."""
    try:
        decompressed = decompress(compressor.compress(b"probe"), PROBE_SIZE)
    except Exception:
        # Third-party compressors may raise anything.
        return ""
    return decompressed.name if decompressed and decompressed.data == b"probe" else ""


def detect_kind(probe: bytes) -> Format:
    """Return the format of the serialized probe."""
    pickled = read_pickle(probe)
    if pickled.is_json and pickled.value == PROBE:
        return "pickle"
    for kind, read in PROBE_LOADERS.items():
        try:
            if read(probe) == PROBE:
                return kind
        except ValueError:
            continue
    return "opaque"


def load_msgpack(data: bytes) -> Any:
    return to_tree(read_msgpack(data).value, DecodeLimits())[0]


PROBE_LOADERS: dict[Format, Callable[[bytes], Any]] = {"json": json.loads, "msgpack": load_msgpack}


def encode_text_result(dumps: Callable[[Any], bytes | str | int]) -> Callable[[Any], bytes | int]:
    """Wrap `dumps` to encode text as UTF-8."""

    def serialize(value: Any) -> bytes | int:
        stored = dumps(value)
        return stored.encode() if isinstance(stored, str) else stored

    return serialize
