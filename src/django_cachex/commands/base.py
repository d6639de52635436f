"""The base class of every group of commands: how keys and values are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.commands.args import encode_arg, encode_names, require_nonempty, timeout_to_ms
from django_cachex.commands.command import Command, EncodableArg, Operation

FieldT = TypeVar("FieldT")
"""What fields, ids, groups and consumers are called: text in a cache, bytes on a client."""


class Commands:
    """Commands on stored keys and raw bytes; a cache overrides how keys and values are made.

    `run` and `arun` send a command, or queue it in a pipeline.
    """

    def run(self, command: Command[Any] | Operation[Any]) -> Any:
        """Send `command` and return its result."""
        raise NotImplementedError

    async def arun(self, command: Command[Any] | Operation[Any]) -> Any:
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

    def decode_keys(self, stored: list[bytes], version: Any = None) -> list[Any]:
        """Return the keys that are stored as `stored`."""
        return list(stored)

    def decode_name(self, stored: bytes) -> Any:
        """Return the field, id, group or consumer that the server calls `stored`."""
        return stored

    def encode(self, value: Any) -> bytes | int:
        """Return what to store for `value`."""
        return encode_arg(value)

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

    def encode_keys(self, keys: Iterable[Any], version: Any) -> list[EncodableArg]:
        """Return `stored_key` of each of `keys`; raise ValueError where there is none."""
        return require_nonempty([*self.stored_keys(keys, version)], "key")

    def encode_values(self, values: Iterable[Any]) -> list[EncodableArg]:
        """Return `encode` of each of `values`; raise ValueError where there is none."""
        return require_nonempty([*self.encode_all(values)], "value")

    def decode_optional(self, data: bytes | None) -> Any:
        """Return `decode` of `data`; None, which stands for no value, stays."""
        return None if data is None else self.decode(data)

    def decode_set(self, replies: Iterable[bytes]) -> set[Any]:
        """Return `decode` of each of `replies`; raise TypeError for one that no set can hold."""
        return set(self.decode_all(replies))

    def decode_names(self, stored: Iterable[bytes]) -> list[Any]:
        """Return `decode_name` of each of `stored`."""
        return [self.decode_name(name) for name in stored]

    def decode_fields(self, flat: Sequence[bytes]) -> dict[Any, Any]:
        """Return the fields of a reply in which names and values take turns."""
        return dict(zip(self.decode_names(flat[::2]), self.decode_all(flat[1::2]), strict=True))

    def encode_fields(self, mapping: Mapping[Any, Any]) -> list[EncodableArg]:
        """Return `mapping` as names and values that take turns."""
        names, values = encode_names(mapping), self.encode_all(mapping.values())
        return [arg for pair in zip(names, values, strict=True) for arg in pair]

    def record_lookup(self, hits: int, misses: int) -> None:
        """Take note of keys that were found and that were not."""

    def expiry(self, timeout: Any) -> int | None:
        """Return `timeout`, in seconds, as milliseconds; None for never, 0 for not even now."""
        return None if timeout == DEFAULT_TIMEOUT else timeout_to_ms(timeout)
