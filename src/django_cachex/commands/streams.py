"""Commands on streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic

from django_cachex.commands.args import as_name, flags, listed, several_names
from django_cachex.commands.base import Commands, Name, options
from django_cachex.commands.blocking import Waiting
from django_cachex.commands.command import NO_SUCH_KEY, Request, Word, awaitable, blocking, done
from django_cachex.commands.exceptions import CommandError
from django_cachex.commands.parsers import pairs

Entry = tuple[Name, dict[Name, Any]]
"""An id and the fields."""

NO_GROUP = CommandError("NOGROUP No such key or consumer group.")
"""What commands on a group answer where there is none."""

NO_STREAM = CommandError("ERR The XGROUP subcommand requires the key to exist.")

# What the server says of a pending entry, as valkey-py calls it.
PARTS = "message_id", "consumer", "time_since_delivered", "times_delivered"

Facts = dict[str, Any]
"""What the server tells, under its own names, such as "last-generated-id"."""

Found = dict[Any, list[Entry[Name]]]
"""Entries by the caller's key; streams without any are left out."""


class Streams(Commands, Generic[Name]):
    """Commands of Valkey's *stream* group; values are decoded, all else are names.

    Ids are given as text or bytes; a cache answers with text. "-" is the lowest id, "+" the
    highest.

    `xread` and `xreadgroup` take `streams`, which maps keys to the ids after which they are read.
    With `block`, in milliseconds, they wait for entries and hold a connection as long; 0 means for
    ever.

    A group remembers the id up to which its consumers were given entries. What a consumer was given
    and has not acknowledged is pending.
    """

    def plain_entry(self, reply: Sequence[Any]) -> Entry[Name]:
        """Return an entry; one that was deleted meanwhile has no fields."""
        return self.plain_name(reply[0]), self.plain_fields(reply[1] or ())

    def plain_entries(self, replies: Sequence[Any] | None) -> list[Entry[Name]]:
        """Return the entries of a reply."""
        # Redis 6.2 has None in the place of an entry that was claimed but deleted before.
        return [self.plain_entry(reply) for reply in replies or () if reply is not None]

    # Entries by id.

    def _xlen(self, key: Any, version: int | None = None) -> Request[int]:
        """Return the number of entries, 0 for no such key."""
        return Request(("XLEN", self.stored_key(key, version)), int, replica=True, absent=0)

    def _xadd(
        self,
        key: Any,
        fields: Mapping[Any, Any],
        id: bytes | str = "*",
        maxlen: int | None = None,
        approximate: bool = True,
        nomkstream: bool = False,
        minid: Word | None = None,
        limit: int | None = None,
        version: int | None = None,
    ) -> Request[Name | None]:
        """Add an entry and return its id, None where `nomkstream` is set and there is no such key.

        `maxlen`, `minid`, `approximate` and `limit` trim the stream as `xtrim` does.
        """
        trimming = trim_words(maxlen, minid, approximate, limit)
        given = (*flags(("NOMKSTREAM", nomkstream)), *trimming, as_name(id))
        words = ("XADD", self.stored_key(key, version), *given, *self.stored_fields(fields))
        return Request(words, self._optional_id)

    def _xrange(
        self,
        key: Any,
        min: bytes | str = "-",
        max: bytes | str = "+",
        count: int | None = None,
        version: int | None = None,
    ) -> Request[list[Entry[Name]]]:
        """Return the entries from id `min` to `max`, oldest first, as ``(id, fields)``.

        A ``(`` before an id leaves that id out.
        """
        return self._ranged("XRANGE", key, min, max, count, version)

    def _xrevrange(
        self,
        key: Any,
        max: bytes | str = "+",
        min: bytes | str = "-",
        count: int | None = None,
        version: int | None = None,
    ) -> Request[list[Entry[Name]]]:
        """Return the entries from id `max` down to `min`, newest first: see `xrange`."""
        return self._ranged("XREVRANGE", key, max, min, count, version)

    def _ranged(
        self, name: str, key: Any, start: Word, end: Word, count: int | None, version: Any
    ) -> Request[list[Entry[Name]]]:
        words = (name, self.stored_key(key, version), as_name(start), as_name(end))
        given = options(("COUNT", count))
        return Request((*words, *given), self.plain_entries, replica=True, absent=())

    def _xdel(self, key: Any, *ids: bytes | str, version: int | None = None) -> Request[int]:
        """Delete the entries with these ids; return how many there were."""
        words = ("XDEL", self.stored_key(key, version), *several_names(ids))
        return Request(words, int, absent=0)

    def _xtrim(
        self,
        key: Any,
        maxlen: int | None = None,
        approximate: bool = True,
        minid: Word | None = None,
        limit: int | None = None,
        version: int | None = None,
    ) -> Request[int]:
        """Delete the oldest entries, all but `maxlen`, or those below `minid`; return how many.

        Where it may be `approximate`, some more may stay, and at most `limit` are deleted.
        """
        trimming = trim_words(maxlen, minid, approximate, limit)
        if not trimming:
            raise ValueError("Either maxlen or minid says what to delete.")
        return Request(("XTRIM", self.stored_key(key, version), *trimming), int, absent=0)

    def _optional_id(self, reply: bytes | None) -> Name | None:
        return None if reply is None else self.plain_name(reply)

    xlen, axlen = blocking(_xlen), awaitable(_xlen)
    xadd, axadd = blocking(_xadd), awaitable(_xadd)
    xrange, axrange = blocking(_xrange), awaitable(_xrange)
    xrevrange, axrevrange = blocking(_xrevrange), awaitable(_xrevrange)
    xdel, axdel = blocking(_xdel), awaitable(_xdel)
    xtrim, axtrim = blocking(_xtrim), awaitable(_xtrim)

    # Reading what is new, where need be when somebody adds it.

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

    # Consumer groups.

    def _xgroup_create(
        self,
        key: Any,
        groupname: Word,
        id: Word = "$",
        mkstream: bool = False,
        entries_read: int | None = None,
        version: int | None = None,
    ) -> Request[None]:
        """Make a group that is given what comes after `id`; "$" is the last entry.

        With `mkstream`, an empty stream is made where there is no such key. `entries_read` is what
        the group counts from: Valkey or Redis 7.0. Raise `CommandError` if there is such a group.
        """
        words = ("XGROUP", "CREATE", self.stored_key(key, version), as_name(groupname), as_name(id))
        given = (*flags(("MKSTREAM", mkstream)), *options(("ENTRIESREAD", entries_read)))
        return Request((*words, *given), done, absent=None if mkstream else NO_STREAM)

    def _xgroup_setid(
        self,
        key: Any,
        groupname: Word,
        id: Word,
        entries_read: int | None = None,
        version: int | None = None,
    ) -> Request[None]:
        """Let a group go on after `id`: see `xgroup_create`."""
        words = ("XGROUP", "SETID", self.stored_key(key, version), as_name(groupname), as_name(id))
        given = options(("ENTRIESREAD", entries_read))
        return Request((*words, *given), done, absent=NO_STREAM)

    def _xgroup_destroy(
        self, key: Any, groupname: Word, version: int | None = None
    ) -> Request[bool]:
        """Delete a group and what is pending in it; return whether there was one."""
        words = ("XGROUP", "DESTROY", self.stored_key(key, version), as_name(groupname))
        return Request(words, bool, absent=NO_STREAM)

    def _xgroup_createconsumer(
        self, key: Any, groupname: Word, consumername: Word, version: int | None = None
    ) -> Request[bool]:
        """Make a consumer, as reading does by itself; return whether there was none."""
        return self._on_consumer("CREATECONSUMER", key, groupname, consumername, bool, version)

    def _xgroup_delconsumer(
        self, key: Any, groupname: Word, consumername: Word, version: int | None = None
    ) -> Request[int]:
        """Delete a consumer; return how many entries were pending, which nobody can claim now."""
        return self._on_consumer("DELCONSUMER", key, groupname, consumername, int, version)

    def _on_consumer(
        self, name: str, key: Any, group: Word, consumer: Word, read: Any, version: Any
    ) -> Request[Any]:
        words = ("XGROUP", name, self.stored_key(key, version), as_name(group), as_name(consumer))
        return Request(words, read, absent=NO_STREAM)

    def _xack(
        self, key: Any, groupname: Word, *ids: Word, version: int | None = None
    ) -> Request[int]:
        """Say that these entries are dealt with; return how many were pending."""
        words = ("XACK", self.stored_key(key, version), as_name(groupname), *several_names(ids))
        return Request(words, int, absent=0)

    xgroup_create, axgroup_create = blocking(_xgroup_create), awaitable(_xgroup_create)
    xgroup_setid, axgroup_setid = blocking(_xgroup_setid), awaitable(_xgroup_setid)
    xgroup_destroy, axgroup_destroy = blocking(_xgroup_destroy), awaitable(_xgroup_destroy)
    xgroup_createconsumer = blocking(_xgroup_createconsumer)
    axgroup_createconsumer = awaitable(_xgroup_createconsumer)
    xgroup_delconsumer = blocking(_xgroup_delconsumer)
    axgroup_delconsumer = awaitable(_xgroup_delconsumer)
    xack, axack = blocking(_xack), awaitable(_xack)

    # What is pending, and taking it over from a consumer that does not get on.

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

    # What the server says of a stream, its groups and their consumers.

    def _xinfo_stream(
        self, key: Any, full: bool = False, version: int | None = None
    ) -> Request[Facts]:
        """Return the facts of a stream; with `full`, those of its groups and consumers, too."""
        words = ("XINFO", "STREAM", self.stored_key(key, version), *flags(("FULL", full)))
        return Request(words, self._facts, replica=True, absent=NO_SUCH_KEY)

    def _xinfo_groups(self, key: Any, version: int | None = None) -> Request[list[Facts]]:
        """Return the facts of each group."""
        words = ("XINFO", "GROUPS", self.stored_key(key, version))
        return Request(words, self._all_facts, replica=True, absent=NO_SUCH_KEY)

    def _xinfo_consumers(
        self, key: Any, groupname: Word, version: int | None = None
    ) -> Request[list[Facts]]:
        """Return the facts of each consumer of a group."""
        words = ("XINFO", "CONSUMERS", self.stored_key(key, version), as_name(groupname))
        return Request(words, self._all_facts, replica=True, absent=NO_SUCH_KEY)

    def _facts(self, flat: Sequence[Any]) -> Facts:
        return {name.decode(): self._fact(name, value) for name, value in pairs(flat)}

    def _all_facts(self, replies: Sequence[Any]) -> list[Facts]:
        return [self._facts(reply) for reply in replies]

    def _fact(self, name: bytes, value: Any) -> Any:
        if name in (b"first-entry", b"last-entry"):
            return None if value is None else self.plain_entry(value)
        if name == b"entries":
            return self.plain_entries(value)
        if name in (b"groups", b"consumers") and not isinstance(value, int):
            return self._all_facts(value)
        if name in (b"pending", b"pel") and not isinstance(value, int):
            return [[self._plain(part) for part in entry] for entry in value]
        return self._plain(value)

    def _plain(self, value: Any) -> Any:
        return self.plain_name(value) if isinstance(value, bytes) else value

    xinfo_stream, axinfo_stream = blocking(_xinfo_stream), awaitable(_xinfo_stream)
    xinfo_groups, axinfo_groups = blocking(_xinfo_groups), awaitable(_xinfo_groups)
    xinfo_consumers, axinfo_consumers = blocking(_xinfo_consumers), awaitable(_xinfo_consumers)


def trim_words(
    maxlen: int | None, minid: Word | None, approximate: bool, limit: int | None
) -> tuple[Word, ...]:
    """Return the words that trim a stream, none for no limit; raise ValueError for two."""
    if maxlen is not None and minid is not None:
        raise ValueError("Only one of maxlen and minid can say what to delete.")
    kind, bound = ("MAXLEN", maxlen) if minid is None else ("MINID", as_name(minid))
    if bound is None:
        return ()
    return (kind, "~" if approximate else "=", bound, *options(("LIMIT", limit)))
