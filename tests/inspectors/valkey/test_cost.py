"""What a search costs the server: no name and no pattern holds up its other clients."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from django_cachex.inspectors.query import (
    MAX_PATTERN_LENGTH,
    ElementPage,
    InvalidPosition,
    Pattern,
    Query,
    Scope,
)
from tests.inspectors.contract import later
from tests.inspectors.valkey.changes.subject import Subject
from tests.inspectors.valkey.conftest import Store, on_each_server
from tests.inspectors.valkey.test_windows import pages as windows

NAME = "a" * 20_000
DEAREST = "a" * (MAX_PATTERN_LENGTH - 1) + "b"
HOLDS = 50_000
"""Microseconds. A batch of a hundred such names would take some seconds."""

ROUNDS = 3
"""A machine may stall in one of them."""


def longest_command(store: Store, name: str, act: Any) -> int:
    """Return the microseconds that the longest command of a kind took, in the best of rounds."""
    rounds = []
    for _round in range(ROUNDS):
        store.raw.config_set("slowlog-log-slower-than", 0)
        store.raw.config_set("slowlog-max-len", 10_000)
        store.raw.slowlog_reset()
        act()
        found = store.raw.slowlog_get(10_000)
        took = [one["duration"] for one in found if one["command"].startswith(name.encode())]
        assert took
        rounds.append(max(took))
    store.raw.config_set("slowlog-log-slower-than", 10_000)
    return min(rounds)


@on_each_server
@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("text", [DEAREST, "*" + "a*" * 200 + "b", "*aab" * 120])
def test_no_pattern_holds_the_server_over_long_names(store: Store, text: str, scope: Scope) -> None:
    store.raw.mset({f":1:{NAME}{number}": "v" for number in range(60)})
    inspector = store.inspect()

    def search() -> None:
        listing = inspector.scan(Query(Pattern(text), scope=scope), "", 500, later())
        assert (listing.keys, listing.complete) == ((), True)

    assert longest_command(store, "SCAN", search) < HOLDS


@on_each_server
@pytest.mark.parametrize(
    ("type", "command"), [("hash", "HSCAN"), ("set", "SSCAN"), ("zset", "ZSCAN")]
)
def test_no_search_of_elements_holds_the_server(store: Store, type: str, command: str) -> None:
    names = [f"{NAME}{number}" for number in range(60)]
    if type == "hash":
        store.raw.hset(":1:key", mapping=dict.fromkeys(names, "1"))
    elif type == "set":
        store.raw.sadd(":1:key", *names)
    else:
        store.raw.zadd(":1:key", dict.fromkeys(names, 1))
    inspector = store.inspect()

    def search() -> None:
        entry = inspector.read(b":1:key", ElementPage(match=DEAREST))
        assert not entry.elements.rows

    assert longest_command(store, command, search) < HOLDS


@on_each_server
def test_what_repeats_itself_is_found_all_the_same(store: Store) -> None:
    names = [f":1:{'a' * count}b" for count in range(1, 40)]
    store.raw.mset(dict.fromkeys(names, "v"))
    store.raw.hset(":1:hash", mapping=dict.fromkeys(names, "1"))
    inspector = store.inspect()
    text = "a" * 20 + "b"
    for scope in Scope:
        listing = inspector.scan(Query(Pattern(text), scope=scope), "", 100, later())
        assert set(listing.keys) == {name.encode() for name in names[19:]}
    entry = inspector.read(b":1:hash", ElementPage(match=text))
    assert sorted(row.name for row in entry.elements.rows) == sorted(names[19:])


@on_each_server
def test_members_are_looked_through_until_time_is_over_and_none_is_missed(
    store: Store, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 1e-9}
    inspector = store.inspect()
    store.raw.sadd(":1:key", *(pickle.dumps(f"{number:03} {'x' * 200}") for number in range(120)))
    subject = Subject(inspector, store.raw, b":1:key")
    seen = list(windows(subject, ElementPage(match="095 *")))
    assert max(page.examined or 0 for page in seen) < 10
    assert sum(page.examined or 0 for page in seen) >= 120
    assert len([row for page in seen for row in page.rows]) == 1


@on_each_server
def test_a_search_of_elements_that_is_too_long_is_refused_with_a_sentence(store: Store) -> None:
    store.raw.hset(":1:key", "field", "1")
    with pytest.raises(InvalidPosition, match="Not searched"):
        store.inspect().read(b":1:key", ElementPage(match="a" * (MAX_PATTERN_LENGTH + 1)))
