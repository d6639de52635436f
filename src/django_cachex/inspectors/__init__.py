"""Inspectors: one interface to every cache backend. See `Inspector` and `register`."""

from __future__ import annotations

from collections import ChainMap

from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.utils.module_loading import import_string

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.limited import BrokenInspector

__all__ = ["Inspector", "inspector_for", "register", "unregister"]

LIMITED_INSPECTOR = "django_cachex.inspectors.limited.LimitedInspector"

BUILT_IN_INSPECTORS: dict[str, str | type[Inspector]] = {
    "django_cachex.cache.backends.ServerCache": "django_cachex.inspectors.valkey.CachexInspector",
    "django.core.cache.backends.redis.RedisCache": (
        "django_cachex.inspectors.valkey.RedisCacheInspector"
    ),
    "django_redis.cache.RedisCache": "django_cachex.inspectors.valkey.DjangoRedisInspector",
    "django_valkey.base.BaseValkeyCache": "django_cachex.inspectors.valkey.DjangoValkeyInspector",
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

_registered_inspectors: dict[str, str | type[Inspector]] = {}
_all_inspectors = ChainMap(_registered_inspectors, BUILT_IN_INSPECTORS)


def register(backend: str, inspector: str | type[Inspector]) -> None:
    """Register an inspector for a backend and its subclasses.

    If several classes in the MRO of a cache are registered, the first one is used.

    Args:
        backend: the dotted path of the backend: its `__module__` and `__qualname__`.
        inspector: the inspector's class or its dotted path.
    """
    _registered_inspectors[backend] = inspector


def unregister(backend: str) -> None:
    """Remove the registration of a backend, if there is one."""
    _registered_inspectors.pop(backend, None)


def inspector_class(cache_class: type) -> type[Inspector]:
    """Return the inspector of the first registered class in the MRO, or `LimitedInspector`."""
    for ancestor in cache_class.__mro__:
        registered = _all_inspectors.get(f"{ancestor.__module__}.{ancestor.__qualname__}")
        if registered is not None:
            break
    registered = registered or LIMITED_INSPECTOR
    inspector: type[Inspector] = (
        import_string(registered) if isinstance(registered, str) else registered
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
    params = settings.CACHES[alias]
    try:
        cache = caches[alias]
        if refusal := getattr(cache, "_config_error", None):
            return BrokenInspector(alias, params, refusal)
        return inspector_class(type(cache))(alias, cache, params)
    except Exception as error:  # Third-party constructors may raise anything.
        return BrokenInspector(alias, params, error)
