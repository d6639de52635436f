"""Search the keys of a server or cluster with SCAN."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.utils.translation import gettext as _

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.cluster import CLUSTER_SLOTS, Cluster
from django_cachex.cache.cluster.routing import SLOT_COUNT, SlotMap, key_slot
from django_cachex.cache.connection.server import Server
from django_cachex.cache.steps import Endpoint
from django_cachex.commands import Command, ServerUnavailable
from django_cachex.commands.command import execute_all, parse_raw
from django_cachex.conf import limits
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import BatchStart, ScanPage
from django_cachex.inspectors.valkey.errors import none_if_denied, require_reply, with_reply_check
from django_cachex.inspectors.valkey.key_info import describe
from django_cachex.inspectors.valkey.shards import Shards

MIN_COUNT: Final = 4
"""Smallest `COUNT`, which is safe if the pattern is slow to match against long names."""

FIRST_COUNT: Final = 100
"""Largest `COUNT` of the first `SCAN` if the pattern has a fixed beginning."""

MAX_GROWTH: Final = 10
"""Factor by which `COUNT` may grow after a command that took almost no time."""

DENSE_SHARE: Final = 0.9
"""Share of matches among the examined keys from which nearly all keys are taken to match."""

MAX_BLOCKING_SECONDS: Final = 0.005
"""Seconds for which one command may block the server's other clients."""

FAR_SECONDS: Final = 0.02
"""Network latency in seconds from which a server is far away."""

FAR_FACTOR: Final = 10
"""Factor by which the largest `COUNT` is higher for servers that are far away."""

TIME_COMMAND: Final = Command(("TIME",), parse_raw, idempotent=True)
"""Sent right before and after a command, it tells how long the command blocked the server."""


@dataclass
class ScanCount:
    """Chooses the `COUNT` of the next `SCAN` from the share of matches and the time commands take.

    It starts small and grows with the times that the server reports. If `TIME` is denied, the
    fastest command is taken as the network latency, and the rest of other durations as the time for
    which they blocked the server.

    If a server is far away, the network takes most of the time, and the server is idle in between.
    Then `COUNT` may grow further, but only as long as commands don't block the server.
    """

    maximum: int
    """The largest allowed `COUNT`."""

    first: int = FIRST_COUNT

    far_maximum: int = 0
    """The largest allowed `COUNT` if the server is far away; 0 if it is the same."""

    requested: int = 0
    """The sum of all `COUNT`s so far, which is about the number of keys that `SCAN` examined."""

    largest: int = 0
    """The largest `COUNT` so far."""

    _cap: int = 0
    _resumed: int = 0
    _is_far: bool = False
    _quickest: float = float("inf")

    def __post_init__(self) -> None:
        self.far_maximum = max(self.maximum, self.far_maximum)
        self._cap = min(self.first, self.maximum)

    @property
    def is_steady(self) -> bool:
        """Whether the maximum is reached: durations then only serve to detect slow commands.

        On the way to a server that is far away, they vary too much for that.
        """
        return self._cap >= self.maximum and not self._is_far

    @property
    def pace(self) -> int:
        """The `COUNT` with which the next request can continue the search."""
        return min(self.largest, self._cap)

    def resume(self, pace: int) -> None:
        """Start with the `pace` of the request before."""
        self._resumed = min(pace, self.far_maximum)
        self._cap = max(self._cap, self._resumed)

    def next_count(self, limit: int, found: int, steps: int = 1) -> int:
        """Return the `COUNT` with which `steps` commands should complete `limit` keys."""
        if not self.requested:
            return self._resumed or min(max(1, limit // steps), self._cap)
        expected = (limit - found) * self.requested // max(1, found)
        if found < self.requested * DENSE_SHARE:
            expected += expected // 4  # Matches are spread unevenly: a margin saves another step.
        return min(max(expected // steps, MIN_COUNT), self._cap)

    def record_duration(self, count: int, seconds: float) -> None:
        """Record how long a command with this `COUNT` took, including the network latency."""
        self._quickest = min(self._quickest, seconds)
        self.record_blocking(count, seconds - self._quickest)

    def record_times(self, count: int, before: Any, after: Any, seconds: float) -> None:
        """Record the replies to `TIME` around a command, or its duration if `TIME` is denied."""
        try:
            blocked = float(after[0]) - float(before[0]) + (int(after[1]) - int(before[1])) / 1e6
        except (TypeError, ValueError, LookupError):
            self.record_duration(count, seconds)
        else:
            self._is_far = self.far_maximum > self.maximum and seconds - blocked > FAR_SECONDS
            self.record_blocking(count, max(0.0, blocked))

    def record_blocking(self, count: int, seconds: float) -> None:
        """Record for how many seconds a command with this `COUNT` blocked the server."""
        self.requested += count
        self.largest = max(self.largest, count)
        maximum = self.far_maximum if self._is_far else self.maximum
        # Aim at half of the allowed time: the next keys may have longer names.
        allowed = int(count * min(MAX_GROWTH, MAX_BLOCKING_SECONDS / 2 / max(seconds, 1e-6)))
        if seconds > MAX_BLOCKING_SECONDS:
            self._cap = max(MIN_COUNT, min(self._cap // 2, allowed))
        elif count >= self._cap:
            self._cap = max(self._cap, allowed)
        self._cap = min(self._cap, maximum)


CURSOR = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
CURSOR_RANGE = range(1, 2**64)
RUN_ID = re.compile(r"[0-9a-f]*", re.ASCII)
RUN_ID_LENGTH = 16
RESTARTED = "0"
"""The run ID of a scan that has already restarted once."""

SLOT_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)


@dataclass
class NodeScan:
    """The progress of one search through one server."""

    node: str = ""
    """The address of a cluster node; empty for a single server."""

    cursor: int = 0
    """The cursor of the next `SCAN`; 0 before the first one."""

    slots: frozenset[int] = frozenset()
    """The cluster slots whose keys are looked for; empty for a single server."""

    is_rescan: bool = False
    """Whether only keys of `slots` are new, as the other slots of the node were scanned before."""

    has_failed: bool = False
    """Whether the node did not reply to the last command."""

    run_id: str = ""
    """The start of the server's `run_id`; empty if unknown."""

    count: int = 0
    """The `COUNT` of the next `SCAN`, which brought this batch before; 0 to choose it."""

    pace: int = 0
    """The `COUNT` that the search had reached; 0 if unknown."""

    def restart_if_needed(self, run_id: str) -> bool:
        """Record the server's run ID; restart the scan and return True if it has changed.

        Each server process hashes keys with a seed of its own, so a cursor is meaningless after a
        restart or a failover. A scan restarts only once, so that it also ends behind a proxy that
        sends each command to another server.
        """
        if self.run_id == RESTARTED:
            return False
        current, previous = run_id[:RUN_ID_LENGTH] if RUN_ID.fullmatch(run_id) else "", self.run_id
        self.run_id = current
        if not (self.cursor and current and previous) or current == previous:
            return False
        self.cursor, self.run_id = 0, RESTARTED
        return True


def make_token(scans: Sequence[NodeScan]) -> str:
    """Return the page token for the remaining scans; empty if there are none."""
    if not scans:
        return ""
    if scans[0].node:
        return json.dumps([_dump_scan(scan) for scan in scans], separators=(",", ":"))
    scan = scans[0]
    fields = [scan.cursor, scan.run_id, scan.count or "", scan.pace or ""]
    return "@".join(map(str, fields)).rstrip("@")


def parse_token(token: str, is_cluster: bool) -> list[NodeScan]:
    """Return the remaining scans; raise ValueError for an invalid token."""
    try:
        if is_cluster:
            return [_load_scan(*fields) for fields in json.loads(token)]
        return [_load_single_scan(*token.split("@"))]
    except (TypeError, ValueError, KeyError, RecursionError):
        raise ValueError(_("This isn't a position in a listing of this cache.")) from None


def _dump_scan(scan: NodeScan) -> list[object]:
    flags = scan.is_rescan + 2 * scan.has_failed
    counts = [scan.count, scan.pace] if scan.count or scan.pace else []
    return [scan.node, str(scan.cursor), format_slots(scan.slots), flags, scan.run_id, *counts]


def _load_single_scan(cursor: str, run_id: str = "", count: str = "", pace: str = "") -> NodeScan:
    return NodeScan(
        cursor=0 if count and cursor == "0" else _parse_cursor(cursor),
        run_id=_parse_run_id(run_id),
        count=_parse_cursor(count) if count else 0,
        pace=_parse_cursor(pace) if pace else 0,
    )


def _load_scan(
    node: str,
    cursor: str,
    slots: str,
    flags: int,
    run_id: str = "",
    count: int = 0,
    pace: int = 0,
) -> NodeScan:
    if not isinstance(node, str) or flags not in range(4):
        raise ValueError(node)
    return NodeScan(
        node,
        cursor=0 if cursor == "0" else _parse_cursor(cursor),
        slots=parse_slots(slots),
        is_rescan=bool(flags & 1),
        has_failed=bool(flags & 2),
        run_id=_parse_run_id(run_id),
        count=_parse_cursor(str(count)) if count else 0,
        pace=_parse_cursor(str(pace)) if pace else 0,
    )


def _parse_cursor(text: str) -> int:
    if CURSOR.fullmatch(text) is None or int(text) not in CURSOR_RANGE:
        raise ValueError(text)
    return int(text)


def _parse_run_id(text: str) -> str:
    if RUN_ID.fullmatch(text) is None:
        raise ValueError(text)
    return text


def format_slots(slots: Iterable[int]) -> str:
    """Format slots as ranges, such as ``0-5460 7000``."""
    ranges: list[list[int]] = []
    for slot in sorted(slots):
        if ranges and slot == ranges[-1][1] + 1:
            ranges[-1][1] = slot
        else:
            ranges.append([slot, slot])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def parse_slots(text: str) -> frozenset[int]:
    """Parse ranges of slots; raise ValueError for invalid ones."""
    slots: set[int] = set()
    for part in text.split():
        match = SLOT_RANGE.fullmatch(part)
        if match is None:
            raise ValueError(text)
        first, last = int(match[1]), int(match[2] or match[1])
        if not first <= last < SLOT_COUNT:
            raise ValueError(text)
        slots.update(range(first, last + 1))
    return frozenset(slots)


CLUSTER_NODES = Command(("CLUSTER", "NODES"), parse_raw, idempotent=True)


class PrimaryNodes:
    """The servers of a search: a single server, unless a subclass knows more."""

    def __init__(self, server: Endpoint) -> None:
        self._server = server

    def begin(self) -> list[NodeScan]:
        """Return the scans of a new search."""
        return [NodeScan()]

    def resume(self, token: str) -> list[NodeScan]:
        """Return the remaining scans; raise ValueError for an invalid token."""
        return parse_token(token, is_cluster=False)

    def servers(self) -> Mapping[str, Endpoint]:
        """Return all servers by `NodeScan.node`."""
        return {"": self._server}

    def server(self, scan: NodeScan) -> Endpoint:
        """Return the server of a scan; raise `ServerUnavailable` if it is no longer a primary."""
        return self._server

    def unseen_keys(self, scan: NodeScan, keys: list[bytes]) -> list[bytes]:
        """Return the keys that belong to this scan."""
        return keys

    def scans_of_moved_slots(self, scan: NodeScan) -> list[NodeScan]:
        """Return scans for the slots that left a node while it was scanned."""
        return []

    def successors(self, scan: NodeScan) -> list[NodeScan]:
        """Return the scans that replace one whose server is down; none if no node took over."""
        return []


def primary_nodes(client: Client) -> PrimaryNodes:
    """Return the primaries behind a client."""
    server = client.server
    if isinstance(server, Shards):
        return ShardNodes(server)
    return ClusterNodes(server) if isinstance(server, Cluster) else PrimaryNodes(server)


class ClusterNodes(PrimaryNodes):
    """The primaries of a cluster, each scanned for the slots that it owns.

    A slot may migrate meanwhile, from keys that are still ahead of one node's cursor to a place
    that the other's cursor has passed. After a node was scanned, it is therefore asked which of its
    slots have moved or are migrating: the nodes that own them now are scanned for these slots.
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._cluster = cluster
        self._servers: dict[str, Server] = {}

    def begin(self) -> list[NodeScan]:
        owners = self._owners()
        return scans_by_node(owners, owners, is_rescan=False)

    def resume(self, token: str) -> list[NodeScan]:
        scans = parse_token(token, is_cluster=True)
        owners = self._owners()
        kept: list[NodeScan] = []
        for scan in scans:
            # The nodes that took over from a former primary are scanned from the start.
            successors = [] if scan.node in self._servers else scans_by_node(owners, scan.slots)
            kept += successors or [scan]
        return kept

    def servers(self) -> Mapping[str, Endpoint]:
        return self._servers

    def server(self, scan: NodeScan) -> Endpoint:
        if scan.node not in self._servers:
            raise ServerUnavailable(f"{scan.node} is no longer a primary of this cluster.")
        return self._servers[scan.node]

    def unseen_keys(self, scan: NodeScan, keys: list[bytes]) -> list[bytes]:
        if not scan.is_rescan:
            return keys
        return [stored for stored in keys if key_slot(stored) in scan.slots]

    def scans_of_moved_slots(self, scan: NodeScan) -> list[NodeScan]:
        node = self._servers[scan.node]
        slots, nodes = node.run(execute_all([CLUSTER_SLOTS, with_reply_check(CLUSTER_NODES)]))
        slot_map = self._cluster.parse_slots(require_reply(slots), node)
        owners = self._remember(slot_map)
        addresses = {entry[2][2]: owners[entry[0]] for entry in slots if len(entry[2]) > 2}
        moving = MigratingSlots.parse(none_if_denied(nodes) or b"")
        for slot, target in moving.outgoing.items():
            owners[slot] = addresses.get(target, owners.get(slot, scan.node))
        # Keys of a slot that is still arriving were found on the node it comes from.
        here = {slot for slot in scan.slots if owners.get(slot, scan.node) == scan.node}
        return scans_by_node(owners, scan.slots - here - moving.incoming)

    def successors(self, scan: NodeScan) -> list[NodeScan]:
        owners = self._owners(excluded=self._servers.get(scan.node))
        if any(owners.get(slot, scan.node) == scan.node for slot in scan.slots):
            return []
        return scans_by_node(owners, scan.slots)

    def _owners(self, excluded: Server | None = None) -> dict[int, str]:
        return self._remember(self._cluster.refresh_slots(excluded))

    def _remember(self, slot_map: SlotMap) -> dict[int, str]:
        """Remember the nodes of a slot map; return their addresses by slot."""
        addresses = {node: node.address for _slot, node in slot_map.primaries}
        self._servers.update((address, node) for node, address in addresses.items())
        return {
            slot: addresses[node] for slot, node in enumerate(slot_map.owners) if node is not None
        }


class ShardNodes(ClusterNodes):
    """The servers of a sharded cache, each scanned for its own keys. Nothing moves."""

    def scans_of_moved_slots(self, scan: NodeScan) -> list[NodeScan]:
        return []

    def successors(self, scan: NodeScan) -> list[NodeScan]:
        return []


def scans_by_node(
    owners: Mapping[int, str], slots: Iterable[int], is_rescan: bool = True
) -> list[NodeScan]:
    """Return a scan for each node that owns any of the slots."""
    by_node: dict[str, set[int]] = {}
    for slot in slots:
        if slot in owners:
            by_node.setdefault(owners[slot], set()).add(slot)
    return [
        NodeScan(node, slots=frozenset(node_slots), is_rescan=is_rescan)
        for node, node_slots in by_node.items()
    ]


@dataclass(frozen=True)
class MigratingSlots:
    """The slots that are migrating from a node to others, and from others to it."""

    outgoing: Mapping[int, bytes]
    """The IDs of the target nodes by slot."""

    incoming: frozenset[int]

    @classmethod
    def parse(cls, nodes: bytes) -> MigratingSlots:
        """Parse the special slot entries in the node's own line of CLUSTER NODES.

        See https://valkey.io/commands/cluster-nodes/#special-slot-entries
        """
        own = next((line for line in nodes.splitlines() if b"myself" in line), b"")
        outgoing = re.findall(rb"\[([0-9]+)->-([0-9a-f]+)\]", own)
        incoming = re.findall(rb"\[([0-9]+)-<-[0-9a-f]+\]", own)
        return cls({int(slot): target for slot, target in outgoing}, frozenset(map(int, incoming)))


@dataclass
class KeyScan:
    """A search for keys on all servers, and its state during one request."""

    client: Client
    nodes: PrimaryNodes
    query: Query
    glob: bytes
    """The pattern for `MATCH`."""

    accepts: Callable[[bytes], bool] | None = None
    """Whether a stored key belongs to the result, if `MATCH` is not exact."""

    optional_columns: Sequence[str] = ()
    """The columns that filters may need in addition to type, TTL and size."""

    is_expensive: bool = False
    """Whether the server has to match names to their ends, which is slow for long ones."""

    scans: list[NodeScan] = field(default_factory=list)
    """The unfinished scans, which take turns."""

    failed: list[NodeScan] = field(default_factory=list)
    """The scans whose servers do not reply."""

    keys: dict[bytes, None] = field(default_factory=dict)
    """The keys found, in order and without the duplicates that `SCAN` may return."""

    sizes: dict[str, int | None] = field(default_factory=dict)
    """The number of keys of each server, or None if `DBSIZE` is denied."""

    unknown: int = 0
    restarted: bool = False
    """Whether a scan started over."""

    last_batch: tuple[Sequence[NodeScan], int, int] = ((), 0, 0)
    """The remaining scans, the keys examined and the keys found before the last `SCAN`."""

    def __post_init__(self) -> None:
        first = MIN_COUNT if self.is_expensive else FIRST_COUNT
        maximum = limits().scan_count
        self.scan_count = ScanCount(maximum, first, maximum * FAR_FACTOR)
        self.size_command = with_reply_check(self.client._dbsize())

    def run(self, token: str, limit: int, deadline: float) -> ScanPage:
        """Return up to about `limit` keys; at least one `SCAN` runs even after the deadline.

        Raises:
            ValueError: the token is invalid.
        """
        scans = self.nodes.resume(token) if token else self.nodes.begin()
        self.scans = [scan for scan in scans if not scan.has_failed]
        self.failed = [scan for scan in scans if scan.has_failed]
        if not self.scans:  # Servers that failed before are asked again if there are no others.
            self.scans, self.failed = self.failed, []
        self.scan_count.resume(max((scan.pace for scan in scans), default=0))
        self._step(limit)
        while self.scans and len(self.keys) < limit and time.monotonic() < deadline:
            self._step(limit)
        self._count_remaining()
        for scan in self.scans:
            scan.pace = self.scan_count.pace
        return self._make_page(limit, is_whole=not token)

    def _step(self, limit: int) -> None:
        """Run one `SCAN` for the first scan in the queue, then move it to the end."""
        count = self.scan_count.next_count(limit, len(self.keys), len(self.scans))
        if self.scans[0].count:
            count = min(self.scans[0].count, self.scan_count.far_maximum)
        batch = [replace(self.scans[0], count=count), *map(replace, self.scans[1:] + self.failed)]
        self.last_batch = batch, self.scan_count.requested, len(self.keys)
        scan = self.scans.pop(0)
        try:
            cursor, keys = self._fetch(scan, count)
            self._collect(scan, keys)
            # Now these keys aren't needed again.
            scan.cursor, scan.has_failed, scan.count = cursor, False, 0
            self.scans += [scan] if scan.cursor else self.nodes.scans_of_moved_slots(scan)
        except ServerUnavailable:
            # Continue without a server that does not reply, unless it is the only one.
            if not scan.node:
                raise
            successors = self.nodes.successors(scan)
            self.scans += successors
            if not successors:
                scan.has_failed = True
                self.failed.append(scan)

    def _fetch(self, scan: NodeScan, count: int) -> tuple[int, list[bytes]]:
        """Return the next cursor and some keys."""
        reply: tuple[int, list[bytes]]
        server, type = self.nodes.server(scan), self.query.type or None
        command = with_reply_check(self.client._scan(scan.cursor, self.glob, count, type))
        started = time.perf_counter()
        if scan.node in self.sizes and self.scan_count.is_steady:
            reply = server.run(command)
            self.scan_count.record_duration(count, time.perf_counter() - started)
            return reply
        commands: list[Command[Any]] = [TIME_COMMAND, command, TIME_COMMAND]
        if scan.node not in self.sizes:
            commands += [self.size_command, with_reply_check(self.client._info("server"))]
        before, batch, after, *details = server.run(execute_all(commands))
        self.scan_count.record_times(count, before, after, time.perf_counter() - started)
        reply = require_reply(batch)
        if details:
            size, info = details
            self.sizes[scan.node] = none_if_denied(size)
            if scan.restart_if_needed((none_if_denied(info) or {}).get("run_id", "")):
                self.restarted = True
                return self._fetch(scan, count)
        return reply

    def _collect(self, scan: NodeScan, keys: list[bytes]) -> None:
        """Add the keys that belong to the result."""
        fresh = list(dict.fromkeys(key for key in keys if key not in self.keys))
        if self.accepts is not None:
            fresh = list(filter(self.accepts, fresh))
        fresh = self.nodes.unseen_keys(scan, fresh)
        columns = self.query.required_columns(self.optional_columns)
        if columns and fresh:
            infos = describe(self.client, fresh, columns | {"ttl"})
            results = [self.query.matches(info) if info.exists else False for info in infos]
            self.unknown += results.count(None)
            fresh = [key for key, result in zip(fresh, results, strict=True) if result]
        self.keys.update(dict.fromkeys(fresh))

    def _count_remaining(self) -> None:
        """Read the number of keys of the servers that were not scanned yet."""
        failed = {scan.node for scan in self.failed}
        for node, server in self.nodes.servers().items():
            if node not in self.sizes and node not in failed:
                with suppress(ServerUnavailable):
                    [size] = server.run(execute_all([self.size_command]))
                    self.sizes[node] = none_if_denied(size)

    def _make_page(self, limit: int, is_whole: bool) -> ScanPage:
        """Return the page; a complete search has examined the whole database."""
        sizes, remaining = list(self.sizes.values()), self.scans + self.failed
        found, examined = len(self.keys), self.scan_count.requested
        total = None if None in sizes else max(sum(filter(None, sizes)), found)
        if total is not None:
            examined = total if is_whole and not remaining else min(examined, total)
        return ScanPage(
            keys=tuple(self.keys),
            token=make_token(remaining),
            examined=max(examined, found),
            total=total,
            unknown=self.unknown,
            failed_nodes=sorted({scan.node.rpartition("/")[0] for scan in self.failed}),
            last_batch=self._make_batch_start() if found > limit else None,
            restarted=self.restarted,
        )

    def _make_batch_start(self) -> BatchStart:
        scans, examined, found = self.last_batch
        return BatchStart(make_token(scans), examined, found)
