"""The classes of a driver that OPTIONS may replace, and what they must be."""

from __future__ import annotations

import inspect
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_cachex.cache.drivers import Driver
from django_cachex.cache.formats import path_advice
from django_cachex.cache.translation import gettext as _

OTHER = {"valkey": "redis", "redis": "valkey"}

METHODS = {
    "pool_class": ("from_url", "disconnect"),
    "connection_class": ("connect", "disconnect"),
    "parser_class": ("on_connect", "read_response"),
}
"""What they must have; the last method is a coroutine's in those for event loops."""
ROLES = (*METHODS, "async_pool_class", "async_parser_class")


def imported(given: Any) -> Any:
    """Return what an option names by its dotted path, or is."""
    return import_string(given) if isinstance(given, str) else given


def wrong_class(driver: Driver, name: str, given: Any) -> tuple[str, str] | None:
    """Return what is wrong with the class that an option names, and what to do; None if nothing."""
    try:
        found = imported(given)
    except Exception as error:  # Importing a module may raise anything.
        problem = _("“%(name)s” cannot be imported: %(reason)s")
        return problem % {"name": name, "reason": reason(error)}, hint(error)
    if belongs_to(OTHER[driver.name], found):
        problem = _("“%(name)s” is a class of %(other)s-py, and this cache uses %(driver)s-py.")
        names = {"name": name, "other": OTHER[driver.name], "driver": driver.name}
        return problem % names, instead(driver, name, found.__name__)
    if not fits(name, found):
        problem = _("“%(name)s” is no class that %(driver)s-py could use there.")
        return problem % {"name": name, "driver": driver.name}, instead(driver, name)
    return None


def fits(name: str, found: Any) -> bool:
    """Return whether `found` is a class with the methods that are called, of the right half."""
    methods = METHODS[name.removeprefix("async_")]
    if not isinstance(found, type) or not all(hasattr(found, one) for one in methods):
        return False
    return inspect.iscoroutinefunction(getattr(found, methods[-1])) is name.startswith("async_")


def instead(driver: Driver, name: str, class_name: str | None = None) -> str:
    usual = {"pool_class": "ConnectionPool", "connection_class": "Connection"}
    module = f"{driver.name}.{'asyncio.' if name.startswith('async_') else ''}connection"
    class_name = class_name or usual.get(name.removeprefix("async_"), "DefaultParser")
    return _('Write "%(name)s": "%(path)s", or leave it out.') % {
        "name": name,
        "path": f"{module}.{class_name}",
    }


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
