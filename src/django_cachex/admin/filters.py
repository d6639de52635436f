"""The filters of a search, as a person chooses them: each a list of values, in a URL as numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import humane
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.types import TTL_NONE

NEVER_EXPIRES: Final = "never"

NUMBER: Final = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)

MINUTE, HOUR, DAY = 60, 3600, 86400
KB, MB = 1000, 1_000_000


def _within(value: str) -> str:
    if value == NEVER_EXPIRES:
        return _("never")
    return _("within %(duration)s") % {"duration": _duration(value)}


def _duration(value: str) -> str:
    return humane.duration(int(value) * 1000)


def _size(value: str) -> str:
    return humane.size(int(value))


@dataclass(frozen=True)
class Filter:
    """One filter of a `Query`."""

    field: str
    """Its name in a `Query`."""

    label: Text
    values: Sequence[str]
    """Those that are offered; any other whole number is understood as well."""

    text: Callable[[str], str]
    """Return a value for people."""

    factor: int = 1
    """What the number in a URL is multiplied by for a `Query`."""

    def read(self, given: str) -> int | None:
        """Return the value for a `Query`, or None for what makes no sense."""
        if given == NEVER_EXPIRES and NEVER_EXPIRES in self.values:
            return TTL_NONE
        return int(given) * self.factor if NUMBER.fullmatch(given) else None


FILTERS: Final[Mapping[str, Filter]] = {
    "expires": Filter(
        "expires_within",
        gettext_lazy("Expires"),
        (NEVER_EXPIRES, *map(str, (MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY))),
        _within,
        factor=1000,
    ),
    "larger": Filter(
        "larger_than",
        gettext_lazy("Larger than"),
        tuple(map(str, (KB, 10 * KB, 100 * KB, MB, 10 * MB))),
        _size,
    ),
    "idle": Filter(
        "idle_for",
        gettext_lazy("Not used for"),
        tuple(map(str, (HOUR, DAY, 7 * DAY, 30 * DAY))),
        _duration,
        factor=1000,
    ),
}
"""By the names of their parameters."""
