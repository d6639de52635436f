"""The page about the cost of cache calls."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.calls import awaitable, blocking, collections, goals, large
from benchmarks.calls.memory import keep_freed_memory
from benchmarks.calls.sizes import FULL_SIZES, Sizes
from benchmarks.calls.timing import frozen_garbage_collector
from benchmarks.machine import environment_sentence, package_versions, valkey_version
from tests import servers

INTRODUCTION = """\
# What a call of a cache costs

How long a call of a cache takes, compared with other backends and with the drivers themselves. This
page was written by `make bench`.

The contenders are the two backends of this package, other Django backends, both drivers used
directly, and a bare socket with the parser of redis-py. All of them do the same things with the
same server on the same machine. They take turns in one run, so disturbances affect all of them.

How to read the tables:

- Each figure is the time of a call, divided by the time of the contender that is marked with “= 1”
  in the same round. 0.50 is half of that time, and 2.00 is twice as much.
- A figure is the median of all rounds, with the lowest and the highest in parentheses.
- CPU time is the time that the process uses the processors, including the kernel. Wall time is the
  elapsed time, including waiting for the server.

The backends serialize values and make keys. The raw drivers and the bare socket get keys and
pickled values that are ready, and return bytes. So a dict takes the backends longer
than a str because of pickling. All contenders wait for a socket for at most 5 seconds. The bare
socket doesn't reconnect, serves a single thread and checks nothing, so no cache can be faster."""

GOALS_SCOPE = "With a str over TCP, on an event loop, and with a large value,"

PACKAGES = (
    *("django", "django-redis", "django-valkey"),
    *("valkey", "libvalkey", "redis", "hiredis"),
)


def report(sizes: Sizes = FULL_SIZES) -> Iterator[str]:
    """Yield the sections of the page."""
    keep_freed_memory()
    yield INTRODUCTION
    with servers.valkey() as server, frozen_garbage_collector():
        yield environment_sentence(*package_versions(*PACKAGES), f"Valkey {valkey_version(server)}")
        calls = list(blocking.measure(server, sizes))
        on_loop = awaitable.measure(server, sizes)
        large_values = large.measure(server, sizes)
        collection_calls = collections.measure(server, sizes)
    yield goals.section(calls)
    yield missed_goals(
        [
            *goals.misses(calls),
            *on_loop.misses(),
            *(miss for value in large_values for miss in value.misses()),
        ]
    )
    yield on_loop.section()
    yield large.section(large_values, sizes)
    yield collection_calls.section()
    yield all_contenders(calls)


def missed_goals(misses: list[str]) -> str:
    """Return a sentence or a list about the goals that were missed."""
    if not misses:
        return f"{GOALS_SCOPE} nothing misses its goal."
    lines = "\n".join(f"- {miss}" for miss in misses)
    return f"{GOALS_SCOPE} these figures miss their goals:\n\n{lines}"


def all_contenders(calls: list[blocking.ThreadResult]) -> str:
    tables = "\n\n".join(section for one in calls for section in one.sections())
    return f"## All contenders\n\n{tables}"
