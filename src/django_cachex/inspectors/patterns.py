"""What a person types into the search box, as each kind of store wants to hear it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django.utils.translation import gettext as _

from django_cachex.inspectors.keys import encode_text

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
        text = _(
            "Nothing was searched for: %(had)s characters are too many, %(most)s may be typed."
        )
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
