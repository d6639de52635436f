"""How bytes become fewer. What is compressed is known by how it begins."""

from __future__ import annotations

import lzma
import sys
import zlib
from importlib import import_module
from typing import Any, ClassVar, Protocol

from django.core.exceptions import ImproperlyConfigured

DEFAULT_MIN_SIZE = 256
"""Bytes that a value has at least, for it to be worth the while."""
DEFAULT_MAX_SIZE = 128 * 2**20
"""Bytes that a value may become; larger ones are stored as they are."""
MAX_LZMA_MEMORY = 128 * 2**20
"""Bytes that reading an xz stream may ask for besides: the largest preset takes half of it."""


class DecompressedTooLarge(ValueError):
    """What was compressed is larger than may be read; nobody knows how large."""


class CorruptData(ValueError):
    """What begins like compressed data ends early, or something follows it."""


class Decompressor(Protocol):
    """What opens one stream, bit by bit."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""

    @property
    def unused_data(self) -> bytes:
        """What followed it."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return at most `max_length` bytes of what `data` holds."""


class Compressor:
    """What OPTIONS["compressor"] is; subclasses are for one format each.

    A class of your own needs `recognises`, `compress` and `decompress`; `min_size` and `max_size`
    are `MIN_SIZE` and `MAX_SIZE` where it has none.
    """

    magic: ClassVar[tuple[bytes, ...]]
    """How the format begins."""
    levels: ClassVar[range]
    level: int
    """How hard to try: the format's own scale."""

    def __init__(
        self,
        level: int | None = None,
        min_size: int = DEFAULT_MIN_SIZE,
        max_size: int = DEFAULT_MAX_SIZE,
    ) -> None:
        if level is not None:
            if type(level) is not int or level not in self.levels:
                first, last = self.levels[0], self.levels[-1]
                raise ImproperlyConfigured(f"“level” is a whole number from {first} to {last}.")
            self.level = level
        for name, size in (("min_size", min_size), ("max_size", max_size)):
            if type(size) is not int or size < 0:
                raise ImproperlyConfigured(f"“{name}” is a number of bytes.")
        self.min_size = min_size
        self.max_size = max_size
        self.load()

    def load(self) -> None:
        """Import what compresses; ImportError where it is not installed."""

    def recognises(self, data: bytes) -> bool:
        """Return whether `data` begins as this compressor's do."""
        return data.startswith(self.magic)

    def compress(self, data: bytes) -> bytes:
        """Return `data` compressed, however many bytes that takes."""
        raise NotImplementedError

    def decompress(self, data: bytes) -> bytes:
        """Return what was compressed as `data`; raise `TooLarge`, `Damaged`, or the format's."""
        stream = self.decompressor(data)
        decompressed = stream.decompress(data, self.max_size + 1)
        if len(decompressed) > self.max_size:
            raise DecompressedTooLarge(
                f"It holds more than the {self.max_size:,} bytes of “max_size”."
            )
        if not stream.eof or stream.unused_data:
            raise CorruptData("The compressed data end early, or something follows them.")
        return decompressed

    def decompressor(self, data: bytes) -> Decompressor:
        """Return what opens a stream that begins as `data` does."""
        raise NotImplementedError


class ZlibCompressor(Compressor):
    # Any zlib header passes 31 * n; these are the windows and levels that real programs write.
    magic = tuple(bytes([0x78, level]) for level in (0x01, 0x5E, 0x9C, 0xDA))
    levels = range(-1, 10)
    level = -1
    window: ClassVar[int] = zlib.MAX_WBITS

    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data, self.level, self.window)

    def decompressor(self, data: bytes) -> Decompressor:
        return zlib.decompressobj(self.window)


class GzipCompressor(ZlibCompressor):
    magic = (b"\x1f\x8b\x08",)
    window = zlib.MAX_WBITS | 16


class LzmaCompressor(Compressor):
    """The smallest, and the slowest by far: the container is xz's."""

    magic = (b"\xfd7zXZ\x00",)
    levels = range(10)
    level = lzma.PRESET_DEFAULT

    def compress(self, data: bytes) -> bytes:
        return lzma.compress(data, preset=self.level)

    def decompressor(self, data: bytes) -> Decompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_LZMA_MEMORY)


class Lz4Compressor(Compressor):
    """The quickest, by lz4's frames."""

    magic = (b"\x04\x22\x4d\x18",)
    levels = range(-65536, 17)
    level = 0

    def load(self) -> None:
        self._frame: Any = import_module("lz4.frame")

    def compress(self, data: bytes) -> bytes:
        # Without the checksum, damaged data would be taken for a value.
        compressed: bytes = self._frame.compress(data, self.level, content_checksum=True)
        return compressed

    def decompressor(self, data: bytes) -> Decompressor:
        return Lz4Stream(self._frame, data)


class Lz4Stream:
    """lz4's decompressor, which reserves all that it may return: no more than a frame says."""

    def __init__(self, frame: Any, data: bytes) -> None:
        self._stream: Any = frame.LZ4FrameDecompressor()
        self._size: int = frame.get_frame_info(data)["content_size"]

    @property
    def eof(self) -> bool:
        return bool(self._stream.eof)

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data or b""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        most = min(max_length, self._size + 1) if self._size else max_length
        decompressed: bytes = self._stream.decompress(data, most)
        return decompressed


class ZstdCompressor(Compressor):
    """Quicker and smaller than zlib from some kB on: `compression.zstd`, or its backport."""

    magic = (b"\x28\xb5\x2f\xfd",)
    levels = range(-131072, 23)
    level = 3

    def load(self) -> None:
        package = "compression" if sys.version_info >= (3, 14) else "backports"
        self._zstd: Any = import_module(f"{package}.zstd")
        names = self._zstd.CompressionParameter
        # Without the checksum, damaged data would be taken for a value.
        self._options = {names.compression_level: self.level, names.checksum_flag: 1}

    def compress(self, data: bytes) -> bytes:
        compressed: bytes = self._zstd.compress(data, options=self._options)
        return compressed

    def decompressor(self, data: bytes) -> Decompressor:
        compressed: Decompressor = self._zstd.ZstdDecompressor()
        return compressed
