"""What is stored: as an application has it, and as a server does."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

from benchmarks.calls.sizes import AT_ONCE


@dataclass(frozen=True)
class Sample:
    """A value of an application."""

    name: str
    value: Any

    @property
    def pickled(self) -> bytes:
        """The value as our backends and Django's store it."""
        return pickle.dumps(self.value, pickle.HIGHEST_PROTOCOL)


@dataclass(frozen=True)
class Entries:
    """What calls are given. The keys of backends and of what is raw are the same to the server."""

    prefix: str
    value: Any

    @property
    def key(self) -> str:
        return f"{self.prefix}user:1:profile"

    @property
    def counter(self) -> str:
        return f"{self.prefix}user:1:visits"

    def keys_of(self, batch: int = 0) -> list[str]:
        """Return the keys of one call for many; each batch has its own."""
        return [f"{self.prefix}user:{batch}:{number}:feed" for number in range(AT_ONCE)]

    def data(self, batch: int = 0) -> dict[str, Any]:
        """Return the entries of one call for many."""
        return dict.fromkeys(self.keys_of(batch), self.value)


def profile() -> dict[str, Any]:
    """Return a dict such as applications cache: a kilobyte when it is pickled."""
    return {
        "id": 48_151_623,
        "name": "Ana Soares",
        "email": "ana@example.com",
        "plan": "pro",
        "score": 0.815,
        "is_active": True,
        "about": "Writes about gardens, rivers, slow trains and long books. " * 10,
        "tags": ["gardens", "rivers", "trains", "books", "mobile", "new"],
        "visits": [1_700_000_000 + 86_400 * day for day in range(28)],
        "address": {"street": "Rua da Alegria 12", "city": "Porto", "country": "PT"},
    }


TEXT = Sample("str of 100 bytes", "x" * 100)
DICT = Sample("dict of 1 kB", profile())


def text_of(size: int) -> Sample:
    return Sample(f"str of {size:,} bytes", "x" * size)
