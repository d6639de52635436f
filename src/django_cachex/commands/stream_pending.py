"""Commands on what is pending: entries that a consumer was given and has not acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_cachex.commands.args import as_name, flags, listed, several_names
from django_cachex.commands.base import Name, options
from django_cachex.commands.command import Request, Word, awaitable, blocking
from django_cachex.commands.stream_groups import NO_GROUP
from django_cachex.commands.streams import EntryReading

# What the server says of a pending entry, as valkey-py calls it.
PARTS = "message_id", "consumer", "time_since_delivered", "times_delivered"


class StreamPending(EntryReading[Name]):
    """Looking at what is pending, and taking it over from a consumer that does not get on."""

    def _xpending(
        self, key: Any, groupname: Word, version: int | None = None
    ) -> Request[dict[str, Any]]:
        """Return what is pending in a group, as a dictionary.

        `pending` is how many entries, `min` and `max` their lowest and highest id (None for no
        entry), `consumers` a list with `name` and `pending` of each consumer that has any.
        """
        words = ("XPENDING", self.stored_key(key, version), as_name(groupname))
        return Request(words, self._summary, replica=True, absent=NO_GROUP)

    def _summary(self, reply: Sequence[Any]) -> dict[str, Any]:
        count, lowest, highest, consumers = reply
        return {
            "pending": count,
            "min": None if lowest is None else self.plain_name(lowest),
            "max": None if highest is None else self.plain_name(highest),
            "consumers": [
                {"name": self.plain_name(name), "pending": int(number)}
                for name, number in consumers or ()
            ],
        }

    def _xpending_range(
        self,
        key: Any,
        groupname: Word,
        min: Word,
        max: Word,
        count: int,
        consumername: Word | None = None,
        idle: int | None = None,
        version: int | None = None,
    ) -> Request[list[dict[str, Any]]]:
        """Return up to `count` pending entries from id `min` to `max`, as dictionaries.

        Each has `message_id`, `consumer`, `time_since_delivered` in milliseconds and
        `times_delivered`. `consumername` picks those of one consumer, `idle` those delivered so
        many milliseconds ago or longer.
        """

        def read(reply: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
            return [
                dict(zip(PARTS, (*self.plain_names(parts[:2]), *parts[2:]), strict=True))
                for parts in reply
            ]

        words = ("XPENDING", self.stored_key(key, version), as_name(groupname))
        consumer = () if consumername is None else (as_name(consumername),)
        chosen = (*options(("IDLE", idle)), as_name(min), as_name(max), count, *consumer)
        return Request((*words, *chosen), read, replica=True, absent=NO_GROUP)

    def _xclaim(
        self,
        key: Any,
        groupname: Word,
        consumername: Word,
        min_idle_time: int,
        message_ids: Any,
        idle: int | None = None,
        time: int | None = None,
        retrycount: int | None = None,
        force: bool = False,
        justid: bool = False,
        version: int | None = None,
    ) -> Request[list[Any]]:
        """Make pending entries the consumer's, and return them; with `justid`, return their ids.

        Only entries delivered `min_idle_time` milliseconds ago or longer are claimed. `idle`, or
        `time` in milliseconds since 1970, says when they count as delivered (else now),
        `retrycount` how often; with `force`, ids that nobody was given become pending, too.
        """
        group = self.stored_key(key, version), as_name(groupname), as_name(consumername)
        ids = several_names(listed(message_ids))
        chosen = options(("IDLE", idle), ("TIME", time), ("RETRYCOUNT", retrycount))
        only = flags(("FORCE", force), ("JUSTID", justid))
        words = ("XCLAIM", *group, min_idle_time, *ids, *chosen, *only)
        return Request(words, self.plain_names if justid else self.plain_entries, absent=NO_GROUP)

    def _xautoclaim(
        self,
        key: Any,
        groupname: Word,
        consumername: Word,
        min_idle_time: int,
        start_id: Word = "0-0",
        count: int | None = None,
        justid: bool = False,
        version: int | None = None,
    ) -> Request[tuple[Name, list[Any], list[Name]]]:
        """Do what `xclaim` does with up to `count` entries from `start_id` on.

        Return the id from which to go on ("0-0" at the end), the entries (with `justid`, their
        ids), and the ids of pending entries that are deleted, of which Redis 6.2 says nothing.
        """

        def read(reply: Sequence[Any]) -> tuple[Name, list[Any], list[Name]]:
            following, found, *deleted = reply
            claimed = self.plain_names(found) if justid else self.plain_entries(found)
            return self.plain_name(following), claimed, self.plain_names(*deleted or ((),))

        group = self.stored_key(key, version), as_name(groupname), as_name(consumername)
        words = ("XAUTOCLAIM", *group, min_idle_time, as_name(start_id))
        chosen = (*options(("COUNT", count)), *flags(("JUSTID", justid)))
        return Request((*words, *chosen), read, absent=NO_GROUP)

    xpending, axpending = blocking(_xpending), awaitable(_xpending)
    xpending_range, axpending_range = blocking(_xpending_range), awaitable(_xpending_range)
    xclaim, axclaim = blocking(_xclaim), awaitable(_xclaim)
    xautoclaim, axautoclaim = blocking(_xautoclaim), awaitable(_xautoclaim)
