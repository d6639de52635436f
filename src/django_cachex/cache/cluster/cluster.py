"""Clusters: sending commands to the right nodes, and following slots that move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.nodes import Nodes, get_host
from django_cachex.cache.cluster.routing import (
    NodeCommand,
    SlotMap,
    assign_replies,
    combine_commands,
    find_keys,
    key_slot,
    parse_slot_map,
    route,
)
from django_cachex.cache.configuration import make_hashable, parse_locations
from django_cachex.cache.connection.server import Server
from django_cachex.cache.operations import (
    MultiServerOperation,
    Pause,
    ServerCall,
    arun_operation,
    run_operation,
)
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

TRANSACTION_STARTERS = frozenset({"WATCH", "MULTI"})
MISDIRECTION_ERRORS = Redirection, SlotUnavailable


def starts_transaction(commands: Sequence[Command[Any]]) -> bool:
    """Return whether the commands after `commands` must use the same connection."""
    return any(command.args[0] in TRANSACTION_STARTERS for command in commands)


class PinnedOperation(Generic[T]):
    """An operation that runs on one connection, from the start of a transaction on.

    All keys of its remaining commands must be in one slot.
    """

    def __init__(self, operation: Operation[T], commands: Sequence[Command[Any]]) -> None:
        self._operation = operation
        self._commands = commands
        slots = find_slots(commands)
        if len(slots) != 1:
            raise CrossSlotError(
                "All keys of a transaction must be in one slot. Give them a common part in braces, "
                "such as {user:1}:a and {user:1}:b."
            )
        [self.slot] = slots
        self.misdirection: CachexError | None = None
        """The error of the last node if it was the wrong one; otherwise None."""
        self.lost = False
        """Whether the node could not be reached."""

    def attempt(self) -> Operation[T]:
        """Run the operation on a node. If it is the wrong one, `attempt` may be called again."""
        operation, commands = self._operation, self._commands
        self.misdirection = None
        try:
            try:
                results = yield commands
            except MISDIRECTION_ERRORS as error:
                self.misdirection = error
                raise
            except CachexError as error:
                self.lost = isinstance(error, ServerUnavailable)
                commands = operation.throw(error)
            else:
                misdirections = [
                    result for result in results if isinstance(result, MISDIRECTION_ERRORS)
                ]
                if misdirections:  # The server has discarded the transaction.
                    self.misdirection = misdirections[0]
                    raise misdirections[0]
                commands = operation.send(results)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        return (yield from self._rest(commands))

    def _rest(self, commands: Sequence[Command[Any]]) -> Operation[T]:
        """Continue the operation, which has yielded `commands`, and check the slot of each step."""
        operation = self._operation
        try:
            while True:
                try:
                    if not find_slots(commands) <= {self.slot}:
                        raise CrossSlotError("All keys of a transaction must be in one slot.")
                    results = yield commands
                except CachexError as error:
                    commands = operation.throw(error)
                else:
                    commands = operation.send(results)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T


def find_slots(commands: Sequence[Command[Any]]) -> set[int]:
    """Return the slots of all keys of `commands`."""
    return {key_slot(key) for command in commands for key in find_keys(command.args)}


MAX_SENDS = 5
"""The maximum number of times that a command is sent."""
RETRY_DELAYS = 0.05, 0.1, 0.2
"""Seconds to wait before each retry for a slot that no node serves."""


class Cluster:
    """A cluster. `Cluster.for_urls` returns the same object for the same configuration."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    @classmethod
    def for_urls(
        cls,
        driver: str,
        urls: Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any],
    ) -> Cluster:
        """Return the cluster that the nodes at `urls` belong to. See `Server.for_url`."""
        key = driver, tuple(urls), make_hashable(options), make_hashable(overrides)
        cluster = _clusters.get(key)
        if cluster is None:
            cluster = _clusters.setdefault(key, cls(Nodes(driver, urls, options, overrides)))
        return cluster

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"

    @property
    def address(self) -> str:
        """The nodes in LOCATION, as ``host:port/0,host:port/0``, without credentials."""
        return self._nodes.address

    def refresh_slots(self, exclude: Server | None = None) -> SlotMap:
        """Read the slots again from any node except `exclude`, and return them.

        If no node responds, the last known slots are returned, or an error is raised if there are
        none.
        """
        run_operation(self._nodes.refresh(exclude))
        return self._nodes.slots

    def parse_slots(self, reply: Sequence[Sequence[Any]], node: Server) -> SlotMap:
        """Parse the reply of `node` to CLUSTER SLOTS."""
        return parse_slot_map(reply, self._nodes.get_node, get_host(node))

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or the steps of an operation, to the nodes that have the keys.

        It raises the same errors as `Server.run`, and `CrossSlotError` before sending anything.
        """
        if not isinstance(command, Command):
            return run_operation(self._operation(command))
        node = self._find_single_node(command)
        if node is None:
            return run_operation(self._run_command(command))
        try:
            return node.run(command)
        except (Redirection, ServerUnavailable) as error:
            return run_operation(self._run_command(command, node, error))

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do the same as `run`, on the running event loop, using several nodes concurrently."""
        if not isinstance(command, Command):
            return await arun_operation(self._operation(command))
        node = self._find_single_node(command)
        if node is None:
            return await arun_operation(self._run_command(command))
        try:
            return await node.arun(command)
        except (Redirection, ServerUnavailable) as error:
            return await arun_operation(self._run_command(command, node, error))

    def _find_single_node(self, command: Command[Any]) -> Server | None:
        """Return the node that has the key of `command`, or None if it hasn't exactly one key."""
        keys = find_keys(command.args)
        return self._nodes.slots.owners[key_slot(keys[0])] if len(keys) == 1 else None

    def _run_command(
        self,
        command: Command[T],
        node: Server | None = None,
        error: CachexError | None = None,
    ) -> MultiServerOperation[T]:
        """Send one command. If `node` is given, it has already returned `error`."""
        [reply] = yield from self._send_commands([command], node, error)
        if isinstance(reply, CachexError):
            raise reply
        return command.parse(reply)

    def _operation(self, operation: Operation[T]) -> MultiServerOperation[T]:
        """Send the commands of each step to the nodes that have the keys."""
        try:
            commands = next(operation)
            while True:
                try:
                    if starts_transaction(commands):
                        return (yield from self._run_pinned(PinnedOperation(operation, commands)))
                    replies = yield from self._send_commands(commands)
                except CrossSlotError as error:
                    commands = operation.throw(error)
                else:
                    commands = feed_replies(operation, commands, replies)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except ServerUnavailable as error:
            return throw(operation, error)

    # Commands that may go to several nodes.

    def _send_commands(
        self,
        commands: Sequence[Command[Any]],
        node: Server | None = None,
        error: CachexError | None = None,
    ) -> MultiServerOperation[list[Any]]:
        """Return the raw replies to `commands`, with exceptions for errors."""
        yield from self._nodes.ensure_slots()
        routed = [route(command, self._nodes.slots) for command in commands]
        node_commands = all_node_commands = [
            node_command
            for routed_command in routed
            for node_command in routed_command.node_commands
        ]
        pauses = iter(RETRY_DELAYS)
        if node is not None:
            node_commands[0].reply = error
            node_commands = yield from self._find_retries(node, node_commands, pauses)
        for _ in range(MAX_SENDS):
            groups = self._group_by_node(node_commands)
            if not groups:
                break
            outcomes = yield [
                ServerCall(node, combine_commands(group)) for node, group in groups.items()
            ]
            node_commands = []
            for (node, group), outcome in zip(groups.items(), outcomes, strict=True):
                assign_replies(group, outcome)
                node_commands += yield from self._find_retries(node, group, pauses)
        if len(all_node_commands) > 1:
            mark_as_sent(all_node_commands)
        return [routed_command.reply() for routed_command in routed]

    def _group_by_node(
        self, node_commands: Sequence[NodeCommand]
    ) -> dict[Server, list[NodeCommand]]:
        """Group the commands by node. Set an error as the reply if no node serves the slot."""
        groups: dict[Server, list[NodeCommand]] = {}
        for node_command in node_commands:
            try:
                node = node_command.node or self._nodes.owner(node_command.slot or 0)
            except SlotUnavailable as error:
                node_command.reply = error
            else:
                groups.setdefault(node, []).append(node_command)
        return groups

    def _find_retries(
        self, node: Server, node_commands: Sequence[NodeCommand], pauses: Iterator[float]
    ) -> MultiServerOperation[list[NodeCommand]]:
        """Return those of the commands, to which `node` has replied, that must be sent again."""
        failed = [one for one in node_commands if isinstance(one.reply, CachexError)]
        to_resend = [one for one in failed if isinstance(one.reply, Redirection)]
        for node_command in to_resend:
            yield from self._redirect(node_command, node)
        lost = [one for one in failed if isinstance(one.reply, ServerUnavailable)]
        if lost and (yield from self._can_retry(node, lost, pauses)):
            for node_command in find_retryable(lost):
                node_command.node = None if node_command.slot is not None else node
                to_resend.append(node_command)
        return to_resend

    def _redirect(self, node_command: NodeCommand, node: Server) -> MultiServerOperation[None]:
        """Set the node that `node` redirects to, and update the slots after a MOVED error."""
        error = node_command.reply
        node_command.node = self._nodes.get_redirect_target(error, node)
        node_command.asking = isinstance(error, AskError)
        is_known = self._nodes.slots.owners[node_command.slot or 0] is node_command.node
        if isinstance(error, MovedError) and not is_known:
            yield from self._nodes.on_moved(node_command.node)

    def _can_retry(
        self, node: Server, node_commands: Sequence[NodeCommand], pauses: Iterator[float]
    ) -> MultiServerOperation[bool]:
        """Return whether commands that failed on `node` may succeed now, waiting if needed."""
        if isinstance(node_commands[0].reply, SlotUnavailable):
            return (yield from pause(pauses))
        yield from self._nodes.find_successor(node)
        owners = self._nodes.slots.owners
        return all(one.slot is not None and owners[one.slot] is not node for one in node_commands)

    # Operations that need one connection to one node.

    def _run_pinned(self, pinned: PinnedOperation[T]) -> MultiServerOperation[T]:
        yield from self._nodes.ensure_slots()
        node, pauses = self._nodes.owner(pinned.slot), iter(RETRY_DELAYS)
        outcome: Any = None
        for _ in range(MAX_SENDS):
            [outcome] = yield [ServerCall(node, pinned.attempt())]
            if pinned.lost:
                yield from self._nodes.find_successor(node)
            error = pinned.misdirection
            if isinstance(error, MovedError):
                node = self._nodes.get_redirect_target(error, node)
                yield from self._nodes.on_moved(node)
            elif error is None or not (yield from pause(pauses)):
                break  # Otherwise, the slot is being moved, and all keys will soon be on one node.
        if isinstance(outcome, CachexError):
            raise outcome
        return outcome  # type: ignore[no-any-return]  # T


_clusters: dict[Any, Cluster] = {}


def mark_as_sent(node_commands: Sequence[NodeCommand]) -> None:
    """Set `sent` on all errors, because other nodes may have run their part of the command."""
    for node_command in node_commands:
        if isinstance(node_command.reply, CachexError):
            node_command.reply.sent = True


def find_retryable(failed: Sequence[NodeCommand]) -> list[NodeCommand]:
    """Return the commands that may be sent again.

    These are the ones that the node refused, and the others if they are idempotent.
    """
    refused = [one for one in failed if isinstance(one.reply, CommandError)]
    unknown = [one for one in failed if not isinstance(one.reply, CommandError)]
    repeatable = is_repeatable([one.command for one in unknown])
    return list(failed) if repeatable else refused


def pause(pauses: Iterator[float]) -> MultiServerOperation[bool]:
    """Wait for the next of `pauses`, and return whether there was one."""
    seconds = next(pauses, None)
    if seconds is None:
        return False
    yield Pause(seconds)
    return True


class ClusterClient(Client):
    """The client of a cluster. LOCATION names one node, or several in case one is down."""

    @classmethod
    def from_options(
        cls,
        driver: str,
        location: str | Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any] | None = None,
    ) -> Self:
        return cls(Cluster.for_urls(driver, parse_locations(location), options, overrides or {}))
