"""Users of a server who may not run every command: what they can do is said and bounded."""

from __future__ import annotations

from typing import Any

import pytest

from django_cachex.inspectors.query import Query
from django_cachex.inspectors.valkey.inspector import ServerInspector
from tests.inspectors.contract import later
from tests.inspectors.valkey.conftest import Store

KB = 1000


def restricted(store: Store, user: str, *rules: str) -> ServerInspector:
    """Return the inspector of an alias whose user is under these rules."""
    store.raw.execute_command("ACL", "SETUSER", user, *rules)
    return store.inspect(store.url.replace("//", f"//{user}:hunter2@"))


def test_a_user_who_may_not_ping_finds_the_server_up(store: Store, user: str) -> None:
    inspector = restricted(store, user, "-@all", "+@read", "+@write", "-@dangerous")
    store.raw.set(":1:key", "v")
    status = inspector.status()
    assert status.latency is not None
    assert status.keys == 1
    assert [*inspector.scan(Query(), "", 10, later()).keys] == [b":1:key"]
    assert inspector.delete([b":1:key"]) == 1


@pytest.mark.parametrize(("length", "fetched"), [(100, 10), (5, 5)])
def test_where_memory_may_not_be_asked_few_elements_are_fetched(
    store: Store, user: str, length: int, fetched: int
) -> None:
    inspector = restricted(store, user, "-memory")
    # The first are small: nothing about them tells that the others are not.
    elements = ["x"] * 30 + ["x" * 300 * KB] * 70
    store.raw.rpush(":1:key", *elements[:length])
    inspector.status()
    before = sent(store)
    entry = inspector.read(b":1:key")
    assert sent(store) - before < 100 * KB
    assert entry is not None
    assert entry.elements is not None
    assert (len(entry.elements.rows), entry.elements.total) == (fetched, length)
    said = "The server doesn't allow reading the size of the elements, so only 10 were fetched."
    assert str(entry.note) == (said if fetched < length else "")


def sent(store: Store) -> Any:
    """Return how many bytes the server has sent."""
    return store.raw.info("stats")["total_net_output_bytes"]
