"""A cache for one server that is pointed at a cluster says which class would do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from django_cachex.cache.cluster.routing import SLOT_COUNT, key_slot
from django_cachex.commands import CommandError, CrossSlotError
from tests.cache.conftest import BACKENDS, url
from tests.servers import Server

ELSEWHERE = next(str(n) for n in range(1000) if key_slot(f":1:{n}") >= SLOT_COUNT * 2 // 3)
"""A key of which the third node has the slot."""

CALLS: dict[str, Callable[[Any], Any]] = {
    "get": lambda c: c.get(ELSEWHERE),
    "set": lambda c: c.set(ELSEWHERE, 1),
    "set_many": lambda c: c.set_many({ELSEWHERE: 1}),
    "incr": lambda c: c.incr(ELSEWHERE),
    "pipeline": lambda c: c.pipeline().get(ELSEWHERE).execute(),
    "transaction": lambda c: c.pipeline(transaction=True).get(ELSEWHERE).execute(),
    "lock": lambda c: c.lock(ELSEWHERE, timeout=1).acquire(),
    "aget": lambda c: asyncio.run(c.aget(ELSEWHERE)),
    "aset_many": lambda c: asyncio.run(c.aset_many({ELSEWHERE: 1})),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_message_names_the_classes(driver: str, cluster_of_valkeys: Server, call: str) -> None:
    for options in {}, {"ignore_exceptions": True}:
        cache = BACKENDS[driver](url(cluster_of_valkeys), {"OPTIONS": options})
        with pytest.raises(CommandError, match=r"^MOVED .*ValkeyClusterCache or RedisCluster"):
            CALLS[call](cache)


def test_keys_of_several_nodes(driver: str, cluster_of_valkeys: Server) -> None:
    cache = BACKENDS[driver](url(cluster_of_valkeys), {})
    with pytest.raises(CrossSlotError, match="ValkeyClusterCache or RedisClusterCache"):
        cache.get_many(["1", "2", "3"])
