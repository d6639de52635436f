"""The benchmark of calls at a tiny size: everybody does what is timed. Times prove nothing."""

from __future__ import annotations

import re
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from benchmarks import profile
from benchmarks.calls import awaitable, blocking, collections, contenders, goals, page
from benchmarks.calls.addresses import Tcp, addresses
from benchmarks.calls.callers import OURS, REDIS, Caller
from benchmarks.calls.contenders import CONTENDERS, Contender
from benchmarks.calls.loops import run_concurrent_calls
from benchmarks.calls.operations import DELETE_MANY, GET, GET_MANY, INCR, SET, SET_MANY
from benchmarks.calls.samples import DICT, TEXT
from benchmarks.calls.sizes import KEYS_PER_CALL, Sizes
from benchmarks.calls.timing import Ratio, Times, time_in_turns
from tests import servers

TINY = Sizes(
    rounds=2,
    single=2,
    many=1,
    large=1,
    large_bytes=100_000,
    tasks=5,
    calls_per_task=2,
    simultaneous_calls=50,
)
CALLS = 2


def named(thing: Any) -> str:
    return str(thing.name)


@pytest.mark.parametrize("way", [0, 1], ids=["tcp", "unix"])
@pytest.mark.parametrize("contender", CONTENDERS, ids=named)
def test_everybody_does_what_is_timed(
    contender: Contender, way: int, valkey_server: servers.Server
) -> None:
    entries = contender.entries(DICT)
    with closing(contender.open(addresses(valkey_server)[way], 1)) as store:
        assert GET.prepare(store, entries, CALLS)() == entries.value
        assert [INCR.prepare(store, entries, CALLS)() for _call in range(CALLS)] == [1, 1]
        many = GET_MANY.prepare(store, entries, CALLS)()
        assert (
            list(many.values() if isinstance(many, dict) else many)
            == [entries.value] * KEYS_PER_CALL
        )
        delete = DELETE_MANY.prepare(store, entries, CALLS)
        keys = [key for batch in range(CALLS) for key in entries.keys_for_batch(batch)]
        assert None not in [store.get(key) for key in keys]
        for _call in range(CALLS):
            delete()
        assert {store.get(key) for key in keys} == {None}
        SET_MANY.prepare(store, entries, CALLS)()
        assert [store.get(key) for key in entries.keys_for_batch()] == [
            entries.value
        ] * KEYS_PER_CALL
        store.set(entries.key, contender.entries(TEXT).value)
        SET.prepare(store, entries, CALLS)()
        assert store.get(entries.key) == entries.value


@pytest.mark.parametrize("caller", collections.CLIENTS, ids=named)
def test_everybody_reads_the_same_collections(
    caller: collections.CollectionClient, valkey_server: servers.Server
) -> None:
    keys, values = caller.entries(TEXT).keys_for_batch(), caller.values
    assert len(set(values)) == KEYS_PER_CALL
    with closing(caller.open(Tcp(valkey_server.port), 1)) as client:
        for operation, prepare in collections.OPERATIONS.items():
            for _turn in range(2):
                found = prepare(client, keys, values)()
                if isinstance(found, dict):  # A hash has no order.
                    found = sorted(found.values())
                assert found == values, operation


def test_what_is_raw_stores_what_our_backends_store(valkey_server: servers.Server) -> None:
    address = Tcp(valkey_server.port)
    cache = contenders.OUR_VALKEY.open(address, 0)
    with closing(contenders.BARE.open(address, 0)) as bare:
        cache.set("user:1:profile", DICT.value)
        assert bare.get(contenders.BARE.entries(DICT).key) == DICT.pickled
        assert 900 < len(DICT.pickled) < 1_200


@pytest.mark.parametrize("caller", OURS, ids=named)
def test_many_tasks_share_few_sockets(caller: Caller, valkey_server: servers.Server) -> None:
    found = run_concurrent_calls(valkey_server, caller, 0, 300)
    assert found.sockets <= awaitable.MAX_SOCKETS
    assert not found.failures


def test_a_crowd_counts_sockets_and_failures(valkey_server: servers.Server) -> None:
    found = awaitable.measure(valkey_server, TINY).concurrent_calls
    assert found["raw valkey.asyncio"].sockets == TINY.simultaneous_calls
    limited = run_concurrent_calls(valkey_server, REDIS, 0, 120)
    assert str(limited) == "20 (MaxConnectionsError)"
    assert limited.sockets == 100


def test_the_page_tells_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "addresses", lambda server: addresses(server)[:1])
    text = "\n\n".join(page.report(TINY))
    assert re.findall(r"^#+ .*", text, re.MULTILINE) == [
        "# What a call of a cache costs",
        "## Goals",
        "## On an event loop, over TCP",
        f"## A value of {TINY.large_bytes:,} bytes",
        "## Collections and pipelines, over TCP",
        "## All contenders",
        "### str of 100 bytes, TCP",
        "### dict of 1 kB, TCP",
    ]
    for contender in CONTENDERS:
        assert text.count(f"| {contender.name} |") >= 8
    assert "nothing misses its goal" in text or "these figures miss their goals" in text


def test_a_profile_names_lines_of_ours(valkey_server: servers.Server) -> None:
    watched = profile.profile_backend(contenders.OUR_VALKEY, Tcp(valkey_server.port), 0.5)
    assert "connection/sync.py:" in watched.markdown()


def times(*cpu: float) -> list[Times]:
    return [Times(one, one * 2) for one in cpu]


def test_ratios_are_medians_with_their_spread_and_bold_where_a_goal_is_missed() -> None:
    assert str(Ratio([1.0, 3.0, 1.5])) == "1.50 (1.00–3.00)"
    assert str(Ratio([1.0, 3.0, 1.5], maximum=1.5)) == "1.50 (1.00–3.00)"
    missed = Ratio([1.0, 3.0, 1.5], maximum=1.4)
    assert str(missed) == "**1.50** (1.00–3.00)"
    assert missed.miss_text == "1.50, not 1.4"


def test_what_is_timed_takes_turns() -> None:
    called: list[str] = []

    def turn(name: str) -> Times:
        called.append(name)
        return Times(len(called), 0)

    turns = time_in_turns({name: partial(turn, name) for name in "abc"}, 2)
    assert "".join(called) == "abcbcacab"
    assert {name: [one.cpu for one in turns[name]] for name in turns} == {
        "a": [6, 8],
        "b": [4, 9],
        "c": [5, 7],
    }


def test_goals_say_what_misses_them() -> None:
    everybody = {contender.name: times(1.0, 1.0) for contender in CONTENDERS}
    slow = {**everybody, contenders.OUR_REDIS.name: times(1.6, 1.8)}
    operations = ("get", "set", "get_many", "delete_many")
    turns = dict.fromkeys(operations, everybody) | {"incr": slow, "set_many": everybody}
    measured = blocking.ThreadResult("here", turns)
    assert list(goals.misses([measured])) == [
        "incr, bare socket = 1: RedisCache (ours), here: 1.70, not 1.5",
        "incr, raw valkey-py = 1: RedisCache (ours), here: 1.70, not 1",
        "set_many, raw redis-py = 1: ValkeyCache (ours), here: 1.00, not 0.28",
        "set_many, raw redis-py = 1: RedisCache (ours), here: 1.00, not 0.28",
    ]
    assert goals.goals_table([measured]).count("**") == 8
