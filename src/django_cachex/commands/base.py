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

    def _run(self, command: Command[Any] | Operation[Any]) -> Any:
        """Send `command` and return its result."""
        raise NotImplementedError

    async def _arun(self, command: Command[Any] | Operation[Any]) -> Any:
        """Send `command` and return its result."""
        raise NotImplementedError

    def _stored_key(self, key: Any, version: Any = None) -> bytes:
        """Return the bytes under which the server knows `key`.

        Bytes that are no UTF-8 travel in text as surrogates, both ways (PEP 383).
        """
        return key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogateescape")

    def _stored_keys(self, keys: Iterable[Any], version: Any = None) -> list[bytes]:
        """Return `_stored_key` of each of `keys`."""
        return [self._stored_key(key, version) for key in keys]

    def _stored_pattern(self, pattern: Any, version: Any = None) -> bytes:
        """Return the pattern of stored keys that stands for `pattern` of keys."""
        return Commands._stored_key(self, pattern)

    def _decode_keys(self, stored: list[bytes], version: Any = None) -> list[Any]:
        """Return the keys that are stored as `stored`."""
        return list(stored)

    def _decode_name(self, stored: bytes) -> Any:
        """Return the field, id, group or consumer that the server calls `stored`."""
        return stored

    def _encode(self, value: Any) -> bytes | int:
        """Return what to store for `value`."""
        return encode_arg(value)

    def _decode(self, data: bytes) -> Any:
        """Return the value that is stored as `data`."""
        return data

    def _is_miss(self, stored: bytes, error: Exception) -> bool:
        """Return whether the value of `stored`, whose decoding raised `error`, is as good as none.

        If so, take note of it.
        """
        return False

    def _encode_all(self, values: Iterable[Any]) -> list[bytes | int]:
        """Return `_encode` of each of `values`."""
        return [self._encode(value) for value in values]

    def _decode_all(self, replies: Iterable[bytes | None]) -> list[Any]:
        """Return `_decode` of each of `replies`; None, which stands for no value, stays."""
        return [None if data is None else self._decode(data) for data in replies]

    # What commands have in common.

    def _encode_keys(self, keys: Iterable[Any], version: Any) -> list[EncodableArg]:
        """Return `_stored_key` of each of `keys`; raise ValueError where there is none."""
        return require_nonempty([*self._stored_keys(keys, version)], "key")

    def _encode_values(self, values: Iterable[Any]) -> list[EncodableArg]:
        """Return `_encode` of each of `values`; raise ValueError where there is none."""
        return require_nonempty([*self._encode_all(values)], "value")

    def _decode_optional(self, data: bytes | None) -> Any:
        """Return `_decode` of `data`; None, which stands for no value, stays."""
        return None if data is None else self._decode(data)

    def _decode_set(self, replies: Iterable[bytes]) -> set[Any]:
        """Return `_decode` of each of `replies`; raise TypeError for one that no set can hold."""
        return set(self._decode_all(replies))

    def _decode_names(self, stored: Iterable[bytes]) -> list[Any]:
        """Return `_decode_name` of each of `stored`."""
        return [self._decode_name(name) for name in stored]

    def _decode_fields(self, flat: Sequence[bytes]) -> dict[Any, Any]:
        """Return the fields of a reply in which names and values take turns."""
        return dict(zip(self._decode_names(flat[::2]), self._decode_all(flat[1::2]), strict=True))

    def _encode_fields(self, mapping: Mapping[Any, Any]) -> list[EncodableArg]:
        """Return `mapping` as names and values that take turns."""
        names, values = encode_names(mapping), self._encode_all(mapping.values())
        return [arg for pair in zip(names, values, strict=True) for arg in pair]

    def _record_lookup(self, hits: int, misses: int) -> None:
        """Take note of keys that were found and that were not."""

    def _get_timeout_ms(self, timeout: Any) -> int | None:
        """Return `timeout`, in seconds, as milliseconds; None for never, 0 for not even now."""
        return None if timeout == DEFAULT_TIMEOUT else timeout_to_ms(timeout)
