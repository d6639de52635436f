"""System checks for projects that use the Unfold skin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

UNFOLD, ADMIN = "unfold", "django.contrib.admin"


@register()
def check_unfold(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that Unfold is installed, and before Django's admin, whose templates it replaces."""
    entries = _installed_apps()
    if UNFOLD not in entries:
        return [_missing()]
    order = list(entries)
    if ADMIN in entries and order.index(UNFOLD) > order.index(ADMIN):
        return [_wrong_order(entries)]
    return []


def _installed_apps() -> dict[str, Any]:
    """Return the entry of INSTALLED_APPS for each app's name, in its order."""
    names = (config.name for config in apps.get_app_configs())
    return dict(zip(names, settings.INSTALLED_APPS, strict=True))


def _missing() -> Error:
    return Error(
        '"django_cachex.unfold" is in INSTALLED_APPS, but django-unfold is not, which it requires.',
        hint='Run "pip install django-unfold" and put "unfold" before "django.contrib.admin" in '
        'INSTALLED_APPS, or use "django_cachex.admin", which does not require Unfold.',
        id="django_cachex.E005",
    )


def _wrong_order(entries: dict[str, Any]) -> Error:
    return Error(
        f'"{entries[UNFOLD]}" comes after "{entries[ADMIN]}" in INSTALLED_APPS, so its templates '
        "and its admin site do not replace Django's.",
        hint=f'Move "{entries[UNFOLD]}" above "{entries[ADMIN]}".',
        id="django_cachex.E006",
    )
