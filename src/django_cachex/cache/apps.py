from __future__ import annotations

from django.apps import AppConfig


class CacheConfig(AppConfig):
    """An app for projects without the cache admin, to get the system checks.

    Django imports a BACKEND while it runs the checks, which is too late to register others.
    """

    name = "django_cachex.cache"
    label = "django_cachex_cache"
