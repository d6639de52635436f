"""Django's cache operations as requests: entries are strings with an expiry."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.commands.command import (
    NO_SUCH_KEY,
    Attempts,
    Request,
    Steps,
    Word,
    awaitable,
    blocking,
    done,
    read_from,
    unread,
)
from django_cachex.commands.counters import CounterRequests
from django_cachex.commands.exceptions import (
    AccessDenied,
    CommandError,
    OutOfMemoryError,
    UnknownCommand,
)

# One write of set_many: so many keys, or so many bytes of values, whichever comes first.
CHUNK_KEYS = 1000
CHUNK_BYTES = 4 * 2**20

MOST_KEYS = 10_000
"""Keys of one MGET or UNLINK: longer ones would hold up the server's other clients."""


class NotSent(CommandError):
    """What stands for the reply where a failure is ignored, and the value is not stored."""


NOT_SENT = NotSent("The server was not reached.")


class EntryRequests(CounterRequests):
    """Requests behind Django's methods; the names that send them are given where they differ."""

    def _get(self, key: Any, default: Any = None, version: Any = None) -> Request[Any]:
        """Return the value of `key`, or `default`."""
        stored = self.stored_key(key, version)

        def read(reply: bytes | None) -> Any:
            if reply is None:
                self.looked_up(0, 1)
                return default
            try:
                value = self.decode(reply)
            except Exception as error:  # A serializer may raise anything.
                if not self.is_miss(stored, error):
                    raise
                self.looked_up(0, 1)
                return default
            self.looked_up(1, 0)
            return value

        return Request(("GET", stored), read, replica=True)

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
        stored = self.stored_keys(keys, version)

        def read(replies: list[bytes | None]) -> dict[Any, Any]:
            try:
                values = self.decode_all(replies)
            except Exception:  # A serializer may raise anything.
                replies = self._readable(stored, replies)
                values = self.decode_all(replies)
            absent = replies.count(None)
            self.looked_up(len(replies) - absent, absent)
            if not absent:
                return dict(zip(keys, values, strict=True))
            found = zip(keys, replies, values, strict=True)
            return {key: value for key, reply, value in found if reply is not None}

        return Request(("MGET", *stored), read, True, absent=[None] * len(keys))

    def _readable(
        self, stored: Sequence[bytes], replies: Sequence[bytes | None]
    ) -> list[bytes | None]:
        """Return `replies`, None in the place of what cannot be read and is taken for a miss.

        Raise what decoding raises for another, with the key in a note.
        """
        found = list(replies)
        for place, (key, reply) in enumerate(zip(stored, replies, strict=True)):
            try:
                self.decode_optional(reply)
            except Exception as error:
                if not self.is_miss(key, error):
                    error.add_note(read_from("MGET", key))
                    raise
                found[place] = None
        return found

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
        sizes = [0 if isinstance(datum, int) else len(datum) for datum in encoded]
        return stored_in_chunks(list(data), requests, sizes)

    def _incr_version(self, key: Any, delta: int, version: int) -> Steps[int]:
        """Move `key` from `version` to that plus `delta`, expiry included; return the sum."""
        moved = version + delta
        names = self.stored_key(key, version), self.stored_key(key, moved)
        try:
            yield [Request(("RENAME", *names), done, absent=NO_SUCH_KEY)]
        except (AccessDenied, UnknownCommand):
            return (yield from copied(*names, key, moved, self.expiry(DEFAULT_TIMEOUT)))
        except CommandError as error:
            if "no such key" not in str(error):
                raise
            raise ValueError(f"Key '{key}' not found") from error
        return moved


class Entries(EntryRequests):
    """Django's operations under their names, for what is not itself a Django cache."""

    get, aget = blocking(EntryRequests._get), awaitable(EntryRequests._get)
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


def copied(source: bytes, target: bytes, key: Any, version: int, expiry: int | None) -> Steps[int]:
    """Store under `target` what is under `source`, and delete that; return the new `version`.

    It keeps its expiry, but gets `expiry` from a server that may not say what is left. Raise
    ValueError where there is nothing. Who looks meanwhile may see both, never neither.
    """
    get = Request(("GET", source), unread, idempotent=True)
    try:
        data, left = yield [get, Request(("PTTL", source), int, idempotent=True, absent=-2)]
    except (AccessDenied, UnknownCommand):
        [data] = yield [get]
        left = -1 if expiry is None else expiry
    if data is None or left in (0, -2):
        raise ValueError(f"Key '{key}' not found")
    yield [set_request(target, data, None if left == -1 else left)]
    yield [Request(("UNLINK", source), done, idempotent=True)]
    return version


def stored_in_chunks(
    keys: list[Any], requests: list[Request[None]], sizes: list[int]
) -> Steps[list[Any]]:
    """Send `requests`, one write a chunk; return the keys for which there was no memory."""
    failed: list[Any] = []
    for chunk in chunks(sizes):
        results = yield Attempts(requests[chunk])
        if results.count(None) == len(results):
            continue
        for key, result in zip(keys[chunk], results, strict=True):
            if isinstance(result, (NotSent, OutOfMemoryError)):
                failed.append(key)
            elif isinstance(result, CommandError):
                raise result
    return failed


def batches(keys: list[Any]) -> Iterator[list[Any]]:
    """Yield `keys`, as many at a time as one command may have."""
    for start in range(0, len(keys), MOST_KEYS):
        yield keys[start : start + MOST_KEYS]


def joined(parts: list[dict[Any, Any]]) -> dict[Any, Any]:
    """Return what was found for one batch after the other."""
    return {key: value for part in parts for key, value in part.items()}


def chunks(sizes: list[int]) -> Iterator[slice]:
    """Yield where to cut values of these sizes, in bytes: where there are enough keys or bytes."""
    start = 0
    while start < len(sizes):
        ahead = list(accumulate(sizes[start : start + CHUNK_KEYS]))
        end = start + min(len(ahead), bisect_left(ahead, CHUNK_BYTES) + 1)
        yield slice(start, end)
        start = end
