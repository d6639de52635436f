"""A primary and its replicas under the watch of Sentinel, which is asked where they are."""

from django_cachex.cache.sentinel.client import SentinelClient
from django_cachex.cache.sentinel.server import SentinelServer

__all__ = ["SentinelClient", "SentinelServer"]
