"""What a store says about its own condition, for the health page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django_cachex.commands.server import SlowCommand


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many entries a store has and may have, before it removes some to make room."""

    entries: int
    """The number of entries; the number of those that were counted if there are very many."""

    maximum: int
    expired: int | None = None
    """How many of the counted entries have expired, or None if that is unknown."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What a store says about itself. Facts that are None are unknown or don't exist."""

    info: Mapping[str, str] | None = None
    """The fields of `INFO`."""

    latency: float | None = None
    """The shortest time in seconds between a request and its reply."""

    slow_log: Sequence[SlowCommand] | None = None
    """The newest entries of the log of slow commands."""

    capacity: Capacity | None = None
    ignores_case: bool | None = None
    """Whether keys that differ only in case are the same entry."""

    folder_mode: int | None = None
    """The permission bits of the folder that has the entries."""

    denied: Mapping[str, str] = field(default_factory=dict)
    """The commands that the server refused, by the names of the facts that are missing."""


@dataclass(frozen=True, slots=True)
class ReadableValues:
    """How many of some values the cache's serializer can read."""

    tried: int
    unreadable: Sequence[bytes] = ()
    """The stored keys of the values that it can't read."""
