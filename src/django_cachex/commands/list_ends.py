"""Commands on the two ends of a list: "LEFT" has its first element, "RIGHT" its last."""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import counted
from django_cachex.commands.base import Commands, options
from django_cachex.commands.command import Request, awaitable, blocking
from django_cachex.commands.parsers import popped_from


class ListEnds(Commands):
    """Putting elements at the ends, and taking them from there."""

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
