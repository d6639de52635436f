"""Django cache backends for Valkey and Redis."""

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
