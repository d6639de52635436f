"""The inspectors of Valkey and Redis."""

from django_cachex.inspectors.valkey.backends import CachexInspector, RedisCacheInspector
from django_cachex.inspectors.valkey.django_redis import DjangoRedisInspector, DjangoValkeyInspector
from django_cachex.inspectors.valkey.vcache import VcacheInspector

__all__ = [
    "CachexInspector",
    "DjangoRedisInspector",
    "DjangoValkeyInspector",
    "RedisCacheInspector",
    "VcacheInspector",
]
