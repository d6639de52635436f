"""Opening a key: large values compared with small ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from django.test import override_settings

from benchmarks import addresses
from benchmarks.bench import Bench, Sizes, valkey_alias
from benchmarks.counting import count_commands, count_round_trips
from benchmarks.figure import RATIO, Figure, Measurement
from benchmarks.filling import Command, send_commands
from tests.inspectors.valkey.proxy import Proxy, proxy

DATABASE = 3
ROUND_TRIPS = "round trips"
SCANS = "SCANs"
COMMANDS = "commands"
GOALS = {ROUND_TRIPS: 3, SCANS: 0, RATIO: 2.0}
FEW_ELEMENTS = 50


@dataclass(frozen=True)
class KeyToOpen:
    """A key, and the key that it is compared with."""

    label: str
    name: str
    reference: str
    window: Mapping[str, str] = field(default_factory=dict)
    """The query of the page that shows a part of the key; empty for its beginning."""


def measure(bench: Bench) -> Figure:
    send_commands(bench.valkey, DATABASE, store_commands(bench.sizes))
    with proxy(bench.valkey.port) as counting_proxy:
        caches = {
            "default": valkey_alias(bench.valkey.port, DATABASE),
            "counted": valkey_alias(counting_proxy.port, DATABASE),
        }
        with override_settings(CACHES=caches):
            lines = [measure_key(bench, key, counting_proxy) for key in keys_to_open(bench.sizes)]
    return Figure(
        "Opening a key",
        "Large values compared with small ones: a string of 100 bytes, collections of "
        f"{FEW_ELEMENTS} elements, half of what the page of a large one shows. "
        f"The server contains {bench.sizes.keys:,} other keys.",
        GOALS,
        lines,
        ("large", "small"),
    )


def keys_to_open(sizes: Sizes) -> list[KeyToOpen]:
    """Return the keys to measure."""
    elements, many = f"{sizes.elements:,}", f"{sizes.many_elements:,}"
    middle = {"at": str(sizes.many_elements // 2)}
    return [
        KeyToOpen("string of 100 bytes", "string:small", "string:small"),
        KeyToOpen(f"string of {sizes.string_bytes:,} bytes", "string:large", "string:small"),
        KeyToOpen("hash of 5 fields", "hash:5", "hash:small"),
        KeyToOpen(f"hash of {many} fields", "hash:large", "hash:small"),
        KeyToOpen(f"list of {many} items, head", "list:large", "list:small"),
        KeyToOpen(f"list of {many} items, middle", "list:large", "list:small", middle),
        KeyToOpen(f"list of {many} items, tail", "list:large", "list:small", {"order": "last"}),
        KeyToOpen(f"set of {elements} members", "set:large", "set:small"),
        KeyToOpen(f"sorted set of {elements} members", "zset:large", "zset:small"),
        KeyToOpen(
            *(f"sorted set of {elements} members, by score", "zset:large", "zset:small"),
            {"low": str(sizes.elements // 2), "order": "last"},
        ),
    ]


def store_commands(sizes: Sizes) -> Iterator[Command]:
    """Yield the commands that store the keys to measure."""
    yield ("SET", ":1:string:small", b"x" * 100)
    yield ("SET", ":1:string:large", b"x" * sizes.string_bytes)
    for size, many, some in (
        ("5", 5, 5),
        ("small", FEW_ELEMENTS, FEW_ELEMENTS),
        ("large", sizes.many_elements, sizes.elements),
    ):
        for numbers in ranges_of_thousand(many):
            yield (
                "HSET",
                f":1:hash:{size}",
                *(word for n in numbers for word in (f"field:{n}", n)),
            )
            yield ("RPUSH", f":1:list:{size}", *numbers)
        for numbers in ranges_of_thousand(some):
            yield ("SADD", f":1:set:{size}", *(f"member:{n}" for n in numbers))
            yield ("ZADD", f":1:zset:{size}", *(word for n in numbers for word in (n, f"m:{n}")))


def ranges_of_thousand(count: int) -> Iterator[range]:
    """Split the numbers below `count` into ranges of a thousand."""
    for start in range(0, count, 1000):
        yield range(start, min(start + 1000, count))


def measure_key(bench: Bench, key: KeyToOpen, counting_proxy: Proxy) -> Measurement:
    url = addresses.key_url("default", key.name, **key.window)
    seconds, reference = bench.compare_pages(url, addresses.key_url("default", key.reference))
    visit = partial(bench.visitor.open, url)
    with count_commands(bench.valkey) as sent:
        visit()
    visit_counted = partial(
        bench.visitor.open, addresses.key_url("counted", key.name, **key.window)
    )
    counts = {
        ROUND_TRIPS: count_round_trips(counting_proxy, visit_counted),
        COMMANDS: sum(sent.values()),
        SCANS: sent["SCAN"] + sent["KEYS"],
    }
    return Measurement(key.label, counts, seconds, reference, note=", ".join(sorted(sent)))
