"""What `manage.py check` says of the settings of a cache, and that it says no more."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, registry
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from django_cachex.cache import ValkeyCache
from django_cachex.cache.checks import check_caches
from django_cachex.cache.compressors import ZlibCompressor
from django_cachex.cache.connection.drivers import load_driver
from django_cachex.cache.migration import OPTION_HINTS, RENAMED_OPTIONS
from django_cachex.cache.options import (
    ASYNC_CLASS_OPTIONS,
    INEFFECTIVE_DJANGO_OPTIONS,
    OWN_OPTIONS,
)
from django_cachex.cache.serializers import PickleSerializer

HERE = "tests.cache.test_checks_settings"
ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
URL = "redis://cache.example:6379/1"

Check = Callable[..., list[CheckMessage]]


class ClusterCache(ValkeyCache):
    _topology = "cluster"


class NoSerializer:
    def dumps(self, obj: Any) -> bytes:
        return b""


class Picky(NoSerializer):
    def __init__(self, options: dict[str, Any]) -> None:
        pass


class Failing:
    def __init__(self) -> None:
        raise RuntimeError("hush")


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


@pytest.fixture(params=["valkey", "redis"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def check(driver: str) -> Check:
    """Check one cache, by arguments those of CACHES."""

    def run(location: Any = URL, backend: str | None = None, **params: Any) -> list[CheckMessage]:
        path = backend or f"django_cachex.cache.{driver.capitalize()}Cache"
        one = {"BACKEND": path, "LOCATION": location, **params}
        with override_settings(CACHES={"default": one}):
            found = check_caches()
        assert all(message.hint and message.obj == "CACHES['default']" for message in found)
        return found

    return run


def ids(found: list[CheckMessage]) -> list[str]:
    return [str(message.id).removeprefix("django_cachex.") for message in found]


# What is right


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"location": "redis://username:password@127.0.0.1:6379"},
        {"location": ["redis://127.0.0.1:6379", "redis://127.0.0.1:6378"]},
        {"location": "unix:///run/server.sock?db=1"},
        {"location": "rediss://127.0.0.1:6379/0", "OPTIONS": {"ssl_ca_certs": "/ca.pem"}},
        {"OPTIONS": {"db": "10", "username": "django", "password": "mysecret"}},
        {"OPTIONS": {"MAX_ENTRIES": 5, "CULL_FREQUENCY": 2, "max_connections": 5}},
        {"OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": None}},
        {"OPTIONS": {"serializer": "django.core.cache.backends.redis.RedisSerializer"}},
        {"OPTIONS": {"serializer": PickleSerializer(4)}},
        {"OPTIONS": {"serializer": PickleSerializer, "compressor": "zlib"}},
        {"OPTIONS": {"stampede_protection": True}},
        {"OPTIONS": {"stampede_protection": {"early": 5, "lease": 0.5}}},
        {"OPTIONS": {"serializer": ["msgpack", "json"], "compressor": [("zstd", {"level": 9})]}},
        {"OPTIONS": {"ignore_exceptions": True, "ignore_counter_exceptions": True}},
        {"OPTIONS": {"protocol": 2, "decode_responses": False, "client_name": "mine"}},
        {"KEY_PREFIX": "shop-1", "TIMEOUT": None, "VERSION": 2},
        {"KEY_PREFIX": "a b", "KEY_FUNCTION": lambda key, prefix, version: key},
    ],
)
def test_what_is_right_is_not_reported(check: Check, params: dict[str, Any]) -> None:
    assert check(**{"location": "redis://127.0.0.1:6379", **params}) == []


def test_a_pool_that_waits_has_options_of_its_own(check: Check, driver: str) -> None:
    pool = f"{driver}.BlockingConnectionPool"  # As Django's documentation has it.
    assert check(OPTIONS={"pool_class": pool, "max_connections": 3, "timeout": 1}) == []
    assert "BlockingConnectionPool" in str(check(OPTIONS={"timeout": 1})[0].hint)


def test_caches_of_others_are_none_of_our_business(check: Check) -> None:
    for name in ("locmem.LocMemCache", "redis.RedisCache", "memcached.PyMemcacheCache"):
        backend = f"django.core.cache.backends.{name}"
        assert check("nonsense", backend, OPTIONS={"CLIENT_CLASS": "x"}) == []


# Names in OPTIONS


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("socket_timout", "socket_timeout"),
        ("SOCKET_KEEPALIVE", "socket_keepalive"),
        ("max_connection", "max_connections"),
        ("ignore_exception", "ignore_exceptions"),
        ("Serializer", "serializer"),
        ("async_pool_clas", "async_pool_class"),
        ("ssl_ca_cert", "ssl_ca_certs"),
    ],
)
def test_an_unknown_option_gets_the_nearest_name(check: Check, wrong: str, right: str) -> None:
    [error] = check(OPTIONS={wrong: "hush"})
    assert error.id == "django_cachex.E107"
    assert f"“{wrong}”" in error.msg
    assert f'"{right}"' in str(error.hint)


def test_an_option_that_is_near_to_none_is_to_be_left_out(check: Check, driver: str) -> None:
    [error] = check(OPTIONS={"zzzz": 1})
    assert error.id == "django_cachex.E107"
    assert driver in str(error.hint)


def test_an_unknown_option_in_the_query_of_the_url_is_reported_once(check: Check) -> None:
    [error] = check([f"{URL}?socket_timout=2", f"{URL}?socket_timout=3"])
    assert error.id == "django_cachex.E107"
    assert "socket_timeout" in str(error.hint)


def test_options_for_tls_need_a_url_for_tls(check: Check, driver: str) -> None:
    scheme = {"valkey": "valkeys://", "redis": "rediss://"}[driver]
    for name in "ssl", "ssl_ca_certs":
        [error] = check(OPTIONS={name: "/ca.pem"})
        assert error.id == "django_cachex.E107"
        assert scheme in str(error.hint)


def test_a_unix_socket_does_not_take_all_options(check: Check) -> None:
    [error] = check("unix:///run/server.sock", OPTIONS={"socket_keepalive": True})
    assert error.id == "django_cachex.E107"
    assert "Unix socket" in str(error.hint)


def test_what_only_blocking_connections_take_is_a_warning(check: Check) -> None:
    options = {"ssl_validate_ocsp": True}
    [warning] = check("rediss://cache.example:6379/1", OPTIONS=options)
    assert warning.id == "django_cachex.W103"
    assert "ssl_validate_ocsp" in warning.msg


def test_a_connection_of_ones_own_says_what_it_takes(check: Check) -> None:
    own, anything = f"{HERE}.OwnConnection", f"{HERE}.Anything"
    backend = "django_cachex.cache.ValkeyCache"
    options = {"connection_class": own, "color": "blue"}
    only_blocking = "W103"  # Event loops have a connection class of their own, without colors.
    assert ids(check(backend=backend, OPTIONS=options)) == [only_blocking]
    wrong = {**options, "colour": "blue"}
    assert ids(check(backend=backend, OPTIONS=wrong)) == ["E107", only_blocking]
    everything = {"connection_class": anything, "colour": 1}
    assert ids(check(backend=backend, OPTIONS=everything)) == [only_blocking]


@pytest.mark.parametrize("name", sorted(OPTION_HINTS))
def test_an_option_of_django_redis_gets_its_equivalent(check: Check, name: str) -> None:
    [error] = check(OPTIONS={name: "hush"})
    assert error.id == "django_cachex.E108"
    assert f"“{name}”" in error.msg
    assert error.hint == OPTION_HINTS[name] % {"new": RENAMED_OPTIONS.get(name)}


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("SOCKET_TIMEOUT", '"socket_timeout"'),
        ("IGNORE_EXCEPTIONS", '"ignore_exceptions"'),
        ("CLIENT_CLASS", "ValkeySentinelCache"),
        ("SENTINELS", '"sentinels"'),
        ("CONNECTION_POOL_KWARGS", "directly to OPTIONS"),
        ("CLOSE_CONNECTION", "Remove it"),
    ],
)
def test_the_equivalent_is_named(check: Check, name: str, part: str) -> None:
    [error] = check(OPTIONS={name: "hush"})
    assert part in str(error.hint)


def test_names_that_others_use_as_we_do_have_no_equivalent() -> None:
    from django_cachex.cache.options import NOT_FOR_DRIVER

    assert not OPTION_HINTS.keys() & NOT_FOR_DRIVER


@pytest.mark.parametrize("name", ["TIMEOUT", "KEY_PREFIX", "KEY_FUNCTION", "VERSION"])
def test_settings_that_stand_in_options_are_reported(check: Check, name: str) -> None:
    [warning] = check(OPTIONS={name: 1})
    assert warning.id == "django_cachex.W104"
    assert f"CACHES['default']['{name}']" in str(warning.hint)


@pytest.mark.parametrize("options", [None, [], "socket_timeout"])
def test_options_that_are_no_dict(check: Check, options: Any) -> None:
    assert ids(check(OPTIONS=options)) == ["E102"]


# LOCATION


@pytest.mark.parametrize(
    ("location", "meant"),
    [
        ("cache.example:6379", "://cache.example:6379/0"),
        ("127.0.0.1", "://127.0.0.1:6379/0"),
        ("[::1]:6380/2", "://[::1]:6380/2"),
        ("/run/server.sock", "unix:///run/server.sock?db=0"),
        ("user:hush@127.0.0.1:6379", "://127.0.0.1:6379/0"),
        ("", "://127.0.0.1:6379/0"),
        ([], "://127.0.0.1:6379/0"),
        (None, "://127.0.0.1:6379/0"),
    ],
)
def test_a_location_that_is_no_url_gets_one(check: Check, location: Any, meant: str) -> None:
    [error] = check(location)
    assert error.id == "django_cachex.E104"
    assert f'{meant}"' in str(error.hint)
    assert "hush" not in str(error)


def test_each_of_several_locations_is_looked_at(check: Check) -> None:
    assert ids(check(f"{URL},cache.example:1,cache.example:2")) == ["E104", "E104"]


@pytest.mark.parametrize("scheme", ["valkey", "valkeys"])
def test_redis_py_does_not_have_the_schemes_of_valkey(check: Check, scheme: str) -> None:
    location = f"{scheme}://:hush@cache.example/1"
    assert check(location, "django_cachex.cache.ValkeyCache") == []
    [error] = check(location, "django_cachex.cache.RedisCache")
    assert error.id == "django_cachex.E105"
    assert scheme.replace("valkey", "redis") + "://" in str(error.hint)
    assert "hush" not in str(error)


def test_a_scheme_of_something_else_gets_those_there_are(check: Check, driver: str) -> None:
    [error] = check("http://cache.example/1")
    assert error.id == "django_cachex.E105"
    assert "redis://, rediss://, unix://" in str(error.hint)
    assert ("valkey://" in str(error.hint)) is (driver == "valkey")


def test_a_password_that_breaks_the_url(check: Check) -> None:
    [error] = check("redis://user:hu/sh@cache.example:6379/0")
    assert error.id == "django_cachex.E104"
    assert "percent-encoded" in str(error.hint)
    assert "hu/" not in str(error)


def test_a_value_in_the_query_that_makes_no_sense(check: Check) -> None:
    [error] = check(f"{URL}?password=hush&socket_timeout=soon")
    assert error.id == "django_cachex.E104"
    assert "socket_timeout" in error.msg
    assert "soon" not in str(error)
    assert "hush" not in str(error)


def test_replicas_with_another_database(check: Check) -> None:
    one = "redis://cache.example"
    [warning] = check([f"{one}/1", f"{one}?db=2"])
    assert warning.id == "django_cachex.W101"
    assert "1, 2" in warning.msg
    assert check([f"{one}/1", f"{one}?db=1"]) == []
    assert check([one, f"{one}/0"], OPTIONS={"db": 0}) == []


@pytest.mark.parametrize(
    ("location", "options"),
    [("redis://cache.example/1", {}), ("redis://cache.example", {"db": "1"})],
)
def test_a_cluster_has_one_database(check: Check, location: str, options: dict[str, Any]) -> None:
    backend = f"{HERE}.ClusterCache"
    assert ids(check(location, backend, OPTIONS=options)) == ["E106"]
    assert check("redis://cache.example/0", backend) == []
    assert check("redis://cache.example", backend, OPTIONS={"db": 0}) == []


# Classes


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("nowhere.Serializer", "module “nowhere”"),
        (f"{HERE}.Missing", "Correct the path"),
        ("serializer", '"json", "orjson"'),
        (f"{HERE}.Picky", "a tuple of the class and its options"),
        (f"{HERE}.NoSerializer", "loads(data)"),
        (object(), "dumps(obj)"),
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
    assert "hush" not in str(error)


@pytest.mark.parametrize(
    ("given", "said"),
    [
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
def test_options_of_a_serializer_that_make_no_sense(check: Check, given: Any, said: str) -> None:
    [error] = check(OPTIONS={"serializer": given})
    assert error.id == "django_cachex.E111"
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
    check: Check,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    module: str,
    extra: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    if module == "lz4":
        monkeypatch.setitem(sys.modules, "lz4.frame", None)
    [error] = check(OPTIONS=options)
    assert error.id == "django_cachex.E114"
    assert str(error.hint) == f"Run: pip install django-cachex[{extra}]"


@pytest.mark.parametrize("given", ["hush", 5, {"late": 1}, {"early": 0}, {"lease": "hush"}])
def test_a_protection_that_makes_no_sense(check: Check, given: Any) -> None:
    [error] = check(OPTIONS={"stampede_protection": given})
    assert error.id == "django_cachex.E115"
    assert "hush" not in f"{error}{error.hint}"


@pytest.mark.parametrize("name", ["pool_class", "parser_class", "async_parser_class"])
def test_a_class_that_cannot_be_imported(check: Check, name: str) -> None:
    [error] = check(OPTIONS={name: "nowhere.Pool"})
    assert error.id == "django_cachex.E110"
    assert f"“{name}”" in error.msg


def test_a_pool_of_the_other_driver(check: Check, driver: str) -> None:
    other = {"valkey": "redis", "redis": "valkey"}[driver]
    [error] = check(OPTIONS={"pool_class": f"{other}.BlockingConnectionPool"})
    assert error.id == "django_cachex.E110"
    assert f"{driver}.connection.BlockingConnectionPool" in str(error.hint)


def test_a_driver_that_is_not_installed(
    check: Check, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"{driver}.connection", None)
    load_driver.cache_clear()
    [error] = check()
    assert error.id == "django_cachex.E103"
    assert error.hint == f"Run: pip install {driver}"
    monkeypatch.undo()
    assert check() == []


# Numbers, and the prefix


@pytest.mark.parametrize("name", ["socket_timeout", "socket_connect_timeout"])
@pytest.mark.parametrize("value", [0, -1, 0.0, True, "2", "hush", float("nan"), float("inf")])
def test_timeouts_that_are_none(check: Check, name: str, value: Any) -> None:
    [error] = check(OPTIONS={name: value})
    assert error.id == "django_cachex.E112"
    assert name in error.msg
    assert "hush" not in str(error)


def test_a_timeout_in_the_url_wins(check: Check) -> None:
    assert ids(check(f"{URL}?socket_timeout=0", OPTIONS={"socket_timeout": 2})) == ["E112"]
    assert ids(check(f"{URL}?socket_timeout=2", OPTIONS={"socket_timeout": 0})) == []


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "5"])
def test_fewer_connections_than_one(check: Check, value: Any) -> None:
    assert ids(check(OPTIONS={"max_connections": value})) == ["E113"]
    assert ids(check(OPTIONS={"max_connections": 1})) == []


@pytest.mark.parametrize("prefix", ["a b", "a\n", "\x7f", "p" * 250])
def test_a_prefix_that_django_would_warn_of_with_every_key(check: Check, prefix: str) -> None:
    assert ids(check(KEY_PREFIX=prefix)) == ["W102"]


# What the cache itself refuses, and the whole


@pytest.mark.parametrize("options", [{"decode_responses": True}, {"protocol": 3}])
def test_what_the_cache_refuses_is_said_in_its_words(check: Check, options: Any) -> None:
    [error] = check(OPTIONS=options)
    assert error.id == "django_cachex.E100"
    assert f"“{next(iter(options))}”" in error.msg


def test_what_a_subclass_says_is_not_quoted(check: Check) -> None:
    [error] = check(backend=f"{HERE}.SubclassThatFails")
    assert error.id == "django_cachex.E100"
    assert "RuntimeError" in error.msg
    assert "hush" not in str(error)


def test_no_message_holds_a_secret(check: Check) -> None:
    options = dict.fromkeys(
        ["PASSWORD", "password", "socket_timeout", "max_connections", "compressor", "nonsense"],
        "hush",
    )
    for location in (
        "redis://user:hush@cache.example:x/0",
        "redis://user:hush@cache.example/0?db=x",
        "http://user:hush@cache.example/0",
        "user:hush@cache.example",
        ["redis://:hush@cache.example/1", "redis://:hush@cache.example/2"],
    ):
        found = check(location, OPTIONS=options, KEY_PREFIX="a b")
        assert len(found) > 4
        assert "hush" not in "".join(f"{message}{message.hint}" for message in found)


def test_faults_are_reported_together_and_by_alias() -> None:
    backend = "django_cachex.cache.ValkeyCache"
    wrong = {"BACKEND": backend, "LOCATION": URL, "OPTIONS": {"zzzz": 1, "max_connections": 0}}
    with override_settings(CACHES={"default": wrong, "other": wrong}):
        found = check_caches()
    assert ids(found) == ["E107", "E113"] * 2
    assert {message.obj for message in found} == {"CACHES['default']", "CACHES['other']"}


def test_manage_py_check_says_it() -> None:
    assert check_caches in registry.registry.get_checks()
    options = {"SOCKET_TIMEOUT": 5}
    params = {"BACKEND": "django_cachex.cache.RedisCache", "LOCATION": URL, "OPTIONS": options}
    with (
        override_settings(CACHES={"default": params}),
        pytest.raises(SystemCheckError, match=r"E108.*SOCKET_TIMEOUT(.|\n)*\"socket_timeout\""),
    ):
        call_command("check")


def test_nothing_is_connected_to(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def validate_options(*arguments: Any) -> None:
        raise AssertionError("A check connected to a server.")

    monkeypatch.setattr(socket.socket, "connect", validate_options)
    assert check("redis://127.0.0.1:6379") == []
    assert check("unix:///run/server.sock") == []


def test_every_equivalent_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "backends.md"
    table = page.read_text().partition("(renamed)=")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([A-Z_]+)`", "".join(rows))) == OPTION_HINTS.keys()


def test_every_option_of_ours_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "backends.md").read_text()
    table = page.partition("## OPTIONS")[2].partition("\n\n`decode")[0]
    names = (
        OWN_OPTIONS
        | INEFFECTIVE_DJANGO_OPTIONS
        | ASYNC_CLASS_OPTIONS
        | {"pool_class", "parser_class", "socket_connect_timeout"}
    )
    written = set(re.findall(r"`(\w+)`", table))
    assert {name for name in names if not {name, name.upper()} & written} == set()
