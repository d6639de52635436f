"""What is wrong with a project's settings, said at start-up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from django_cachex.admin.apps import CachexAdminConfig, installed
from django_cachex.admin.permissions import HIDDEN, READ_ONLY
from django_cachex.cache.checks import check_prefixes, check_unpickling
from django_cachex.conf import FIELDS, PAGE_SIZES, Limits
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.valkey.inspector import ServerInspector

register(check_prefixes, Tags.caches)
register(check_unpickling, Tags.caches)

POLICIES = (HIDDEN, READ_ONLY)
SEPARATOR = "NAMESPACE_SEPARATOR"


@register()
def check_settings(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Return what is wrong with `CACHEX_ADMIN`."""
    given = getattr(settings, "CACHEX_ADMIN", {})
    if not isinstance(given, dict):
        return [Error("CACHEX_ADMIN must be a dict.", id="django_cachex.E001")]
    return [*_unknown(given), *_numbers(given), *_separator(given), *_policies(given)]


@register(Tags.caches)
def check_sessions(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn of sessions on a server that every page would wait for, this admin's included."""
    alias = settings.SESSION_CACHE_ALIAS
    if "cache" not in settings.SESSION_ENGINE or alias not in settings.CACHES:
        return []
    params = settings.CACHES[alias]
    waits = "socket_timeout" not in f"{params.get('OPTIONS')} {params.get('LOCATION')}"
    if not waits or not isinstance(inspector_for(alias), ServerInspector):
        return []
    return [
        Warning(
            f"Sessions are kept in the cache {alias!r}, which has no socket_timeout: while its "
            "server hangs no page can be reached, the cache admin included.",
            hint=f'Set CACHES[{alias!r}]["OPTIONS"]["socket_timeout"] to a few seconds.',
            id="django_cachex.W004",
        )
    ]


@register()
def check_skin(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of pages in Django's plain style amid those of Unfold."""
    if installed().skin != CachexAdminConfig.skin or not apps.is_installed("unfold"):
        return []
    return [
        Warning(
            "The pages of the cache admin keep Django's plain style in a project that uses Unfold.",
            hint='Put "django_cachex.unfold" in the place of "django_cachex.admin" in '
            "INSTALLED_APPS.",
            id="django_cachex.W005",
        )
    ]


def _unknown(given: dict[str, Any]) -> Iterable[CheckMessage]:
    known = ", ".join(sorted(FIELDS))
    for name in given:
        if name not in FIELDS:
            yield Warning(
                f"CACHEX_ADMIN has no setting {name!r}; it is ignored.",
                hint=f"There are: {known}.",
                id="django_cachex.W002",
            )


def _numbers(given: dict[str, Any]) -> Iterable[CheckMessage]:
    defaults = Limits()
    for name in sorted(FIELDS - {"ALIASES", SEPARATOR} & given.keys()):
        whole = isinstance(getattr(defaults, name.lower()), int)
        if not _is_positive(given[name], whole):
            kind = "whole number" if whole else "number"
            yield Error(
                f"CACHEX_ADMIN[{name!r}] must be a positive {kind}, not {given[name]!r}.",
                id="django_cachex.E002",
            )
    size = given.get("PAGE_SIZE", PAGE_SIZES[0])
    if size not in PAGE_SIZES:
        yield Error(
            f"CACHEX_ADMIN['PAGE_SIZE'] must be one of {PAGE_SIZES}, not {size!r}.",
            id="django_cachex.E003",
        )


def _is_positive(value: object, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return False
    return math.isfinite(value) and value > 0


def _separator(given: dict[str, Any]) -> Iterable[CheckMessage]:
    separator = given.get(SEPARATOR, ":")
    if not isinstance(separator, str) or not separator:
        yield Error(
            f"CACHEX_ADMIN[{SEPARATOR!r}] must be a text that is not empty, not {separator!r}.",
            id="django_cachex.E002",
        )


def _policies(given: dict[str, Any]) -> Iterable[CheckMessage]:
    policies = given.get("ALIASES", {})
    if not isinstance(policies, Mapping):
        yield Error("CACHEX_ADMIN['ALIASES'] must be a dict.", id="django_cachex.E001")
        return
    for alias, policy in policies.items():
        if alias not in settings.CACHES:
            yield Warning(
                f"CACHEX_ADMIN['ALIASES'] names {alias!r}, which CACHES does not have.",
                id="django_cachex.W003",
            )
        if policy not in POLICIES:
            yield Error(
                f"CACHEX_ADMIN['ALIASES'][{alias!r}] must be one of {POLICIES}, not {policy!r}.",
                id="django_cachex.E004",
            )
