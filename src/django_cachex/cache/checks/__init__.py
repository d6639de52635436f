"""System checks of CACHES. None connects to a server, and no message holds a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.checks.aliases import check_prefixes, check_readers
from django_cachex.cache.checks.migration import check_leftovers
from django_cachex.cache.checks.options import (
    Alias,
    check_databases,
    check_effects,
    check_formats,
    check_locations,
    check_options,
    check_places,
    check_prefix,
    check_protection,
)
from django_cachex.cache.options import reason

__all__ = ["check_caches", "check_leftovers", "check_prefixes", "check_readers"]

CHECKS = (
    *(check_locations, check_databases, check_options, check_effects),
    *(check_places, check_formats, check_protection, check_prefix),
)


@register(Tags.caches)
def check_caches(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the settings of the caches whose backend is ours."""
    found: list[CheckMessage] = []
    for name, params in settings.CACHES.items():
        for message in _check(name, params):
            if message not in found:  # Several servers may have one fault.
                found.append(message)
    return found


def _check(name: str, params: Mapping[str, Any]) -> Iterator[CheckMessage]:
    try:
        backend = import_string(params["BACKEND"])
    except Exception:  # Importing a module may raise anything. Django's own check says so.
        return
    if not isinstance(backend, type) or not issubclass(backend, ServerCache):
        return
    alias = Alias(name, backend, params)
    if not isinstance(params.get("OPTIONS", {}), Mapping):
        yield alias.error(
            "django_cachex.E102",
            _("OPTIONS must be a dict."),
            _('Write "OPTIONS": {"socket_timeout": 2}.'),
        )
        return
    wrong = [*_check_driver(alias), *(found for check in CHECKS for found in check(alias))]
    yield from wrong
    if not any(message.is_serious() for message in wrong):
        yield from _check_making(alias)


def _check_driver(alias: Alias) -> Iterator[CheckMessage]:
    if alias.driver is None:
        yield alias.error(
            "django_cachex.E103",
            _("%(backend)s needs the driver %(driver)s-py, which is not installed.")
            % {"backend": alias.backend.__name__, "driver": alias.backend._driver},
            _("Run: pip install %(driver)s") % {"driver": alias.backend._driver},
        )


def _check_making(alias: Alias) -> Iterator[CheckMessage]:
    """Report what no other check has found, and who makes the cache will be told."""
    params = {name: value for name, value in alias.params.items() if name != "BACKEND"}
    try:
        error = alias.backend(params.pop("LOCATION", ""), params)._config_error
        text = str(error or "")
    except Exception as raised:  # A subclass's constructor may raise anything.
        text = reason(raised)
    if text:
        yield alias.error(
            "django_cachex.E100",
            _("This cache cannot be made: %(reason)s") % {"reason": text},
            _("Correct its settings in CACHES."),
        )
