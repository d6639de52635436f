"""What a cache tells about itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise

Text = str | Promise


class Unit(StrEnum):
    """What a number counts or how a text reads."""

    TEXT = "text"
    CODE = "code"
    NUMBER = "number"
    BYTES = "bytes"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    PERCENT = "percent"
    DATETIME = "moment"
    """An aware datetime."""
    ITEMS = "items"
    FIELDS = "fields"
    MEMBERS = "members"
    ENTRIES = "entries"


@dataclass(frozen=True, slots=True)
class InfoField:
    """One thing known about a cache, in its exact figure; pages write it for people."""

    label: Text
    value: Any
    unit: Unit = Unit.TEXT
    maximum: int | None = None
    """The maximum that `value` is a share of."""


@dataclass(frozen=True, slots=True)
class InfoSection:
    """A card of the cache info page: facts, a headline among them, or a small table."""

    title: Text
    fields: Sequence[InfoField] = ()
    headline: InfoField | None = None
    columns: tuple[Text, ...] = ()
    rows: Sequence[tuple[InfoField, ...]] = ()
    note: Text = ""


@dataclass(frozen=True, slots=True)
class Status:
    """That a cache answered, and what its answer said at no extra cost."""

    keys: int | None = None
    memory: int | None = None
    """Bytes."""

    latency: float | None = None
    """Seconds."""


@dataclass(frozen=True, slots=True)
class FlushPreview:
    """What a flush would do, before it does it."""

    command: str
    """The command or statement, where it runs: `FLUSHDB on valkey://10.0.0.5/1`."""

    scope: Text
    """A sentence: what is destroyed, and whose."""

    entries: int | None
    """About how many entries, or None where nobody knows."""
