"""The page on the key browser at ten million keys."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import deleting, filling, users
from benchmarks.bench import Bench, Sizes, Visitor
from benchmarks.browser import first_page, searching
from benchmarks.browser.crowd import crowd
from benchmarks.machine import described
from tests import servers
from tests.browser import chromium

MANY = 1_000_000
MOST = 10_000_000
FEW = 1_000
ROUNDS = 5

INTRODUCTION = """\
# The key browser at ten million keys

Written by `make bench-browser`. What is compared was measured in turns, in one run; times are
medians, with the lowest and the highest. What misses its goal is bold."""

ABOUT = """\
## Three matches among many keys

From the press on *Search* to all three keys on screen, in Chromium, on a page that goes on by
itself; beside it a loop of `SCAN` with the driver that does nothing else, over the same keys, in
turns. Beyond the three on screen it is also timed until the page says that all keys were examined.
How long commands held the server is what the server says (`latency-tracking`): whatever takes its
processor for a moment is in it, so the same pages are asked for once more with nobody to draw them.
Bold where the longest of all rounds is more than twice the loop's."""


def report(most: int = MOST) -> Iterator[str]:
    """Yield the sections of the page, as they are measured."""
    yield INTRODUCTION
    sizes = [MANY, most] if most > MANY else [most]
    found = []
    with servers.valkey() as few:
        yield described(few)
        bench = Bench(Visitor(), few, Sizes(rounds=ROUNDS * 3))
        filling.send(few, 0, (("SET", f":1:user:{n}", "x" * 100) for n in range(FEW)))
        for keys in sizes:
            with crowd(keys) as server:
                if keys == sizes[-1]:
                    yield first_page.measure(bench, server, few, keys).markdown()
                with chromium.running() as browser:
                    found.append(searching.measure(browser, server, keys, ROUNDS))
        yield f"{ABOUT}\n\n{searching.table(found)}"
        with servers.valkey() as server:
            yield deleting.measure(server).markdown()
        filling.send(few, 0, filling.keys(FEW))
        yield users.measure(bench).markdown()
