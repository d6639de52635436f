"""Django's cache operations as commands; values are strings that can expire."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.commands.command import (
    MISSING_KEY,
    Batch,
    Command,
    EncodableArg,
    Operation,
    async_method,
    key_note,
    parse_none,
    parse_raw,
    sync_method,
)
from django_cachex.commands.counters import IncrMixin
from django_cachex.exceptions import AccessDenied, CommandError, OutOfMemoryError, UnknownCommand

# The limits of one write of set_many: keys, and bytes of values.
CHUNK_KEYS = 1000
CHUNK_BYTES = 4 * 2**20

MAX_KEYS_PER_COMMAND = 10_000
"""How many keys one MGET or UNLINK has at most, so that other clients don't wait for long."""


class NotStored(CommandError):
    """The result of storing a value if the failure is ignored."""


NOT_STORED = NotStored("The server is unavailable.")


class CacheOperations(IncrMixin):
    """The commands of Django's cache methods."""

    def _get(self, key: Any, default: Any = None, version: Any = None) -> Command[Any]:
        """Return the value of a key.

        Args:
            default: what to return if the key doesn't exist.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The value, or `default`.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/get/
        """
        stored = self._stored_key(key, version)

        def parse(reply: bytes | None) -> Any:
            if reply is None:
                self._record_lookup(0, 1)
                return default
            try:
                value = self._decode(reply)
            except Exception as error:  # A serializer may raise anything.
                if not self._is_miss(stored, error):
                    raise
                self._record_lookup(0, 1)
                return default
            self._record_lookup(1, 0)
            return value

        return Command(("GET", stored), parse, readonly=True)

    def _set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> Command[None]:
        """Store `value` for `timeout` seconds; one that is not positive deletes `key`."""
        stored, data = self._stored_key(key, version), self._encode(value)
        return set_command(stored, data, self._get_timeout_ms(timeout))

    def _add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> Command[bool]:
        """Store a value, unless the key exists.

        Args:
            timeout: seconds after which the key expires, which may have a fraction, or a timedelta;
                None to never expire. Zero or less stores nothing. The alias's TIMEOUT by default.
            version: the key's version; the alias's VERSION by default.

        Returns:
            Whether the value was stored; False if the key exists.

        See https://valkey.io/commands/set/
        """
        stored, data = self._stored_key(key, version), self._encode(value)
        expiry = self._get_timeout_ms(timeout)
        if expiry == 0:
            return Command(("EXISTS", stored), lambda count: not count, missing_reply=1)
        args: tuple[EncodableArg, ...] = ("SET", stored, data, *px_args(expiry), "NX")
        return Command(args, bool)

    def _touch(
        self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> Command[bool] | Operation[bool]:
        """Set a new timeout for a key.

        Args:
            timeout: seconds after which the key expires, which may have a fraction, or a timedelta;
                None to never expire. Zero or less deletes the key. The alias's TIMEOUT by default.
            version: the key's version; the alias's VERSION by default.

        Returns:
            Whether the key exists.

        See https://valkey.io/commands/pexpire/ and https://valkey.io/commands/persist/
        """
        stored, expiry = self._stored_key(key, version), self._get_timeout_ms(timeout)
        if expiry is None:
            return persist_existing(stored)
        if expiry == 0:
            return Command(("UNLINK", stored), bool)
        return Command(("PEXPIRE", stored, expiry), bool)

    def _delete(self, key: Any, version: Any = None) -> Command[bool]:
        """Delete a key. The server frees its memory in the background.

        Args:
            version: the key's version; the alias's VERSION by default.

        Returns:
            Whether the key existed.

        See https://valkey.io/commands/unlink/
        """
        return Command(("UNLINK", self._stored_key(key, version)), bool)

    def _has_key(self, key: Any, version: Any = None) -> Command[bool]:
        """Check whether a key exists.

        Args:
            version: the key's version; the alias's VERSION by default.

        Returns:
            True if the key exists and hasn't expired.

        See https://valkey.io/commands/exists/
        """
        return Command(("EXISTS", self._stored_key(key, version)), bool, readonly=True)

    def _get_many(self, keys: Sequence[Any], version: Any = None) -> Command[dict[Any, Any]]:
        """Return the values of several keys, in one round trip per 10,000 keys.

        Args:
            keys: the keys.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            A dict of the keys that exist and their values.

        See https://valkey.io/commands/mget/
        """
        stored = self._stored_keys(keys, version)

        def parse(replies: list[bytes | None]) -> dict[Any, Any]:
            try:
                values = self._decode_all(replies)
            except Exception:  # A serializer may raise anything.
                replies = self._replace_unreadable(stored, replies)
                values = self._decode_all(replies)
            misses = replies.count(None)
            self._record_lookup(len(replies) - misses, misses)
            if not misses:
                return dict(zip(keys, values, strict=True))
            items = zip(keys, replies, values, strict=True)
            return {key: value for key, reply, value in items if reply is not None}

        return Command(("MGET", *stored), parse, True, missing_reply=[None] * len(keys))

    def _replace_unreadable(
        self, stored: Sequence[bytes], replies: Sequence[bytes | None]
    ) -> list[bytes | None]:
        """Return `replies`, with None for unreadable values that are treated as misses.

        Other unreadable values raise the error of the serializer, with a note that contains the
        stored key.
        """
        readable = list(replies)
        for index, (key, reply) in enumerate(zip(stored, replies, strict=True)):
            try:
                self._decode_optional(reply)
            except Exception as error:
                if not self._is_miss(key, error):
                    error.add_note(key_note("MGET", key))
                    raise
                readable[index] = None
        return readable

    def _delete_many(self, keys: Iterable[Any], version: Any = None) -> Command[None]:
        """Delete several keys. The server frees their memory in the background.

        Args:
            keys: the keys.
            version: the version of all keys; the alias's VERSION by default.

        See https://valkey.io/commands/unlink/
        """
        return Command(("UNLINK", *self._stored_keys(keys, version)), parse_none, idempotent=True)

    def _set_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> Operation[list[Any]]:
        """Store several values, in one round trip per 1,000 keys or 4 MiB.

        Args:
            data: a mapping of keys to values. If one of them can't be serialized, nothing is
                stored.
            timeout: seconds after which the key expires, which may have a fraction, or a timedelta;
                None to never expire. Zero or less deletes the keys. The alias's TIMEOUT by default.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            A list of the keys that weren't stored because the server is out of memory; with
            `ignore_exceptions`, also because it can't be reached.

        See https://valkey.io/commands/set/
        """
        stored, expiry = self._stored_keys(data, version), self._get_timeout_ms(timeout)
        encoded = self._encode_all(data.values())
        if expiry == 0:
            commands = [
                Command(("UNLINK", name), parse_none, missing_reply=NOT_STORED) for name in stored
            ]
        else:
            expiry_args = px_args(expiry)
            pairs = zip(stored, encoded, strict=True)
            commands = [
                Command(("SET", name, value, *expiry_args), parse_none, False, True, NOT_STORED)
                for name, value in pairs
            ]
        sizes = [0 if isinstance(value, int) else len(value) for value in encoded]
        return set_chunks(list(data), commands, sizes)

    def _incr_version(self, key: Any, delta: int, version: int) -> Operation[int]:
        """Move a value to another version of its key. Its expiry is kept.

        Args:
            delta: how much to add to the version.
            version: the current version; the alias's VERSION by default.

        Returns:
            The new version.

        Raises:
            ValueError: the key doesn't exist.

        See https://valkey.io/commands/rename/
        """
        new_version = version + delta
        stored_keys = self._stored_key(key, version), self._stored_key(key, new_version)
        try:
            yield [Command(("RENAME", *stored_keys), parse_none, missing_reply=MISSING_KEY)]
        except (AccessDenied, UnknownCommand):
            return (
                yield from copy_and_unlink(
                    *stored_keys, key, new_version, self._get_timeout_ms(DEFAULT_TIMEOUT)
                )
            )
        except CommandError as error:
            if "no such key" not in str(error):
                raise
            raise ValueError(f"Key '{key}' not found") from error
        return new_version


class CacheOperationsMixin(CacheOperations):
    """Django's cache methods, for clients and pipelines, which aren't Django caches."""

    get, aget = sync_method(CacheOperations._get), async_method(CacheOperations._get)
    add, aadd = sync_method(CacheOperations._add), async_method(CacheOperations._add)
    touch, atouch = sync_method(CacheOperations._touch), async_method(CacheOperations._touch)
    delete, adelete = sync_method(CacheOperations._delete), async_method(CacheOperations._delete)
    has_key, ahas_key = (
        sync_method(CacheOperations._has_key),
        async_method(CacheOperations._has_key),
    )


def set_command(stored: bytes, data: EncodableArg, expiry: int | None) -> Command[None]:
    if expiry == 0:
        return Command(("UNLINK", stored), parse_none, idempotent=True)
    return Command(("SET", stored, data, *px_args(expiry)), parse_none, idempotent=True)


def px_args(expiry: int | None) -> tuple[EncodableArg, ...]:
    return () if expiry is None else ("PX", b"%d" % expiry)


def persist_existing(stored: bytes) -> Operation[bool]:
    """Remove the expiry. PERSIST alone doesn't tell whether the key exists."""
    [_had_expiry, exists] = yield [
        Command(("PERSIST", stored), bool),
        Command(("EXISTS", stored), bool, idempotent=True),
    ]
    return bool(exists)


def copy_and_unlink(
    source: bytes, target: bytes, key: Any, version: int, expiry: int | None
) -> Operation[int]:
    """Copy the value of `source` to `target`, and then delete `source`.

    For a moment both keys exist, but there is always one of them.

    Args:
        source, target: the stored keys.
        key, version: the caller's key, and the new version.
        expiry: the new timeout in milliseconds if the user may not run PTTL; otherwise the value
            keeps its own.

    Returns:
        The new version.

    Raises:
        ValueError: the key doesn't exist.
    """
    get = Command(("GET", source), parse_raw, idempotent=True)
    try:
        data, ttl = yield [get, Command(("PTTL", source), int, idempotent=True, missing_reply=-2)]
    except (AccessDenied, UnknownCommand):
        [data] = yield [get]
        ttl = -1 if expiry is None else expiry
    if data is None or ttl in (0, -2):
        raise ValueError(f"Key '{key}' not found")
    yield [set_command(target, data, None if ttl == -1 else ttl)]
    yield [Command(("UNLINK", source), parse_none, idempotent=True)]
    return version


def set_chunks(
    keys: list[Any], commands: list[Command[None]], sizes: list[int]
) -> Operation[list[Any]]:
    """Send `commands` in chunks; return the keys that the server had no memory for."""
    failed: list[Any] = []
    for chunk in chunk_slices(sizes):
        results = yield Batch(commands[chunk])
        if results.count(None) == len(results):
            continue
        for key, result in zip(keys[chunk], results, strict=True):
            if isinstance(result, (NotStored, OutOfMemoryError)):
                failed.append(key)
            elif isinstance(result, CommandError):
                raise result
    return failed


def batched(keys: list[Any]) -> Iterator[list[Any]]:
    """Split `keys` into lists that are short enough for one command."""
    for start in range(0, len(keys), MAX_KEYS_PER_COMMAND):
        yield keys[start : start + MAX_KEYS_PER_COMMAND]


def merge_dicts(parts: list[dict[Any, Any]]) -> dict[Any, Any]:
    """Return one dict with the items of all of them."""
    return {key: value for part in parts for key, value in part.items()}


def chunk_slices(sizes: list[int]) -> Iterator[slice]:
    """Yield slices of values of these sizes in bytes; each has limited keys and bytes."""
    start = 0
    while start < len(sizes):
        totals = list(accumulate(sizes[start : start + CHUNK_KEYS]))
        end = start + min(len(totals), bisect_left(totals, CHUNK_BYTES) + 1)
        yield slice(start, end)
        start = end
