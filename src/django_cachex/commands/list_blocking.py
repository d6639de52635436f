"""Commands that wait for an element of a list.

They hold a connection as long as they wait; a `timeout` is in seconds, and 0 means for ever.
"""

from __future__ import annotations

from typing import Any

from django_cachex.commands.args import counted, listed, number
from django_cachex.commands.base import Commands, options
from django_cachex.commands.blocking import Waiting
from django_cachex.commands.command import Request, Word, awaitable, blocking
from django_cachex.commands.parsers import popped_from


class ListWaiting(Commands):
    """Taking elements from lists, where need be when somebody puts one there."""

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
