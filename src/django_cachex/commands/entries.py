"""Django's cache operations as requests: entries are strings with an expiry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.commands.counters import CounterRequests
from django_cachex.commands.exceptions import CommandError, OutOfMemoryError
from django_cachex.commands.request import (
    NO_SUCH_KEY,
    Attempts,
    Request,
    Steps,
    Word,
    awaitable,
    blocking,
    done,
)

# One write of set_many: so many keys, or so many bytes of values, whichever comes first.
CHUNK_KEYS = 1000
CHUNK_BYTES = 4 * 2**20

NOT_SENT = CommandError("The server was not reached.")
"""What stands for the reply where a failure is ignored, and the value is not stored."""

# A caller's key and the request that stores its value.
Entry = tuple[Any, Request[None]]


class EntryRequests(CounterRequests):
    """Requests behind Django's methods; the names that send them are given where they differ."""

    def _get(self, key: Any, default: Any = None, version: Any = None) -> Request[Any]:
        """Return the value of `key`, or `default`."""

        def read(reply: bytes | None) -> Any:
            if reply is None:
                self.looked_up(0, 1)
                return default
            self.looked_up(1, 0)
            return self.decode(reply)

        return Request(("GET", self.stored_key(key, version)), read, replica=True)

    def _set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> Request[None]:
        """Store `value` for `timeout` seconds; one that is not positive deletes `key`."""
        stored, data = self.stored_key(key, version), self.encode(value)
        return set_request(stored, data, self.expiry(timeout))

    def _add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> Request[bool]:
        """Store `value` unless `key` exists; return whether it did not exist."""
        stored, data = self.stored_key(key, version), self.encode(value)
        expiry = self.expiry(timeout)
        if expiry == 0:
            return Request(("EXISTS", stored), lambda count: not count, absent=1)
        words: tuple[Word, ...] = ("SET", stored, data, *lifetime(expiry), "NX")
        return Request(words, bool)

    def _touch(
        self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> Request[bool] | Steps[bool]:
        """Give `key` a new timeout; return whether it exists."""
        stored, expiry = self.stored_key(key, version), self.expiry(timeout)
        if expiry is None:
            return persisted(stored)
        if expiry == 0:
            return Request(("UNLINK", stored), bool)
        return Request(("PEXPIRE", stored, expiry), bool)

    def _delete(self, key: Any, version: Any = None) -> Request[bool]:
        """Delete `key`; return whether it existed."""
        return Request(("UNLINK", self.stored_key(key, version)), bool)

    def _has_key(self, key: Any, version: Any = None) -> Request[bool]:
        """Return whether `key` exists."""
        return Request(("EXISTS", self.stored_key(key, version)), bool, replica=True)

    def _get_many(self, keys: Sequence[Any], version: Any = None) -> Request[dict[Any, Any]]:
        """Return the values of those of `keys`, one at least, that exist."""

        def read(replies: list[bytes | None]) -> dict[Any, Any]:
            absent = replies.count(None)
            self.looked_up(len(replies) - absent, absent)
            found = zip(keys, replies, self.decode_all(replies), strict=True)
            return {key: value for key, reply, value in found if reply is not None}

        return Request(
            ("MGET", *self.stored_keys(keys, version)), read, True, absent=[None] * len(keys)
        )

    def _delete_many(self, keys: Iterable[Any], version: Any = None) -> Request[None]:
        """Delete `keys`, one at least."""
        return Request(("UNLINK", *self.stored_keys(keys, version)), done, idempotent=True)

    def _set_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> Steps[list[Any]]:
        """Store what `data` maps keys to; return the keys for which there was no memory.

        Everything is encoded before anything is sent: a value that cannot be stored stops all.
        """
        stored, expiry = self.stored_keys(data, version), self.expiry(timeout)
        encoded = self.encode_all(data.values())
        if expiry == 0:
            requests = [Request(("UNLINK", one), done, absent=NOT_SENT) for one in stored]
        else:
            ends = lifetime(expiry)
            pairs = zip(stored, encoded, strict=True)
            requests = [
                Request(("SET", one, datum, *ends), done, False, True, NOT_SENT)
                for one, datum in pairs
            ]
        return stored_in_chunks(list(zip(data, requests, strict=True)))

    def _incr_version(self, key: Any, delta: int, version: int) -> Steps[int]:
        """Move `key` from `version` to that plus `delta`, expiry included; return the sum."""
        moved = version + delta
        names = self.stored_key(key, version), self.stored_key(key, moved)
        try:
            yield [Request(("RENAME", *names), done, absent=NO_SUCH_KEY)]
        except CommandError as error:
            if "no such key" not in str(error):
                raise
            raise ValueError(f"Key '{key}' not found") from error
        return moved


class Entries(EntryRequests):
    """Django's operations under their names, for what is not itself a Django cache."""

    get, aget = blocking(EntryRequests._get), awaitable(EntryRequests._get)
    set, aset = blocking(EntryRequests._set), awaitable(EntryRequests._set)
    add, aadd = blocking(EntryRequests._add), awaitable(EntryRequests._add)
    touch, atouch = blocking(EntryRequests._touch), awaitable(EntryRequests._touch)
    delete, adelete = blocking(EntryRequests._delete), awaitable(EntryRequests._delete)
    has_key, ahas_key = blocking(EntryRequests._has_key), awaitable(EntryRequests._has_key)


def set_request(stored: bytes, data: Word, expiry: int | None) -> Request[None]:
    if expiry == 0:
        return Request(("UNLINK", stored), done, idempotent=True)
    return Request(("SET", stored, data, *lifetime(expiry)), done, idempotent=True)


def lifetime(expiry: int | None) -> tuple[Word, ...]:
    return () if expiry is None else ("PX", b"%d" % expiry)


def persisted(stored: bytes) -> Steps[bool]:
    """Take the expiry away; PERSIST alone does not tell a missing key from a lasting one."""
    [_had_expiry, exists] = yield [
        Request(("PERSIST", stored), bool),
        Request(("EXISTS", stored), bool, idempotent=True),
    ]
    return bool(exists)


def stored_in_chunks(entries: list[Entry]) -> Steps[list[Any]]:
    """Send `entries`, one write a chunk; return the keys for which there was no memory."""
    failed: list[Any] = []
    for chunk in chunks(entries):
        results = yield Attempts(request for _key, request in chunk)
        for (key, _request), result in zip(chunk, results, strict=True):
            if result is NOT_SENT or isinstance(result, OutOfMemoryError):
                failed.append(key)
            elif isinstance(result, CommandError):
                raise result
    return failed


def chunks(entries: list[Entry]) -> Iterable[list[Entry]]:
    """Cut `entries` where a chunk has enough keys or enough bytes."""
    chunk: list[Entry] = []
    size = 0
    for entry in entries:
        chunk.append(entry)
        datum = entry[1].words[-1 if len(entry[1].words) < 3 else 2]
        size += len(datum) if isinstance(datum, bytes) else 0
        if len(chunk) == CHUNK_KEYS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
