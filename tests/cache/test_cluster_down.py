"""Clusters of which a node is gone, and clusters that do not let everybody in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.cluster.keys import slot_of
from django_cachex.commands import CachexError, ServerUnavailable
from tests import servers
from tests.cache.certificates import certificate
from tests.cache.test_cluster import CLUSTERS, MANY, Nodes, owner, raw
from tests.servers import wait_until

PARTIAL = ("--cluster-require-full-coverage", "no")


def caches(nodes: Nodes, **options: Any) -> list[ServerCache]:
    location = [f"redis://{node.address}" for node in nodes]
    return [backend(location, {"OPTIONS": {"breaker": False, **options}}) for backend in CLUSTERS.values()]


def by_owner(nodes: Nodes) -> dict[int, list[str]]:
    """Return the keys of `MANY` by the port of the node that has them."""
    found: dict[int, list[str]] = {node.port: [] for node in nodes}
    for key in MANY:
        found[owner(nodes, slot_of(f":1:{key}".encode())).port].append(key)
    return found


def test_without_one_node_the_others_are_used() -> None:
    with servers.cluster(*PARTIAL) as nodes:
        places = by_owner(nodes)
        used = caches(nodes)
        for cache in used:
            cache.set_many(MANY)
            asyncio.run(cache.aset_many(MANY))
        lost = nodes[1]
        lost.process.kill()
        lost.process.wait()
        with raw(nodes[0]) as client:
            wait_until(lambda: b"fail " in client.execute_command("CLUSTER NODES", NEVER_DECODE=True), "news")
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
