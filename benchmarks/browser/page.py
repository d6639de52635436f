"""The page about the key browser with ten million keys."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import deleting, filling, users
from benchmarks.bench import Bench, Sizes, Visitor
from benchmarks.browser import first_page, searching
from benchmarks.browser.populated_server import populated_server
from benchmarks.machine import describe_environment
from tests import servers
from tests.browser import chromium

MANY_KEYS = 1_000_000
MAX_KEYS = 10_000_000
FEW_KEYS = 1_000
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


def report(max_keys: int = MAX_KEYS) -> Iterator[str]:
    """Yield the sections of the page as they are measured."""
    yield INTRODUCTION
    sizes = [MANY_KEYS, max_keys] if max_keys > MANY_KEYS else [max_keys]
    results = []
    with servers.valkey() as few:
        yield describe_environment(few)
        bench = Bench(Visitor(), few, Sizes(rounds=ROUNDS * 3))
        filling.send_commands(few, 0, (("SET", f":1:user:{n}", "x" * 100) for n in range(FEW_KEYS)))
        for keys in sizes:
            with populated_server(keys) as server:
                if keys == sizes[-1]:
                    yield first_page.measure(bench, server, few, keys).markdown()
                with chromium.running() as browser:
                    results.append(searching.measure(browser, server, keys, ROUNDS))
        yield f"{ABOUT}\n\n{searching.results_table(results)}"
        with servers.valkey() as server:
            yield deleting.measure(server).markdown()
        filling.send_commands(few, 0, filling.key_commands(FEW_KEYS))
        yield users.measure(bench).markdown()
