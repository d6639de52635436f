"""System checks of CACHES."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import permutations
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import default_key_func
from django.core.checks import CheckMessage, Warning
from django.utils.translation import gettext as _

from django_cachex.cache.backends import ServerCache


def check_prefixes(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of two aliases on one database of which one's keys look like the other's.

    With the prefixes ``p`` and ``p:1``, ``p:1:2:key`` is the key ``key`` of the second in version
    2, and the key ``2:key`` of the first in version 1: clearing the first clears the second too.
    """
    return [
        Warning(
            _("KEY_PREFIX %(outer)r of the cache “%(one)s” begins the keys of the cache “%(two)s”.")
            % {"outer": outer.key_prefix, "one": one, "two": two},
            hint=_(
                "Both store in one database. Give “%(two)s” a KEY_PREFIX that does not begin with "
                "“%(start)s” and a number, or a database of its own."
            )
            % {"two": two, "start": f"{outer.key_prefix}:"},
            obj=f"CACHES[{two!r}]",
            id="django_cachex.W001",
        )
        for (one, outer), (two, inner) in permutations(ours(), 2)
        if outer.client.server.address == inner.client.server.address
        and looks_like(outer.key_prefix, inner.key_prefix)
    ]


def ours() -> Iterator[tuple[str, ServerCache]]:
    """Yield the aliases of our backends whose keys are ``prefix:version:key``."""
    for alias in caches:
        try:
            cache = caches[alias]
        except Exception:
            continue  # A stranger's constructor may raise anything; its user will be told.
        if not isinstance(cache, ServerCache) or cache.refusal:
            continue
        if cache.key_func is default_key_func:
            yield alias, cache


def looks_like(outer: str, inner: str) -> bool:
    """Return whether keys prefixed with `inner` look like keys of `outer` in some version."""
    return re.match(rf"{re.escape(outer)}:-?[0-9]+(:|\Z)", inner) is not None
