"""A command as what each node is asked of it, and the reply put together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django_cachex.cache.cluster.keys import SLOTS, keys_of, slot_of
from django_cachex.cache.cluster.slots import SlotMap
from django_cachex.cache.server import Server
from django_cachex.commands.command import Command, EncodableArg, Operation, execute_all, parse_raw
from django_cachex.commands.exceptions import CachexError, CrossSlotError, SlotUnavailable

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
