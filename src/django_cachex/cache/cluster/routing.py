"""Which commands go to which nodes of a cluster, and how their replies are put together."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django_cachex.cache.connection.server import Server
from django_cachex.commands.command import Command, EncodableArg, Operation, execute_all, parse_raw
from django_cachex.exceptions import CachexError, CrossSlotError, SlotUnavailable

SLOT_COUNT = 16_384

Args = Sequence[EncodableArg]
KeyFinder = Callable[[Args], Args]


def _find_counted(at: int) -> KeyFinder:
    """Keys after a word that says how many there are."""
    return lambda args: args[at + 1 : at + 1 + int(args[at])]


def _find_destination_and_counted(args: Args) -> Args:
    return (args[1], *_find_counted(2)(args))


def _find_stream_keys(args: Args) -> Args:
    """Keys after STREAMS, which as many ids follow."""
    after = args[args.index("STREAMS") + 1 :]
    return after[: len(after) // 2]


def _find_sort_keys(args: Args) -> Args:
    places = [number + 1 for number, word in enumerate(args) if word == "STORE"]
    return (args[1], *(args[place] for place in places))


def _find_subcommand_key(*names: str) -> KeyFinder:
    """The second argument, where the first is one of `names`, or whatever it is."""
    return lambda args: args[2:3] if not names or str(args[1]).upper() in names else ()


def _find_first_key(args: Args) -> Args:
    return args[1:2]


# By the name of the command; those that are not here name one key, directly after it.
KEY_FINDERS: dict[EncodableArg, KeyFinder] = {
    **dict.fromkeys(
        [
            "MGET",
            "DEL",
            "UNLINK",
            "EXISTS",
            "TOUCH",
            "WATCH",
            "SINTER",
            "SUNION",
            "SDIFF",
            "SINTERSTORE",
            "SUNIONSTORE",
            "SDIFFSTORE",
            "PFCOUNT",
            "PFMERGE",
        ],
        lambda args: args[1:],
    ),
    **dict.fromkeys(["MSET", "MSETNX"], lambda args: args[1::2]),
    **dict.fromkeys(
        [
            "RENAME",
            "RENAMENX",
            "COPY",
            "LMOVE",
            "BLMOVE",
            "RPOPLPUSH",
            "BRPOPLPUSH",
            "SMOVE",
            "ZRANGESTORE",
            "LCS",
            "GEOSEARCHSTORE",
        ],
        lambda args: args[1:3],
    ),
    **dict.fromkeys(["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"], lambda args: args[1:-1]),
    **dict.fromkeys(
        ["LMPOP", "ZMPOP", "SINTERCARD", "ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD"],
        _find_counted(1),
    ),
    **dict.fromkeys(
        ["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO", "BLMPOP", "BZMPOP"],
        _find_counted(2),
    ),
    **dict.fromkeys(["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"], _find_destination_and_counted),
    **dict.fromkeys(["XREAD", "XREADGROUP"], _find_stream_keys),
    **dict.fromkeys(["OBJECT", "XINFO", "XGROUP"], _find_subcommand_key()),
    **dict.fromkeys(["MEMORY"], _find_subcommand_key("USAGE")),
    **dict.fromkeys(["DEBUG"], _find_subcommand_key("OBJECT")),
    "SORT": _find_sort_keys,
    "BITOP": lambda args: args[2:],
    **dict.fromkeys(
        [
            "ACL",
            "ASKING",
            "AUTH",
            "BGREWRITEAOF",
            "BGSAVE",
            "CLIENT",
            "CLUSTER",
            "COMMAND",
            "CONFIG",
            "DBSIZE",
            "DISCARD",
            "ECHO",
            "EXEC",
            "FLUSHALL",
            "FLUSHDB",
            "FUNCTION",
            "HELLO",
            "INFO",
            "KEYS",
            "LASTSAVE",
            "LATENCY",
            "MODULE",
            "MONITOR",
            "MULTI",
            "PING",
            "PSUBSCRIBE",
            "PUBLISH",
            "PUBSUB",
            "QUIT",
            "RANDOMKEY",
            "READONLY",
            "READWRITE",
            "RESET",
            "ROLE",
            "SAVE",
            "SCAN",
            "SCRIPT",
            "SELECT",
            "SLOWLOG",
            "SUBSCRIBE",
            "TIME",
            "UNWATCH",
            "WAIT",
            "WAITAOF",
        ],
        lambda args: (),
    ),
}


def find_keys(args: Args) -> Args:
    """Return the keys among the arguments of a command."""
    return KEY_FINDERS.get(args[0], _find_first_key)(args)


def key_slot(key: EncodableArg) -> int:
    """Return the slot of a stored key: that of what is between its first braces, if anything is.

    https://valkey.io/topics/cluster-spec/#key-distribution-model
    """
    data = key if isinstance(key, bytes) else str(key).encode()
    start = data.find(b"{")
    if start >= 0:
        end = data.find(b"}", start + 1)
        if end > start + 1:
            data = data[start + 1 : end]
    return binascii.crc_hqx(data, 0) % SLOT_COUNT


GetNode = Callable[[str, int], Server]
"""Returns the node that listens on a host and a port."""


@dataclass(frozen=True, slots=True, eq=False)
class SlotMap:
    """Who has which slot, as some node said at some time."""

    owners: Sequence[Server | None]
    """By slot."""

    primaries: Sequence[tuple[int, Server]]
    """Those that have any slot, each with its lowest, in the order of these."""

    replicas: Sequence[Server] = ()
    """Those that stand ready to take over."""

    def next_primary_slot(self, slot: int) -> int | None:
        """Return the lowest slot of the primary after the one that has `slot`."""
        return next((lowest for lowest, _node in self.primaries if lowest > slot), None)

    def at_or_after(self, slot: int) -> tuple[int, Server] | None:
        """Return who has `slot`; if nobody, who comes next, and its lowest slot."""
        owner = self.owners[slot]
        if owner is not None:
            return slot, owner
        return next((entry for entry in self.primaries if entry[0] > slot), None)


EMPTY_SLOT_MAP = SlotMap((None,) * SLOT_COUNT, ())


def parse_slot_map(reply: Sequence[Sequence[Any]], get_node: GetNode, asked: str) -> SlotMap:
    """Read what CLUSTER SLOTS replied: ``[[start, end, [host, port, …], …], …]``.

    A node that does not know how it is called leaves its host out: it is where it was `asked`.
    """
    owners: list[Server | None] = [None] * SLOT_COUNT
    lowest: dict[Server, int] = {}
    others: dict[Server, None] = {}

    def at(host: bytes | None, port: int, *_more: Any) -> Server:
        return get_node(host.decode() if host and host != b"?" else asked, int(port))

    for start, end, primary, *replicas in reply:
        node = at(*primary)
        owners[start : end + 1] = [node] * (end + 1 - start)
        lowest[node] = min(start, lowest.get(node, SLOT_COUNT))
        others.update(dict.fromkeys(at(*replica) for replica in replicas))
    primaries = sorted(((slot, node) for node, slot in lowest.items()), key=_slot)
    return SlotMap(owners, primaries, tuple(others))


def _slot(entry: tuple[int, Server]) -> int:
    return entry[0]


Merge = Callable[[list[Any]], Any]

ASKING = Command(("ASKING",), parse_raw)


class NodeCommand:
    """What one node is asked: the one that has `slot`, or `node`."""

    __slots__ = ("asking", "command", "node", "reply", "slot")

    def __init__(
        self, command: Command[Any], slot: int | None = None, node: Server | None = None
    ) -> None:
        self.command = command
        self.slot = slot
        self.node = node
        self.asking = False
        """Whether the node has the key, but not yet the slot."""
        self.reply: Any = None
        """The raw reply, or one of our exceptions."""


@dataclass(frozen=True, slots=True)
class RoutedCommand:
    """A command in fragments."""

    node_commands: Sequence[NodeCommand]
    merge: Merge

    def reply(self) -> Any:
        """Return the raw reply to the whole, which is the first error if there is one."""
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
    of_first, *others = map(set, replies)
    return list(of_first.difference(*others))


# Commands on many keys that may as well be several commands, and what becomes of their replies;
# MGET's order is restored.
MERGE_BY_KEY: dict[EncodableArg, Merge] = {
    **dict.fromkeys(["UNLINK", "DEL", "EXISTS", "TOUCH"], sum),
    "SUNION": union_replies,
    "SINTER": intersect_replies,
    "SDIFF": subtract_replies,
}
# What is asked of the slots that do not have the first key, where that is another command.
OTHER_SLOTS_COMMANDS: dict[EncodableArg, EncodableArg] = {"SDIFF": "SUNION"}
# Commands that mean all of a database.
MERGE_ALL_NODES: dict[EncodableArg, Merge] = {
    **dict.fromkeys(["FLUSHDB", "FLUSHALL", "SCRIPT"], first_reply),
    "DBSIZE": sum,
    "KEYS": concatenate_replies,
}


def route(command: Command[Any], slots: SlotMap) -> RoutedCommand:
    """Return what to ask of which node; raise `CrossSlotError` where that cannot be done."""
    args = command.args
    keys = find_keys(args)
    if not keys:
        return route_keyless(command, slots)
    whole = command.with_args(args)
    if len(keys) == 1:
        return RoutedCommand([NodeCommand(whole, key_slot(keys[0]))], first_reply)
    places: dict[int, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key_slot(key), []).append(place)
    if len(places) == 1:
        return RoutedCommand([NodeCommand(whole, slot) for slot in places], first_reply)
    name = args[0]
    if name != "MGET" and name not in MERGE_BY_KEY:
        raise CrossSlotError(
            f"{name!s} needs keys of one slot: give them a part in braces in common, as in "
            "{user:1}:a and {user:1}:b."
        )
    names = [
        name,
        *[OTHER_SLOTS_COMMANDS.get(name, name)] * (len(places) - 1),
    ]  # The first key's slot is first.
    node_commands = [
        NodeCommand(command.with_args((asked, *(keys[place] for place in some))), slot)
        for asked, (slot, some) in zip(names, places.items(), strict=True)
    ]
    return RoutedCommand(
        node_commands, MERGE_BY_KEY.get(name) or merge_in_order(list(places.values()))
    )


def merge_in_order(places: Sequence[Sequence[int]]) -> Merge:
    """Return what puts the elements of several replies to their places in the whole."""

    def merge(replies: list[Any]) -> list[Any]:
        whole = [None] * sum(map(len, places))
        for some, reply in zip(places, replies, strict=True):
            for place, element in zip(some, reply, strict=True):
                whole[place] = element
        return whole

    return merge


def route_keyless(command: Command[Any], slots: SlotMap) -> RoutedCommand:
    args = command.args
    if args[0] == "SCAN":
        return route_scan(command, slots)
    nodes = [node for _slot, node in slots.primaries]
    merge = MERGE_ALL_NODES.get(args[0])
    if merge is None:
        del nodes[1:]
    whole = command.with_args(args)
    return RoutedCommand([NodeCommand(whole, node=node) for node in nodes], merge or first_reply)


def route_scan(command: Command[Any], slots: SlotMap) -> RoutedCommand:
    """Return the turn of a walk over all primaries, one after the other.

    The cursor that callers see is the node's, times the number of slots, plus a slot of the node.
    """
    name, cursor, *options = command.args
    at, slot = divmod(int(cursor), SLOT_COUNT)
    found = slots.at_or_after(slot)
    if found is None:
        raise SlotUnavailable(f"CLUSTERDOWN No node has slot {slot}, at which this walk stopped.")
    slot, node = found

    def merge(replies: list[Any]) -> Any:
        [(following, keys)] = replies
        same_node = int(following) * SLOT_COUNT + slot
        return [b"%d" % (same_node if int(following) else slots.next_primary_slot(slot) or 0), keys]

    args = (name, str(at), *options)
    return RoutedCommand([NodeCommand(command.with_args(args), node=node)], merge)


def combine_commands(node_commands: Sequence[NodeCommand]) -> Command[Any] | Operation[list[Any]]:
    """Return the command that sends `fragments` to one node, in one write."""
    if len(node_commands) == 1 and not node_commands[0].asking:
        return node_commands[0].command
    commands: list[Command[Any]] = []
    for node_command in node_commands:
        commands += (
            [ASKING, node_command.command] if node_command.asking else [node_command.command]
        )
    return execute_all(commands)


def assign_replies(node_commands: Sequence[NodeCommand], outcome: Any) -> None:
    """Give `fragments` their replies out of what became of `together`."""
    asking = [node_command.asking for node_command in node_commands]
    if isinstance(outcome, CachexError):
        replies = [outcome] * len(node_commands)
    elif len(node_commands) == 1 and not asking[0]:
        replies = [outcome]
    else:
        left = iter(outcome)
        replies = [[next(left) for _ in range(1 + each)][-1] for each in asking]
    for node_command, reply in zip(node_commands, replies, strict=True):
        node_command.reply = reply
        node_command.asking = False
