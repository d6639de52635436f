"""Stored keys: how an alias creates them, which ones are its own, and how they are displayed."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from django.core.cache.backends.base import BaseCache

from django_cachex.cache.keys import Keyspace, find_keyspace, find_prefix
from django_cachex.commands.scan import escape_pattern
from django_cachex.commands.text import one_line
from django_cachex.exceptions import KeyFunctionNotSupported
from django_cachex.inspectors.query import Pattern, Scope

PREFIX_PROBE_KEYS: Final = ("Probe é~1", "probe/*?[2]")
"""Keys to find the prefix with.

A prefix is unlikely to end like one of them, and a KEY_FUNCTION that alters keys alters at least
one."""

AMBIGUOUS_BACKSLASH = re.compile(r"\\(?=[\\nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[^ -~])")
"""A backslash that could be mistaken for an escape sequence of `one_line`."""


def encode_text(text: str) -> bytes:
    """Encode a key as UTF-8. Lone surrogates survive the round trip."""
    return text.encode("utf-8", "surrogatepass")


def decode_text(stored: bytes) -> str:
    """Decode the bytes of `encode_text`. Raises UnicodeDecodeError for other bytes."""
    return stored.decode("utf-8", "surrogatepass")


def try_decode_text(stored: bytes) -> str | None:
    """Return a key as text, or None if its bytes can't be decoded."""
    try:
        return decode_text(stored)
    except UnicodeDecodeError:
        return None


def display_text(stored: bytes) -> str:
    """Return a stored key as one line of text that is different for each key.

    Unprintable characters are escaped with backslashes. A backslash of the key is doubled if it
    could be mistaken for such an escape sequence.
    """
    return one_line(AMBIGUOUS_BACKSLASH.sub(r"\\\\", stored.decode("utf-8", "surrogateescape")))


@dataclass(frozen=True)
class KeyRange:
    """The stored keys of a scope: those whose start matches `regex`.

    Patterns are matched against the rest of the stored key. If the scope is the whole store, this
    is the complete stored key.
    """

    regex: re.Pattern[bytes]
    prefix: bytes = b""
    """The common prefix of the stored keys."""

    glob_start: bytes = b""
    """The start of the pattern for `MATCH`. It matches what `regex` matches, and possibly more."""

    @property
    def glob_is_exact(self) -> bool:
        """Whether `glob_start` matches only keys in the range."""
        return self.glob_start == escape_pattern(self.prefix)

    def contains(self, stored: bytes) -> bool:
        """Return whether a stored key is in the range, whatever the pattern."""
        return self.regex.match(stored) is not None

    def strip_prefix(self, stored: bytes) -> bytes | None:
        """Return the part of a stored key after the prefix, or None if it is not in the range."""
        match = self.regex.match(stored)
        return stored[match.end() :] if match else None

    def matches(self, stored: bytes, pattern: Pattern) -> bool:
        """Return whether a stored key is in the range and matches a pattern."""
        key = self.strip_prefix(stored)
        return key is not None and (pattern.matches_all or pattern.matches(key))


class KeyNaming:
    """How an alias turns keys into stored keys.

    `prefix` is what all stored keys of the current version begin with, or None if `KEY_FUNCTION`
    changes the key.
    """

    def __init__(self, cache: BaseCache) -> None:
        self._cache = cache
        self.prefix: bytes | None = None
        with suppress(KeyFunctionNotSupported):
            self.prefix = find_prefix(self.make_key, None, PREFIX_PROBE_KEYS)

    def make_key(self, key: str, version: int | None = None) -> bytes:
        """Return the stored key for a key of the application, of the alias's version by default."""
        return encode_text(str(self._cache.make_key(key, version=version)))

    @cached_property
    def keyspace(self) -> Keyspace | None:
        """The stored keys of all versions, or None if they can't be determined."""
        try:
            return find_keyspace(self.make_key, self._cache.version)
        except KeyFunctionNotSupported:
            return None

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that can be told apart in a store that knows the names of its keys."""
        if self.prefix is None:
            return (Scope.STORE,)
        return (Scope.VERSION, Scope.STORE) if self.keyspace is None else tuple(Scope)

    def key_range(self, scope: Scope) -> KeyRange:
        """Return the stored keys of a scope. Raises ValueError if they can't be determined."""
        if scope is Scope.STORE:
            return KeyRange(re.compile(b""))
        if self.prefix is not None and scope is Scope.VERSION:
            return KeyRange(
                re.compile(re.escape(self.prefix)), self.prefix, escape_pattern(self.prefix)
            )
        if self.prefix is None or self.keyspace is None:
            raise ValueError(scope)
        glob = self.keyspace.pattern.removesuffix(b"*")
        return KeyRange(re.compile(self.keyspace.regex), self.keyspace.before, glob)

    def owns(self, stored: bytes) -> bool:
        """Return whether a stored key has the prefix and version of the alias."""
        return self.prefix is not None and stored.startswith(self.prefix)

    def display_key(self, stored: bytes) -> str:
        """Return the key for display, without the prefix if it has one."""
        return display_text(stored.removeprefix(self.prefix) if self.prefix else stored)
