"""Stored keys: how an alias creates them, which ones are its own, and how they are displayed."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

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

MAX_REVERSED_LENGTH: Final = 2000
"""Maximum length in bytes of a stored key that the project's function gets to reverse."""

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
    """The stored keys of a scope, and the part of them that patterns are matched against."""

    extract_name: Callable[[bytes], bytes | None]
    """Returns that part of a stored key, or None if the key is not in the range.

    If the scope is the whole store, this is the complete stored key. Otherwise, it is the key of
    the application.
    """

    prefix: bytes = b""
    """The common prefix of the stored keys."""

    glob_start: bytes | None = b""
    """The start of the pattern for `MATCH`, which a glob for the name completes.

    It matches what is before the name, and possibly more. None if the name isn't at the end.
    """

    @classmethod
    def of_prefix(cls, regex: bytes, prefix: bytes, glob_start: bytes) -> KeyRange:
        """Return the stored keys whose start matches a regular expression."""
        match = re.compile(regex).match

        def strip_prefix(stored: bytes) -> bytes | None:
            found = match(stored)
            return stored[found.end() :] if found else None

        return cls(strip_prefix, prefix, glob_start)

    @property
    def glob_is_exact(self) -> bool:
        """Whether `glob_start` matches only keys in the range."""
        return self.glob_start == escape_pattern(self.prefix)

    def glob(self, pattern: Pattern) -> bytes:
        """Return the pattern for `MATCH`. It matches all keys that `matches`, and possibly more."""
        return b"*" if self.glob_start is None else self.glob_start + pattern.glob()

    def matches(self, stored: bytes, pattern: Pattern) -> bool:
        """Return whether a stored key is in the range and matches a pattern."""
        name = self.extract_name(stored)
        return name is not None and (pattern.matches_all or pattern.matches(name))


class KeyNaming:
    """How an alias turns keys into stored keys.

    `prefix` is what all stored keys of the current version begin with, or None if `KEY_FUNCTION`
    changes the key.
    """

    def __init__(
        self, cache: BaseCache, reverse_function: Callable[[str], Any] | None = None
    ) -> None:
        """Initialize the naming.

        Args:
            cache: the cache object of the alias.
            reverse_function: a function of the project that turns a stored key back into the key
                of the application. It is needed only if `KEY_FUNCTION` changes the key.
        """
        self._cache = cache
        self._reverse_function = reverse_function
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
    def knows_own_keys(self) -> bool:
        """Whether the stored keys of the current version can be told from others."""
        return self.prefix is not None or self._reverse_function is not None

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that can be told apart in a store that knows the names of its keys."""
        if not self.knows_own_keys:
            return (Scope.STORE,)
        knows_versions = self.prefix is not None and self.keyspace is not None
        return tuple(Scope) if knows_versions else (Scope.VERSION, Scope.STORE)

    def key_range(self, scope: Scope) -> KeyRange:
        """Return the stored keys of a scope. Raises ValueError if they can't be determined."""
        if scope is Scope.STORE:
            return KeyRange(bytes)
        if scope is Scope.VERSION and self.knows_own_keys:
            glob = None if self.prefix is None else escape_pattern(self.prefix)
            return KeyRange(self.extract_key, self.prefix or b"", glob)
        if self.prefix is None or self.keyspace is None:
            raise ValueError(scope)
        glob = self.keyspace.pattern.removesuffix(b"*")
        return KeyRange.of_prefix(self.keyspace.regex, self.keyspace.before, glob)

    def extract_key(self, stored: bytes) -> bytes | None:
        """Return the application's key, or None for a stored key of others or other versions."""
        if self.prefix is None:
            return self.reverse_key(stored)
        return stored.removeprefix(self.prefix) if stored.startswith(self.prefix) else None

    def reverse_key(self, stored: bytes) -> bytes | None:
        """Return the key that the project's function says the alias made a stored key from.

        Returns None if there is no need for such a function, or if it is wrong.
        """
        if self.prefix is not None or self._reverse_function is None:
            return None
        if len(stored) > MAX_REVERSED_LENGTH:
            return None
        try:
            key = self._reverse_function(decode_text(stored))
            is_own = isinstance(key, str) and self.make_key(key) == stored
            return encode_text(key) if is_own else None
        except Exception:  # The project wrote it for the alias's own keys, and gets any other.
            return None

    def owns(self, stored: bytes) -> bool:
        """Return whether a stored key belongs to the alias in its version."""
        return self.extract_key(stored) is not None

    def display_key(self, stored: bytes) -> str:
        """Return the application's key for display, or the stored key if it belongs to others."""
        key = self.extract_key(stored)
        return display_text(stored if key is None else key)
