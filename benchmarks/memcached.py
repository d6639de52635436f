"""A page of keys of memcached, and what it costs another client of the server."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pymemcache
from django.test import override_settings

from benchmarks.addresses import LINKS
from benchmarks.bench import Bench
from benchmarks.figure import Figure, Measurement
from tests import servers

ITEMS = 200_000
BATCH_SIZE = 1000
SECONDS = 5.0
"""How long the other client is watched, at rest and while pages are opened."""

PAUSE = 1.0
"""Seconds between the pages, as a person opens them."""

PAGE, AT_REST, MEANWHILE, RATIO = "page (s)", "get at rest (ms)", "get meanwhile (ms)", "× at rest"
GOALS = {PAGE: 0.5, RATIO: 2}

OTHER_CLIENT = """
import select, socket, sys, time
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    seconds = []
    while True:
        started = time.perf_counter()
        connection.sendall(b"get :1:user:5\\r\\n")
        while not connection.recv(4096).endswith(b"END\\r\\n"):
            pass
        seconds.append(time.perf_counter() - started)
        time.sleep(0.001)
        if select.select([sys.stdin], [], [], 0)[0]:
            if not sys.stdin.readline():
                break
            seconds.sort()
            print(seconds[len(seconds) * 99 // 100], flush=True)
            seconds.clear()
"""
"""Prints the 99th percentile of the durations of `get` since the last line of its input."""


def measure(bench: Bench) -> Figure:
    return Figure(
        f"Key browser: {ITEMS:,} items in memcached",
        "The slowest first page, and the 99th percentile of the durations of another client's "
        f"`get`, at rest and while a page is opened every {PAUSE:g} s.",
        GOALS,
        list(measure_page(bench)),
    )


def measure_page(bench: Bench) -> Iterator[Measurement]:
    try:
        with servers.memcached("-m", "256") as server, other_client(server) as client:
            fill(server)
            caches = {
                "default": {
                    "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
                    "LOCATION": server.address,
                }
            }
            with override_settings(CACHES=caches):
                bench.visitor.open(LINKS.keys("default"))
                percentile(client)
                time.sleep(SECONDS)
                at_rest = percentile(client)
                slowest = max(open_pages(bench))
                meanwhile = percentile(client)
            counts = {PAGE: slowest, AT_REST: at_rest * 1000, MEANWHILE: meanwhile * 1000}
            yield Measurement("first page", {**counts, RATIO: meanwhile / at_rest})
    except FileNotFoundError as error:
        yield Measurement("first page", note=f"not measured: {error}")


def open_pages(bench: Bench) -> Iterator[float]:
    """Open the first page again and again. Yields how many seconds each takes."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        yield bench.visitor.time_page(LINKS.keys("default"))
        time.sleep(PAUSE)


def fill(server: servers.Server) -> None:
    with closing(pymemcache.Client((server.host, server.port))) as client:
        for start in range(0, ITEMS, BATCH_SIZE):
            client.set_many({f":1:user:{start + n}": "x" * 100 for n in range(BATCH_SIZE)})
        client.get("last")  # It answers after all of them were stored.


@contextmanager
def other_client(server: servers.Server) -> Iterator[subprocess.Popen[str]]:
    """Run a client in another process."""
    command = [sys.executable, "-c", OTHER_CLIENT, str(server.port)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield process


def percentile(client: subprocess.Popen[str]) -> float:
    """Return the 99th percentile since the last call, in seconds."""
    if client.stdin is None or client.stdout is None:
        raise RuntimeError("The client has no pipes.")
    print(file=client.stdin, flush=True)
    return float(client.stdout.readline())
