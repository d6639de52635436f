"""LOCATION and OPTIONS in all the forms that Django's RedisCache takes, and those refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache import Client
from django_cachex.commands import (
    AccessDenied,
    Command,
    ServerTimeout,
    ServerUnavailable,
)
from django_cachex.commands.command import parse_raw
from tests import servers
from tests.cache.conftest import BACKENDS, MakeCache, url
from tests.servers import Server

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


def openssl(folder: Path, *arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True)


def test_tls(driver: str, tmp_path: Path) -> None:
    program = servers.redis_server()
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    request += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    openssl(tmp_path, *request, "-keyout", "key.pem", "-out", "cert.pem")
    certificate, port = str(tmp_path / "cert.pem"), servers.free_port()
    options = ["--tls-port", str(port), "--tls-auth-clients", "no"]
    options += ["--tls-cert-file", certificate, "--tls-key-file", str(tmp_path / "key.pem")]
    with servers.valkey(*options, "--tls-ca-cert-file", certificate, program=program):
        location = f"rediss://127.0.0.1:{port}/0"
        cache = BACKENDS[driver](location, {"OPTIONS": {"ssl_ca_certs": certificate}})
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


def test_a_pool_that_waits(driver: str, valkey_server: Server) -> None:
    pool = f"{driver}.connection.BlockingConnectionPool"
    options = {"pool_class": pool, "max_connections": 1, "timeout": 0.1}
    cache = BACKENDS[driver](url(valkey_server), {"OPTIONS": options})
    cache.set("key", 1)
    assert cache.get("key") == 1

    async def main() -> list[Any]:
        import asyncio

        return list(await asyncio.gather(*(cache.aget("key") for _ in range(5))))

    import asyncio

    assert asyncio.run(main()) == [1] * 5


def test_a_parser_by_its_path(driver: str, valkey_server: Server) -> None:
    import asyncio

    options = {"parser_class": f"{driver}.connection._RESP2Parser"}
    cache = BACKENDS[driver](url(valkey_server), {"OPTIONS": options})
    cache.set("key", b"\x00" * 100_000)
    assert cache.get("key") == b"\x00" * 100_000
    assert asyncio.run(cache.aget("key")) == b"\x00" * 100_000


def test_retries_work_on_both_sides(driver: str, valkey_server: Server) -> None:
    import asyncio
    from importlib import import_module

    retry = import_module(f"{driver}.retry").Retry(
        import_module(f"{driver}.backoff").NoBackoff(), 2
    )
    options = {"retry": retry, "retry_on_timeout": True, "health_check_interval": 1}
    cache = BACKENDS[driver](url(valkey_server), {"OPTIONS": options})
    cache.set("key", 1)
    assert asyncio.run(cache.aget("key")) == 1


# What is refused


@pytest.mark.parametrize(
    ("query", "options"),
    [("", {"decode_responses": True}), ("?decode_responses=True", {}), ("?decode_responses=0", {})],
)
def test_decoding_replies_is_refused(driver: str, query: str, options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match="decode_responses"):
        BACKENDS[driver](f"redis://127.0.0.1:1/0{query}", {"OPTIONS": options}).get("key")


@pytest.mark.parametrize(("query", "options"), [("", {"protocol": 3}), ("?protocol=3", {})])
def test_another_protocol_is_refused(driver: str, query: str, options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match="protocol"):
        BACKENDS[driver](f"redis://127.0.0.1:1/0{query}", {"OPTIONS": options}).get("key")


def test_what_asks_for_what_we_do_anyway_is_not_refused(cache: Any, make_cache: MakeCache) -> None:
    for options in ({"protocol": 2}, {"decode_responses": False}, {"protocol": None}):
        assert make_cache(OPTIONS=options).get("key") is None


@pytest.mark.parametrize("location", ["", [], "127.0.0.1:6379", "http://127.0.0.1", None, [""]])
def test_a_location_that_is_no_url_is_refused(driver: str, location: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="LOCATION"):
        BACKENDS[driver](location or [], {}).get("key")


def test_a_password_that_breaks_the_url_is_not_quoted(driver: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="percent-encoded") as error:
        BACKENDS[driver]("redis://user:hu/sh@127.0.0.1:6379/0", {}).get("key")
    assert error.value.__cause__ is None
    assert error.value.__context__ is None
    assert "hu" not in str(error.value)


def test_a_driver_that_is_not_installed_is_named(driver: str) -> None:
    script = f"""
import sys
sys.modules["{driver}"] = None
from django.conf import settings
settings.configure()
from django_cachex.cache import RedisCache, ValkeyCache
from django.core.exceptions import ImproperlyConfigured
try:
    dict(valkey=ValkeyCache, redis=RedisCache)["{driver}"]("redis://127.0.0.1", {{}}).get("key")
except ImproperlyConfigured as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stdout.strip().endswith(f"pip install {driver}"), ended.stderr


# Servers that do not answer


def test_nobody_there(driver: str) -> None:
    cache = BACKENDS[driver](f"redis://user:hush@127.0.0.1:{servers.free_port()}", {})
    with pytest.raises(ServerUnavailable) as error:
        cache.get("key")
    assert "hush" not in str(error.value)
    assert type(error.value.__cause__).__module__.startswith(driver)


def test_a_server_that_never_answers(driver: str) -> None:
    import asyncio

    with servers.silent() as port:
        options = {"socket_timeout": 0.2}
        cache = BACKENDS[driver](f"redis://127.0.0.1:{port}", {"OPTIONS": options})
        began = time.monotonic()
        with pytest.raises(ServerTimeout):
            cache.get("key")
        with pytest.raises(ServerTimeout):
            asyncio.run(cache.aget("key"))
        assert time.monotonic() - began < 3


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
