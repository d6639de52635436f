"""Which inspector serves which backend."""

from __future__ import annotations

from collections import ChainMap

from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.utils.module_loading import import_string

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.limited import BrokenInspector

LIMITED_INSPECTOR = "django_cachex.inspectors.limited.LimitedInspector"

BUILT_IN_INSPECTORS: dict[str, str | type[Inspector]] = {
    "django_cachex.cache.backends.ServerCache": "django_cachex.inspectors.valkey.CachexInspector",
    "django.core.cache.backends.redis.RedisCache": (
        "django_cachex.inspectors.valkey.DjangoRedisInspector"
    ),
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
    "django.core.cache.backends.dummy.DummyCache": "django_cachex.inspectors.dummy.DummyInspector",
}

_registered_inspectors: dict[str, str | type[Inspector]] = {}
_all_inspectors = ChainMap(_registered_inspectors, BUILT_IN_INSPECTORS)


def register(backend: str, inspector: str | type[Inspector]) -> None:
    """Let `inspector` serve caches of the class at the dotted path `backend`, and its subclasses.

    A class registered nearer to the cache's own class wins. `inspector` is a class or its path.
    """
    _registered_inspectors[backend] = inspector


def unregister(backend: str) -> None:
    """Forget what `register` was told of `backend`; nothing if it was told nothing."""
    _registered_inspectors.pop(backend, None)


def inspector_class(cache_class: type) -> type[Inspector]:
    """Return the inspector of the nearest registered class, or the limited one."""
    for ancestor in cache_class.__mro__:
        found = _all_inspectors.get(f"{ancestor.__module__}.{ancestor.__qualname__}")
        if found is not None:
            break
    found = found or LIMITED_INSPECTOR
    inspector: type[Inspector] = import_string(found) if isinstance(found, str) else found
    return inspector


def inspector_for(alias: str) -> Inspector:
    """Return an inspector of this thread's cache object for an alias of `settings.CACHES`.

    A cache that cannot be made (its driver is missing, an option is wrong) gets an inspector that
    can do nothing and says why. Raises InvalidCacheBackendError for an alias that is not there.
    """
    if alias not in settings.CACHES:
        raise InvalidCacheBackendError(f"The connection {alias!r} doesn't exist.")
    params = settings.CACHES[alias]
    try:
        cache = caches[alias]
        if refusal := getattr(cache, "refusal", None):
            return BrokenInspector(alias, params, refusal)
        return inspector_class(type(cache))(alias, cache, params)
    except Exception as error:  # A stranger's constructor may raise anything.
        return BrokenInspector(alias, params, error)
