"""Django's own tests of its cache backends, told about ours.

`run.py` copies this file into the `cache` tests of Django's source distribution, where it runs
as `cache.test_cachex` under the settings in `project.py`.
"""

import os

import django
from asgiref.sync import async_to_sync
from cache import tests as django_tests
from django.core.cache import caches
from django.test import TestCase, override_settings

from django_cachex.cache import (
    RedisCache,
    RedisClusterCache,
    RedisSentinelCache,
    ValkeyCache,
    ValkeyClusterCache,
    ValkeySentinelCache,
)

NOT_APPLICABLE = {
    "test_incr_write_connection": "mocks get_client of Django's RedisCacheClient",
    "test_cache_client_class": "asks for Django's RedisCacheClient",
    "test_get_connection_pool_index": "calls a private method of RedisCacheClient",
    "test_get_connection_pool": "calls a private method of RedisCacheClient",
    "test_get_client": "asks for a client of redis-py; ours has none",
    "test_serializer_dumps": "looks at the private attribute _serializer",
    "test_redis_pool_options": "calls a private method of RedisCacheClient",
}

if django.VERSION >= (6, 1):
    NOT_APPLICABLE["test_client_driver_info"] = "asks the private attribute _cache for a client"


def through_the_loop(name):
    """Return the method `name` as a call of its asynchronous twin on an event loop."""

    def method(self, *args, **kwargs):
        return async_to_sync(getattr(self, f"a{name}"))(*args, **kwargs)

    return method


TWINS = (
    *("add", "get", "set", "touch", "delete", "has_key", "get_or_set", "incr", "decr", "close"),
    *("get_many", "set_many", "delete_many", "clear", "incr_version", "decr_version"),
)


def awaited(backend):
    """Return a backend that answers each of Django's methods by its asynchronous twin."""
    methods = {name: through_the_loop(name) for name in TWINS}
    return type(f"Awaited{backend.__name__}", (backend,), methods)


AwaitedValkeyCache = awaited(ValkeyCache)
AwaitedRedisCache = awaited(RedisCache)
AwaitedValkeySentinelCache = awaited(ValkeySentinelCache)
AwaitedRedisSentinelCache = awaited(RedisSentinelCache)
AwaitedValkeyClusterCache = awaited(ValkeyClusterCache)
AwaitedRedisClusterCache = awaited(RedisClusterCache)


def settings_for(backend, location, **options):
    """Return the caches of Django's tests, in a database that no other class leaves keys in."""
    return override_settings(
        CACHES=django_tests.caches_setting_for_tests(
            BACKEND=backend,
            LOCATION=location,
            OPTIONS=options,
            exclude=django_tests.redis_excluded_caches,
        )
    )


def on_server(backend, database):
    return settings_for(backend, f"{os.environ['CACHEX_SUITE_LOCATION']}/{database}")


def on_sentinel(backend, database):
    sentinels = [("127.0.0.1", int(os.environ["CACHEX_SUITE_SENTINEL"]))]
    return settings_for(backend, f"redis://mymaster/{database}", sentinels=sentinels)


def on_cluster(backend):
    return settings_for(backend, os.environ["CACHEX_SUITE_CLUSTER"])


class Contract(django_tests.RedisCacheTests):
    """The tests of Django's RedisCache but for those of its private parts."""

    __unittest_skip__ = False  # Django skips its class where its own backend is not configured.
    incr_decr_type_error = TypeError


for left_out in NOT_APPLICABLE:
    assert hasattr(Contract, left_out), f"{left_out} is no test any more: remove it from the list"
    setattr(Contract, left_out, None)


@on_server("django_cachex.cache.ValkeyCache", 1)
class ValkeyCacheTests(Contract, TestCase):
    pass


@on_server("django_cachex.cache.RedisCache", 2)
class RedisCacheTests(Contract, TestCase):
    pass


@on_server("cache.test_cachex.AwaitedValkeyCache", 3)
class AwaitedValkeyCacheTests(Contract, TestCase):
    pass


@on_server("cache.test_cachex.AwaitedRedisCache", 4)
class AwaitedRedisCacheTests(Contract, TestCase):
    pass


@on_sentinel("django_cachex.cache.ValkeySentinelCache", 1)
class ValkeySentinelCacheTests(Contract, TestCase):
    pass


@on_sentinel("django_cachex.cache.RedisSentinelCache", 2)
class RedisSentinelCacheTests(Contract, TestCase):
    pass


@on_sentinel("cache.test_cachex.AwaitedValkeySentinelCache", 3)
class AwaitedValkeySentinelCacheTests(Contract, TestCase):
    pass


@on_sentinel("cache.test_cachex.AwaitedRedisSentinelCache", 4)
class AwaitedRedisSentinelCacheTests(Contract, TestCase):
    pass


class ClusterContract(Contract):
    """The same on a cluster, whose one database no other class may leave keys in."""

    def setUp(self):
        super().setUp()
        caches["default"].flush_db()


@on_cluster("django_cachex.cache.ValkeyClusterCache")
class ValkeyClusterCacheTests(ClusterContract, TestCase):
    pass


@on_cluster("django_cachex.cache.RedisClusterCache")
class RedisClusterCacheTests(ClusterContract, TestCase):
    pass


@on_cluster("cache.test_cachex.AwaitedValkeyClusterCache")
class AwaitedValkeyClusterCacheTests(ClusterContract, TestCase):
    pass


@on_cluster("cache.test_cachex.AwaitedRedisClusterCache")
class AwaitedRedisClusterCacheTests(ClusterContract, TestCase):
    pass


del ClusterContract
del Contract
