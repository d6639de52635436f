"""Django cache backends for Valkey and Redis. Importing them registers the system checks."""

from django_cachex.cache import checks as _checks  # noqa: F401  # It registers them.
from django_cachex.cache.backends import (
    RedisCache,
    RedisClusterCache,
    RedisSentinelCache,
    ValkeyCache,
    ValkeyClusterCache,
    ValkeySentinelCache,
)
from django_cachex.cache.client import Client
from django_cachex.cache.pipeline import Pipeline

__all__ = [
    "Client",
    "Pipeline",
    "RedisCache",
    "RedisClusterCache",
    "RedisSentinelCache",
    "ValkeyCache",
    "ValkeyClusterCache",
    "ValkeySentinelCache",
]
