"""LOCATION and OPTIONS in all the forms that Django's RedisCache takes."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from typing import Any

import pytest

from django_cachex.cache import Client
from django_cachex.commands import (
    AccessDenied,
    Command,
    ServerUnavailable,
)
from django_cachex.commands.command import parse_raw
from tests import servers
from tests.cache.conftest import BACKENDS, EACH_DRIVER, Certificate, MakeCache, url
from tests.servers import Server

pytestmark = EACH_DRIVER

NAME = Command(("CLIENT", "GETNAME"), parse_raw)


def test_several_servers_in_one_string_or_in_a_list(
    make_cache: MakeCache, valkey_server: Server
) -> None:
    one, two = url(valkey_server, 1), url(valkey_server, 2)
    for location in f"{one};{two}", f"{one},{two}", [one, two], (one, two):
        cache = make_cache(location)
        assert cache._location == [one, two]
        assert cache.client.server.address.endswith("/1")
        assert [replica.address[-2:] for replica in cache.client.replicas] == ["/2"]


def test_options_reach_the_driver(make_cache: MakeCache) -> None:
    cache = make_cache(OPTIONS={"client_name": "mine", "db": 3})
    assert cache.client.run(NAME) == b"mine"
    assert cache.client.server.address.endswith("/0")  # The URL wins, as in the drivers.


@pytest.mark.parametrize("name", ["MAX_ENTRIES", "CULL_FREQUENCY", "max_entries", "TIMEOUT"])
def test_settings_of_the_cache_do_not_reach_the_driver(make_cache: MakeCache, name: str) -> None:
    cache = make_cache(OPTIONS={name: 7}, max_entries=5, cull_frequency=2)
    cache.set("key", 1)
    assert cache.get("key") == 1


def test_a_unix_socket(driver: str, valkey_server: Server) -> None:
    cache = BACKENDS[driver](f"unix://{valkey_server.folder / 's'}?db=4", {})
    cache.set("key", 1)
    assert cache.get("key") == 1
    assert Client.from_settings(driver, url(valkey_server, 4)).get(b":1:key") == b"1"


def test_tls(driver: str, certificate: Certificate) -> None:
    program = servers.redis_server()
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    made, key = certificate
    port = servers.free_port()
    options = ["--tls-port", str(port), "--tls-auth-clients", "no", "--tls-ca-cert-file", made]
    options += ["--tls-cert-file", made, "--tls-key-file", key]
    with servers.valkey(*options, program=program):
        location = f"rediss://127.0.0.1:{port}/0"
        cache = BACKENDS[driver](location, {"OPTIONS": {"ssl_ca_certs": made}})
        cache.set("key", 1)
        assert cache.get("key") == 1
        with pytest.raises(ServerUnavailable, match=r"(?i)certificate|ssl"):
            BACKENDS[driver](location, {}).get("key")


class JSONSerializer:
    def dumps(self, obj: Any) -> str:
        return json.dumps(obj)

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


@pytest.mark.parametrize(
    "serializer",
    [JSONSerializer, JSONSerializer(), "tests.cache.test_configuration.JSONSerializer"],
    ids=["class", "instance", "path"],
)
def test_the_serializer_is_a_class_an_instance_or_a_path(
    make_cache: MakeCache, serializer: Any
) -> None:
    cache = make_cache(OPTIONS={"serializer": serializer})
    cache.set("key", {"a": [1]})
    assert cache.get("key") == {"a": [1]}
    assert cache.client.get(b":1:key") == b'{"a": [1]}'
    cache.set("number", 5)
    assert cache.incr("number") == 6
    assert cache._encode([1]) == b"[1]"
    assert cache._decode(b"[1]") == [1]


def test_djangos_serializer_may_give_integers_of_any_size(make_cache: MakeCache) -> None:
    path = "django.core.cache.backends.redis.RedisSerializer"
    cache = make_cache(OPTIONS={"serializer": path})
    cache.set("key", 2**70)
    assert cache.get("key") == 2**70


async def test_a_pool_that_waits(driver: str, valkey_server: Server) -> None:
    pool = f"{driver}.connection.BlockingConnectionPool"
    options = {"pool_class": pool, "max_connections": 1, "timeout": 0.1}
    cache = BACKENDS[driver](url(valkey_server), {"OPTIONS": options})
    cache.set("key", 1)
    assert cache.get("key") == 1
    assert await asyncio.gather(*(cache.aget("key") for _ in range(5))) == [1] * 5


def test_a_parser_by_its_path(driver: str, valkey_server: Server) -> None:
    options = {"parser_class": f"{driver}.connection._RESP2Parser"}
    cache = BACKENDS[driver](url(valkey_server), {"OPTIONS": options})
    cache.set("key", b"\x00" * 100_000)
    assert cache.get("key") == b"\x00" * 100_000
    assert asyncio.run(cache.aget("key")) == b"\x00" * 100_000


def test_retries_work_on_both_sides(driver: str, valkey_server: Server) -> None:
    retry = import_module(f"{driver}.retry").Retry(
        import_module(f"{driver}.backoff").NoBackoff(), 2
    )
    options = {"retry": retry, "retry_on_timeout": True, "health_check_interval": 1}
    cache = BACKENDS[driver](url(valkey_server), {"OPTIONS": options})
    cache.set("key", 1)
    assert asyncio.run(cache.aget("key")) == 1


def test_what_asks_for_what_we_do_anyway_is_not_refused(cache: Any, make_cache: MakeCache) -> None:
    for options in ({"protocol": 2}, {"decode_responses": False}, {"protocol": None}):
        assert make_cache(OPTIONS=options).get("key") is None


# Servers that do not answer


def test_nobody_there(driver: str) -> None:
    cache = BACKENDS[driver](f"redis://user:hush@127.0.0.1:{servers.free_port()}", {})
    with pytest.raises(ServerUnavailable) as error:
        cache.get("key")
    assert "hush" not in str(error.value)
    assert type(error.value.__cause__).__module__.startswith(driver)


def test_connecting_ends_after_five_seconds_unless_told_otherwise(driver: str) -> None:
    cache = BACKENDS[driver]("redis://127.0.0.1", {})
    assert cache.client.server.configuration.options["socket_connect_timeout"] == 5
    cache = BACKENDS[driver]("redis://127.0.0.1", {"OPTIONS": {"socket_connect_timeout": 1}})
    assert cache.client.server.configuration.options["socket_connect_timeout"] == 1


def test_a_wrong_password_is_access_denied_and_never_said(driver: str) -> None:
    with servers.valkey("--requirepass", "right") as server:
        cache = BACKENDS[driver](f"redis://:wrong-hush@{server.address}", {})
        with pytest.raises(AccessDenied) as error:
            cache.get("key")
        assert "hush" not in str(error.value)
        with pytest.raises(AccessDenied):
            BACKENDS[driver](url(server), {}).get("key")
        cache = BACKENDS[driver](f"redis://:right@{server.address}", {})
        assert cache.get("key") is None
