"""Badges for Unfold's sidebar: how many caches are down."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from django.core.signals import setting_changed
from django.http import HttpRequest
from django.utils.safestring import mark_safe
from django.utils.translation import ngettext

from django_cachex.admin.permissions import VIEW_CACHES
from django_cachex.unfold.sidebar import permission_checker
from django_cachex.unfold.status_monitor import StatusMonitor, find_down

HIDDEN_BADGE = mark_safe("<span data-cx-none hidden></span>")
"""Our stylesheet hides badges with this element. Older releases of Unfold draw empty badges."""


def caches_down(request: HttpRequest) -> str:
    """Return how many caches are down that the user may view, as the text of a badge.

    The badge is hidden if no cache is known to be down. As every page of the admin shows it, it
    uses a cached status.
    """
    checker = permission_checker(request)
    if checker is None or not checker.is_allowed(VIEW_CACHES):
        return HIDDEN_BADGE
    count = sum(
        checker.is_allowed(VIEW_CACHES, inspector) for inspector in get_status_monitor().down()
    )
    if not count:
        return HIDDEN_BADGE
    return ngettext("%(count)s down", "%(count)s down", count) % {"count": count}


@cache
def get_status_monitor() -> StatusMonitor:
    """Return the status monitor of this process."""
    return StatusMonitor(find_down)


def _clear_status_monitor(*, setting: str, **kwargs: Any) -> None:
    if setting in ("CACHES", "CACHEX_ADMIN"):
        get_status_monitor.cache_clear()


setting_changed.connect(_clear_status_monitor)
os.register_at_fork(after_in_child=get_status_monitor.cache_clear)  # Threads do not survive.
