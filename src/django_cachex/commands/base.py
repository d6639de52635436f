"""The base class of all groups of commands: how keys and values are encoded and decoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.commands.args import encode_arg, encode_names, require_nonempty, timeout_to_ms
from django_cachex.commands.command import Command, EncodableArg, Operation

FieldT = TypeVar("FieldT")
"""The type of names (fields, ids, groups, consumers): text in a cache, bytes in a client."""


class Commands:
    """Commands on stored keys and raw bytes. A cache overrides how keys and values are encoded.

    `_run` and `_arun` send a command; a pipeline queues it.
    """

    def _run(self, command: Command[Any] | Operation[Any]) -> Any:
        """Send `command` and return its result."""
        raise NotImplementedError

    async def _arun(self, command: Command[Any] | Operation[Any]) -> Any:
        """Send `command` and return its result."""
        raise NotImplementedError

    def _stored_key(self, key: Any, version: Any = None) -> bytes:
        """Return the stored key.

        In text, surrogates stand for bytes that aren't UTF-8 (PEP 383).
        """
        return key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogateescape")

    def _stored_keys(self, keys: Iterable[Any], version: Any = None) -> list[bytes]:
        """Return the stored keys of `keys`."""
        return [self._stored_key(key, version) for key in keys]

    def _stored_pattern(self, pattern: Any, version: Any = None) -> bytes:
        """Return the pattern of stored keys for a pattern of keys."""
        return Commands._stored_key(self, pattern)

    def _decode_keys(self, stored: list[bytes], version: Any = None) -> list[Any]:
        """Return the keys of stored keys."""
        return list(stored)

    def _decode_name(self, stored: bytes) -> Any:
        """Return the name of a field, an id, a group or a consumer."""
        return stored

    def _encode(self, value: Any) -> bytes | int:
        """Return what is stored for `value`."""
        return encode_arg(value)

    def _decode(self, data: bytes) -> Any:
        """Return the value of stored bytes."""
        return data

    def _is_miss(self, stored: bytes, error: Exception) -> bool:
        """Return whether a value that can't be decoded is treated as a miss.

        Args:
            stored: the stored key.
            error: what decoding raised; it is reported if the value is treated as a miss.
        """
        return False

    def _member_pattern(self, pattern: bytes | str | None) -> bytes | str | None:
        """Return a pattern of stored members; raise ValueError if it can't match any of them."""
        return pattern

    def _encode_all(self, values: Iterable[Any]) -> list[bytes | int]:
        """Return what is stored for each value."""
        return [self._encode(value) for value in values]

    def _decode_all(self, replies: Iterable[bytes | None]) -> list[Any]:
        """Return the value of each reply; None, for no value, stays None."""
        return [None if data is None else self._decode(data) for data in replies]

    # Helpers that are based on the methods above.

    def _encode_keys(self, keys: Iterable[Any], version: Any) -> list[EncodableArg]:
        """Return the stored keys of `keys`; raise ValueError if there is none."""
        return require_nonempty([*self._stored_keys(keys, version)], "key")

    def _encode_values(self, values: Iterable[Any]) -> list[EncodableArg]:
        """Return what is stored for each value; raise ValueError if there is none."""
        return require_nonempty([*self._encode_all(values)], "value")

    def _decode_optional(self, data: bytes | None) -> Any:
        """Return the value of stored bytes; None, for no value, stays None."""
        return None if data is None else self._decode(data)

    def _decode_set(self, replies: Iterable[bytes]) -> set[Any]:
        """Return a set of the values; raise TypeError if one of them can't be in a set."""
        return set(self._decode_all(replies))

    def _decode_names(self, stored: Iterable[bytes]) -> list[Any]:
        """Return the name of each field, id, group or consumer."""
        return [self._decode_name(name) for name in stored]

    def _decode_fields(self, flat: Sequence[bytes]) -> dict[Any, Any]:
        """Return the fields of a flat reply such as `[field, value, field, value]`."""
        return dict(zip(self._decode_names(flat[::2]), self._decode_all(flat[1::2]), strict=True))

    def _decode_scored(self, flat: Sequence[bytes]) -> list[tuple[Any, float]]:
        """Return the pairs of a flat reply of members and scores."""
        return list(zip(self._decode_all(flat[::2]), map(float, flat[1::2]), strict=True))

    def _decode_entry(self, reply: Sequence[Any]) -> tuple[Any, dict[Any, Any]]:
        """Return the id and the fields of an entry of a stream; one that was deleted has none."""
        return self._decode_name(reply[0]), self._decode_fields(reply[1] or ())

    def _decode_entries(self, replies: Sequence[Any] | None) -> list[tuple[Any, dict[Any, Any]]]:
        """Return the entries of a stream."""
        # Redis 6.2 returns None for an entry that was deleted before it was claimed.
        return [self._decode_entry(reply) for reply in replies or () if reply is not None]

    def _encode_fields(self, mapping: Mapping[Any, Any]) -> list[EncodableArg]:
        """Return the names and values of `mapping` as a flat list."""
        names, values = encode_names(mapping), self._encode_all(mapping.values())
        return [arg for pair in zip(names, values, strict=True) for arg in pair]

    def _record_lookup(self, hits: int, misses: int) -> None:
        """Count keys that exist and keys that don't."""

    def _get_timeout_ms(self, timeout: Any) -> int | None:
        """Return a timeout in milliseconds, as `timeout_to_ms` does."""
        return None if timeout == DEFAULT_TIMEOUT else timeout_to_ms(timeout)
