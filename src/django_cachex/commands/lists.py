"""Commands on lists."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import counted, listed, number
from django_cachex.commands.base import Commands, options
from django_cachex.commands.blocking import Waiting
from django_cachex.commands.command import (
    NO_SUCH_KEY,
    Request,
    Word,
    awaitable,
    blocking,
    done,
    unread,
)
from django_cachex.commands.parsers import popped_from


class Lists(Commands):
    """Commands of Valkey's *list* group; elements are decoded like values.

    Places are numbers: 0 is the first element, -1 the last. Of the two ends, "LEFT" has the first
    element, "RIGHT" the last. Commands that wait for an element hold a connection as long as they
    wait; a `timeout` is in seconds, and 0 means for ever. A list without elements is no key.
    """

    def _llen(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the length of the list, 0 for no such key."""
        return Request(("LLEN", self.stored_key(key, version)), int, replica=True, absent=0)

    def _lrange(
        self, key: Any, start: int, end: int, version: int | None = None
    ) -> Request[list[Any]]:
        """Return the elements from `start` to `end`, both included; -1 is the last."""
        words = ("LRANGE", self.stored_key(key, version), start, end)
        return Request(words, self.decode_all, replica=True, absent=())

    def _lindex(self, key: Any, index: int, version: int | None = None) -> Request[Any]:
        """Return the element at `index`, None where there is none."""
        words = ("LINDEX", self.stored_key(key, version), index)
        return Request(words, self.decode_optional, replica=True)

    def _lpos(
        self,
        key: Any,
        value: Any,
        rank: int | None = None,
        count: int | None = None,
        maxlen: int | None = None,
        version: int | None = None,
    ) -> Request[Any]:
        """Return where `value` is, None where it is not; with `count`, a list of so many places.

        A `rank` of 2 skips the first place, negative ones search from the end; a `count` of 0
        means all places. Only the first `maxlen` elements are looked at.
        """
        words = ("LPOS", self.stored_key(key, version), self.encode(value))
        given = options(("RANK", rank), ("COUNT", count), ("MAXLEN", maxlen))
        none = None if count is None else ()
        read = unread if count is None else list
        return Request((*words, *given), read, replica=True, absent=none)

    def _lset(self, key: Any, index: int, value: Any, version: int | None = None) -> Request[None]:
        """Put `value` in the place of the element at `index`.

        Raise `CommandError` where there is no such key or no such place.
        """
        words = ("LSET", self.stored_key(key, version), index, self.encode(value))
        return Request(words, done, absent=NO_SUCH_KEY)

    def _linsert(
        self, key: Any, where: str, refvalue: Any, value: Any, version: int | None = None
    ) -> Request[int]:
        """Put `value` before or after the first `refvalue`; return the new length.

        `where` is "BEFORE" or "AFTER". Return -1 where there is no `refvalue`, 0 for no such key.
        """
        values = self.encode(refvalue), self.encode(value)
        return Request(("LINSERT", self.stored_key(key, version), where, *values), int, absent=0)

    def _lrem(self, key: Any, count: int, value: Any, version: int | None = None) -> Request[int]:
        """Remove up to `count` elements equal to `value`; return how many were removed.

        0 means all of them, a negative `count` begins at the end.
        """
        words = ("LREM", self.stored_key(key, version), count, self.encode(value))
        return Request(words, int, absent=0)

    def _ltrim(self, key: Any, start: int, end: int, version: int | None = None) -> Request[None]:
        """Keep only the elements from `start` to `end`, both included."""
        return Request(("LTRIM", self.stored_key(key, version), start, end), done)

    llen, allen = blocking(_llen), awaitable(_llen)
    lrange, alrange = blocking(_lrange), awaitable(_lrange)
    lindex, alindex = blocking(_lindex), awaitable(_lindex)
    lpos, alpos = blocking(_lpos), awaitable(_lpos)
    lset, alset = blocking(_lset), awaitable(_lset)
    linsert, alinsert = blocking(_linsert), awaitable(_linsert)
    lrem, alrem = blocking(_lrem), awaitable(_lrem)
    ltrim, altrim = blocking(_ltrim), awaitable(_ltrim)

    # The two ends.

    def _lpush(self, key: Any, *values: Any, version: int | None = None) -> Request[int]:
        """Put `values`, one after the other, before the first element; return the new length."""
        return self._push("LPUSH", key, values, version)

    def _rpush(self, key: Any, *values: Any, version: int | None = None) -> Request[int]:
        """Put `values`, one after the other, behind the last element; return the new length."""
        return self._push("RPUSH", key, values, version)

    def _lpushx(self, key: Any, *values: Any, version: int | None = None) -> Request[int]:
        """Do what `lpush` does if `key` exists; return the new length, 0 for no such key."""
        return self._push("LPUSHX", key, values, version)

    def _rpushx(self, key: Any, *values: Any, version: int | None = None) -> Request[int]:
        """Do what `rpush` does if `key` exists; return the new length, 0 for no such key."""
        return self._push("RPUSHX", key, values, version)

    def _push(self, name: str, key: Any, values: tuple[Any, ...], version: Any) -> Request[int]:
        words = (name, self.stored_key(key, version), *self.several_values(values))
        return Request(words, int, absent=0)

    def _lpop(self, key: Any, count: int | None = None, version: int | None = None) -> Request[Any]:
        """Take the first element, None where there is none; with `count`, a list of so many."""
        return self._pop("LPOP", key, count, version)

    def _rpop(self, key: Any, count: int | None = None, version: int | None = None) -> Request[Any]:
        """Take the last element, None where there is none; with `count`, a list, last first."""
        return self._pop("RPOP", key, count, version)

    def _pop(self, name: str, key: Any, count: int | None, version: Any) -> Request[Any]:
        stored = self.stored_key(key, version)
        if count is None:
            return Request((name, stored), self.decode_optional)
        return Request((name, stored, count), lambda reply: self.decode_all(reply or ()))

    def _lmove(
        self,
        first_list: Any,
        second_list: Any,
        src: str = "LEFT",
        dest: str = "RIGHT",
        version: int | None = None,
    ) -> Request[Any]:
        """Take an element from one list, put it in the other, return it; None where none is."""
        keys = self.stored_keys((first_list, second_list), version)
        return Request(("LMOVE", *keys, src, dest), self.decode_optional)

    def _rpoplpush(self, src: Any, dst: Any, version: int | None = None) -> Request[Any]:
        """Take the last element of `src`, put it before the first of `dst`, and return it."""
        return self._lmove(src, dst, "RIGHT", "LEFT", version)

    def _lmpop(
        self,
        num_keys: int,
        *keys: Any,
        direction: str,
        count: int = 1,
        version: int | None = None,
    ) -> Request[tuple[Any, list[Any]] | None]:
        """Take up to `count` elements from the first list that has any.

        Return its key and the elements, None where all are empty. `num_keys` is how many keys
        there are, `direction` is "LEFT" or "RIGHT".
        """
        stored = self.several_keys(counted(num_keys, keys), version)
        read = popped_from(dict(zip(stored, keys, strict=True)), self.decode_all)
        return Request(("LMPOP", num_keys, *stored, direction, *options(("COUNT", count))), read)

    lpush, alpush = blocking(_lpush), awaitable(_lpush)
    rpush, arpush = blocking(_rpush), awaitable(_rpush)
    lpushx, alpushx = blocking(_lpushx), awaitable(_lpushx)
    rpushx, arpushx = blocking(_rpushx), awaitable(_rpushx)
    lpop, alpop = blocking(_lpop), awaitable(_lpop)
    rpop, arpop = blocking(_rpop), awaitable(_rpop)
    lmove, almove = blocking(_lmove), awaitable(_lmove)
    rpoplpush, arpoplpush = blocking(_rpoplpush), awaitable(_rpoplpush)
    lmpop, almpop = blocking(_lmpop), awaitable(_lmpop)

    # Waiting for an element.

    def _blpop(
        self, keys: Any, timeout: float = 0, version: int | None = None
    ) -> Request[tuple[Any, Any] | None]:
        """Wait for a first element in any of `keys`; return its key and itself, None in vain.

        `keys` is one key, or a list of keys of which the first that has elements serves.
        """
        return self._bpop("BLPOP", keys, timeout, version)

    def _brpop(
        self, keys: Any, timeout: float = 0, version: int | None = None
    ) -> Request[tuple[Any, Any] | None]:
        """Wait for a last element in any of `keys`: see `blpop`."""
        return self._bpop("BRPOP", keys, timeout, version)

    def _bpop(
        self, name: str, keys: Any, timeout: float, version: Any
    ) -> Request[tuple[Any, Any] | None]:
        given = listed(keys)
        stored = self.several_keys(given, version)
        read = popped_from(dict(zip(stored, given, strict=True)), self.decode)
        words: tuple[Word, ...] = (name, *stored, number(timeout))
        return Waiting(words, read, timeout)

    def _blmove(
        self,
        first_list: Any,
        second_list: Any,
        timeout: float,
        src: str = "LEFT",
        dest: str = "RIGHT",
        version: int | None = None,
    ) -> Request[Any]:
        """Do what `lmove` does, as soon as there is an element; return None in vain."""
        keys = self.stored_keys((first_list, second_list), version)
        words: tuple[Word, ...] = ("BLMOVE", *keys, src, dest, number(timeout))
        return Waiting(words, self.decode_optional, timeout)

    def _brpoplpush(
        self, src: Any, dst: Any, timeout: float = 0, version: int | None = None
    ) -> Request[Any]:
        """Do what `rpoplpush` does, as soon as there is an element; return None in vain."""
        return self._blmove(src, dst, timeout, "RIGHT", "LEFT", version)

    def _blmpop(
        self,
        timeout: float,
        numkeys: int,
        *keys: Any,
        direction: str,
        count: int = 1,
        version: int | None = None,
    ) -> Request[tuple[Any, list[Any]] | None]:
        """Do what `lmpop` does, as soon as there is an element; return None in vain."""
        stored = self.several_keys(counted(numkeys, keys), version)
        read = popped_from(dict(zip(stored, keys, strict=True)), self.decode_all)
        words = ("BLMPOP", number(timeout), numkeys, *stored, direction)
        return Waiting((*words, *options(("COUNT", count))), read, timeout)

    blpop, ablpop = blocking(_blpop), awaitable(_blpop)
    brpop, abrpop = blocking(_brpop), awaitable(_brpop)
    blmove, ablmove = blocking(_blmove), awaitable(_blmove)
    brpoplpush, abrpoplpush = blocking(_brpoplpush), awaitable(_brpoplpush)
    blmpop, ablmpop = blocking(_blmpop), awaitable(_blmpop)
