"""Clusters of which a node is gone, and clusters that do not let everybody in."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.cluster.keys import slot_of
from django_cachex.commands import CachexError, ServerUnavailable, SlotUnavailable
from tests import servers
from tests.cache.certificates import certificate
from tests.cache.test_cluster import CLUSTERS, MANY, Nodes, ask, owner, raw
from tests.servers import Server, wait_until

PARTIAL = ("--cluster-require-full-coverage", "no")


def caches(nodes: Nodes, **options: Any) -> list[ServerCache]:
    location = [f"redis://{node.address}" for node in nodes]
    return [
        backend(location, {"OPTIONS": {"breaker": False, **options}})
        for backend in CLUSTERS.values()
    ]


def by_owner(nodes: Nodes) -> dict[int, list[str]]:
    """Return the keys of `MANY` by the port of the node that has them."""
    found: dict[int, list[str]] = {node.port: [] for node in nodes}
    for key in MANY:
        found[owner(nodes, slot_of(f":1:{key}".encode())).port].append(key)
    return found


def nodes_of(node: Server) -> bytes:
    """Return what a node says of all, in lines."""
    return bytes(ask(node, "CLUSTER", "NODES"))


def test_without_one_node_the_others_are_used() -> None:
    with servers.cluster(*PARTIAL, patience=1) as nodes:
        places = by_owner(nodes)
        used = caches(nodes)
        for cache in used:
            cache.set_many(MANY)
            asyncio.run(cache.aset_many(MANY))
        lost = nodes[1]
        lost.process.kill()
        lost.process.wait()
        wait_until(lambda: b"fail" in nodes_of(nodes[0]).replace(b"fail?", b""), "news")
        here = [key for node in (nodes[0], nodes[2]) for key in places[node.port]]
        [there, *_] = places[lost.port]
        for cache in used:
            assert cache.get_many(here) == {key: MANY[key] for key in here}
            assert cache.set_many(dict.fromkeys(here, 0)) == []
            assert asyncio.run(cache.aget(here[0])) == 0
            for command in cache.get, cache.incr, cache.delete, cache.clear:
                with pytest.raises(ServerUnavailable, match=f":{lost.port}|slot"):
                    command(*([] if command == cache.clear else [there]))
            with pytest.raises(ServerUnavailable, match=f":{lost.port}|slot"):
                cache.get_many(MANY)
            with pytest.raises(ServerUnavailable, match=f":{lost.port}|slot"):
                asyncio.run(cache.aset_many(MANY))


def test_a_slot_that_nobody_has_stops_nothing_else() -> None:
    with servers.cluster(*PARTIAL) as nodes:
        places = by_owner(nodes)
        lost, *others = places[nodes[1].port]
        slot = slot_of(f":1:{lost}".encode())
        others = [key for key in others if slot_of(f":1:{key}".encode()) != slot]
        for node in nodes:
            ask(node, "CLUSTER", "DELSLOTS", slot)
        for cache in caches(nodes):
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


def test_a_slot_that_nobody_has_is_ignored_where_failures_are() -> None:
    with servers.cluster(*PARTIAL) as nodes:
        lost, other, *_ = by_owner(nodes)[nodes[1].port]
        for node in nodes:
            ask(node, "CLUSTER", "DELSLOTS", slot_of(f":1:{lost}".encode()))
        for cache in caches(nodes, ignore_exceptions=True):
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
        used, transacting = caches(nodes[1:3]), caches(nodes[1:3], client_name="apart")
        places = by_owner(nodes)
        mine = places[nodes[0].port]
        for cache in used:
            cache.set_many(MANY)
        for cache in transacting:
            assert counts(cache, mine[1])
        with raw(nodes[0]) as client:
            client.expire(f":1:{mine[0]}", 300)  # WAIT looks after writes of its own connection.
            assert client.wait(1, 5000) == 1
        nodes[0].process.kill()
        for cache in transacting:
            wait_until(lambda cache=cache: counts(cache, mine[1]), "the replica")
        for cache in used:
            wait_until(lambda cache=cache: reads(cache, mine), "the replica")
            assert asyncio.run(cache.aincr(mine[0])) == MANY[mine[0]] + 1
            cache.set_many(MANY)
            assert cache.get_many(MANY) == MANY


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


def test_a_node_that_does_not_answer_costs_one_timeout() -> None:
    with servers.cluster(*PARTIAL) as nodes:
        places = by_owner(nodes)
        for cache in caches(nodes, socket_timeout=0.2):
            cache.set_many(MANY)
            stopped = nodes[2]
            stopped.process.send_signal(signal.SIGSTOP)
            try:
                began = time.monotonic()
                with pytest.raises(ServerUnavailable, match=f":{stopped.port}"):
                    cache.get(places[stopped.port][0])
                assert time.monotonic() - began < 1
                assert cache.get(places[nodes[0].port][0]) is not None
            finally:
                stopped.process.send_signal(signal.SIGCONT)
            wait_until(lambda: b"fail" not in nodes_of(nodes[0]), "the node")


def test_tls_and_credentials_reach_every_node(tmp_path: Path) -> None:
    program = servers.redis_server()
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    files = certificate(tmp_path)
    secret = ("--requirepass", "secret", "--masterauth", "secret")
    with servers.cluster(*secret, program=program, tls=files, password="secret") as nodes:
        for backend in CLUSTERS.values():
            location = f"rediss://:secret@{nodes[0].address}"
            cache = backend(location, {"OPTIONS": {"ssl_ca_certs": files[0]}})
            cache.set_many(MANY)
            assert cache.get_many(MANY) == MANY
            assert asyncio.run(cache.aget_many(MANY)) == MANY
            with pytest.raises(ServerUnavailable, match=r"(?i)certificate|ssl"):
                backend(location, {}).get("key")
            with pytest.raises(CachexError) as caught:
                backend(
                    f"rediss://:wrong@{nodes[0].address}", {"OPTIONS": {"ssl_ca_certs": files[0]}}
                ).get("key")
            assert "wrong@" not in str(caught.value)
