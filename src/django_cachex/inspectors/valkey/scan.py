"""Search the keys of a server or cluster with SCAN."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from django.utils.translation import gettext as _

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.cluster import Cluster
from django_cachex.cache.cluster.nodes import WHERE
from django_cachex.cache.cluster.routing import SLOTS, SlotMap, slot_of
from django_cachex.cache.connection.server import Server
from django_cachex.cache.operations import Target
from django_cachex.commands import Command, ServerUnavailable
from django_cachex.commands.command import execute_all, parse_raw
from django_cachex.conf import limits
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import Listing
from django_cachex.inspectors.valkey.errors import checked, permitted, required
from django_cachex.inspectors.valkey.key_info import describe

SMALLEST: Final = 4
"""The least that a `SCAN` asks for: names may be long, and look alike to their ends."""

FIRST: Final = 100
"""The most that the first `SCAN` asks for where names are compared at their beginning only."""

GROWTH: Final = 10
"""How many times more the next may ask for than one that took next to no time."""

DENSE: Final = 0.9
"""The part of the keys that were looked at from which on nearly all that come next are meant."""

LONGEST: Final = 0.005
"""Seconds for which one command may hold the server, its other clients waiting."""

TIME: Final = Command(("TIME",), parse_raw, idempotent=True)
"""Asked right before and after a command, it says how long the server was held."""


@dataclass
class Pace:
    """The `COUNT` of the next `SCAN`, from how sparse keys have been and how long commands took.

    It begins with little, and grows by what the server says that it took. Where the server does
    not say, the quickest command was mostly the way there and back: what others took longer, they
    held the server.
    """

    most: int
    """The largest `COUNT` allowed."""

    first: int = FIRST

    asked: int = 0
    """The sum of the `COUNT`s so far: `SCAN` looks at about as many keys, and does not say."""

    _cap: int = 0
    _quickest: float = float("inf")

    def __post_init__(self) -> None:
        self._cap = min(self.first, self.most)

    @property
    def is_steady(self) -> bool:
        """Whether it has grown as far as it may: then it only looks out for what takes long."""
        return self._cap >= self.most

    def count(self, want: int, found: int, turns: int = 1) -> int:
        """Return the `COUNT` that should find what is missing of `want` keys, in so many turns."""
        if not self.asked:
            return min(max(1, want // turns), self._cap)
        expected = (want - found) * self.asked // max(1, found)
        if found < self.asked * DENSE:
            expected += expected // 4  # Chance spreads them unevenly: rather more than again.
        return min(max(expected // turns, SMALLEST), self._cap)

    @contextmanager
    def timed(self, count: int) -> Iterator[None]:
        """Learn from the time that a command with this `COUNT` takes with its way."""
        started = time.perf_counter()
        yield
        self.learn(count, time.perf_counter() - started)

    def learn(self, count: int, seconds: float) -> None:
        """Learn from the time that a command with this `COUNT` took with its way."""
        self._quickest = min(self._quickest, seconds)
        self.held(count, seconds - self._quickest)

    def heard(self, count: int, before: Any, after: Any, seconds: float) -> None:
        """Learn from the replies to `TIME` around a command; from its time where it is denied."""
        try:
            held = float(after[0]) - float(before[0]) + (int(after[1]) - int(before[1])) / 1e6
        except (TypeError, ValueError, LookupError):
            self.learn(count, seconds)
        else:
            self.held(count, max(0.0, held))

    def held(self, count: int, seconds: float) -> None:
        """Learn for how long a command with this `COUNT` held the server."""
        self.asked += count
        # Half of what is allowed: the next keys may have longer names.
        allowed = int(count * min(GROWTH, LONGEST / 2 / max(seconds, 1e-6)))
        if seconds > LONGEST:
            self._cap = max(SMALLEST, min(self._cap // 2, allowed))
        elif count >= self._cap:
            self._cap = min(max(self._cap, allowed), self.most)


CURSOR = re.compile(r"[1-9][0-9]{0,19}", re.ASCII)
CURSORS = range(1, 2**64)
RUN = re.compile(r"[0-9a-f]*", re.ASCII)
RUN_LENGTH = 16
ANY_RUN = "0"
"""Of a walk that began anew already."""

RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)

Slots = frozenset[int]
"""Of a cluster; those of which a walk is to find the keys."""

ALL: Slots = frozenset()
"""Stands for every slot: of a server that is no cluster's."""


@dataclass
class Walk:
    """The way of one search through one server."""

    node: str = ""
    """The address of a cluster's node; empty for the only server there is."""

    cursor: int = 0
    """Where `SCAN` goes on, 0 before its first."""

    slots: Slots = field(default=ALL)
    again: bool = False
    """Whether only keys of `slots` are new: the others of this node were walked through before."""

    is_lost: bool = False
    """Whether the node did not answer when it was asked last."""

    run: str = ""
    """The start of the server's `run_id`; empty where that is not known."""

    def begins_anew(self, run_id: str) -> bool:
        """Take note of the server's run; return whether the walk is at its start again.

        A server hashes keys by a seed of its own: after a restart, or on a replica that took over,
        keys that a cursor has passed are elsewhere. That happens once in a walk: it comes to an end
        behind a proxy, too, that asks another server each time.
        """
        if self.run == ANY_RUN:
            return False
        run, before = run_id[:RUN_LENGTH] if RUN.fullmatch(run_id) else "", self.run
        self.run = run
        if not (self.cursor and run and before) or run == before:
            return False
        self.cursor, self.run = 0, ANY_RUN
        return True


def write_token(walks: Sequence[Walk]) -> str:
    """Return the page token of what is left to walk; empty for nothing."""
    if not walks:
        return ""
    if walks[0].node:
        return json.dumps([_written(walk) for walk in walks], separators=(",", ":"))
    return "@".join(filter(None, [str(walks[0].cursor), walks[0].run]))


def read_token(token: str, is_cluster: bool) -> list[Walk]:
    """Return what is left to walk; raise ValueError for what is none of our tokens."""
    try:
        if is_cluster:
            return [_read(*fields) for fields in json.loads(token)]
        cursor, _at, run = token.partition("@")
        return [Walk(cursor=_cursor(cursor), run=_run(run))]
    except (TypeError, ValueError, KeyError, RecursionError):
        raise ValueError(_("This isn't a position in a listing of this cache.")) from None


def _written(walk: Walk) -> list[object]:
    flags = walk.again + 2 * walk.is_lost
    return [walk.node, str(walk.cursor), write_slots(walk.slots), flags, walk.run]


def _read(node: str, cursor: str, slots: str, flags: int, run: str = "") -> Walk:
    if not isinstance(node, str) or flags not in range(4):
        raise ValueError(node)
    at = 0 if cursor == "0" else _cursor(cursor)
    return Walk(node, at, read_slots(slots), bool(flags & 1), bool(flags & 2), _run(run))


def _cursor(text: str) -> int:
    if CURSOR.fullmatch(text) is None or int(text) not in CURSORS:
        raise ValueError(text)
    return int(text)


def _run(text: str) -> str:
    if RUN.fullmatch(text) is None:
        raise ValueError(text)
    return text


def write_slots(slots: Iterable[int]) -> str:
    """Return slots as ranges: ``0-5460 7000``."""
    ranges: list[list[int]] = []
    for slot in sorted(slots):
        if ranges and slot == ranges[-1][1] + 1:
            ranges[-1][1] = slot
        else:
            ranges.append([slot, slot])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def read_slots(text: str) -> Slots:
    """Return the slots in ranges; raise ValueError for what is none."""
    slots: set[int] = set()
    for part in text.split():
        found = RANGE.fullmatch(part)
        if found is None:
            raise ValueError(text)
        first = int(found[1])
        last = int(found[2] or first)
        if not first <= last < SLOTS:
            raise ValueError(text)
        slots.update(range(first, last + 1))
    return frozenset(slots)


NODES = Command(("CLUSTER", "NODES"), parse_raw, idempotent=True)


class Primaries(Protocol):
    """What a search asks for its servers."""

    def begin(self) -> list[Walk]:
        """Return the walks of a search that finds all keys."""

    def resume(self, token: str) -> list[Walk]:
        """Return the walks that are left; raise ValueError for none of our tokens."""

    def servers(self) -> Mapping[str, Target]:
        """Return all servers by the names that walks have for them."""

    def server(self, walk: Walk) -> Target:
        """Return whom to ask; raise `ServerUnavailable` where it is not known any more."""

    def new(self, walk: Walk, keys: list[bytes]) -> list[bytes]:
        """Return the keys that this walk, and no other, is to find."""

    def moved(self, walk: Walk) -> list[Walk]:
        """Return the walks for what has left a server while it was walked through."""

    def successors(self, walk: Walk) -> list[Walk]:
        """Return the walks instead of one whose server does not answer: none, if none took over."""


class OnePrimary:
    """The only server there is."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def begin(self) -> list[Walk]:
        return [Walk()]

    def resume(self, token: str) -> list[Walk]:
        return read_token(token, is_cluster=False)

    def servers(self) -> Mapping[str, Target]:
        return {"": self._client.server}

    def server(self, walk: Walk) -> Target:
        return self._client.server

    def new(self, walk: Walk, keys: list[bytes]) -> list[bytes]:
        return keys

    def moved(self, walk: Walk) -> list[Walk]:
        return []

    def successors(self, walk: Walk) -> list[Walk]:
        return []


def primaries(client: Client) -> Primaries:
    """Return the servers behind a client."""
    server = client.server
    return ManyPrimaries(server) if isinstance(server, Cluster) else OnePrimary(client)


class ManyPrimaries:
    """The primaries of a cluster, each of which is walked through for the slots that it has.

    A slot may move meanwhile, keys before the cursor of the one node to where the other's cursor
    has passed. So a node that was walked through is asked which of its slots are elsewhere now, or
    on their way: those are looked for there, from the beginning.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._servers: dict[str, Server] = {}

    def begin(self) -> list[Walk]:
        owners = self._owners()
        return walks(owners, owners, again=False)

    def resume(self, token: str) -> list[Walk]:
        left = read_token(token, is_cluster=True)
        owners = self._owners()
        kept: list[Walk] = []
        for walk in left:
            # Who took over from a primary that is none any more is walked through as a whole.
            instead = [] if walk.node in self._servers else walks(owners, walk.slots)
            kept += instead or [walk]
        return kept

    def servers(self) -> Mapping[str, Target]:
        return self._servers

    def server(self, walk: Walk) -> Target:
        if walk.node not in self._servers:
            raise ServerUnavailable(f"{walk.node} is no primary of this cluster any more.")
        return self._servers[walk.node]

    def new(self, walk: Walk, keys: list[bytes]) -> list[bytes]:
        if not walk.again:
            return keys
        return [stored for stored in keys if slot_of(stored) in walk.slots]

    def moved(self, walk: Walk) -> list[Walk]:
        node = self._servers[walk.node]
        slots, nodes = node.run(execute_all([WHERE, checked(NODES)]))
        found = self._cluster.read_slots(required(slots), node)
        owners = self._named(found)
        addresses = {entry[2][2]: owners[entry[0]] for entry in slots if len(entry[2]) > 2}
        moving = Moving.read(permitted(nodes) or b"")
        for slot, target in moving.away.items():
            owners[slot] = addresses.get(target, owners.get(slot, walk.node))
        # A slot that is still arriving was walked through where it comes from.
        here = {slot for slot in walk.slots if owners.get(slot, walk.node) == walk.node}
        return walks(owners, walk.slots - here - moving.arriving)

    def successors(self, walk: Walk) -> list[Walk]:
        owners = self._owners(but=self._servers.get(walk.node))
        if any(owners.get(slot, walk.node) == walk.node for slot in walk.slots):
            return []
        return walks(owners, walk.slots)

    def _owners(self, but: Server | None = None) -> dict[int, str]:
        return self._named(self._cluster.located(but))

    def _named(self, found: SlotMap) -> dict[int, str]:
        """Return the addresses of the nodes by slot, having made their acquaintance."""
        addresses = {node: node.address for _slot, node in found.primaries}
        self._servers.update((address, node) for node, address in addresses.items())
        return {slot: addresses[node] for slot, node in enumerate(found.owners) if node is not None}


def walks(owners: Mapping[int, str], slots: Iterable[int], again: bool = True) -> list[Walk]:
    """Return a walk for each node that has any of the slots."""
    by_node: dict[str, set[int]] = {}
    for slot in slots:
        if slot in owners:
            by_node.setdefault(owners[slot], set()).add(slot)
    return [Walk(node, slots=frozenset(theirs), again=again) for node, theirs in by_node.items()]


@dataclass(frozen=True)
class Moving:
    """The slots that are on their way from a node to others, and from others to it."""

    away: Mapping[int, bytes]
    """By slot, the ids of the other nodes."""

    arriving: frozenset[int]

    @classmethod
    def read(cls, nodes: bytes) -> Moving:
        """Read what is written so in a node's own line of its CLUSTER NODES.

        https://valkey.io/commands/cluster-nodes/#special-slot-entries
        """
        own = next((line for line in nodes.splitlines() if b"myself" in line), b"")
        away = re.findall(rb"\[([0-9]+)->-([0-9a-f]+)\]", own)
        arriving = re.findall(rb"\[([0-9]+)-<-[0-9a-f]+\]", own)
        return cls({int(slot): target for slot, target in away}, frozenset(map(int, arriving)))


ScanReply = tuple[int, list[bytes]]
"""The next cursor and some keys."""


@dataclass(frozen=True)
class Search:
    """Which keys to find, and where."""

    client: Client
    primaries: Primaries
    query: Query
    glob: bytes
    """As `MATCH` takes it."""

    lists: Callable[[bytes], bool] | None = None
    """Whether a stored key may be in the listing, where `MATCH` alone does not tell."""

    figures: Sequence[str] = ()
    """What the server may know of a key, as `Inspector.figures`."""

    is_dear: bool = False
    """Whether the server looks at names to their end, so that long ones take it long."""

    def batch(self, cursor: int, count: int) -> Command[ScanReply]:
        return checked(self.client._scan(cursor, self.glob, count, self.query.type or None))

    @property
    def size(self) -> Command[int]:
        return checked(self.client._dbsize())

    def passing(self, keys: list[bytes]) -> tuple[list[bytes], int]:
        """Return the keys that pass the filters, and of how many nobody knows."""
        columns = self.query.columns(self.figures)
        if not columns or not keys:
            return keys, 0
        described = describe(self.client, keys, columns | {"ttl"})
        answers = [self.query.passes(one) if one.exists else False for one in described]
        return [key for key, answer in zip(keys, answers, strict=True) if answer], answers.count(
            None
        )


@dataclass
class Progress:
    """How far a search has come in this request."""

    walks: list[Walk]
    """Those that take turns."""

    lost: list[Walk]
    """Those whose servers do not answer."""

    pace: Pace
    keys: dict[bytes, None] = field(default_factory=dict)
    """Those found, in order; `SCAN` may return one twice."""

    sizes: dict[str, int | None] = field(default_factory=dict)
    """How many keys each server has that was asked, or None where it does not say."""

    unknown: int = 0

    def is_over(self, want: int, deadline: float) -> bool:
        return not self.walks or len(self.keys) >= want or time.monotonic() >= deadline

    def turn(self, search: Search, want: int) -> None:
        """Ask the server whose turn it is; it is the last in the row afterwards."""
        walk = self.walks.pop(0)
        try:
            count = self.pace.count(want, len(self.keys), 1 + len(self.walks))
            batch = self._ask(search, walk, count)
            self._take(search, walk, batch)
            self.walks += [walk] if walk.cursor else search.primaries.moved(walk)
        except ServerUnavailable as error:
            self._lose(search, walk, error)

    def count(self, search: Search) -> None:
        """Ask those servers how many keys they have that were asked nothing yet."""
        lost = {walk.node for walk in self.lost}
        for node, server in search.primaries.servers().items():
            if node not in self.sizes and node not in lost:
                with suppress(ServerUnavailable):
                    self.sizes[node] = permitted(*server.run(execute_all([search.size])))

    def _ask(self, search: Search, walk: Walk, count: int) -> ScanReply:
        server, command = search.primaries.server(walk), search.batch(walk.cursor, count)
        if walk.node in self.sizes and self.pace.is_steady:
            with self.pace.timed(count):
                found: ScanReply = server.run(command)
                return found
        asked: list[Command[Any]] = [TIME, command, TIME]
        if walk.node not in self.sizes:
            asked += [search.size, checked(search.client._info("server"))]
        started = time.perf_counter()
        before, batch, after, *about = server.run(execute_all(asked))
        self.pace.heard(count, before, after, time.perf_counter() - started)
        first: ScanReply = required(batch)
        if about:
            size, info = about
            self.sizes[walk.node] = permitted(size)
            if walk.begins_anew((permitted(info) or {}).get("run_id", "")):
                return self._ask(search, walk, count)
        return first

    def _take(self, search: Search, walk: Walk, batch: ScanReply) -> None:
        cursor, found = batch
        fresh = list(dict.fromkeys(key for key in found if key not in self.keys))
        if search.lists is not None:
            fresh = list(filter(search.lists, fresh))
        new = search.primaries.new(walk, fresh)
        passing, unknown = search.passing(new)
        self.keys.update(dict.fromkeys(passing))
        self.unknown += unknown
        walk.cursor, walk.is_lost = cursor, False

    def _lose(self, search: Search, walk: Walk, error: ServerUnavailable) -> None:
        """Go on without a server that does not answer, unless it is the only one."""
        if not walk.node:
            raise error
        instead = search.primaries.successors(walk)
        self.walks += instead
        if not instead:
            walk.is_lost = True
            self.lost.append(walk)


def scan(search: Search, token: str, want: int, deadline: float) -> Listing:
    """Return some keys; asks at least once, however late it is.

    Raises ValueError for a token that is none of ours.
    """
    walks = search.primaries.resume(token) if token else search.primaries.begin()
    answering = [walk for walk in walks if not walk.is_lost]
    lost = [walk for walk in walks if walk.is_lost] if answering else []
    pace = Pace(limits().scan_count, SMALLEST if search.is_dear else FIRST)
    progress = Progress(answering or walks, lost, pace)
    progress.turn(search, want)
    while not progress.is_over(want, deadline):
        progress.turn(search, want)
    progress.count(search)
    return listing(progress, whole=not token)


def listing(progress: Progress, whole: bool) -> Listing:
    """Return what was found; a listing from start to end has examined the whole database."""
    sizes = list(progress.sizes.values())
    found, asked = len(progress.keys), progress.pace.asked
    left = progress.walks + progress.lost
    total = None if None in sizes else max(sum(filter(None, sizes)), found)
    if total is not None:
        asked = total if whole and not left else min(asked, total)
    return Listing(
        keys=tuple(progress.keys),
        token=write_token(left),
        examined=max(asked, found),
        total=total,
        unknown=progress.unknown,
        unanswered=sorted({walk.node.rpartition("/")[0] for walk in progress.lost}),
    )
