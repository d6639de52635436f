"""The `CACHEX_ADMIN` setting: the admin's limits and their defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

PAGE_SIZES = (25, 50, 100, 250, 500)


@dataclass(frozen=True)
class Limits:
    """Limits on what one request may cost.

    The keys of `CACHEX_ADMIN` are the field names in upper case.
    """

    page_size: int = 100
    """Keys per page of the key browser. Users can choose one of `PAGE_SIZES` instead."""

    scan_budget: float = 0.3
    """Seconds that one request may spend on searching for keys."""

    live_budget: float = 1.0
    """Seconds that one request may spend on continuing a search, if a script on the page sends it.
    """

    scan_count: int = 1000
    """The maximum `COUNT` of `SCAN`.

    Larger counts block the server for longer and don't finish sooner, except on servers that are
    far away, for which searches may exceed it.
    """

    preview_bytes: int = 5000
    """How much of a string to show at first, in bytes (in characters if the string is decoded)."""

    elements: int = 100
    """Elements of a collection per page."""

    element_chars: int = 1000
    """Maximum length of an element in a table, in characters."""

    decode_bytes: int = 1024 * 1024
    """Maximum size of a value in bytes. Larger values are neither fetched completely nor decoded.
    """

    search_bytes: int = 64_000
    """Maximum size of a value in bytes that a search in values reads."""

    timeout: float = 2.0
    """Seconds that a page waits for all servers together."""

    namespace_separator: str = ":"
    """The separator between the parts of a key's name."""

    namespace_sample: int = 100_000
    """Number of keys to examine before namespaces are estimated from a sample."""

    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Access policy by alias: `"hidden"` or `"read-only"`."""

    silenced_findings: Sequence[str] = ()
    """Findings of the health page to leave out: `"id"`, or `"alias:id"` for one cache."""


LIMIT_NAMES = frozenset(field.name.upper() for field in fields(Limits))


@cache
def limits() -> Limits:
    """Return the current limits. The system check reports unknown keys of `CACHEX_ADMIN`."""
    config = getattr(settings, "CACHEX_ADMIN", {})
    return Limits(**{name.lower(): value for name, value in config.items() if name in LIMIT_NAMES})


def _clear_limits(*, setting: str, **kwargs: Any) -> None:
    if setting == "CACHEX_ADMIN":
        limits.cache_clear()


setting_changed.connect(_clear_limits)
