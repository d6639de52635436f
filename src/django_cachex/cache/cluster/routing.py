"""Which commands go to which nodes of a cluster, and how their replies are put together."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django_cachex.cache.connection.server import Server
from django_cachex.commands.command import Command, EncodableArg, Operation, execute_all, parse_raw
from django_cachex.exceptions import CachexError, CrossSlotError, SlotUnavailable

SLOTS = 16_384

Words = Sequence[EncodableArg]
Find = Callable[[Words], Words]


def _counted(at: int) -> Find:
    """Keys after a word that says how many there are."""
    return lambda args: args[at + 1 : at + 1 + int(args[at])]


def _stored_and_counted(args: Words) -> Words:
    return (args[1], *_counted(2)(args))


def _streams(args: Words) -> Words:
    """Keys after STREAMS, which as many ids follow."""
    after = args[args.index("STREAMS") + 1 :]
    return after[: len(after) // 2]


def _sorted(args: Words) -> Words:
    places = [number + 1 for number, word in enumerate(args) if word == "STORE"]
    return (args[1], *(args[place] for place in places))


def _of_subcommand(*names: str) -> Find:
    """The second argument, where the first is one of `names`, or whatever it is."""
    return lambda args: args[2:3] if not names or str(args[1]).upper() in names else ()


def _one(args: Words) -> Words:
    return args[1:2]


# By the name of the command; those that are not here name one key, directly after it.
FIND: dict[EncodableArg, Find] = {
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
        ["LMPOP", "ZMPOP", "SINTERCARD", "ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD"], _counted(1)
    ),
    **dict.fromkeys(
        ["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO", "BLMPOP", "BZMPOP"],
        _counted(2),
    ),
    **dict.fromkeys(["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"], _stored_and_counted),
    **dict.fromkeys(["XREAD", "XREADGROUP"], _streams),
    **dict.fromkeys(["OBJECT", "XINFO", "XGROUP"], _of_subcommand()),
    **dict.fromkeys(["MEMORY"], _of_subcommand("USAGE")),
    **dict.fromkeys(["DEBUG"], _of_subcommand("OBJECT")),
    "SORT": _sorted,
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


def keys_of(args: Words) -> Words:
    """Return the keys among the arguments of a command."""
    return FIND.get(args[0], _one)(args)


def slot_of(key: EncodableArg) -> int:
    """Return the slot of a stored key: that of what is between its first braces, if anything is.

    https://valkey.io/topics/cluster-spec/#key-distribution-model
    """
    data = key if isinstance(key, bytes) else str(key).encode()
    start = data.find(b"{")
    if start >= 0:
        end = data.find(b"}", start + 1)
        if end > start + 1:
            data = data[start + 1 : end]
    return binascii.crc_hqx(data, 0) % SLOTS


NodeAt = Callable[[str, int], Server]
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

    def following(self, slot: int) -> int | None:
        """Return the lowest slot of the primary after the one that has `slot`."""
        return next((lowest for lowest, _node in self.primaries if lowest > slot), None)

    def at_or_after(self, slot: int) -> tuple[int, Server] | None:
        """Return who has `slot`; if nobody, who comes next, and its lowest slot."""
        owner = self.owners[slot]
        if owner is not None:
            return slot, owner
        return next((entry for entry in self.primaries if entry[0] > slot), None)


NO_SLOTS = SlotMap((None,) * SLOTS, ())


def slot_map(reply: Sequence[Sequence[Any]], node_at: NodeAt, asked: str) -> SlotMap:
    """Read what CLUSTER SLOTS replied: ``[[start, end, [host, port, …], …], …]``.

    A node that does not know how it is called leaves its host out: it is where it was `asked`.
    """
    owners: list[Server | None] = [None] * SLOTS
    lowest: dict[Server, int] = {}
    others: dict[Server, None] = {}

    def at(host: bytes | None, port: int, *_more: Any) -> Server:
        return node_at(host.decode() if host and host != b"?" else asked, int(port))

    for start, end, primary, *replicas in reply:
        node = at(*primary)
        owners[start : end + 1] = [node] * (end + 1 - start)
        lowest[node] = min(start, lowest.get(node, SLOTS))
        others.update(dict.fromkeys(at(*replica) for replica in replicas))
    primaries = sorted(((slot, node) for node, slot in lowest.items()), key=_slot)
    return SlotMap(owners, primaries, tuple(others))


def _slot(entry: tuple[int, Server]) -> int:
    return entry[0]


Merge = Callable[[list[Any]], Any]

ASKING = Command(("ASKING",), parse_raw)


class Fragment:
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
class Split:
    """A command in fragments."""

    fragments: Sequence[Fragment]
    merge: Merge

    def reply(self) -> Any:
        """Return the raw reply to the whole, which is the first error if there is one."""
        replies = [fragment.reply for fragment in self.fragments]
        for reply in replies:
            if isinstance(reply, CachexError):
                return reply
        return self.merge(replies)


def first(replies: list[Any]) -> Any:
    return replies[0]


def joined(replies: list[Any]) -> list[Any]:
    return [element for reply in replies for element in reply]


def united(replies: list[Any]) -> list[Any]:
    return list(set(joined(replies)))


def in_common(replies: list[Any]) -> list[Any]:
    return list(set.intersection(*map(set, replies)))


def left_over(replies: list[Any]) -> list[Any]:
    of_first, *others = map(set, replies)
    return list(of_first.difference(*others))


# Commands on many keys that may as well be several commands, and what becomes of their replies;
# MGET's order is restored.
BY_KEY: dict[EncodableArg, Merge] = {
    **dict.fromkeys(["UNLINK", "DEL", "EXISTS", "TOUCH"], sum),
    "SUNION": united,
    "SINTER": in_common,
    "SDIFF": left_over,
}
# What is asked of the slots that do not have the first key, where that is another command.
OTHERS: dict[EncodableArg, EncodableArg] = {"SDIFF": "SUNION"}
# Commands that mean all of a database.
EVERYWHERE: dict[EncodableArg, Merge] = {
    **dict.fromkeys(["FLUSHDB", "FLUSHALL", "SCRIPT"], first),
    "DBSIZE": sum,
    "KEYS": joined,
}


def split(command: Command[Any], slots: SlotMap) -> Split:
    """Return what to ask of which node; raise `CrossSlotError` where that cannot be done."""
    args = command.args
    keys = keys_of(args)
    if not keys:
        return without_keys(command, slots)
    whole = command.with_args(args)
    if len(keys) == 1:
        return Split([Fragment(whole, slot_of(keys[0]))], first)
    places: dict[int, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(slot_of(key), []).append(place)
    if len(places) == 1:
        return Split([Fragment(whole, slot) for slot in places], first)
    name = args[0]
    if name != "MGET" and name not in BY_KEY:
        raise CrossSlotError(
            f"{name!s} needs keys of one slot: give them a part in braces in common, as in "
            "{user:1}:a and {user:1}:b."
        )
    names = [name, *[OTHERS.get(name, name)] * (len(places) - 1)]  # The first key's slot is first.
    fragments = [
        Fragment(command.with_args((asked, *(keys[place] for place in some))), slot)
        for asked, (slot, some) in zip(names, places.items(), strict=True)
    ]
    return Split(fragments, BY_KEY.get(name) or in_order(list(places.values())))


def in_order(places: Sequence[Sequence[int]]) -> Merge:
    """Return what puts the elements of several replies to their places in the whole."""

    def merge(replies: list[Any]) -> list[Any]:
        whole = [None] * sum(map(len, places))
        for some, reply in zip(places, replies, strict=True):
            for place, element in zip(some, reply, strict=True):
                whole[place] = element
        return whole

    return merge


def without_keys(command: Command[Any], slots: SlotMap) -> Split:
    args = command.args
    if args[0] == "SCAN":
        return scanning(command, slots)
    nodes = [node for _slot, node in slots.primaries]
    merge = EVERYWHERE.get(args[0])
    if merge is None:
        del nodes[1:]
    whole = command.with_args(args)
    return Split([Fragment(whole, node=node) for node in nodes], merge or first)


def scanning(command: Command[Any], slots: SlotMap) -> Split:
    """Return the turn of a walk over all primaries, one after the other.

    The cursor that callers see is the node's, times the number of slots, plus a slot of the node.
    """
    name, cursor, *options = command.args
    at, slot = divmod(int(cursor), SLOTS)
    found = slots.at_or_after(slot)
    if found is None:
        raise SlotUnavailable(f"CLUSTERDOWN No node has slot {slot}, at which this walk stopped.")
    slot, node = found

    def merge(replies: list[Any]) -> Any:
        [(following, keys)] = replies
        same_node = int(following) * SLOTS + slot
        return [b"%d" % (same_node if int(following) else slots.following(slot) or 0), keys]

    args = (name, str(at), *options)
    return Split([Fragment(command.with_args(args), node=node)], merge)


def together(fragments: Sequence[Fragment]) -> Command[Any] | Operation[list[Any]]:
    """Return the command that sends `fragments` to one node, in one write."""
    if len(fragments) == 1 and not fragments[0].asking:
        return fragments[0].command
    commands: list[Command[Any]] = []
    for fragment in fragments:
        commands += [ASKING, fragment.command] if fragment.asking else [fragment.command]
    return execute_all(commands)


def take(fragments: Sequence[Fragment], outcome: Any) -> None:
    """Give `fragments` their replies out of what became of `together`."""
    asking = [fragment.asking for fragment in fragments]
    if isinstance(outcome, CachexError):
        replies = [outcome] * len(fragments)
    elif len(fragments) == 1 and not asking[0]:
        replies = [outcome]
    else:
        left = iter(outcome)
        replies = [[next(left) for _ in range(1 + each)][-1] for each in asking]
    for fragment, reply in zip(fragments, replies, strict=True):
        fragment.reply = reply
        fragment.asking = False
