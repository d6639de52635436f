"""Commands on strings, the type of a cache's values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.commands.args import timeout_to_ms, timestamp_to_ms, to_ms, to_timestamp_ms
from django_cachex.commands.cache_api import CacheOperations, px_args
from django_cachex.commands.command import (
    Command,
    EncodableArg,
    async_method,
    parse_none,
    sync_method,
)


class SetKwargs(TypedDict, total=False):
    """The arguments of `set` in addition to Django's."""

    nx: bool
    xx: bool
    get: bool
    keepttl: bool


class StringCommands(CacheOperations):
    """The commands of Valkey's *string* group, with the signatures of valkey-py and `version`."""

    def _strlen(self, key: Any, version: int | None = None) -> Command[int]:
        """Return how many bytes are stored at `key`.

        Args:
            version: the key's version; the alias's VERSION by default.

        Returns:
            The size in bytes, after serialization and compression; 0 if the key doesn't exist.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/strlen/
        """
        return Command(
            ("STRLEN", self._stored_key(key, version)), int, readonly=True, missing_reply=0
        )

    def _getrange(
        self, key: Any, start: int, end: int, version: int | None = None
    ) -> Command[bytes]:
        """Return a part of the bytes that are stored at `key`, without decoding them.

        Args:
            start, end: the offsets of the first and the last byte; negative numbers count from the
                end, and -1 is the last byte.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The bytes; empty if the key doesn't exist.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/getrange/
        """
        return Command(
            ("GETRANGE", self._stored_key(key, version), start, end), bytes, True, missing_reply=b""
        )

    strlen, astrlen = sync_method(_strlen), async_method(_strlen)
    getrange, agetrange = sync_method(_getrange), async_method(_getrange)

    # Values.

    def _set_with_options(
        self,
        key: Any,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: Any = None,
        *,
        nx: bool = False,
        xx: bool = False,
        get: bool = False,
        keepttl: bool = False,
    ) -> Command[Any]:
        """Store a value.

        Args:
            value: any value that the alias's serializer can store.
            timeout: seconds after which the key expires, which may have a fraction, or a timedelta;
                None to never expire. Zero or less deletes the key. The alias's TIMEOUT by default.
            version: the key's version; the alias's VERSION by default.
            nx: store the value only if the key doesn't exist.
            xx: store the value only if the key exists.
            get: return the old value. Together with `nx`, this requires Valkey, or Redis 7.0 or
                later.
            keepttl: keep the current expiry of the key instead of setting a new one.

        Returns:
            With `get`, the old value, or None if there was none. With `nx` or `xx`, whether the
            value was stored. Otherwise None.

        Raises:
            ValueError: `nx` and `xx` are both set, or `keepttl` and a timeout are given.
            WrongTypeError: `get` is set, and the key has another type.

        See https://valkey.io/commands/set/
        """
        if nx and xx:
            raise ValueError("Set only one of nx and xx.")
        stored, data, expiry = self._stored_key(key, version), self._encode(value), None
        if not keepttl:
            expiry = self._get_timeout_ms(timeout)
        elif timeout != DEFAULT_TIMEOUT:
            raise ValueError("keepttl keeps the old timeout, so don't pass a new one.")
        if expiry == 0:
            return self._set_expired(stored, nx, xx, get)
        expiry_args = ("KEEPTTL",) if keepttl else px_args(expiry)
        flags = [name for name, is_set in (("NX", nx), ("XX", xx), ("GET", get)) if is_set]
        is_idempotent = not (nx or xx or get)  # Running it again has the same effect and reply.
        args: tuple[EncodableArg, ...] = ("SET", stored, data, *expiry_args, *flags)
        return Command(args, self._set_parser(get, nx, xx), idempotent=is_idempotent)

    def _set_expired(self, stored: bytes, nx: bool, xx: bool, get: bool) -> Command[Any]:
        """Return a command with the effect of storing a value that expires immediately."""
        if get:
            return Command(("GET" if nx else "GETDEL", stored), self._set_parser(get, nx, xx))
        if nx:  # An existing value is kept.
            return Command(("EXISTS", stored), lambda count: not count, missing_reply=1)
        return Command(("UNLINK", stored), bool if xx else parse_none)

    def _set_parser(self, get: bool, nx: bool, xx: bool) -> Callable[[Any], Any]:
        if get:
            return lambda reply: None if reply is None else self._decode(reply)
        return bool if nx or xx else parse_none

    def _getdel(self, key: Any, default: Any = None, version: int | None = None) -> Command[Any]:
        """Return the value of a key, and delete the key.

        Args:
            default: what to return if the key doesn't exist.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The value, or `default`.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/getdel/
        """
        get = self._get(key, default, version)
        return Command(("GETDEL", get.args[1]), get.parse)

    def _getex(
        self,
        key: Any,
        default: Any = None,
        version: int | None = None,
        *,
        ex: float | timedelta | None = None,
        px: int | timedelta | None = None,
        exat: float | datetime | None = None,
        pxat: int | datetime | None = None,
        persist: bool = False,
    ) -> Command[Any]:
        """Return the value of a key, and set its expiry. Without an option, the expiry is kept.

        Args:
            default: what to return if the key doesn't exist.
            version: the key's version; the alias's VERSION by default.
            ex: expire after so many seconds, or a timedelta.
            px: expire after so many milliseconds, or a timedelta.
            exat: expire at a time: a datetime, or seconds since 1970.
            pxat: expire at a time: a datetime, or milliseconds since 1970.
            persist: never expire.

        Returns:
            The value, or `default`. If the time has passed, the key is deleted.

        Raises:
            ValueError: more than one option is given.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/getex/
        """
        expiries: list[tuple[str, int | None]] = []
        if ex is not None:
            expiries.append(("PX", timeout_to_ms(ex)))
        if px is not None:
            expiries.append(("PX", to_ms(px)))
        if exat is not None:
            expiries.append(("PXAT", timestamp_to_ms(exat)))
        if pxat is not None:
            expiries.append(("PXAT", to_timestamp_ms(pxat)))
        if persist:
            expiries.append(("PERSIST", None))
        if len(expiries) > 1:
            raise ValueError("Pass only one of ex, px, exat, pxat and persist.")
        if any(time is not None and time <= 0 for _name, time in expiries):
            return self._getdel(key, default, version)
        get = self._get(key, default, version)
        options = [arg for pair in expiries for arg in pair if arg is not None]
        return Command(("GETEX", get.args[1], *options), get.parse)

    set = sync_method(_set_with_options, "set")
    aset = async_method(_set_with_options, "aset")
    getdel, agetdel = sync_method(_getdel), async_method(_getdel)
    getex, agetex = sync_method(_getex), async_method(_getex)
