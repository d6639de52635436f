"""What a person types into the search box, as each kind of store wants to hear it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from django_cachex.inspectors.naming import encode_text

GLOB_SPECIAL = re.compile(rb"([*?\[\]\\])")


def escape_glob(literal: bytes) -> bytes:
    """Return the glob that Valkey's `MATCH` reads as exactly these bytes."""
    return GLOB_SPECIAL.sub(rb"\\\1", literal)


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

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """The texts between the wildcards; a key has them in this order, anchored at both ends."""
        if self.matches_all:
            return ("", "")
        parts = re.split(r"\*+", self.text)
        return tuple(parts) if len(parts) > 1 else ("", self.text, "")

    def glob(self, prefix: bytes = b"") -> bytes:
        """Return the `MATCH` of a `SCAN` for keys after `prefix`, which is taken literally."""
        parts = map(encode_text, self.literals)
        return escape_glob(prefix) + b"*".join(escape_glob(part) for part in parts)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        # Atomic groups: the first place that fits is as good as any, and nothing is tried twice.
        first, *inner, last = map(re.escape, self.literals)
        between = "".join(f"(?>.*?{part})" for part in inner)
        return re.compile(f"{first}{between}.*{last}", re.DOTALL)

    def matches(self, key: str) -> bool:
        """Return whether a key, without its prefix, is meant."""
        return self._expression.fullmatch(key) is not None
