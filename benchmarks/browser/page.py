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

How the key browser behaves with very many keys. This page was written by `make bench-browser`.

Measurements that are compared took turns in one run. Times are medians, with the lowest and the
highest. Figures that miss their goal are bold."""

ABOUT = """\
## Three matches among many keys

The time from pressing *Search* until all three keys are on screen, in Chromium, on a page that
continues by itself. It is compared, in turns, with a loop that only runs `SCAN` with the driver
over the same keys. The table also shows the time until the page says that all keys were examined.

The server reports how long commands held it (`latency-tracking`). This includes everything that
interrupts its processor for a moment. Therefore the same pages are also requested without a browser
to render them. Figures are bold if the longest time of all rounds is more than twice the loop's."""


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
