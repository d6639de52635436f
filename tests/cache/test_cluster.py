"""Caches on a cluster of three primaries."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import valkey
from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache import RedisClusterCache, ValkeyClusterCache
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.cluster.routing import find_keys, key_slot
from django_cachex.commands import (
    AccessDenied,
    Batch,
    Command,
    CommandError,
    CrossSlotError,
    ServerUnavailable,
    SlotUnavailable,
    WrongTypeError,
)
from django_cachex.commands.command import parse_raw
from django_cachex.commands.counters import incr_with_watch
from tests import servers
from tests.cache.conftest import EACH_DRIVER
from tests.servers import Server

CLUSTERS: dict[str, type[ServerCache]] = {
    "valkey": ValkeyClusterCache,
    "redis": RedisClusterCache,
}

PATIENCE = 30
"""Seconds to wait for a node: who gives a slot away writes that to the disk before the answer."""

Nodes = tuple[Server, ...]
MakeCache = Callable[..., ServerCache]


def raw(server: Server, **options: Any) -> valkey.Valkey:
    return valkey.Valkey(port=server.port, socket_timeout=PATIENCE, **options)


def ask(server: Server, *words: Any) -> Any:
    """Return the reply as it is: the drivers' clients make something else of some."""
    connection = valkey.Connection(port=server.port, socket_timeout=PATIENCE)
    try:
        connection.send_command(*words)
        return connection.read_response()
    finally:
        connection.disconnect()


@pytest.fixture(scope="module")
def lasting_nodes() -> Iterator[Nodes]:
    with servers.cluster() as nodes:
        yield nodes


@pytest.fixture
def nodes(lasting_nodes: Nodes) -> Nodes:
    for node in lasting_nodes:
        ask(node, "FLUSHALL")
    return lasting_nodes


@pytest.fixture
def make_cache(driver: str) -> MakeCache:
    def make(nodes: Nodes, **options: Any) -> ServerCache:
        return CLUSTERS[driver](f"redis://{nodes[0].address}", {"OPTIONS": options})

    return make


@pytest.fixture
def cache(make_cache: MakeCache, nodes: Nodes) -> ServerCache:
    return make_cache(nodes)


MANY = {f"key-{number}": number for number in range(300)}


def sizes(nodes: Nodes) -> list[int]:
    return [ask(node, "DBSIZE") for node in nodes]


# Keys and slots.


COMMANDS = """\
GET k, SET k v, HSCAN k 0, EXPIRE k 5, MGET a b c, UNLINK a b, TOUCH a b, WATCH a b, PFCOUNT a b
MSET a 1 b 2, RENAME a b, COPY a b, SMOVE a b m, LMOVE a b LEFT RIGHT, LCS a b, ZRANGESTORE d a 0 1
EVAL script 2 a b c, EVALSHA digest 0 a, EVAL script 1 a b, SORT k STORE d, SORT k, BITOP AND d a b
XREAD COUNT 2 STREAMS a b 0 0, XREADGROUP GROUP g c STREAMS a >, XINFO STREAM k, XGROUP CREATE k g $
OBJECT ENCODING k, MEMORY USAGE k SAMPLES 0, BLPOP a b 0, BZPOPMIN a b 0, LMPOP 2 a b LEFT
BLMPOP 0 2 a b LEFT, ZUNIONSTORE d 2 a b, ZINTER 2 a b, SINTERSTORE d a b, SINTERCARD 2 a b
GEOSEARCHSTORE d a FROMMEMBER m BYRADIUS 1 m, PING, SCAN 0, DBSIZE, INFO, FLUSHDB ASYNC, CLIENT LIST
CONFIG GET x, MULTI, EXEC, SCRIPT LOAD x, MEMORY DOCTOR, COMMAND COUNT, CLUSTER SLOTS"""


def test_keys_are_found_where_the_server_finds_them(nodes: Nodes) -> None:
    commands = COMMANDS.replace("\n", ", ").split(", ")
    found = {words: [str(key).encode() for key in find_keys(words.split())] for words in commands}
    assert found == {words: keys_of(nodes[0], words) for words in commands}


def keys_of(node: Server, words: str) -> Any:
    """Return what a server says are the keys of a command."""
    try:
        return ask(node, "COMMAND", "GETKEYS", *words.split())
    except valkey.ResponseError as error:
        assert "no key arguments" in str(error)  # noqa: PT017  # Two ways to say "none".
        return []


def test_slots_are_those_of_the_server(nodes: Nodes) -> None:
    keys = [b"", b"key", b"\xff\x00", b"{user}:1", b"{}:1", b"a{}{b}", b"a{b", b"a}b{c}", b"{{a}}"]
    keys += [b"foo{bar}{zap}", b"123456789", ":1:é".encode(), b"}{", b"{a}b}"]
    slots = {key: ask(nodes[0], "CLUSTER", "KEYSLOT", key) for key in keys}
    assert {key: key_slot(key) for key in keys} == slots


# Commands on many keys.


@EACH_DRIVER
def test_many_keys_go_to_the_nodes_that_have_them(cache: ServerCache, nodes: Nodes) -> None:
    assert cache.set_many(MANY) == []
    assert all(size > 50 for size in sizes(nodes))
    assert cache.get_many(MANY) == MANY
    assert cache.get_many(["key-1", "missing", "key-7", "key-1"]) == {"key-1": 1, "key-7": 7}
    cache.delete_many(list(MANY)[:290])
    assert sum(sizes(nodes)) == 10
    assert cache.exists("key-295", "key-296", "missing") == 2
    assert cache.unlink("key-295", "key-296", "missing") == 2
    assert cache.dbsize() == 8


@EACH_DRIVER
async def test_many_keys_on_an_event_loop(cache: ServerCache) -> None:
    assert await cache.aset_many(MANY) == []
    assert await cache.aget_many(MANY) == MANY
    await cache.adelete_many(list(MANY)[:290])
    assert await cache.adbsize() == 10
    assert await asyncio.gather(*(cache.aget("key-299") for _ in range(1000))) == [299] * 1000
    assert sorted(await cache.akeys()) == sorted(list(MANY)[290:])
    await cache.aclear()
    assert await cache.adbsize() == 0


def test_each_node_is_asked_in_one_write(cache: ServerCache, nodes: Nodes) -> None:
    cache.set_many(MANY)
    with raw(nodes[0]) as client:
        before = client.info("clients")["connected_clients"]
        for _ in range(5):
            cache.get_many(MANY)
        assert client.info("clients")["connected_clients"] == before


def test_a_pipeline_keeps_the_order(cache: ServerCache) -> None:
    cache.set_many(MANY)
    pipeline = cache.pipeline()
    for key in MANY:
        pipeline.get(key)
    assert pipeline.execute() == list(MANY.values())
    pipeline.incr("key-1").unlink("key-1", "key-2").get("key-1").set("key-3", "x").get("key-3")
    assert asyncio.run(pipeline.aexecute()) == [2, 2, None, None, "x"]


def test_a_refused_command_is_told_from_the_others(cache: ServerCache) -> None:
    cache.set_many(MANY)
    cache.set("text", "no number")
    with pytest.raises(WrongTypeError):
        cache.pipeline().get("key-1").incr("text").get("key-2").execute()
    requests = [cache._get("key-1"), cache._incr_eval("text", 1), cache._get("key-2")]
    one, refused, two = cache.client.collect(requests)
    assert (one, two) == (1, 2)
    assert isinstance(refused, WrongTypeError)


# What needs keys of one slot.


@pytest.mark.parametrize(
    "command",
    [
        lambda cache: cache.rename("key-1", "key-2"),
        lambda cache: cache.copy("key-1", "key-2"),
        lambda cache: cache.pipeline(transaction=True).set("key-1", 0).set("key-2", 0).execute(),
        lambda cache: cache.client.run(Command(("EVAL", "return 1", 2, "a", "b"), parse_raw)),
        lambda cache: cache.client.collect([cache._set("key-1", 0), cache._rename("a", "b")]),
        lambda cache: asyncio.run(cache.arename("key-1", "key-2")),
    ],
)
def test_what_crosses_slots_is_refused_before_anything_is_sent(
    cache: ServerCache, command: Callable[[ServerCache], Any]
) -> None:
    cache.set_many(MANY)
    with pytest.raises(CrossSlotError, match="braces"):
        command(cache)
    assert cache.get_many(MANY) == MANY


def test_keys_with_a_part_in_braces_stay_together(cache: ServerCache) -> None:
    cache.set("{user}:a", 1)
    assert cache.rename("{user}:a", "{user}:b") is True
    pipeline = cache.pipeline(transaction=True)
    assert pipeline.incr("{user}:b").get("{user}:b").get("{user}:a").execute() == [2, 2, None]
    assert asyncio.run(pipeline.incr("{user}:b").aexecute()) == [3]


def test_a_transaction_that_fails_says_why(cache: ServerCache) -> None:
    cache.set("{user}:a", "text")
    with pytest.raises(WrongTypeError):
        cache.pipeline(transaction=True).set("{user}:b", 1).incr("{user}:a").execute()
    assert cache.get("{user}:b") == 1  # As on a single server: EXEC undoes nothing.


def test_watching_stays_on_one_connection(cache: ServerCache) -> None:
    cache.set_many(MANY)
    for number in range(20):
        stored = cache._stored_key(f"key-{number}")
        assert cache.client.run(incr_with_watch(stored, 5)) == number + 5
        assert asyncio.run(cache.client.arun(incr_with_watch(stored, 5))) == number + 10


def test_a_conversation_that_leaves_its_slot_is_stopped(cache: ServerCache) -> None:
    def steps() -> Any:
        yield [Command(("WATCH", "a"), parse_raw)]
        yield [Command(("GET", "b"), parse_raw)]

    with pytest.raises(CrossSlotError):
        cache.client.run(steps())
    with pytest.raises(CrossSlotError):
        asyncio.run(cache.client.arun(steps()))


def test_versions_move_between_slots(cache: ServerCache) -> None:
    cache.set_many(MANY, 50)
    for key, value in list(MANY.items())[:20]:
        assert cache.incr_version(key) == 2
        assert cache.get(key) is None
        assert cache.get(key, version=2) == value
        assert cache.ttl(key, version=2) == 50
    cache.set("lasting", [1], None)
    assert asyncio.run(cache.aincr_version("lasting", 5)) == 6
    assert cache.ttl("lasting", version=6) is None
    cache.set("{together}", 1, version=1)
    assert cache.decr_version("{together}") == 0
    with pytest.raises(ValueError, match="missing"):
        cache.incr_version("missing")


# The whole database.


def test_a_walk_comes_by_every_node(cache: ServerCache, nodes: Nodes) -> None:
    cache.set_many(MANY)
    assert sorted(cache.keys()) == sorted(MANY)
    assert sorted(cache.keys("key-29*")) == sorted(key for key in MANY if key[:6] == "key-29")
    cursor, found, turns = 0, [], 0
    while cursor or not turns:
        cursor, keys = cache.scan(cursor, count=20)
        found += keys
        turns += 1
        assert 0 <= cursor < 2**64
    assert sorted(set(found)) == sorted(MANY)
    assert turns >= len(MANY) // 40


def test_an_empty_node_does_not_end_a_walk(cache: ServerCache, nodes: Nodes) -> None:
    cache.set("a", 1)
    cache.set("b", 1)
    assert sorted(cache.keys()) == ["a", "b"]
    ask(nodes[0], "FLUSHALL")
    assert len(cache.keys()) == sum(sizes(nodes))


def test_clearing_leaves_the_keys_of_others(cache: ServerCache, nodes: Nodes) -> None:
    other = type(cache)(cache._location, {"KEY_PREFIX": "other"})
    cache.set_many(MANY)
    other.set_many(MANY)
    assert cache.delete_pattern("key-1*") == 111
    assert cache.dbsize() == 489
    cache.clear()
    assert other.get_many(MANY) == MANY
    assert cache.dbsize() == 300
    cache.flush_db()
    assert sizes(nodes) == [0, 0, 0]


def test_commands_without_keys_are_answered(cache: ServerCache) -> None:
    assert cache.ping() is True
    assert "cluster_enabled" in cache.info("cluster")


# Slots that move.


def owner(nodes: Nodes, slot: int) -> Server:
    for first, last, (_host, port, *_), *_replicas in ask(nodes[0], "CLUSTER", "SLOTS"):
        if first <= slot <= last:
            return next(node for node in nodes if node.port == port)
    raise AssertionError(f"nobody has slot {slot}")


class Move:
    """A slot on its way from one node to another."""

    def __init__(self, nodes: Nodes, key: bytes) -> None:
        self.nodes, self.slot = nodes, key_slot(key)
        self.source = owner(nodes, self.slot)
        self.target = next(node for node in nodes if node is not self.source)
        self.ids = {node.port: self.tell(node, "MYID").decode() for node in nodes}

    def tell(self, node: Server, *words: Any) -> Any:
        return ask(node, "CLUSTER", *words)

    def begin(self) -> None:
        self.tell(self.target, "SETSLOT", self.slot, "IMPORTING", self.ids[self.source.port])
        self.tell(self.source, "SETSLOT", self.slot, "MIGRATING", self.ids[self.target.port])

    def carry(self, *keys: bytes) -> None:
        """Carry `keys` over, or all there are."""
        keys = keys or tuple(self.tell(self.source, "GETKEYSINSLOT", self.slot, 1000))
        with raw(self.source) as client:
            if keys:
                client.migrate("127.0.0.1", self.target.port, keys, 0, 5000)

    def make(self) -> None:
        """Move the slot with all that is in it."""
        self.begin()
        self.carry()
        self.end()

    def end(self) -> None:
        for node in (self.target, self.source, *self.nodes):
            self.tell(node, "SETSLOT", self.slot, "NODE", self.ids[self.target.port])
        # Two nodes that count up their epochs at once may claim a slot from each other.
        servers.wait_until(self._is_settled, "the cluster to agree on who has the slot")

    def _is_settled(self) -> bool:
        views = [
            {(line.split()[0], line.split()[6]) for line in self._lines(node)}
            for node in self.nodes
        ]
        epochs = [epoch for _id, epoch in views[0]]
        agreed = all(view == views[0] for view in views) and len(set(epochs)) == len(epochs)
        return agreed and all(
            owner((node, *self.nodes), self.slot) is self.target for node in self.nodes
        )

    def _lines(self, node: Server) -> list[str]:
        return [line for line in self.tell(node, "NODES").decode().splitlines() if line]


@pytest.mark.parametrize(
    "command",
    [
        lambda cache: cache.get("key") == 5,
        lambda cache: asyncio.run(cache.aget("key")) == 5,
        lambda cache: cache.incr("key") == 6,
        lambda cache: cache.set_many({"key": 6, "a": 1, "b": 1}) == [],
        lambda cache: cache.get_many(["a", "key", "b"]) == {"key": 5},
        lambda cache: cache.pipeline().incr("key").incr("key").execute() == [6, 7],
        lambda cache: cache.pipeline(transaction=True).incr("key").get("key").execute() == [6, 6],
        lambda cache: cache.client.run(incr_with_watch(b":1:key", 1)) == 6,
        lambda cache: asyncio.run(cache.client.arun(incr_with_watch(b":1:key", 1))) == 6,
    ],
)
def test_a_slot_that_moved_is_found(
    cache: ServerCache, nodes: Nodes, command: Callable[[ServerCache], bool]
) -> None:
    cache.set("key", 5)
    move = Move(nodes, b":1:key")
    move.make()
    assert command(cache) is True
    assert ask(move.target, "EXISTS", ":1:key")


def redirections(node: Server) -> int:
    with raw(node) as client:
        return int(client.info("errorstats").get("errorstat_MOVED", {"count": 0})["count"])


def blocked(node: Server) -> bool:
    with raw(node) as client:
        return bool(client.info("clients")["blocked_clients"])


@pytest.mark.parametrize("name", ["blpop", "ablpop"])
def test_a_wait_goes_on_where_the_slot_moved(cache: ServerCache, nodes: Nodes, name: str) -> None:
    def wait() -> Any:
        found = getattr(cache, name)("queue", 20)
        return asyncio.run(found) if asyncio.iscoroutine(found) else found

    move = Move(nodes, b":1:queue")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(wait)
        servers.wait_until(lambda: blocked(move.source), "somebody who waits")
        move.begin()
        move.end()
        servers.wait_until(lambda: blocked(move.target), "somebody who waits elsewhere")
        assert cache.rpush("queue", [1]) == 1
        assert waiting.result(20) == ("queue", [1])


def test_where_a_slot_moved_to_is_remembered(cache: ServerCache, nodes: Nodes) -> None:
    cache.set("key", 5)
    move = Move(nodes, b":1:key")
    move.make()
    before = redirections(move.source)
    assert [cache.get("key") for _ in range(5)] == [5] * 5
    assert redirections(move.source) == before + 1


@pytest.mark.parametrize(
    "command",
    [
        lambda cache: cache.get("{x}key") == 5,
        lambda cache: asyncio.run(cache.aget("{x}key")) == 5,
        lambda cache: cache.incr("{x}key") == 6,
        lambda cache: cache.set("{x}new", 1) is None and cache.get("{x}new") == 1,
        lambda cache: cache.set_many({"{x}key": 6, "{x}stays": 7}) == [],
        lambda cache: cache.pipeline().incr("{x}key").get("{x}stays").execute() == [6, 6],
        lambda cache: cache.pipeline(transaction=True).get("{x}stays").execute() == [6],
    ],
)
def test_keys_of_a_slot_on_its_way_are_found(
    cache: ServerCache, nodes: Nodes, command: Callable[[ServerCache], bool]
) -> None:
    cache.set_many({"{x}key": 5, "{x}stays": 6})
    move = Move(nodes, b"x")
    move.begin()
    move.carry(b":1:{x}key")
    try:
        assert command(cache) is True
    finally:
        move.carry()
        move.end()
    assert cache.has_key("{x}key") is True


def test_many_keys_of_a_slot_on_its_way_are_waited_for(cache: ServerCache, nodes: Nodes) -> None:
    """Those of one slot that are in two places: TRYAGAIN, until the move is over or time is."""
    cache.set_many({"{x}key": 5, "{x}stays": 6})
    move = Move(nodes, b"x")
    move.begin()
    move.carry(b":1:{x}key")

    async def around() -> dict[str, Any]:
        asking = asyncio.ensure_future(cache.aget_many(["{x}key", "{x}stays"]))
        await asyncio.to_thread(move.carry)
        await asyncio.to_thread(move.end)
        return await asking

    with pytest.raises(SlotUnavailable, match="TRYAGAIN"):
        cache.get_many(["{x}key", "{x}stays"])
    assert asyncio.run(around()) == {"{x}key": 5, "{x}stays": 6}


NAMES = "abcdefgh"
COUNTERS = [f"{{{name}}}counter" for name in NAMES]


def move_all(nodes: Nodes) -> None:
    for name in NAMES:
        Move(nodes, name.encode()).make()


def test_slots_move_under_tasks(cache: ServerCache, nodes: Nodes) -> None:
    cache.set_many(dict.fromkeys(COUNTERS, 0))

    async def count(key: str, moving: asyncio.Future[Any]) -> int:
        turns = 0
        while not moving.done():
            turns += 1
            assert await cache.aincr(key) == turns
        return turns

    async def around() -> list[int]:
        moving = asyncio.ensure_future(asyncio.to_thread(move_all, nodes))
        counted = await asyncio.gather(*(count(key, moving) for key in COUNTERS))
        await moving
        return counted

    counted = asyncio.run(around())
    assert cache.get_many(COUNTERS) == dict(zip(COUNTERS, counted, strict=True))


def test_slots_move_under_threads(cache: ServerCache, nodes: Nodes) -> None:
    cache.set_many(dict.fromkeys(COUNTERS, 0))
    moved = threading.Event()

    def count(key: str) -> int:
        turns = 0
        while not moved.is_set():
            turns += 1
            assert cache.incr(key) == turns
            assert cache.get_many([key]) == {key: turns}
        return turns

    with ThreadPoolExecutor(len(COUNTERS)) as pool:
        counting = [pool.submit(count, key) for key in COUNTERS]
        try:
            move_all(nodes)
        finally:
            moved.set()
        counted = [future.result() for future in counting]
    assert cache.get_many(COUNTERS) == dict(zip(COUNTERS, counted, strict=True))


# Where a cluster is.


def test_any_node_of_several_leads_to_all(driver: str, nodes: Nodes) -> None:
    dead = f"redis://127.0.0.1:{servers.free_port()}"
    cache = CLUSTERS[driver]([dead, f"redis://{nodes[2].address}"], {})
    cache.set_many(MANY)
    assert asyncio.run(cache.aget_many(MANY)) == MANY


def test_nodes_that_do_not_know_their_own_names_are_found(
    make_cache: MakeCache, nodes: Nodes
) -> None:
    """As behind an address translation: CLUSTER SLOTS and MOVED then name ports alone."""
    for node in nodes:
        ask(node, "CONFIG", "SET", "cluster-preferred-endpoint-type", "unknown-endpoint")
    try:
        cache = make_cache(nodes, client_name="nameless")
        cache.set_many(MANY)
        Move(nodes, b":1:key-1").make()
        assert cache.get("key-1") == 1
        assert cache.get_many(MANY) == MANY
    finally:
        for node in nodes:
            ask(node, "CONFIG", "SET", "cluster-preferred-endpoint-type", "ip")


@EACH_DRIVER
def test_who_may_not_ask_for_slots_is_told(make_cache: MakeCache, nodes: Nodes) -> None:
    with raw(nodes[0]) as client:
        client.acl_setuser(
            "few", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-cluster"]
        )
        with pytest.raises(AccessDenied, match="cluster"):
            make_cache(nodes, username="few", password="any").get("key")
        client.acl_deluser("few")


@EACH_DRIVER
def test_a_cluster_that_is_gone_is_named(driver: str) -> None:
    port = servers.free_port()
    cache = CLUSTERS[driver](f"redis://127.0.0.1:{port}", {})
    with pytest.raises(ServerUnavailable, match=f"127.0.0.1:{port}"):
        cache.get("key")
    with pytest.raises(ServerUnavailable):
        asyncio.run(cache.aget_many(["key"]))


def test_a_server_that_is_no_cluster_says_so(driver: str, valkey_server: Server) -> None:
    cache = CLUSTERS[driver](f"redis://{valkey_server.address}", {})
    with pytest.raises(CommandError, match="cluster support disabled"):
        cache.get("key")


@EACH_DRIVER
def test_what_no_cluster_has_is_refused(driver: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="only has database 0"):
        CLUSTERS[driver]("redis://127.0.0.1/1", {}).get("key")
    with pytest.raises(ImproperlyConfigured, match="host and port"):
        CLUSTERS[driver]("unix:///tmp/nowhere", {}).get("key")
    with pytest.raises(ImproperlyConfigured, match="only has database 0"):
        CLUSTERS[driver]("redis://127.0.0.1", {"OPTIONS": {"db": 3}}).get("key")


def test_failing_open_asks_on(make_cache: MakeCache, nodes: Nodes) -> None:
    cache = make_cache(nodes, ignore_exceptions=True)
    cache.set_many(MANY)
    assert cache.get_many(MANY) == MANY
    gone = type(cache)(
        f"redis://127.0.0.1:{servers.free_port()}", {"OPTIONS": {"ignore_exceptions": True}}
    )
    assert gone.get_many(MANY) == {}
    assert gone.get("key-1", "default") == "default"
    gone.set_many(MANY)
    gone.clear()


def test_attempts_of_a_step_meet_refusals_one_by_one(cache: ServerCache) -> None:
    def steps() -> Any:
        return (yield Batch([cache._set("a", "x"), cache._incr_eval("a"), cache._get("a")]))

    stored, refused, found = cache.client.run(steps())
    assert (stored, found) == (None, "x")
    assert isinstance(refused, WrongTypeError)


# Stampedes


@pytest.mark.parametrize("old", ["old", None])
def test_one_makes_a_value_wherever_it_is(cache: ServerCache, old: str | None) -> None:
    """The key of whoever makes it is in another slot than the value."""
    calls: list[str] = []
    began, go = threading.Event(), threading.Event()

    def make() -> str:
        calls.append("made")
        began.set()
        assert go.wait(15)
        return "new"

    def ask(key: str) -> Any:
        return cache.get_or_set(key, make, 100, stampede_protection={"early": 50})

    for key in ("a", "b", "{c}"):
        began.clear()
        go.clear()
        calls.clear()
        if old:
            cache.set(key, old, 10)
        with ThreadPoolExecutor(10) as pool:
            first = pool.submit(ask, key)
            assert began.wait(15)
            others = [pool.submit(ask, key) for _number in range(9)]
            if old:
                assert [other.result(15) for other in others] == [old] * 9
            go.set()
            assert first.result(15) == "new"
            assert [other.result(15) for other in others] == [old or "new"] * 9
        assert calls == ["made"]
        assert 90 < cache.ttl(key) <= 100
        assert not cache.has_key(f"{key}.recomputing")
    assert (
        asyncio.run(cache.aget_or_set("d", lambda: "new", 100, stampede_protection=True)) == "new"
    )
