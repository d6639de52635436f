"""Stored keys: what stands before a key, and how a key is displayed."""

from __future__ import annotations

import re

from django.core.cache.backends.base import BaseCache

from django_cachex.commands.text import one_line

# Two keys that no prefix ends with and that a key function which alters its key would alter.
PROBES = ("Probe é~1", "probe/*?[2]")

MISTAKABLE = re.compile(r"\\(?=[\\nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[^ -~])")
"""A backslash that stands where one of `one_line` could."""


def encode_text(text: str) -> bytes:
    """Return the bytes of a key held as text; lone surrogates survive the way back."""
    return text.encode("utf-8", "surrogatepass")


def decode_text(stored: bytes) -> str:
    """Return the text that `encode_text` was given; raise UnicodeDecodeError for other bytes."""
    return stored.decode("utf-8", "surrogatepass")


def text_of(stored: bytes) -> str | None:
    """Return a key as text, or None if no text has these bytes."""
    try:
        return decode_text(stored)
    except UnicodeDecodeError:
        return None


def printable(stored: bytes) -> str:
    """Return one line of text for a person, another for each stored key.

    What cannot be seen as what it is is written with backslashes; a backslash of the key that
    could be taken for one of those is written twice.
    """
    return one_line(MISTAKABLE.sub(r"\\\\", stored.decode("utf-8", "surrogateescape")))


class Naming:
    """The stored keys of one alias: everything its current version puts before a key."""

    def __init__(self, cache: BaseCache) -> None:
        self._cache = cache
        self.prefix = self._find_prefix()

    def _find_prefix(self) -> bytes | None:
        """Return what stands before every key, or None where `KEY_FUNCTION` hides the key."""
        found = set()
        for probe in PROBES:
            made = self.text(probe)
            if not made.endswith(probe):
                return None
            found.add(made.removesuffix(probe))
        return encode_text(found.pop()) if len(found) == 1 else None

    def text(self, key: str) -> str:
        """Return the stored key as the backend's `make_key` gives it."""
        return str(self._cache.make_key(key))

    def stored(self, key: str) -> bytes:
        """Return the stored key of what application code calls `key`."""
        return encode_text(self.text(key))

    def owns(self, stored: bytes) -> bool:
        """Return whether a stored key has this alias's prefix and version."""
        return self.prefix is not None and stored.startswith(self.prefix)

    def key(self, stored: bytes) -> str:
        """Return the key for a person to read: the prefix taken off, once, if it is there."""
        return printable(stored.removeprefix(self.prefix) if self.prefix else stored)
