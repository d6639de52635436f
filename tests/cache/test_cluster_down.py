"""Clusters of which a node is gone, and clusters that do not let everybody in."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest

from django_cachex.cache import ValkeyClusterCache
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.cluster import ClusterClient
from django_cachex.cache.cluster.routing import key_slot
from django_cachex.commands import CachexError, ServerUnavailable, SlotUnavailable
from tests import servers
from tests.cache.conftest import Certificate
from tests.cache.test_cluster import CLUSTERS, MANY, Nodes, ask, owner, raw
from tests.servers import Server, wait_until

PARTIAL = ("--cluster-require-full-coverage", "no")


@pytest.fixture(scope="module")
def lasting_nodes() -> Iterator[Nodes]:
    with servers.cluster(*PARTIAL) as nodes:
        yield nodes


@pytest.fixture
def nodes(lasting_nodes: Nodes) -> Iterator[Nodes]:
    """Nodes of which a test may take slots, or let one stand still."""
    yield lasting_nodes
    for node in lasting_nodes:
        go_on(node)
    wait_until(lambda: b"fail" not in nodes_of(lasting_nodes[0]), "the node")
    for node in lasting_nodes:
        ask(node, "FLUSHALL")


def cache_on(nodes: Nodes, **options: Any) -> ServerCache:
    location = [f"redis://{node.address}" for node in nodes]
    return ValkeyClusterCache(location, {"OPTIONS": {"breaker": False, **options}})


@contextmanager
def without_slot(nodes: Nodes, slot: int) -> Iterator[None]:
    for node in nodes:
        ask(node, "CLUSTER", "DELSLOTS", slot)
    yield
    for node in nodes:
        ask(node, "CLUSTER", "SETSLOT", slot, "NODE", ask(nodes[1], "CLUSTER", "MYID"))


def by_owner(nodes: Nodes) -> dict[int, list[str]]:
    """Return the keys of `MANY` by the port of the node that has them."""
    found: dict[int, list[str]] = {node.port: [] for node in nodes}
    for key in MANY:
        found[owner(nodes, key_slot(f":1:{key}".encode())).port].append(key)
    return found


def nodes_of(node: Server) -> bytes:
    """Return what a node says of all, in lines."""
    return bytes(ask(node, "CLUSTER", "NODES"))


def test_without_one_node_the_others_are_used() -> None:
    with servers.cluster(*PARTIAL, patience=1) as nodes:
        places, cache = by_owner(nodes), cache_on(nodes)
        cache.set_many(MANY)
        asyncio.run(cache.aset_many(MANY))
        lost = nodes[1]
        lost.process.kill()
        lost.process.wait()
        with pytest.raises(ServerUnavailable) as failure:
            cache.delete_many(MANY)
        assert failure.value.sent  # The others have done their part.
        assert [ask(node, "DBSIZE") for node in (nodes[0], nodes[2])] == [0, 0]
        wait_until(lambda: b"fail" in nodes_of(nodes[0]).replace(b"fail?", b""), "news")
        here = [key for node in (nodes[0], nodes[2]) for key in places[node.port]]
        there = places[lost.port][0]
        assert cache.set_many(dict.fromkeys(here, 0)) == []
        assert cache.get_many(here) == dict.fromkeys(here, 0)
        assert asyncio.run(cache.aget(here[0])) == 0
        for command in (
            lambda: cache.get(there),
            lambda: cache.incr(there),
            lambda: cache.delete(there),
            lambda: cache.clear(),
            lambda: cache.get_many(MANY),
            lambda: asyncio.run(cache.aset_many(MANY)),
        ):
            with pytest.raises(ServerUnavailable, match=f":{lost.port}|slot"):
                command()


def test_a_slot_that_nobody_has_stops_nothing_else(nodes: Nodes) -> None:
    lost, *others = by_owner(nodes)[nodes[1].port]
    slot = key_slot(f":1:{lost}".encode())
    others = [key for key in others if key_slot(f":1:{key}".encode()) != slot]
    cache = cache_on(nodes)
    with without_slot(nodes, slot):
        assert cache.set_many(dict.fromkeys(others, 1)) == []
        assert cache.get_many(others) == dict.fromkeys(others, 1)
        assert sorted(cache.keys()) == sorted(others)
        with pytest.raises(SlotUnavailable):
            cache.get(lost)
        with pytest.raises(SlotUnavailable):
            asyncio.run(cache.aget_many([lost, *others]))
        with pytest.raises(SlotUnavailable):
            cache.pipeline(transaction=True).set(lost, 1).execute()
        cache.clear()


def test_a_slot_that_nobody_has_is_ignored_where_failures_are(nodes: Nodes) -> None:
    lost, other, *_ = by_owner(nodes)[nodes[1].port]
    cache = cache_on(nodes, ignore_exceptions=True)
    with without_slot(nodes, key_slot(f":1:{lost}".encode())):
        assert cache.set_many({lost: 1, other: 2}) == [lost]
        assert asyncio.run(cache.aset_many({lost: 1, other: 2})) == [lost]
        assert cache.get(lost, "default") == "default"
        assert cache.touch(lost, None) is False
        assert cache.get_many([lost]) == {}
        assert cache.pipeline().get(lost).has_key(lost).execute() == [None, False]
        assert cache.pipeline(transaction=True).get(lost).execute() == [None]
        assert asyncio.run(cache.pipeline().get(lost).aexecute()) == [None]
        with pytest.raises(ServerUnavailable):
            cache.incr(lost)
        assert cache.get(other) == 2


def test_a_replica_that_takes_over_is_found() -> None:
    with servers.cluster(replicas=1, patience=1) as nodes:
        cache, transacting = cache_on(nodes[1:3]), cache_on(nodes[1:3], client_name="apart")
        mine = by_owner(nodes)[nodes[0].port]
        cache.set_many(MANY)
        assert counts(transacting, mine[1])
        with raw(nodes[0]) as client:
            client.expire(f":1:{mine[0]}", 300)  # WAIT looks after writes of its own connection.
            assert client.wait(1, 5000) == 1
        nodes[0].process.kill()
        wait_until(lambda: counts(transacting, mine[1]), "the replica")
        wait_until(lambda: reads(cache, mine), "the replica")
        assert asyncio.run(cache.aincr(mine[0])) == MANY[mine[0]] + 1
        cache.set_many(MANY)
        assert cache.get_many(MANY) == MANY


@pytest.mark.slow
def test_no_connections_are_kept_to_a_node_that_has_no_slots_any_more() -> None:
    with servers.cluster(replicas=1) as nodes:
        mine = by_owner(nodes)[nodes[0].port]
        before, cache = connections_to(nodes[0]), cache_on(nodes[1:3])
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _number: cache.get(mine[0]), range(200)))
        assert connections_to(nodes[0]) > before
        ask(nodes[3], "CLUSTER", "FAILOVER")
        wait_until(lambda: b"myself,slave" in nodes_of(nodes[0]), "the failover")
        assert cache.get(mine[0]) is None
        assert connections_to(nodes[0]) == before


def connections_to(node: Server) -> int:
    """Return how many connections of this process lead to `node`, dead ones included."""
    found = psutil.Process().net_connections()
    return sum(bool(one.raddr) and one.raddr.port == node.port for one in found)


def reads(cache: ServerCache, keys: list[str]) -> bool:
    try:
        return len(cache.get_many(keys)) == len(keys)
    except CachexError:
        return False


def counts(cache: ServerCache, key: str) -> bool:
    try:
        return bool(cache.pipeline(transaction=True).set(key, 1).incr(key).execute() == [None, 2])
    except CachexError:
        return False


def test_a_node_that_does_not_answer_costs_one_timeout(nodes: Nodes) -> None:
    places, cache = by_owner(nodes), cache_on(nodes, socket_timeout=0.2)
    cache.set_many(MANY)
    stand_still(nodes[2])
    began = time.monotonic()
    with pytest.raises(ServerUnavailable, match=f":{nodes[2].port}"):
        cache.get(places[nodes[2].port][0])
    assert time.monotonic() - began < 1
    assert cache.get(places[nodes[0].port][0]) is not None


TIMEOUT = 0.5
MOMENT = 2.0


def stand_still(node: Server) -> None:
    """Stop a node as a host that is paused: nothing is closed, and nothing answered."""
    node.process.send_signal(signal.SIGSTOP)


def go_on(node: Server) -> None:
    node.process.send_signal(signal.SIGCONT)


def soon(call: Callable[[], Any]) -> float:
    """Call until a call succeeds; return after how many seconds."""
    begin = time.monotonic()
    while True:
        try:
            call()
            return time.monotonic() - begin
        except ServerUnavailable:
            if time.monotonic() - begin > 15:
                raise
            time.sleep(0.05)


def test_the_successor_of_a_node_that_stands_still_is_found() -> None:
    """By the application, with its breaker and without, and by the admin's own connections."""
    with servers.cluster(replicas=1, patience=1) as nodes:
        mine = by_owner(nodes)[nodes[0].port]
        location = [f"redis://{node.address}" for node in nodes[:3]]
        options = {"socket_timeout": TIMEOUT}
        breaking, trying = (
            ValkeyClusterCache(location, {"OPTIONS": {**options, "breaker": breaker}})
            for breaker in (True, False)
        )
        admin = ClusterClient.from_settings("valkey", location, {}, **options)

        async def many() -> Any:
            return await breaking.aget_many(MANY)

        breaking.set_many(MANY)
        with raw(nodes[0]) as client:
            client.expire(f":1:{mine[0]}", 300)  # WAIT looks after writes of its own connection.
            assert client.wait(1, 5000) == 1
        assert asyncio.run(many()) == trying.get_many(MANY) == MANY
        assert admin.get(f":1:{mine[0]}".encode()) is not None
        calls: list[Callable[[], Any]] = [
            lambda: breaking.get_many(MANY),
            lambda: asyncio.run(many()),
            lambda: trying.get(mine[0]),
            lambda: trying.pipeline(transaction=True).set(mine[1], 1).execute(),
            lambda: admin.collect([admin._ttl(f":1:{mine[0]}".encode())]),
            lambda: breaking.incr(mine[2], 0),
        ]
        stand_still(nodes[0])
        try:
            end = time.monotonic() + 30
            while ask(nodes[3], "ROLE")[0] != b"master" and time.monotonic() < end:
                for call in calls:
                    with suppress(ServerUnavailable):
                        call()
            for node in nodes[1:]:
                wait_until(lambda node=node: b"state:ok" in ask(node, "CLUSTER", "INFO"), "news")
            with ThreadPoolExecutor(len(calls)) as threads:
                assert max(threads.map(soon, calls)) < TIMEOUT + MOMENT
            for call in calls:
                call()
        finally:
            go_on(nodes[0])


def test_replicas_are_asked_for_a_successor() -> None:
    """Where nobody else is known, one of them knows."""
    with servers.cluster(primaries=1, replicas=1) as nodes:
        old, new = nodes
        cache = ValkeyClusterCache(
            f"redis://{old.address}", {"OPTIONS": {"socket_timeout": TIMEOUT}}
        )
        with raw(old) as client:
            client.set(":1:key", 1)
            assert client.wait(1, 5000) == 1
        # Replicas are named that are known to have anything.
        wait_until(lambda: len(ask(old, "CLUSTER", "SLOTS")[0]) == 4, "news of the replica")
        assert cache.get("key") == 1
        stand_still(old)
        try:
            ask(new, "CLUSTER", "FAILOVER", "TAKEOVER")
            wait_until(lambda: ask(new, "ROLE")[0] == b"master", "the new primary")
            assert soon(lambda: cache.get("key")) < TIMEOUT + MOMENT
            assert asyncio.run(cache.aget("key")) == 1
        finally:
            go_on(old)


def test_the_others_are_asked_once_a_second(nodes: Nodes) -> None:
    there = by_owner(nodes)[nodes[2].port][0]
    location = [f"redis://{node.address}" for node in nodes]
    cache = ValkeyClusterCache(location, {"OPTIONS": {"socket_timeout": TIMEOUT}})
    cache.get(there)
    stand_still(nodes[2])
    before, begin = asked(nodes[:2]), time.monotonic()
    while time.monotonic() - begin < 3:
        with pytest.raises(ServerUnavailable):
            cache.get(there)
    assert 1 <= asked(nodes[:2]) - before <= 1 + time.monotonic() - begin


def asked(nodes: Nodes) -> int:
    """Return how often `nodes` were asked who has which slot."""
    found = 0
    for node in nodes:
        with raw(node) as client:
            found += client.info("commandstats").get("cmdstat_cluster|slots", {}).get("calls", 0)
    return found


def test_tls_and_credentials_reach_every_node(certificate: Certificate) -> None:
    program = servers.redis_server()
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    secret = ("--requirepass", "secret", "--masterauth", "secret")
    with servers.cluster(*secret, program=program, tls=certificate, password="secret") as nodes:
        options = {"OPTIONS": {"ssl_ca_certs": certificate[0]}}
        for backend in CLUSTERS.values():
            location = f"rediss://:secret@{nodes[0].address}"
            cache = backend(location, options)
            cache.set_many(MANY)
            assert cache.get_many(MANY) == MANY
            assert asyncio.run(cache.aget_many(MANY)) == MANY
            with pytest.raises(ServerUnavailable, match=r"(?i)certificate|ssl"):
                backend(location, {}).get("key")
            with pytest.raises(CachexError) as caught:
                backend(f"rediss://:wrong@{nodes[0].address}", options).get("key")
            assert "wrong@" not in str(caught.value)
