"""Reading what is new in streams, where need be when somebody adds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django_cachex.commands.args import as_name, flags
from django_cachex.commands.base import Name, options
from django_cachex.commands.blocking import Waiting
from django_cachex.commands.command import Request, Word, awaitable, blocking
from django_cachex.commands.stream_groups import NO_GROUP
from django_cachex.commands.streams import Entry, EntryReading

Found = dict[Any, list[Entry[Name]]]
"""Entries by the caller's key; streams without any are left out."""


class StreamReading(EntryReading[Name]):
    """`streams` maps keys to the ids after which they are read.

    With `block`, in milliseconds, they wait for entries and hold a connection as long; 0 means for
    ever.
    """

    def _xread(
        self,
        streams: Mapping[Any, Word],
        count: int | None = None,
        block: int | None = None,
        version: int | None = None,
    ) -> Request[Found[Name]]:
        """Return up to `count` entries of each stream, after the id given; "$" is the last one."""
        words, read = self._of_streams(streams, version)
        given = ("XREAD", *options(("COUNT", count), ("BLOCK", block)), *words)
        if block is None:
            return Request(given, read, replica=True)
        return Waiting(given, read, block / 1000)

    def _xreadgroup(
        self,
        groupname: Word,
        consumername: Word,
        streams: Mapping[Any, Word],
        count: int | None = None,
        block: int | None = None,
        noack: bool = False,
        version: int | None = None,
    ) -> Request[Found[Name]]:
        """Return up to `count` entries of each stream, for this consumer of a group.

        After the id ">" are those that no consumer was given; they are pending until `xack`, with
        `noack` at no time. After any other id are this consumer's own pending ones.
        """
        words, read = self._of_streams(streams, version)
        group = ("XREADGROUP", "GROUP", as_name(groupname), as_name(consumername))
        chosen = (*options(("COUNT", count), ("BLOCK", block)), *flags(("NOACK", noack)))
        given = (*group, *chosen, *words)
        if block is None:
            return Request(given, read, absent=NO_GROUP)
        return Waiting(given, read, block / 1000)

    def _of_streams(
        self, streams: Mapping[Any, Word], version: Any
    ) -> tuple[tuple[Word, ...], Callable[[Any], Found[Name]]]:
        stored = self.several_keys(streams, version)
        keys = dict(zip(stored, streams, strict=True))

        def read(reply: Sequence[Sequence[Any]] | None) -> Found[Name]:
            return {keys[name]: self.plain_entries(found) for name, found in reply or ()}

        return ("STREAMS", *stored, *map(as_name, streams.values())), read

    xread, axread = blocking(_xread), awaitable(_xread)
    xreadgroup, axreadgroup = blocking(_xreadgroup), awaitable(_xreadgroup)
