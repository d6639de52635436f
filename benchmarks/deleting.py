"""Deleting all matching keys through the admin, compared with a bare loop of the driver.

`python -m benchmarks.deleting` prints the table and writes no file.
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
from benchmarks.figure import RATIO, Figure, Measurement
from benchmarks.machine import describe_environment
from tests import servers

ALIAS, PATTERN = "deleting", "user:*"
KEYS = 100_000
OTHER_KEYS = 100_000
"""Number of keys that do not match the pattern."""

ROUNDS = 7
SCAN_COUNT, UNLINK_BATCH = 1000, 500
"""Keys per command in the bare loop: the same numbers as in the admin."""


def measure(server: servers.Server, keys: int = KEYS, rounds: int = ROUNDS) -> Figure:
    """Measure how long deleting takes, and how long another client's reads take meanwhile."""
    ours: list[float] = []
    bare: list[float] = []
    waits: dict[str, list[float]] = {"ours": [], "bare": []}
    params = {
        "BACKEND": "django_cachex.cache.ValkeyCache",
        "LOCATION": f"valkey://{server.address}/0",
    }
    with override_settings(CACHES={ALIAS: params}), valkey.Valkey(port=server.port) as client:
        user = DeletingUser()
        for _round in range(rounds):
            for name, seconds, delete in (
                ("bare", bare, lambda: delete_bare(client)),
                ("ours", ours, user.confirm),
            ):
                fill(client, keys)
                step = delete() if name == "ours" else delete
                with background_reads(server) as read:
                    started = time.perf_counter()
                    step()
                    seconds.append(time.perf_counter() - started)
                waits[name].append(percentile(read(), 0.99))
                if client.dbsize() != OTHER_KEYS + 1:
                    raise RuntimeError(f"{client.dbsize()} keys are left")
    return Figure(
        title=f"Deleting {keys:,} keys that match, among {keys + OTHER_KEYS:,}",
        description="All requests from the confirmation to the last step, each of which updates "
        "the LogEntry, compared with a bare loop of SCAN and pipelined UNLINK with the driver. "
        "Another process reads one key during the whole time.",
        goals={RATIO: 2},
        lines=[
            Measurement("all keys deleted", seconds=ours, reference=bare),
            Measurement(
                "GET of another client, p99", seconds=waits["ours"], reference=waits["bare"]
            ),
        ],
        time_headers=("through the pages", "bare loop"),
    )


def fill(client: valkey.Valkey, keys: int) -> None:
    client.flushdb()
    client.set("watched", "v")
    names = [f":1:user:{number}" for number in range(keys)]
    names += [f":1:cart:{number}" for number in range(OTHER_KEYS)]
    for start in range(0, len(names), 10_000):
        client.mset(dict.fromkeys(names[start : start + 10_000], "v" * 100))


def delete_bare(client: valkey.Valkey) -> None:
    cursor = 0
    while True:
        cursor, keys = client.scan(cursor, match=f":1:{PATTERN}", count=SCAN_COUNT)
        with client.pipeline(transaction=False) as pipeline:
            for start in range(0, len(keys), UNLINK_BATCH):
                pipeline.unlink(*keys[start : start + UNLINK_BATCH])
            pipeline.execute()
        if not cursor:
            return


class DeletingUser:
    """A superuser who presses *Continue* until the job is done."""

    def __init__(self) -> None:
        users: Any = get_user_model()
        self._client = Client()
        self._client.force_login(users._default_manager.create_superuser("deleter", "", "x"))
        query = {"cache": ALIAS, "action": "delete", "q": PATTERN}
        self._url = f"{reverse('admin:django_cachex_key_matching')}?{urlencode(query)}"

    def confirm(self) -> Callable[[], None]:
        """Open the confirmation page; return a function that runs the deletion."""
        page = self._client.get(self._url).content.decode()
        page = self._post("ask", page)
        return lambda: self._run(page)

    def _run(self, page: str) -> None:
        page = self._post("run", page)
        while 'value="run"' in page:
            page = self._post("run", page)

    def _post(self, step: str, page: str) -> str:
        [token] = re.findall(r'name="state" value="([^"]*)"', page)
        data = {"step": step, "state": unescape(token)}
        return self._client.post(self._url, data).content.decode()


@contextmanager
def background_reads(server: servers.Server) -> Iterator[Callable[[], list[float]]]:
    """Read one key in another process; yield a function that stops it and returns the durations."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=read_repeatedly, args=(server.port, there), daemon=True)
    process.start()
    here.recv()

    def stop() -> list[float]:
        here.send(None)
        durations: list[float] = here.recv()
        process.join()
        return durations

    yield stop


def read_repeatedly(port: int, parent: Connection) -> None:
    """Read one key until the parent sends a message; send back the duration of each read."""
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
        print(describe_environment(server), measure(server).markdown(), sep="\n\n")


if __name__ == "__main__":
    main()
