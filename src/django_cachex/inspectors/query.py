"""Which keys a search is for, as a value."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum

from django_cachex.inspectors.entries import NEVER, Description
from django_cachex.inspectors.facts import Unit
from django_cachex.inspectors.patterns import Pattern


class Scope(StrEnum):
    """Whose keys a search is for."""

    VERSION = "version"
    """Those of the alias's prefix and current version."""

    VERSIONS = "versions"
    """Those of the alias's prefix in every version."""

    STORE = "store"
    """Everything in the store, other applications' keys included."""


@dataclass(frozen=True, slots=True)
class Query:
    """A pattern for names, and filters that a key must pass, all of them.

    An inspector is asked for no filter but those in its `filters`, for no scope but those in its
    `scopes`.
    """

    pattern: Pattern = field(default_factory=Pattern)
    """Of the key; of the stored key in any scope but that of one version."""

    scope: Scope = Scope.VERSION

    type: str = ""
    """As `TYPE` names it; empty for any."""

    expires_within: int | None = None
    """Milliseconds; `NEVER` for keys that never expire."""

    larger_than: int | None = None
    """Bytes: of the memory that a key takes, or of its value where the store tells no more."""

    idle_for: int | None = None
    """Milliseconds in which a key was not used."""

    exclude: Callable[[bytes], bool] | None = field(default=None, compare=False, repr=False)
    """Whether a stored key is not to be found by whoever asks.

    Nothing tells that there is such a key: it is neither returned nor counted.
    """

    def excludes(self, stored: bytes) -> bool:
        """Return whether a stored key is not to be found by whoever asks."""
        return self.exclude is not None and self.exclude(stored)

    @property
    def filters(self) -> frozenset[str]:
        """The names of the filters that are set."""
        given = {
            "expires_within": self.expires_within,
            "larger_than": self.larger_than,
            "idle_for": self.idle_for,
        }
        named = {name for name, value in given.items() if value is not None}
        return frozenset(named | {"type"} if self.type else named)

    @property
    def narrows(self) -> bool:
        """Whether keys within the scope may be left out of the result."""
        return bool(self.filters) or not self.pattern.matches_all

    def columns(self, figures: Collection[str] = ()) -> frozenset[str]:
        """Return what must be known of a key to tell whether it passes; a type is known before.

        `figures` are those of `Inspector.figures`.
        """
        size = "memory" if "memory" in figures else "size"
        column = {"expires_within": "ttl", "larger_than": size, "idle_for": "idle"}
        return frozenset(column[name] for name in self.filters - {"type"})

    def passes(self, one: Description) -> bool | None:
        """Return whether a key passes the filters, its type aside; None where nobody knows."""
        size = one.memory
        if size is None and one.unit == Unit.BYTES:
            size = one.size
        answers = (
            self._expires(one.ttl),
            _exceeds(size, self.larger_than),
            _exceeds(one.idle, self.idle_for),
        )
        if False in answers:
            return False
        return None if None in answers else True

    def _expires(self, ttl: int | None) -> bool | None:
        if self.expires_within is None:
            return True
        if ttl is None:
            return None
        if self.expires_within == NEVER:
            return ttl == NEVER
        return 0 <= ttl <= self.expires_within


def _exceeds(figure: int | None, least: int | None) -> bool | None:
    if least is None:
        return True
    return None if figure is None else figure > least
