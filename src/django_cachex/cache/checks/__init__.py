"""System checks for CACHES. They don't connect to servers, and no message contains a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.checks.aliases import check_prefixes, check_unpickling
from django_cachex.cache.checks.migration import check_migration_settings
from django_cachex.cache.checks.options import (
    ConfiguredAlias,
    check_databases,
    check_locations,
    check_misplaced_settings,
    check_options,
    check_plugins,
    check_prefix,
    check_protection,
    check_unused_options,
)
from django_cachex.cache.options import describe_option_error

__all__ = ["check_caches", "check_migration_settings", "check_prefixes", "check_unpickling"]

CHECKS = (
    *(check_locations, check_databases, check_options, check_unused_options),
    *(check_misplaced_settings, check_plugins, check_protection, check_prefix),
)


@register(Tags.caches)
def check_caches(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check the settings of caches with a backend of this package."""
    messages: list[CheckMessage] = []
    for name, params in settings.CACHES.items():
        for message in _check_alias(name, params):
            if message not in messages:  # Several servers may have the same error.
                messages.append(message)
    return messages


def _check_alias(name: str, params: Mapping[str, Any]) -> Iterator[CheckMessage]:
    try:
        backend = import_string(params["BACKEND"])
    except Exception:  # A module may raise any exception. Django's own check reports it.
        return
    if not isinstance(backend, type) or not issubclass(backend, ServerCache):
        return
    alias = ConfiguredAlias(name, backend, params)
    if not isinstance(params.get("OPTIONS", {}), Mapping):
        yield alias.error(
            "django_cachex.E102",
            _("OPTIONS must be a dictionary."),
            _('Use a dictionary, such as "OPTIONS": {"socket_timeout": 2}.'),
        )
        return
    messages = [*_check_driver(alias), *(message for check in CHECKS for message in check(alias))]
    yield from messages
    if not any(message.is_serious() for message in messages):
        yield from _check_creation(alias)


def _check_driver(alias: ConfiguredAlias) -> Iterator[CheckMessage]:
    if alias.driver is None:
        yield alias.error(
            "django_cachex.E103",
            _("%(backend)s needs the driver %(driver)s-py, which is not installed.")
            % {"backend": alias.backend.__name__, "driver": alias.backend._driver},
            _("Run: pip install %(driver)s") % {"driver": alias.backend._driver},
        )


def _check_creation(alias: ConfiguredAlias) -> Iterator[CheckMessage]:
    """Report errors that no other check finds, by creating the cache."""
    params = {name: value for name, value in alias.params.items() if name != "BACKEND"}
    try:
        error = alias.backend(params.pop("LOCATION", ""), params)._config_error
        text = str(error or "")
    except Exception as raised:  # The constructor of a subclass may raise any exception.
        text = describe_option_error(raised)
    if text:
        yield alias.error(
            "django_cachex.E100",
            _("This cache can't be created: %(reason)s") % {"reason": text},
            _("Correct its settings in CACHES."),
        )
