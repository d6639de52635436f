"""How many caches are down, for an item of Unfold's sidebar."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from django.core.signals import setting_changed
from django.http import HttpRequest
from django.utils.safestring import mark_safe
from django.utils.translation import ngettext

from django_cachex.admin.access import SEE_CACHES
from django_cachex.unfold.sidebar import gate_of
from django_cachex.unfold.status_monitor import Watch, look

NONE = mark_safe("<span data-cx-none hidden></span>")
"""Has our stylesheet hide the badge: Unfold's older releases draw one around nothing, too."""


def caches_down(request: HttpRequest) -> str:
    """Return how many caches that this person may see are down; `NONE` where none is known to be.

    As this is asked on every page of the admin, it is answered from memory.
    """
    gate = gate_of(request)
    if gate is None or not gate.allowed(SEE_CACHES):
        return NONE
    count = sum(gate.allowed(SEE_CACHES, inspector) for inspector in watch().down())
    if not count:
        return NONE
    return ngettext("%(count)s down", "%(count)s down", count) % {"count": count}


@cache
def watch() -> Watch:
    """Return the watch of this process."""
    return Watch(look)


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in ("CACHES", "CACHEX_ADMIN"):
        watch.cache_clear()


setting_changed.connect(_forget)
os.register_at_fork(after_in_child=watch.cache_clear)  # The thread that looks stays behind.
