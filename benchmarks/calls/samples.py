"""The values to store, and the keys."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

from benchmarks.calls.sizes import KEYS_PER_CALL


@dataclass(frozen=True)
class Sample:
    """A value as an application caches it."""

    name: str
    value: Any

    @property
    def pickled(self) -> bytes:
        """The value as stored by our backends and Django's."""
        return pickle.dumps(self.value, pickle.HIGHEST_PROTOCOL)


@dataclass(frozen=True)
class Entries:
    """The arguments of calls. The prefix makes raw keys equal to the stored keys of backends."""

    prefix: str
    value: Any

    @property
    def key(self) -> str:
        return f"{self.prefix}user:1:profile"

    @property
    def counter(self) -> str:
        return f"{self.prefix}user:1:visits"

    def keys_for_batch(self, batch: int = 0) -> list[str]:
        """Return the keys of one call for many keys; each batch has different keys."""
        return [f"{self.prefix}user:{batch}:{number}:feed" for number in range(KEYS_PER_CALL)]

    def data(self, batch: int = 0) -> dict[str, Any]:
        """Return the data of one `set_many` call."""
        return dict.fromkeys(self.keys_for_batch(batch), self.value)


def sample_profile() -> dict[str, Any]:
    """Return a typical dict of an application, a kilobyte when pickled."""
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
DICT = Sample("dict of 1 kB", sample_profile())


def make_text(size: int) -> Sample:
    return Sample(f"str of {size:,} bytes", "x" * size)
