"""What all figures share: the sizes, a Valkey server, and a user of the admin."""

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

TimedAction = Callable[[], float]
"""Runs what is measured and returns how many seconds it took."""


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

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
    """A superuser of the admin, using Django's test client."""

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
        """Return a page; raise RuntimeError for any status but 200."""
        response = self._client.get(url)
        if response.status_code != 200:
            raise RuntimeError(f"{url} answered {response.status_code}")
        return response.content.decode()

    def time_page(self, url: str) -> float:
        """Return how many seconds a page takes."""
        started = time.perf_counter()
        self.open(url)
        return time.perf_counter() - started


@dataclass(frozen=True)
class Bench:
    """The arguments of a benchmark. Database 0 of the server has many keys, database 1 has few."""

    visitor: Visitor
    valkey: servers.Server
    sizes: Sizes = Sizes()

    def compare(
        self, action: TimedAction, reference: TimedAction
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the seconds of each round of two actions that take turns.

        Taking turns exposes both to the same disturbances. A warm-up round is not counted.
        """
        rounds = [(action(), reference()) for _round in range(self.sizes.rounds + 1)]
        seconds, reference_seconds = zip(*rounds[1:], strict=True)
        return seconds, reference_seconds

    def compare_pages(self, url: str, reference: str) -> tuple[tuple[float, ...], ...]:
        """Return the seconds of each round for two pages that take turns."""
        time_page = self.visitor.time_page
        return self.compare(partial(time_page, url), partial(time_page, reference))


def valkey_alias(port: int, database: int = 0, **changes: Any) -> dict[str, Any]:
    """Return the entry of `CACHES` for a database of the server or of a proxy in front of it."""
    return {
        "BACKEND": "django_cachex.cache.ValkeyCache",
        "LOCATION": f"valkey://127.0.0.1:{port}/{database}",
        **changes,
    }
