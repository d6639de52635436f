"""Information about a cache: status, sections of the info page, and previews of a flush."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise

Text = str | Promise


class Unit(StrEnum):
    """What a number counts, or how to display a text."""

    TEXT = "text"
    CODE = "code"
    NUMBER = "number"
    BYTES = "bytes"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    PERCENT = "percent"
    ITEMS = "items"
    FIELDS = "fields"
    MEMBERS = "members"
    ENTRIES = "entries"


@dataclass(frozen=True, slots=True)
class InfoField:
    """A labelled, exact value. Pages format it for display."""

    label: Text
    value: Any
    unit: Unit = Unit.TEXT
    maximum: int | None = None
    """The maximum of `value`, if there is one."""


@dataclass(frozen=True, slots=True)
class InfoSection:
    """A card of the cache info page: fields with an optional headline, or a small table."""

    title: Text
    fields: Sequence[InfoField] = ()
    headline: InfoField | None = None
    columns: tuple[Text, ...] = ()
    rows: Sequence[tuple[InfoField, ...]] = ()
    note: Text = ""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a cache that responded, with figures that the response contains anyway."""

    keys: int | None = None
    memory: int | None = None
    """Bytes."""

    latency: float | None = None
    """Seconds."""


@dataclass(frozen=True, slots=True)
class FlushPreview:
    """What a flush would delete."""

    command: str
    """The command or statement and where it runs, such as `FLUSHDB on valkey://10.0.0.5/1`."""

    scope: Text
    """A sentence that describes which entries are deleted and whose they are."""

    entries: int | None
    """The approximate number of entries, or None if it is unknown."""
