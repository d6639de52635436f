"""Recognise the serializer and the compressor of stored bytes."""

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
from django_cachex.inspectors.values.msgpack import read_packed
from django_cachex.inspectors.values.pickle import bounded, read_pickle
from django_cachex.inspectors.values.pickle_machine import Bounds


class Bzip2(Compressor):
    """What is opened and never written."""

    magic = tuple(b"BZh%d1AY&SY" % level for level in range(1, 10))

    def decompressor(self, data: bytes) -> Decompressor:
        return bz2.BZ2Decompressor()


OPENED: dict[str, type[Compressor]] = {
    "zlib": ZlibCompressor,
    "gzip": GzipCompressor,
    "xz": LzmaCompressor,
    "lz4": Lz4Compressor,
    "zstd": ZstdCompressor,
    "bzip2": Bzip2,
}

# Text may begin like zlib's data: of that, the name alone says nothing.
NAMED = {
    **{magic: name for name, kind in OPENED.items() if name != "zlib" for magic in kind.magic},
    b"\xff\x06\x00\x00sNaPpY": "snappy",
}


@dataclass(frozen=True, slots=True)
class Inflated:
    """What compressed bytes hold."""

    name: str
    """Which compression."""

    data: bytes
    whole: bool
    """Whether `data` is all there is: not cut at the limit, not damaged, nothing after it."""

    cut: bool
    """Whether there was more than the limit."""


def unopened(raw: bytes) -> str:
    """Return the name of a compression that is recognised where it is not opened, or ""."""
    names = (name for magic, name in NAMED.items() if raw.startswith(magic) and name != "gzip")
    return next(names, "")


def inflate(raw: bytes, limit: int) -> Inflated | None:
    """Return at most `limit` bytes of what was compressed; None if it was not, or cannot be opened.

    Bytes after a zlib stream are ignored: Django's file-based cache leaves some.
    """
    name = next((name for name, kind in OPENED.items() if raw.startswith(kind.magic)), "")
    if not name:
        return None
    try:
        stream = OPENED[name]().decompressor(raw)
        data = stream.decompress(raw, limit + 1)
    except Exception:  # Its package is missing, or it is damaged: each format has its own error.
        return None
    return inflated(name, data, limit, stream) if data or stream.eof else None


def inflated(name: str, data: bytes, limit: int, stream: Decompressor) -> Inflated:
    rest = name != "zlib" and stream.unused_data
    cut = len(data) > limit
    return Inflated(name, data[:limit], stream.eof and not rest and not cut, cut)


Format = Literal["pickle", "json", "msgpack", "opaque"]

# Long and repetitive, so that a compressor with a threshold compresses it.
PROBE = {"probe": ["é", 1, -2.5, None, True, {}], "long": "x" * 10_000}
PROBE_SIZE = 1024 * 1024

GUARDED = f"{PickleSerializer.__module__}.{PickleSerializer.__qualname__}"


@dataclass(frozen=True, slots=True)
class Codec:
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

    reads: tuple[Format, ...] = ()
    """What else it can read, besides `kind`."""

    opens: tuple[str, ...] = ()
    """What else it can open, besides `compression`."""

    is_guarded: bool = False
    """Whether it reads no pickle of the protocols 0 and 1."""

    def takes(self, other: Codec) -> bool:
        """Return whether it reads whatever is stored through `other`, which has its serializer."""
        return (
            self.name == other.name
            and set(other.reads) <= {self.kind, *self.reads}
            and {other.compression, *other.opens} <= {"", self.compression, *self.opens}
        )


def recognise(name: str, dumps: Callable[[Any], bytes | str | int]) -> Codec:
    """Return the codec of a serializer, found out by serializing values of our own with it.

    Whatever is not recognised, or raises, is opaque.
    """
    serialize = as_bytes(dumps)
    try:
        stored, seven = serialize(PROBE), serialize(7)
    except Exception:
        # A serializer of unknown make may raise anything.
        return Codec(name, "opaque", serialize)
    if not isinstance(stored, bytes):
        return Codec(name, "opaque", serialize)
    inflated = inflate(stored, PROBE_SIZE)
    compression, plain = (inflated.name, inflated.data) if inflated else ("", stored)
    return Codec(
        name,
        kind_of(plain),
        serialize,
        isinstance(seven, int),
        compression,
        is_guarded=name == GUARDED,
    )


def recognise_all(codec: CompositeSerializer, dumps: Callable[[Any], bytes | str | int]) -> Codec:
    """Return the codec of several serializers and compressors, of which the first write."""
    first, *others = (recognise(path(one), one.dumps) for one in codec.serializers)
    return replace(
        first,
        dumps=as_bytes(dumps),
        loads_ints=first.loads_ints or any(one.loads_ints for one in others),
        reads=tuple(one.kind for one in others if one.kind != "opaque"),
        opens=tuple(filter(None, map(compression_of, codec.compressors))),
    )


def path(serializer: object) -> str:
    """Return the dotted path of a serializer's class."""
    kind = type(serializer)
    return f"{kind.__module__}.{kind.__qualname__}"


def compression_of(compressor: BytesCompressor) -> str:
    """Return the name of what a compressor makes, found out by compressing; "" for a stranger's."""
    try:
        opened = inflate(compressor.compress(b"probe"), PROBE_SIZE)
    except Exception:
        # A compressor of unknown make may raise anything.
        return ""
    return opened.name if opened and opened.data == b"probe" else ""


def kind_of(probe: bytes) -> Format:
    """Return what the serialized probe is."""
    pickled = read_pickle(probe)
    if pickled.is_json and pickled.value == PROBE:
        return "pickle"
    for kind, read in READERS.items():
        try:
            if read(probe) == PROBE:
                return kind
        except ValueError:
            continue
    return "opaque"


def plain_of(data: bytes) -> Any:
    return bounded(read_packed(data).value, Bounds())[0]


READERS: dict[Format, Callable[[bytes], Any]] = {"json": json.loads, "msgpack": plain_of}


def as_bytes(dumps: Callable[[Any], bytes | str | int]) -> Callable[[Any], bytes | int]:
    """Return `dumps` with text as UTF-8."""

    def serialize(value: Any) -> bytes | int:
        stored = dumps(value)
        return stored.encode() if isinstance(stored, str) else stored

    return serialize
