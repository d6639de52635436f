"""The inspectors of Valkey and Redis hold the contract that every inspector holds."""

from __future__ import annotations

from typing import Any

import pytest

from django_cachex.inspectors.base import Support
from tests import servers
from tests.inspectors.contract import ABILITIES, FlushContract, ListingContract
from tests.inspectors.values_contract import TtlContract


class ServerContract(ListingContract, TtlContract, FlushContract):
    abilities = ABILITIES - {"can_get_unsafely"}
    exact_pages = False


class TestValkeyCache(ServerContract):
    support = Support.CACHEX
    whole_store = False

    @pytest.fixture
    def params(self, valkey_server: servers.Server) -> dict[str, Any]:
        return {
            "BACKEND": "django_cachex.cache.ValkeyCache",
            "LOCATION": f"valkey://{valkey_server.address}/0",
        }


class TestRedisCache(ServerContract):
    support = Support.CACHEX
    whole_store = False

    @pytest.fixture
    def params(self, redis_server: servers.Server) -> dict[str, Any]:
        return {
            "BACKEND": "django_cachex.cache.RedisCache",
            "LOCATION": f"redis://{redis_server.address}/0",
        }


class TestDjangoRedisCache(ServerContract):
    support = Support.WRAPPED

    @pytest.fixture
    def params(self, redis_server: servers.Server) -> dict[str, Any]:
        return {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://{redis_server.address}/0",
        }
