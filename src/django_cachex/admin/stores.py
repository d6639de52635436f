"""Find out which aliases of `settings.CACHES` share a store, from ids that servers report."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.signals import setting_changed

from django_cachex.admin.deadline import DeadlineExecutor
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for

STORE_TIMEOUT: Final = 1.0
"""The time in seconds that a page waits for the ids of stores."""

REFRESH_INTERVAL: Final = 30.0
"""The time in seconds after which ids are fetched again. A restart or failover changes them."""

RETRY_INTERVAL: Final = 5.0
"""The time in seconds after which ids are fetched again if a store has never answered."""


@dataclass(frozen=True)
class Stores:
    """The ids of the stores of all aliases, fetched at the same time."""

    ids: Mapping[str, frozenset[str]]
    """The ids by alias, without aliases that have never answered."""

    valid_until: float
    """When to fetch the ids again, by `time.monotonic()`."""

    def is_shared(self, one: Inspector, other: Inspector) -> bool:
        """Return whether two aliases share a store, or may share one if that is not known."""
        if self.is_known(one, other):
            return not self.ids[one.alias].isdisjoint(self.ids[other.alias])
        return one.configured_store_id == other.configured_store_id or one.may_share_store(other)

    def is_known(self, one: Inspector, other: Inspector) -> bool:
        """Return whether the ids of both aliases are known."""
        return one.alias in self.ids and other.alias in self.ids


_latest: dict[str, Stores] = {}


def get_stores() -> Stores:
    """Return the ids of the stores, fetched at most once in `REFRESH_INTERVAL` seconds."""
    current = _latest.get("stores")
    if current is None or time.monotonic() > current.valid_until:
        current = _latest["stores"] = _fetch_stores(current.ids if current is not None else {})
    return current


def _fetch_stores(known: Mapping[str, frozenset[str]]) -> Stores:
    """Return the ids of the stores of all aliases.

    If any alias does not answer, the ids in `known` are kept for all of them. Otherwise a server
    that was restarted would look different from the same server under an alias that timed out.
    """
    inspectors = [inspector_for(alias) for alias in settings.CACHES]
    executor = DeadlineExecutor(min(STORE_TIMEOUT, limits().timeout), logging.DEBUG)
    results = executor.run_all({inspector: inspector.fetch_store_ids for inspector in inspectors})
    no_ids: frozenset[str] = frozenset()
    reported = {one.alias: results[one].value or no_ids for one in inspectors}
    if not all(reported.values()):
        reported = {alias: ids | known.get(alias, no_ids) for alias, ids in reported.items()}
    by_alias = {alias: ids for alias, ids in reported.items() if ids}
    interval = REFRESH_INTERVAL if len(by_alias) == len(reported) else RETRY_INTERVAL
    return Stores(by_alias, time.monotonic() + interval)


def caches_sharing_store(inspector: Inspector) -> list[Inspector]:
    """Return the other aliases that share a store with an alias."""
    current = get_stores()
    others = (inspector_for(alias) for alias in settings.CACHES if alias != inspector.alias)
    return [other for other in others if current.is_shared(other, inspector)]


def clear_stores(*, setting: str = "", **kwargs: Any) -> None:
    if setting in ("CACHES", "DATABASES"):
        _latest.clear()


setting_changed.connect(clear_stores)
