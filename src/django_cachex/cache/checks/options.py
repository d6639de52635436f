"""Check the LOCATION and OPTIONS of an alias."""

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
from django_cachex.cache.codecs import COMPRESSOR, SERIALIZER, MissingPackage, WrongFormat, make_all
from django_cachex.cache.configuration import locations
from django_cachex.cache.connection.drivers import Driver, load
from django_cachex.cache.options import (
    BESIDE,
    OF_SENTINEL,
    RETRIES,
    UNUSED,
    effect,
    faults,
    in_url,
    parse,
    unknown_to_loops,
    unused_option_hint,
)
from django_cachex.cache.sentinel import SentinelClient
from django_cachex.cache.stampede import protection_of


def understands(driver: Driver, url: str) -> bool:
    try:
        parse(driver, url)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Alias:
    """Nothing here raises for what is wrong with the settings: it is empty then.

    Of what users wrote, messages quote names and numbers; all else may hold a password.
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
            return load(self.backend._driver)
        except ImproperlyConfigured:
            return None

    @cached_property
    def urls(self) -> list[str]:
        try:
            return locations(self.params.get("LOCATION", ""))
        except ImproperlyConfigured:
            return []

    @cached_property
    def understood(self) -> list[str]:
        """The URLs that the driver can parse."""
        return [url for url in self.urls if self.driver and understands(self.driver, url)]

    @cached_property
    def each(self) -> list[dict[str, Any]]:
        """The options of each server: those in its URL win."""
        driver = self.driver
        found = [in_url(driver, url) for url in self.understood] if driver else []
        return [{**self.options, **one} for one in found] or [dict(self.options)]

    @property
    def is_cluster(self) -> bool:
        return getattr(self.backend, "_topology", None) == "cluster"

    def error(self, id: str, message: str, hint: str) -> CheckMessage:
        return Error(message, hint=hint, obj=f"CACHES[{self.name!r}]", id=id)

    def warning(self, id: str, message: str, hint: str) -> CheckMessage:
        return Warning(message, hint=hint, obj=f"CACHES[{self.name!r}]", id=id)


WRONG = ((SERIALIZER, "django_cachex.E111"), (COMPRESSOR, "django_cachex.E109"))


def check_formats(alias: Alias) -> Iterator[CheckMessage]:
    """Report serializers and compressors that cannot be made, or are none."""
    for kind, id in WRONG:
        try:
            make_all(kind, alias.options)
        except MissingPackage as error:
            yield alias.error("django_cachex.E114", error.message, error.hint)
        except WrongFormat as error:
            yield alias.error(id, error.message, error.hint)
        except ImproperlyConfigured as error:
            yield alias.error(
                id,
                _("An option of the %(what)s makes no sense.") % {"what": kind.option},
                str(error),
            )


SCHEMES = ("valkey", "valkeys", "redis", "rediss", "unix")
TWINS = {"valkey": "redis", "valkeys": "rediss"}

_scheme = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://").match
# Nothing that has room for a password is quoted.
_address = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]+)?(/[0-9]*)?").fullmatch
_path = re.compile(r"(?:unix:)?(/[\w./-]+)").fullmatch


def check_locations(alias: Alias) -> Iterator[CheckMessage]:
    """Report what in LOCATION the driver would not understand."""
    if alias.driver is None:
        return
    if not alias.urls:
        yield _not_a_url(alias, alias.driver, "")
    for url in alias.urls:
        if url not in alias.understood:
            yield _problem(alias, alias.driver, url)


def check_databases(alias: Alias) -> Iterator[CheckMessage]:
    """Report database numbers that cannot be meant."""
    numbers = sorted({str(options.get("db") or 0) for options in alias.each})
    if alias.is_cluster and numbers not in ([], ["0"]):
        yield alias.error(
            "django_cachex.E106",
            _("A cluster has no database but 0."),
            _("Take the number out of LOCATION, and “db” out of OPTIONS."),
        )
    elif len(numbers) > 1:
        yield alias.warning(
            "django_cachex.W101",
            _("LOCATION names the databases %(numbers)s.") % {"numbers": ", ".join(numbers)},
            _(
                "The URLs after the first are read replicas, which hold what the first holds "
                "under the same number: give all URLs one number."
            ),
        )


def _problem(alias: Alias, driver: Driver, url: str) -> CheckMessage:
    found = _scheme(url)
    if not found:
        return _not_a_url(alias, driver, url)
    scheme = found[1]
    if not understands(driver, f"{scheme}://"):
        return _other_scheme(alias, driver, scheme)
    if names := [name for name in _query(url) if not understands(driver, f"{scheme}://?{name}")]:
        return alias.error(
            "django_cachex.E104",
            _("LOCATION has a value for %(names)s that makes no sense.")
            % {"names": ", ".join(name.partition("=")[0] for name in names)},
            _("Correct what follows its name in the query of the URL."),
        )
    return alias.error(
        "django_cachex.E104",
        _("LOCATION is not a URL that %(driver)s-py understands.") % {"driver": driver.name},
        _(
            "Write it as %(example)s. In a password, the characters / ? # @ : must be "
            "percent-encoded."
        )
        % {"example": f"{driver.name}://user:password@host:6379/0"},
    )


def _not_a_url(alias: Alias, driver: Driver, text: str) -> CheckMessage:
    return alias.error(
        "django_cachex.E104",
        _("LOCATION is not a URL."),
        _('Write "LOCATION": "%(url)s".') % {"url": _meant(driver, text)},
    )


def _meant(driver: Driver, text: str) -> str:
    """Return the URL of what looks like an address or the path of a socket, or an example."""
    if path := _path(text):
        return f"unix://{path[1]}?db=0"
    if address := _address(text):
        return f"{driver.name}://{address[1]}{address[2] or ':6379'}{address[3] or '/0'}"
    return f"{driver.name}://127.0.0.1:6379/0"


def _other_scheme(alias: Alias, driver: Driver, scheme: str) -> CheckMessage:
    known = [f"{name}://" for name in SCHEMES if understands(driver, f"{name}://")]
    twin = TWINS.get(scheme)
    return alias.error(
        "django_cachex.E105",
        _("%(driver)s-py does not know the scheme %(scheme)s:// of LOCATION.")
        % {"driver": driver.name, "scheme": scheme},
        _("Write %(twin)s:// in its place, which reaches the same server.") % {"twin": twin}
        if twin
        else _("It knows %(known)s.") % {"known": ", ".join(known)},
    )


def _query(url: str) -> list[str]:
    """Return the options in the query of `url`, each as ``name=value``."""
    query = url.partition("?")[2]
    return [urlencode([pair]) for pair in parse_qsl(query, keep_blank_values=True)]


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
    if issubclass(alias.backend._client_class, SentinelClient):
        return
    driver = alias.backend._driver.capitalize()
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
