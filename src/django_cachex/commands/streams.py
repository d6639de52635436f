"""Commands on streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic

from django_cachex.commands.args import (
    BlockingCommand,
    encode_name,
    encode_names,
    flag_args,
    option_args,
)
from django_cachex.commands.base import Commands, FieldT
from django_cachex.commands.command import (
    MISSING_KEY,
    Command,
    EncodableArg,
    async_method,
    iter_pairs,
    sync_method,
)
from django_cachex.exceptions import CommandError

StreamEntry = tuple[FieldT, dict[FieldT, Any]]
"""The id of an entry and its fields."""

MISSING_GROUP = CommandError("NOGROUP No such key or consumer group.")
"""The reply of commands on a group that doesn't exist."""

InfoDict = dict[str, Any]
"""Information with the server's names, such as "last-generated-id"."""

StreamEntries = dict[Any, list[StreamEntry[FieldT]]]
"""The entries by key; streams without entries are left out."""


class StreamCommands(Commands, Generic[FieldT]):
    """The commands of Valkey's *stream* group.

    The values of fields are encoded and decoded like those of `set` and `get`. Ids and the names of
    fields, groups and consumers are text, bytes or numbers, and a cache returns them as text. "-"
    is the lowest id, and "+" the highest.

    Commands that wait for entries occupy a connection while they wait.

    Methods raise `WrongTypeError` if a key has another type, and `CrossSlotError` if keys are in
    different slots of a cluster.
    """

    # Entries.

    def _xlen(self, key: Any, version: int | None = None) -> Command[int]:
        """Return the number of entries of a stream; 0 if the key doesn't exist.

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

        Returns:
            The id of the entry; None if `nomkstream` is set and the stream doesn't exist.

        Raises:
            CommandError: `id` isn't higher than that of the last entry.
            ValueError: both `maxlen` and `minid` are given.

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

        Returns:
            A list of ids and dicts of fields.

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

        Returns:
            A list of ids and dicts of fields.

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

        Returns:
            How many entries existed.

        Raises:
            ValueError: no id is given.

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

        Returns:
            How many entries were deleted.

        Raises:
            ValueError: not exactly one of `maxlen` and `minid` is given.

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

        Returns:
            A dict of keys and lists of ids and fields, without the streams that have no such
            entries.

        Raises:
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.

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

        Returns:
            A dict of keys and lists of ids and fields, without the streams that have no such
            entries.

        Raises:
            CommandError: the key or the group doesn't exist.
            ServerUnavailable: the connection broke during the wait; the command isn't sent again.

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

    # Information about streams, groups and consumers.

    def _xinfo_stream(
        self, key: Any, full: bool = False, version: int | None = None
    ) -> Command[InfoDict]:
        """Return information about a stream.

        Args:
            full: include the entries, groups and consumers.

        Returns:
            A dict with the server's names.

        Raises:
            CommandError: the key doesn't exist.

        See https://valkey.io/commands/xinfo-stream/
        """
        args = ("XINFO", "STREAM", self._stored_key(key, version), *flag_args(("FULL", full)))
        return Command(args, self._parse_info, readonly=True, missing_reply=MISSING_KEY)

    def _xinfo_groups(self, key: Any, version: int | None = None) -> Command[list[InfoDict]]:
        """Return information about the groups of a stream.

        Returns:
            A list of dicts with the server's names.

        Raises:
            CommandError: the key doesn't exist.

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

        Returns:
            A list of dicts with the server's names.

        Raises:
            CommandError: the key or the group doesn't exist.

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
