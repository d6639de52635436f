"""The setting `CACHEX_ADMIN`: limits and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType

from django.conf import settings

PAGE_SIZES = (25, 50, 100, 250, 500)


@dataclass(frozen=True)
class Limits:
    """What one request may cost. `CACHEX_ADMIN` names the fields in capitals."""

    page_size: int = 100
    """Keys on a page of the key browser, when the person chose none of `PAGE_SIZES`."""

    scan_budget: float = 0.3
    """Seconds that one request may spend looking for keys."""

    live_budget: float = 1.0
    """Seconds that a request of a page's script may spend, which goes on with a search."""

    scan_count: int = 1000
    """The largest `COUNT` of a `SCAN`: more stalls the server without finishing sooner."""

    preview_bytes: int = 5000
    """How much of a string is shown at first, in bytes (characters, once decoded)."""

    elements: int = 100
    """Elements of a collection on a page."""

    element_chars: int = 1000
    """Characters of one element shown in a table."""

    decode_bytes: int = 1024 * 1024
    """Values larger than this are not fetched whole and not decoded, in bytes."""

    timeout: float = 2.0
    """Seconds that a page waits for the servers, all of them together."""

    namespace_separator: str = ":"
    """What stands between the parts of a key's name."""

    namespace_sample: int = 100_000
    """Keys that are examined before namespaces are estimated instead of counted on."""

    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Policy by alias: `"hidden"` or `"read-only"`."""


LIMIT_NAMES = frozenset(field.name.upper() for field in fields(Limits))


def limits() -> Limits:
    """Return the limits in force; names that `Limits` lacks are left to the system check."""
    given = getattr(settings, "CACHEX_ADMIN", {})
    return Limits(**{name.lower(): value for name, value in given.items() if name in LIMIT_NAMES})
