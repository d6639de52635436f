"""Steps of a run: what each did is on record once, whoever else takes the same step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from django_cachex.admin import bulk
from django_cachex.admin.admin import KeyAdmin
from django_cachex.admin.bulk import Run, Runner, Step, begin
from django_cachex.admin.deadline import Answer, NoAnswer
from django_cachex.admin.links import parse_object_id
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import Listing
from tests.admin import addresses
from tests.admin.browser import Browser

QUERY = Query(Pattern("user:*"))


@pytest.fixture
def runner(server_cache: Any, superuser: User, raw: valkey.Valkey, settings: Any) -> Runner:
    """What deletes six thousand keys, a thousand at a step."""
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 1e-9}
    raw.mset({f"p:1:user:{number}": "v" for number in range(6000)})
    inspector = inspector_for("valkey")

    def find(token: str, want: int, deadline: float) -> Listing:
        return inspector.scan(QUERY, token, want, deadline)

    return Runner(inspector, superuser.pk, bulk.DELETING, find, bulk.swept(QUERY))


def ask(inspector: Inspector, question: Callable[[], None]) -> Answer[None]:
    """Ask in this thread, which has the tests' database."""
    try:
        return Answer(question())
    except OSError as error:
        return Answer(error=error)


def step(runner: Runner, run: Run) -> Step:
    return runner.step(run, ask)


def said(entry: int) -> str:
    return LogEntry.objects.get(pk=entry).change_message


def test_a_step_that_somebody_else_took_meanwhile_is_recorded_by_itself(
    runner: Runner, raw: valkey.Valkey
) -> None:
    first = step(runner, begin(None)).run
    theirs: list[Step] = []

    def meanwhile(token: str, want: int, deadline: float) -> Listing:
        if not theirs:
            theirs.append(step(runner, first))
        return runner.find(token, want, deadline)

    slower = Runner(runner.inspector, runner.user_id, runner.deed, meanwhile, runner.said)
    mine = step(slower, first).run
    assert theirs[0].run.entry == first.entry != mine.entry
    counts = [first.work.deed.done, theirs[0].run.work.deed.done, mine.work.deed.done]
    assert f"Deleted {counts[1]:,} keys" in said(first.entry)
    assert mine.entry not in (0, first.entry)
    claimed = counts[1] + counts[2]
    assert claimed == 6000 - raw.dbsize()


def test_nothing_found_in_a_step_keeps_the_record_as_it_is(
    runner: Runner, raw: valkey.Valkey
) -> None:
    run = step(runner, begin(None)).run
    done = run.work.deed.done
    raw.flushdb()
    while not run.work.complete:
        after = step(runner, run)
        assert not after.continued
        run = after.run
    assert LogEntry.objects.count() == 1
    assert f"Deleted {done:,} keys. All keys were examined." in said(run.entry)


def test_an_error_leaves_the_step_where_it_was(runner: Runner) -> None:
    def broken(token: str, want: int, deadline: float) -> Listing:
        raise OSError("no route")

    failing = Runner(runner.inspector, runner.user_id, runner.deed, broken, runner.said)
    after = step(failing, begin(None))
    assert isinstance(after.error, OSError)
    assert after.run.work == begin(None).work
    assert "Deleted 0 keys. Not all keys have been examined yet." in said(after.run.entry)


def test_what_is_found_after_the_page_has_given_up_is_left_alone(
    runner: Runner, raw: valkey.Valkey
) -> None:
    given_up = threading.Event()
    threads: list[threading.Thread] = []

    def slow(token: str, want: int, deadline: float) -> Listing:
        listing = runner.find(token, want, deadline)
        assert given_up.wait(10)
        return listing

    def hurry(inspector: Inspector, question: Callable[[], None]) -> Answer[None]:
        def answer() -> None:
            with suppress(NoAnswer):
                question()

        threads.append(threading.Thread(target=answer))
        threads[0].start()
        return Answer(error=NoAnswer())

    run = Runner(runner.inspector, runner.user_id, runner.deed, slow, runner.said)
    after = run.step(begin(None), hurry)
    given_up.set()
    threads[0].join(10)
    assert raw.dbsize() == 6000
    assert "Deleted 0 keys. Not all keys have been examined yet." in said(after.run.entry)


def test_keys_that_a_projects_own_permission_refuses_are_left_alone(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses_sevens(self: Any, request: Any, obj: Any = None) -> bool:
        return obj is None or not parse_object_id(obj.id)[1].endswith(b"7")

    monkeypatch.setattr(KeyAdmin, "has_delete_permission", refuses_sevens)
    raw.mset({f"p:1:user:{number}": "v" for number in range(50)})
    page = admin.open(addresses.matching("valkey", act="delete", q="user:*"))
    assert "45 keys match" in page.text
    done = admin.submit(admin.submit(page, "ask"), "confirm")
    assert "Deleted 45 keys" in done.text
    assert sorted(raw.keys()) == [
        b"p:1:user:%d7" % ten if ten else b"p:1:user:7" for ten in (1, 2, 3, 4, 0)
    ]
