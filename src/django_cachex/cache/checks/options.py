"""The checks for the LOCATION and OPTIONS of an alias."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.core.cache.backends.base import MEMCACHE_MAX_KEY_LENGTH
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.codecs import (
    COMPRESSOR,
    SERIALIZER,
    MissingPackage,
    PluginError,
    load_plugins,
)
from django_cachex.cache.configuration import parse_locations
from django_cachex.cache.connection.drivers import Driver, load_driver
from django_cachex.cache.options import (
    ALIAS_SETTINGS,
    INEFFECTIVE_DRIVER_OPTIONS,
    RETRY_OPTIONS,
    SENTINEL_OPTIONS,
    describe_effect,
    find_errors,
    find_sync_only_options,
    get_url_options,
    parse_url,
    unused_option_hint,
)
from django_cachex.cache.sentinel import SentinelClient
from django_cachex.cache.stampede import parse_protection


def can_parse_url(driver: Driver, url: str) -> bool:
    try:
        parse_url(driver, url)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class ConfiguredAlias:
    """An alias and its settings.

    For invalid settings, the properties are empty and don't raise errors. Messages only quote names
    and numbers from the settings, because everything else may contain a password.
    """

    name: str
    backend: type[ServerCache]
    params: Mapping[str, Any] = field(repr=False)

    @property
    def options(self) -> Mapping[str, Any]:
        given: Mapping[str, Any] = self.params.get("OPTIONS", {})
        return given

    @cached_property
    def driver(self) -> Driver | None:
        try:
            return load_driver(self.backend._driver)
        except ImproperlyConfigured:
            return None

    @cached_property
    def urls(self) -> list[str]:
        try:
            return parse_locations(self.params.get("LOCATION", ""))
        except ImproperlyConfigured:
            return []

    @cached_property
    def valid_urls(self) -> list[str]:
        """The URLs that the driver can parse."""
        return [url for url in self.urls if self.driver and can_parse_url(self.driver, url)]

    @cached_property
    def server_options(self) -> list[dict[str, Any]]:
        """The options of each server. Those in its URL take precedence."""
        driver = self.driver
        from_urls = [get_url_options(driver, url) for url in self.valid_urls] if driver else []
        return [{**self.options, **one} for one in from_urls] or [dict(self.options)]

    @property
    def is_cluster(self) -> bool:
        return getattr(self.backend, "_topology", None) == "cluster"

    def error(self, id: str, message: str, hint: str) -> CheckMessage:
        return Error(message, hint=hint, obj=f"CACHES[{self.name!r}]", id=id)

    def warning(self, id: str, message: str, hint: str) -> CheckMessage:
        return Warning(message, hint=hint, obj=f"CACHES[{self.name!r}]", id=id)


PLUGIN_CHECKS = ((SERIALIZER, "django_cachex.E111"), (COMPRESSOR, "django_cachex.E109"))


def check_plugins(alias: ConfiguredAlias) -> Iterator[CheckMessage]:
    """Report serializers and compressors that can't be used."""
    for kind, id in PLUGIN_CHECKS:
        try:
            load_plugins(kind, alias.options)
        except MissingPackage as error:
            yield alias.error("django_cachex.E114", error.message, error.hint)
        except PluginError as error:
            yield alias.error(id, error.message, error.hint)
        except ImproperlyConfigured as error:
            yield alias.error(
                id,
                _("An option of the %(what)s is invalid.") % {"what": kind.option},
                str(error),
            )


SCHEMES = ("valkey", "valkeys", "redis", "rediss", "unix")
SCHEME_ALIASES = {"valkey": "redis", "valkeys": "rediss"}

_match_scheme = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://").match
# These patterns don't match anything that could contain a password, so matches may be quoted.
_match_address = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]+)?(/[0-9]*)?").fullmatch
_match_path = re.compile(r"(?:unix:)?(/[\w./-]+)").fullmatch


def check_locations(alias: ConfiguredAlias) -> Iterator[CheckMessage]:
    """Report URLs in LOCATION that the driver can't parse."""
    if alias.driver is None:
        return
    if not alias.urls:
        yield _get_not_a_url_error(alias, alias.driver, "")
    for url in alias.urls:
        if url not in alias.valid_urls:
            yield _get_location_error(alias, alias.driver, url)


def check_databases(alias: ConfiguredAlias) -> Iterator[CheckMessage]:
    """Report database numbers that differ, or that a cluster doesn't have."""
    numbers = sorted({str(options.get("db") or 0) for options in alias.server_options})
    if alias.is_cluster and numbers not in ([], ["0"]):
        yield alias.error(
            "django_cachex.E106",
            _("A cluster only has database 0."),
            _("Remove the number from LOCATION, and “db” from OPTIONS."),
        )
    elif len(numbers) > 1:
        yield alias.warning(
            "django_cachex.W101",
            _("The URLs in LOCATION have different database numbers: %(numbers)s.")
            % {"numbers": ", ".join(numbers)},
            _(
                "The URLs after the first are read replicas, which have the same data under the "
                "same number. Use the same number in all URLs."
            ),
        )


def _get_location_error(alias: ConfiguredAlias, driver: Driver, url: str) -> CheckMessage:
    match = _match_scheme(url)
    if not match:
        return _get_not_a_url_error(alias, driver, url)
    scheme = match[1]
    if not can_parse_url(driver, f"{scheme}://"):
        return _get_scheme_error(alias, driver, scheme)
    if names := [
        name
        for name in _list_query_options(url)
        if not can_parse_url(driver, f"{scheme}://?{name}")
    ]:
        return alias.error(
            "django_cachex.E104",
            _("LOCATION has an invalid value for %(names)s.")
            % {"names": ", ".join(name.partition("=")[0] for name in names)},
            _("Correct the value in the query of the URL."),
        )
    return alias.error(
        "django_cachex.E104",
        _("LOCATION is not a URL that %(driver)s-py understands.") % {"driver": driver.name},
        _(
            "Use a URL such as %(example)s. In a password, the characters / ? # @ : must be "
            "percent-encoded."
        )
        % {"example": f"{driver.name}://user:password@host:6379/0"},
    )


def _get_not_a_url_error(alias: ConfiguredAlias, driver: Driver, text: str) -> CheckMessage:
    return alias.error(
        "django_cachex.E104",
        _("LOCATION is not a URL."),
        _('Use "LOCATION": "%(url)s".') % {"url": _suggest_url(driver, text)},
    )


def _suggest_url(driver: Driver, text: str) -> str:
    """Return a URL for text that looks like an address or the path of a socket, or an example."""
    if path := _match_path(text):
        return f"unix://{path[1]}?db=0"
    if address := _match_address(text):
        return f"{driver.name}://{address[1]}{address[2] or ':6379'}{address[3] or '/0'}"
    return f"{driver.name}://127.0.0.1:6379/0"


def _get_scheme_error(alias: ConfiguredAlias, driver: Driver, scheme: str) -> CheckMessage:
    supported = [f"{name}://" for name in SCHEMES if can_parse_url(driver, f"{name}://")]
    alternative = SCHEME_ALIASES.get(scheme)
    return alias.error(
        "django_cachex.E105",
        _("%(driver)s-py doesn't support the scheme %(scheme)s:// in LOCATION.")
        % {"driver": driver.name, "scheme": scheme},
        _("Use %(scheme)s:// instead, which connects to the same server.") % {"scheme": alternative}
        if alternative
        else _("It supports %(known)s.") % {"known": ", ".join(supported)},
    )


def _list_query_options(url: str) -> list[str]:
    """Return the options in the query of `url`, each as ``name=value``."""
    query = url.partition("?")[2]
    return [urlencode([pair]) for pair in parse_qsl(query, keep_blank_values=True)]


DEFAULT_URLS = ("rediss://",)
"""TLS connections have the most options, and both drivers support this scheme."""


def check_options(alias: ConfiguredAlias) -> Iterator[CheckMessage]:
    """Report the errors in OPTIONS, and options that asyncio connections don't have."""
    if alias.driver is None:
        return
    for url in alias.valid_urls or DEFAULT_URLS:
        for error in find_errors(alias.driver, url, alias.options):
            yield alias.error(error.id, error.message, error.hint)
        for name in find_sync_only_options(alias.driver, url, alias.options):
            yield alias.warning(
                "django_cachex.W103",
                _("The asyncio connections of %(driver)s-py don't have the option “%(name)s”.")
                % {"driver": alias.driver.name, "name": name},
                _("Remove it, or don't use the asynchronous methods of this cache."),
            )


def check_unused_options(alias: ConfiguredAlias) -> Iterator[CheckMessage]:
    """Report options of the drivers, and for Sentinel, that have no effect."""
    for options in alias.server_options:
        for name in sorted((INEFFECTIVE_DRIVER_OPTIONS | RETRY_OPTIONS) & options.keys()):
            yield alias.warning(
                "django_cachex.W106", describe_effect(name), unused_option_hint(name)
            )
    if issubclass(alias.backend._client_class, SentinelClient):
        return
    driver = alias.backend._driver.capitalize()
    for name in sorted(SENTINEL_OPTIONS & alias.options.keys()):
        yield alias.warning(
            "django_cachex.W106",
            _("“%(name)s” has no effect on %(backend)s.")
            % {"name": name, "backend": alias.backend.__name__},
            _('Use "BACKEND": "%(path)s", or remove the option.')
            % {"path": f"django_cachex.cache.{driver}SentinelCache"},
        )


def check_misplaced_settings(alias: ConfiguredAlias) -> Iterator[CheckMessage]:
    """Report settings of the alias that are in OPTIONS, where they have no effect."""
    for name in sorted(ALIAS_SETTINGS & set(alias.options)):
        yield alias.warning(
            "django_cachex.W104",
            _("%(name)s has no effect in OPTIONS.") % {"name": name},
            _("Move it next to OPTIONS: %(setting)s.")
            % {"setting": f"CACHES[{alias.name!r}][{name!r}]"},
        )


def check_protection(alias: ConfiguredAlias) -> Iterator[CheckMessage]:
    """Report invalid options of stampede protection."""
    try:
        parse_protection(alias.options.get("stampede_protection"))
    except ImproperlyConfigured as error:
        yield alias.error(
            "django_cachex.E115",
            _("“stampede_protection” is invalid."),
            str(error),
        )


def check_prefix(alias: ConfiguredAlias) -> Iterator[CheckMessage]:
    """Report a prefix that causes a warning of Django about every key."""
    prefix = str(alias.params.get("KEY_PREFIX", ""))
    if alias.params.get("KEY_FUNCTION") is not None:
        return
    if re.search(r"[\x00-\x20\x7f]", prefix):
        message = _("KEY_PREFIX contains a space or a control character.")
    elif len(f"{prefix}:1:") >= MEMCACHE_MAX_KEY_LENGTH:
        message = _("KEY_PREFIX is too long.")
    else:
        return
    yield alias.warning(
        "django_cachex.W102",
        message,
        _(
            "Django warns about every such key, because memcached doesn't allow it. Use a short "
            "prefix of letters, digits and punctuation. Entries that are stored under the old "
            "prefix will not be found."
        ),
    )
