"""Commands on the consumer groups of streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic

from django_cachex.commands.args import (
    encode_name,
    encode_names,
    flag_args,
    list_or_args,
    option_args,
)
from django_cachex.commands.base import Commands, FieldT
from django_cachex.commands.command import (
    Command,
    EncodableArg,
    async_method,
    parse_none,
    sync_method,
)
from django_cachex.commands.streams import MISSING_GROUP
from django_cachex.exceptions import CommandError

MISSING_STREAM = CommandError("ERR The XGROUP subcommand requires the key to exist.")

# valkey-py's names for the parts of a pending entry.
PENDING_FIELDS = "message_id", "consumer", "time_since_delivered", "times_delivered"


class StreamGroupCommands(Commands, Generic[FieldT]):
    """The commands of Valkey's *stream* group on groups of consumers.

    A group remembers the last entry that its consumers have read. An entry that a consumer has read
    but not acknowledged is pending. See `StreamCommands` about ids, names and values, and the
    errors of all commands.
    """

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

        Raises:
            CommandError: the group exists, or the key doesn't.

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

        Raises:
            CommandError: the key or the group doesn't exist.

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

        Returns:
            Whether the group existed.

        Raises:
            CommandError: the key doesn't exist.

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

        Returns:
            Whether the consumer is new.

        Raises:
            CommandError: the key or the group doesn't exist.

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

        Returns:
            How many entries were pending for it; they can't be claimed any more.

        Raises:
            CommandError: the key or the group doesn't exist.

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

        Returns:
            How many of them were pending.

        Raises:
            ValueError: no id is given.

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

        Returns:
            A dict: `pending` is the number of entries, `min` and `max` are their lowest and highest
            id or None, and `consumers` is a list of dicts with `name` and `pending`.

        Raises:
            CommandError: the key or the group doesn't exist.

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

        Returns:
            A list of dicts with `message_id`, `consumer`, `time_since_delivered` in milliseconds
            and `times_delivered`.

        Raises:
            CommandError: the key or the group doesn't exist.

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

        Returns:
            A list of ids and dicts of fields, or of ids.

        Raises:
            CommandError: the key or the group doesn't exist.
            ValueError: no id is given.

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

        Returns:
            The id from which to continue, which is "0-0" at the end; a list of ids and dicts of
            fields, or of ids; and the ids of pending entries that were deleted from the stream,
            which Redis 6.2 doesn't report.

        Raises:
            CommandError: the key or the group doesn't exist.

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
