"""What `manage.py check` says of the settings of a cache, and that its use is refused likewise."""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import InvalidCacheBackendError
from django.core.checks import CheckMessage, Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from django_cachex.cache import ValkeyCache
from django_cachex.cache.checks import check_caches
from django_cachex.cache.compressors import ZlibCompressor
from django_cachex.cache.connection.drivers import load_driver
from django_cachex.cache.migration import OPTION_HINTS, RENAMED_OPTIONS, SHARED_OPTIONS
from django_cachex.cache.options import (
    ASYNC_CLASS_OPTIONS,
    INEFFECTIVE_DJANGO_OPTIONS,
    NOT_FOR_DRIVER,
    OWN_OPTIONS,
)
from django_cachex.cache.serializers import PickleSerializer
from tests.cache.conftest import BACKENDS, EACH_DRIVER

HERE = "tests.cache.test_checks_settings"
ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
URL = "redis://cache.example:6379/1"
OTHER = {"valkey": "redis", "redis": "valkey"}

Check = Callable[..., list[CheckMessage]]


class NoSerializer:
    def dumps(self, obj: Any) -> bytes:
        return b""


class Picky(NoSerializer):
    def __init__(self, options: dict[str, Any]) -> None:
        pass


class Failing:
    def __init__(self) -> None:
        raise RuntimeError("hush")


class Provider:
    def get_credentials(self) -> tuple[str, str]:
        return "user", "hush"


class OwnConnection(import_module("valkey.connection").Connection):  # type: ignore[misc] # no stubs
    def __init__(self, *args: Any, color: str = "red", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class Anything:
    def __init__(self, **kwargs: Any) -> None:
        pass

    def connect(self) -> None:
        pass

    def disconnect(self) -> None:
        pass


class SubclassThatFails(ValkeyCache):
    def __init__(self, location: Any, params: dict[str, Any]) -> None:
        raise RuntimeError(f"hush {location}")


@pytest.fixture
def check(driver: str) -> Check:
    """Check one cache, by arguments those of CACHES.

    Django's own checks, which make every cache, run too. What is an error is raised at use, in the
    same words, and nothing of it is secret.
    """

    def run(location: Any = URL, kind: str = "", **params: Any) -> list[CheckMessage]:
        path = f"django_cachex.cache.{driver.capitalize()}{kind}Cache"
        one = {"BACKEND": path, "LOCATION": location, **params}
        with override_settings(CACHES={"default": one}):
            found = run_checks(tags=[Tags.caches])
            assert all(message.hint and message.obj == "CACHES['default']" for message in found)
            assert "hush" not in "".join(f"{message}{message.hint}" for message in found)
            if errors := [one for one in found if one.is_serious()]:
                said = {f"{one.msg} {one.hint}" for one in errors}
                for use in (
                    lambda: caches["default"].get("key"),
                    lambda: asyncio.run(caches["default"].aset("key", 1)),
                ):
                    assert refusal(use) in said or has_words_of_its_own(errors)
        return found

    return run


def has_words_of_its_own(errors: list[CheckMessage]) -> bool:
    """Return whether it is the driver that refuses, or the protection, which is of calls too."""
    return errors[0].msg.startswith("This cache can") or ids(errors) == ["E115"]


def refusal(use: Callable[[], Any]) -> str:
    """Return why a cache cannot be used, also in another process: errors of tests are pickled."""
    with pytest.raises(ImproperlyConfigured) as error:
        use()
    assert "hush" not in str(error.value)
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)
    return str(error.value)


def ids(found: list[CheckMessage]) -> list[str]:
    return [str(message.id).removeprefix("django_cachex.") for message in found]


# What is right


@EACH_DRIVER
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"location": "redis://username:password@127.0.0.1:6379"},
        {"location": ["redis://127.0.0.1:6379", "redis://127.0.0.1:6378"]},
        {"location": "unix:///run/server.sock?db=1"},
        {"location": "rediss://127.0.0.1:6379/0", "OPTIONS": {"ssl_ca_certs": "/ca.pem"}},
        {"OPTIONS": {"db": "10", "username": "django", "password": "mysecret"}},
        {"OPTIONS": {"MAX_ENTRIES": 5, "CULL_FREQUENCY": 2, "max_connections": 1}},
        {"OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": None}},
        {"OPTIONS": {"serializer": "django.core.cache.backends.redis.RedisSerializer"}},
        {"OPTIONS": {"serializer": PickleSerializer(4)}},
        {"OPTIONS": {"serializer": PickleSerializer, "compressor": "zlib"}},
        {"OPTIONS": {"stampede_protection": True}},
        {"OPTIONS": {"stampede_protection": {"early": 5, "lease": 0.5}}},
        {"OPTIONS": {"serializer": ["msgpack", "json"], "compressor": [("zstd", {"level": 9})]}},
        {"OPTIONS": {"ignore_exceptions": True, "ignore_counter_exceptions": True}},
        {"OPTIONS": {"protocol": 2, "decode_responses": False, "client_name": "mine"}},
        {"OPTIONS": {"credential_provider": Provider()}},
        {"KEY_PREFIX": "shop-1", "TIMEOUT": None, "VERSION": 2},
        {"KEY_PREFIX": "a b", "KEY_FUNCTION": lambda key, prefix, version: key},
        # One of a URL wins.
        {"location": f"{URL}?socket_timeout=2", "OPTIONS": {"socket_timeout": 0}},
        {"location": ["redis://cache.example/1", "redis://cache.example?db=1"]},
        {"location": ["redis://c.example", "redis://c.example/0"], "OPTIONS": {"db": 0}},
        {"location": "redis://cache.example/0", "kind": "Cluster"},
        {"location": "redis://cache.example", "kind": "Cluster", "OPTIONS": {"db": 0}},
    ],
)
def test_what_is_right_is_not_reported(check: Check, params: dict[str, Any]) -> None:
    assert check(**{"location": "redis://127.0.0.1:6379", **params}) == []


@EACH_DRIVER
def test_classes_of_the_right_half(check: Check, driver: str) -> None:
    options = {
        "pool_class": f"{driver}.ConnectionPool",
        "connection_class": f"{driver}.Connection",
        "parser_class": f"{driver}.connection.DefaultParser",
        "async_pool_class": f"{driver}.asyncio.BlockingConnectionPool",
        "async_parser_class": f"{driver}.asyncio.connection.DefaultParser",
    }
    assert check(OPTIONS=options) == []


@EACH_DRIVER
def test_a_pool_that_waits_has_options_of_its_own(check: Check, driver: str) -> None:
    pool = f"{driver}.BlockingConnectionPool"  # As Django's documentation has it.
    assert check(OPTIONS={"pool_class": pool, "max_connections": 3, "timeout": 1}) == []
    assert "BlockingConnectionPool" in str(check(OPTIONS={"timeout": 1})[0].hint)
    for timeout in "hush", -1, 1e300:
        assert ids(check(OPTIONS={"pool_class": pool, "timeout": timeout})) == ["E112"]


@pytest.mark.parametrize(
    "name", ["locmem.LocMemCache", "redis.RedisCache", "memcached.PyMemcacheCache"]
)
def test_caches_of_others_are_none_of_our_business(name: str) -> None:
    backend = f"django.core.cache.backends.{name}"
    one = {"BACKEND": backend, "LOCATION": "nonsense", "OPTIONS": {"CLIENT_CLASS": "x"}}
    with override_settings(CACHES={"default": one}):
        assert check_caches() == []


# OPTIONS


@EACH_DRIVER
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("socket_timout", "socket_timeout"),
        ("socket_keepaliv", "socket_keepalive"),
        ("max_connection", "max_connections"),
        ("ignore_exception", "ignore_exceptions"),
        ("async_pool_clas", "async_pool_class"),
        ("ssl_ca_cert", "ssl_ca_certs"),
    ],
)
def test_an_unknown_option_gets_the_nearest_name(check: Check, wrong: str, right: str) -> None:
    [error] = check(OPTIONS={wrong: "hush"})
    assert error.id == "django_cachex.E107"
    assert f"“{wrong}”" in error.msg
    assert f'"{right}"' in str(error.hint)


@EACH_DRIVER
def test_an_option_that_is_near_to_none_is_to_be_left_out(check: Check, driver: str) -> None:
    [error] = check(OPTIONS={"zzzz": 1})
    assert error.id == "django_cachex.E107"
    assert driver in str(error.hint)


@EACH_DRIVER
def test_options_for_tls_need_a_url_for_tls(check: Check, driver: str) -> None:
    scheme = {"valkey": "valkeys://", "redis": "rediss://"}[driver]
    for name in "ssl", "ssl_ca_certs":
        [error] = check(OPTIONS={name: "/ca.pem"})
        assert error.id == "django_cachex.E107"
        assert scheme in str(error.hint)


@EACH_DRIVER
def test_what_only_blocking_connections_take_is_a_warning(check: Check) -> None:
    options = {"ssl_validate_ocsp": True}
    [warning] = check("rediss://cache.example:6379/1", OPTIONS=options)
    assert warning.id == "django_cachex.W103"
    assert "ssl_validate_ocsp" in warning.msg


def test_a_connection_of_ones_own_says_what_it_takes(check: Check) -> None:
    options = {"connection_class": f"{HERE}.OwnConnection", "color": "blue"}
    only_blocking = "W103"  # Event loops have a connection class of their own, without colors.
    assert ids(check(OPTIONS=options)) == [only_blocking]
    assert ids(check(OPTIONS={**options, "colour": "blue"})) == ["E107", only_blocking]
    everything = {"connection_class": f"{HERE}.Anything", "colour": 1}
    assert ids(check(OPTIONS=everything)) == [only_blocking]


def test_every_option_of_django_redis_gets_its_equivalent(check: Check) -> None:
    found = check(OPTIONS=dict.fromkeys(OPTION_HINTS, "shop.hush"))
    assert set(ids(found)) == {"E108"}
    hints = {re.findall("“([A-Z_]+)”", error.msg)[0]: str(error.hint) for error in found}
    assert hints == {
        name: hint % {"new": RENAMED_OPTIONS.get(name)} for name, hint in OPTION_HINTS.items()
    }
    assert all(re.search(r"\b(Use|Remove|Move)\b", hint) for hint in hints.values())
    assert '"ignore_exceptions": "all"' in hints["IGNORE_EXCEPTIONS"]
    assert "ValkeySentinelCache" in hints["CLIENT_CLASS"]
    assert "directly to OPTIONS" in hints["CONNECTION_POOL_KWARGS"]
    assert "Remove it" in hints["CLOSE_CONNECTION"]


def test_options_are_taken_whatever_their_case(check: Check, driver: str) -> None:
    options = {"SOCKET_TIMEOUT": 5, "Max_Connections": 3, "SERIALIZER": "json"}
    options |= {"IGNORE_EXCEPTIONS": "all", "DB": 4}
    assert check(OPTIONS=options) == []
    backend = BACKENDS[driver]
    cache: Any = backend("redis://cache.example:6379", {"OPTIONS": options})
    server = cache.client.server.configuration
    assert server.options["socket_timeout"] == 5
    assert server.max_connections == 3
    assert server.address.endswith("/4")
    assert cache._serializer.dumps([1]) == b"[1]"
    twice = {"SOCKET_TIMEOUT": 5, "socket_timeout": 5}
    [error] = check(OPTIONS=twice)
    assert error.id == "django_cachex.E118"
    with pytest.raises(ImproperlyConfigured, match="socket_timeout"):
        backend("redis://cache.example:6379", {"OPTIONS": twice}).get("key")


def test_names_that_others_use_as_we_do_have_no_equivalent() -> None:
    assert not OPTION_HINTS.keys() & NOT_FOR_DRIVER


@pytest.mark.parametrize("name", ["TIMEOUT", "KEY_PREFIX", "KEY_FUNCTION", "VERSION"])
def test_settings_that_stand_in_options_are_reported(check: Check, name: str) -> None:
    [warning] = check(OPTIONS={name: 1})
    assert warning.id == "django_cachex.W104"
    assert f"CACHES['default']['{name}']" in str(warning.hint)


@EACH_DRIVER
@pytest.mark.parametrize("kind", ["", "Cluster"])
@pytest.mark.parametrize(
    "options", [{"sentinels": [("h", 1)]}, {"sentinel_kwargs": {}}, {"read_replicas": True}]
)
def test_options_of_sentinel_on_another_class_are_reported(
    check: Check, driver: str, kind: str, options: dict[str, Any]
) -> None:
    [warning] = check("redis://cache.example:1/0", kind, OPTIONS=options)
    assert warning.id == "django_cachex.W106"
    assert f"{driver.capitalize()}SentinelCache" in str(warning.hint)


@pytest.mark.parametrize("options", [None, [], "socket_timeout"])
def test_options_that_are_no_dict(check: Check, options: Any) -> None:
    assert ids(check(OPTIONS=options)) == ["E102"]


@EACH_DRIVER
@pytest.mark.parametrize("name", ["socket_timeout", "socket_connect_timeout"])
# The kernel would take the smallest for none.
@pytest.mark.parametrize("value", [0, -1, True, "hush", float("nan"), float("inf"), 1e-7, 1e12])
def test_timeouts_that_are_none(check: Check, name: str, value: Any) -> None:
    [error] = check(OPTIONS={name: value})
    assert error.id == "django_cachex.E112"
    assert name in error.msg


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "5"])
def test_fewer_connections_than_one(check: Check, value: Any) -> None:
    assert ids(check(OPTIONS={"max_connections": value})) == ["E113"]


@EACH_DRIVER
@pytest.mark.parametrize(
    ("options", "id"),
    [
        ({"db": "hush"}, "E116"),
        ({"db": -1}, "E116"),
        ({"password": {"hush": 1}}, "E116"),
        ({"client_name": ["hush"]}, "E116"),
        ({"retry": 3}, "E116"),
        ({"socket_keepalive": "hush"}, "E116"),
        ({"socket_keepalive_options": "hush"}, "E116"),
        ({"ignore_exceptions": "False"}, "E116"),
        ({"ignore_unreadable_values": "no"}, "E116"),
        ({"breaker": "no"}, "E116"),
        ({"credential_provider": "redis.credentials.UsernamePasswordCredentialProvider"}, "E116"),
        ({"credential_provider": Failing}, "E116"),
        ({"retry_on_error": 5}, "E100"),  # Only the driver knows what it makes of it.
        ({"decode_responses": True}, "E100"),
        ({"protocol": 3}, "E100"),
    ],
)
def test_values_that_make_no_sense(check: Check, options: Any, id: str) -> None:
    found = check("redis://cache.example", OPTIONS=options)
    assert id in ids(found)
    if id == "E116" or "retry_on_error" not in options:
        assert f"“{next(iter(options))}”" in found[0].msg


@EACH_DRIVER
@pytest.mark.parametrize("kwargs", [5, {"socket_timeout": 0}, {"zzzz": 1}])
def test_wrong_options_of_sentinels(check: Check, kwargs: Any) -> None:
    options = {"sentinels": [("127.0.0.1", 1)], "sentinel_kwargs": kwargs}
    [id] = ids(check("redis://mymaster/0", "Sentinel", OPTIONS=options))
    assert id in ("E116", "E100")


@pytest.mark.parametrize("given", ["hush", 5, {"late": 1}, {"early": 0}, {"lease": "hush"}])
def test_a_protection_that_makes_no_sense(check: Check, given: Any) -> None:
    assert ids(check(OPTIONS={"stampede_protection": given})) == ["E115"]


@pytest.mark.parametrize("prefix", ["a b", "a\n", "\x7f", "p" * 250])
def test_a_prefix_that_django_would_warn_of_with_every_key(check: Check, prefix: str) -> None:
    assert ids(check(KEY_PREFIX=prefix)) == ["W102"]


# LOCATION


@EACH_DRIVER
@pytest.mark.parametrize(
    ("location", "meant"),
    [
        ("cache.example:6379", '://cache.example:6379/0"'),
        ("127.0.0.1", '://127.0.0.1:6379/0"'),
        ("[::1]:6380/2", '://[::1]:6380/2"'),
        ("/run/server.sock", 'unix:///run/server.sock?db=0"'),
        ("user:hush@127.0.0.1:6379", '://127.0.0.1:6379/0"'),
        ("", '://127.0.0.1:6379/0"'),
        ([], '://127.0.0.1:6379/0"'),
        ([""], '://127.0.0.1:6379/0"'),
        (None, '://127.0.0.1:6379/0"'),
        (5, ""),
        ({"host": "hush"}, ""),
        ("redis://cache.example/abc", ""),
        ("redis://cache.example/1/2", ""),
        ("redis://user:hu/sh@cache.example:6379/0", "percent-encoded"),
        ("redis://user:1/hush@cache.example:6379/0", ""),
        ("redis://user:1,hush,x@cache.example:1/0", ""),
        ("redis://user:1;hush;x@cache.example:1/0", ""),
        ("redis://user:1?hush@cache.example:1/0", ""),
        ("redis://user:1?hush=1@cache.example:1/0", ""),
        (f"{URL}?password=hush&socket_timeout=hush", "socket_timeout"),
    ],
)
def test_a_location_that_is_none_gets_one(check: Check, location: Any, meant: str) -> None:
    [error] = check(location)
    assert error.id == "django_cachex.E104"
    assert meant in f"{error.msg} {error.hint}"
    assert "hu/" not in str(error)


def test_an_error_of_a_url_has_no_cause_that_quotes_it() -> None:
    cache = ValkeyCache("redis://user:hu/sh@127.0.0.1/0", {})
    with pytest.raises(ImproperlyConfigured) as error:
        cache.get("key")
    assert error.value.__cause__ is error.value.__context__ is None


def test_each_of_several_locations_is_looked_at(check: Check) -> None:
    assert ids(check(f"{URL},cache.example:1,cache.example:2")) == ["E104", "E104"]
    [error] = check([f"{URL}?socket_timout=2", f"{URL}?socket_timout=3"])
    assert error.id == "django_cachex.E107"
    assert "socket_timeout" in str(error.hint)


@EACH_DRIVER
@pytest.mark.parametrize(
    ("query", "id"),
    [
        ("ignore_exceptions=1", "E107"),
        ("pool_class=redis.ConnectionPool", "E107"),
        ("connection_class=hush", "E107"),
        ("serializer=json", "E107"),
        ("zzzz=1", "E107"),
        ("socket_timeout=0", "E112"),
        ("decode_responses=True", "E100"),
        ("decode_responses=0", "E100"),
        ("protocol=3", "E100"),
    ],
)
def test_what_cannot_stand_in_a_url(check: Check, query: str, id: str) -> None:
    assert ids(check(f"{URL}?{query}", OPTIONS={"socket_timeout": 2})) == [id]


@EACH_DRIVER
def test_a_unix_socket_does_not_take_all_options(check: Check) -> None:
    [error] = check("unix:///run/server.sock", OPTIONS={"socket_keepalive": True})
    assert error.id == "django_cachex.E107"
    assert "Unix socket" in str(error.hint)


@pytest.mark.parametrize("driver", ["valkey"])
def test_valkey_py_has_the_schemes_of_valkey(check: Check) -> None:
    for scheme in "valkey", "valkeys":
        assert check(f"{scheme}://:hush@cache.example/1") == []


@pytest.mark.parametrize("driver", ["redis"])
def test_redis_py_does_not(check: Check) -> None:
    for scheme, other in ("valkey", "redis://"), ("valkeys", "rediss://"):
        [error] = check(f"{scheme}://:hush@cache.example/1")
        assert error.id == "django_cachex.E105"
        assert other in str(error.hint)


@EACH_DRIVER
def test_a_scheme_of_something_else_gets_those_there_are(check: Check, driver: str) -> None:
    [error] = check("http://cache.example/1")
    assert error.id == "django_cachex.E105"
    assert "redis://, rediss://, unix://" in str(error.hint)
    assert ("valkey://" in str(error.hint)) is (driver == "valkey")


def test_replicas_with_another_database(check: Check) -> None:
    [warning] = check(["redis://cache.example/1", "redis://cache.example?db=2"])
    assert warning.id == "django_cachex.W101"
    assert "1, 2" in warning.msg


@pytest.mark.parametrize(
    ("location", "options"),
    [("redis://cache.example/1", {}), ("redis://cache.example", {"db": "1"})],
)
def test_a_cluster_has_one_database(check: Check, location: str, options: dict[str, Any]) -> None:
    assert ids(check(location, "Cluster", OPTIONS=options)) == ["E106"]


@EACH_DRIVER
@pytest.mark.parametrize(
    "location", ["redis://user:hush@h:1", "redis://:hush@h:1", "redis://u@h:1"]
)
def test_a_provider_beside_credentials(check: Check, location: str) -> None:
    options = {"credential_provider": Provider()}
    assert ids(check(location, OPTIONS=options)) == ["E117"]
    assert ids(check(OPTIONS={**options, "password": "hush"})) == ["E117"]


# Classes


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("nowhere.Serializer", "module “nowhere”"),
        (f"{HERE}.Missing", "Correct the path"),
        ("serializer", '"json", "orjson"'),
        (f"{HERE}.Picky", "a tuple of the class and its options"),
        (f"{HERE}.NoSerializer", "loads(data)"),
        (f"{HERE}.Failing", ""),
        (object(), "dumps(obj)"),
        (("pickle", {"protocol": 99}), "from 2 to"),
        (("pickle", {"protocol": "4"}), "whole number"),
        (("json", {"encoder": "nowhere.Encoder"}), "module “nowhere”"),
        (("json", {"encoder": 5}), "“encoder” must be a function or a class"),
        (("json", {"default": str}), "“encoder”, “decoder”"),
        (("orjson", {"default": "builtins.nothing"}), "Correct the path"),
        (("orjson", {"option": -1}), "Correct the values of “option”"),
        (("msgpack", {"ext_hook": 5}), "“ext_hook” must be a function"),
        (("ormsgpack", {"option": 2**31}), "Correct the values of “option”"),
    ],
)
def test_a_serializer_that_is_none(check: Check, path: Any, part: str) -> None:
    for given in (path, [path, "json"]):
        [error] = check(OPTIONS={"serializer": given})
        assert error.id == "django_cachex.E111"
        assert part in str(error.hint)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere.Compressor", "module “nowhere”"),
        ("zstandard", '"zlib", "gzip"'),
        (f"{HERE}.NoSerializer", "recognizes(data)"),
        (object(), "recognizes(data)"),
        ([], "at least one"),
        (["zlib", "nosuch"], '"zlib", "gzip"'),
        ({"level": 9}, '("zstd", {"level": 9})'),
        (("zlib", 9), '("zstd", {"level": 9})'),
        (["zlib", {"level": 9}], '("zstd", {"level": 9})'),
        ((ZlibCompressor(), {"level": 9}), "its class"),
        (("zlib", {"preset": 9}), "“level”, “min_size”, “max_size”"),
        (("zlib", {"level": 10}), "from -1 to 9"),
        (("zstd", {"level": "9"}), "from -131072 to 22"),
        (("lzma", {"min_size": -1}), "number of bytes"),
        (Failing, "in a shell"),
    ],
)
def test_a_compressor_that_is_none(check: Check, given: Any, said: str) -> None:
    [error] = check(OPTIONS={"compressor": given})
    assert error.id == "django_cachex.E109"
    assert said in str(error.hint)


@pytest.mark.parametrize(
    ("options", "module", "extra"),
    [
        ({"serializer": "orjson"}, "orjson", "orjson"),
        ({"serializer": ["json", "msgpack"]}, "msgpack", "msgpack"),
        ({"serializer": "ormsgpack"}, "ormsgpack", "ormsgpack"),
        ({"compressor": "lz4"}, "lz4", "lz4"),
        ({"compressor": ["zlib", "zstd"]}, ZSTD, "zstd"),
    ],
)
def test_a_package_that_is_missing_gets_the_line_that_installs_it(
    check: Check, monkeypatch: pytest.MonkeyPatch, options: Any, module: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    if module == "lz4":
        monkeypatch.setitem(sys.modules, "lz4.frame", None)
    [error] = check(OPTIONS=options)
    assert error.id == "django_cachex.E114"
    assert str(error.hint) == f"Run: pip install django-cachex[{extra}]"


@EACH_DRIVER
@pytest.mark.parametrize(
    ("name", "given"),
    [
        *(
            (name, given)
            for name in ("pool_class", "connection_class", "parser_class")
            for given in (5, dict, {}, "nowhere.Class", "builtins.dict", f"{HERE}.URL")
        ),
        *(
            (name, given)
            for name in ("async_pool_class", "async_parser_class")
            for given in (5, dict, "nowhere.Class")
        ),
    ],
)
def test_classes_that_are_none(check: Check, name: str, given: Any) -> None:
    [error] = check(OPTIONS={name: given})
    assert error.id == "django_cachex.E110"
    assert f"“{name}”" in error.msg


@EACH_DRIVER
@pytest.mark.parametrize("name", ["ConnectionPool", "BlockingConnectionPool"])
def test_a_pool_of_the_other_driver_or_of_the_other_half(
    check: Check, driver: str, name: str
) -> None:
    [error] = check(OPTIONS={"pool_class": f"{OTHER[driver]}.{name}"})
    assert error.id == "django_cachex.E110"
    assert f"{driver}.connection.{name}" in str(error.hint)
    assert ids(check(OPTIONS={"pool_class": f"{driver}.asyncio.{name}"})) == ["E110"]


@EACH_DRIVER
@pytest.mark.parametrize(
    ("option", "path"),
    [
        ("connection_class", "{other}.connection.Connection"),
        ("connection_class", "{own}.asyncio.connection.Connection"),
        ("async_pool_class", "{other}.asyncio.ConnectionPool"),
        ("async_pool_class", "{own}.ConnectionPool"),
        ("async_parser_class", "{other}.asyncio.connection.DefaultParser"),
        ("async_parser_class", "{own}.connection.DefaultParser"),
    ],
)
def test_classes_of_the_other_driver_and_of_the_other_half(
    check: Check, driver: str, option: str, path: str
) -> None:
    given = path.format(own=driver, other=OTHER[driver])
    assert ids(check(OPTIONS={option: given})) == ["E110"]


@EACH_DRIVER
def test_a_driver_that_is_not_installed(
    check: Check, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"{driver}.connection", None)
    load_driver.cache_clear()
    location = f"{URL}?client_name=unlike-any-other"  # Of which nobody has made a connection.
    [error] = check(location)
    assert error.id == "django_cachex.E103"
    assert error.hint == f"Run: pip install {driver}"
    monkeypatch.undo()
    assert check(location) == []


@EACH_DRIVER
def test_a_flag_of_tls_that_the_driver_does_not_know(check: Check) -> None:
    assert ids(check("rediss://h:1", OPTIONS={"ssl_cert_reqs": "hush"})) == ["E100"]


def test_what_a_subclass_says_is_not_quoted() -> None:
    one = {"BACKEND": f"{HERE}.SubclassThatFails", "LOCATION": URL}
    with override_settings(CACHES={"default": one}):
        [error] = check_caches()
    assert error.id == "django_cachex.E100"
    assert "RuntimeError" in error.msg
    assert "hush" not in f"{error}{error.hint}"


# The whole


@pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")
@pytest.mark.parametrize(
    "location",
    [
        "redis://user:hush@cache.example:x/0",
        "redis://user:hush@cache.example/0?db=x",
        "http://user:hush@cache.example/0",
        "user:hush@cache.example",
        ["redis://:hush@cache.example/1", "redis://:hush@cache.example/2"],
    ],
)
def test_many_faults_are_reported_together(check: Check, location: Any) -> None:
    names = [
        "PICKLE_VERSION",
        "password",
        "socket_timeout",
        "max_connections",
        "compressor",
        "nonsense",
    ]
    assert len(check(location, OPTIONS=dict.fromkeys(names, "hush"), KEY_PREFIX="a b")) > 4


def test_faults_are_reported_by_alias() -> None:
    backend = "django_cachex.cache.ValkeyCache"
    wrong = {"BACKEND": backend, "LOCATION": URL, "OPTIONS": {"zzzz": 1, "max_connections": 0}}
    with override_settings(CACHES={"default": wrong, "other": wrong}):
        found = check_caches()
    assert ids(found) == ["E107", "E113"] * 2
    assert {message.obj for message in found} == {"CACHES['default']", "CACHES['other']"}


def test_manage_py_check_says_it() -> None:
    options = {"PARSER_CLS": "redis.connection.DefaultParser"}
    params = {"BACKEND": "django_cachex.cache.RedisCache", "LOCATION": URL, "OPTIONS": options}
    with (
        override_settings(CACHES={"default": params}),
        pytest.raises(SystemCheckError, match=r"E108.*PARSER_CLS(.|\n)*\"parser_class\""),
    ):
        call_command("check")


def test_a_backend_that_cannot_be_imported_ends_djangos_own_check() -> None:
    wrong = {"default": {"BACKEND": "django_cachex.cache.ValkeyCahce", "LOCATION": URL}}
    with (
        override_settings(CACHES=wrong),
        pytest.raises(InvalidCacheBackendError, match="ValkeyCahce"),
    ):
        call_command("check")


@pytest.mark.parametrize(
    ("driver", "app"), [("valkey", "django_cachex.cache"), ("redis", "django_cachex.admin")]
)
def test_a_project_gets_the_checks_with_and_without_the_admin(
    driver: str, app: str, tmp_path: Path
) -> None:
    name = driver.capitalize()
    (tmp_path / "minimal.py").write_text(f"""
INSTALLED_APPS = ["django.contrib.contenttypes", "{app}"]
CACHES = {{
    "default": {{
        "BACKEND": "django_cachex.cache.{name}Cache",
        "LOCATION": "{URL}",
        "KEY_PREFIX": "p",
        "OPTIONS": {{"max_connections": 0, "IGNORE_EXCEPTIONS": True}},
    }},
    "one": {{"BACKEND": "django_cachex.cache.{name}Cache", "LOCATION": "{URL}"}},
    "two": {{
        "BACKEND": "django_cachex.cache.{name}Cache", "LOCATION": "{URL}", "KEY_PREFIX": ":1",
    }},
}}
DJANGO_REDIS_IGNORE_EXCEPTIONS = True
""")
    command = [sys.executable, "-m", "django", "check", "--settings=minimal"]
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ended.returncode == 1
    found = re.findall(r"django_cachex\.(\w+)\)", ended.stderr)
    assert sorted(found) == ["E108", "E113", "W001", "W105"], ended.stderr


def test_before_django_is_set_up_it_is_the_same_error() -> None:
    script = f"""
from django.conf import settings
settings.configure()
from django_cachex.cache import ValkeyCache
from django.core.exceptions import ImproperlyConfigured
for options in {{"socket_timeout": 0}}, {{"PICKLE_VERSION": 1}}, {{"ignore_exceptions": "no"}}:
    try:
        ValkeyCache("{URL}", {{"OPTIONS": options}}).get("key")
    except ImproperlyConfigured as error:
        assert next(iter(options)) in str(error)
        print("refused")
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stdout == "refused\n" * 3, ended.stderr


def test_nothing_is_connected_to(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*arguments: Any) -> None:
        raise AssertionError("A check connected to a server.")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert check("redis://127.0.0.1:6379") == []
    assert check("unix:///run/server.sock") == []


def test_every_option_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "backends.md").read_text()
    equivalents = page.partition("(renamed)=")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in equivalents.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([A-Z_]+)`", "".join(rows))) == OPTION_HINTS.keys() | SHARED_OPTIONS
    names = OWN_OPTIONS | INEFFECTIVE_DJANGO_OPTIONS | ASYNC_CLASS_OPTIONS
    names |= {"pool_class", "parser_class", "socket_connect_timeout"}
    table = page.partition("## OPTIONS")[2].partition("\n\n`decode")[0]
    written = set(re.findall(r"`(\w+)`", table))
    assert {name for name in names if not {name, name.upper()} & written} == set()
