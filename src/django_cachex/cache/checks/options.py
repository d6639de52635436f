"""OPTIONS: are there such options, and do their values make sense?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.core.cache.backends.base import MEMCACHE_MAX_KEY_LENGTH
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from django_cachex.cache.checks.alias import Alias
from django_cachex.cache.equivalents import equivalents
from django_cachex.cache.options import BESIDE, advice, unknown, unknown_to_loops, wrong_numbers
from django_cachex.cache.stampedes import protection_of

ANY_URL = ("rediss://",)
"""Connections over TLS take more options than others, and both drivers have this scheme."""


def check_names(alias: Alias) -> Iterator[CheckMessage]:
    """Report options that nobody takes."""
    if alias.driver is None:
        return
    for url in alias.understood or ANY_URL:
        for name in unknown(alias.driver, url, alias.options):
            yield _unknown(alias, name, advice(name, alias.driver, url))
        for name in unknown_to_loops(alias.driver, url, alias.options):
            yield alias.warning(
                "django_cachex.W103",
                _("On event loops, %(driver)s-py does not take the option “%(name)s”.")
                % {"driver": alias.driver.name, "name": name},
                _("Leave it out, or use this cache without its asynchronous methods."),
            )


def _unknown(alias: Alias, name: str, hint: str) -> CheckMessage:
    if name in equivalents():
        return alias.error(
            "django_cachex.E108",
            _("“%(name)s” is an option of django-redis or django-valkey.") % {"name": name},
            hint,
        )
    return alias.error(
        "django_cachex.E107", _("There is no option “%(name)s”.") % {"name": name}, hint
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


def check_numbers(alias: Alias) -> Iterator[CheckMessage]:
    """Report timeouts and limits with which no connection could be made."""
    for options in alias.each:
        for name in wrong_numbers(options):
            yield (_limit if name == "max_connections" else _timeout)(alias, name, options[name])


def _timeout(alias: Alias, name: str, value: Any) -> CheckMessage:
    return alias.error(
        "django_cachex.E112",
        _("“%(name)s” must be a number of seconds above zero, not %(value)s.")
        % {"name": name, "value": shown(value)},
        _('Write "%(name)s": 2, or None to wait for ever.') % {"name": name},
    )


def _limit(alias: Alias, name: str, value: Any) -> CheckMessage:
    return alias.error(
        "django_cachex.E113",
        _("“%(name)s” must be a whole number above zero, not %(value)s.")
        % {"name": name, "value": shown(value)},
        _("Leave it out, or write how many connections a process may have at most."),
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


def shown(value: Any) -> str:
    """Return a number as it is written; of all else, which may be a secret, what it is."""
    return repr(value) if isinstance(value, int | float) else f"a {type(value).__name__}"
