"""The folder of a `FileBasedCache`: files named by hashes, in no order, that come and go."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from pathlib import Path
from typing import Final

from django_cachex.inspectors.naming import printable

HASH: Final = re.compile("[0-9a-f]{32}")

NAMES_AT_ONCE: Final = 10_000
"""Names that a search keeps in memory."""

MOST_COUNTED: Final = 10_000
"""Files that are counted and measured where the numbers are only by the way."""


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

    def hashes_after(self, after: str, most: int) -> Iterator[str]:
        """Yield the hashes after one in their order, looking for as many at first.

        Each look goes through the whole folder and keeps no more names than it looks for.
        """
        while True:
            ahead = (name for name in map(self.hash, self.entries()) if name > after)
            names = nsmallest(most, ahead)
            yield from names
            if len(names) < most:
                return
            after, most = names[-1], NAMES_AT_ONCE

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
