"""Searching a cluster: nodes that are down, and slots that move meanwhile."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
import valkey

from django_cachex.cache.cluster.routing import key_slot
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import ScanPage
from django_cachex.inspectors.valkey.scan import parse_slots
from tests import servers
from tests.inspectors.contract import later, listed, pages

MANY = 1500
KEYS = {f":1:key:{n}".encode() for n in range(MANY)}

Nodes = tuple[servers.Server, ...]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with servers.cluster("--cluster-require-full-coverage", "no") as nodes:
        yield nodes


@pytest.fixture
def inspector(nodes: Nodes, settings: Any) -> Inspector:
    """The inspector of an alias with `KEYS` in a cluster."""
    backend = "django_cachex.cache.ValkeyClusterCache"
    location = [f"valkey://{node.address}" for node in nodes]
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location}}
    found = inspector_for("default")
    for node in nodes:
        with valkey.Valkey(port=node.port) as client:
            client.flushall()
    found.cache.set_many({f"key:{n}": n for n in range(MANY)})
    return found


def test_all_keys_of_all_primaries_are_found_once(inspector: Inspector) -> None:
    found = keys_of(pages(inspector))
    assert len(found) == MANY
    assert set(found) == KEYS


def keys_of(listings: list[ScanPage]) -> list[bytes]:
    return [key for listing in listings for key in listing.keys]


def test_nodes_take_turns(inspector: Inspector, nodes: Nodes) -> None:
    listing = inspector.scan(Query(), "", 600, later())
    thirds = [0, 0, 0]
    for key in listing.keys:
        thirds[key_slot(key) // 5462] += 1
    assert all(thirds)


def test_every_page_says_how_many_keys_the_whole_cluster_has(inspector: Inspector) -> None:
    assert {listing.total for listing in pages(inspector)} == {MANY}
    assert inspector.scan(Query(Pattern("nothing")), "", 100, later()).examined == MANY


def test_filters_hold_on_every_node(inspector: Inspector) -> None:
    inspector.cache.set("large:1", "x" * 10_000)
    inspector.cache.set("large:2", "x" * 10_000)
    assert listed(inspector, Query(larger_than=5000)) == {b":1:large:1", b":1:large:2"}


def test_a_node_that_does_not_answer_is_named_and_the_others_are_searched(
    inspector: Inspector, nodes: Nodes
) -> None:
    stopped = nodes[1]
    theirs = {key for key in KEYS if 5461 <= key_slot(key) <= 10921}
    inspector.scan(Query(), "", 1, later())  # The cluster is known.
    stopped.process.send_signal(signal.SIGSTOP)
    try:
        found, token, listing = [], "", None
        for _page in range(50):
            started = time.monotonic()
            listing = inspector.scan(Query(), token, 1000, later())
            assert time.monotonic() - started < 2
            assert listing.failed_nodes == [stopped.address]
            assert not listing.complete
            found += listing.keys
            token = listing.token
            if not listing.examined:
                break
        assert set(found) == KEYS - theirs
    finally:
        stopped.process.send_signal(signal.SIGCONT)
    assert set(keys_of(pages(inspector, want=1000, token=token))) == theirs


def test_a_slot_that_moves_during_a_search_loses_nothing(
    inspector: Inspector, nodes: Nodes
) -> None:
    giver, taker = nodes[0], nodes[2]
    slots = sorted({key_slot(key) for key in KEYS if key_slot(key) < 5000})

    found, token = set(), ""
    try:
        for moving in ([], [], [], slots[::16], [], slots[1::16]):
            for slot in moving:
                move(slot, giver, taker)
            listing = inspector.scan(Query(), token, 100, later())
            found, token = found | set(listing.keys), listing.token
        assert token
        assert found | set(keys_of(pages(inspector, token=token))) == KEYS
    finally:
        for slot in sorted(slots[::16] + slots[1::16]):
            move(slot, taker, giver)


def test_keys_that_have_moved_ahead_of_their_slot_are_looked_for_where_they_are(
    inspector: Inspector, nodes: Nodes
) -> None:
    """All but the giver are walked through when half of a slot's keys leave it."""
    inspector.cache.set_many({f"{{tag}}:{n}": n for n in range(200)})
    slot = key_slot(b"{tag}")
    tagged = {f":1:{{tag}}:{n}".encode() for n in range(200)}
    walks = json.loads(inspector.scan(Query(), "", 1, later()).token)
    [(address, _cursor, slots, *_rest)] = [one for one in walks if slot in parse_slots(one[2])]
    giver = next(node for node in nodes if address.startswith(node.address))
    taker = next(node for node in nodes if node is not giver)
    move(slot, giver, taker, most=100, finish=False)
    try:
        found = keys_of(pages(inspector, token=json.dumps([[address, "0", slots, 0]])))
    finally:
        move(slot, giver, taker)
        move(slot, taker, giver)
    theirs = {key for key in KEYS if key_slot(key) in parse_slots(slots)}
    assert set(found) == tagged | theirs
    assert len(found) == len(set(found))


def test_a_token_of_no_cluster_is_refused(inspector: Inspector) -> None:
    for token in ("17", "[]x", '[["a"]]', '[["a","1","0-99999",0]]', '[[1,"1","0",0]]', "[" * 9999):
        with pytest.raises(ValueError, match="This isn't a position in a listing of this cache"):
            inspector.scan(Query(), token, 10, later())


def move(
    slot: int, giver: servers.Server, taker: servers.Server, most: int = 10_000, finish: bool = True
) -> None:
    """Move a slot's keys, as valkey-cli does."""
    with valkey.Valkey(port=giver.port) as source, valkey.Valkey(port=taker.port) as target:
        ids = [client.execute_command("CLUSTER MYID").decode() for client in (source, target)]
        target.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[0])
        source.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[1])
        keys = source.execute_command("CLUSTER GETKEYSINSLOT", slot, most)
        if keys:
            source.execute_command("MIGRATE", taker.host, taker.port, "", 0, 5000, "KEYS", *keys)
        if finish:
            for client in (target, source):
                client.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[1])
