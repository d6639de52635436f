"""A run that is killed is on record with what it did, and with nothing that it did not do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from textwrap import dedent
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
import valkey

from tests import servers
from tests.admin.page import Page

MANY, FEWER = 300_000, 50_000
ROOT = Path(__file__).parents[2]


@pytest.fixture
def mortal() -> Iterator[servers.Server]:
    """A Valkey of the test's own, which may be killed."""
    with servers.valkey() as server:
        yield server


@pytest.fixture
def raw(mortal: servers.Server) -> Iterator[valkey.Valkey]:
    with valkey.Valkey(port=mortal.port) as client:
        yield client


def fill(raw: valkey.Valkey, count: int) -> None:
    for start in range(0, count, 10_000):
        raw.mset({f":1:user:{number}": "v" for number in range(start, start + 10_000)})


@pytest.fixture
def project(tmp_path: Path, mortal: servers.Server) -> dict[str, str]:
    """The environment of a project with a database in a file and a user, `root`."""
    (tmp_path / "killed_settings.py").write_text(
        dedent(f"""
            from tests.settings import *

            DATABASES = {{
                "default": {{
                    "ENGINE": "django.db.backends.sqlite3",
                    "NAME": {str(tmp_path / "db.sqlite3")!r},
                }}
            }}
            CACHES = {{
                "default": {{
                    "BACKEND": "django_cachex.cache.ValkeyCache",
                    "LOCATION": "valkey://{mortal.address}/0",
                }}
            }}
            CACHEX_ADMIN = {{"SCAN_BUDGET": 0.1}}
        """)
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
        "DJANGO_SETTINGS_MODULE": "killed_settings",
        "DJANGO_SUPERUSER_PASSWORD": "root",
    }
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "createsuperuser", "--noinput", "--username", "root", "--email", "")
    return environment


def manage(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "django", *words],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


READ = """
from django.contrib.admin.models import LogEntry
for entry in LogEntry.objects.order_by("pk"):
    print("RECORD", entry.change_message)
"""


def records(environment: dict[str, str]) -> list[str]:
    lines = manage(environment, "shell", "-c", READ).splitlines()
    return [line.removeprefix("RECORD ") for line in lines if line.startswith("RECORD ")]


def deleted(record: str) -> int:
    found = re.search(r"Deleted ([0-9,]+) keys?", record)
    assert found is not None
    return int(found[1].replace(",", ""))


@pytest.mark.slow
def test_a_killed_run_is_on_record_and_the_next_does_the_rest(
    project: dict[str, str], raw: valkey.Valkey
) -> None:
    fill(raw, MANY)
    words = ["cachex", "delete", "default", "--pattern", "user:*", "--yes", "--user", "root"]
    process = subprocess.Popen(
        [sys.executable, "-m", "django", *words], env=project, stdout=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while raw.dbsize() > MANY * 0.8:
        assert time.monotonic() < deadline
        assert process.poll() is None
    process.kill()
    process.communicate()
    left = raw.dbsize()
    assert 0 < left < MANY * 0.8
    [record] = records(project)
    assert "Not all keys have been examined yet." in record
    assert 0 < deleted(record) <= MANY - left
    manage(project, *words)
    assert raw.dbsize() == 0
    _killed, rest = records(project)
    assert deleted(rest) == left
    assert "All keys were examined." in rest


# Through the pages.


@contextmanager
def worker(environment: dict[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the project on a port by a process of its own."""
    words = ["runserver", "--noreload", "--insecure", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "django", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        servers.wait_until(lambda: servers.answers("127.0.0.1", port), "the project", 60)
        yield process
    finally:
        process.kill()
        process.wait()


class Person:
    """A superuser at a served project, who has logged in."""

    def __init__(self, port: int) -> None:
        self._admin = f"http://127.0.0.1:{port}/admin/"
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self._opener.addheaders = [("Referer", self._admin)]
        form = self.open(f"{self._admin}login/").form_with("username")
        self.open(f"{self._admin}login/", **{**form.data(), "username": "root", "password": "root"})

    def open(self, url: str, **data: str | list[str]) -> Page:
        """Return the page at a URL, or what a POST of some data leads to."""
        body = urlencode(data, doseq=True).encode() if data else None
        with self._opener.open(url, body, timeout=60) as response:
            return Page(response.status, response.url, response.read().decode())

    def press(self, page: Page, step: str) -> Page:
        form = page.form_with("state")
        return self.open(page.url, **{**form.data(), "step": step})

    def begun(self) -> Page:
        """Return the page of a run that deletes all users, after its first step."""
        query = urlencode({"cache": "default", "action": "delete", "q": "user:*"})
        page = self.open(f"{self._admin}django_cachex/key/matching/?{query}")
        return self.press(self.press(page, "ask"), "run")

    def to_the_end(self, page: Page) -> Page:
        for _step in range(1000):
            if not page.has_action("run"):
                return page
            page = self.press(page, "run")
        raise AssertionError("It does not come to an end.")


@contextmanager
def pressed(person: Person, page: Page, raw: valkey.Valkey) -> Iterator[Future[Page]]:
    """Press *Continue*, and go on as soon as keys are being deleted; yield what is answered."""
    before = raw.dbsize()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(person.press, page, "run")
        while raw.dbsize() == before:
            assert not answer.done()
        yield answer


def left_by_the_dead(raw: valkey.Valkey) -> int:
    """Return how many keys there are once the server has read all that the dead have sent."""
    servers.wait_until(lambda: len(raw.client_list()) == 1, "the end of other connections")
    return int(raw.dbsize())


@pytest.mark.slow
def test_a_worker_that_is_killed_claims_no_more_than_it_did_and_another_does_the_rest(
    project: dict[str, str], raw: valkey.Valkey
) -> None:
    fill(raw, MANY)
    port = servers.free_port()
    with worker(project, port) as process:
        person = Person(port)
        page = person.begun()
        claimed = MANY - raw.dbsize()
        assert f"Deleted {claimed:,} keys" in page.text
        with pressed(person, page, raw) as answer:
            process.kill()
            process.wait()
        assert isinstance(answer.exception(), OSError), "It was to be killed before it answers."
    left = left_by_the_dead(raw)
    assert 0 < left < MANY - claimed
    said = records(project)
    assert claimed <= sum(map(deleted, said)) <= MANY - left
    assert all("Not all keys have been examined yet." in record for record in said)
    claimed = sum(map(deleted, said))
    with worker(project, port):
        page = person.to_the_end(page)
    assert raw.dbsize() == 0
    said = records(project)
    assert sum(map(deleted, said)) == claimed + left
    assert "All keys were examined." in said[-1]
    assert f"Deleted {deleted(said[-1]):,} keys" in page.text


@pytest.mark.slow
def test_a_run_is_carried_on_when_the_killed_server_is_there_again(
    project: dict[str, str], mortal: servers.Server, raw: valkey.Valkey
) -> None:
    fill(raw, MANY)
    port = servers.free_port()
    with worker(project, port):
        person = Person(port)
        page = person.begun()
        claimed = MANY - raw.dbsize()
        with pressed(person, page, raw) as answer:
            mortal.process.kill()
            mortal.process.wait()
        page = answer.result()
        assert page.status == 200
        assert page.has_action("run")
        assert "default" in page.text
        [record] = records(project)
        assert "Not all keys have been examined yet." in record
        assert claimed <= deleted(record) < MANY
        assert f"Deleted {deleted(record):,} keys" in page.text
        page = person.press(page, "run")  # Nobody is there yet.
        assert page.status == 200
        assert records(project) == [record]
        claimed = deleted(record)
        with servers.valkey(port=mortal.port), valkey.Valkey(port=mortal.port) as again:
            fill(again, FEWER)
            page = person.to_the_end(page)
            assert again.dbsize() == 0
            [record] = records(project)
    assert deleted(record) == claimed + FEWER
    assert "All keys were examined." in record
    assert f"Deleted {deleted(record):,} keys" in page.text
