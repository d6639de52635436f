"""Stored keys: how an alias creates them and how they are displayed."""

from __future__ import annotations

import re

from django.core.cache.backends.base import BaseCache

from django_cachex.commands.text import one_line

# Keys that a prefix is unlikely to end with, and that a KEY_FUNCTION which changes keys changes.
PROBE_KEYS = ("Probe é~1", "probe/*?[2]")

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


class KeyNaming:
    """How the current version of an alias turns keys into stored keys."""

    def __init__(self, cache: BaseCache) -> None:
        self._cache = cache
        self.prefix = self._detect_prefix()

    def _detect_prefix(self) -> bytes | None:
        """Return the prefix of all stored keys, or None if `KEY_FUNCTION` changes the key."""
        prefixes = set()
        for probe in PROBE_KEYS:
            stored = self.make_text(probe)
            if not stored.endswith(probe):
                return None
            prefixes.add(stored.removesuffix(probe))
        return encode_text(prefixes.pop()) if len(prefixes) == 1 else None

    def make_text(self, key: str) -> str:
        """Return the stored key as text, as returned by the backend's `make_key`."""
        return str(self._cache.make_key(key))

    def make_key(self, key: str) -> bytes:
        """Return the stored key for a key of the application."""
        return encode_text(self.make_text(key))

    def owns(self, stored: bytes) -> bool:
        """Return whether a stored key has the prefix and version of the alias."""
        return self.prefix is not None and stored.startswith(self.prefix)

    def display_key(self, stored: bytes) -> str:
        """Return the key for display, without the prefix if it has one."""
        return display_text(stored.removeprefix(self.prefix) if self.prefix else stored)
