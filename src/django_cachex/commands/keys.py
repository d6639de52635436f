"""Commands on keys of any type: names, expiry, memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django_cachex.commands.args import (
    expire_condition,
    option_args,
    timeout_to_ms,
    timestamp_to_ms,
    to_ms,
    to_timestamp_ms,
)
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    EMPTY_SCAN,
    MISSING_KEY,
    Command,
    EncodableArg,
    async_method,
    parse_optional_int,
    parse_optional_text,
    parse_ttl,
    sync_method,
)


class KeyCommands(Commands):
    """Commands of Valkey's *generic* group; signatures follow valkey-py, plus `version`.

    A time to live is called as by Django. What sets one takes `nx` (only where there is none yet),
    `xx` (only where there is one), `gt` and `lt` (only to one that is later, earlier), and returns
    False where it set none: for no such key, or because of these. A time that has passed deletes
    the key.
    """

    def _type(self, key: Any, version: int | None = None) -> Command[str]:
        """Return the type of `key`: string, list, set, zset, hash, stream, …, or none."""
        return Command(
            ("TYPE", self._stored_key(key, version)), bytes.decode, True, missing_reply=b"none"
        )

    def _exists(self, *keys: Any, version: int | None = None) -> Command[int]:
        """Return how many of `keys` exist."""
        return Command(("EXISTS", *self._stored_keys(keys, version)), int, True, missing_reply=0)

    def _unlink(self, *keys: Any, version: int | None = None) -> Command[int]:
        """Delete `keys`, freeing their memory in the background; return how many existed."""
        return Command(("UNLINK", *self._stored_keys(keys, version)), int, missing_reply=0)

    def _rename(
        self, src: Any, dst: Any, version: int | None = None, version_dst: int | None = None
    ) -> Command[bool]:
        """Rename `src` to `dst`, expiry included, over whatever `dst` holds; return True.

        `dst` has the version of `src` unless `version_dst` is given.
        """
        names = self._rename_keys(src, dst, version, version_dst)
        return Command(("RENAME", *names), bool, missing_reply=MISSING_KEY)

    def _renamenx(
        self, src: Any, dst: Any, version: int | None = None, version_dst: int | None = None
    ) -> Command[bool]:
        """Rename `src` to `dst` unless that exists; return whether it was renamed: see `rename`."""
        names = self._rename_keys(src, dst, version, version_dst)
        return Command(("RENAMENX", *names), bool, missing_reply=MISSING_KEY)

    def _copy(
        self,
        source: Any,
        destination: Any,
        replace: bool = False,
        version: int | None = None,
        version_dst: int | None = None,
    ) -> Command[bool]:
        """Copy `source`, expiry included; return False if missing, or there and not `replace`.

        `destination` has the version of `source` unless `version_dst` is given.
        """
        names = self._rename_keys(source, destination, version, version_dst)
        return Command(("COPY", *names, *(("REPLACE",) if replace else ())), bool)

    def _memory_usage(
        self, key: Any, samples: int | None = None, version: int | None = None
    ) -> Command[int | None]:
        """Return the bytes that `key` takes, or None for no such key.

        `samples` elements of a collection are measured: 0 means all, and stalls the server.
        """
        stored = self._stored_key(key, version)
        return Command(
            ("MEMORY", "USAGE", stored, *option_args(("SAMPLES", samples))),
            parse_optional_int,
            readonly=True,
        )

    def _object_encoding(self, key: Any, version: int | None = None) -> Command[str | None]:
        """Return how the server keeps `key` (listpack, hashtable, …), or None for no such key."""
        return Command(("OBJECT", "ENCODING", self._stored_key(key, version)), parse_optional_text)

    def _object_idletime(self, key: Any, version: int | None = None) -> Command[int | None]:
        """Return the seconds since `key` was used, about, or None for no such key."""
        return Command(("OBJECT", "IDLETIME", self._stored_key(key, version)), parse_optional_int)

    def _object_freq(self, key: Any, version: int | None = None) -> Command[int | None]:
        """Return how often `key` is used, on a logarithmic scale, or None for no such key.

        Only a server whose ``maxmemory-policy`` is an LFU one knows.
        """
        return Command(("OBJECT", "FREQ", self._stored_key(key, version)), parse_optional_int)

    def _scan(
        self,
        cursor: int = 0,
        match: Any = None,
        count: int | None = None,
        _type: str | None = None,
        version: int | None = None,
    ) -> Command[tuple[int, list[Any]]]:
        """Return the next cursor and a batch of keys, perhaps empty, perhaps seen before.

        A cursor of 0 begins and ends the walk.
        """
        pattern = self._stored_pattern("*" if match is None else match, version)

        def parse(reply: tuple[bytes, list[bytes]]) -> tuple[int, list[Any]]:
            return int(reply[0]), self._decode_keys(reply[1], version)

        # Cursors have 64 bits and no sign: as an integer they may not fit a packer.
        args = ("SCAN", str(cursor), "MATCH", pattern)
        return Command(
            (*args, *option_args(("COUNT", count), ("TYPE", _type))),
            parse,
            missing_reply=EMPTY_SCAN,
        )

    def _rename_keys(
        self, one: Any, other: Any, version: int | None, version_dst: int | None
    ) -> tuple[bytes, bytes]:
        moved = version if version_dst is None else version_dst
        return self._stored_key(one, version), self._stored_key(other, moved)

    type, atype = sync_method(_type), async_method(_type)
    exists, aexists = sync_method(_exists), async_method(_exists)
    unlink, aunlink = sync_method(_unlink), async_method(_unlink)
    rename, arename = sync_method(_rename), async_method(_rename)
    renamenx, arenamenx = sync_method(_renamenx), async_method(_renamenx)
    copy, acopy = sync_method(_copy), async_method(_copy)
    memory_usage, amemory_usage = sync_method(_memory_usage), async_method(_memory_usage)
    object_encoding, aobject_encoding = (
        sync_method(_object_encoding),
        async_method(_object_encoding),
    )
    object_idletime, aobject_idletime = (
        sync_method(_object_idletime),
        async_method(_object_idletime),
    )
    object_freq, aobject_freq = sync_method(_object_freq), async_method(_object_freq)
    scan, ascan = sync_method(_scan), async_method(_scan)

    # Expiry.

    def _ttl(self, key: Any, version: int | None = None) -> Command[int | None]:
        """Return the seconds `key` has left; None without an expiry, -2 for no such key."""
        return self._ttl_command("TTL", key, version)

    def _pttl(self, key: Any, version: int | None = None) -> Command[int | None]:
        """Return the milliseconds `key` has left; None without an expiry, -2 for no such key."""
        return self._ttl_command("PTTL", key, version)

    def _expiretime(self, key: Any, version: int | None = None) -> Command[int | None]:
        """Return when `key` expires, in seconds since 1970: see `ttl`."""
        return self._ttl_command("EXPIRETIME", key, version)

    def _pexpiretime(self, key: Any, version: int | None = None) -> Command[int | None]:
        """Return when `key` expires, in milliseconds since 1970: see `ttl`."""
        return self._ttl_command("PEXPIRETIME", key, version)

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
    ) -> Command[bool]:
        """Let `key` live for `timeout` seconds more; return whether that was set."""
        expiry = timeout_to_ms(timeout)
        if expiry is None:
            raise TypeError("expire() needs a timeout: persist() takes the expiry away.")
        return self._expire_command(
            "PEXPIRE", key, expiry, version, expire_condition(nx, xx, gt, lt)
        )

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
    ) -> Command[bool]:
        """Let `key` live for `timeout` milliseconds more; return whether that was set."""
        return self._expire_command(
            "PEXPIRE", key, to_ms(timeout), version, expire_condition(nx, xx, gt, lt)
        )

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
    ) -> Command[bool]:
        """Let `key` live until `when`, in seconds since 1970; return whether that was set.

        A datetime without a time zone is in the process's own.
        """
        return self._expire_command(
            "PEXPIREAT", key, timestamp_to_ms(when), version, expire_condition(nx, xx, gt, lt)
        )

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
    ) -> Command[bool]:
        """Let `key` live until `when`, in milliseconds since 1970: see `expireat`."""
        return self._expire_command(
            "PEXPIREAT", key, to_timestamp_ms(when), version, expire_condition(nx, xx, gt, lt)
        )

    def _persist(self, key: Any, version: int | None = None) -> Command[bool]:
        """Take the expiry from `key`; return whether it had one."""
        return Command(("PERSIST", self._stored_key(key, version)), bool)

    def _ttl_command(self, name: str, key: Any, version: int | None) -> Command[int | None]:
        return Command(
            (name, self._stored_key(key, version)), parse_ttl, readonly=True, missing_reply=-2
        )

    def _expire_command(
        self, name: str, key: Any, time: int, version: int | None, args: tuple[EncodableArg, ...]
    ) -> Command[bool]:
        return Command((name, self._stored_key(key, version), time, *args), bool)

    ttl, attl = sync_method(_ttl), async_method(_ttl)
    pttl, apttl = sync_method(_pttl), async_method(_pttl)
    expiretime, aexpiretime = sync_method(_expiretime), async_method(_expiretime)
    pexpiretime, apexpiretime = sync_method(_pexpiretime), async_method(_pexpiretime)
    expire, aexpire = sync_method(_expire), async_method(_expire)
    pexpire, apexpire = sync_method(_pexpire), async_method(_pexpire)
    expireat, aexpireat = sync_method(_expireat), async_method(_expireat)
    pexpireat, apexpireat = sync_method(_pexpireat), async_method(_pexpireat)
    persist, apersist = sync_method(_persist), async_method(_persist)

    # As django-redis and django-valkey call them.
    expire_at, aexpire_at = expireat, aexpireat
    pexpire_at, apexpire_at = pexpireat, apexpireat
