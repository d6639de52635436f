"""Compressed values: recognised by how they begin, opened if the standard library can."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

# Any zlib header passes 31 * n; these are the windows and levels that real programs write.
ZLIB = tuple(bytes([0x78, level]) for level in (0x01, 0x5E, 0x9C, 0xDA))
GZIP = b"\x1f\x8b\x08"

UNOPENED = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xfd7zXZ\x00": "xz",
    b"\xff\x06\x00\x00sNaPpY": "snappy",
    b"BZh91AY&SY": "bzip2",
}


@dataclass(frozen=True, slots=True)
class Inflated:
    """What compressed bytes hold."""

    name: str
    """Which compression: "zlib" or "gzip"."""

    data: bytes
    whole: bool
    """Whether `data` is all there is: not cut at the limit, not damaged, nothing after it."""

    cut: bool
    """Whether there was more than the limit."""


def unopened(raw: bytes) -> str:
    """Return the name of a compression that is recognised but not opened, or ""."""
    return next((name for magic, name in UNOPENED.items() if raw.startswith(magic)), "")


def inflate(raw: bytes, limit: int) -> Inflated | None:
    """Return at most `limit` bytes of what zlib or gzip compressed; None if they did not.

    Bytes after a zlib stream are ignored: Django's file-based cache leaves some.
    """
    if raw.startswith(ZLIB):
        name, window = "zlib", zlib.MAX_WBITS
    elif raw.startswith(GZIP):
        name, window = "gzip", zlib.MAX_WBITS | 16
    else:
        return None
    decompressor = zlib.decompressobj(window)
    try:
        data = decompressor.decompress(raw, limit + 1)
    except zlib.error:
        return None
    if not data and not decompressor.eof:
        return None
    rest = name == "gzip" and decompressor.unused_data
    cut = len(data) > limit
    return Inflated(name, data[:limit], decompressor.eof and not rest and not cut, cut)
