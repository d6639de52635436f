"""What every figure is measured with: its sizes, one Valkey, one person at the admin."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client

from tests import servers

Timed = Callable[[], float]
"""Does what is measured, and returns the seconds that it took."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    keys: int = 1_000_000
    few_keys: int = 1_000
    rows: int = 100_000
    few_rows: int = 1_000
    aliases: int = 100
    elements: int = 500_000
    many_elements: int = 5_000_000
    string_bytes: int = 20_000_000
    pages_walked: int = 400
    rounds: int = 15
    """How often everything is timed, in turns."""


class Visitor:
    """A superuser at the admin, through Django's whole request and response."""

    def __init__(self) -> None:
        users = get_user_model()
        self.user: Any = users._default_manager.create(
            username=f"visitor-{uuid.uuid4().hex[:8]}",
            is_staff=True,
            is_superuser=True,
        )
        self._client = Client()
        self._client.force_login(self.user)

    def open(self, url: str) -> str:
        """Return a page; raise RuntimeError where there is none."""
        response = self._client.get(url)
        if response.status_code != 200:
            raise RuntimeError(f"{url} answered {response.status_code}")
        return response.content.decode()

    def timed(self, url: str) -> float:
        """Return the seconds that a page takes."""
        started = time.perf_counter()
        self.open(url)
        return time.perf_counter() - started


@dataclass(frozen=True)
class Bench:
    """What a figure is given. Database 0 of the Valkey holds many keys, database 1 few."""

    visitor: Visitor
    valkey: servers.Server
    sizes: Sizes = Sizes()

    def side_by_side(self, one: Timed, other: Timed) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the seconds of each round for two things that take turns.

        So what disturbs one of them disturbs both. A round before the first is not counted.
        """
        rounds = [(one(), other()) for _round in range(self.sizes.rounds + 1)]
        seconds, reference = zip(*rounds[1:], strict=True)
        return seconds, reference

    def pages_side_by_side(self, url: str, other: str) -> tuple[tuple[float, ...], ...]:
        """Return the seconds of each round for two pages."""
        timed = self.visitor.timed
        return self.side_by_side(partial(timed, url), partial(timed, other))


def valkey_alias(port: int, database: int = 0, **changes: Any) -> dict[str, Any]:
    """Return the entry of `CACHES` for a database of the Valkey, or of a proxy before it."""
    return {
        "BACKEND": "django_cachex.cache.ValkeyCache",
        "LOCATION": f"valkey://127.0.0.1:{port}/{database}",
        **changes,
    }
