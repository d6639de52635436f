"""Commands on hashes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic

from django_cachex.commands.args import as_name, listed, number, scanning, several_names
from django_cachex.commands.base import Commands, Name
from django_cachex.commands.command import (
    NOT_COUNTED,
    NOTHING_FOUND,
    Request,
    Word,
    awaitable,
    blocking,
)
from django_cachex.commands.keys import only, read_ttl
from django_cachex.commands.parsers import pairs
from django_cachex.commands.timeouts import instant, moment, span
from django_cachex.commands.timeouts import milliseconds as in_milliseconds

Outcomes = list[int]
"""One for each field: 1 done, 0 a condition was not met, 2 deleted at once, -2 no such field."""


class Hashes(Commands, Generic[Name]):
    """Commands of Valkey's *hash* group; values are decoded, field names are names.

    Field names are given as text, bytes or numbers; a cache answers with text. A hash without
    fields is no key.

    Fields can expire: Valkey 9.0 and Redis 7.4 have that (https://valkey.io/commands/hexpire/),
    other servers raise `NotSupportedError`. Expiries are set under one condition: `nx` where there
    is none, `xx` where there is one, `gt` and `lt` where the new one is later or earlier. Setting a
    field's value takes its expiry away.
    """

    def _hlen(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the number of fields, 0 for no such key."""
        return Request(("HLEN", self.stored_key(key, version)), int, replica=True, absent=0)

    def _hget(self, key: Any, field: Word, version: int | None = None) -> Request[Any]:
        """Return the value of `field`, None where there is none."""
        words = ("HGET", self.stored_key(key, version), as_name(field))
        return Request(words, self.decode_optional, replica=True)

    def _hmget(
        self, key: Any, fields: Any, *args: Word, version: int | None = None
    ) -> Request[list[Any]]:
        """Return the values of `fields`, a list or one by one; None stands for a missing one."""
        names = several_names(listed(fields, args))
        words = ("HMGET", self.stored_key(key, version), *names)
        return Request(words, self.decode_all, replica=True, absent=[None] * len(names))

    def _hgetall(self, key: Any, version: int | None = None) -> Request[dict[Name, Any]]:
        """Return all fields and their values. Large hashes are walked with `hscan_iter`."""
        words = ("HGETALL", self.stored_key(key, version))
        return Request(words, self.plain_fields, replica=True, absent=())

    def _hkeys(self, key: Any, version: int | None = None) -> Request[list[Name]]:
        """Return the names of all fields."""
        words = ("HKEYS", self.stored_key(key, version))
        return Request(words, self.plain_names, replica=True, absent=())

    def _hvals(self, key: Any, version: int | None = None) -> Request[list[Any]]:
        """Return the values of all fields."""
        words = ("HVALS", self.stored_key(key, version))
        return Request(words, self.decode_all, replica=True, absent=())

    def _hexists(self, key: Any, field: Word, version: int | None = None) -> Request[bool]:
        """Return whether there is `field`."""
        words = ("HEXISTS", self.stored_key(key, version), as_name(field))
        return Request(words, bool, replica=True, absent=0)

    def _hstrlen(self, key: Any, field: Word, version: int | None = None) -> Request[int]:
        """Return the bytes that the value of `field` takes as it is stored, 0 for none."""
        words = ("HSTRLEN", self.stored_key(key, version), as_name(field))
        return Request(words, int, replica=True, absent=0)

    def _hrandfield(
        self,
        key: Any,
        count: int | None = None,
        withvalues: bool = False,
        version: int | None = None,
    ) -> Request[Any]:
        """Return the name of a random field, None where there is none.

        With `count`, a list of so many names, and with `withvalues` of names and values; a negative
        `count` may return a field several times. Raise ValueError for values without `count`.
        """
        words = ("HRANDFIELD", self.stored_key(key, version))
        if count is None:
            if withvalues:
                raise ValueError("hrandfield() returns values only with a count.")
            return Request(words, self._optional_name, replica=True)
        if not withvalues:
            return Request((*words, count), self.plain_names, replica=True, absent=())

        def read(flat: Sequence[bytes]) -> list[tuple[Name, Any]]:
            return [(self.plain_name(name), self.decode(value)) for name, value in pairs(flat)]

        return Request((*words, count, "WITHVALUES"), read, replica=True, absent=())

    def _hset(
        self,
        key: Any,
        field: Word | None = None,
        value: Any = None,
        mapping: Mapping[Any, Any] | None = None,
        items: Sequence[Any] | None = None,
        version: int | None = None,
    ) -> Request[int]:
        """Store `value` in `field`, and what `mapping` and `items` say; return how many were new.

        `items` is a flat list of fields and values in turns.
        """
        given = dict(mapping or {}) if field is None else {field: value, **(mapping or {})}
        if items:
            given.update(zip(items[::2], items[1::2], strict=True))
        words = ("HSET", self.stored_key(key, version), *self.stored_fields(given))
        return Request(words, int, absent=0)

    def _hsetnx(
        self, key: Any, field: Word, value: Any, version: int | None = None
    ) -> Request[bool]:
        """Store `value` in `field` unless there is one; return whether there was none."""
        words = ("HSETNX", self.stored_key(key, version), as_name(field), self.encode(value))
        return Request(words, bool, absent=0)

    def _hdel(self, key: Any, *fields: Word, version: int | None = None) -> Request[int]:
        """Delete `fields`; return how many there were."""
        words = ("HDEL", self.stored_key(key, version), *several_names(fields))
        return Request(words, int, absent=0)

    def _hincrby(
        self, key: Any, field: Word, amount: int = 1, version: int | None = None
    ) -> Request[int]:
        """Add `amount` to the integer in `field`, 0 where there is none; return the sum.

        Raise `WrongTypeError` where no integer is stored, `OutOfRangeError` past 64 bits.
        """
        words = ("HINCRBY", self.stored_key(key, version), as_name(field), amount)
        return Request(words, int, absent=NOT_COUNTED)

    def _hincrbyfloat(
        self, key: Any, field: Word, amount: float = 1.0, version: int | None = None
    ) -> Request[float]:
        """Add `amount` to the number in `field`, 0 where there is none; return the sum.

        The server stores it as decimal text.
        """
        words = ("HINCRBYFLOAT", self.stored_key(key, version), as_name(field), number(amount))
        return Request(words, float, absent=NOT_COUNTED)

    def _hscan(
        self,
        key: Any,
        cursor: int = 0,
        match: bytes | str | None = None,
        count: int | None = None,
        version: int | None = None,
    ) -> Request[tuple[int, dict[Name, Any]]]:
        """Return the next cursor and a batch of fields; a cursor of 0 begins and ends."""

        def read(reply: tuple[bytes, list[bytes]]) -> tuple[int, dict[Name, Any]]:
            return int(reply[0]), self.plain_fields(reply[1])

        words = ("HSCAN", self.stored_key(key, version), str(cursor))
        return Request((*words, *scanning(match, count)), read, absent=NOTHING_FOUND)

    def _optional_name(self, stored: bytes | None) -> Name | None:
        return None if stored is None else self.plain_name(stored)

    hlen, ahlen = blocking(_hlen), awaitable(_hlen)
    hget, ahget = blocking(_hget), awaitable(_hget)
    hmget, ahmget = blocking(_hmget), awaitable(_hmget)
    hgetall, ahgetall = blocking(_hgetall), awaitable(_hgetall)
    hkeys, ahkeys = blocking(_hkeys), awaitable(_hkeys)
    hvals, ahvals = blocking(_hvals), awaitable(_hvals)
    hexists, ahexists = blocking(_hexists), awaitable(_hexists)
    hstrlen, ahstrlen = blocking(_hstrlen), awaitable(_hstrlen)
    hrandfield, ahrandfield = blocking(_hrandfield), awaitable(_hrandfield)
    hset, ahset = blocking(_hset), awaitable(_hset)
    hsetnx, ahsetnx = blocking(_hsetnx), awaitable(_hsetnx)
    hdel, ahdel = blocking(_hdel), awaitable(_hdel)
    hincrby, ahincrby = blocking(_hincrby), awaitable(_hincrby)
    hincrbyfloat, ahincrbyfloat = blocking(_hincrbyfloat), awaitable(_hincrbyfloat)
    hscan, ahscan = blocking(_hscan), awaitable(_hscan)

    # Expiry of single fields.

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
