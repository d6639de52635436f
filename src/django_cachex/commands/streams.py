"""Commands on streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic

from django_cachex.commands.args import (
    BlockingCommand,
    encode_name,
    encode_names,
    flag_args,
    list_or_args,
    option_args,
)
from django_cachex.commands.base import Commands, FieldT
from django_cachex.commands.command import (
    MISSING_KEY,
    Command,
    EncodableArg,
    async_method,
    iter_pairs,
    parse_none,
    sync_method,
)
from django_cachex.exceptions import CommandError

StreamEntry = tuple[FieldT, dict[FieldT, Any]]
"""An id and the fields."""

MISSING_GROUP = CommandError("NOGROUP No such key or consumer group.")
"""What commands on a group answer where there is none."""

MISSING_STREAM = CommandError("ERR The XGROUP subcommand requires the key to exist.")

# What the server says of a pending entry, as valkey-py calls it.
PENDING_FIELDS = "message_id", "consumer", "time_since_delivered", "times_delivered"

InfoDict = dict[str, Any]
"""What the server tells, under its own names, such as "last-generated-id"."""

StreamEntries = dict[Any, list[StreamEntry[FieldT]]]
"""Entries by the caller's key; streams without any are left out."""


class StreamCommands(Commands, Generic[FieldT]):
    """Commands of Valkey's *stream* group; values are decoded, all else are names.

    Ids are given as text or bytes; a cache answers with text. "-" is the lowest id, "+" the
    highest.

    `xread` and `xreadgroup` take `streams`, which maps keys to the ids after which they are read.
    With `block`, in milliseconds, they wait for entries and hold a connection as long; 0 means for
    ever.

    A group remembers the id up to which its consumers were given entries. What a consumer was given
    and has not acknowledged is pending.
    """

    def _decode_entry(self, reply: Sequence[Any]) -> StreamEntry[FieldT]:
        """Return an entry; one that was deleted meanwhile has no fields."""
        return self._decode_name(reply[0]), self._decode_fields(reply[1] or ())

    def _decode_entries(self, replies: Sequence[Any] | None) -> list[StreamEntry[FieldT]]:
        """Return the entries of a reply."""
        # Redis 6.2 has None in the place of an entry that was claimed but deleted before.
        return [self._decode_entry(reply) for reply in replies or () if reply is not None]

    # Entries by id.

    def _xlen(self, key: Any, version: int | None = None) -> Command[int]:
        """Return the number of entries, 0 for no such key."""
        return Command(
            ("XLEN", self._stored_key(key, version)), int, readonly=True, missing_reply=0
        )

    def _xadd(
        self,
        key: Any,
        fields: Mapping[Any, Any],
        id: bytes | str = "*",
        maxlen: int | None = None,
        approximate: bool = True,
        nomkstream: bool = False,
        minid: EncodableArg | None = None,
        limit: int | None = None,
        version: int | None = None,
    ) -> Command[FieldT | None]:
        """Add an entry and return its id, None where `nomkstream` is set and there is no such key.

        `maxlen`, `minid`, `approximate` and `limit` trim the stream as `xtrim` does.
        """
        trimming = trim_args(maxlen, minid, approximate, limit)
        given = (*flag_args(("NOMKSTREAM", nomkstream)), *trimming, encode_name(id))
        args = ("XADD", self._stored_key(key, version), *given, *self._encode_fields(fields))
        return Command(args, self._decode_optional_id)

    def _xrange(
        self,
        key: Any,
        min: bytes | str = "-",
        max: bytes | str = "+",
        count: int | None = None,
        version: int | None = None,
    ) -> Command[list[StreamEntry[FieldT]]]:
        """Return the entries from id `min` to `max`, oldest first, as ``(id, fields)``.

        A ``(`` before an id leaves that id out.
        """
        return self._xrange_command("XRANGE", key, min, max, count, version)

    def _xrevrange(
        self,
        key: Any,
        max: bytes | str = "+",
        min: bytes | str = "-",
        count: int | None = None,
        version: int | None = None,
    ) -> Command[list[StreamEntry[FieldT]]]:
        """Return the entries from id `max` down to `min`, newest first: see `xrange`."""
        return self._xrange_command("XREVRANGE", key, max, min, count, version)

    def _xrange_command(
        self,
        name: str,
        key: Any,
        start: EncodableArg,
        end: EncodableArg,
        count: int | None,
        version: Any,
    ) -> Command[list[StreamEntry[FieldT]]]:
        args = (name, self._stored_key(key, version), encode_name(start), encode_name(end))
        given = option_args(("COUNT", count))
        return Command((*args, *given), self._decode_entries, readonly=True, missing_reply=())

    def _xdel(self, key: Any, *ids: bytes | str, version: int | None = None) -> Command[int]:
        """Delete the entries with these ids; return how many there were."""
        args = ("XDEL", self._stored_key(key, version), *encode_names(ids))
        return Command(args, int, missing_reply=0)

    def _xtrim(
        self,
        key: Any,
        maxlen: int | None = None,
        approximate: bool = True,
        minid: EncodableArg | None = None,
        limit: int | None = None,
        version: int | None = None,
    ) -> Command[int]:
        """Delete the oldest entries, all but `maxlen`, or those below `minid`; return how many.

        Where it may be `approximate`, some more may stay, and at most `limit` are deleted.
        """
        trimming = trim_args(maxlen, minid, approximate, limit)
        if not trimming:
            raise ValueError("Either maxlen or minid says what to delete.")
        return Command(("XTRIM", self._stored_key(key, version), *trimming), int, missing_reply=0)

    def _decode_optional_id(self, reply: bytes | None) -> FieldT | None:
        return None if reply is None else self._decode_name(reply)

    xlen, axlen = sync_method(_xlen), async_method(_xlen)
    xadd, axadd = sync_method(_xadd), async_method(_xadd)
    xrange, axrange = sync_method(_xrange), async_method(_xrange)
    xrevrange, axrevrange = sync_method(_xrevrange), async_method(_xrevrange)
    xdel, axdel = sync_method(_xdel), async_method(_xdel)
    xtrim, axtrim = sync_method(_xtrim), async_method(_xtrim)

    # Reading what is new, where need be when somebody adds it.

    def _xread(
        self,
        streams: Mapping[Any, EncodableArg],
        count: int | None = None,
        block: int | None = None,
        version: int | None = None,
    ) -> Command[StreamEntries[FieldT]]:
        """Return up to `count` entries of each stream, after the id given; "$" is the last one."""
        args, parse = self._streams_args(streams, version)
        given = ("XREAD", *option_args(("COUNT", count), ("BLOCK", block)), *args)
        if block is None:
            return Command(given, parse, readonly=True)
        return BlockingCommand(given, parse, block / 1000)

    def _xreadgroup(
        self,
        groupname: EncodableArg,
        consumername: EncodableArg,
        streams: Mapping[Any, EncodableArg],
        count: int | None = None,
        block: int | None = None,
        noack: bool = False,
        version: int | None = None,
    ) -> Command[StreamEntries[FieldT]]:
        """Return up to `count` entries of each stream, for this consumer of a group.

        After the id ">" are those that no consumer was given; they are pending until `xack`, with
        `noack` at no time. After any other id are this consumer's own pending ones.
        """
        args, parse = self._streams_args(streams, version)
        group = ("XREADGROUP", "GROUP", encode_name(groupname), encode_name(consumername))
        chosen = (*option_args(("COUNT", count), ("BLOCK", block)), *flag_args(("NOACK", noack)))
        given = (*group, *chosen, *args)
        if block is None:
            return Command(given, parse, missing_reply=MISSING_GROUP)
        return BlockingCommand(given, parse, block / 1000)

    def _streams_args(
        self, streams: Mapping[Any, EncodableArg], version: Any
    ) -> tuple[tuple[EncodableArg, ...], Callable[[Any], StreamEntries[FieldT]]]:
        stored = self._encode_keys(streams, version)
        keys = dict(zip(stored, streams, strict=True))

        def parse(reply: Sequence[Sequence[Any]] | None) -> StreamEntries[FieldT]:
            return {keys[name]: self._decode_entries(found) for name, found in reply or ()}

        return ("STREAMS", *stored, *map(encode_name, streams.values())), parse

    xread, axread = sync_method(_xread), async_method(_xread)
    xreadgroup, axreadgroup = sync_method(_xreadgroup), async_method(_xreadgroup)

    # Consumer groups.

    def _xgroup_create(
        self,
        key: Any,
        groupname: EncodableArg,
        id: EncodableArg = "$",
        mkstream: bool = False,
        entries_read: int | None = None,
        version: int | None = None,
    ) -> Command[None]:
        """Make a group that is given what comes after `id`; "$" is the last entry.

        With `mkstream`, an empty stream is made where there is no such key. `entries_read` is what
        the group counts from: Valkey or Redis 7.0. Raise `CommandError` if there is such a group.
        """
        args = (
            "XGROUP",
            "CREATE",
            self._stored_key(key, version),
            encode_name(groupname),
            encode_name(id),
        )
        given = (*flag_args(("MKSTREAM", mkstream)), *option_args(("ENTRIESREAD", entries_read)))
        return Command(
            (*args, *given), parse_none, missing_reply=None if mkstream else MISSING_STREAM
        )

    def _xgroup_setid(
        self,
        key: Any,
        groupname: EncodableArg,
        id: EncodableArg,
        entries_read: int | None = None,
        version: int | None = None,
    ) -> Command[None]:
        """Let a group go on after `id`: see `xgroup_create`."""
        args = (
            "XGROUP",
            "SETID",
            self._stored_key(key, version),
            encode_name(groupname),
            encode_name(id),
        )
        given = option_args(("ENTRIESREAD", entries_read))
        return Command((*args, *given), parse_none, missing_reply=MISSING_STREAM)

    def _xgroup_destroy(
        self, key: Any, groupname: EncodableArg, version: int | None = None
    ) -> Command[bool]:
        """Delete a group and what is pending in it; return whether there was one."""
        args = ("XGROUP", "DESTROY", self._stored_key(key, version), encode_name(groupname))
        return Command(args, bool, missing_reply=MISSING_STREAM)

    def _xgroup_createconsumer(
        self,
        key: Any,
        groupname: EncodableArg,
        consumername: EncodableArg,
        version: int | None = None,
    ) -> Command[bool]:
        """Make a consumer, as reading does by itself; return whether there was none."""
        return self._consumer_command("CREATECONSUMER", key, groupname, consumername, bool, version)

    def _xgroup_delconsumer(
        self,
        key: Any,
        groupname: EncodableArg,
        consumername: EncodableArg,
        version: int | None = None,
    ) -> Command[int]:
        """Delete a consumer; return how many entries were pending, which nobody can claim now."""
        return self._consumer_command("DELCONSUMER", key, groupname, consumername, int, version)

    def _consumer_command(
        self,
        name: str,
        key: Any,
        group: EncodableArg,
        consumer: EncodableArg,
        parse: Any,
        version: Any,
    ) -> Command[Any]:
        args = (
            "XGROUP",
            name,
            self._stored_key(key, version),
            encode_name(group),
            encode_name(consumer),
        )
        return Command(args, parse, missing_reply=MISSING_STREAM)

    def _xack(
        self, key: Any, groupname: EncodableArg, *ids: EncodableArg, version: int | None = None
    ) -> Command[int]:
        """Say that these entries are dealt with; return how many were pending."""
        args = ("XACK", self._stored_key(key, version), encode_name(groupname), *encode_names(ids))
        return Command(args, int, missing_reply=0)

    xgroup_create, axgroup_create = sync_method(_xgroup_create), async_method(_xgroup_create)
    xgroup_setid, axgroup_setid = sync_method(_xgroup_setid), async_method(_xgroup_setid)
    xgroup_destroy, axgroup_destroy = sync_method(_xgroup_destroy), async_method(_xgroup_destroy)
    xgroup_createconsumer = sync_method(_xgroup_createconsumer)
    axgroup_createconsumer = async_method(_xgroup_createconsumer)
    xgroup_delconsumer = sync_method(_xgroup_delconsumer)
    axgroup_delconsumer = async_method(_xgroup_delconsumer)
    xack, axack = sync_method(_xack), async_method(_xack)

    # What is pending, and taking it over from a consumer that does not get on.

    def _xpending(
        self, key: Any, groupname: EncodableArg, version: int | None = None
    ) -> Command[dict[str, Any]]:
        """Return what is pending in a group, as a dictionary.

        `pending` is how many entries, `min` and `max` their lowest and highest id (None for no
        entry), `consumers` a list with `name` and `pending` of each consumer that has any.
        """
        args = ("XPENDING", self._stored_key(key, version), encode_name(groupname))
        return Command(args, self._parse_pending, readonly=True, missing_reply=MISSING_GROUP)

    def _parse_pending(self, reply: Sequence[Any]) -> dict[str, Any]:
        count, lowest, highest, consumers = reply
        return {
            "pending": count,
            "min": None if lowest is None else self._decode_name(lowest),
            "max": None if highest is None else self._decode_name(highest),
            "consumers": [
                {"name": self._decode_name(name), "pending": int(number)}
                for name, number in consumers or ()
            ],
        }

    def _xpending_range(
        self,
        key: Any,
        groupname: EncodableArg,
        min: EncodableArg,
        max: EncodableArg,
        count: int,
        consumername: EncodableArg | None = None,
        idle: int | None = None,
        version: int | None = None,
    ) -> Command[list[dict[str, Any]]]:
        """Return up to `count` pending entries from id `min` to `max`, as dictionaries.

        Each has `message_id`, `consumer`, `time_since_delivered` in milliseconds and
        `times_delivered`. `consumername` picks those of one consumer, `idle` those delivered so
        many milliseconds ago or longer.
        """

        def parse(reply: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
            return [
                dict(zip(PENDING_FIELDS, (*self._decode_names(parts[:2]), *parts[2:]), strict=True))
                for parts in reply
            ]

        args = ("XPENDING", self._stored_key(key, version), encode_name(groupname))
        consumer = () if consumername is None else (encode_name(consumername),)
        chosen = (
            *option_args(("IDLE", idle)),
            encode_name(min),
            encode_name(max),
            count,
            *consumer,
        )
        return Command((*args, *chosen), parse, readonly=True, missing_reply=MISSING_GROUP)

    def _xclaim(
        self,
        key: Any,
        groupname: EncodableArg,
        consumername: EncodableArg,
        min_idle_time: int,
        message_ids: Any,
        idle: int | None = None,
        time: int | None = None,
        retrycount: int | None = None,
        force: bool = False,
        justid: bool = False,
        version: int | None = None,
    ) -> Command[list[Any]]:
        """Make pending entries the consumer's, and return them; with `justid`, return their ids.

        Only entries delivered `min_idle_time` milliseconds ago or longer are claimed. `idle`, or
        `time` in milliseconds since 1970, says when they count as delivered (else now),
        `retrycount` how often; with `force`, ids that nobody was given become pending, too.
        """
        group = self._stored_key(key, version), encode_name(groupname), encode_name(consumername)
        ids = encode_names(list_or_args(message_ids))
        chosen = option_args(("IDLE", idle), ("TIME", time), ("RETRYCOUNT", retrycount))
        only = flag_args(("FORCE", force), ("JUSTID", justid))
        args = ("XCLAIM", *group, min_idle_time, *ids, *chosen, *only)
        return Command(
            args,
            self._decode_names if justid else self._decode_entries,
            missing_reply=MISSING_GROUP,
        )

    def _xautoclaim(
        self,
        key: Any,
        groupname: EncodableArg,
        consumername: EncodableArg,
        min_idle_time: int,
        start_id: EncodableArg = "0-0",
        count: int | None = None,
        justid: bool = False,
        version: int | None = None,
    ) -> Command[tuple[FieldT, list[Any], list[FieldT]]]:
        """Do what `xclaim` does with up to `count` entries from `start_id` on.

        Return the id from which to go on ("0-0" at the end), the entries (with `justid`, their
        ids), and the ids of pending entries that are deleted, of which Redis 6.2 says nothing.
        """

        def parse(reply: Sequence[Any]) -> tuple[FieldT, list[Any], list[FieldT]]:
            following, found, *deleted = reply
            claimed = self._decode_names(found) if justid else self._decode_entries(found)
            return self._decode_name(following), claimed, self._decode_names(*deleted or ((),))

        group = self._stored_key(key, version), encode_name(groupname), encode_name(consumername)
        args = ("XAUTOCLAIM", *group, min_idle_time, encode_name(start_id))
        chosen = (*option_args(("COUNT", count)), *flag_args(("JUSTID", justid)))
        return Command((*args, *chosen), parse, missing_reply=MISSING_GROUP)

    xpending, axpending = sync_method(_xpending), async_method(_xpending)
    xpending_range, axpending_range = sync_method(_xpending_range), async_method(_xpending_range)
    xclaim, axclaim = sync_method(_xclaim), async_method(_xclaim)
    xautoclaim, axautoclaim = sync_method(_xautoclaim), async_method(_xautoclaim)

    # What the server says of a stream, its groups and their consumers.

    def _xinfo_stream(
        self, key: Any, full: bool = False, version: int | None = None
    ) -> Command[InfoDict]:
        """Return the facts of a stream; with `full`, those of its groups and consumers, too."""
        args = ("XINFO", "STREAM", self._stored_key(key, version), *flag_args(("FULL", full)))
        return Command(args, self._parse_info, readonly=True, missing_reply=MISSING_KEY)

    def _xinfo_groups(self, key: Any, version: int | None = None) -> Command[list[InfoDict]]:
        """Return the facts of each group."""
        args = ("XINFO", "GROUPS", self._stored_key(key, version))
        return Command(args, self._parse_infos, readonly=True, missing_reply=MISSING_KEY)

    def _xinfo_consumers(
        self, key: Any, groupname: EncodableArg, version: int | None = None
    ) -> Command[list[InfoDict]]:
        """Return the facts of each consumer of a group."""
        args = ("XINFO", "CONSUMERS", self._stored_key(key, version), encode_name(groupname))
        return Command(args, self._parse_infos, readonly=True, missing_reply=MISSING_KEY)

    def _parse_info(self, flat: Sequence[Any]) -> InfoDict:
        return {
            name.decode(): self._parse_info_value(name, value) for name, value in iter_pairs(flat)
        }

    def _parse_infos(self, replies: Sequence[Any]) -> list[InfoDict]:
        return [self._parse_info(reply) for reply in replies]

    def _parse_info_value(self, name: bytes, value: Any) -> Any:
        if name in (b"first-entry", b"last-entry"):
            return None if value is None else self._decode_entry(value)
        if name == b"entries":
            return self._decode_entries(value)
        if name in (b"groups", b"consumers") and not isinstance(value, int):
            return self._parse_infos(value)
        if name in (b"pending", b"pel") and not isinstance(value, int):
            return [[self._decode_info_value(part) for part in entry] for entry in value]
        return self._decode_info_value(value)

    def _decode_info_value(self, value: Any) -> Any:
        return self._decode_name(value) if isinstance(value, bytes) else value

    xinfo_stream, axinfo_stream = sync_method(_xinfo_stream), async_method(_xinfo_stream)
    xinfo_groups, axinfo_groups = sync_method(_xinfo_groups), async_method(_xinfo_groups)
    xinfo_consumers, axinfo_consumers = (
        sync_method(_xinfo_consumers),
        async_method(_xinfo_consumers),
    )


def trim_args(
    maxlen: int | None, minid: EncodableArg | None, approximate: bool, limit: int | None
) -> tuple[EncodableArg, ...]:
    """Return the arguments that trim a stream, none for no limit; raise ValueError for two."""
    if maxlen is not None and minid is not None:
        raise ValueError("Only one of maxlen and minid can say what to delete.")
    kind, bound = ("MAXLEN", maxlen) if minid is None else ("MINID", encode_name(minid))
    if bound is None:
        return ()
    return (kind, "~" if approximate else "=", bound, *option_args(("LIMIT", limit)))
