"""Stored keys: what stands before a key, and how a key is displayed."""

from __future__ import annotations

import re

from django.core.cache.backends.base import BaseCache

from django_cachex.commands.text import one_line

# Two keys that no prefix ends with and that a key function which alters its key would alter.
PROBE_KEYS = ("Probe é~1", "probe/*?[2]")

AMBIGUOUS_BACKSLASH = re.compile(r"\\(?=[\\nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[^ -~])")
"""A backslash that stands where one of `one_line` could."""


def encode_text(text: str) -> bytes:
    """Return the bytes of a key held as text; lone surrogates survive the way back."""
    return text.encode("utf-8", "surrogatepass")


def decode_text(stored: bytes) -> str:
    """Return the text that `encode_text` was given; raise UnicodeDecodeError for other bytes."""
    return stored.decode("utf-8", "surrogatepass")


def try_decode_text(stored: bytes) -> str | None:
    """Return a key as text, or None if no text has these bytes."""
    try:
        return decode_text(stored)
    except UnicodeDecodeError:
        return None


def display_text(stored: bytes) -> str:
    """Return one line of text for a person, another for each stored key.

    What cannot be seen as what it is is written with backslashes; a backslash of the key that
    could be taken for one of those is written twice.
    """
    return one_line(AMBIGUOUS_BACKSLASH.sub(r"\\\\", stored.decode("utf-8", "surrogateescape")))


class KeyNaming:
    """The stored keys of one alias: everything its current version puts before a key."""

    def __init__(self, cache: BaseCache) -> None:
        self._cache = cache
        self.prefix = self._detect_prefix()

    def _detect_prefix(self) -> bytes | None:
        """Return what stands before every key, or None where `KEY_FUNCTION` hides the key."""
        found = set()
        for probe in PROBE_KEYS:
            made = self.make_text(probe)
            if not made.endswith(probe):
                return None
            found.add(made.removesuffix(probe))
        return encode_text(found.pop()) if len(found) == 1 else None

    def make_text(self, key: str) -> str:
        """Return the stored key as the backend's `make_key` gives it."""
        return str(self._cache.make_key(key))

    def make_key(self, key: str) -> bytes:
        """Return the stored key of what application code calls `key`."""
        return encode_text(self.make_text(key))

    def owns(self, stored: bytes) -> bool:
        """Return whether a stored key has this alias's prefix and version."""
        return self.prefix is not None and stored.startswith(self.prefix)

    def display_key(self, stored: bytes) -> str:
        """Return the key for a person to read: the prefix taken off, once, if it is there."""
        return display_text(stored.removeprefix(self.prefix) if self.prefix else stored)
