"""Searches for keys and pages of elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext as _

from django_cachex.cache.keys import Keyspace, keyspace
from django_cachex.conf import Limits
from django_cachex.exceptions import OpaqueKeysError
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.keys import Naming, encode_text
from django_cachex.inspectors.types import TTL_NONE, Description

LONGEST: Final = 500
"""Characters of a search: what it costs to compare a name grows with both their lengths."""

MOST_REPEATS: Final = 4
"""Places of a name at which a server may be comparing one text of a glob at the same time."""

GLOB_SPECIAL = re.compile(rb"([*?\[\]\\])")


def escape_glob(literal: bytes) -> bytes:
    """Return the glob that Valkey's `MATCH` reads as exactly these bytes."""
    return GLOB_SPECIAL.sub(rb"\\\1", literal)


def cheap_beginning(literal: bytes) -> bytes:
    """Return what of a text a server finds quickly in any name, in proportion to its length.

    A server tries a text at each place of a name. Where it begins with what it repeats, as `aaaab`
    does, each character of a name is compared for many places: for as many as a beginning of the
    text has beginnings that it ends with, one within the other. (They are found as Knuth, Morris
    and Pratt do.)
    """
    longest = [0] * (len(literal) + 1)
    repeats = [0, 1, *[0] * len(literal)]
    at = 0
    for end in range(1, len(literal)):
        while at and literal[at] != literal[end]:
            at = longest[at]
        at += literal[at] == literal[end]
        longest[end + 1], repeats[end + 1] = at, repeats[at] + 1
        if repeats[end + 1] > MOST_REPEATS:
            return literal[:end]
    return literal


class InvalidPattern(ValueError):
    """A search that is too long; `str()` is a sentence for the form."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Pattern:
    """A search: `*` stands for anything and is the only wildcard; case matters.

    Text without `*` means "contains"; no text at all means every key.
    """

    text: str = ""

    @property
    def matches_all(self) -> bool:
        return not self.text.strip("*")

    @property
    def is_exact_candidate(self) -> bool:
        """Whether the text may be the whole name of a key, to be looked up at once."""
        return bool(self.text) and "*" not in self.text

    @property
    def problem(self) -> str:
        """A sentence saying why nothing can be searched for with it, or nothing."""
        if self.matches_all or len(self.text) <= LONGEST:
            return ""
        text = _("Not searched: the text has %(had)s characters, and at most %(most)s are allowed.")
        return text % {"most": LONGEST, "had": len(self.text)}

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The texts between the wildcards; a key has them in this order, anchored at both ends.

        Raises `InvalidPattern`, as everything does that searches with one that has a `problem`.
        """
        if self.problem:
            raise InvalidPattern(self.problem)
        if self.matches_all:
            return ("", "")
        parts = re.split(r"\*+", self.text)
        return tuple(parts) if len(parts) > 1 else ("", self.text, "")

    @cached_property
    def _parts(self) -> tuple[bytes, ...]:
        return tuple(map(encode_text, self.literals))

    def glob(self, prefix: bytes = b"") -> bytes:
        """Return the `MATCH` of a `SCAN` for keys after `prefix`, which is taken literally.

        It matches at least what is meant, and only that where `glob_is_exact`.
        """
        parts, glob = map(cheap_beginning, self._parts), escape_glob(prefix)
        glob += b"*".join(escape_glob(part) for part in parts)
        last = self._parts[-1]
        return glob if cheap_beginning(last) == last else glob + b"*"

    @cached_property
    def glob_is_exact(self) -> bool:
        """Whether the glob alone tells what is meant."""
        return all(cheap_beginning(part) == part for part in self._parts)

    @property
    def looks_everywhere(self) -> bool:
        """Whether a name has to be looked at to its end, whatever it begins with."""
        return any(self.literals[1:])

    def matches(self, key: str | bytes) -> bool:
        """Return whether a key, without its prefix, is meant."""
        return self._in_text(key) if isinstance(key, str) else self._in_bytes(key)

    @cached_property
    def _in_text(self) -> Callable[[str], bool]:
        return having(self.literals)

    @cached_property
    def _in_bytes(self) -> Callable[[bytes], bool]:
        return having(self._parts)


def having(parts: tuple[Any, ...]) -> Callable[[Any], bool]:
    """Return what tells whether a text has others in their order, the first and last at its ends.

    Each is taken where it is found first: that is as good as any other place.
    """
    first, *inner, last = parts
    if not first and not last and len(inner) == 1:
        return lambda key: inner[0] in key
    least = len(first) + len(last)

    def has(key: Any) -> bool:
        if len(key) < least or not key.startswith(first) or not key.endswith(last):
            return False
        at, end = len(first), len(key) - len(last)
        for part in inner:
            at = key.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    return has


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
