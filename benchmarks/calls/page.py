"""The page on what calls cost."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.calls import awaitable, blocking, collections, goals, large
from benchmarks.calls.memory import keep_freed_memory
from benchmarks.calls.sizes import FULL, Sizes
from benchmarks.calls.turns import settled
from benchmarks.machine import measured_on, packages, valkey_version
from tests import servers

INTRODUCTION = """\
# What a call of a cache costs

Written by `make bench`. Our two backends, other backends of Django, both drivers called by hand,
and a bare socket with the parser of redis-py do the same things, on one server that is on the same
machine. They take turns in one run, so what disturbs one disturbs all.

How to read it: figures are times of one call, divided by the time that somebody else's took in the
same round, who is named with “= 1”: 0.50 is half of it, 2.00 twice as much. A figure is the median
of all rounds, with the lowest and the highest in brackets. CPU time is what the process spends on
the processors, the kernel's part included; wall time is what passes on the clock, and includes
waiting for the server.

The backends serialize values and make keys. What is raw, and the bare socket, get keys and pickled
values that are ready, and return bytes: what a dict costs backends more than a str is its pickling.
All of them wait 5 seconds for a socket at most. The bare socket reconnects for nobody, serves one
thread and checks nothing: it is what no cache can beat."""

WITH_A_STR = "With a str over TCP, on an event loop, and with a large value,"

PACKAGES = (
    *("django", "django-redis", "django-valkey"),
    *("valkey", "libvalkey", "redis", "hiredis"),
)


def report(sizes: Sizes = FULL) -> Iterator[str]:
    """Yield the sections of the page."""
    keep_freed_memory()
    yield INTRODUCTION
    with servers.valkey() as server, settled():
        yield measured_on(*packages(*PACKAGES), f"Valkey {valkey_version(server)}")
        calls = list(blocking.measure(server, sizes))
        on_loop = awaitable.measure(server, sizes)
        big = large.measure(server, sizes)
        many = collections.measure(server, sizes)
    yield goals.section(calls)
    yield missed([*goals.misses(calls), *on_loop.misses(), *(m for b in big for m in b.misses())])
    yield on_loop.section()
    yield large.section(big, sizes)
    yield many.section()
    yield every_call(calls)


def missed(said: list[str]) -> str:
    """Return what misses its goal, in words."""
    if not said:
        return f"{WITH_A_STR} nothing misses its goal."
    return f"{WITH_A_STR} these miss their goals:\n\n" + "\n".join(f"- {one}" for one in said)


def every_call(calls: list[blocking.Measured]) -> str:
    tables = "\n\n".join(section for one in calls for section in one.sections())
    return f"## Everybody's calls\n\n{tables}"
