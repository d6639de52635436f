"""Elements that are too large to be fetched: left out and said so, at a bounded cost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import valkey

from django_cachex.inspectors.edits import EditStatus, Incr
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage, Order
from django_cachex.inspectors.types import KeyValue
from django_cachex.inspectors.valkey import inspector as module
from tests.inspectors.valkey.conftest import Store, on_one_server

MOST = 1_000_000
LARGE = "x" * (2 * MOST)

pytestmark = on_one_server


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REPLY_SIZE", MOST)


def pages(store: Store, window: ElementPage = FIRST_PAGE) -> Iterator[KeyValue]:
    inspector, at = store.inspect(), window.at
    for _page in range(300):
        entry = inspector.read(b":1:key", window.starting_at(at))
        yield entry
        if entry.elements.next is None:
            return
        at = entry.elements.next
    raise AssertionError("It does not come to an end.")


def names(store: Store, window: ElementPage = FIRST_PAGE) -> tuple[list[str], int]:
    """Return what is shown on all pages, and on how many something is left out."""
    found = list(pages(store, window))
    shown = [row.name for entry in found if entry.elements for row in entry.elements.rows]
    return shown, sum("shown here" in str(entry.note) for entry in found)


def list_with(raw: valkey.Valkey, place: int) -> list[str]:
    items = [str(number) for number in range(120)]
    raw.rpush(":1:key", *items[:place], LARGE, *items[place + 1 :])
    return items


def sorted_set_with(raw: valkey.Valkey, place: int) -> list[str]:
    members = [f"member {number:03}" for number in range(120)]
    scores = dict(zip([*members[:place], LARGE, *members[place + 1 :]], range(120), strict=True))
    raw.zadd(":1:key", scores)
    return members


def stream_with(raw: valkey.Valkey, place: int) -> list[str]:
    ids = [f"{number // 2 + 1}-{number % 2}" for number in range(120)]
    for number, id in enumerate(ids):
        raw.xadd(":1:key", {"field": LARGE if number == place else "v"}, id=id)
    return ids


@pytest.mark.parametrize("fill", [list_with, sorted_set_with, stream_with])
@pytest.mark.parametrize("place", [0, 1, 60, 119])
@pytest.mark.parametrize("order", Order)
def test_an_element_that_is_too_large_is_left_out(
    store: Store, fill: Callable[[valkey.Valkey, int], list[str]], place: int, order: Order
) -> None:
    wanted = fill(store.raw, place)
    del wanted[place]
    shown, left_out = names(store, ElementPage(order=order))
    assert shown == (wanted if order == Order.FIRST else wanted[::-1])
    assert left_out == 1


def test_a_member_that_is_too_large_is_left_out_of_a_search(store: Store) -> None:
    members = sorted_set_with(store.raw, 60)
    assert set(names(store, ElementPage(match="member"))[0]) <= set(members)


@pytest.mark.parametrize("match", ["", "field"])
def test_a_field_that_is_too_large_is_left_out_with_those_beside_it(
    store: Store, match: str
) -> None:
    fields = {f"field {number}": "v" for number in range(300)}
    store.raw.hset(":1:key", mapping={**fields, "large": LARGE})
    shown, left_out = names(store, ElementPage(match=match))
    assert set(shown) <= set(fields)
    assert len(set(shown)) >= 270
    assert left_out >= (0 if match else 1)


def test_a_member_that_is_too_large_is_left_out_of_a_set(store: Store) -> None:
    members = {f"member {number}" for number in range(300)}
    store.raw.sadd(":1:key", LARGE, *members)
    shown, left_out = names(store)
    assert set(shown) <= members
    assert len(set(shown)) >= 270
    assert left_out >= 1


def test_an_element_that_is_too_large_is_not_changed_by_what_would_read_it(store: Store) -> None:
    store.raw.set(":1:key", LARGE)
    outcome = store.inspect().apply(b":1:key", Incr(1))
    assert outcome.status == EditStatus.REFUSED
    assert "exceeds the limit" in str(outcome.reason)


MEASURED = """
import json, re, sys
import django
from django.conf import settings
settings.configure(
    CACHES={"default": json.loads(sys.argv[1])}, SECRET_KEY="secret", CACHEX_ADMIN={"TIMEOUT": 30}
)
django.setup()
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.query import ElementPage
from django_cachex.inspectors.valkey import inspector as module

def peak():
    return int(re.search("VmHWM:\\s+([0-9]+)", open("/proc/self/status").read())[1]) * 1024

module.MAX_REPLY_SIZE = 15_000_000
inspector = inspector_for("default")
inspector.read(b":1:small")
before = peak()
at, notes = "", ""
while at is not None:
    entry = inspector.read(b":1:key", ElementPage(at=at))
    at, notes = entry.elements.next, notes + str(entry.note)
print(json.dumps([peak() - before, notes]))
"""


@pytest.mark.parametrize("type", ["list", "hash"])
def test_the_worker_does_not_grow_by_what_an_element_holds(store: Store, type: str) -> None:
    large = b"x" * 80_000_000
    store.raw.set(":1:small", "v")
    if type == "list":
        store.raw.rpush(":1:key", large, *range(999))
    else:
        store.raw.hset(":1:key", mapping={"large": large, **{str(n): n for n in range(999)}})
    params = json.dumps({"BACKEND": store.backend, "LOCATION": store.url})
    words = [sys.executable, "-c", MEASURED, params]
    ran = subprocess.run(words, capture_output=True, check=True, text=True)
    grown, notes = json.loads(ran.stdout)
    assert grown < 80_000_000
    assert "shown here" in notes
