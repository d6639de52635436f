"""Commands on keys of any type: their life, their names, their place in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django_cachex.commands.base import Commands, options
from django_cachex.commands.expiry import milliseconds
from django_cachex.commands.request import (
    NO_SUCH_KEY,
    NOTHING_FOUND,
    Request,
    Word,
    awaitable,
    blocking,
)


class Keys(Commands):
    """Commands of Valkey's *generic* group; signatures follow valkey-py, plus `version`."""

    def _ttl(self, key: Any, version: int | None = None) -> Request[int | None]:
        """Return the seconds `key` has left; None without an expiry, -2 for no such key."""
        return Request(("TTL", self.stored_key(key, version)), read_ttl, replica=True, absent=-2)

    def _pttl(self, key: Any, version: int | None = None) -> Request[int | None]:
        """Return the milliseconds `key` has left; None without an expiry, -2 for no such key."""
        return Request(("PTTL", self.stored_key(key, version)), read_ttl, replica=True, absent=-2)

    def _expire(
        self, key: Any, time: float | timedelta, version: int | None = None
    ) -> Request[bool]:
        """Let `key` live for `time` seconds more; return whether it exists.

        A time that is not positive deletes it.
        """
        expiry = milliseconds(time)
        if expiry is None:
            raise TypeError("expire() needs a time: persist() takes the expiry away.")
        return Request(("PEXPIRE", self.stored_key(key, version), expiry), bool)

    def _pexpire(self, key: Any, time: int, version: int | None = None) -> Request[bool]:
        """Let `key` live for `time` milliseconds more; return whether it exists."""
        return Request(("PEXPIRE", self.stored_key(key, version), time), bool)

    def _persist(self, key: Any, version: int | None = None) -> Request[bool]:
        """Take the expiry from `key`; return whether it had one."""
        return Request(("PERSIST", self.stored_key(key, version)), bool)

    def _type(self, key: Any, version: int | None = None) -> Request[str]:
        """Return the type of `key`: string, list, set, zset, hash, stream, …, or none."""
        return Request(("TYPE", self.stored_key(key, version)), bytes.decode, True, absent=b"none")

    def _exists(self, *keys: Any, version: int | None = None) -> Request[int]:
        """Return how many of `keys` exist."""
        return Request(("EXISTS", *self._stored(keys, version)), int, True, absent=0)

    def _unlink(self, *keys: Any, version: int | None = None) -> Request[int]:
        """Delete `keys`, freeing their memory in the background; return how many existed."""
        return Request(("UNLINK", *self._stored(keys, version)), int, absent=0)

    def _rename(self, src: Any, dst: Any, version: int | None = None) -> Request[bool]:
        """Rename `src` to `dst`, expiry included, over whatever `dst` holds."""
        names = self.stored_key(src, version), self.stored_key(dst, version)
        return Request(("RENAME", *names), bool, absent=NO_SUCH_KEY)

    def _renamenx(self, src: Any, dst: Any, version: int | None = None) -> Request[bool]:
        """Rename `src` to `dst` unless that exists; return whether it was renamed."""
        names = self.stored_key(src, version), self.stored_key(dst, version)
        return Request(("RENAMENX", *names), bool, absent=NO_SUCH_KEY)

    def _copy(
        self, source: Any, destination: Any, replace: bool = False, version: int | None = None
    ) -> Request[bool]:
        """Copy `source`, expiry included; return False if missing, or there and not `replace`."""
        names = self.stored_key(source, version), self.stored_key(destination, version)
        return Request(("COPY", *names, *(("REPLACE",) if replace else ())), bool)

    def _memory_usage(
        self, key: Any, samples: int | None = None, version: int | None = None
    ) -> Request[int | None]:
        """Return the bytes that `key` takes, or None for no such key.

        `samples` elements of a collection are measured: 0 means all, and stalls the server.
        """
        stored = self.stored_key(key, version)
        return Request(
            ("MEMORY", "USAGE", stored, *options(("SAMPLES", samples))), optional_int, replica=True
        )

    def _object_encoding(self, key: Any, version: int | None = None) -> Request[str | None]:
        """Return how the server keeps `key` (listpack, hashtable, …), or None for no such key."""
        return Request(("OBJECT", "ENCODING", self.stored_key(key, version)), optional_text)

    def _scan(
        self,
        cursor: int = 0,
        match: Any = None,
        count: int | None = None,
        _type: str | None = None,
        version: int | None = None,
    ) -> Request[tuple[int, list[Any]]]:
        """Return the next cursor and a batch of keys, perhaps empty, perhaps seen before.

        A cursor of 0 begins and ends the walk.
        """
        pattern = self.stored_pattern("*" if match is None else match, version)

        def read(reply: tuple[bytes, list[bytes]]) -> tuple[int, list[Any]]:
            return int(reply[0]), self.plain_keys(reply[1], version)

        # Cursors have 64 bits and no sign: as an integer they may not fit a packer.
        words = ("SCAN", str(cursor), "MATCH", pattern)
        return Request(
            (*words, *options(("COUNT", count), ("TYPE", _type))), read, absent=NOTHING_FOUND
        )

    def _stored(self, keys: tuple[Any, ...], version: int | None) -> tuple[Word, ...]:
        return tuple(self.stored_key(key, version) for key in keys)

    ttl, attl = blocking(_ttl), awaitable(_ttl)
    pttl, apttl = blocking(_pttl), awaitable(_pttl)
    expire, aexpire = blocking(_expire), awaitable(_expire)
    pexpire, apexpire = blocking(_pexpire), awaitable(_pexpire)
    persist, apersist = blocking(_persist), awaitable(_persist)
    type, atype = blocking(_type), awaitable(_type)
    exists, aexists = blocking(_exists), awaitable(_exists)
    unlink, aunlink = blocking(_unlink), awaitable(_unlink)
    rename, arename = blocking(_rename), awaitable(_rename)
    renamenx, arenamenx = blocking(_renamenx), awaitable(_renamenx)
    copy, acopy = blocking(_copy), awaitable(_copy)
    memory_usage, amemory_usage = blocking(_memory_usage), awaitable(_memory_usage)
    object_encoding, aobject_encoding = blocking(_object_encoding), awaitable(_object_encoding)
    scan, ascan = blocking(_scan), awaitable(_scan)


def read_ttl(reply: int) -> int | None:
    """Return what is left of a key's life: the server's -1 means no expiry."""
    return None if reply == -1 else reply


def optional_int(reply: int | None) -> int | None:
    return reply


def optional_text(reply: bytes | None) -> str | None:
    return None if reply is None else reply.decode()
