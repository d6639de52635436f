"""How callers are kept from making one value at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True)
class Protection:
    """How `get_or_set` keeps callers from making one value at the same time."""

    early: float | None = None
    """Seconds before the expiry from which one caller makes the value anew; None for a tenth of the
    timeout. Never more than half of it."""

    lease: float = 10.0
    """Seconds that the others rely on whoever makes the value: more than that usually takes."""

    def __post_init__(self) -> None:
        for name, value in (("early", self.early), ("lease", self.lease)):
            if value is None and name == "early":
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise ImproperlyConfigured(f"“{name}” of a protection is a number of seconds.")

    def window(self, expiry: int | None) -> float:
        """Return how early to begin, in milliseconds, with a value that lives for `expiry`."""
        if expiry is None:
            return 0.0
        early = expiry / 10 if self.early is None else self.early * 1000
        return min(early, expiry / 2)


Given = bool | Mapping[str, float] | Protection | None


def protection_of(given: Given) -> Protection | None:
    """Return what OPTIONS or a caller ask for; raise ImproperlyConfigured for nonsense."""
    if isinstance(given, Protection):
        return given
    if given is None or isinstance(given, bool):
        return Protection() if given else None
    if not isinstance(given, Mapping) or not given.keys() <= {"early", "lease"}:
        raise ImproperlyConfigured(
            'Protection from stampedes is True, False, or a dict such as {"early": 5, "lease": 30}.'
        )
    return Protection(**given)
