"""What is asked of an inspector: a search for keys, a page of elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

from django.core.cache.backends.base import BaseCache

from django_cachex.cache.keyspace import Keyspace, keyspace
from django_cachex.commands.exceptions import OpaqueKeysError
from django_cachex.conf import Limits
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.keys import Naming, encode_text
from django_cachex.inspectors.patterns import Pattern, escape_glob
from django_cachex.inspectors.types import TTL_NONE, Description

MOST_ELEMENTS: Final = 500


class Order(StrEnum):
    """From which end a list, a sorted set or a stream is read; hashes and sets have no order."""

    FIRST = "first"
    """From a list's head, the lowest score, the oldest entry."""

    LAST = "last"
    """From a list's tail, the highest score, the newest entry."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of what a key holds. What a type has no use for is left alone."""

    at: str = ""
    """Where to begin; empty for the beginning.

    What an answer gave as `next` or `previous`, or what a person typed: an index of a list,
    negative from the tail; a rank of a sorted set, from 0 in the order asked for; an id of a
    stream, whole or only its milliseconds since the epoch. `InvalidWindow` for what is none.
    """

    order: Order = Order.FIRST

    match: str = ""
    """Only fields of a hash, members of a set or a sorted set that match, as keys do: `*` stands
    for anything, text without it for itself anywhere."""

    lowest: float | None = None
    highest: float | None = None
    """Only members of a sorted set with scores from `lowest` to `highest`, both included."""

    count: int | None = None
    """How many elements, or bytes of a string, to show; None for what the limits say."""

    def bytes_shown(self, allowed: Limits) -> int:
        """Return how much of a string to show at most: bytes as stored, characters decoded."""
        return max(1, min(self.count or allowed.preview_bytes, allowed.decode_bytes))

    def elements_shown(self, allowed: Limits) -> int:
        """Return how many elements of a collection to show."""
        return max(1, min(self.count or allowed.elements, MOST_ELEMENTS))

    def moved(self, at: str) -> Window:
        """Return this window from another place on."""
        return replace(self, at=at)


BEGINNING: Final = Window()
"""What is read where nobody asks for anything else."""


class InvalidWindow(ValueError):
    """A place that no key of the type has; `str()` is a sentence for the form."""

    def __str__(self) -> str:
        return str(self.args[0])


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
        if self.expires_within == TTL_NONE:
            return ttl == TTL_NONE
        return 0 <= ttl <= self.expires_within


def _exceeds(figure: int | None, least: int | None) -> bool | None:
    if least is None:
        return True
    return None if figure is None else figure > least


def versions_of(cache: BaseCache) -> Keyspace | None:
    """Return a cache's keys in every version, or None where nobody can tell them."""

    def made(key: str, version: int) -> bytes:
        return encode_text(str(cache.make_key(key, version=version)))

    try:
        return keyspace(made, cache.version)
    except OpaqueKeysError:
        return None


def all_scopes(naming: Naming, cache: BaseCache) -> tuple[Scope, ...]:
    """Return the scopes of a store that holds keys by their names."""
    if naming.prefix is None:
        return (Scope.STORE,)
    if versions_of(cache) is None:
        return (Scope.VERSION, Scope.STORE)
    return tuple(Scope)


@dataclass(frozen=True)
class Reach:
    """The stored keys of one scope: those that `shape` matches at their beginning.

    A pattern is compared with the key that follows, in the scope of the whole store with the
    stored key.
    """

    shape: re.Pattern[bytes]
    before: bytes = b""
    """What all of them begin with."""

    glob: bytes = b""
    """What `MATCH` takes for that which `shape` matches."""

    @classmethod
    def of(cls, scope: Scope, naming: Naming, cache: BaseCache) -> Reach:
        """Return the reach of a scope; ValueError where nobody can tell which keys those are."""
        if scope is Scope.STORE:
            return cls(re.compile(b""))
        if scope is Scope.VERSION and naming.prefix is not None:
            prefix = naming.prefix
            return cls(re.compile(re.escape(prefix)), prefix, escape_glob(prefix))
        space = versions_of(cache)
        if space is None or naming.prefix is None:
            raise ValueError(scope)
        before, after = re.escape(space.before), re.escape(space.after)
        shape = rb"%s(?:-?[0-9]+|%s)%s" % (before, re.escape(space.version), after)
        glob = escape_glob(space.before) + b"*" + escape_glob(space.after)
        return cls(re.compile(shape), space.before, glob)

    def holds(self, stored: bytes) -> bool:
        """Return whether a stored key is within reach, whatever the pattern."""
        return self.shape.match(stored) is not None

    def key(self, stored: bytes) -> bytes | None:
        """Return the key in a stored key, or None if that is not within reach."""
        found = self.shape.match(stored)
        return stored[found.end() :] if found else None

    def match(self, pattern: Pattern) -> bytes:
        """Return the glob that matches at least the keys meant."""
        return self.glob + pattern.glob()

    def means(self, stored: bytes, pattern: Pattern) -> bool:
        """Return whether a stored key is within reach and matches."""
        key = self.key(stored)
        if key is None:
            return False
        return pattern.matches_all or pattern.matches(key)

    @cached_property
    def is_exact(self) -> bool:
        """Whether the glob alone tells the keys within reach."""
        return self.glob == escape_glob(self.before)
