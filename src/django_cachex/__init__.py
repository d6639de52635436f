"""A Django admin for caches, and cache backends for Valkey and Redis."""

from importlib.metadata import version

__version__ = version("django-cachex")
