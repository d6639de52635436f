"""The classes that OPTIONS name: can they be imported, and used?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from django_cachex.cache.checks.alias import Alias
from django_cachex.cache.formats import path_advice

OTHER = {"valkey": "redis", "redis": "valkey"}


def check_classes(alias: Alias) -> Iterator[CheckMessage]:
    """Report classes of pools, connections and parsers that cannot be had or are of no use."""
    for name, given in alias.options.items():
        if not str(name).endswith("_class"):
            continue
        try:
            found = import_string(given) if isinstance(given, str) else given
        except Exception as error:  # Importing a module may raise anything.
            yield alias.error(
                "django_cachex.E110",
                _("“%(name)s” cannot be imported: %(reason)s")
                % {"name": name, "reason": reason(error)},
                hint(error),
            )
            continue
        if belongs_to(OTHER[alias.backend.driver], found):
            yield _of_the_other_driver(alias, name, found)


def _of_the_other_driver(alias: Alias, name: str, found: type) -> CheckMessage:
    driver = alias.backend.driver
    return alias.error(
        "django_cachex.E110",
        _("“%(name)s” is a class of %(other)s-py, and %(backend)s uses %(driver)s-py.")
        % {
            "name": name,
            "other": OTHER[driver],
            "backend": alias.backend.__name__,
            "driver": driver,
        },
        _('Write "%(name)s": "%(path)s", or leave it out.')
        % {"name": name, "path": f"{driver}.connection.{found.__name__}"},
    )


def belongs_to(package: str, found: Any) -> bool:
    bases = found.__mro__ if isinstance(found, type) else ()
    return any(base.__module__.partition(".")[0] == package for base in bases)


def reason(error: Exception) -> str:
    """Return what went wrong; not in the words of strangers, who may quote anything."""
    name = type(error).__name__
    ours = isinstance(error, ImportError | ImproperlyConfigured)
    return f"{name}: {error}" if ours else name


def hint(error: Exception) -> str:
    """Return what to do about a dotted path that leads to no usable object."""
    if isinstance(error, ImportError):
        return path_advice(error)
    return _("Import it in a shell: that shows where it fails.")
