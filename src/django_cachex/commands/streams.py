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
"""The id of an entry and its fields."""

MISSING_GROUP = CommandError("NOGROUP No such key or consumer group.")
"""The reply of commands on a group that doesn't exist."""

MISSING_STREAM = CommandError("ERR The XGROUP subcommand requires the key to exist.")

# valkey-py's names for the parts of a pending entry.
PENDING_FIELDS = "message_id", "consumer", "time_since_delivered", "times_delivered"

InfoDict = dict[str, Any]
"""Information with the server's names, such as "last-generated-id"."""

StreamEntries = dict[Any, list[StreamEntry[FieldT]]]
"""The entries by key; streams without entries are left out."""


class StreamCommands(Commands, Generic[FieldT]):
    """The commands of Valkey's *stream* group.

    The values of fields are encoded and decoded like those of `set` and `get`. Ids and the names of
    fields, groups and consumers are text, bytes or numbers, and a cache returns them as text. "-"
    is the lowest id, and "+" the highest.

    A group remembers the last entry that its consumers have read. An entry that a consumer has read
    but not acknowledged is pending. Commands that wait for entries occupy a connection while they
    wait.
    """

    def _decode_entry(self, reply: Sequence[Any]) -> StreamEntry[FieldT]:
        """Return an entry; one that has been deleted has no fields."""
        return self._decode_name(reply[0]), self._decode_fields(reply[1] or ())

    def _decode_entries(self, replies: Sequence[Any] | None) -> list[StreamEntry[FieldT]]:
        """Return the entries of a reply."""
        # Redis 6.2 returns None for an entry that was deleted before it was claimed.
        return [self._decode_entry(reply) for reply in replies or () if reply is not None]

    # Entries.

    def _xlen(self, key: Any, version: int | None = None) -> Command[int]:
        """Return the number of entries of a stream.

        Args:
            version: the key's version; the alias's VERSION by default.

        Returns:
            The number of entries; 0 if the key doesn't exist.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xlen/
        """
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
        """Add an entry to a stream, which can be trimmed at the same time.

        Args:
            fields: the fields of the entry and their values.
            id: the id of the entry; the server chooses one by default.
            maxlen: keep so many of the newest entries.
            approximate: allow the server to keep some more, which is faster.
            nomkstream: don't create the stream if it doesn't exist.
            minid: keep the entries from this id on.
            limit: examine at most so many entries; only with `approximate`.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The id of the entry; None if `nomkstream` is set and the stream doesn't exist.

        Raises:
            CommandError: `id` isn't higher than that of the last entry.
            ValueError: both `maxlen` and `minid` are given.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xadd/
        """
        trim = trim_args(maxlen, minid, approximate, limit)
        options = (*flag_args(("NOMKSTREAM", nomkstream)), *trim, encode_name(id))
        args = ("XADD", self._stored_key(key, version), *options, *self._encode_fields(fields))
        return Command(args, self._decode_optional_id)

    def _xrange(
        self,
        key: Any,
        min: bytes | str = "-",
        max: bytes | str = "+",
        count: int | None = None,
        version: int | None = None,
    ) -> Command[list[StreamEntry[FieldT]]]:
        """Return the entries in a range of ids, oldest first.

        Args:
            min, max: the ids of the first and the last entry; "(" before an id excludes it.
            count: how many entries to return at most; all of them by default.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A list of ids and dicts of fields.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xrange/
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
        """Return the entries in a range of ids, newest first.

        Args:
            max, min: the ids of the first and the last entry; "(" before an id excludes it.
            count: how many entries to return at most; all of them by default.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A list of ids and dicts of fields.

        Raises:
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xrevrange/
        """
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
        options = option_args(("COUNT", count))
        return Command((*args, *options), self._decode_entries, readonly=True, missing_reply=())

    def _xdel(self, key: Any, *ids: bytes | str, version: int | None = None) -> Command[int]:
        """Delete entries of a stream.

        Args:
            *ids: the ids of the entries.
            version: the key's version; the alias's VERSION by default.

        Returns:
            How many entries existed.

        Raises:
            ValueError: no id is given.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xdel/
        """
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
        """Delete the oldest entries of a stream.

        Args:
            maxlen: keep so many of the newest entries.
            approximate: allow the server to keep some more, which is faster.
            minid: keep the entries from this id on.
            limit: examine at most so many entries; only with `approximate`.
            version: the key's version; the alias's VERSION by default.

        Returns:
            How many entries were deleted.

        Raises:
            ValueError: not exactly one of `maxlen` and `minid` is given.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xtrim/
        """
        trim = trim_args(maxlen, minid, approximate, limit)
        if not trim:
            raise ValueError("Pass either maxlen or minid.")
        return Command(("XTRIM", self._stored_key(key, version), *trim), int, missing_reply=0)

    def _decode_optional_id(self, reply: bytes | None) -> FieldT | None:
        return None if reply is None else self._decode_name(reply)

    xlen, axlen = sync_method(_xlen), async_method(_xlen)
    xadd, axadd = sync_method(_xadd), async_method(_xadd)
    xrange, axrange = sync_method(_xrange), async_method(_xrange)
    xrevrange, axrevrange = sync_method(_xrevrange), async_method(_xrevrange)
    xdel, axdel = sync_method(_xdel), async_method(_xdel)
    xtrim, axtrim = sync_method(_xtrim), async_method(_xtrim)

    # Reading new entries, and waiting for them.

    def _xread(
        self,
        streams: Mapping[Any, EncodableArg],
        count: int | None = None,
        block: int | None = None,
        version: int | None = None,
    ) -> Command[StreamEntries[FieldT]]:
        """Return new entries of streams.

        Args:
            streams: a mapping of keys to the ids after which to read; "$" stands for the last
                entry.
            count: how many entries of each stream to return at most; all of them by default.
            block: if there are no entries, how many milliseconds to wait for one; 0 waits forever.
                Doesn't wait by default.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            A dict of keys and lists of ids and fields, without the streams that have no such
            entries.

        Raises:
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/xread/
        """
        args, parse = self._streams_args(streams, version)
        command_args = ("XREAD", *option_args(("COUNT", count), ("BLOCK", block)), *args)
        if block is None:
            return Command(command_args, parse, readonly=True)
        return BlockingCommand(command_args, parse, block / 1000)

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
        """Return entries of streams as a consumer of a group. They are pending until `xack`.

        Args:
            groupname: the name of the group.
            consumername: the name of the consumer.
            streams: a mapping of keys to the ids after which to read; ">" stands for the last entry
                that the group has read. After another id, only entries that are pending for this
                consumer are returned.
            count: how many entries of each stream to return at most; all of them by default.
            block: if there are no entries, how many milliseconds to wait for one; 0 waits forever.
                Doesn't wait by default.
            noack: don't make the entries pending.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            A dict of keys and lists of ids and fields, without the streams that have no such
            entries.

        Raises:
            CommandError: the key or the group doesn't exist.
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.
            CrossSlotError: the keys are in different slots of a cluster.
            WrongTypeError: a key has another type.

        See https://valkey.io/commands/xreadgroup/
        """
        args, parse = self._streams_args(streams, version)
        group = ("XREADGROUP", "GROUP", encode_name(groupname), encode_name(consumername))
        options = (*option_args(("COUNT", count), ("BLOCK", block)), *flag_args(("NOACK", noack)))
        command_args = (*group, *options, *args)
        if block is None:
            return Command(command_args, parse, missing_reply=MISSING_GROUP)
        return BlockingCommand(command_args, parse, block / 1000)

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
        """Create a consumer group.

        Args:
            groupname: the name of the group.
            id: the id after which the group starts to read; "$" is the last entry, and "0" the
                start of the stream.
            mkstream: create an empty stream if the key doesn't exist.
            entries_read: how many entries the group has read, from which its lag is computed;
                requires Valkey, or Redis 7.0 or later.
            version: the key's version; the alias's VERSION by default.

        Raises:
            CommandError: the group exists, or the key doesn't.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xgroup-create/
        """
        args = (
            "XGROUP",
            "CREATE",
            self._stored_key(key, version),
            encode_name(groupname),
            encode_name(id),
        )
        options = (*flag_args(("MKSTREAM", mkstream)), *option_args(("ENTRIESREAD", entries_read)))
        return Command(
            (*args, *options), parse_none, missing_reply=None if mkstream else MISSING_STREAM
        )

    def _xgroup_setid(
        self,
        key: Any,
        groupname: EncodableArg,
        id: EncodableArg,
        entries_read: int | None = None,
        version: int | None = None,
    ) -> Command[None]:
        """Let a consumer group continue after another id.

        Args:
            groupname: the name of the group.
            id: the id; "$" is the last entry, and "0" the start of the stream.
            entries_read: how many entries the group has read, from which its lag is computed;
                requires Valkey, or Redis 7.0 or later.
            version: the key's version; the alias's VERSION by default.

        Raises:
            CommandError: the key or the group doesn't exist.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xgroup-setid/
        """
        args = (
            "XGROUP",
            "SETID",
            self._stored_key(key, version),
            encode_name(groupname),
            encode_name(id),
        )
        options = option_args(("ENTRIESREAD", entries_read))
        return Command((*args, *options), parse_none, missing_reply=MISSING_STREAM)

    def _xgroup_destroy(
        self, key: Any, groupname: EncodableArg, version: int | None = None
    ) -> Command[bool]:
        """Delete a consumer group and its list of pending entries.

        Args:
            groupname: the name of the group.
            version: the key's version; the alias's VERSION by default.

        Returns:
            Whether the group existed.

        Raises:
            CommandError: the key doesn't exist.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xgroup-destroy/
        """
        args = ("XGROUP", "DESTROY", self._stored_key(key, version), encode_name(groupname))
        return Command(args, bool, missing_reply=MISSING_STREAM)

    def _xgroup_createconsumer(
        self,
        key: Any,
        groupname: EncodableArg,
        consumername: EncodableArg,
        version: int | None = None,
    ) -> Command[bool]:
        """Create a consumer of a group. Reading creates it, too.

        Args:
            groupname: the name of the group.
            consumername: the name of the consumer.
            version: the key's version; the alias's VERSION by default.

        Returns:
            Whether the consumer is new.

        Raises:
            CommandError: the key or the group doesn't exist.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xgroup-createconsumer/
        """
        return self._consumer_command("CREATECONSUMER", key, groupname, consumername, bool, version)

    def _xgroup_delconsumer(
        self,
        key: Any,
        groupname: EncodableArg,
        consumername: EncodableArg,
        version: int | None = None,
    ) -> Command[int]:
        """Delete a consumer of a group, with its list of pending entries.

        Args:
            groupname: the name of the group.
            consumername: the name of the consumer.
            version: the key's version; the alias's VERSION by default.

        Returns:
            How many entries were pending for it; they can't be claimed any more.

        Raises:
            CommandError: the key or the group doesn't exist.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xgroup-delconsumer/
        """
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
        """Acknowledge entries, which then are no longer pending.

        Args:
            groupname: the name of the group.
            *ids: the ids of the entries.
            version: the key's version; the alias's VERSION by default.

        Returns:
            How many of them were pending.

        Raises:
            ValueError: no id is given.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xack/
        """
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

    # Pending entries, and claiming those of other consumers.

    def _xpending(
        self, key: Any, groupname: EncodableArg, version: int | None = None
    ) -> Command[dict[str, Any]]:
        """Summarize the pending entries of a group.

        Args:
            groupname: the name of the group.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A dict: `pending` is the number of entries, `min` and `max` are their lowest and highest
            id or None, and `consumers` is a list of dicts with `name` and `pending`.

        Raises:
            CommandError: the key or the group doesn't exist.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xpending/
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
        """Return pending entries of a group.

        Args:
            groupname: the name of the group.
            min, max: the ids of the first and the last entry; "-" and "+" mean no limit.
            count: how many entries to return at most.
            consumername: only return entries that are pending for this consumer.
            idle: only return entries that were delivered at least so many milliseconds ago.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A list of dicts with `message_id`, `consumer`, `time_since_delivered` in milliseconds
            and `times_delivered`.

        Raises:
            CommandError: the key or the group doesn't exist.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xpending/
        """

        def parse(reply: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
            return [
                dict(zip(PENDING_FIELDS, (*self._decode_names(entry[:2]), *entry[2:]), strict=True))
                for entry in reply
            ]

        args = ("XPENDING", self._stored_key(key, version), encode_name(groupname))
        consumer = () if consumername is None else (encode_name(consumername),)
        filters = (
            *option_args(("IDLE", idle)),
            encode_name(min),
            encode_name(max),
            count,
            *consumer,
        )
        return Command((*args, *filters), parse, readonly=True, missing_reply=MISSING_GROUP)

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
        """Make pending entries of other consumers pending for this one.

        Args:
            groupname: the name of the group.
            consumername: the name of the consumer.
            min_idle_time: only claim entries that were delivered at least so many milliseconds ago.
            message_ids: an id, or a list of ids.
            idle: count the entries as delivered so many milliseconds ago; 0 by default.
            time: count the entries as delivered at this time, in milliseconds since 1970.
            retrycount: set how often the entries were delivered.
            force: also claim entries that aren't pending.
            justid: return ids only, and don't count this as a delivery.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A list of ids and dicts of fields, or of ids.

        Raises:
            CommandError: the key or the group doesn't exist.
            ValueError: no id is given.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xclaim/
        """
        group = self._stored_key(key, version), encode_name(groupname), encode_name(consumername)
        ids = encode_names(list_or_args(message_ids))
        options = option_args(("IDLE", idle), ("TIME", time), ("RETRYCOUNT", retrycount))
        flags = flag_args(("FORCE", force), ("JUSTID", justid))
        args = ("XCLAIM", *group, min_idle_time, *ids, *options, *flags)
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
        """Make pending entries of other consumers pending for this one. Their ids needn't be known.

        Args:
            groupname: the name of the group.
            consumername: the name of the consumer.
            min_idle_time: only claim entries that were delivered at least so many milliseconds ago.
            start_id: the id from which to start; the result contains the next one.
            count: how many entries to claim at most; 100 by default.
            justid: return ids only, and don't count this as a delivery.
            version: the key's version; the alias's VERSION by default.

        Returns:
            The id from which to continue, which is "0-0" at the end; a list of ids and dicts of
            fields, or of ids; and the ids of pending entries that were deleted from the stream,
            which Redis 6.2 doesn't report.

        Raises:
            CommandError: the key or the group doesn't exist.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xautoclaim/
        """

        def parse(reply: Sequence[Any]) -> tuple[FieldT, list[Any], list[FieldT]]:
            next_id, entries, *deleted = reply
            claimed = self._decode_names(entries) if justid else self._decode_entries(entries)
            return self._decode_name(next_id), claimed, self._decode_names(*deleted or ((),))

        group = self._stored_key(key, version), encode_name(groupname), encode_name(consumername)
        args = ("XAUTOCLAIM", *group, min_idle_time, encode_name(start_id))
        options = (*option_args(("COUNT", count)), *flag_args(("JUSTID", justid)))
        return Command((*args, *options), parse, missing_reply=MISSING_GROUP)

    xpending, axpending = sync_method(_xpending), async_method(_xpending)
    xpending_range, axpending_range = sync_method(_xpending_range), async_method(_xpending_range)
    xclaim, axclaim = sync_method(_xclaim), async_method(_xclaim)
    xautoclaim, axautoclaim = sync_method(_xautoclaim), async_method(_xautoclaim)

    # Information about streams, groups and consumers.

    def _xinfo_stream(
        self, key: Any, full: bool = False, version: int | None = None
    ) -> Command[InfoDict]:
        """Return information about a stream.

        Args:
            full: include the entries, groups and consumers.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A dict with the server's names.

        Raises:
            CommandError: the key doesn't exist.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xinfo-stream/
        """
        args = ("XINFO", "STREAM", self._stored_key(key, version), *flag_args(("FULL", full)))
        return Command(args, self._parse_info, readonly=True, missing_reply=MISSING_KEY)

    def _xinfo_groups(self, key: Any, version: int | None = None) -> Command[list[InfoDict]]:
        """Return information about the groups of a stream.

        Args:
            version: the key's version; the alias's VERSION by default.

        Returns:
            A list of dicts with the server's names.

        Raises:
            CommandError: the key doesn't exist.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xinfo-groups/
        """
        args = ("XINFO", "GROUPS", self._stored_key(key, version))
        return Command(args, self._parse_infos, readonly=True, missing_reply=MISSING_KEY)

    def _xinfo_consumers(
        self, key: Any, groupname: EncodableArg, version: int | None = None
    ) -> Command[list[InfoDict]]:
        """Return information about the consumers of a group.

        Args:
            groupname: the name of the group.
            version: the key's version; the alias's VERSION by default.

        Returns:
            A list of dicts with the server's names.

        Raises:
            CommandError: the key or the group doesn't exist.
            WrongTypeError: the key has another type.

        See https://valkey.io/commands/xinfo-consumers/
        """
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
    """Return the arguments that trim a stream; raise ValueError if there are two limits."""
    if maxlen is not None and minid is not None:
        raise ValueError("Pass only one of maxlen and minid.")
    strategy, threshold = ("MAXLEN", maxlen) if minid is None else ("MINID", encode_name(minid))
    if threshold is None:
        return ()
    return (strategy, "~" if approximate else "=", threshold, *option_args(("LIMIT", limit)))
