"""Commands on strings, the type in which a cache keeps its values."""

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
    """What `set` takes besides Django's arguments."""

    nx: bool
    xx: bool
    get: bool
    keepttl: bool


class StringCommands(CacheOperations):
    """Commands of Valkey's *string* group on whole values, and on parts of what is stored.

    Signatures follow valkey-py, plus `version` and `default`. Parts count in bytes of what is
    stored, and nothing is decoded.
    """

    def _strlen(self, key: Any, version: int | None = None) -> Command[int]:
        """Return the bytes stored under `key`, 0 for no such key."""
        return Command(
            ("STRLEN", self._stored_key(key, version)), int, readonly=True, missing_reply=0
        )

    def _getrange(
        self, key: Any, start: int, end: int, version: int | None = None
    ) -> Command[bytes]:
        """Return the stored bytes from `start` to `end`, both included; -1 is the last."""
        return Command(
            ("GETRANGE", self._stored_key(key, version), start, end), bytes, True, missing_reply=b""
        )

    strlen, astrlen = sync_method(_strlen), async_method(_strlen)
    getrange, agetrange = sync_method(_getrange), async_method(_getrange)

    # Whole values.

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
        """Store `value` for `timeout` seconds; one that is not positive deletes `key`.

        With `nx` only if `key` does not exist, with `xx` only if it does; with `keepttl` for as
        long as the old value would have lived. Return the old value, None if there is none, with
        `get`; else whether it was stored, with `nx` or `xx`; else None.
        """
        if nx and xx:
            raise ValueError("nx and xx exclude each other.")
        stored, data, expiry = self._stored_key(key, version), self._encode(value), None
        if not keepttl:
            expiry = self._get_timeout_ms(timeout)
        elif timeout != DEFAULT_TIMEOUT:
            raise ValueError("keepttl keeps the old timeout: leave the new one out.")
        if expiry == 0:
            return self._set_expired(stored, nx, xx, get)
        ends = ("KEEPTTL",) if keepttl else px_args(expiry)
        flags = [name for name, is_set in (("NX", nx), ("XX", xx), ("GET", get)) if is_set]
        harmless = not (nx or xx or get)  # Twice does and answers the same as once.
        args: tuple[EncodableArg, ...] = ("SET", stored, data, *ends, *flags)
        return Command(args, self._set_parser(get, nx, xx), idempotent=harmless)

    def _set_expired(self, stored: bytes, nx: bool, xx: bool, get: bool) -> Command[Any]:
        """Return what does the same as to store what expires at once."""
        if get:
            return Command(("GET" if nx else "GETDEL", stored), self._set_parser(get, nx, xx))
        if nx:  # What is there stays.
            return Command(("EXISTS", stored), lambda count: not count, missing_reply=1)
        return Command(("UNLINK", stored), bool if xx else parse_none)

    def _set_parser(self, get: bool, nx: bool, xx: bool) -> Callable[[Any], Any]:
        if get:
            return lambda reply: None if reply is None else self._decode(reply)
        return bool if nx or xx else parse_none

    def _getdel(self, key: Any, default: Any = None, version: int | None = None) -> Command[Any]:
        """Return the value of `key`, or `default`, and delete it."""
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
        """Return the value of `key`, or `default`, and set how long it lives.

        For `ex` seconds or `px` milliseconds more, until `exat` seconds or `pxat` milliseconds
        since 1970, or for good if `persist`; without any of these as long as before. A time that
        has passed deletes it.
        """
        given: list[tuple[str, int | None]] = []
        if ex is not None:
            given.append(("PX", timeout_to_ms(ex)))
        if px is not None:
            given.append(("PX", to_ms(px)))
        if exat is not None:
            given.append(("PXAT", timestamp_to_ms(exat)))
        if pxat is not None:
            given.append(("PXAT", to_timestamp_ms(pxat)))
        if persist:
            given.append(("PERSIST", None))
        if len(given) > 1:
            raise ValueError("Of ex, px, exat, pxat and persist only one may be given.")
        if any(time is not None and time <= 0 for _name, time in given):
            return self._getdel(key, default, version)
        get = self._get(key, default, version)
        options = [arg for pair in given for arg in pair if arg is not None]
        return Command(("GETEX", get.args[1], *options), get.parse)

    set = sync_method(_set_with_options, "set")
    aset = async_method(_set_with_options, "set")
    getdel, agetdel = sync_method(_getdel), async_method(_getdel)
    getex, agetex = sync_method(_getex), async_method(_getex)
