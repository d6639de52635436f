"""What every set of commands stands on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.commands.args import at_least_one, several_names
from django_cachex.commands.command import Request, Steps, Word
from django_cachex.commands.timeouts import milliseconds

INT64 = range(-(2**63), 2**63)

Name = TypeVar("Name")
"""What fields, ids, groups and consumers are called: text in a cache, bytes on a client."""


class Commands:
    """Commands on stored keys and raw bytes; a cache overrides how keys and values are made.

    `run` and `arun` send a request, or queue it in a pipeline.
    """

    def run(self, command: Request[Any] | Steps[Any]) -> Any:
        """Send `command` and return its result."""
        raise NotImplementedError

    async def arun(self, command: Request[Any] | Steps[Any]) -> Any:
        """Send `command` and return its result."""
        raise NotImplementedError

    def stored_key(self, key: Any, version: Any = None) -> bytes:
        """Return the bytes under which the server knows `key`.

        Bytes that are no UTF-8 travel in text as surrogates, both ways (PEP 383).
        """
        return key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogateescape")

    def stored_keys(self, keys: Iterable[Any], version: Any = None) -> list[bytes]:
        """Return `stored_key` of each of `keys`."""
        return [self.stored_key(key, version) for key in keys]

    def stored_pattern(self, pattern: Any, version: Any = None) -> bytes:
        """Return the pattern of stored keys that stands for `pattern` of keys."""
        return Commands.stored_key(self, pattern)

    def plain_keys(self, stored: list[bytes], version: Any = None) -> list[Any]:
        """Return the keys that are stored as `stored`."""
        return list(stored)

    def plain_name(self, stored: bytes) -> Any:
        """Return the field, id, group or consumer that the server calls `stored`."""
        return stored

    def encode(self, value: Any) -> bytes | int:
        """Return what to store for `value`."""
        return as_word(value)

    def decode(self, data: bytes) -> Any:
        """Return the value that is stored as `data`."""
        return data

    def is_miss(self, stored: bytes, error: Exception) -> bool:
        """Return whether the value of `stored`, whose decoding raised `error`, is as good as none.

        If so, take note of it.
        """
        return False

    def encode_all(self, values: Iterable[Any]) -> list[bytes | int]:
        """Return `encode` of each of `values`."""
        return [self.encode(value) for value in values]

    def decode_all(self, replies: Iterable[bytes | None]) -> list[Any]:
        """Return `decode` of each of `replies`; None, which stands for no value, stays."""
        return [None if data is None else self.decode(data) for data in replies]

    # What commands have in common.

    def several_keys(self, keys: Iterable[Any], version: Any) -> list[Word]:
        """Return `stored_key` of each of `keys`; raise ValueError where there is none."""
        return at_least_one([*self.stored_keys(keys, version)], "key")

    def several_values(self, values: Iterable[Any]) -> list[Word]:
        """Return `encode` of each of `values`; raise ValueError where there is none."""
        return at_least_one([*self.encode_all(values)], "value")

    def decode_optional(self, data: bytes | None) -> Any:
        """Return `decode` of `data`; None, which stands for no value, stays."""
        return None if data is None else self.decode(data)

    def decode_set(self, replies: Iterable[bytes]) -> set[Any]:
        """Return `decode` of each of `replies`; raise TypeError for one that no set can hold."""
        return set(self.decode_all(replies))

    def plain_names(self, stored: Iterable[bytes]) -> list[Any]:
        """Return `plain_name` of each of `stored`."""
        return [self.plain_name(name) for name in stored]

    def plain_fields(self, flat: Sequence[bytes]) -> dict[Any, Any]:
        """Return the fields of a reply in which names and values take turns."""
        return dict(zip(self.plain_names(flat[::2]), self.decode_all(flat[1::2]), strict=True))

    def stored_fields(self, mapping: Mapping[Any, Any]) -> list[Word]:
        """Return `mapping` as names and values that take turns."""
        names, values = several_names(mapping), self.encode_all(mapping.values())
        return [word for pair in zip(names, values, strict=True) for word in pair]

    def looked_up(self, hits: int, misses: int) -> None:
        """Take note of keys that were found and that were not."""

    def expiry(self, timeout: Any) -> int | None:
        """Return `timeout`, in seconds, as milliseconds; None for never, 0 for not even now."""
        return None if timeout == DEFAULT_TIMEOUT else milliseconds(timeout)


def as_word(value: Any) -> bytes | int:
    """Return `value` as a packer takes it without harm.

    An integer past 64 bits goes out as text: given to the C packers it ends the interpreter.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return int(value) if value in INT64 else b"%d" % value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"Bytes, text or an integer can be stored, not {type(value).__name__}.")


def options(*pairs: tuple[str, Word | None]) -> tuple[Word, ...]:
    """Return the words of the options that are given, as in ``("COUNT", 10)``."""
    return tuple(word for name, value in pairs if value is not None for word in (name, value))
