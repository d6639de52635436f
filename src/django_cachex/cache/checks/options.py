"""OPTIONS: are there such options, and do their values make sense?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.core.cache.backends.base import MEMCACHE_MAX_KEY_LENGTH
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from django_cachex.cache.checks.alias import Alias
from django_cachex.cache.effects import RETRIES, UNUSED, unused_option_hint, effect
from django_cachex.cache.options import BESIDE, OF_SENTINEL, faults, unknown_to_loops
from django_cachex.cache.sentinel import SentinelClient
from django_cachex.cache.stampedes import protection_of

ANY_URL = ("rediss://",)
"""Connections over TLS take more options than others, and both drivers have this scheme."""


def check_options(alias: Alias) -> Iterator[CheckMessage]:
    """Report what whoever uses the cache would be told, and what event loops do not take."""
    if alias.driver is None:
        return
    for url in alias.understood or ANY_URL:
        for fault in faults(alias.driver, url, alias.options):
            yield alias.error(fault.id, fault.message, fault.hint)
        for name in unknown_to_loops(alias.driver, url, alias.options):
            yield alias.warning(
                "django_cachex.W103",
                _("On event loops, %(driver)s-py does not take the option “%(name)s”.")
                % {"driver": alias.driver.name, "name": name},
                _("Leave it out, or use this cache without its asynchronous methods."),
            )


def check_effects(alias: Alias) -> Iterator[CheckMessage]:
    """Report options of the drivers, and of other classes of ours, that have no effect."""
    for options in alias.each:
        for name in sorted((UNUSED | RETRIES) & options.keys()):
            yield alias.warning("django_cachex.W106", effect(name), unused_option_hint(name))
    if issubclass(alias.backend.client_class, SentinelClient):
        return
    driver = alias.backend.driver.capitalize()
    for name in sorted(OF_SENTINEL & alias.options.keys()):
        yield alias.warning(
            "django_cachex.W106",
            _("“%(name)s” has no effect on %(backend)s.")
            % {"name": name, "backend": alias.backend.__name__},
            _('Write "BACKEND": "%(path)s", or leave it out.')
            % {"path": f"django_cachex.cache.{driver}SentinelCache"},
        )


def check_places(alias: Alias) -> Iterator[CheckMessage]:
    """Report settings of the alias that stand in OPTIONS, where nobody reads them."""
    for name in sorted(BESIDE & set(alias.options)):
        yield alias.warning(
            "django_cachex.W104",
            _("%(name)s has no effect in OPTIONS.") % {"name": name},
            _("Write it beside OPTIONS: %(place)s.")
            % {"place": f"CACHES[{alias.name!r}][{name!r}]"},
        )


def check_protection(alias: Alias) -> Iterator[CheckMessage]:
    """Report a protection from stampedes that makes no sense."""
    try:
        protection_of(alias.options.get("stampede_protection"))
    except ImproperlyConfigured as error:
        yield alias.error(
            "django_cachex.E115",
            _("“stampede_protection” makes no sense."),
            str(error),
        )


def check_prefix(alias: Alias) -> Iterator[CheckMessage]:
    """Report a prefix that makes every key one that Django warns of."""
    prefix = str(alias.params.get("KEY_PREFIX", ""))
    if alias.params.get("KEY_FUNCTION") is not None:
        return
    if re.search(r"[\x00-\x20\x7f]", prefix):
        wrong = _("KEY_PREFIX holds a space or a control character.")
    elif len(f"{prefix}:1:") >= MEMCACHE_MAX_KEY_LENGTH:
        wrong = _("KEY_PREFIX leaves no room for a key.")
    else:
        return
    yield alias.warning(
        "django_cachex.W102",
        wrong,
        _(
            "Django warns of every such key, as memcached would refuse it. Choose a short prefix "
            "of letters, digits and punctuation; what is stored is not found under another."
        ),
    )
