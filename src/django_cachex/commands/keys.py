"""Commands on keys of any type: their names, their expiry, their place in memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django_cachex.commands.base import Commands, options
from django_cachex.commands.command import (
    NO_SUCH_KEY,
    NOTHING_FOUND,
    Request,
    Word,
    awaitable,
    blocking,
)
from django_cachex.commands.parsers import optional_int
from django_cachex.commands.timeouts import instant, milliseconds, moment, span


class Keys(Commands):
    """Commands of Valkey's *generic* group; signatures follow valkey-py, plus `version`.

    A time to live is called as by Django. What sets one takes `nx` (only where there is none yet),
    `xx` (only where there is one), `gt` and `lt` (only to one that is later, earlier), and returns
    False where it set none: for no such key, or because of these. A time that has passed deletes
    the key.
    """

    def _type(self, key: Any, version: int | None = None) -> Request[str]:
        """Return the type of `key`: string, list, set, zset, hash, stream, …, or none."""
        return Request(("TYPE", self.stored_key(key, version)), bytes.decode, True, absent=b"none")

    def _exists(self, *keys: Any, version: int | None = None) -> Request[int]:
        """Return how many of `keys` exist."""
        return Request(("EXISTS", *self._stored(keys, version)), int, True, absent=0)

    def _unlink(self, *keys: Any, version: int | None = None) -> Request[int]:
        """Delete `keys`, freeing their memory in the background; return how many existed."""
        return Request(("UNLINK", *self._stored(keys, version)), int, absent=0)

    def _rename(
        self, src: Any, dst: Any, version: int | None = None, version_dst: int | None = None
    ) -> Request[bool]:
        """Rename `src` to `dst`, expiry included, over whatever `dst` holds; return True.

        `dst` has the version of `src` unless `version_dst` is given.
        """
        names = self._both(src, dst, version, version_dst)
        return Request(("RENAME", *names), bool, absent=NO_SUCH_KEY)

    def _renamenx(
        self, src: Any, dst: Any, version: int | None = None, version_dst: int | None = None
    ) -> Request[bool]:
        """Rename `src` to `dst` unless that exists; return whether it was renamed: see `rename`."""
        names = self._both(src, dst, version, version_dst)
        return Request(("RENAMENX", *names), bool, absent=NO_SUCH_KEY)

    def _copy(
        self,
        source: Any,
        destination: Any,
        replace: bool = False,
        version: int | None = None,
        version_dst: int | None = None,
    ) -> Request[bool]:
        """Copy `source`, expiry included; return False if missing, or there and not `replace`.

        `destination` has the version of `source` unless `version_dst` is given.
        """
        names = self._both(source, destination, version, version_dst)
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

    def _object_idletime(self, key: Any, version: int | None = None) -> Request[int | None]:
        """Return the seconds since `key` was used, about, or None for no such key."""
        return Request(("OBJECT", "IDLETIME", self.stored_key(key, version)), optional_int)

    def _object_freq(self, key: Any, version: int | None = None) -> Request[int | None]:
        """Return how often `key` is used, on a logarithmic scale, or None for no such key.

        Only a server whose ``maxmemory-policy`` is an LFU one knows.
        """
        return Request(("OBJECT", "FREQ", self.stored_key(key, version)), optional_int)

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

    def _both(
        self, one: Any, other: Any, version: int | None, version_dst: int | None
    ) -> tuple[bytes, bytes]:
        moved = version if version_dst is None else version_dst
        return self.stored_key(one, version), self.stored_key(other, moved)

    def _stored(self, keys: tuple[Any, ...], version: int | None) -> tuple[Word, ...]:
        return tuple(self.stored_key(key, version) for key in keys)

    type, atype = blocking(_type), awaitable(_type)
    exists, aexists = blocking(_exists), awaitable(_exists)
    unlink, aunlink = blocking(_unlink), awaitable(_unlink)
    rename, arename = blocking(_rename), awaitable(_rename)
    renamenx, arenamenx = blocking(_renamenx), awaitable(_renamenx)
    copy, acopy = blocking(_copy), awaitable(_copy)
    memory_usage, amemory_usage = blocking(_memory_usage), awaitable(_memory_usage)
    object_encoding, aobject_encoding = blocking(_object_encoding), awaitable(_object_encoding)
    object_idletime, aobject_idletime = blocking(_object_idletime), awaitable(_object_idletime)
    object_freq, aobject_freq = blocking(_object_freq), awaitable(_object_freq)
    scan, ascan = blocking(_scan), awaitable(_scan)

    # Expiry.

    def _ttl(self, key: Any, version: int | None = None) -> Request[int | None]:
        """Return the seconds `key` has left; None without an expiry, -2 for no such key."""
        return self._left("TTL", key, version)

    def _pttl(self, key: Any, version: int | None = None) -> Request[int | None]:
        """Return the milliseconds `key` has left; None without an expiry, -2 for no such key."""
        return self._left("PTTL", key, version)

    def _expiretime(self, key: Any, version: int | None = None) -> Request[int | None]:
        """Return when `key` expires, in seconds since 1970: see `ttl`."""
        return self._left("EXPIRETIME", key, version)

    def _pexpiretime(self, key: Any, version: int | None = None) -> Request[int | None]:
        """Return when `key` expires, in milliseconds since 1970: see `ttl`."""
        return self._left("PEXPIRETIME", key, version)

    def _expire(
        self,
        key: Any,
        timeout: float | timedelta,
        version: int | None = None,
        *,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Request[bool]:
        """Let `key` live for `timeout` seconds more; return whether that was set."""
        expiry = milliseconds(timeout)
        if expiry is None:
            raise TypeError("expire() needs a timeout: persist() takes the expiry away.")
        return self._until("PEXPIRE", key, expiry, version, only(nx, xx, gt, lt))

    def _pexpire(
        self,
        key: Any,
        timeout: int | timedelta,
        version: int | None = None,
        *,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Request[bool]:
        """Let `key` live for `timeout` milliseconds more; return whether that was set."""
        return self._until("PEXPIRE", key, span(timeout), version, only(nx, xx, gt, lt))

    def _expireat(
        self,
        key: Any,
        when: float | datetime,
        version: int | None = None,
        *,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Request[bool]:
        """Let `key` live until `when`, in seconds since 1970; return whether that was set.

        A datetime without a time zone is in the process's own.
        """
        return self._until("PEXPIREAT", key, moment(when), version, only(nx, xx, gt, lt))

    def _pexpireat(
        self,
        key: Any,
        when: int | datetime,
        version: int | None = None,
        *,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
    ) -> Request[bool]:
        """Let `key` live until `when`, in milliseconds since 1970: see `expireat`."""
        return self._until("PEXPIREAT", key, instant(when), version, only(nx, xx, gt, lt))

    def _persist(self, key: Any, version: int | None = None) -> Request[bool]:
        """Take the expiry from `key`; return whether it had one."""
        return Request(("PERSIST", self.stored_key(key, version)), bool)

    def _left(self, name: str, key: Any, version: int | None) -> Request[int | None]:
        return Request((name, self.stored_key(key, version)), read_ttl, replica=True, absent=-2)

    def _until(
        self, name: str, key: Any, time: int, version: int | None, words: tuple[Word, ...]
    ) -> Request[bool]:
        return Request((name, self.stored_key(key, version), time, *words), bool)

    ttl, attl = blocking(_ttl), awaitable(_ttl)
    pttl, apttl = blocking(_pttl), awaitable(_pttl)
    expiretime, aexpiretime = blocking(_expiretime), awaitable(_expiretime)
    pexpiretime, apexpiretime = blocking(_pexpiretime), awaitable(_pexpiretime)
    expire, aexpire = blocking(_expire), awaitable(_expire)
    pexpire, apexpire = blocking(_pexpire), awaitable(_pexpire)
    expireat, aexpireat = blocking(_expireat), awaitable(_expireat)
    pexpireat, apexpireat = blocking(_pexpireat), awaitable(_pexpireat)
    persist, apersist = blocking(_persist), awaitable(_persist)

    # As django-redis and django-valkey call them.
    expire_at, aexpire_at = expireat, aexpireat
    pexpire_at, apexpire_at = pexpireat, apexpireat


def optional_text(reply: bytes | None) -> str | None:
    return None if reply is None else reply.decode()


def only(nx: bool, xx: bool, gt: bool, lt: bool) -> tuple[Word, ...]:
    """Return the words of the conditions; raise ValueError for those that exclude each other."""
    if nx + gt + lt > 1 or (nx and xx):
        raise ValueError("Of nx, gt and lt only one may be set, and xx not together with nx.")
    given = (("NX", nx), ("XX", xx), ("GT", gt), ("LT", lt))
    return tuple(word for word, is_set in given if is_set)


def read_ttl(reply: int) -> int | None:
    """Return what is left of a key's life: the server's -1 means no expiry."""
    return None if reply == -1 else reply
