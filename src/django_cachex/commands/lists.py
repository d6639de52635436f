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
    """The commands of Valkey's *list* group.

    Elements are encoded and decoded like the values of `set` and `get`. A list is deleted with its
    last element. Commands that wait for an element occupy a connection while they wait.

    Methods raise `WrongTypeError` if a key has another type, and `CrossSlotError` if keys are in
    different slots of a cluster.
    """

    def _llen(self, key: Any, version: int | None = None) -> Command[int]:
        """Return the length of a list; 0 if the key doesn't exist.

        See https://valkey.io/commands/llen/
        """
        return Command(
            ("LLEN", self._stored_key(key, version)), int, readonly=True, missing_reply=0
        )

    def _lrange(
        self, key: Any, start: int, end: int, version: int | None = None
    ) -> Command[list[Any]]:
        """Return a part of a list.

        Args:
            start, end: the indexes of the first and the last element; negative numbers count from
                the end, and -1 is the last element.

        See https://valkey.io/commands/lrange/
        """
        args = ("LRANGE", self._stored_key(key, version), start, end)
        return Command(args, self._decode_all, readonly=True, missing_reply=())

    def _lindex(self, key: Any, index: int, version: int | None = None) -> Command[Any]:
        """Return an element of a list.

        Args:
            index: the index; negative numbers count from the end.

        Returns:
            The element; None if there is none.

        See https://valkey.io/commands/lindex/
        """
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
        """Return the index of an element with a value.

        Args:
            rank: return the second match with 2, and so on; negative numbers search from the end.
            count: return a list of up to so many indexes; 0 returns all of them.
            maxlen: how many elements to compare at most; all of them by default.

        Returns:
            The index, or None if there is none. With `count`, a list of indexes.

        See https://valkey.io/commands/lpos/
        """
        args = ("LPOS", self._stored_key(key, version), self._encode(value))
        options = option_args(("RANK", rank), ("COUNT", count), ("MAXLEN", maxlen))
        missing_reply = None if count is None else ()
        parse = parse_raw if count is None else list
        return Command((*args, *options), parse, readonly=True, missing_reply=missing_reply)

    def _lset(self, key: Any, index: int, value: Any, version: int | None = None) -> Command[None]:
        """Replace an element of a list.

        Args:
            index: the index; negative numbers count from the end.

        Raises:
            CommandError: the key doesn't exist, or the index is out of range.

        See https://valkey.io/commands/lset/
        """
        args = ("LSET", self._stored_key(key, version), index, self._encode(value))
        return Command(args, parse_none, missing_reply=MISSING_KEY)

    def _linsert(
        self, key: Any, where: str, refvalue: Any, value: Any, version: int | None = None
    ) -> Command[int]:
        """Insert an element before or after another one.

        Args:
            where: "BEFORE" or "AFTER".
            refvalue: the element to insert next to; the first one, if it occurs more than once.
            value: the new element.

        Returns:
            The new length; -1 if `refvalue` isn't in the list, and 0 if the key doesn't exist.

        See https://valkey.io/commands/linsert/
        """
        values = self._encode(refvalue), self._encode(value)
        return Command(
            ("LINSERT", self._stored_key(key, version), where, *values), int, missing_reply=0
        )

    def _lrem(self, key: Any, count: int, value: Any, version: int | None = None) -> Command[int]:
        """Remove elements with a value.

        Args:
            count: how many to remove at most; 0 removes all of them, and a negative number starts
                at the end.
            value: the value of the elements.

        Returns:
            How many were removed.

        See https://valkey.io/commands/lrem/
        """
        args = ("LREM", self._stored_key(key, version), count, self._encode(value))
        return Command(args, int, missing_reply=0)

    def _ltrim(self, key: Any, start: int, end: int, version: int | None = None) -> Command[None]:
        """Remove all elements outside of a range.

        Args:
            start, end: the indexes of the first and the last element to keep; negative numbers
                count from the end.

        See https://valkey.io/commands/ltrim/
        """
        return Command(("LTRIM", self._stored_key(key, version), start, end), parse_none)

    llen, allen = sync_method(_llen), async_method(_llen)
    lrange, alrange = sync_method(_lrange), async_method(_lrange)
    lindex, alindex = sync_method(_lindex), async_method(_lindex)
    lpos, alpos = sync_method(_lpos), async_method(_lpos)
    lset, alset = sync_method(_lset), async_method(_lset)
    linsert, alinsert = sync_method(_linsert), async_method(_linsert)
    lrem, alrem = sync_method(_lrem), async_method(_lrem)
    ltrim, altrim = sync_method(_ltrim), async_method(_ltrim)

    # Elements at the start and the end.

    def _lpush(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Add elements to the start of a list.

        Args:
            *values: the elements. The last one becomes the first element of the list.

        Returns:
            The new length.

        Raises:
            ValueError: no value is given.

        See https://valkey.io/commands/lpush/
        """
        return self._push("LPUSH", key, values, version)

    def _rpush(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Add elements to the end of a list.

        Args:
            *values: the elements, in the order in which they are added.

        Returns:
            The new length.

        Raises:
            ValueError: no value is given.

        See https://valkey.io/commands/rpush/
        """
        return self._push("RPUSH", key, values, version)

    def _lpushx(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Add elements to the start of a list, if it exists.

        Args:
            *values: the elements. The last one becomes the first element of the list.

        Returns:
            The new length; 0 if the key doesn't exist.

        Raises:
            ValueError: no value is given.

        See https://valkey.io/commands/lpushx/
        """
        return self._push("LPUSHX", key, values, version)

    def _rpushx(self, key: Any, *values: Any, version: int | None = None) -> Command[int]:
        """Add elements to the end of a list, if it exists.

        Args:
            *values: the elements, in the order in which they are added.

        Returns:
            The new length; 0 if the key doesn't exist.

        Raises:
            ValueError: no value is given.

        See https://valkey.io/commands/rpushx/
        """
        return self._push("RPUSHX", key, values, version)

    def _push(self, name: str, key: Any, values: tuple[Any, ...], version: Any) -> Command[int]:
        args = (name, self._stored_key(key, version), *self._encode_values(values))
        return Command(args, int, missing_reply=0)

    def _lpop(self, key: Any, count: int | None = None, version: int | None = None) -> Command[Any]:
        """Remove elements from the start of a list.

        Args:
            count: return a list of up to so many elements.

        Returns:
            The element, or None if there is none. With `count`, a list.

        See https://valkey.io/commands/lpop/
        """
        return self._pop("LPOP", key, count, version)

    def _rpop(self, key: Any, count: int | None = None, version: int | None = None) -> Command[Any]:
        """Remove elements from the end of a list.

        Args:
            count: return a list of up to so many elements, the last one first.

        Returns:
            The element, or None if there is none. With `count`, a list.

        See https://valkey.io/commands/rpop/
        """
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
        """Move an element from one list to another.

        Args:
            first_list: the key of the list to take from.
            second_list: the key of the list to add to.
            src, dest: "LEFT" for the start of the list, "RIGHT" for its end.

        Returns:
            The element; None if there is none.

        See https://valkey.io/commands/lmove/
        """
        keys = self._stored_keys((first_list, second_list), version)
        return Command(("LMOVE", *keys, src, dest), self._decode_optional)

    def _lmpop(
        self,
        num_keys: int,
        *keys: Any,
        direction: str,
        count: int = 1,
        version: int | None = None,
    ) -> Command[tuple[Any, list[Any]] | None]:
        """Remove elements from the first list that has any. Requires Valkey, or Redis 7.0 or later.

        Args:
            num_keys: how many keys there are.
            *keys: the keys of the lists.
            direction: "LEFT" to take from the start, "RIGHT" from the end.
            count: how many elements to take at most.

        Returns:
            The key and a list of elements; None if all lists are empty.

        Raises:
            ValueError: the number of keys is wrong.

        See https://valkey.io/commands/lmpop/
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
    lmpop, almpop = sync_method(_lmpop), async_method(_lmpop)

    # Commands that wait for an element.

    def _blpop(
        self, keys: Any, timeout: float = 0, version: int | None = None
    ) -> Command[tuple[Any, Any] | None]:
        """Remove the first element of a list; if there is none, wait for one.

        Args:
            keys: a key, or a list of keys, of which the first one with an element is used.
            timeout: how many seconds to wait; 0 waits forever.

        Returns:
            The key and the element; None after the timeout.

        Raises:
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.
            ValueError: `timeout` is negative.

        See https://valkey.io/commands/blpop/
        """
        return self._bpop("BLPOP", keys, timeout, version)

    def _brpop(
        self, keys: Any, timeout: float = 0, version: int | None = None
    ) -> Command[tuple[Any, Any] | None]:
        """Remove the last element of a list; if there is none, wait for one.

        Args:
            keys: a key, or a list of keys, of which the first one with an element is used.
            timeout: how many seconds to wait; 0 waits forever.

        Returns:
            The key and the element; None after the timeout.

        Raises:
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.
            ValueError: `timeout` is negative.

        See https://valkey.io/commands/brpop/
        """
        return self._bpop("BRPOP", keys, timeout, version)

    def _bpop(
        self, name: str, keys: Any, timeout: float, version: Any
    ) -> Command[tuple[Any, Any] | None]:
        key_list = list_or_args(keys)
        stored = self._encode_keys(key_list, version)
        parse = parse_pop(dict(zip(stored, key_list, strict=True)), self._decode)
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
        """Move an element from one list to another; if there is none, wait for one.

        Args:
            first_list: the key of the list to take from.
            second_list: the key of the list to add to.
            timeout: how many seconds to wait; 0 waits forever.
            src, dest: "LEFT" for the start of the list, "RIGHT" for its end.

        Returns:
            The element; None after the timeout.

        Raises:
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.
            ValueError: `timeout` is negative.

        See https://valkey.io/commands/blmove/
        """
        keys = self._stored_keys((first_list, second_list), version)
        args: tuple[EncodableArg, ...] = ("BLMOVE", *keys, src, dest, encode_score(timeout))
        return BlockingCommand(args, self._decode_optional, timeout)

    def _blmpop(
        self,
        timeout: float,
        numkeys: int,
        *keys: Any,
        direction: str,
        count: int = 1,
        version: int | None = None,
    ) -> Command[tuple[Any, list[Any]] | None]:
        """Remove elements from the first list that has any; if none has, wait for one.

        Requires Valkey, or Redis 7.0 or later.

        Args:
            timeout: how many seconds to wait; 0 waits forever.
            numkeys: how many keys there are.
            *keys: the keys of the lists.
            direction: "LEFT" to take from the start, "RIGHT" from the end.
            count: how many elements to take at most.

        Returns:
            The key and a list of elements; None after the timeout.

        Raises:
            ValueError: the number of keys is wrong.
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.

        See https://valkey.io/commands/blmpop/
        """
        stored = self._encode_keys(check_numkeys(numkeys, keys), version)
        parse = parse_pop(dict(zip(stored, keys, strict=True)), self._decode_all)
        args = ("BLMPOP", encode_score(timeout), numkeys, *stored, direction)
        return BlockingCommand((*args, *option_args(("COUNT", count))), parse, timeout)

    blpop, ablpop = sync_method(_blpop), async_method(_blpop)
    brpop, abrpop = sync_method(_brpop), async_method(_brpop)
    blmove, ablmove = sync_method(_blmove), async_method(_blmove)
    blmpop, ablmpop = sync_method(_blmpop), async_method(_blmpop)
