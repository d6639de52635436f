"""How long keys live: looking at it, setting it, taking it away."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django_cachex.commands.base import Commands
from django_cachex.commands.command import Request, Word, awaitable, blocking
from django_cachex.commands.timeouts import instant, milliseconds, moment, span


class Lifetimes(Commands):
    """Commands of Valkey's *generic* group on expiries.

    Signatures follow valkey-py, but that a time to live is called as by Django. What sets one takes
    `nx` (only where there is none yet), `xx` (only where there is one), `gt` and `lt` (only to one
    that is later, earlier), and returns False where it set none: for no such key, or because of
    these. A time that has passed deletes the key.
    """

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


def only(nx: bool, xx: bool, gt: bool, lt: bool) -> tuple[Word, ...]:
    """Return the words of the conditions; raise ValueError for those that exclude each other."""
    if nx + gt + lt > 1 or (nx and xx):
        raise ValueError("Of nx, gt and lt only one may be set, and xx not together with nx.")
    given = (("NX", nx), ("XX", xx), ("GT", gt), ("LT", lt))
    return tuple(word for word, is_set in given if is_set)


def read_ttl(reply: int) -> int | None:
    """Return what is left of a key's life: the server's -1 means no expiry."""
    return None if reply == -1 else reply
