"""Inspectors: one interface to every cache backend. See `Inspector` and `register`."""

from __future__ import annotations

from collections import ChainMap
from typing import Any

from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.limited import BrokenInspector
from django_cachex.inspectors.wrappers import GetInner, Wrapper, wrapper_inspector_class

__all__ = ["Inspector", "inspector_for", "register", "register_wrapper", "unregister"]

LIMITED_INSPECTOR = "django_cachex.inspectors.limited.LimitedInspector"

BUILT_IN_INSPECTORS: dict[str, str | type[Inspector]] = {
    "django_cachex.cache.backends.ServerCache": "django_cachex.inspectors.valkey.CachexInspector",
    "django.core.cache.backends.redis.RedisCache": (
        "django_cachex.inspectors.valkey.RedisCacheInspector"
    ),
    "django_redis.cache.RedisCache": "django_cachex.inspectors.valkey.DjangoRedisInspector",
    "django_valkey.base.BaseValkeyCache": "django_cachex.inspectors.valkey.DjangoValkeyInspector",
    "django_vcache.backend.ValkeyCache": "django_cachex.inspectors.valkey.VcacheInspector",
    "django.core.cache.backends.locmem.LocMemCache": (
        "django_cachex.inspectors.locmem.LocMemInspector"
    ),
    "django.core.cache.backends.db.DatabaseCache": (
        "django_cachex.inspectors.database.DatabaseInspector"
    ),
    "django.core.cache.backends.filebased.FileBasedCache": (
        "django_cachex.inspectors.filebased.FileBasedInspector"
    ),
    "django.core.cache.backends.memcached.BaseMemcachedCache": (
        "django_cachex.inspectors.memcached.MemcachedInspector"
    ),
    "diskcache.djangocache.DjangoCache": ("django_cachex.inspectors.diskcache.DiskcacheInspector"),
    "django.core.cache.backends.dummy.DummyCache": (
        "django_cachex.inspectors.limited.DummyInspector"
    ),
}

Registration = str | type[Inspector] | Wrapper

_registrations: dict[str, Registration] = {}
_all_registrations: ChainMap[str, Registration] = ChainMap(
    _registrations,
    BUILT_IN_INSPECTORS,  # type: ignore[arg-type]  # It is never changed.
)


def register(backend: str, inspector: str | type[Inspector]) -> None:
    """Register an inspector for a backend and its subclasses.

    If several classes in the MRO of a cache are registered, the first one is used.

    Args:
        backend: the dotted path of the backend: its `__module__` and `__qualname__`.
        inspector: the inspector's class or its dotted path.
    """
    _registrations[backend] = inspector


def register_wrapper(backend: str, get_inner: GetInner) -> None:
    """Register a backend that passes its entries on to another alias, and its subclasses.

    The admin shows and changes the entries of that alias. The wrapper must pass keys and versions
    on as they are, because the inner cache creates the stored keys.

    Args:
        backend: the dotted path of the backend: its `__module__` and `__qualname__`.
        get_inner: returns the alias of the inner cache. It is called with the cache object and
            its settings from `CACHES`, for every page, so it must not connect to a server.
    """
    _registrations[backend] = Wrapper(get_inner)


def unregister(backend: str) -> None:
    """Remove the registration of a backend, if there is one."""
    _registrations.pop(backend, None)


def find_registration(cache_class: type) -> Registration:
    """Return the registration of the first registered class in the MRO."""
    for ancestor in cache_class.__mro__:
        registration = _all_registrations.get(f"{ancestor.__module__}.{ancestor.__qualname__}")
        if registration is not None:
            return registration
    return LIMITED_INSPECTOR


def inspector_class(cache_class: type) -> type[Inspector]:
    """Return the inspector of the first registered class in the MRO, or `LimitedInspector`."""
    registration = find_registration(cache_class)
    if isinstance(registration, Wrapper):
        raise TypeError(f"{cache_class.__qualname__} is a wrapper.")
    inspector: type[Inspector] = (
        import_string(registration) if isinstance(registration, str) else registration
    )
    return inspector


def inspector_for(alias: str) -> Inspector:
    """Return an inspector for an alias of `settings.CACHES`.

    It uses the cache object of the current thread. If the cache can't be created, because a driver
    is missing or an option is invalid, the inspector has no abilities and explains why.

    Raises:
        InvalidCacheBackendError: the alias doesn't exist.
    """
    if alias not in settings.CACHES:
        raise InvalidCacheBackendError(f"The connection {alias!r} doesn't exist.")
    try:
        inner_alias = follow_wrappers(alias)
        if inner_alias != alias:
            return make_wrapper_inspector(alias, inner_alias)
        cache = caches[alias]
        if refusal := getattr(cache, "_config_error", None):
            raise refusal.with_traceback(None)
        return inspector_class(type(cache))(alias, cache, settings.CACHES[alias])
    except Exception as error:  # Third-party constructors may raise anything.
        return BrokenInspector(alias, settings.CACHES[alias], error)


def follow_wrappers(alias: str) -> str:
    """Return the alias of the innermost cache: the alias itself unless its backend is a wrapper.

    Raises:
        ImproperlyConfigured: caches wrap each other.
    """
    cache, followed = caches[alias], [alias]
    while isinstance(registration := find_registration(type(cache)), Wrapper):
        alias = registration.get_inner(cache, settings.CACHES[alias])
        if alias in followed:
            raise ImproperlyConfigured(f"These caches wrap each other: {', '.join(followed)}.")
        followed.append(alias)
        try:
            cache = caches[alias]
        except Exception:
            raise inner_cache_error(alias) from None
    return alias


def make_wrapper_inspector(alias: str, inner_alias: str) -> Inspector:
    """Return an inspector for an alias whose entries are those of another alias."""
    inner = inspector_for(inner_alias)
    if isinstance(inner, BrokenInspector):
        raise inner_cache_error(inner_alias)
    inner_class: Any = type(inner)  # Any: type checkers don't know that classes are hashable.
    wrapper_class = wrapper_inspector_class(inner_class)
    return wrapper_class(alias, caches[inner_alias], inner.params, inner_alias)


def inner_cache_error(alias: str) -> ImproperlyConfigured:
    """Return the error of a wrapper whose inner cache is missing or broken.

    The reason is on the page of the inner cache. It may contain secrets of its settings.
    """
    return ImproperlyConfigured(f'The inner cache "{alias}" couldn\'t be set up.')
