"""Deleting all keys that match through the pages, against a bare loop with the driver.

`python -m benchmarks.deleting` prints the table; nothing is written.
"""

from __future__ import annotations

import multiprocessing
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from multiprocessing.connection import Connection
from typing import Any

import valkey
from django.contrib.auth import get_user_model
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils.http import urlencode

from benchmarks import project
from benchmarks.figure import RATIO, Figure, Measured
from benchmarks.machine import described
from tests import servers

ALIAS, PATTERN = "deleting", "user:*"
KEYS = 100_000
OTHERS = 100_000
"""Keys that do not match, among which the others are."""

ROUNDS = 7
SCANNED, UNLINKED = 1000, 500
"""Keys of one command of the bare loop: as many as the admin's."""


def measure(server: servers.Server, keys: int = KEYS, rounds: int = ROUNDS) -> Figure:
    """Return how long it takes, and how long another client's reads take meanwhile."""
    ours: list[float] = []
    bare: list[float] = []
    waits: dict[str, list[float]] = {"ours": [], "bare": []}
    params = {
        "BACKEND": "django_cachex.cache.ValkeyCache",
        "LOCATION": f"valkey://{server.address}/0",
    }
    with override_settings(CACHES={ALIAS: params}), valkey.Valkey(port=server.port) as raw:
        person = Person()
        for _round in range(rounds):
            for name, seconds, delete in (
                ("bare", bare, lambda: delete_bare(raw)),
                ("ours", ours, person.confirmed),
            ):
                fill(raw, keys)
                step = delete() if name == "ours" else delete
                with reading(server) as read:
                    started = time.perf_counter()
                    step()
                    seconds.append(time.perf_counter() - started)
                waits[name].append(percentile(read(), 0.99))
                if raw.dbsize() != OTHERS + 1:
                    raise RuntimeError(f"{raw.dbsize()} keys are left")
    return Figure(
        title=f"Deleting {keys:,} keys that match, among {keys + OTHERS:,}",
        about="All requests from the confirmation to the last step, each of which updates the "
        "LogEntry, compared with a bare loop of SCAN and pipelined UNLINK with the driver. "
        "Another process reads one key during the whole time.",
        goals={RATIO: 2},
        lines=[
            Measured("all keys deleted", seconds=ours, reference=bare),
            Measured("GET of another client, p99", seconds=waits["ours"], reference=waits["bare"]),
        ],
        timed=("through the pages", "bare loop"),
    )


def fill(raw: valkey.Valkey, keys: int) -> None:
    raw.flushdb()
    raw.set("watched", "v")
    names = [f":1:user:{number}" for number in range(keys)]
    names += [f":1:cart:{number}" for number in range(OTHERS)]
    for start in range(0, len(names), 10_000):
        raw.mset(dict.fromkeys(names[start : start + 10_000], "v" * 100))


def delete_bare(raw: valkey.Valkey) -> None:
    cursor = 0
    while True:
        cursor, found = raw.scan(cursor, match=f":1:{PATTERN}", count=SCANNED)
        with raw.pipeline(transaction=False) as pipeline:
            for start in range(0, len(found), UNLINKED):
                pipeline.unlink(*found[start : start + UNLINKED])
            pipeline.execute()
        if not cursor:
            return


class Person:
    """A superuser who presses *Continue* until there is none."""

    def __init__(self) -> None:
        users: Any = get_user_model()
        self._client = Client()
        self._client.force_login(users._default_manager.create_superuser("deleter", "", "x"))
        query = {"cache": ALIAS, "act": "delete", "q": PATTERN}
        self._url = f"{reverse('admin:django_cachex_key_matching')}?{urlencode(query)}"

    def confirmed(self) -> Callable[[], None]:
        """Look at what matches and come to the question; return what the deed is done by."""
        page = self._client.get(self._url).content.decode()
        page = self._post("ask", page)
        return lambda: self._do(page)

    def _do(self, page: str) -> None:
        page = self._post("run", page)
        while 'value="run"' in page:
            page = self._post("run", page)

    def _post(self, step: str, page: str) -> str:
        [token] = re.findall(r'name="state" value="([^"]*)"', page)
        data = {"step": step, "state": unescape(token)}
        return self._client.post(self._url, data).content.decode()


@contextmanager
def reading(server: servers.Server) -> Iterator[Callable[[], list[float]]]:
    """Let another process read one key; yield what ends that and returns the seconds of each."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=read_on, args=(server.port, there), daemon=True)
    process.start()
    here.recv()

    def ended() -> list[float]:
        here.send(None)
        found: list[float] = here.recv()
        process.join()
        return found

    yield ended


def read_on(port: int, parent: Connection) -> None:
    """Read one key again and again until told to stop; send back how long each took."""
    seconds: list[float] = []
    with valkey.Valkey(port=port) as client:
        client.get("watched")
        parent.send(None)
        while not parent.poll():
            started = time.perf_counter()
            client.get("watched")
            seconds.append(time.perf_counter() - started)
    parent.recv()
    parent.send(seconds)


def percentile(seconds: list[float], share: float) -> float:
    return sorted(seconds)[int(share * (len(seconds) - 1))]


def main() -> None:
    project.set_up()
    with servers.valkey() as server:
        print(described(server), measure(server).markdown(), sep="\n\n")


if __name__ == "__main__":
    main()
