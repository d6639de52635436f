"""Commands on keys of any type: names, expiry, memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.commands.args import (
    expire_condition,
    option_args,
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
    """The commands of Valkey's *generic* group, with the signatures of valkey-py and `version`."""

    def _type(self, key: Any, version: int | None = None) -> Command[str]:
        """Return the type of the value at `key`.

        Returns:
            "string", "list", "set", "zset", "hash", "stream" or the type of a module; "none" if the
            key doesn't exist.

        See https://valkey.io/commands/type/
        """
        return Command(
            ("TYPE", self._stored_key(key, version)), bytes.decode, True, missing_reply=b"none"
        )

    def _exists(self, *keys: Any, version: int | None = None) -> Command[int]:
        """Count how many of `keys` exist.

        Args:
            *keys: the keys; one that is given twice is counted twice.

        See https://valkey.io/commands/exists/
        """
        return Command(("EXISTS", *self._stored_keys(keys, version)), int, True, missing_reply=0)

    def _unlink(self, *keys: Any, version: int | None = None) -> Command[int]:
        """Delete `keys`. The server frees their memory in the background.

        Args:
            *keys: the keys.

        Returns:
            The number of keys that existed.

        See https://valkey.io/commands/unlink/
        """
        return Command(("UNLINK", *self._stored_keys(keys, version)), int, missing_reply=0)

    def _rename(
        self, src: Any, dst: Any, version: int | None = None, version_dst: int | None = None
    ) -> Command[bool]:
        """Rename a key. Its expiry is kept, and a value at `dst` is replaced.

        Args:
            src: the current key.
            dst: the new key.
            version: the version of `src`; the alias's VERSION by default.
            version_dst: the version of `dst`; that of `src` by default.

        Returns:
            True.

        Raises:
            CommandError: `src` doesn't exist.
            CrossSlotError: the keys are in different slots of a cluster.

        See https://valkey.io/commands/rename/
        """
        names = self._rename_keys(src, dst, version, version_dst)
        return Command(("RENAME", *names), bool, missing_reply=MISSING_KEY)

    def _renamenx(
        self, src: Any, dst: Any, version: int | None = None, version_dst: int | None = None
    ) -> Command[bool]:
        """Rename a key, unless the new key exists. Its expiry is kept.

        Args:
            src: the current key.
            dst: the new key.
            version: the version of `src`; the alias's VERSION by default.
            version_dst: the version of `dst`; that of `src` by default.

        Returns:
            Whether the key was renamed; False if `dst` exists.

        Raises:
            CommandError: `src` doesn't exist.
            CrossSlotError: the keys are in different slots of a cluster.

        See https://valkey.io/commands/renamenx/
        """
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
        """Copy a value and its expiry to another key.

        Args:
            source: the key to copy.
            destination: the key of the copy.
            replace: replace a value at `destination`.
            version: the version of `source`; the alias's VERSION by default.
            version_dst: the version of `destination`; that of `source` by default.

        Returns:
            Whether the value was copied; False if `source` doesn't exist, or if `destination` does
            and `replace` isn't set.

        Raises:
            CrossSlotError: the keys are in different slots of a cluster.

        See https://valkey.io/commands/copy/
        """
        names = self._rename_keys(source, destination, version, version_dst)
        return Command(("COPY", *names, *(("REPLACE",) if replace else ())), bool)

    def _memory_usage(
        self, key: Any, samples: int | None = None, version: int | None = None
    ) -> Command[int | None]:
        """Return how much memory a key and its value use.

        Args:
            samples: how many elements of a collection the server measures to estimate the size; 5
                by default. 0 measures all of them, during which the server serves no other client.

        Returns:
            The size in bytes; None if the key doesn't exist.

        See https://valkey.io/commands/memory-usage/
        """
        options = () if samples is None else ("SAMPLES", samples)
        stored = self._stored_key(key, version)
        return Command(("MEMORY", "USAGE", stored, *options), parse_optional_int, readonly=True)

    def _object_encoding(self, key: Any, version: int | None = None) -> Command[str | None]:
        """Return how the server stores the value at `key`.

        Returns:
            The encoding, such as "listpack" or "hashtable"; None if the key doesn't exist.

        See https://valkey.io/commands/object-encoding/
        """
        return Command(("OBJECT", "ENCODING", self._stored_key(key, version)), parse_optional_text)

    def _object_idletime(self, key: Any, version: int | None = None) -> Command[int | None]:
        """Return how long ago the key was last used.

        Returns:
            The time in seconds, which is approximate; None if the key doesn't exist.

        Raises:
            CommandError: the server has an LFU policy and doesn't know.

        See https://valkey.io/commands/object-idletime/
        """
        return Command(("OBJECT", "IDLETIME", self._stored_key(key, version)), parse_optional_int)

    def _object_freq(self, key: Any, version: int | None = None) -> Command[int | None]:
        """Return how often the key is used.

        Returns:
            A number on a logarithmic scale; None if the key doesn't exist.

        Raises:
            CommandError: the server's `maxmemory-policy` isn't an LFU policy.

        See https://valkey.io/commands/object-freq/
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
        """Return a batch of keys.

        Start with a cursor of 0, pass the cursor of each result to the next call, and stop when it
        is 0. A batch may be empty, and a key may be returned more than once.

        Args:
            cursor: where to continue; 0 to start.
            match: a pattern that the keys must match, in which `*` is the only wildcard; any key by
                default. Prefix and version are added to it.
            count: about how many keys the server examines; 10 by default.
            _type: only return keys of this type, such as "hash".
            version: the version of the keys; the alias's VERSION by default.

        Returns:
            The next cursor and a list of keys.

        Raises:
            KeyFunctionNotSupported: the KEY_FUNCTION doesn't keep the key at the end.

        See https://valkey.io/commands/scan/
        """
        pattern = self._stored_pattern("*" if match is None else match, version)

        def parse(reply: tuple[bytes, list[bytes]]) -> tuple[int, list[Any]]:
            return int(reply[0]), self._decode_keys(reply[1], version)

        # Cursors are unsigned integers of 64 bits, which are too large for some packers.
        args = ("SCAN", str(cursor), "MATCH", pattern)
        return Command(
            (*args, *option_args(("COUNT", count), ("TYPE", _type))),
            parse,
            missing_reply=EMPTY_SCAN,
        )

    def _rename_keys(
        self, source: Any, destination: Any, version: int | None, version_dst: int | None
    ) -> tuple[bytes, bytes]:
        destination_version = version if version_dst is None else version_dst
        return self._stored_key(source, version), self._stored_key(destination, destination_version)

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
        """Return how long the key still lives, in seconds.

        Returns:
            The remaining time in seconds; None if the key never expires, and -2 if it doesn't
            exist.

        See https://valkey.io/commands/ttl/
        """
        return self._ttl_command("TTL", key, version)

    def _pttl(self, key: Any, version: int | None = None) -> Command[int | None]:
        """Return how long the key still lives, in milliseconds.

        Returns:
            The remaining time in milliseconds; None if the key never expires, and -2 if it doesn't
            exist.

        See https://valkey.io/commands/pttl/
        """
        return self._ttl_command("PTTL", key, version)

    def _expiretime(self, key: Any, version: int | None = None) -> Command[int | None]:
        """Return when the key expires, in seconds since 1970.

        Returns:
            The Unix time in seconds; None if the key never expires, and -2 if it doesn't exist.

        Raises:
            NotSupportedError: the server is older than Redis 7.0.

        See https://valkey.io/commands/expiretime/
        """
        return self._ttl_command("EXPIRETIME", key, version)

    def _pexpiretime(self, key: Any, version: int | None = None) -> Command[int | None]:
        """Return when the key expires, in milliseconds since 1970.

        Returns:
            The Unix time in milliseconds; None if the key never expires, and -2 if it doesn't
            exist.

        Raises:
            NotSupportedError: the server is older than Redis 7.0.

        See https://valkey.io/commands/pexpiretime/
        """
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
        """Let the key expire after some seconds.

        Args:
            timeout: the time in seconds, which may have a fraction, or a timedelta. Zero or less
                deletes the key. Django's DEFAULT_TIMEOUT is the alias's TIMEOUT.
            nx: set the expiry only if the key has none.
            xx: set the expiry only if the key has one.
            gt: set the expiry only if it is later than the current one; no expiry counts as the
                latest.
            lt: set the expiry only if it is earlier than the current one.

        Returns:
            Whether the expiry was set; False if the key doesn't exist or a condition wasn't met.

        Raises:
            TypeError: `timeout` is None; use `persist` to remove the expiry.
            ValueError: the conditions exclude each other.
            NotSupportedError: there is a condition, and the server is older than Redis 7.0.

        See https://valkey.io/commands/expire/
        """
        expiry = self._get_timeout_ms(timeout)
        if expiry is None:
            raise TypeError("expire() needs a timeout. Use persist() to remove the expiry.")
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
        """Let the key expire after some milliseconds.

        Args:
            timeout: the time in milliseconds, or a timedelta. Zero or less deletes the key.
                Django's DEFAULT_TIMEOUT is the alias's TIMEOUT.
            nx, xx, gt, lt: conditions, as for `expire`.

        Returns:
            Whether the expiry was set; False if the key doesn't exist or a condition wasn't met.

        Raises:
            ValueError: the conditions exclude each other.
            NotSupportedError: there is a condition, and the server is older than Redis 7.0.

        See https://valkey.io/commands/pexpire/
        """
        if timeout is DEFAULT_TIMEOUT:
            return self._expire(key, timeout, version, nx=nx, xx=xx, gt=gt, lt=lt)
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
        """Let the key expire at a time. A time in the past deletes it.

        Args:
            when: a datetime, or seconds since 1970. A datetime without a time zone is in the local
                time of the process.
            nx, xx, gt, lt: conditions, as for `expire`.

        Returns:
            Whether the expiry was set; False if the key doesn't exist or a condition wasn't met.

        Raises:
            ValueError: the conditions exclude each other.
            NotSupportedError: there is a condition, and the server is older than Redis 7.0.

        See https://valkey.io/commands/expireat/
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
        """Let the key expire at a time. A time in the past deletes it.

        Args:
            when: a datetime, or milliseconds since 1970. A datetime without a time zone is in the
                local time of the process.
            nx, xx, gt, lt: conditions, as for `expire`.

        Returns:
            Whether the expiry was set; False if the key doesn't exist or a condition wasn't met.

        Raises:
            ValueError: the conditions exclude each other.
            NotSupportedError: there is a condition, and the server is older than Redis 7.0.

        See https://valkey.io/commands/pexpireat/
        """
        return self._expire_command(
            "PEXPIREAT", key, to_timestamp_ms(when), version, expire_condition(nx, xx, gt, lt)
        )

    def _persist(self, key: Any, version: int | None = None) -> Command[bool]:
        """Remove the expiry of the key.

        Returns:
            Whether the key had an expiry.

        See https://valkey.io/commands/persist/
        """
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

    # The names in django-redis and django-valkey.
    expire_at, aexpire_at = expireat, aexpireat
    pexpire_at, apexpire_at = pexpireat, apexpireat
