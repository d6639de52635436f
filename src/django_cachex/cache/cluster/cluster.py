"""Send commands to the nodes of a cluster, and follow keys that move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.nodes import Nodes, host_of
from django_cachex.cache.cluster.routing import (
    Fragment,
    SlotMap,
    keys_of,
    slot_map,
    slot_of,
    split,
    take,
    together,
)
from django_cachex.cache.configuration import frozen, locations
from django_cachex.cache.connection.server import Server
from django_cachex.cache.operations import Part, Pause, Plan, acarry_out, carry_out
from django_cachex.commands.command import (
    Command,
    Operation,
    feed_replies,
    is_repeatable,
    throw,
)
from django_cachex.exceptions import (
    AskError,
    CachexError,
    CommandError,
    CrossSlotError,
    MovedError,
    Redirection,
    ServerUnavailable,
    SlotUnavailable,
)

T = TypeVar("T")

TRANSACTIONAL = frozenset({"WATCH", "MULTI"})
MISDIRECTED = Redirection, SlotUnavailable


def opens(commands: Sequence[Command[Any]]) -> bool:
    """Return whether `commands` begin what must go on over the same connection."""
    return any(command.args[0] in TRANSACTIONAL for command in commands)


class Conversation(Generic[T]):
    """The rest of an operation, all of whose keys must be in one slot."""

    def __init__(self, operation: Operation[T], commands: Sequence[Command[Any]]) -> None:
        self._operation = operation
        self._commands = commands
        slots = slots_of(commands)
        if len(slots) != 1:
            raise CrossSlotError(
                "A transaction needs keys of one slot, from its first step on: give them a part "
                "in braces in common, as in {user:1}:a and {user:1}:b."
            )
        [self.slot] = slots
        self.refusal: CachexError | None = None
        """Why the node that was asked last was the wrong one; None where it was not."""
        self.lost = False
        """Whether the node could not be reached."""

    def once(self) -> Operation[T]:
        """Do what the steps do; stop, so that `once` may be called again, on the wrong node."""
        operation, commands = self._operation, self._commands
        self.refusal = None
        try:
            try:
                results = yield commands
            except MISDIRECTED as error:
                self.refusal = error
                raise
            except CachexError as error:
                self.lost = isinstance(error, ServerUnavailable)
                commands = operation.throw(error)
            else:
                refusals = [result for result in results if isinstance(result, MISDIRECTED)]
                if refusals:  # Of a transaction, which was then discarded.
                    self.refusal = refusals[0]
                    raise refusals[0]
                commands = operation.send(results)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        return (yield from self._rest(commands))

    def _rest(self, commands: Sequence[Command[Any]]) -> Operation[T]:
        """Go on with the steps, which have yielded `commands`, as long as they keep to the slot."""
        operation = self._operation
        try:
            while True:
                try:
                    if not slots_of(commands) <= {self.slot}:
                        raise CrossSlotError("A transaction needs keys of one slot.")
                    results = yield commands
                except CachexError as error:
                    commands = operation.throw(error)
                else:
                    commands = operation.send(results)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T


def slots_of(commands: Sequence[Command[Any]]) -> set[int]:
    """Return the slots of all keys in `commands`."""
    return {slot_of(key) for command in commands for key in keys_of(command.args)}


REDIRECTIONS = 5
"""How often one command is sent, at most."""
PAUSES = 0.05, 0.1, 0.2
"""Seconds to wait for a slot that no node serves, one after the other."""


class Cluster:
    """All nodes of a cluster. `Cluster.of` returns the same one for the same configuration."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    @classmethod
    def of(
        cls,
        driver: str,
        urls: Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any],
    ) -> Cluster:
        """Return the cluster of which the nodes at `urls` are some: see `Server.of`."""
        name = driver, tuple(urls), frozen(options), frozen(overrides)
        found = _clusters.get(name)
        if found is None:
            found = _clusters.setdefault(name, cls(Nodes(driver, urls, options, overrides)))
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"

    @property
    def address(self) -> str:
        """The nodes of LOCATION, as ``host:port/0,host:port/0``; never a credential."""
        return self._nodes.address

    def located(self, but: Server | None = None) -> SlotMap:
        """Ask the nodes, all but one, who has which slot; return what is known if none says.

        Raise what is wrong where nothing was known before.
        """
        carry_out(self._nodes.again(but))
        return self._nodes.slots

    def read_slots(self, reply: Sequence[Sequence[Any]], node: Server) -> SlotMap:
        """Return what a node has replied to CLUSTER SLOTS."""
        return slot_map(reply, self._nodes.at, host_of(node))

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or the steps of an operation, to the nodes that have the keys.

        Raise what `Server.run` does, and `CrossSlotError` before anything is sent.
        """
        if not isinstance(command, Command):
            return carry_out(self._operation(command))
        node = self._only_node(command)
        if node is None:
            return carry_out(self._single(command))
        try:
            return node.run(command)
        except (Redirection, ServerUnavailable) as error:
            return carry_out(self._single(command, node, error))

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do what `run` does, on the running event loop, with the nodes side by side."""
        if not isinstance(command, Command):
            return await acarry_out(self._operation(command))
        node = self._only_node(command)
        if node is None:
            return await acarry_out(self._single(command))
        try:
            return await node.arun(command)
        except (Redirection, ServerUnavailable) as error:
            return await acarry_out(self._single(command, node, error))

    def _only_node(self, command: Command[Any]) -> Server | None:
        """Return the node that has the only key of `command`; None where it is not that simple."""
        keys = keys_of(command.args)
        return self._nodes.slots.owners[slot_of(keys[0])] if len(keys) == 1 else None

    def _single(
        self,
        command: Command[T],
        node: Server | None = None,
        error: CachexError | None = None,
    ) -> Plan[T]:
        """Send one command, which met `error` on `node` if that was asked before."""
        [reply] = yield from self._exchange([command], node, error)
        if isinstance(reply, CachexError):
            raise reply
        return command.parse(reply)

    def _operation(self, operation: Operation[T]) -> Plan[T]:
        """Send the commands of every step to the nodes that have the keys."""
        try:
            commands = next(operation)
            while True:
                try:
                    if opens(commands):
                        return (yield from self._conversation(Conversation(operation, commands)))
                    replies = yield from self._exchange(commands)
                except CrossSlotError as error:
                    commands = operation.throw(error)
                else:
                    commands = feed_replies(operation, commands, replies)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except ServerUnavailable as error:
            return throw(operation, error)

    # Commands that may go to several nodes.

    def _exchange(
        self,
        commands: Sequence[Command[Any]],
        node: Server | None = None,
        error: CachexError | None = None,
    ) -> Plan[list[Any]]:
        """Return the raw replies to `commands`, our exceptions among them."""
        yield from self._nodes.known()
        splits = [split(command, self._nodes.slots) for command in commands]
        fragments = everything = [fragment for each in splits for fragment in each.fragments]
        pauses = iter(PAUSES)
        if node is not None:
            fragments[0].reply = error
            fragments = yield from self._once_more(node, fragments, pauses)
        for _ in range(REDIRECTIONS):
            groups = self._grouped(fragments)
            if not groups:
                break
            outcomes = yield [Part(node, together(group)) for node, group in groups.items()]
            fragments = []
            for (node, group), outcome in zip(groups.items(), outcomes, strict=True):
                take(group, outcome)
                fragments += yield from self._once_more(node, group, pauses)
        if len(everything) > 1:
            mark_as_sent(everything)
        return [each.reply() for each in splits]

    def _grouped(self, fragments: Sequence[Fragment]) -> dict[Server, list[Fragment]]:
        """Return what each node is to be asked; what no node serves has its error as reply."""
        groups: dict[Server, list[Fragment]] = {}
        for fragment in fragments:
            try:
                node = fragment.node or self._nodes.owner(fragment.slot or 0)
            except SlotUnavailable as error:
                fragment.reply = error
            else:
                groups.setdefault(node, []).append(fragment)
        return groups

    def _once_more(
        self, node: Server, fragments: Sequence[Fragment], pauses: Iterator[float]
    ) -> Plan[list[Fragment]]:
        """Return those of `fragments`, which `node` has answered, that are to be sent again."""
        refused = [one for one in fragments if isinstance(one.reply, CachexError)]
        again = [one for one in refused if isinstance(one.reply, Redirection)]
        for fragment in again:
            yield from self._redirect(fragment, node)
        lost = [one for one in refused if isinstance(one.reply, ServerUnavailable)]
        if lost and (yield from self._may_be_served(node, lost, pauses)):
            for fragment in harmless(lost):
                fragment.node = None if fragment.slot is not None else node
                again.append(fragment)
        return again

    def _redirect(self, fragment: Fragment, node: Server) -> Plan[None]:
        """Let `fragment` go where `node` says, and learn from that."""
        error = fragment.reply
        fragment.node = self._nodes.named(error, node)
        fragment.asking = isinstance(error, AskError)
        known = self._nodes.slots.owners[fragment.slot or 0] is fragment.node
        if isinstance(error, MovedError) and not known:
            yield from self._nodes.moved(fragment.node)

    def _may_be_served(
        self, node: Server, fragments: Sequence[Fragment], pauses: Iterator[float]
    ) -> Plan[bool]:
        """Return, perhaps after a while, whether what `node` did not do may be done now."""
        if isinstance(fragments[0].reply, SlotUnavailable):
            return (yield from paused(pauses))
        yield from self._nodes.successor(node)
        owners = self._nodes.slots.owners
        return all(one.slot is not None and owners[one.slot] is not node for one in fragments)

    # Operations that need one connection to one node.

    def _conversation(self, conversation: Conversation[T]) -> Plan[T]:
        yield from self._nodes.known()
        node, pauses = self._nodes.owner(conversation.slot), iter(PAUSES)
        outcome: Any = None
        for _ in range(REDIRECTIONS):
            [outcome] = yield [Part(node, conversation.once())]
            if conversation.lost:
                yield from self._nodes.successor(node)
            error = conversation.refusal
            if isinstance(error, MovedError):
                node = self._nodes.named(error, node)
                yield from self._nodes.moved(node)
            elif error is None or not (yield from paused(pauses)):
                break  # Else the slot is moving: soon the keys will be here or there.
        if isinstance(outcome, CachexError):
            raise outcome
        return outcome  # type: ignore[no-any-return]  # T


_clusters: dict[Any, Cluster] = {}


def mark_as_sent(fragments: Sequence[Fragment]) -> None:
    """Let no node that was not reached say that nothing was sent: others may have done theirs."""
    for fragment in fragments:
        if isinstance(fragment.reply, CachexError):
            fragment.reply.sent = True


def harmless(failed: Sequence[Fragment]) -> list[Fragment]:
    """Return what may be sent again: what was refused, and the others if they are repeatable."""
    refused = [one for one in failed if isinstance(one.reply, CommandError)]
    unknown = [one for one in failed if not isinstance(one.reply, CommandError)]
    repeatable = is_repeatable([one.command for one in unknown])
    return list(failed) if repeatable else refused


def paused(pauses: Iterator[float]) -> Plan[bool]:
    """Wait for the next of `pauses`; return whether there was one."""
    seconds = next(pauses, None)
    if seconds is None:
        return False
    yield Pause(seconds)
    return True


class ClusterClient(Client):
    """Commands on a cluster. LOCATION names one node, or several in case that one is down."""

    @classmethod
    def of(
        cls,
        driver: str,
        location: str | Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any] | None = None,
    ) -> Self:
        return cls(Cluster.of(driver, locations(location), options, overrides or {}))
