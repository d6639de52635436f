"""What the classes of a driver take, which make its connections."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from django.utils.module_loading import import_string

from django_cachex.cache.drivers import Driver

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Parameters:
    """What a class takes when it is called."""

    names: frozenset[str]
    others: bool
    """Whether it takes any other name as well."""


@functools.cache
def parameters(kind: type) -> Parameters:
    """Return what `kind` and, as long as each passes others on, its bases take."""
    names: set[str] = set()
    for base in kind.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        taken = inspect.signature(vars(base)["__init__"]).parameters
        names.update(name for name, one in taken.items() if one.kind in NAMED)
        if all(one.kind is not one.VAR_KEYWORD for one in taken.values()):
            return Parameters(frozenset(names - {"self"}), False)
    return Parameters(frozenset(names - {"self"}), True)


@dataclass(frozen=True)
class Half:
    """The blocking or the asynchronous half of a driver: the classes that will be called."""

    pool: type
    connection: type

    def refuses(self, name: str) -> bool:
        taken = parameters(self.connection)
        return not taken.others and name not in self.names()

    def names(self) -> frozenset[str]:
        return parameters(self.pool).names | parameters(self.connection).names


def blocking_half(driver: Driver, url: str, options: Mapping[str, Any]) -> Half:
    module = driver.blocking
    pool = class_of(options.get("pool_class"), module.ConnectionPool)
    connection = class_of(options.get("connection_class"), connection_for(module, url))
    return Half(pool, connection)


def async_half(driver: Driver, url: str, options: Mapping[str, Any]) -> Half:
    module = driver.awaitable
    pool = class_of(options.get("async_pool_class"), module.ConnectionPool)
    return Half(pool, connection_for(module, url))


def class_of(given: Any, default: type) -> type:
    """Return the class that an option names; `default` where it names none."""
    try:
        found = import_string(given) if isinstance(given, str) else given
    except Exception:  # Modules may raise anything. A check of its own says so.
        return default
    return found if isinstance(found, type) else default


def connection_for(module: ModuleType, url: str) -> type:
    """Return the class that the driver takes for `url`, by its scheme."""
    try:
        found = module.parse_url(url).get("connection_class")
    except ValueError:
        found = None
    return found if isinstance(found, type) else module.Connection
