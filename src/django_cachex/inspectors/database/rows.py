"""Rows of a `DatabaseCache` in the terms of inspectors: keys, values, descriptions."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Final

from django_cachex.inspectors.entries import GONE, Description

PIECE: Final = 1024 * 1024
"""Characters of a value that are fetched at once: a whole number of groups of base64."""

KEYS_AT_ONCE: Final = 500
"""Keys that one statement names."""


def row_key(stored: bytes) -> str | None:
    """Return a stored key as text, or None, which finds no row: no database holds such a key."""
    try:
        text = stored.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text  # PostgreSQL refuses NUL in any text.


def row_keys(keys: Sequence[bytes]) -> Iterator[list[str]]:
    """Yield keys as text, without duplicates, as many at once as a statement may name."""
    texts = list(dict.fromkeys(text for text in map(row_key, keys) if text is not None))
    for start in range(0, len(texts), KEYS_AT_ONCE):
        yield texts[start : start + KEYS_AT_ONCE]


def length_in_base64(size: int) -> int:
    """Return how many characters as many bytes have in base64."""
    return (size + 2) // 3 * 4


def in_base64(raw: bytes) -> str:
    """Return a pickle as the backend stores it."""
    return base64.b64encode(raw).decode()


def from_base64(text: str) -> bytes:
    """Return the pickle in a row's value, or the value itself where there is none in it."""
    try:
        return base64.b64decode(text.encode())
    except binascii.Error:
        return text.encode()


def described(key: str, ttl: int, size: int | None) -> Description:
    """Return the description of a row; one that has expired is no key."""
    return Description(key.encode(), ttl=ttl, size=None if ttl == GONE else size)
