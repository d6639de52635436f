"""Django cache backends for Valkey and Redis."""

from django_cachex.cache.backends import (
    RedisCache,
    RedisSentinelCache,
    ValkeyCache,
    ValkeySentinelCache,
)
from django_cachex.cache.client import Client
from django_cachex.cache.pipeline import Pipeline

__all__ = [
    "Client",
    "Pipeline",
    "RedisCache",
    "RedisSentinelCache",
    "ValkeyCache",
    "ValkeySentinelCache",
]
