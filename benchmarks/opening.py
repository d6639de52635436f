"""Opening a key: what it takes for large values beside small ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from django.test import override_settings

from benchmarks import addresses
from benchmarks.bench import Bench, Sizes, valkey_alias
from benchmarks.counting import commands, round_trips
from benchmarks.figure import RATIO, Figure, Measured
from benchmarks.filling import Command, send
from tests.inspectors.valkey.proxy import Proxy, proxy

DATABASE = 3
TRIPS = "round trips"
SCANS = "SCANs"
COMMANDS = "commands"
GOALS = {TRIPS: 3, SCANS: 0, RATIO: 2.0}
FEW = 50


@dataclass(frozen=True)
class Opened:
    """A key, and the one that it is compared with."""

    what: str
    name: str
    reference: str
    window: Mapping[str, str] = field(default_factory=dict)
    """Which part of it; the beginning, if nothing is said."""


def measure(bench: Bench) -> Figure:
    send(bench.valkey, DATABASE, stored(bench.sizes))
    with proxy(bench.valkey.port) as between:
        caches = {
            "default": valkey_alias(bench.valkey.port, DATABASE),
            "counted": valkey_alias(between.port, DATABASE),
        }
        with override_settings(CACHES=caches):
            lines = [line(bench, one, between) for one in opened(bench.sizes)]
    return Figure(
        "Opening a key",
        f"Large values compared with small ones: a string of 100 bytes, collections of {FEW} "
        "elements, half of what the page of a large one shows. "
        f"The server contains {bench.sizes.keys:,} other keys.",
        GOALS,
        lines,
        ("large", "small"),
    )


def opened(sizes: Sizes) -> list[Opened]:
    """Return what is opened."""
    elements, many = f"{sizes.elements:,}", f"{sizes.many_elements:,}"
    middle = {"at": str(sizes.many_elements // 2)}
    return [
        Opened("string of 100 bytes", "string:small", "string:small"),
        Opened(f"string of {sizes.string_bytes:,} bytes", "string:large", "string:small"),
        Opened("hash of 5 fields", "hash:5", "hash:small"),
        Opened(f"hash of {many} fields", "hash:large", "hash:small"),
        Opened(f"list of {many} items, head", "list:large", "list:small"),
        Opened(f"list of {many} items, middle", "list:large", "list:small", middle),
        Opened(f"list of {many} items, tail", "list:large", "list:small", {"order": "last"}),
        Opened(f"set of {elements} members", "set:large", "set:small"),
        Opened(f"sorted set of {elements} members", "zset:large", "zset:small"),
        Opened(
            *(f"sorted set of {elements} members, by score", "zset:large", "zset:small"),
            {"low": str(sizes.elements // 2), "order": "last"},
        ),
    ]


def stored(sizes: Sizes) -> Iterator[Command]:
    """Yield what stores the keys that are opened."""
    yield ("SET", ":1:string:small", b"x" * 100)
    yield ("SET", ":1:string:large", b"x" * sizes.string_bytes)
    for size, many, some in (
        ("5", 5, 5),
        ("small", FEW, FEW),
        ("large", sizes.many_elements, sizes.elements),
    ):
        for numbers in thousands(many):
            yield (
                "HSET",
                f":1:hash:{size}",
                *(word for n in numbers for word in (f"field:{n}", n)),
            )
            yield ("RPUSH", f":1:list:{size}", *numbers)
        for numbers in thousands(some):
            yield ("SADD", f":1:set:{size}", *(f"member:{n}" for n in numbers))
            yield ("ZADD", f":1:zset:{size}", *(word for n in numbers for word in (n, f"m:{n}")))


def thousands(count: int) -> Iterator[range]:
    """Yield the numbers below `count`, a thousand at once."""
    for start in range(0, count, 1000):
        yield range(start, min(start + 1000, count))


def line(bench: Bench, one: Opened, between: Proxy) -> Measured:
    url = addresses.key("default", one.name, **one.window)
    seconds, reference = bench.pages_side_by_side(url, addresses.key("default", one.reference))
    visit = partial(bench.visitor.open, url)
    with commands(bench.valkey) as sent:
        visit()
    through = partial(bench.visitor.open, addresses.key("counted", one.name, **one.window))
    counts = {
        TRIPS: round_trips(between, through),
        COMMANDS: sum(sent.values()),
        SCANS: sent["SCAN"] + sent["KEYS"],
    }
    return Measured(one.what, counts, seconds, reference, note=", ".join(sorted(sent)))
