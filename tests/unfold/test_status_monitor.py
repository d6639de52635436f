"""Caches are asked behind the pages: by one thread at a time, and hardly a page waits."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from django_cachex.inspectors import inspector_for
from django_cachex.unfold import badges
from django_cachex.unfold.badges import Down, Intervals, StatusMonitor, find_down
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import TABLE
from tests.servers import wait_until
from tests.unfold.startup import start

SOON = 5.0
"""Seconds, far less than `LONG`, that what does not wait may take on a busy machine."""

LONG = 30.0


class Looker:
    """Somebody to look: counts how often, finds what it is told, and may be held up."""

    def __init__(self, found: Down = ()) -> None:
        self.found = found
        self.looks = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self) -> Down:
        self.looks += 1
        found = self.found
        assert self.may_go_on.wait(LONG)
        return found

    @contextmanager
    def held_up(self) -> Iterator[None]:
        self.may_go_on.clear()
        try:
            yield
        finally:
            self.may_go_on.set()


@contextmanager
def interrupted_at(number: int) -> Iterator[None]:
    """Raise KeyboardInterrupt at the place `number` of the monitor where a handler runs."""
    count = 0

    def see(frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        if event in ("call", "c_return") and frame.f_code.co_filename == badges.__file__:
            count += 1
            if count == number:
                raise KeyboardInterrupt

    previous = sys.getprofile()
    sys.setprofile(see)
    try:
        yield
    finally:
        sys.setprofile(previous)


@pytest.fixture
def some() -> Down:
    return (inspector_for("default"),)


def test_the_first_page_gets_an_answer_that_comes_in_time(some: Down) -> None:
    assert StatusMonitor(Looker(some), Intervals(wait=LONG)).down() == some


def test_the_first_page_goes_on_without_one_that_does_not(some: Down) -> None:
    looker = Looker(some)
    monitor = StatusMonitor(looker, Intervals(wait=0.05))
    with looker.held_up():
        started = time.monotonic()
        assert monitor.down() == ()
        assert time.monotonic() - started < SOON
    wait_until(lambda: monitor.down() == some, "the answer")
    assert looker.looks == 1


def test_no_other_page_waits(some: Down) -> None:
    looker = Looker(some)
    monitor = StatusMonitor(looker, Intervals(wait=LONG))
    answers: list[Down] = []
    first = threading.Thread(target=lambda: answers.append(monitor.down()))
    with looker.held_up():
        first.start()
        wait_until(lambda: looker.looks, "the first page's question")
        started = time.monotonic()
        assert monitor.down() == ()
        assert time.monotonic() - started < SOON
    first.join()
    assert answers == [some]


def test_one_thread_at_a_time_looks() -> None:
    looker = Looker()
    monitor = StatusMonitor(looker, Intervals(refresh=0, wait=0))
    with looker.held_up():
        for _page in range(10):
            monitor.down()
        assert looker.looks == 1


def test_an_answer_serves_many_pages(some: Down) -> None:
    looker = Looker(some)
    monitor = StatusMonitor(looker, Intervals(refresh=LONG, wait=LONG))
    assert [monitor.down() for _page in range(10)] == [some] * 10
    assert looker.looks == 1


def test_an_answer_past_its_time_is_shown_while_the_next_is_awaited(some: Down) -> None:
    looker = Looker()
    monitor = StatusMonitor(looker, Intervals(refresh=0, wait=LONG))
    assert monitor.down() == ()
    looker.found = some
    with looker.held_up():
        started = time.monotonic()
        wait_until(lambda: monitor.down() == () and looker.looks == 2, "the second look")
        assert time.monotonic() - started < SOON
    wait_until(lambda: monitor.down() == some, "the next answer")


def test_an_answer_that_is_too_old_is_not_shown(some: Down) -> None:
    assert StatusMonitor(Looker(some), Intervals(expiry=0, wait=LONG)).down() == ()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_look_that_fails_shows_nothing_and_is_not_repeated_at_once() -> None:
    looks = []

    def stumble() -> Down:
        looks.append(1)
        raise RuntimeError("stumbled")

    monitor = StatusMonitor(stumble, Intervals(refresh=LONG, wait=LONG))
    assert [monitor.down() for _page in range(10)] == [()] * 10
    assert len(looks) == 1


def test_a_cache_is_down_where_the_list_says_so(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    table = admin.open(addresses.caches()).table("State")
    states = zip(table.column("Cache Name"), table.column("State"), strict=True)
    down = [name.split()[0] for name, state in states if state.startswith("down")]
    assert down == ["broken", "refusing"]
    assert [inspector.alias for inspector in find_down()] == down


CONNECTIONS = """
import time
from django.core.management import call_command
from django.db import connections
from django.db.backends.signals import connection_created
from django_cachex.unfold.badges import get_status_monitor

made = []
connection_created.connect(lambda connection, **kwargs: made.append(connection), weak=False)
call_command("createcachetable", verbosity=0)
mine = connections["default"]
assert made == [mine]
assert get_status_monitor().down() == ()
deadline = time.monotonic() + 15
while len(made) < 2 or made[1].connection is not None:
    assert time.monotonic() < deadline
    time.sleep(0.02)
assert mine.connection is not None
print(json.dumps("closed"))
"""


def test_the_thread_closes_its_database_connection_and_no_other(tmp_path: Path) -> None:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3")}
    table = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": TABLE}
    done = start(CONNECTIONS, DATABASES={"default": database}, CACHES={"default": table})
    assert done == "closed"


def test_whoever_is_interrupted_leaves_the_monitor_to_others(some: Down) -> None:
    """Wherever it was: other threads look, and wait for nobody."""
    for number in range(1, 15):
        looker = Looker(some)
        monitor = StatusMonitor(looker, Intervals(refresh=-1, expiry=LONG, wait=0))
        with suppress(KeyboardInterrupt), interrupted_at(number):
            monitor.down()
        begun = monitor._thread
        if begun is not None and begun.ident is not None:
            begun.join(SOON)
        before = looker.looks
        threading.Thread(target=monitor.down, daemon=True).start()
        wait_until(lambda looker=looker, before=before: looker.looks > before, f"{number}", SOON)


def test_a_clock_that_was_frozen_does_not_end_the_monitor(
    some: Down, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker = Looker(some)
    monitor = StatusMonitor(looker, Intervals(wait=LONG))
    with monkeypatch.context() as frozen:
        frozen.setattr(time, "monotonic", lambda: 1_800_000_000.0)
        monitor.down()
    wait_until(lambda: looker.looks == 1, "the look")
    assert monitor.down() == some
    assert looker.looks == 2
