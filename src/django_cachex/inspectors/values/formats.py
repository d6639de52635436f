"""Recognise the serializer and the compressor of stored bytes."""

from __future__ import annotations

import bz2
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from django_cachex.cache.codecs import BytesCompressor, ValueCodec
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
    """What is opened and never written."""

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

# Text may begin like zlib's data: of that, the name alone says nothing.
MAGIC_NUMBERS = {
    **{magic: name for name, kind in COMPRESSORS.items() if name != "zlib" for magic in kind.magic},
    b"\xff\x06\x00\x00sNaPpY": "snappy",
}


@dataclass(frozen=True, slots=True)
class Decompressed:
    """What compressed bytes hold."""

    name: str
    """Which compression."""

    data: bytes
    complete: bool
    """Whether `data` is all there is: not truncated at the limit, not damaged, nothing after it."""

    truncated: bool
    """Whether there was more than the limit."""


def unsupported_compression(raw: bytes) -> str:
    """Return the name of a compression that is recognised where it is not opened, or ""."""
    names = (
        name for magic, name in MAGIC_NUMBERS.items() if raw.startswith(magic) and name != "gzip"
    )
    return next(names, "")


def decompress(raw: bytes, limit: int) -> Decompressed | None:
    """Return at most `limit` bytes of what was compressed; None if it was not, or cannot be opened.

    Bytes after a zlib stream are ignored: Django's file-based cache leaves some.
    """
    name = next((name for name, kind in COMPRESSORS.items() if raw.startswith(kind.magic)), "")
    if not name:
        return None
    try:
        stream = COMPRESSORS[name]().decompressor(raw)
        data = stream.decompress(raw, limit + 1)
    except Exception:  # Its package is missing, or it is damaged: each format has its own error.
        return None
    return make_decompressed(name, data, limit, stream) if data or stream.eof else None


def make_decompressed(name: str, data: bytes, limit: int, stream: Decompressor) -> Decompressed:
    rest = name != "zlib" and stream.unused_data
    truncated = len(data) > limit
    return Decompressed(name, data[:limit], stream.eof and not rest and not truncated, truncated)


Format = Literal["pickle", "json", "msgpack", "opaque"]

# Long and repetitive, so that a compressor with a threshold compresses it.
PROBE = {"probe": ["é", 1, -2.5, None, True, {}], "long": "x" * 10_000}
PROBE_SIZE = 1024 * 1024

GUARDED_SERIALIZER = f"{PickleSerializer.__module__}.{PickleSerializer.__qualname__}"


@dataclass(frozen=True, slots=True)
class ValueFormat:
    """How an alias's values are stored."""

    name: str
    """What to call it: the dotted path of the serializer; empty for what went through none."""

    kind: Format
    """What the application reads stored bytes as; "opaque" where we do not know."""

    dumps: Callable[[Any], bytes | int]
    """The alias's own serializer (and compressor): every value stored goes through it."""

    loads_ints: bool = False
    """Whether decimal digits are read as an integer before anything else."""

    compression: str = ""
    """What the application opens first, as it compresses so itself: "zlib", …, or nothing."""

    other_kinds: tuple[Format, ...] = ()
    """What else it can read, besides `kind`."""

    other_compressions: tuple[str, ...] = ()
    """What else it can open, besides `compression`."""

    requires_protocol_2: bool = False
    """Whether it reads no pickle of the protocols 0 and 1."""

    def can_read(self, other: ValueFormat) -> bool:
        """Return whether it reads whatever is stored through `other`, which has its serializer."""
        return (
            self.name == other.name
            and set(other.other_kinds) <= {self.kind, *self.other_kinds}
            and {other.compression, *other.other_compressions}
            <= {"", self.compression, *self.other_compressions}
        )


def detect_format(name: str, dumps: Callable[[Any], bytes | str | int]) -> ValueFormat:
    """Return the value format of a serializer, found out by serializing values of our own with it.

    Whatever is not recognised, or raises, is opaque.
    """
    serialize = encode_text_result(dumps)
    try:
        stored, seven = serialize(PROBE), serialize(7)
    except Exception:
        # A serializer of unknown make may raise anything.
        return ValueFormat(name, "opaque", serialize)
    if not isinstance(stored, bytes):
        return ValueFormat(name, "opaque", serialize)
    result = decompress(stored, PROBE_SIZE)
    compression, plain = (result.name, result.data) if result else ("", stored)
    return ValueFormat(
        name,
        detect_kind(plain),
        serialize,
        isinstance(seven, int),
        compression,
        requires_protocol_2=name == GUARDED_SERIALIZER,
    )


def detect_composite_format(
    codec: ValueCodec, dumps: Callable[[Any], bytes | str | int]
) -> ValueFormat:
    """Return the codec of several serializers and compressors, of which the first write."""
    first, *others = (detect_format(class_path(one), one.dumps) for one in codec.serializers)
    return replace(
        first,
        dumps=encode_text_result(dumps),
        loads_ints=first.loads_ints or any(one.loads_ints for one in others),
        other_kinds=tuple(one.kind for one in others if one.kind != "opaque"),
        other_compressions=tuple(filter(None, map(detect_compression, codec.compressors))),
    )


def class_path(serializer: object) -> str:
    """Return the dotted path of a serializer's class."""
    kind = type(serializer)
    return f"{kind.__module__}.{kind.__qualname__}"


def detect_compression(compressor: BytesCompressor) -> str:
    """Return the name of what a compressor makes, found out by compressing; "" for a stranger's."""
    try:
        opened = decompress(compressor.compress(b"probe"), PROBE_SIZE)
    except Exception:
        # A compressor of unknown make may raise anything.
        return ""
    return opened.name if opened and opened.data == b"probe" else ""


def detect_kind(probe: bytes) -> Format:
    """Return what the serialized probe is."""
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
    """Return `dumps` with text as UTF-8."""

    def serialize(value: Any) -> bytes | int:
        stored = dumps(value)
        return stored.encode() if isinstance(stored, str) else stored

    return serialize
