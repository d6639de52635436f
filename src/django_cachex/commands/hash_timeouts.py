"""Commands on how long single fields of a hash live: Valkey 9.0 and Redis 7.4 have them.

https://valkey.io/commands/hexpire/
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django_cachex.commands.args import several_names
from django_cachex.commands.base import Commands
from django_cachex.commands.command import Request, Word, awaitable, blocking
from django_cachex.commands.key_timeouts import only, read_ttl
from django_cachex.commands.timeouts import instant, moment, span
from django_cachex.commands.timeouts import milliseconds as in_milliseconds

Outcomes = list[int]
"""One for each field: 1 done, 0 a condition was not met, 2 deleted at once, -2 no such field."""


class FieldLifetimes(Commands):
    """Fields that expire. Other servers raise `NotSupportedError`.

    Expiries are set under one condition: `nx` where there is none, `xx` where there is one, `gt`
    and `lt` where the new one is later or earlier. Setting a field's value takes its expiry away.
    """

    def _hexpire(
        self,
        key: Any,
        seconds: float | timedelta,
        *fields: Word,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
        version: int | None = None,
    ) -> Request[Outcomes]:
        """Let `fields` live for `seconds` more, kept to the millisecond; return an outcome each."""
        time = in_milliseconds(seconds)
        if time is None:
            raise TypeError("hexpire() needs a time: hpersist() takes the expiry away.")
        return self._on_fields("HPEXPIRE", key, fields, version, time, *one_of(nx, xx, gt, lt))

    def _hpexpire(
        self,
        key: Any,
        milliseconds: int | timedelta,
        *fields: Word,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
        version: int | None = None,
    ) -> Request[Outcomes]:
        """Let `fields` live for `milliseconds` more; return an outcome each."""
        time = span(milliseconds)
        return self._on_fields("HPEXPIRE", key, fields, version, time, *one_of(nx, xx, gt, lt))

    def _hexpireat(
        self,
        key: Any,
        unix_time_seconds: float | datetime,
        *fields: Word,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
        version: int | None = None,
    ) -> Request[Outcomes]:
        """Let `fields` live until then, kept to the millisecond; return an outcome each."""
        time = moment(unix_time_seconds)
        return self._on_fields("HPEXPIREAT", key, fields, version, time, *one_of(nx, xx, gt, lt))

    def _hpexpireat(
        self,
        key: Any,
        unix_time_milliseconds: int | datetime,
        *fields: Word,
        nx: bool = False,
        xx: bool = False,
        gt: bool = False,
        lt: bool = False,
        version: int | None = None,
    ) -> Request[Outcomes]:
        """Let `fields` live until then; return an outcome each."""
        time = instant(unix_time_milliseconds)
        return self._on_fields("HPEXPIREAT", key, fields, version, time, *one_of(nx, xx, gt, lt))

    def _hpersist(self, key: Any, *fields: Word, version: int | None = None) -> Request[Outcomes]:
        """Take the expiry from `fields`; return 1 for each that had one, -1 for none, -2 for no
        such field."""
        return self._on_fields("HPERSIST", key, fields, version)

    def _httl(
        self, key: Any, *fields: Word, version: int | None = None
    ) -> Request[list[int | None]]:
        """Return the seconds each field has left; None without an expiry, -2 for no such field."""
        return self._times("HTTL", key, fields, version)

    def _hpttl(
        self, key: Any, *fields: Word, version: int | None = None
    ) -> Request[list[int | None]]:
        """Return the milliseconds each field has left: see `httl`."""
        return self._times("HPTTL", key, fields, version)

    def _hexpiretime(
        self, key: Any, *fields: Word, version: int | None = None
    ) -> Request[list[int | None]]:
        """Return the Unix time in seconds at which each field expires: see `httl`."""
        return self._times("HEXPIRETIME", key, fields, version)

    def _hpexpiretime(
        self, key: Any, *fields: Word, version: int | None = None
    ) -> Request[list[int | None]]:
        """Return the Unix time in milliseconds at which each field expires: see `httl`."""
        return self._times("HPEXPIRETIME", key, fields, version)

    def _on_fields(
        self, name: str, key: Any, fields: tuple[Word, ...], version: Any, *arguments: Word
    ) -> Request[Outcomes]:
        names = several_names(fields)
        words = (name, self.stored_key(key, version), *arguments, "FIELDS", len(names), *names)
        return Request(words, list, absent=[-2] * len(names))

    def _times(
        self, name: str, key: Any, fields: tuple[Word, ...], version: Any
    ) -> Request[list[int | None]]:
        words = self._on_fields(name, key, fields, version).words
        return Request(words, read_times, replica=True, absent=[-2] * len(fields))

    hexpire, ahexpire = blocking(_hexpire), awaitable(_hexpire)
    hpexpire, ahpexpire = blocking(_hpexpire), awaitable(_hpexpire)
    hexpireat, ahexpireat = blocking(_hexpireat), awaitable(_hexpireat)
    hpexpireat, ahpexpireat = blocking(_hpexpireat), awaitable(_hpexpireat)
    hpersist, ahpersist = blocking(_hpersist), awaitable(_hpersist)
    httl, ahttl = blocking(_httl), awaitable(_httl)
    hpttl, ahpttl = blocking(_hpttl), awaitable(_hpttl)
    hexpiretime, ahexpiretime = blocking(_hexpiretime), awaitable(_hexpiretime)
    hpexpiretime, ahpexpiretime = blocking(_hpexpiretime), awaitable(_hpexpiretime)


def one_of(nx: bool, xx: bool, gt: bool, lt: bool) -> tuple[Word, ...]:
    """Return the word of the condition, if there is one; raise ValueError for several."""
    words = only(nx, xx, gt, lt)
    if len(words) > 1:
        raise ValueError("Of nx, xx, gt and lt only one may be set for fields.")
    return words


def read_times(reply: Iterable[int]) -> list[int | None]:
    """Return what is left of each field's life, as `read_ttl` does of a key's."""
    return [read_ttl(time) for time in reply]
