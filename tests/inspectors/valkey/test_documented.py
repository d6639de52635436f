"""The commands that docs/troubleshooting.md names are all that the admin sends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from django_cachex.cache import tracing
from django_cachex.inspectors.query import Query
from tests.inspectors.contract import later
from tests.inspectors.valkey.changes.every import EVERY, make_every_edit, prepare
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import Store, on_one_server

PAGE = Path(__file__).parents[3] / "docs" / "troubleshooting.md"


def documented() -> tuple[set[str], set[str]]:
    """Return the commands that are needed, and those of use; of two words, the first."""
    text = PAGE.read_text().partition("with NOAUTH, WRONGPASS or NOPERM")[2].partition("\n\nAny")[0]
    needed, useful = (
        {name.split()[0] for name in re.findall(r"`([A-Z][A-Z ]+)`", part)}
        for part in text.split("If they are permitted")
    )
    return needed, useful


@pytest.fixture
def sent() -> Iterator[set[str]]:
    names: set[str] = set()

    @contextmanager
    def record(requests: Any, address: str) -> Iterator[None]:
        names.update(str(request.args[0]) for request in requests)
        yield

    tracing.install(record)
    yield names
    tracing.remove(record)


@on_one_server
def test_a_user_with_the_documented_commands_does_all_there_is(
    store: Store, user: str, sent: set[str]
) -> None:
    store.raw.select(1)
    needed, useful = documented()
    known = {name.decode().upper() for name in store.raw.execute_command("COMMAND LIST")}
    rules = ["-@all", *(f"+{name.lower()}" for name in sorted(needed & known - {"DEL"}))]
    subject = Subject(store.inspect(store.url.replace("/0", "/1")), store.raw)
    restricted = Subject(store.inspect_as(user, *rules, alias="restricted", db=1), store.raw)
    sent.clear()
    make_every_edit(subject, restricted)
    inspector = restricted.inspector
    for name, (holds, _make) in EVERY.items():
        prepare(restricted, holds)
        if holds != "nothing":
            entry = inspector.read(KEY)
            assert not entry.note, name
            assert [*inspector.scan(Query(), "", 10, later()).keys] == [KEY]
            assert len(inspector.describe([KEY])) == 1
    assert inspector.status().keys is not None
    inspector.delete([KEY])
    inspector.flush()
    assert sent <= needed | useful
