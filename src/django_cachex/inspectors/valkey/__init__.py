"""The inspectors of Valkey and Redis."""

from django_cachex.inspectors.valkey.backends import CachexInspector, DjangoRedisInspector

__all__ = ["CachexInspector", "DjangoRedisInspector"]
