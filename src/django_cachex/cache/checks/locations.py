"""LOCATION: is it a URL, of a scheme that the driver has, and of which database?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode

from django.core.checks import CheckMessage
from django.utils.translation import gettext as _

from django_cachex.cache.checks.alias import Alias, understands
from django_cachex.cache.drivers import Driver

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
