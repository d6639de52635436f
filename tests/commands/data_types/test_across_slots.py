"""Commands whose keys are in several slots of a cluster: done exactly, or refused unsent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from django_cachex.cache import ValkeyClusterCache
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.cluster.routing import key_slot
from django_cachex.commands import CrossSlotError
from tests import servers
from tests.commands.data_types.conftest import emptied
from tests.commands.data_types.surfaces import SENDS, Send

KEYS = [f"set-{number}" for number in range(12)]


def cache_on(server: servers.Server, **options: float) -> ServerCache:
    return ValkeyClusterCache(f"redis://{server.address}", {"OPTIONS": options})


@pytest.fixture
def cache(cluster_of_valkeys: servers.Server) -> ServerCache:
    return emptied(cache_on(cluster_of_valkeys))


@pytest.mark.parametrize("send", [SENDS["blocking"], SENDS["awaited"], SENDS["piped"]])
def test_sets_of_several_slots_are_combined(cache: ServerCache, send: Send) -> None:
    for number, key in enumerate(KEYS):
        cache.sadd(key, "everywhere", number, (number + 1) % 12)
    assert len({key_slot(cache._stored_key(key)) for key in KEYS}) > 8
    assert send(cache, "sunion", (KEYS,), {}) == {"everywhere", *range(12)}
    assert send(cache, "sinter", (KEYS,), {}) == {"everywhere"}
    assert send(cache, "sdiff", (KEYS[:2],), {}) == {0}
    assert send(cache, "sdiff", ("set-5", "set-9", "set-6", "missing"), {}) == {5}
    assert send(cache, "sdiff", ("missing", *KEYS), {}) == set()


REFUSED: dict[str, Callable[[Any], Any]] = {
    "two keys": lambda c: c.lmove("a", "b"),
    "waits": lambda c: c.blpop(["a", "b"], 1),
    "a number of keys": lambda c: c.sintercard(2, ["a", "b"]),
    "waits for a number of keys": lambda c: c.bzmpop(1, 2, ["a", "b"], min=True),
    "stores": lambda c: c.sunionstore("d", "a", "b"),
    "streams": lambda c: c.xreadgroup("g", "me", {"a": ">", "b": ">"}),
    "transaction": lambda c: c.pipeline(transaction=True).rpush("a", 1).rpush("b", 1).execute(),
    "pipeline": lambda c: c.pipeline().rpush("a", 1).lmove("a", "b").execute(),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_others_are_refused_before_anything_is_sent(
    cache: ServerCache, call: Callable[[Any], Any]
) -> None:
    with pytest.raises(CrossSlotError, match="must be in one slot"):
        call(cache)
    assert cache.client.dbsize() == 0


def test_a_pipeline_goes_to_all_nodes_and_its_results_come_in_order(cache: ServerCache) -> None:
    pipe = cache.pipeline()
    for number, key in enumerate(KEYS):
        pipe.rpush(key, number, [number])
    pipe.sunion("missing")
    for key in KEYS:
        pipe.lrange(key, 0, -1)
    assert pipe.execute() == [*[2] * 12, set(), *[[number, [number]] for number in range(12)]]


@pytest.mark.parametrize("send", [SENDS["blocking"], SENDS["awaited pipe"]])
def test_a_wait_on_a_node_lasts_longer_than_the_timeout(
    cluster_of_valkeys: servers.Server, send: Send
) -> None:
    cache = cache_on(cluster_of_valkeys, socket_timeout=0.25)
    began = time.monotonic()
    assert send(cache, "blpop", (["{s}a", "{s}b"], 0.4), {}) is None
    assert time.monotonic() - began >= 0.4
