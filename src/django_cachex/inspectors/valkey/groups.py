"""The consumer groups of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_cachex.cache.client import Client
from django_cachex.commands import Operation
from django_cachex.inspectors.entries import Consumer, Group
from django_cachex.inspectors.naming import printable
from django_cachex.inspectors.valkey.reading.page import ask


def groups(client: Client, key: bytes) -> Sequence[Group]:
    """Return the groups with their consumers, in two round trips."""
    return client.run(groups_of(key))


def groups_of(key: bytes) -> Operation[list[Group]]:
    [found] = yield [ask("XINFO", "GROUPS", key)]
    facts = [facts_in(flat) for flat in found]
    if not facts:
        return []
    consumers = yield [ask("XINFO", "CONSUMERS", key, one[b"name"]) for one in facts]
    return [group(one, some) for one, some in zip(facts, consumers, strict=True)]


def facts_in(flat: list[Any]) -> dict[bytes, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def group(facts: dict[bytes, Any], consumers: list[list[Any]]) -> Group:
    return Group(
        name=printable(facts[b"name"]),
        pending=facts[b"pending"],
        last_delivered=facts[b"last-delivered-id"].decode(),
        lag=facts.get(b"lag"),  # Not before Redis 7, nor where entries in the middle were deleted.
        consumers=[consumer(facts_in(flat)) for flat in consumers],
    )


def consumer(facts: dict[bytes, Any]) -> Consumer:
    return Consumer(printable(facts[b"name"]), facts[b"pending"], facts[b"idle"])
