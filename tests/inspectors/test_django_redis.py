"""The inspectors of django-redis and django-valkey, with each of their clients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.core.cache import caches

from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.base import Support
from django_cachex.inspectors.edits import AddValue, Copy, EditStatus, Rename, SetValue
from django_cachex.inspectors.query import Query, Scope
from django_cachex.inspectors.types import TTL_NONE
from tests import servers
from tests.inspectors.contract import HOSTILE_KEYS, listed
from tests.inspectors.test_valkey import ServerContract

BACKENDS = {
    "django_redis": "django_redis.cache.RedisCache",
    "django_valkey": "django_valkey.cache.ValkeyCache",
}

EACH_PACKAGE = pytest.mark.parametrize("package", BACKENDS)

Configure = Callable[..., Inspector]


class TestDjangoRedis(ServerContract):
    @pytest.fixture
    def params(self, redis_server: servers.Server) -> dict[str, Any]:
        return {
            "BACKEND": BACKENDS["django_redis"],
            "LOCATION": f"redis://{redis_server.address}/0",
        }


class TestDjangoValkey(ServerContract):
    hostile_keys = tuple(key for key in HOSTILE_KEYS if key)  # An empty key gets no prefix there.

    @pytest.fixture
    def params(self, valkey_server: servers.Server) -> dict[str, Any]:
        return {
            "BACKEND": BACKENDS["django_valkey"],
            "LOCATION": f"valkey://{valkey_server.address}/0",
        }

    def as_read(self, value: Any) -> Any:
        is_negative = type(value) is int and value < 0
        return float(value) if is_negative else value  # As the package reads it.


@pytest.fixture
def configure(settings: Any, valkey_server: servers.Server) -> Iterator[Configure]:
    """Configure an alias of a package; return its inspector."""

    def configure(
        package: str, backend: str = "", location: Any = None, **options: Any
    ) -> Inspector:
        scheme = package.removeprefix("django_")
        settings.CACHES = {
            "default": {
                "BACKEND": backend or BACKENDS[package],
                "LOCATION": location or f"{scheme}://{valkey_server.address}/0",
                "OPTIONS": options,
            }
        }
        return inspector_for("default")

    yield configure
    with suppress(AttributeError):
        del caches["default"]  # django-valkey can't close a cache that it can't set up.


def edit_and_read(inspector: Inspector, before: Any, after: Any) -> Any:
    """Store a value with the backend, edit it with the inspector, and read it with the backend."""
    inspector.cache.set("key", before, 60)
    stored = inspector.make_key("key")
    key_value = inspector.read(stored)
    assert key_value is not None
    assert key_value.content is not None
    assert key_value.content.value == before
    assert key_value.content.editable, str(key_value.content.not_editable_reason)
    result = inspector.apply(stored, SetValue(after, key_value.expected))
    assert result.status == EditStatus.DONE
    return inspector.cache.get("key")


VALUES = {"plan": "pro", "items": ["x" * 500, 1, None]}


@EACH_PACKAGE
@pytest.mark.parametrize(
    "serializer", ["pickle.PickleSerializer", "json.JSONSerializer", "msgpack.MSGPackSerializer"]
)
@pytest.mark.parametrize(
    "compressor", ["identity.IdentityCompressor", "zlib.ZlibCompressor", "lzma.LzmaCompressor"]
)
def test_values_are_edited_through_serializer_and_compressor(
    configure: Configure, package: str, serializer: str, compressor: str
) -> None:
    inspector = configure(
        package,
        SERIALIZER=f"{package}.serializers.{serializer}",
        COMPRESSOR=f"{package}.compressors.{compressor}",
    )
    assert edit_and_read(inspector, VALUES, {"plan": "free"}) == {"plan": "free"}
    assert edit_and_read(inspector, 7, 8) == 8


@EACH_PACKAGE
def test_a_serializer_of_the_project_is_recognized_by_what_it_writes(
    configure: Configure, package: str
) -> None:
    inspector = configure(package, SERIALIZER=f"{__name__}.ProjectSerializer")
    assert edit_and_read(inspector, VALUES, {"plan": "free"}) == {"plan": "free"}


class ProjectSerializer:
    """A serializer as a project may write it."""

    def __init__(self, options: dict[str, Any]) -> None:
        import json

        self.dumps = lambda value: json.dumps(value).encode()
        self.loads = json.loads


@EACH_PACKAGE
def test_the_value_of_the_herd_client_is_shown_without_its_marker(
    configure: Configure, package: str
) -> None:
    inspector = configure(package, CLIENT_CLASS=f"{package}.client.HerdClient")
    assert edit_and_read(inspector, VALUES, {"plan": "free"}) == {"plan": "free"}


def test_numbers_of_django_valkey_are_read_as_it_reads_them(configure: Configure) -> None:
    inspector = configure("django_valkey")
    assert edit_and_read(inspector, 1.5, 2.25) == 2.25
    inspector.cache.client.get_client(write=True).set(":1:key", "1e5")
    key_value = inspector.read(b":1:key")
    assert key_value is not None
    assert key_value.content is not None
    assert key_value.content.value == inspector.cache.get("key") == 1e5
    assert key_value.content.not_editable_reason


@EACH_PACKAGE
def test_passwords_and_pool_options_are_used_and_not_shown(
    configure: Configure, package: str
) -> None:
    with servers.valkey("--requirepass", "hunter2") as server:
        for options in (
            {"PASSWORD": "hunter2"},
            {"CONNECTION_POOL_KWARGS": {"password": "hunter2", "max_connections": 1}},
        ):
            location = f"{package.removeprefix('django_')}://{server.address}/0"
            inspector = configure(package, location=location, **options)
            inspector.cache.set("key", "value")
            assert listed(inspector) == {b":1:key"}
            sections = [inspector.configuration(), *inspector.info()]
            assert "hunter2" not in repr(sections) + inspector.location


def key_last(key: str, prefix: str, version: int) -> str:
    return f"{prefix}|{version}|{key}"


def turned_key(key: str, prefix: str, version: int) -> str:
    return f"{key[::-1]}|{version}|{prefix}"


def turn_key_back(stored: str) -> Any:
    """Return the key of a stored key, as a project may write it, and nonsense for other names."""
    if stored.startswith("bytes"):
        return stored.encode()
    if stored.startswith("exit"):
        raise ArithmeticError
    key, _version, _prefix = stored.rsplit("|", 2)
    return key[::-1]


@EACH_PACKAGE
def test_sockets_and_key_functions_are_those_of_the_package(
    settings: Any, valkey_server: servers.Server, package: str
) -> None:
    params = {
        "BACKEND": BACKENDS[package],
        "LOCATION": f"unix://{valkey_server.folder / 's'}?db=2",
        "KEY_PREFIX": "shop",
        "OPTIONS": {"SOCKET_TIMEOUT": 5, "SOCKET_CONNECT_TIMEOUT": 5},
    }
    settings.CACHES = {
        "default": {**params, "KEY_FUNCTION": f"{__name__}.key_last"},
        "other": {**params, "KEY_FUNCTION": f"{__name__}.turned_key"},
    }
    inspector = inspector_for("default")
    assert edit_and_read(inspector, VALUES, "after") == "after"
    assert listed(inspector) == {b"shop|1|key"}
    assert inspector.display_key(b"shop|1|key") == "key"
    # Without a prefix or a REVERSE_KEY_FUNCTION, keys open by their names.
    other = inspector_for("other")
    assert edit_and_read(other, VALUES, "after") == "after"
    assert not other.can_list
    assert "KEY_FUNCTION" in str(other.unsupported_reason("can_list"))


@EACH_PACKAGE
def test_keys_are_listed_that_a_function_of_the_project_reverses(
    configure: Configure, package: str, settings: Any
) -> None:
    configure(package)
    changes = {
        "KEY_PREFIX": "shop",
        "KEY_FUNCTION": f"{__name__}.turned_key",
        "REVERSE_KEY_FUNCTION": f"{__name__}.turn_key_back",
    }
    settings.CACHES = {"default": {**settings.CACHES["default"], **changes}}
    inspector = inspector_for("default")
    names = {"user:1", "user:2:user:", "a|b", "glob*?[a]", "naïve ключ", "x" * 1000}
    for name in names:
        inspector.cache.set(name, name, 60)
    strangers = {
        *(b"1:resu|2|shop", b"1:resu|1|other", b"1:resu|1|shop\n", b"bytes|1|shop"),
        *(b"exit|1|shop", b"resu", b"\xff|1|shop", b"x" * 10_000 + b"|1|shop"),
    }
    for stored in strangers:
        inspector.cache.client.get_client(write=True).set(stored, "7")

    def found(text: str) -> set[str]:
        return {inspector.display_key(stored) for stored in listed(inspector, text)}

    assert found("") == names
    assert found("user:*") == found("ser:") == {"user:1", "user:2:user:"}
    assert found("*:1") == {"user:1"}
    assert found("*[a]") == {"glob*?[a]"}
    assert found("|1|") == set()
    assert listed(inspector, Query(scope=Scope.STORE)) == strangers | {
        inspector.make_key(name) for name in names
    }
    assert inspector.scopes == (Scope.VERSION, Scope.STORE)
    assert not any(map(inspector.owns, strangers))
    assert {inspector.display_key(stored) for stored in strangers} >= {"resu", "1:resu|2|shop"}

    assert edit_and_read(inspector, VALUES, "after") == "after"
    stored = inspector.make_key("key")
    assert "get('key')" in inspector.snippets(stored, "string")[-1].text
    moved = inspector.apply(stored, Rename(inspector.make_key("renamed")))
    assert moved.status == EditStatus.DONE
    assert inspector.cache.get("renamed") == "after"
    assert found("renam") == {"renamed"}
    # What the function can't turn back could not be opened any more.
    lost, renamed = inspector.make_key("tixe"), inspector.make_key("renamed")
    for key, edit in (
        (lost, AddValue(1, TTL_NONE, False)),
        (renamed, Rename(lost)),
        (renamed, Copy(lost)),
    ):
        refused = inspector.apply(key, edit)
        assert refused.status == EditStatus.REFUSED
        assert "REVERSE_KEY_FUNCTION" in str(refused.reason)
    assert inspector.delete(list(listed(inspector))) == len(names) + 1
    assert listed(inspector, Query(scope=Scope.STORE)) == strangers


@EACH_PACKAGE
def test_sentinel_is_followed(configure: Configure, package: str) -> None:
    factories = {
        "django_redis": {"CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory"},
        "django_valkey": {},
    }
    with servers.sentinel(replicas=0) as fleet:
        inspector = configure(
            package,
            location=f"redis://{fleet.name}/0",
            CLIENT_CLASS=f"{package}.client.SentinelClient",
            SENTINELS=[("127.0.0.1", fleet.sentinel.port)],
            **factories[package],
        )
        inspector.cache.set("key", "value", 60)
        assert listed(inspector) == {b":1:key"}
        assert edit_and_read(inspector, "before", "after") == "after"
        assert inspector.info()
        assert fleet.name in inspector.preview_flush().command % {}


def test_a_cluster_of_django_valkey_is_listed_from_all_its_nodes(
    configure: Configure, cluster_of_valkeys: servers.Server
) -> None:
    inspector = configure(
        "django_valkey",
        "django_valkey.cluster_cache.cache.ClusterValkeyCache",
        f"valkey://{cluster_of_valkeys.address}",
    )
    inspector.cache.clear()
    for number in range(20):
        inspector.cache.set(f"key:{number}", number, 60)
    assert listed(inspector) == {b":1:key:%d" % number for number in range(20)}
    assert edit_and_read(inspector, "before", "after") == "after"
    inspector.flush()
    assert listed(inspector) == set()


@EACH_PACKAGE
@pytest.mark.filterwarnings("ignore:get on sharded client")  # A warning about its own call.
def test_each_server_of_a_shard_client_is_listed(configure: Configure, package: str) -> None:
    scheme = package.removeprefix("django_")
    with servers.valkey() as one, servers.valkey() as other:
        locations = [f"{scheme}://{one.address}/3", f"{scheme}://{other.address}/4"]
        client = f"{package}.client.ShardClient"
        inspector = configure(package, location=locations, CLIENT_CLASS=client)
        for number in range(20):
            inspector.cache.set(f"key:{number}", number, 60)
        names = {b":1:key:%d" % number for number in range(20)}
        assert listed(inspector) == names
        assert edit_and_read(inspector, "before", "after") == "after"
        assert inspector.status().keys == 21
        infos = inspector.describe(sorted(names))
        assert all(info.ttl and info.ttl > 0 for info in infos)
        commands = " ".join(inspector.snippets(name, "string")[0].text for name in names)
        assert f"-p {one.port} -n 3" in commands
        assert f"-p {other.port} -n 4" in commands
        moved = inspector.apply(b":1:key", Rename(b":1:renamed"))
        assert moved.status == EditStatus.DONE
        assert inspector.cache.get("renamed") == "after"
        assert inspector.delete(sorted(names)) == 20
        assert listed(inspector) == {b":1:renamed"}
        inspector.flush()
        assert listed(inspector) == set()


ASYNC_SCRIPT = """
import asyncio, sys
from django.conf import settings

settings.configure(
    SECRET_KEY="secret",
    CACHES={
        "default": {
            "BACKEND": "django_valkey.async_cache.cache.AsyncValkeyCache",
            "LOCATION": sys.argv[1],
        }
    },
)
from django_cachex.inspectors import inspector_for
from tests.inspectors.contract import listed

inspector = inspector_for("default")

async def store():
    await inspector.cache.aset("key", {"a": 1}, 60)
    await inspector.cache.aclose()

asyncio.run(store())
print(listed(inspector), inspector.read(b":1:key").content.value)
"""


def test_the_async_backend_of_django_valkey_is_browsed_without_an_event_loop(
    valkey_server: servers.Server,
) -> None:
    # Alone, because this backend shares its pools by URL with the one for threads.
    command = [sys.executable, "-c", ASYNC_SCRIPT, f"valkey://{valkey_server.address}/0"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert shown == "{b':1:key'} {'a': 1}\n"


@EACH_PACKAGE
@pytest.mark.parametrize(
    "options",
    [
        {"CLIENT_CLASS": "nowhere.Client"},
        {"SERIALIZER": "nowhere.Serializer"},
        {"SOCKET_TIMEOUT": "soon"},
    ],
    ids=["client", "serializer", "timeout"],
)
def test_options_that_the_package_refuses_break_this_cache_alone(
    configure: Configure, package: str, options: dict[str, Any]
) -> None:
    inspector = configure(package, **options)
    assert inspector.support is Support.LIMITED
    assert not inspector.can_list


@EACH_PACKAGE
def test_a_missing_package_is_named(settings: Any, package: str) -> None:
    settings.CACHES = {"default": {"BACKEND": f"{package}_missing.cache.RedisCache"}}
    inspector = inspector_for("default")
    assert not inspector.can_list
    assert f"{package}_missing" in str(inspector.notes()[0])
