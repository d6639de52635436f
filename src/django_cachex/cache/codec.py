"""Several serializers and compressors as one: it writes with the first, and reads with any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from django_cachex.cache.compressors import MAX_SIZE, MIN_SIZE, TooLarge
from django_cachex.cache.serializers import Serializer, UnreadableValue
from django_cachex.commands.args import encode_arg

__all__ = ["BytesCompressor", "UnreadableValue", "ValueCodec"]


class BytesCompressor(Protocol):
    """What compresses: see `django_cachex.cache.compressors.Compressor`."""

    def recognises(self, data: bytes) -> bool: ...
    def compress(self, data: bytes) -> bytes: ...
    def decompress(self, data: bytes) -> bytes: ...


class ValueCodec:
    """A serializer made of several, and of compressors.

    Integers are never compressed, so that the server can count with them; nor is what is too small
    to gain. What is not compressed and begins as though it were would be opened when it is read:
    it is compressed whatever that takes.
    """

    def __init__(
        self, serializers: Sequence[Serializer], compressors: Sequence[BytesCompressor] = ()
    ) -> None:
        self.serializers = tuple(serializers)
        self.compressors = tuple(compressors)
        self._dumps = self.serializers[0].dumps
        self._read = self.serializers[0].loads if len(self.serializers) == 1 else self._read_by_any
        if self.compressors:
            first = self.compressors[0]
            self._least = getattr(first, "min_size", MIN_SIZE)
            self._most = getattr(first, "max_size", MAX_SIZE)

    def dumps(self, obj: Any) -> bytes | int:
        """Return what to store for `obj`; raise what the first serializer raises."""
        data = encode_arg(self._dumps(obj))
        if not self.compressors or isinstance(data, int):
            return data
        return self._compressed(data)

    def loads(self, data: bytes) -> Any:
        """Return the object that is stored as `data`.

        Raise what the only serializer raises, `UnreadableValue` if there are several, `TooLarge`.
        """
        failures: list[Exception] = []
        for compressor in self.compressors:
            if compressor.recognises(data):
                try:
                    opened = compressor.decompress(data)
                except TooLarge:
                    raise
                except Exception as error:  # Each format has its own.
                    failures.append(error)
                else:
                    return self._read(opened)
        return self._read_unopened(data, failures) if failures else self._read(data)

    def _compressed(self, data: bytes) -> bytes:
        """Return `data`, compressed if that is of use or needed to tell what it is."""
        compress = self.compressors[0].compress
        if self._least <= len(data) <= self._most:
            small = compress(data)
            if len(small) < len(data):
                return small
        if not any(compressor.recognises(data) for compressor in self.compressors):
            return data
        if len(data) > self._most:
            raise TooLarge(f"It could not be told from compressed data: {len(data):,} bytes.")
        return compress(data)

    def _read_unopened(self, data: bytes, failures: list[Exception]) -> Any:
        """Read what begins like compressed data, and is none, or is damaged."""
        try:
            return self._read(data)
        except Exception as raised:
            for error in failures:
                raised.add_note(f"It begins like compressed data: {type(error).__name__}: {error}")
            raise

    def _read_by_any(self, data: bytes) -> Any:
        failures: list[tuple[Serializer, Exception]] = []
        for serializer in self.serializers:
            recognises: Callable[[bytes], bool] | None = getattr(serializer, "recognises", None)
            if recognises and not recognises(data):
                continue
            try:
                return serializer.loads(data)
            except Exception as error:  # A serializer of unknown make may raise anything.
                failures.append((serializer, error))
        unreadable = UnreadableValue("No serializer of this cache can read the stored value.")
        for serializer, failure in failures:
            name = type(serializer).__name__
            unreadable.add_note(f"{name}: {type(failure).__name__}: {failure}")
        raise unreadable from (failures[0][1] if failures else None)
