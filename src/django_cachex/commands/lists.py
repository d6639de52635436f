"""Commands on lists."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import (
    BlockingCommand,
    check_numkeys,
    encode_score,
    list_or_args,
    option_args,
)
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    MISSING_KEY,
    Command,
    EncodableArg,
    async_method,
    parse_none,
    parse_pop,
    parse_raw,
    sync_method,
)


class ListCommands(Commands):
    """Commands of Valkey's *list* group; elements are decoded like values.

    Places are numbers: 0 is the first element, -1 the last. Of the two ends, "LEFT" has the first
    element, "RIGHT" the last. Commands that wait for an element hold a connection as long as they
    wait; a `timeout` is in seconds, and 0 means for ever. A list without elements is no key.
    """

    def _llen(self, key: Any, version: int | None = None) -> Command[int]:
        """Return the length of the list, 0 for no such key."""
        return Command(
            ("LLEN", self._stored_key(key, version)), int, readonly=True, missing_reply=0
        )

    def _lrange(
        self, key: Any, start: int, end: int, version: int | None = None
    ) -> Command[list[Any]]:
        """Return the elements from `start` to `end`, both included; -1 is the last."""
        args = ("LRANGE", self._stored_key(key, version), start, end)
        return Command(args, self._decode_all, readonly=True, missing_reply=())

    def _lindex(self, key: Any, index: int, version: int | None = None) -> Command[Any]:
        """Return the element at `index`, None where there is none."""
        args = ("LINDEX", self._stored_key(key, version), index)
        return Command(args, self._decode_optional, readonly=True)

    def _lpos(
        self,
        key: Any,
        value: Any,
        rank: int | None = None,
        count: int | None = None,
        maxlen: int | None = None,
        version: int | None = None,
    ) -> Command[Any]:
        """Return where `value` is, None where it is not; with `count`, a list of so many places.

        A `rank` of 2 skips the first place, negative ones search from the end; a `count` of 0
        means all places. Only the first `maxlen` elements are looked at.
        """
        args = ("LPOS", self._stored_key(key, version), self._encode(value))
        given = option_args(("RANK", rank), ("COUNT", count), ("MAXLEN", maxlen))
        none = None if count is None else ()
        parse = parse_raw if count is None else list
        return Command((*args, *given), parse, readonly=True, missing_reply=none)

    def _lset(self, key: Any, index: int, value: Any, version: int | None = None) -> Command[None]:
        """Put `value` in the place of the element at `index`.

        Raise `CommandError` where there is no such key or no such place.
        """
        args = ("LSET", self._stored_key(key, version), index, self._encode(value))
        return Command(args, parse_none, missing_reply=MISSING_KEY)

    def _linsert(
        self, key: Any, where: str, refvalue: Any, value: Any, version: int | None = None
    ) -> Command[int]:
        """Put `value` before or after the first `refvalue`; return the new length.

        `where` is "BEFORE" or "AFTER". Return -1 where there is no `refvalue`, 0 for no such key.
        """
        values = self._encode(refvalue), self._encode(value)
        return Command(
            ("LINSERT", self._stored_key(key, version), where, *values), int, missing_reply=0
        )

    def _lrem(self, key: Any, count: int, value: Any, version: int | None = None) -> Command[int]:
        """Remove up to `count` elements equal to `value`; return how many were removed.

        0 means all of them, a negative `count` begins at the end.
        """
        args = ("LREM", self._stored_key(key, version), count, self._encode(value))
        return Command(args, int, missing_reply=0)

    def _ltrim(self, key: Any, start: int, end: int, version: int | None = None) -> Command[None]:
        """Keep only the elements from `start` to `end`, both included."""
        return Command(("LTRIM", self._stored_key(key, version), start, end), parse_none)

    llen, allen = sync_method(_llen), async_method(_llen)
    lrange, alrange = sync_method(_lrange), async_method(_lrange)
    lindex, alindex = sync_method(_lindex), async_method(_lindex)
    lpos, alpos = sync_method(_lpos), async_method(_lpos)
    lset, alset = sync_method(_lset), async_method(_lset)
    linsert, alinsert = sync_method(_linsert), async_method(_linsert)
    lrem, alrem = sync_method(_lrem), async_method(_lrem)
    ltrim, altrim = sync_method(_ltrim), async_method(_ltrim)

    # The two ends.

    def _lpush(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Put `values`, one after the other, before the first element; return the new length."""
        return self._push("LPUSH", key, values, version)

    def _rpush(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Put `values`, one after the other, behind the last element; return the new length."""
        return self._push("RPUSH", key, values, version)

    def _lpushx(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Do what `lpush` does if `key` exists; return the new length, 0 for no such key."""
        return self._push("LPUSHX", key, values, version)

    def _rpushx(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Do what `rpush` does if `key` exists; return the new length, 0 for no such key."""
        return self._push("RPUSHX", key, values, version)

    def _push(self, name: str, key: Any, values: tuple[Any, ...], version: Any) -> Command[int]:
        args = (name, self._stored_key(key, version), *self._encode_values(values))
        return Command(args, int, missing_reply=0)

    def _lpop(self, key: Any, count: int | None = None, version: int | None = None) -> Command[Any]:
        """Take the first element, None where there is none; with `count`, a list of so many."""
        return self._pop("LPOP", key, count, version)

    def _rpop(self, key: Any, count: int | None = None, version: int | None = None) -> Command[Any]:
        """Take the last element, None where there is none; with `count`, a list, last first."""
        return self._pop("RPOP", key, count, version)

    def _pop(self, name: str, key: Any, count: int | None, version: Any) -> Command[Any]:
        stored = self._stored_key(key, version)
        if count is None:
            return Command((name, stored), self._decode_optional)
        return Command((name, stored, count), lambda reply: self._decode_all(reply or ()))

    def _lmove(
        self,
        first_list: Any,
        second_list: Any,
        src: str = "LEFT",
        dest: str = "RIGHT",
        version: int | None = None,
    ) -> Command[Any]:
        """Take an element from one list, put it in the other, return it; None where none is."""
        keys = self._stored_keys((first_list, second_list), version)
        return Command(("LMOVE", *keys, src, dest), self._decode_optional)

    def _rpoplpush(self, src: Any, dst: Any, version: int | None = None) -> Command[Any]:
        """Take the last element of `src`, put it before the first of `dst`, and return it."""
        return self._lmove(src, dst, "RIGHT", "LEFT", version)

    def _lmpop(
        self,
        num_keys: int,
        *keys: Any,
        direction: str,
        count: int = 1,
        version: int | None = None,
    ) -> Command[tuple[Any, list[Any]] | None]:
        """Take up to `count` elements from the first list that has any.

        Return its key and the elements, None where all are empty. `num_keys` is how many keys
        there are, `direction` is "LEFT" or "RIGHT".
        """
        stored = self._encode_keys(check_numkeys(num_keys, keys), version)
        parse = parse_pop(dict(zip(stored, keys, strict=True)), self._decode_all)
        return Command(
            ("LMPOP", num_keys, *stored, direction, *option_args(("COUNT", count))), parse
        )

    lpush, alpush = sync_method(_lpush), async_method(_lpush)
    rpush, arpush = sync_method(_rpush), async_method(_rpush)
    lpushx, alpushx = sync_method(_lpushx), async_method(_lpushx)
    rpushx, arpushx = sync_method(_rpushx), async_method(_rpushx)
    lpop, alpop = sync_method(_lpop), async_method(_lpop)
    rpop, arpop = sync_method(_rpop), async_method(_rpop)
    lmove, almove = sync_method(_lmove), async_method(_lmove)
    rpoplpush, arpoplpush = sync_method(_rpoplpush), async_method(_rpoplpush)
    lmpop, almpop = sync_method(_lmpop), async_method(_lmpop)

    # Waiting for an element.

    def _blpop(
        self, keys: Any, timeout: float = 0, version: int | None = None
    ) -> Command[tuple[Any, Any] | None]:
        """Wait for a first element in any of `keys`; return its key and itself, None in vain.

        `keys` is one key, or a list of keys of which the first that has elements serves.
        """
        return self._bpop("BLPOP", keys, timeout, version)

    def _brpop(
        self, keys: Any, timeout: float = 0, version: int | None = None
    ) -> Command[tuple[Any, Any] | None]:
        """Wait for a last element in any of `keys`: see `blpop`."""
        return self._bpop("BRPOP", keys, timeout, version)

    def _bpop(
        self, name: str, keys: Any, timeout: float, version: Any
    ) -> Command[tuple[Any, Any] | None]:
        given = list_or_args(keys)
        stored = self._encode_keys(given, version)
        parse = parse_pop(dict(zip(stored, given, strict=True)), self._decode)
        args: tuple[EncodableArg, ...] = (name, *stored, encode_score(timeout))
        return BlockingCommand(args, parse, timeout)

    def _blmove(
        self,
        first_list: Any,
        second_list: Any,
        timeout: float,
        src: str = "LEFT",
        dest: str = "RIGHT",
        version: int | None = None,
    ) -> Command[Any]:
        """Do what `lmove` does, as soon as there is an element; return None in vain."""
        keys = self._stored_keys((first_list, second_list), version)
        args: tuple[EncodableArg, ...] = ("BLMOVE", *keys, src, dest, encode_score(timeout))
        return BlockingCommand(args, self._decode_optional, timeout)

    def _brpoplpush(
        self, src: Any, dst: Any, timeout: float = 0, version: int | None = None
    ) -> Command[Any]:
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
    ) -> Command[tuple[Any, list[Any]] | None]:
        """Do what `lmpop` does, as soon as there is an element; return None in vain."""
        stored = self._encode_keys(check_numkeys(numkeys, keys), version)
        parse = parse_pop(dict(zip(stored, keys, strict=True)), self._decode_all)
        args = ("BLMPOP", encode_score(timeout), numkeys, *stored, direction)
        return BlockingCommand((*args, *option_args(("COUNT", count))), parse, timeout)

    blpop, ablpop = sync_method(_blpop), async_method(_blpop)
    brpop, abrpop = sync_method(_brpop), async_method(_brpop)
    blmove, ablmove = sync_method(_blmove), async_method(_blmove)
    brpoplpush, abrpoplpush = sync_method(_brpoplpush), async_method(_brpoplpush)
    blmpop, ablmpop = sync_method(_blmpop), async_method(_blmpop)
