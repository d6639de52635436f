"""Clusters: sending commands to the right nodes, and following slots that move."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.routing import (
    EMPTY_SLOT_MAP,
    NodeCommand,
    SlotMap,
    assign_replies,
    combine_commands,
    find_keys,
    parse_slot_map,
    route,
)
from django_cachex.cache.configuration import format_host, make_hashable, parse_locations
from django_cachex.cache.connection.server import Server
from django_cachex.cache.options import validate_cluster_database
from django_cachex.cache.steps import Call, CallAll, Pause, Steps, arun_steps, run_steps
from django_cachex.commands.command import (
    Command,
    Operation,
    feed_replies,
    intercept,
    is_repeatable,
    parse_raw,
    throw,
)
from django_cachex.exceptions import (
    AccessDenied,
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


class Misdirected(Exception):
    """The node to which a transaction was sent is the wrong one; `error` is its reply."""

    def __init__(self, error: CachexError) -> None:
        super().__init__(str(error))
        self.error = error


class PinnedOperation(Generic[T]):
    """An operation that runs on one connection, from the start of a transaction on.

    All keys of its remaining commands must be in one slot.
    """

    def __init__(
        self, operation: Operation[T], commands: Sequence[Command[Any]], slot_map: SlotMap
    ) -> None:
        self._operation = operation
        self._commands = commands
        self._slot_map = slot_map
        slots = find_slots(commands, slot_map)
        if len(slots) != 1:
            raise CrossSlotError(
                "All keys of a transaction must be in one slot. Give them a common part in braces, "
                "such as {user:1}:a and {user:1}:b."
            )
        [self.slot] = slots
        self.is_node_lost = False
        """Whether the node could not be reached."""

    def attempt(self) -> Operation[T]:
        """Run the operation on a node. If that raises `Misdirected`, it may be called again."""
        return intercept(self._operation, self._send, self._commands)

    def _send(self, commands: Sequence[Command[Any]]) -> Operation[list[Any]]:
        if not find_slots(commands, self._slot_map) <= {self.slot}:
            raise CrossSlotError("All keys of a transaction must be in one slot.")
        is_first = commands is self._commands
        try:
            results = yield commands
            for result in results:
                if is_first and isinstance(result, MISDIRECTION_ERRORS):
                    raise result  # The server has discarded the transaction.
        except MISDIRECTION_ERRORS as error:
            if is_first:
                raise Misdirected(error) from None
            raise
        except ServerUnavailable:
            self.is_node_lost = True
            raise
        return results


def find_slots(commands: Sequence[Command[Any]], slot_map: SlotMap) -> set[int]:
    """Return the slots of all keys of `commands`."""
    return {slot_map.find_slot(key) for command in commands for key in find_keys(command.args)}


MAX_SENDS = 5
"""The maximum number of times that a command is sent."""
RETRY_DELAYS = 0.05, 0.1, 0.2
"""Seconds to wait before each retry for a slot that no node serves."""
MIN_REFRESH_INTERVAL = 1.0
"""Minimum number of seconds between two reads of the slots because a node is down."""

CLUSTER_SLOTS = Command(("CLUSTER", "SLOTS"), parse_raw, idempotent=True)


class Cluster:
    """A cluster. `Cluster.for_urls` returns the same object for the same configuration.

    `urls` are the nodes in LOCATION. Nodes that are found later have the same options.
    """

    def __init__(
        self,
        driver: str,
        urls: Sequence[str],
        options: Mapping[str, Any],
        overrides: Mapping[str, Any],
    ) -> None:
        self._driver, self._options, self._overrides = driver, options, overrides
        self._url = urls[0]
        self._seeds = [Server.for_url(driver, url, options, overrides) for url in urls]
        for seed in self._seeds:
            validate_cluster_url(seed)
        self.slots: SlotMap = EMPTY_SLOT_MAP
        """The slots that were read last."""
        self._read_at = 0.0

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
            cluster = _clusters.setdefault(key, cls(driver, urls, options, overrides))
        return cluster

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"

    @property
    def address(self) -> str:
        """The nodes in LOCATION, as ``host:port/0,host:port/0``, without credentials."""
        return ",".join(seed.address for seed in self._seeds)

    def refresh_slots(self, exclude: Server | None = None) -> SlotMap:
        """Read the slots again from any node except `exclude`, and return them.

        If no node responds, the last known slots are returned, or an error is raised if there are
        none.
        """
        run_steps(self._refresh_slots(exclude))
        return self.slots

    def parse_slots(self, reply: Sequence[Sequence[Any]], node: Server) -> SlotMap:
        """Parse the reply of `node` to CLUSTER SLOTS."""
        return parse_slot_map(reply, self._get_node, get_host(node))

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or the steps of an operation, to the nodes that have the keys.

        It raises the same errors as `Server.run`, and `CrossSlotError` before sending anything.
        """
        if not isinstance(command, Command):
            return run_steps(self._run_operation(command))
        node = self._find_single_node(command)
        if node is None:
            return run_steps(self._run_command(command))
        try:
            return node.run(command)
        except (Redirection, ServerUnavailable) as error:
            return run_steps(self._run_command(command, node, error))

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do the same as `run`, on the running event loop, using several nodes concurrently."""
        if not isinstance(command, Command):
            return await arun_steps(self._run_operation(command))
        node = self._find_single_node(command)
        if node is None:
            return await arun_steps(self._run_command(command))
        try:
            return await node.arun(command)
        except (Redirection, ServerUnavailable) as error:
            return await arun_steps(self._run_command(command, node, error))

    def _find_single_node(self, command: Command[Any]) -> Server | None:
        """Return the node that has the key of `command`, or None if it hasn't exactly one key."""
        keys = find_keys(command.args)
        return self.slots.owners[self.slots.find_slot(keys[0])] if len(keys) == 1 else None

    def _run_command(
        self,
        command: Command[T],
        node: Server | None = None,
        error: CachexError | None = None,
    ) -> Steps[T]:
        """Send one command. If `node` is given, it has already returned `error`."""
        [reply] = yield from self._send_commands([command], node, error)
        if isinstance(reply, CachexError):
            raise reply
        return command.parse(reply)

    def _run_operation(self, operation: Operation[T]) -> Steps[T]:
        """Send the commands of each step to the nodes that have the keys."""
        try:
            commands = next(operation)
            while not starts_transaction(commands):
                replies = yield from self._send_commands(commands)
                commands = feed_replies(operation, commands, replies)
            return (yield from self._run_pinned(PinnedOperation(operation, commands, self.slots)))
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        except (AccessDenied, CrossSlotError, ServerUnavailable) as error:
            return throw(operation, error)

    # Commands that may go to several nodes.

    def _send_commands(
        self,
        commands: Sequence[Command[Any]],
        node: Server | None = None,
        error: CachexError | None = None,
    ) -> Steps[list[Any]]:
        """Return the raw replies to `commands`, with exceptions for errors."""
        yield from self._ensure_slots()
        routed = [route(command, self.slots) for command in commands]
        node_commands = all_node_commands = [
            node_command
            for routed_command in routed
            for node_command in routed_command.node_commands
        ]
        pauses = iter(RETRY_DELAYS)
        if node is not None:
            node_commands[0].reply = error
            node_commands = yield from self._prepare_retries(node, node_commands, pauses)
        for _ in range(MAX_SENDS):
            groups = self._group_by_node(node_commands)
            if not groups:
                break
            outcomes = yield CallAll(
                [Call(node, combine_commands(group)) for node, group in groups.items()]
            )
            node_commands = []
            for (node, group), outcome in zip(groups.items(), outcomes, strict=True):
                assign_replies(group, outcome)
                node_commands += yield from self._prepare_retries(node, group, pauses)
        if len(all_node_commands) > 1:
            for node_command in all_node_commands:  # Other nodes may have run their part.
                if isinstance(node_command.reply, CachexError):
                    node_command.reply.sent = True
        return [routed_command.reply() for routed_command in routed]

    def _group_by_node(
        self, node_commands: Sequence[NodeCommand]
    ) -> dict[Server, list[NodeCommand]]:
        """Group the commands by node. Set an error as the reply if no node serves the slot."""
        groups: dict[Server, list[NodeCommand]] = {}
        for node_command in node_commands:
            try:
                node = node_command.node or self._owner(node_command.slot or 0)
            except SlotUnavailable as error:
                node_command.reply = error
            else:
                groups.setdefault(node, []).append(node_command)
        return groups

    def _prepare_retries(
        self, node: Server, node_commands: Sequence[NodeCommand], pauses: Iterator[float]
    ) -> Steps[list[NodeCommand]]:
        """Return the commands, to which `node` has replied, that must be sent again.

        Their nodes are set, and it waits if needed.
        """
        to_resend = [
            node_command
            for node_command in node_commands
            if isinstance(node_command.reply, Redirection)
        ]
        for node_command in to_resend:
            yield from self._redirect(node_command, node)
        unanswered = [
            node_command
            for node_command in node_commands
            if isinstance(node_command.reply, ServerUnavailable)
        ]
        if unanswered and (yield from self._can_retry(node, unanswered, pauses)):
            for node_command in find_retryable(unanswered):
                node_command.node = None if node_command.slot is not None else node
                to_resend.append(node_command)
        return to_resend

    def _redirect(self, node_command: NodeCommand, node: Server) -> Steps[None]:
        """Set the node that `node` redirects to, and update the slots after a MOVED error."""
        error = node_command.reply
        node_command.node = self._get_redirect_target(error, node)
        node_command.asking = isinstance(error, AskError)
        is_known = self.slots.owners[node_command.slot or 0] is node_command.node
        if isinstance(error, MovedError) and not is_known:
            yield from self._on_moved(node_command.node)

    def _can_retry(
        self, node: Server, node_commands: Sequence[NodeCommand], pauses: Iterator[float]
    ) -> Steps[bool]:
        """Return whether commands that failed on `node` may succeed now, waiting if needed."""
        if isinstance(node_commands[0].reply, SlotUnavailable):
            return (yield from wait_for_next(pauses))
        yield from self._find_successor(node)
        owners = self.slots.owners
        return all(
            node_command.slot is not None and owners[node_command.slot] is not node
            for node_command in node_commands
        )

    # Operations that need one connection to one node.

    def _run_pinned(self, pinned: PinnedOperation[T]) -> Steps[T]:
        yield from self._ensure_slots()
        node, pauses = self._owner(pinned.slot), iter(RETRY_DELAYS)
        for _ in range(MAX_SENDS):
            try:
                return (yield Call(node, pinned.attempt()))  # type: ignore[no-any-return]  # T
            except Misdirected as misdirected:
                error = misdirected.error
            finally:
                if pinned.is_node_lost:
                    yield from self._find_successor(node)
            if isinstance(error, MovedError):
                node = self._get_redirect_target(error, node)
                yield from self._on_moved(node)
            elif not (yield from wait_for_next(pauses)):
                break  # Otherwise, the slot is being moved, and all keys will soon be on one node.
        raise error

    # The nodes and their slots.

    def _owner(self, slot: int) -> Server:
        """Return the node that serves `slot`; raise `SlotUnavailable` if none does."""
        node = self.slots.owners[slot]
        if node is None:
            raise SlotUnavailable(f"CLUSTERDOWN No node of {self.address} has slot {slot}.")
        return node

    def _get_redirect_target(self, error: Redirection, asked: Server) -> Server:
        """Return the node that the node `asked` redirects to with `error`."""
        host, port = error.target
        return self._get_node(host or get_host(asked), port)

    def _ensure_slots(self) -> Steps[None]:
        """Read the slots if they aren't known yet; raise an error if no node responds."""
        if not self.slots.primaries:
            yield from self._refresh_slots()

    def _refresh_slots(self, exclude: Server | None = None) -> Steps[None]:
        errors = yield from self._read_slots((), exclude)
        if not self.slots.primaries:
            raise cluster_unreachable_error(errors)

    def _on_moved(self, node: Server) -> Steps[None]:
        """Read the slots again after a redirection to `node`, from this node first."""
        yield from self._read_slots((node,))

    def _find_successor(self, failed_node: Server) -> Steps[None]:
        """Read the slots from other nodes after one was lost, unless this was done recently.

        The order is random, because a node that can't reach the others doesn't know the successor.
        """
        if not 0 <= time.monotonic() - self._read_at < MIN_REFRESH_INTERVAL:
            others = [node for _slot, node in self.slots.primaries]
            random.shuffle(others)
            yield from self._read_slots(others, failed_node)

    def _read_slots(
        self, first: Sequence[Server], exclude: Server | None = None
    ) -> Steps[list[CachexError]]:
        """Read the slots from the first node that responds, and return the errors of the others.

        If none responds, the known slots are kept.
        """
        self._read_at = time.monotonic()  # Other callers don't need to read them in the meantime.
        errors: list[CachexError] = []
        primaries = [node for _slot, node in self.slots.primaries]
        for node in dict.fromkeys([*first, *primaries, *self.slots.replicas, *self._seeds]):
            if node is exclude:
                continue
            try:
                reply = yield Call(node, CLUSTER_SLOTS)
            except CachexError as error:
                errors.append(error)
                continue
            slot_map = self.parse_slots(reply, node)
            if slot_map.primaries:
                self._update_slots(slot_map)
                break
        self._read_at = time.monotonic()
        return errors

    def _update_slots(self, slot_map: SlotMap) -> None:
        """Store the slots, and close unused connections to nodes that no longer serve any."""
        before, self.slots = self.slots, slot_map
        for node in {node for _slot, node in before.primaries}.difference(
            node for _slot, node in slot_map.primaries
        ):
            node.close_unused()

    def _get_node(self, host: str, port: int) -> Server:
        """Return the node at an address, with the URL parameters of the first one in LOCATION."""
        parts = urlsplit(self._url)
        credentials, at, _host = parts.netloc.rpartition("@")
        netloc = f"{credentials}{at}{format_host(host)}:{port}"
        url = parts._replace(netloc=netloc).geturl()
        return Server.for_url(self._driver, url, self._options, self._overrides)


_clusters: dict[Any, Cluster] = {}


def find_retryable(failed: Sequence[NodeCommand]) -> list[NodeCommand]:
    """Return the commands that may be sent again.

    These are the ones that the node refused, and the others if they are idempotent.
    """
    refused: list[NodeCommand] = []
    unknown: list[Command[Any]] = []
    for node_command in failed:
        if isinstance(node_command.reply, CommandError):
            refused.append(node_command)
        else:
            unknown.append(node_command.command)
    return list(failed) if is_repeatable(unknown) else refused


def wait_for_next(pauses: Iterator[float]) -> Steps[bool]:
    """Wait for the next of `pauses`, and return whether there was one."""
    seconds = next(pauses, None)
    if seconds is None:
        return False
    yield Pause(seconds)
    return True


def cluster_unreachable_error(errors: Sequence[CachexError]) -> CachexError:
    """Return the error for a cluster whose slots could not be read from any node."""
    refusals = [error for error in errors if isinstance(error, CommandError)]
    if refusals:
        return refusals[0]
    text = " ".join(dict.fromkeys(map(str, errors))) or "No node serves any slots."
    return ServerUnavailable(f"The cluster is not available: {text}")


def get_host(server: Server) -> str:
    host, _, _port = server.host_and_port.rpartition(":")
    return host


def validate_cluster_url(seed: Server) -> None:
    """Raise ImproperlyConfigured for a Unix socket or a database number other than 0."""
    options = seed.configuration.effective_options
    if "path" in options:
        raise ImproperlyConfigured(
            "LOCATION must contain the host and port of nodes of the cluster."
        )
    validate_cluster_database(options)


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
