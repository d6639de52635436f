"""Searches for keys, and pages of elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from os.path import commonprefix
from typing import Any, Final

from django.utils.translation import gettext as _

from django_cachex.commands.scan import escape_pattern
from django_cachex.conf import Limits
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.types import TTL_NONE, KeyInfo

MAX_PATTERN_LENGTH: Final = 500
"""Maximum length of a pattern in characters. Matching costs pattern length times name length."""

MAX_REPEATS: Final = 4
"""Maximum number of positions at which a server compares one literal of a glob at the same time."""


def cheap_prefix(literal: bytes) -> bytes:
    """Return the longest prefix of a literal that a server can find in linear time.

    A server compares a literal at each position of a name. If the literal repeats its own prefix,
    as `aaaab` does, each character of the name is compared many times: once for each border (a
    prefix that is also a suffix) of the part that matches. The borders are computed as in the
    algorithm of Knuth, Morris and Pratt.
    """
    longest = [0] * (len(literal) + 1)
    repeats = [0, 1, *[0] * len(literal)]
    at = 0
    for end in range(1, len(literal)):
        while at and literal[at] != literal[end]:
            at = longest[at]
        at += literal[at] == literal[end]
        longest[end + 1], repeats[end + 1] = at, repeats[at] + 1
        if repeats[end + 1] > MAX_REPEATS:
            return literal[:end]
    return literal


class InvalidPattern(ValueError):
    """A pattern is too long. `str()` returns a sentence for the form."""

    def __str__(self) -> str:
        return str(self.args[0])


def split_pattern(text: str) -> tuple[str, ...]:
    """Return the literals between the wildcards of a pattern. A single one is a whole key."""
    return tuple(re.split(r"\*+", text))


@dataclass(frozen=True)
class PatternGroup:
    """Patterns of which a key matches at least one. Without `*`, a pattern is a whole key."""

    label: Text
    """What the keys are."""

    texts: tuple[str, ...]

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The literals that all keys of the group have in common; see `Pattern.literals`."""
        if self.is_single:
            return split_pattern(self.texts[0])
        starts = [split_pattern(text)[0] for text in self.texts]
        return (commonprefix(starts), "")  # noqa: RUF071  # They aren't paths.

    @property
    def is_single(self) -> bool:
        """Whether the literals alone tell which keys belong to the group."""
        return len(self.texts) == 1

    @cached_property
    def _text_matchers(self) -> list[Callable[[str], bool]]:
        return [make_matcher(split_pattern(text)) for text in self.texts]

    @cached_property
    def _bytes_matchers(self) -> list[Callable[[bytes], bool]]:
        return [make_matcher(encode_literals(split_pattern(text))) for text in self.texts]

    def matches(self, key: str | bytes) -> bool:
        """Return whether a key without its prefix matches one of the patterns."""
        if isinstance(key, str):
            return any(matches(key) for matches in self._text_matchers)
        return any(matches(key) for matches in self._bytes_matchers)


@dataclass(frozen=True)
class Pattern:
    """A pattern for keys.

    `*` matches any text and is the only wildcard; matching is case-sensitive.

    A pattern without `*` matches keys that contain it. An empty pattern matches all keys.
    """

    text: str = ""

    group: PatternGroup | None = None
    """A group that the keys must belong to as well."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was entered that keys could match."""
        return not self.text and self.group is None

    @property
    def matches_all(self) -> bool:
        return self._has_any_text and self.group is None

    @property
    def _has_any_text(self) -> bool:
        return not self.text.strip("*")

    @property
    def may_be_exact_key(self) -> bool:
        """Whether the pattern could be the exact name of a key, which can be looked up."""
        return bool(self.text) and "*" not in self.text

    @property
    def error(self) -> str:
        """A sentence that explains why the pattern can't be used, or an empty string."""
        if self._has_any_text or len(self.text) <= MAX_PATTERN_LENGTH:
            return ""
        text = _("Not searched: the text has %(had)s characters, and at most %(most)s are allowed.")
        return text % {"most": MAX_PATTERN_LENGTH, "had": len(self.text)}

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The literals between the wildcards, in order. The first and last are anchored.

        A single one is a whole key. With a text, those of the group are left out.

        Raises:
            InvalidPattern: the pattern has an `error`.
        """
        if self.error:
            raise InvalidPattern(self.error)
        if self._has_any_text:
            return self.group.literals if self.group is not None else ("", "")
        parts = split_pattern(self.text)
        return parts if len(parts) > 1 else ("", self.text, "")

    @cached_property
    def _parts(self) -> tuple[bytes, ...]:
        return encode_literals(self.literals)

    def glob(self) -> bytes:
        """Return a glob for `MATCH`.

        It matches all keys that match the pattern. It may match others unless `glob_is_exact`.
        """
        glob = b"*".join(escape_pattern(cheap_prefix(part)) for part in self._parts)
        last = self._parts[-1]
        return glob if cheap_prefix(last) == last else glob + b"*"

    @cached_property
    def glob_is_exact(self) -> bool:
        """Whether the glob matches only keys that match the pattern."""
        is_cheap = all(cheap_prefix(part) == part for part in self._parts)
        return is_cheap and not self._needs_group

    @property
    def _needs_group(self) -> bool:
        """Whether the literals don't say which keys belong to the group."""
        return self.group is not None and not (self._has_any_text and self.group.is_single)

    @property
    def scans_whole_name(self) -> bool:
        """Whether matching must examine the whole name, whatever its prefix."""
        return any(self.literals[1:])

    def matches(self, key: str | bytes) -> bool:
        """Return whether a key without its prefix matches the pattern."""
        matches = self._matches_text(key) if isinstance(key, str) else self._matches_bytes(key)
        return matches and (not self._needs_group or self.is_in_group(key))

    def is_in_group(self, key: str | bytes) -> bool:
        """Return whether a key without its prefix belongs to the group, if there is one."""
        return self.group is None or self.group.matches(key)

    @cached_property
    def _matches_text(self) -> Callable[[str], bool]:
        return make_matcher(self.literals)

    @cached_property
    def _matches_bytes(self) -> Callable[[bytes], bool]:
        return make_matcher(self._parts)


def encode_literals(literals: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(literal.encode("utf-8", "surrogatepass") for literal in literals)


def make_matcher(parts: tuple[Any, ...]) -> Callable[[Any], bool]:
    """Return a function that checks whether a text contains the literals in their order.

    The first and last literals must be at the start and end of the text; a single one is the whole
    text. Taking the first occurrence of each of the others is sufficient.
    """
    if len(parts) == 1:
        return lambda key: key == parts[0]
    first, *inner, last = parts
    if not first and not last and len(inner) == 1:
        return lambda key: inner[0] in key
    min_length = len(first) + len(last)

    def has(key: Any) -> bool:
        if len(key) < min_length or not key.startswith(first) or not key.endswith(last):
            return False
        at, end = len(first), len(key) - len(last)
        for part in inner:
            at = key.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True

    return has


MAX_ELEMENTS: Final = 500


class Order(StrEnum):
    """The end from which a list, sorted set or stream is read. Hashes and sets have no order."""

    FIRST = "first"
    """From the head of a list, the lowest score, or the oldest entry."""

    LAST = "last"
    """From the tail of a list, the highest score, or the newest entry."""


@dataclass(frozen=True, slots=True)
class ElementPage:
    """Which part of a key's value to read.

    Attributes that don't apply to the key's type are ignored.
    """

    at: str = ""
    """Where to start. Empty for the start of the value.

    Either `Elements.next` or `Elements.previous`, or the user's input: an index of a list (negative
    from the tail), a rank of a sorted set (from 0 in the requested order), or an entry ID of a
    stream, completely or only its milliseconds since the epoch.

    Inspectors raise `InvalidPosition` for other values.
    """

    order: Order = Order.FIRST

    match: str = ""
    """A pattern for fields of a hash or members of a set, with the syntax of `Pattern`."""

    lowest: float | None = None
    highest: float | None = None
    """The range of scores for members of a sorted set, inclusive."""

    count: int | None = None
    """The number of elements, or bytes of a string, to show. None for the default limits."""

    def max_bytes(self, allowed: Limits) -> int:
        """Return how much of a string to show: in bytes if raw, in characters if decoded."""
        return max(1, min(self.count or allowed.preview_bytes, allowed.decode_bytes))

    def max_elements(self, allowed: Limits) -> int:
        """Return the maximum number of elements of a collection to show."""
        return max(1, min(self.count or allowed.elements, MAX_ELEMENTS))

    def starting_at(self, at: str) -> ElementPage:
        """Return a copy of the page with another start."""
        return replace(self, at=at)


FIRST_PAGE: Final = ElementPage()
"""The start of a value, with the default limits."""


class InvalidPosition(ValueError):
    """A position is invalid for the type of the key. `str()` returns a sentence for the form."""

    def __str__(self) -> str:
        return str(self.args[0])


class Scope(StrEnum):
    """Which keys of a store to search."""

    VERSION = "version"
    """Keys with the alias's prefix and current version."""

    VERSIONS = "versions"
    """Keys with the alias's prefix, in all versions."""

    STORE = "store"
    """All keys of the store, including those of other applications."""


@dataclass(frozen=True, slots=True)
class Query:
    """A search for keys that match a pattern and pass all filters.

    Inspectors only get the filters in `Inspector.filters` and the scopes in `Inspector.scopes`.
    """

    pattern: Pattern = field(default_factory=Pattern)
    """Matches the key if the scope is one version, otherwise the stored key."""

    scope: Scope = Scope.VERSION

    type: str = ""
    """The type as returned by `TYPE`, or an empty string for all types."""

    expires_within: int | None = None
    """Maximum TTL in milliseconds, or `TTL_NONE` for keys that never expire."""

    expires_after: int | None = None
    """TTL in milliseconds that must be exceeded. Keys that never expire don't match."""

    larger_than: int | None = None
    """Minimum memory usage in bytes, or minimum size of the value if that is unknown."""

    idle_for: int | None = None
    """Minimum milliseconds since the last access."""

    value_contains: str = ""
    """Text that the value contains, in any case. `search_keys` reads the values, not `scan`."""

    exclude: Callable[[bytes], bool] | None = field(default=None, compare=False, repr=False)
    """Returns whether to hide a stored key from the user.

    Hidden keys are neither returned nor counted, because counts would reveal that they exist.
    """

    def is_excluded(self, stored: bytes) -> bool:
        """Return whether a stored key is hidden from the user."""
        return self.exclude is not None and self.exclude(stored)

    @property
    def filters(self) -> frozenset[str]:
        """The names of the filters that are set."""
        values = {
            "expires_within": self.expires_within,
            "expires_after": self.expires_after,
            "larger_than": self.larger_than,
            "idle_for": self.idle_for,
        }
        names = {name for name, value in values.items() if value is not None}
        texts = {"type": self.type, "value_contains": self.value_contains}
        return frozenset(names | {name for name, text in texts.items() if text})

    @property
    def has_filters(self) -> bool:
        """Whether some keys of the scope may not match."""
        return bool(self.filters) or not self.pattern.matches_all

    def required_columns(self, optional_columns: Collection[str] = ()) -> frozenset[str]:
        """Return the columns that `matches` needs. The type is known without them.

        Args:
            optional_columns: the `Inspector.optional_columns`.
        """
        size = "memory" if "memory" in optional_columns else "size"
        column = {
            "expires_within": "ttl",
            "expires_after": "ttl",
            "larger_than": size,
            "idle_for": "idle",
        }
        return frozenset(column[name] for name in self.filters & column.keys())

    def matches(self, info: KeyInfo) -> bool | None:
        """Return whether a key passes the filters other than the type, or None if it is unknown."""
        size = info.memory
        if size is None and info.unit == Unit.BYTES:
            size = info.size
        answers = (
            self._passes_ttl(info.ttl),
            _exceeds(info.ttl, self.expires_after),
            _exceeds(size, self.larger_than),
            _exceeds(info.idle, self.idle_for),
        )
        if False in answers:
            return False
        return None if None in answers else True

    def _passes_ttl(self, ttl: int | None) -> bool | None:
        if self.expires_within is None:
            return True
        if ttl is None:
            return None
        if self.expires_within == TTL_NONE:
            return ttl == TTL_NONE
        return 0 <= ttl <= self.expires_within


def _exceeds(value: int | None, minimum: int | None) -> bool | None:
    if minimum is None:
        return True
    return None if value is None else value > minimum
