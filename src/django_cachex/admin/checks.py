"""System checks of a project's settings."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from django_cachex.admin.health.rules import RULES
from django_cachex.admin.permissions import HIDDEN, READ_ONLY
from django_cachex.conf import LIMIT_NAMES, PAGE_SIZES, Limits
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.cache_table import key_collation
from django_cachex.inspectors.database import DatabaseInspector
from django_cachex.inspectors.valkey.inspector import ServerInspector

POLICIES = (HIDDEN, READ_ONLY)
SEPARATOR = "NAMESPACE_SEPARATOR"
SILENCED = "SILENCED_FINDINGS"

INEXACT_COLLATION = re.compile("_(?:ci|ai)(?:_|$)")


@register()
def check_settings(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check the names and values of `CACHEX_ADMIN`."""
    configured = getattr(settings, "CACHEX_ADMIN", {})
    if not isinstance(configured, dict):
        return [Error("CACHEX_ADMIN must be a dict.", id="django_cachex.E001")]
    return [
        *_check_names(configured),
        *_check_numbers(configured),
        *_check_separator(configured),
        *_check_policies(configured),
        *_check_silenced_findings(configured),
    ]


@register(Tags.caches)
def check_sessions(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn if sessions are in a cache without a timeout, as every page waits for such a server."""
    alias = settings.SESSION_CACHE_ALIAS
    if "cache" not in settings.SESSION_ENGINE or alias not in settings.CACHES:
        return []
    params = settings.CACHES[alias]
    given = f"{params.get('OPTIONS')} {params.get('LOCATION')}".lower()
    has_no_timeout = "socket_timeout" not in given
    if not has_no_timeout or not isinstance(inspector_for(alias), ServerInspector):
        return []
    return [
        Warning(
            f"Sessions are stored in the cache {alias!r}, which has no socket_timeout. If its "
            "server hangs, no page can be opened, including those of the cache admin.",
            hint=f'Set CACHES[{alias!r}]["OPTIONS"]["socket_timeout"] to a few seconds.',
            id="django_cachex.W004",
        )
    ]


@register(Tags.database)
def check_collations(
    app_configs: Sequence[AppConfig] | None = None,
    databases: Sequence[str] | None = None,
    **kwargs: Any,
) -> list[CheckMessage]:
    """Warn if MariaDB or MySQL takes two keys of a database cache for one.

    Like all checks of databases, it only runs in `check --database` and before migrations.
    """
    warnings: list[CheckMessage] = []
    for alias in settings.CACHES:
        inspector = inspector_for(alias)
        if not isinstance(inspector, DatabaseInspector):
            continue
        table = inspector.write_table
        if table.connection.vendor != "mysql" or table.connection.alias not in (databases or ()):
            continue
        collation = key_collation(table.connection, table.name)
        if INEXACT_COLLATION.search(collation):
            name = table.connection.ops.quote_name(table.name)
            warnings.append(
                Warning(
                    f"The keys of the cache {alias!r} are compared by the collation {collation}, "
                    "which ignores the case of letters or their accents. If the key 'Key' is "
                    "stored, 'key' can't be added, and deleting 'key' deletes 'Key'.",
                    hint=f"Empty the cache and run: ALTER TABLE {name} MODIFY cache_key "
                    "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL;",
                    id="django_cachex.W010",
                )
            )
    return warnings


@register()
def check_skin(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn if a project uses Unfold and the cache admin has Django's style."""
    config: Any = apps.get_app_config("django_cachex")  # Its module imports this one.
    if config.skin != "admin" or not apps.is_installed("unfold"):
        return []
    return [
        Warning(
            "The cache admin has Django's style in a project that uses Unfold.",
            hint='Replace "django_cachex.admin" with "django_cachex.unfold" in INSTALLED_APPS.',
            id="django_cachex.W005",
        )
    ]


def _check_names(configured: dict[str, Any]) -> Iterable[CheckMessage]:
    known = ", ".join(sorted(LIMIT_NAMES))
    for name in configured:
        if name not in LIMIT_NAMES:
            yield Warning(
                f"CACHEX_ADMIN has no setting {name!r}. It is ignored.",
                hint=f"Valid settings: {known}.",
                id="django_cachex.W002",
            )


def _check_numbers(configured: dict[str, Any]) -> Iterable[CheckMessage]:
    defaults = Limits()
    for name in sorted(LIMIT_NAMES - {"ALIASES", SEPARATOR, SILENCED} & configured.keys()):
        is_integer = isinstance(getattr(defaults, name.lower()), int)
        if not _is_positive(configured[name], is_integer):
            kind = "whole number" if is_integer else "number"
            yield Error(
                f"CACHEX_ADMIN[{name!r}] must be a positive {kind}, not {configured[name]!r}.",
                id="django_cachex.E002",
            )
    size = configured.get("PAGE_SIZE", PAGE_SIZES[0])
    if size not in PAGE_SIZES:
        yield Error(
            f"CACHEX_ADMIN['PAGE_SIZE'] must be one of {PAGE_SIZES}, not {size!r}.",
            id="django_cachex.E003",
        )


def _is_positive(value: object, is_integer: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if is_integer else int | float):
        return False
    return math.isfinite(value) and value > 0


def _check_separator(configured: dict[str, Any]) -> Iterable[CheckMessage]:
    separator = configured.get(SEPARATOR, ":")
    if not isinstance(separator, str) or not separator:
        yield Error(
            f"CACHEX_ADMIN[{SEPARATOR!r}] must be a non-empty string, not {separator!r}.",
            id="django_cachex.E002",
        )


def _check_policies(configured: dict[str, Any]) -> Iterable[CheckMessage]:
    policies = configured.get("ALIASES", {})
    if not isinstance(policies, Mapping):
        yield Error("CACHEX_ADMIN['ALIASES'] must be a dict.", id="django_cachex.E001")
        return
    for alias, policy in policies.items():
        if alias not in settings.CACHES:
            yield Warning(
                f"CACHEX_ADMIN['ALIASES'] contains {alias!r}, which is not in CACHES.",
                id="django_cachex.W003",
            )
        if policy not in POLICIES:
            yield Error(
                f"CACHEX_ADMIN['ALIASES'][{alias!r}] must be one of {POLICIES}, not {policy!r}.",
                id="django_cachex.E004",
            )


def _check_silenced_findings(configured: dict[str, Any]) -> Iterable[CheckMessage]:
    silenced = configured.get(SILENCED, ())
    if not isinstance(silenced, list | tuple | set | frozenset):
        yield Error(f"CACHEX_ADMIN[{SILENCED!r}] must be a list.", id="django_cachex.E001")
        return
    ids = {rule.id for rule in RULES}
    for name in silenced:
        alias, _colon, id = str(name).rpartition(":")
        if id not in ids or (alias and alias not in settings.CACHES):
            yield Warning(
                f"CACHEX_ADMIN[{SILENCED!r}] contains {name!r}, which is not a finding of the "
                "health page, or names an alias that is not in CACHES.",
                hint=f"Valid findings: {', '.join(sorted(ids))}.",
                id="django_cachex.W003",
            )
