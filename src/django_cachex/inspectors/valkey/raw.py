"""Keys in the server's own form: the bytes of a string piece by piece, any key as a dump."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django_cachex.cache.client import Client
from django_cachex.commands import Operation
from django_cachex.inspectors.entries import Changed, TooLarge
from django_cachex.inspectors.valkey.changes import elsewhere
from django_cachex.inspectors.valkey.reading.page import ask

PIECE: Final = 1024 * 1024
"""Bytes that are fetched at once."""


def chunks(client: Client, key: bytes) -> Iterator[bytes]:
    """Yield a string's bytes; `Changed` where its length is no longer what it was."""
    size, at = None, 0
    while size is None or at < size:
        piece, length = client.run(piece_at(key, at))
        size = length if size is None else size
        if length != size or len(piece) != min(PIECE, size - at):
            raise Changed
        at += len(piece)
        if piece:
            yield piece


def piece_at(key: bytes, at: int) -> Operation[tuple[bytes, int]]:
    piece, length = yield [
        ask("GETRANGE", key, at, at + PIECE - 1),
        ask("STRLEN", key),
    ]
    return piece, length


def dump(client: Client, key: bytes) -> bytes | None:
    """Return a key as `RESTORE` takes it, or None; `TooLarge` beyond what may be copied."""
    found = client.run(elsewhere.dump(key))
    if isinstance(found, elsewhere.Dumped):
        return found.payload
    if found.is_refused:
        raise TooLarge(str(found.reason))
    return None
