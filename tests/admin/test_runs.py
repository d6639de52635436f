"""Steps of a run: what each did is on record once, whoever else takes the same step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.utils import translation

from django_cachex.admin import bulk
from django_cachex.admin.admin import KeyAdmin
from django_cachex.admin.bulk import JobRunner, JobState, JobStep
from django_cachex.admin.deadline import CallResult, DeadlineExceeded
from django_cachex.admin.links import parse_object_id
from django_cachex.admin.log_entries import displayed_message
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import ScanPage
from tests.admin import addresses
from tests.admin.browser import Browser

QUERY = Query(Pattern("user:*"))


@pytest.fixture
def runner(server_cache: Any, superuser: User, raw: valkey.Valkey, settings: Any) -> JobRunner:
    """What deletes six thousand keys, a thousand at a step."""
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 1e-9}
    raw.mset({f"p:1:user:{number}": "v" for number in range(6000)})
    inspector = inspector_for("valkey")

    def find(token: str, want: int, deadline: float) -> ScanPage:
        return inspector.scan(QUERY, token, want, deadline)

    message = partial(bulk.bulk_job_text, QUERY)
    return JobRunner(inspector, superuser.pk, bulk.DELETE_MATCHING, find, message)


def ask(inspector: Inspector, question: Callable[[], None]) -> CallResult[None]:
    """Ask in this thread, which has the tests' database."""
    try:
        return CallResult(question())
    except OSError as error:
        return CallResult(error=error)


def step(runner: JobRunner, run: JobState) -> JobStep:
    return runner.step(run, ask)


def said(entry: int | None) -> str:
    return displayed_message(LogEntry.objects.get(pk=entry))


def test_a_step_that_somebody_else_took_meanwhile_is_recorded_by_itself(
    runner: JobRunner, raw: valkey.Valkey
) -> None:
    first = step(runner, JobState.new(None)).state
    theirs: list[JobStep] = []

    def meanwhile(token: str, want: int, deadline: float) -> ScanPage:
        if not theirs:
            theirs.append(step(runner, first))
        return runner.find(token, want, deadline)

    slower = JobRunner(
        runner.inspector, runner.user_id, runner.action, meanwhile, runner.log_message
    )
    mine = step(slower, first).state
    assert theirs[0].state.log_entry_id == first.log_entry_id != mine.log_entry_id
    counts = [first.job.task.done, theirs[0].state.job.task.done, mine.job.task.done]
    assert f"Deleted {counts[1]:,} keys" in said(first.log_entry_id)
    assert mine.log_entry_id not in (0, first.log_entry_id)
    claimed = counts[1] + counts[2]
    assert claimed == 6000 - raw.dbsize()


def test_nothing_found_in_a_step_keeps_the_record_as_it_is(
    runner: JobRunner, raw: valkey.Valkey
) -> None:
    run = step(runner, JobState.new(None)).state
    done = run.job.task.done
    raw.flushdb()
    while not run.job.complete:
        after = step(runner, run)
        assert not after.was_continued_elsewhere
        run = after.state
    assert LogEntry.objects.count() == 1
    assert f"Deleted {done:,} keys. All keys were examined." in said(run.log_entry_id)


def test_an_error_leaves_the_step_where_it_was(runner: JobRunner) -> None:
    def broken(token: str, want: int, deadline: float) -> ScanPage:
        raise OSError("no route")

    failing = JobRunner(runner.inspector, runner.user_id, runner.action, broken, runner.log_message)
    after = step(failing, JobState.new(None))
    assert isinstance(after.error, OSError)
    assert after.state.job == JobState.new(None).job
    assert "Deleted 0 keys. Not all keys have been examined yet." in said(after.state.log_entry_id)


def test_what_is_found_after_the_page_has_given_up_is_left_alone(
    runner: JobRunner, raw: valkey.Valkey
) -> None:
    given_up = threading.Event()
    threads: list[threading.Thread] = []

    def slow(token: str, want: int, deadline: float) -> ScanPage:
        listing = runner.find(token, want, deadline)
        assert given_up.wait(10)
        return listing

    def hurry(inspector: Inspector, question: Callable[[], None]) -> CallResult[None]:
        def answer() -> None:
            with suppress(DeadlineExceeded):
                question()

        threads.append(threading.Thread(target=answer))
        threads[0].start()
        return CallResult(error=DeadlineExceeded())

    run = JobRunner(runner.inspector, runner.user_id, runner.action, slow, runner.log_message)
    after = run.step(JobState.new(None), hurry)
    given_up.set()
    threads[0].join(10)
    assert raw.dbsize() == 6000
    assert "Deleted 0 keys. Not all keys have been examined yet." in said(after.state.log_entry_id)


def test_keys_that_a_projects_own_permission_refuses_are_left_alone(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses_sevens(self: Any, request: Any, obj: Any = None) -> bool:
        return obj is None or not parse_object_id(obj.id)[1].endswith(b"7")

    monkeypatch.setattr(KeyAdmin, "has_delete_permission", refuses_sevens)
    raw.mset({f"p:1:user:{number}": "v" for number in range(50)})
    page = admin.open(addresses.matching("valkey", action="delete", q="user:*"))
    assert "45 keys match" in page.text
    done = admin.submit(admin.submit(page, "ask"), "confirm")
    assert "Deleted 45 keys" in done.text
    assert sorted(raw.keys()) == [
        b"p:1:user:%d7" % ten if ten else b"p:1:user:7" for ten in (1, 2, 3, 4, 0)
    ]


def test_a_run_in_other_words_or_another_language_goes_on_with_its_record(
    runner: JobRunner, raw: valkey.Valkey, settings: Any
) -> None:
    first = step(runner, JobState.new(None)).state
    reworded = replace(runner, log_message=lambda job: f"{job.task.done} are gone.")
    second = step(reworded, first)
    settings.LANGUAGE_CODE = "de"
    with translation.override("de"):
        third = step(runner, second.state)
    assert not second.was_continued_elsewhere
    assert not third.was_continued_elsewhere
    entry = LogEntry.objects.get()
    assert entry.pk == first.log_entry_id == third.state.log_entry_id
    assert third.job.task.done == 6000 - raw.dbsize()
    assert "Deleted" in displayed_message(entry)


def test_other_readers_of_the_history_can_read_an_unfinished_run(
    runner: JobRunner, raw: valkey.Valkey
) -> None:
    run = step(runner, JobState.new(None)).state
    entry = LogEntry.objects.get()
    done = f"Deleted {run.job.task.done:,} keys. Not all keys have been examined yet."
    assert entry.get_change_message() == f'Changed Delete all keys that match "user:*". {done}'
    assert displayed_message(entry) == f'Delete all keys that match "user:*". {done}'
    while not run.job.complete:
        run = step(runner, run).state
    entry.refresh_from_db()
    assert entry.change_message == displayed_message(entry) == entry.get_change_message()


@pytest.mark.parametrize(
    "stored", ["", "[", "[]", "[1]", "[[]]", '["run"]', "{}", "null", '[{"run": [0, 0, 0, 0]}]']
)
def test_a_message_that_no_run_wrote_is_not_continued(
    runner: JobRunner, raw: valkey.Valkey, stored: str
) -> None:
    first = step(runner, JobState.new(None)).state
    LogEntry.objects.update(change_message=stored)
    assert step(runner, first).was_continued_elsewhere
    assert LogEntry.objects.count() == 2
