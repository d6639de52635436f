"""Routing in a cluster: which nodes a command is sent to, and how their replies are merged."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter
from typing import Any

from django_cachex.cache.connection.server import Server
from django_cachex.commands.args import find_option
from django_cachex.commands.command import (
    Command,
    CommandArgs,
    EncodableArg,
    Operation,
    execute_all,
    parse_raw,
)
from django_cachex.exceptions import CachexError, CrossSlotError, SlotUnavailable

SLOT_COUNT = 16_384

KeyFinder = Callable[[CommandArgs], CommandArgs]


def _find_counted(at: int) -> KeyFinder:
    """Return a function that finds the keys after their count, which is argument number `at`."""
    return lambda args: args[at + 1 : at + 1 + int(args[at])]


def _find_destination_and_counted(args: CommandArgs) -> CommandArgs:
    return (args[1], *_find_counted(2)(args))


def _find_stream_keys(args: CommandArgs) -> CommandArgs:
    """Find the keys after STREAMS, which are followed by an equal number of IDs."""
    after = args[find_option(args, "STREAMS") + 1 :]
    return after[: len(after) // 2]


def _find_sort_keys(args: CommandArgs) -> CommandArgs:
    indexes = [number + 1 for number, arg in enumerate(args) if arg == "STORE"]
    return (args[1], *(args[index] for index in indexes))


def _find_subcommand_key(*names: str) -> KeyFinder:
    """Return a function that finds the key after a subcommand.

    The subcommand must be one of `names`; by default, it can be any.
    """
    return lambda args: args[2:3] if not names or str(args[1]).upper() in names else ()


def _find_first_key(args: CommandArgs) -> CommandArgs:
    return args[1:2]


def _each(names: str, find: KeyFinder) -> dict[EncodableArg, KeyFinder]:
    """Return a table with `find` for each of the commands in `names`."""
    return dict.fromkeys(names.split(), find)


# By the name of the command. Other commands have one key, which is the first argument.
KEY_FINDERS: dict[EncodableArg, KeyFinder] = {
    **_each(
        "MGET DEL UNLINK EXISTS TOUCH WATCH SINTER SUNION SDIFF SINTERSTORE SUNIONSTORE SDIFFSTORE "
        "PFCOUNT PFMERGE",
        lambda args: args[1:],
    ),
    **_each("MSET MSETNX", lambda args: args[1::2]),
    **_each(
        "RENAME RENAMENX COPY LMOVE BLMOVE RPOPLPUSH BRPOPLPUSH SMOVE ZRANGESTORE LCS "
        "GEOSEARCHSTORE",
        lambda args: args[1:3],
    ),
    **_each("BLPOP BRPOP BZPOPMIN BZPOPMAX", lambda args: args[1:-1]),
    **_each("LMPOP ZMPOP SINTERCARD ZUNION ZINTER ZDIFF ZINTERCARD", _find_counted(1)),
    **_each(
        "EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO BLMPOP BZMPOP",
        _find_counted(2),
    ),
    **_each("ZUNIONSTORE ZINTERSTORE ZDIFFSTORE", _find_destination_and_counted),
    **_each("XREAD XREADGROUP", _find_stream_keys),
    **_each("OBJECT XINFO XGROUP", _find_subcommand_key()),
    "MEMORY": _find_subcommand_key("USAGE"),
    "DEBUG": _find_subcommand_key("OBJECT"),
    "SORT": _find_sort_keys,
    "BITOP": lambda args: args[2:],
    **_each(
        "ACL ASKING AUTH BGREWRITEAOF BGSAVE CLIENT CLUSTER COMMAND CONFIG DBSIZE DISCARD ECHO "
        "EXEC FLUSHALL FLUSHDB FUNCTION HELLO INFO KEYS LASTSAVE LATENCY MODULE MONITOR MULTI PING "
        "PSUBSCRIBE PUBLISH PUBSUB QUIT RANDOMKEY READONLY READWRITE RESET ROLE SAVE SCAN SCRIPT "
        "SELECT SLOWLOG SUBSCRIBE TIME UNWATCH WAIT WAITAOF",
        lambda args: (),
    ),
}


def find_keys(args: CommandArgs) -> CommandArgs:
    """Return the keys among the arguments of a command.

    Raises:
        ValueError: the arguments aren't those of the command.
    """
    try:
        return KEY_FINDERS.get(args[0], _find_first_key)(args)
    except (IndexError, ValueError) as error:
        raise ValueError(f"The keys of {args[0]!s} can't be found among its arguments.") from error


def key_slot(key: EncodableArg) -> int:
    """Return the slot of a stored key: that of its hash tag, if it has one.

    See https://valkey.io/topics/cluster-spec/#key-distribution-model
    """
    data = key if isinstance(key, bytes) else str(key).encode()
    start = data.find(b"{")
    if start >= 0:
        end = data.find(b"}", start + 1)
        if end > start + 1:
            data = data[start + 1 : end]
    return binascii.crc_hqx(data, 0) % SLOT_COUNT


GetNode = Callable[[str, int], Server]
"""Returns the node at a host and a port."""


@dataclass(frozen=True, slots=True, eq=False)
class SlotMap:
    """The nodes that serve the slots, as reported by one of the nodes."""

    owners: Sequence[Server | None]
    """The node of each slot."""

    primaries: Sequence[tuple[int, Server]]
    """The lowest slot and the node of each primary, sorted by slot."""

    replicas: Sequence[Server] = ()
    """The nodes that can take over."""

    find_slot: Callable[[EncodableArg], int] = key_slot
    """Returns the slot of a stored key."""

    def next_primary_slot(self, slot: int) -> int | None:
        """Return the lowest slot of the primary after the one with `slot`; None after the last."""
        return next((lowest for lowest, _node in self.primaries if lowest > slot), None)

    def at_or_after(self, slot: int) -> tuple[int, Server] | None:
        """Return `slot` and its node; if it has none, the next primary with its lowest slot."""
        owner = self.owners[slot]
        if owner is not None:
            return slot, owner
        return next((entry for entry in self.primaries if entry[0] > slot), None)


EMPTY_SLOT_MAP = SlotMap((None,) * SLOT_COUNT, ())


def parse_slot_map(reply: Sequence[Sequence[Any]], get_node: GetNode, default_host: str) -> SlotMap:
    """Parse a reply to CLUSTER SLOTS: ``[[start, end, [host, port, …], …], …]``.

    A node that doesn't know its own address omits the host. In this case, it is `default_host`, the
    host that the reply came from.
    """
    owners: list[Server | None] = [None] * SLOT_COUNT
    lowest: dict[Server, int] = {}
    others: dict[Server, None] = {}

    def node_at(host: bytes | None, port: int, *_more: Any) -> Server:
        return get_node(host.decode() if host and host != b"?" else default_host, int(port))

    for start, end, primary, *replicas in reply:
        node = node_at(*primary)
        owners[start : end + 1] = [node] * (end + 1 - start)
        lowest[node] = min(start, lowest.get(node, SLOT_COUNT))
        others.update(dict.fromkeys(node_at(*replica) for replica in replicas))
    primaries = sorted(((slot, node) for node, slot in lowest.items()), key=itemgetter(0))
    return SlotMap(owners, primaries, tuple(others))


Merge = Callable[[list[Any]], Any]

ASKING = Command(("ASKING",), parse_raw)


class NodeCommand:
    """A command for one node: `node`, or the one that serves `slot`."""

    __slots__ = ("asking", "command", "node", "reply", "slot")

    def __init__(
        self, command: Command[Any], slot: int | None = None, node: Server | None = None
    ) -> None:
        self.command = command
        self.slot = slot
        self.node = node
        self.asking = False
        """Whether to send ASKING first, because the slot is still being moved to the node."""
        self.reply: Any = None
        """The raw reply, or an exception."""


@dataclass(frozen=True, slots=True)
class RoutedCommand:
    """A command, split into commands for several nodes."""

    node_commands: Sequence[NodeCommand]
    merge: Merge

    def reply(self) -> Any:
        """Return the raw reply to the whole command, or the first error."""
        replies = [node_command.reply for node_command in self.node_commands]
        for reply in replies:
            if isinstance(reply, CachexError):
                return reply
        return self.merge(replies)


def first_reply(replies: list[Any]) -> Any:
    return replies[0]


def concatenate_replies(replies: list[Any]) -> list[Any]:
    return [element for reply in replies for element in reply]


def union_replies(replies: list[Any]) -> list[Any]:
    return list(set(concatenate_replies(replies)))


def intersect_replies(replies: list[Any]) -> list[Any]:
    return list(set.intersection(*map(set, replies)))


def subtract_replies(replies: list[Any]) -> list[Any]:
    first, *others = map(set, replies)
    return list(first.difference(*others))


# Commands with several keys that can be split, and how their replies are merged. MGET, whose order
# must be restored, is handled separately.
SPLIT_COMMAND_MERGES: dict[EncodableArg, Merge] = {
    **dict.fromkeys(["UNLINK", "DEL", "EXISTS", "TOUCH"], sum),
    "SUNION": union_replies,
    "SINTER": intersect_replies,
    "SDIFF": subtract_replies,
}
# The command for the slots without the first key, if it is a different one.
OTHER_SLOTS_COMMANDS: dict[EncodableArg, EncodableArg] = {"SDIFF": "SUNION"}
# Commands on the whole database, which are sent to all primaries.
ALL_PRIMARIES_MERGES: dict[EncodableArg, Merge] = {
    **dict.fromkeys(["FLUSHDB", "FLUSHALL", "SCRIPT"], first_reply),
    "DBSIZE": sum,
    "KEYS": concatenate_replies,
}


def route(command: Command[Any], slots: SlotMap) -> RoutedCommand:
    """Split a command into commands for the nodes that have its keys.

    Raises:
        CrossSlotError: the keys are in different slots, and the command can't be split.
    """
    args = command.args
    keys = find_keys(args)
    if not keys:
        return route_keyless(command, slots)
    raw_command = command.with_args(args)  # Its result is the raw reply.
    if len(keys) == 1:
        return RoutedCommand([NodeCommand(raw_command, slots.find_slot(keys[0]))], first_reply)
    indexes: dict[int, list[int]] = {}
    for index, key in enumerate(keys):
        indexes.setdefault(slots.find_slot(key), []).append(index)
    if len(indexes) == 1:
        return RoutedCommand([NodeCommand(raw_command, slot) for slot in indexes], first_reply)
    name = args[0]
    if name != "MGET" and name not in SPLIT_COMMAND_MERGES:
        raise CrossSlotError(
            f"All keys of {name!s} must be in one slot. Give them a common part in braces, such as "
            "{user:1}:a and {user:1}:b."
        )
    # The slot of the first key comes first.
    names = [name, *[OTHER_SLOTS_COMMANDS.get(name, name)] * (len(indexes) - 1)]
    node_commands = [
        NodeCommand(command.with_args((part_name, *(keys[index] for index in key_indexes))), slot)
        for part_name, (slot, key_indexes) in zip(names, indexes.items(), strict=True)
    ]
    return RoutedCommand(
        node_commands, SPLIT_COMMAND_MERGES.get(name) or merge_in_order(list(indexes.values()))
    )


def merge_in_order(indexes: Sequence[Sequence[int]]) -> Merge:
    """Return a function that puts the elements of several replies in the order of the keys."""

    def merge(replies: list[Any]) -> list[Any]:
        elements = [None] * sum(map(len, indexes))
        for key_indexes, reply in zip(indexes, replies, strict=True):
            for index, element in zip(key_indexes, reply, strict=True):
                elements[index] = element
        return elements

    return merge


def route_keyless(command: Command[Any], slots: SlotMap) -> RoutedCommand:
    """Route a command without keys.

    It is sent to all primaries if it is about the whole database, otherwise to the first one.
    """
    args = command.args
    if args[0] == "SCAN":
        return route_scan(command, slots)
    nodes = [node for _lowest, node in slots.primaries]
    merge = ALL_PRIMARIES_MERGES.get(args[0])
    if merge is None:
        del nodes[1:]
    raw_command = command.with_args(args)
    return RoutedCommand(
        [NodeCommand(raw_command, node=node) for node in nodes], merge or first_reply
    )


def route_scan(command: Command[Any], slots: SlotMap) -> RoutedCommand:
    """Route one call of SCAN. Callers iterate over all primaries, one after the other.

    The cursor for callers is the node's cursor times the number of slots, plus a slot of the node.
    """
    name, cursor, *options = command.args
    node_cursor, slot = divmod(int(cursor), SLOT_COUNT)
    entry = slots.at_or_after(slot)
    if entry is None:
        raise SlotUnavailable(f"CLUSTERDOWN No node has slot {slot}, where this SCAN continues.")
    slot, node = entry

    def merge(replies: list[Any]) -> Any:
        [(next_cursor, keys)] = replies
        same_node = int(next_cursor) * SLOT_COUNT + slot
        next_node = slots.next_primary_slot(slot) or 0
        return [b"%d" % (same_node if int(next_cursor) else next_node), keys]

    args = (name, str(node_cursor), *options)
    return RoutedCommand([NodeCommand(command.with_args(args), node=node)], merge)


def combine_commands(node_commands: Sequence[NodeCommand]) -> Command[Any] | Operation[list[Any]]:
    """Return what sends `node_commands`, which are all for one node, in one write."""
    commands = [
        command
        for one in node_commands
        for command in ([ASKING, one.command] if one.asking else [one.command])
    ]
    return commands[0] if len(commands) == 1 else execute_all(commands)


def assign_replies(node_commands: Sequence[NodeCommand], outcome: Any) -> None:
    """Set the replies of `node_commands` from the outcome of `combine_commands`."""
    is_single = len(node_commands) == 1 and not node_commands[0].asking
    is_for_all = is_single or isinstance(outcome, CachexError)
    replies = repeat(outcome) if is_for_all else iter(outcome)
    for node_command in node_commands:
        if node_command.asking:
            next(replies)
        node_command.reply, node_command.asking = next(replies), False
