"""Elements that are too large to be fetched: left out and said so, at a bounded cost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

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
        assert entry is not None
        assert entry.elements is not None
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


@pytest.mark.parametrize("place", [0, 1, 60, 119])
@pytest.mark.parametrize("order", Order)
def test_an_item_that_is_too_large_is_left_out_of_a_list(
    store: Store, place: int, order: Order
) -> None:
    items = [str(number) for number in range(120)]
    items[place] = LARGE
    store.raw.rpush(":1:key", *items)
    shown, left_out = names(store, ElementPage(order=order))
    wanted = [str(number) for number in range(120) if number != place]
    assert shown == (wanted if order == Order.FIRST else wanted[::-1])
    assert left_out == 1


@pytest.mark.parametrize("place", [0, 60, 119])
@pytest.mark.parametrize("order", Order)
def test_a_member_that_is_too_large_is_left_out_of_a_sorted_set(
    store: Store, place: int, order: Order
) -> None:
    members = {f"member {number}": number for number in range(120)}
    del members[f"member {place}"]
    store.raw.zadd(":1:key", {**members, LARGE: place})
    shown, left_out = names(store, ElementPage(order=order))
    assert shown == (list(members) if order == Order.FIRST else list(members)[::-1])
    assert left_out == 1
    assert set(names(store, ElementPage(match="member"))[0]) <= set(members)


@pytest.mark.parametrize("place", [0, 60, 119])
@pytest.mark.parametrize("order", Order)
def test_an_entry_that_is_too_large_is_left_out_of_a_stream(
    store: Store, place: int, order: Order
) -> None:
    for number in range(120):
        value = LARGE if number == place else "v"
        store.raw.xadd(":1:key", {"field": value}, id=f"{number // 2 + 1}-{number % 2}")
    shown, left_out = names(store, ElementPage(order=order))
    wanted = [f"{n // 2 + 1}-{n % 2}" for n in range(120) if n != place]
    assert shown == (wanted if order == Order.FIRST else wanted[::-1])
    assert left_out == 1


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

def peak():
    return int(re.search("VmHWM:\\s+([0-9]+)", open("/proc/self/status").read())[1]) * 1024

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
    large = b"x" * 200_000_000
    store.raw.set(":1:small", "v")
    if type == "list":
        store.raw.rpush(":1:key", large, *range(999))
    else:
        store.raw.hset(":1:key", mapping={"large": large, **{str(n): n for n in range(999)}})
    params = json.dumps({"BACKEND": store.backend, "LOCATION": store.url})
    words = [sys.executable, "-c", MEASURED, params]
    ran = subprocess.run(words, capture_output=True, check=True, text=True)
    grown, notes = json.loads(ran.stdout)
    assert grown < 200_000_000
    assert "shown here" in notes
