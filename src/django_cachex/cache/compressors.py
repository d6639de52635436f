"""Compressors. Compressed data is recognized by its first bytes."""

from __future__ import annotations

import lzma
import sys
import zlib
from importlib import import_module
from typing import Any, ClassVar, Protocol

from django.core.exceptions import ImproperlyConfigured

DEFAULT_MIN_SIZE = 256
"""The minimum size in bytes of values that are compressed."""
DEFAULT_MAX_SIZE = 128 * 2**20
"""The maximum size in bytes of a decompressed value. Larger values are stored uncompressed."""
MAX_LZMA_MEMORY = 128 * 2**20
"""The maximum memory in bytes for reading an xz stream. The largest preset needs half of it."""


class DecompressedTooLarge(ValueError):
    """The decompressed value exceeds the maximum size. Its actual size is unknown."""


class CorruptData(ValueError):
    """The compressed data is truncated, or is followed by other data."""


class Decompressor(Protocol):
    """Decompresses one stream incrementally."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was reached."""

    @property
    def unused_data(self) -> bytes:
        """The data after the end of the stream."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Decompress `data` and return at most `max_length` bytes."""


class Compressor:
    """The base class of compressors, for the option `compressor`. Each subclass has one format.

    A custom class needs the methods `recognizes`, `compress` and `decompress`. It may have the
    attributes `min_size` and `max_size`.
    """

    magic: ClassVar[tuple[bytes, ...]]
    """The possible first bytes of compressed data."""
    levels: ClassVar[range]
    level: int
    """The compression level, on the scale of the format."""

    def __init__(
        self,
        level: int | None = None,
        min_size: int = DEFAULT_MIN_SIZE,
        max_size: int = DEFAULT_MAX_SIZE,
    ) -> None:
        if level is not None:
            if type(level) is not int or level not in self.levels:
                first, last = self.levels[0], self.levels[-1]
                raise ImproperlyConfigured(
                    f"“level” must be a whole number from {first} to {last}."
                )
            self.level = level
        for name, size in (("min_size", min_size), ("max_size", max_size)):
            if type(size) is not int or size < 0:
                raise ImproperlyConfigured(f"“{name}” must be a number of bytes.")
        self.min_size = min_size
        self.max_size = max_size
        self.load()

    def load(self) -> None:
        """Import the library; raise ImportError if it is not installed."""

    def recognizes(self, data: bytes) -> bool:
        """Return whether `data` starts like data of this compressor."""
        return data.startswith(self.magic)

    def compress(self, data: bytes) -> bytes:
        """Return the compressed data, which may be larger than `data`."""
        raise NotImplementedError

    def decompress(self, data: bytes) -> bytes:
        """Return the decompressed data.

        Raises:
            DecompressedTooLarge: they exceed `max_size`.
            CorruptData: `data` is truncated, or is followed by other data.
            Exception: other errors of the library.
        """
        stream = self.decompressor(data)
        decompressed = stream.decompress(data, self.max_size + 1)
        if len(decompressed) > self.max_size:
            raise DecompressedTooLarge(
                f"It holds more than the {self.max_size:,} bytes of “max_size”."
            )
        if not stream.eof or stream.unused_data:
            raise CorruptData("The compressed data is truncated, or is followed by other data.")
        return decompressed

    def decompressor(self, data: bytes) -> Decompressor:
        """Return a decompressor for a stream that starts with `data`."""
        raise NotImplementedError


class ZlibCompressor(Compressor):
    # A zlib header is any multiple of 31. These are the ones that programs write in practice.
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
    """LZMA in the xz format. It compresses best, but is by far the slowest."""

    magic = (b"\xfd7zXZ\x00",)
    levels = range(10)
    level = lzma.PRESET_DEFAULT

    def compress(self, data: bytes) -> bytes:
        return lzma.compress(data, preset=self.level)

    def decompressor(self, data: bytes) -> Decompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_LZMA_MEMORY)


class Lz4Compressor(Compressor):
    """LZ4 in the frame format. It is the fastest."""

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
    """A decompressor for LZ4 that allocates no more memory than the frame needs.

    The library's decompressor allocates `max_length` bytes.
    """

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
    """Zstandard, by `compression.zstd` or its backport. For values of several kB, it is faster and
    compresses better than zlib."""

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
