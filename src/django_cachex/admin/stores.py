"""Which aliases of `settings.CACHES` share their entries, however their locations are written."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.signals import setting_changed

from django_cachex.admin.deadline import Asker
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for

PATIENCE: Final = 1.0
"""Seconds that a page waits at most for servers to say who they are."""

FRESH: Final = 30.0
"""Seconds after which they are asked again: a restart or a failover gives a server a new id."""

SOON: Final = 5.0
"""Seconds after which they are asked again where one has never answered."""


@dataclass(frozen=True)
class Stores:
    """What all aliases said of their stores, asked at the same time."""

    ids: Mapping[str, frozenset[str]]
    """By alias; those that have never answered are missing."""

    until: float
    """When to ask again, of `time.monotonic`."""

    def shared(self, one: Inspector, other: Inspector) -> bool:
        """Return whether two aliases keep their entries in one store, or nobody knows."""
        if self.is_known(one, other):
            return not self.ids[one.alias].isdisjoint(self.ids[other.alias])
        return one.storage_id == other.storage_id or one.may_share_storage(other)

    def is_known(self, one: Inspector, other: Inspector) -> bool:
        """Return whether both aliases have said what their stores are."""
        return one.alias in self.ids and other.alias in self.ids


_latest: dict[str, Stores] = {}


def stores() -> Stores:
    """Return what is known of the stores; they are asked at most once in `FRESH` seconds."""
    found = _latest.get("stores")
    if found is None or time.monotonic() > found.until:
        found = _latest["stores"] = _ask(found.ids if found is not None else {})
    return found


def _ask(known: Mapping[str, frozenset[str]]) -> Stores:
    """Ask all aliases; what they said before is `known`.

    Where one does not answer, what all said before counts as well: a server that began anew
    meanwhile would look like another to those that do.
    """
    inspectors = [inspector_for(alias) for alias in settings.CACHES]
    asker = Asker(min(PATIENCE, limits().timeout), logging.DEBUG)
    answers = asker.ask_all({inspector: inspector.storage_ids for inspector in inspectors})
    nothing: frozenset[str] = frozenset()
    told = {one.alias: answers[one].value or nothing for one in inspectors}
    if not all(told.values()):
        told = {alias: found | known.get(alias, nothing) for alias, found in told.items()}
    ids = {alias: found for alias, found in told.items() if found}
    return Stores(ids, time.monotonic() + (FRESH if len(ids) == len(told) else SOON))


def sharing(inspector: Inspector) -> list[Inspector]:
    """Return the other aliases that keep their entries in the store of one."""
    found = stores()
    others = (inspector_for(alias) for alias in settings.CACHES if alias != inspector.alias)
    return [other for other in others if found.shared(other, inspector)]


def forget(*, setting: str = "", **kwargs: Any) -> None:
    if setting in ("CACHES", "DATABASES"):
        _latest.clear()


setting_changed.connect(forget)
