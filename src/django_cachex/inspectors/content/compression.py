"""Compressed values: recognised by how they begin, opened if there is what opens them."""

from __future__ import annotations

import bz2
from dataclasses import dataclass

from django_cachex.cache.compressors import (
    Compressor,
    Decompressor,
    GzipCompressor,
    Lz4Compressor,
    LzmaCompressor,
    ZlibCompressor,
    ZstdCompressor,
)


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
