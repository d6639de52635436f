"""Commands on strings, the type in which a cache keeps its entries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.commands.cache_api import EntryRequests, lifetime
from django_cachex.commands.command import Request, Word, awaitable, blocking, done
from django_cachex.commands.timeouts import instant, milliseconds, moment, span


class SetOptions(TypedDict, total=False):
    """What `set` takes besides Django's arguments."""

    nx: bool
    xx: bool
    get: bool
    keepttl: bool


class Values(EntryRequests):
    """Commands of Valkey's *string* group on whole values, and on parts of what is stored.

    Signatures follow valkey-py, plus `version` and `default`. Parts count in bytes of what is
    stored, and nothing is decoded.
    """

    def _strlen(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the bytes stored under `key`, 0 for no such key."""
        return Request(("STRLEN", self.stored_key(key, version)), int, replica=True, absent=0)

    def _getrange(
        self, key: Any, start: int, end: int, version: int | None = None
    ) -> Request[bytes]:
        """Return the stored bytes from `start` to `end`, both included; -1 is the last."""
        return Request(
            ("GETRANGE", self.stored_key(key, version), start, end), bytes, True, absent=b""
        )

    strlen, astrlen = blocking(_strlen), awaitable(_strlen)
    getrange, agetrange = blocking(_getrange), awaitable(_getrange)

    # Whole values.

    def _set_if(
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
    ) -> Request[Any]:
        """Store `value` for `timeout` seconds; one that is not positive deletes `key`.

        With `nx` only if `key` does not exist, with `xx` only if it does; with `keepttl` for as
        long as the old value would have lived. Return the old value, None if there is none, with
        `get`; else whether it was stored, with `nx` or `xx`; else None.
        """
        if nx and xx:
            raise ValueError("nx and xx exclude each other.")
        stored, data, expiry = self.stored_key(key, version), self.encode(value), None
        if not keepttl:
            expiry = self.expiry(timeout)
        elif timeout != DEFAULT_TIMEOUT:
            raise ValueError("keepttl keeps the old timeout: leave the new one out.")
        if expiry == 0:
            return self._expired(stored, nx, xx, get)
        ends = ("KEEPTTL",) if keepttl else lifetime(expiry)
        flags = [word for word, is_set in (("NX", nx), ("XX", xx), ("GET", get)) if is_set]
        harmless = not (nx or xx or get)  # Twice does and answers the same as once.
        words: tuple[Word, ...] = ("SET", stored, data, *ends, *flags)
        return Request(words, self._outcome(get, nx, xx), idempotent=harmless)

    def _expired(self, stored: bytes, nx: bool, xx: bool, get: bool) -> Request[Any]:
        """Return what does the same as to store what expires at once."""
        if get:
            return Request(("GET" if nx else "GETDEL", stored), self._outcome(get, nx, xx))
        if nx:  # What is there stays.
            return Request(("EXISTS", stored), lambda count: not count, absent=1)
        return Request(("UNLINK", stored), bool if xx else done)

    def _outcome(self, get: bool, nx: bool, xx: bool) -> Callable[[Any], Any]:
        if get:
            return lambda reply: None if reply is None else self.decode(reply)
        return bool if nx or xx else done

    def _getdel(self, key: Any, default: Any = None, version: int | None = None) -> Request[Any]:
        """Return the value of `key`, or `default`, and delete it."""
        get = self._get(key, default, version)
        return Request(("GETDEL", get.words[1]), get.read)

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
    ) -> Request[Any]:
        """Return the value of `key`, or `default`, and set how long it lives.

        For `ex` seconds or `px` milliseconds more, until `exat` seconds or `pxat` milliseconds
        since 1970, or for good if `persist`; without any of these as long as before. A time that
        has passed deletes it.
        """
        given: list[tuple[str, int | None]] = []
        if ex is not None:
            given.append(("PX", milliseconds(ex)))
        if px is not None:
            given.append(("PX", span(px)))
        if exat is not None:
            given.append(("PXAT", moment(exat)))
        if pxat is not None:
            given.append(("PXAT", instant(pxat)))
        if persist:
            given.append(("PERSIST", None))
        if len(given) > 1:
            raise ValueError("Of ex, px, exat, pxat and persist only one may be given.")
        if any(time is not None and time <= 0 for _name, time in given):
            return self._getdel(key, default, version)
        get = self._get(key, default, version)
        options = [word for pair in given for word in pair if word is not None]
        return Request(("GETEX", get.words[1], *options), get.read)

    set, aset = blocking(_set_if), awaitable(_set_if)
    getdel, agetdel = blocking(_getdel), awaitable(_getdel)
    getex, agetex = blocking(_getex), awaitable(_getex)
