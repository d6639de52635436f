"""The folder of a `FileBasedCache`: files named by hashes, in no order, that come and go."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from django_cachex.inspectors.naming import printable

HASH: Final = re.compile("[0-9a-f]{32}")

MOST_COUNTED: Final = 10_000
"""Files that are counted and measured where the numbers are only by the way."""


SEEN: Final = 8
"""Files that a page token names, those that were looked at last: some may go."""

BETWEEN: Final = "."


def read_seen(token: str) -> list[str]:
    """Return the hashes in a page token; raise ValueError for no token."""
    hashes = token.split(BETWEEN) if token else []
    if not all(map(HASH.fullmatch, hashes)):
        raise ValueError(token)
    return hashes


def write_seen(hashes: Iterable[str]) -> str:
    """Return the page token that names hashes."""
    return BETWEEN.join(hashes)


@dataclass(frozen=True)
class Folder:
    """Where the files are and what their names end with."""

    path: Path
    suffix: str

    def file(self, stored: bytes) -> Path:
        """Return where a key's file is; raise FileNotFoundError for what is no hash."""
        name = printable(stored)
        if not HASH.fullmatch(name):
            raise FileNotFoundError(name)
        return self.path / f"{name}{self.suffix}"

    def entries(self) -> Iterator[os.DirEntry[str]]:
        """Yield the cache's files, in no order; none where the folder has gone."""
        try:
            entries = os.scandir(self.path)
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                is_named = entry.name.endswith(self.suffix) and HASH.fullmatch(self.hash(entry))
                if is_named and entry.is_file():
                    yield entry

    def hash(self, entry: os.DirEntry[str]) -> str:
        return entry.name.removesuffix(self.suffix)

    def hashes_after(self, seen: Collection[str]) -> Iterator[str]:
        """Yield the hashes that follow those seen last, in the order of the folder.

        Folders keep the order of what stays in them. Where all of those have gone, it begins anew.
        """
        hashes = map(self.hash, self.entries())
        if seen and any(name in seen for name in hashes):
            yield from (name for name in hashes if name not in seen)
        else:
            yield from map(self.hash, self.entries())

    def count_some(self) -> int | None:
        """Return how many files there are, or None for very many."""
        found = sum(1 for _entry in islice(self.entries(), MOST_COUNTED + 1))
        return found if found <= MOST_COUNTED else None

    def count(self) -> int:
        """Return how many files there are."""
        return sum(1 for _entry in self.entries())

    def measure(self) -> list[int] | None:
        """Return the sizes of the files in bytes, or None for very many."""
        entries = list(islice(self.entries(), MOST_COUNTED + 1))
        return [size(entry) for entry in entries] if len(entries) <= MOST_COUNTED else None


def size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0
