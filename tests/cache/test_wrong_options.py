"""Wrong settings of a cache: Django's own check makes every cache first, and ours has its say."""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import InvalidCacheBackendError
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from django_cachex.cache.connection.drivers import load_driver

URL = "redis://cache.example:1/0"
HERE = "tests.cache.test_wrong_options"
OTHER = {"valkey": "redis", "redis": "valkey"}


class Failing:
    def __init__(self) -> None:
        raise RuntimeError("hush")


def settings(driver: str, **params: Any) -> Any:
    backend = f"django_cachex.cache.{driver.capitalize()}Cache"
    return override_settings(CACHES={"default": {"BACKEND": backend, "LOCATION": URL, **params}})


def reported(driver: str, **params: Any) -> list[str]:
    """Return the ids that `manage.py check` reports; what uses the cache must be told, too."""
    with settings(driver, **params):
        found = [message for message in run_checks() if str(message.id).startswith("django_cachex")]
        assert "hush" not in "".join(f"{message}{message.hint}" for message in found)
        if any(message.is_serious() for message in found):
            with pytest.raises(SystemCheckError):
                call_command("check")
            for use in (
                lambda: caches["default"].get("key"),
                lambda: asyncio.run(caches["default"].aset("key", 1)),
            ):
                with pytest.raises(ImproperlyConfigured) as error:
                    use()
                assert "hush" not in str(error.value)
    return [str(message.id).removeprefix("django_cachex.") for message in found]


@pytest.mark.parametrize(
    ("params", "id"),
    [
        ({"OPTIONS": []}, "E102"),
        ({"OPTIONS": None}, "E102"),
        ({"OPTIONS": "socket_timeout"}, "E102"),
        ({"LOCATION": 5}, "E104"),
        ({"LOCATION": {"host": "hush"}}, "E104"),
        ({"LOCATION": "redis://cache.example/abc"}, "E104"),
        ({"LOCATION": "redis://cache.example/1/2"}, "E104"),
        ({"LOCATION": "redis://user:12/hush@cache.example:6379/0"}, "E104"),
        ({"LOCATION": f"{URL}?ignore_exceptions=1"}, "E107"),
        ({"LOCATION": f"{URL}?pool_class=redis.ConnectionPool"}, "E107"),
        ({"LOCATION": f"{URL}?connection_class=hush"}, "E107"),
        ({"LOCATION": f"{URL}?serializer=json"}, "E107"),
        ({"OPTIONS": {"serializer": f"{HERE}.Failing"}}, "E111"),
        ({"OPTIONS": {"compressor": Failing}}, "E109"),
    ],
)
def test_what_django_would_have_stumbled_over(driver: str, params: Any, id: str) -> None:
    assert reported(driver, **params) == [id]


def test_a_backend_that_cannot_be_imported_ends_djangos_own_check() -> None:
    wrong = {"default": {"BACKEND": "django_cachex.cache.ValkeyCahce", "LOCATION": URL}}
    with (
        override_settings(CACHES=wrong),
        pytest.raises(InvalidCacheBackendError, match="ValkeyCahce"),
    ):
        call_command("check")


@pytest.mark.parametrize("name", ["pool_class", "connection_class", "parser_class"])
@pytest.mark.parametrize("given", [5, dict, {}, "nowhere.Class", "builtins.dict", f"{HERE}.URL"])
def test_classes_that_are_none(driver: str, name: str, given: Any) -> None:
    assert reported(driver, OPTIONS={name: given}) == ["E110"]


@pytest.mark.parametrize("name", ["async_pool_class", "async_parser_class"])
@pytest.mark.parametrize("given", [5, dict, "nowhere.Class"])
def test_classes_for_event_loops_that_are_none(driver: str, name: str, given: Any) -> None:
    assert reported(driver, OPTIONS={name: given}) == ["E110"]


def test_classes_of_the_other_driver_and_of_the_other_half(driver: str) -> None:
    for module in OTHER[driver], f"{driver}.asyncio":
        for name in "ConnectionPool", "BlockingConnectionPool":
            assert reported(driver, OPTIONS={"pool_class": f"{module}.{name}"}) == ["E110"]
        options = {"connection_class": f"{module}.connection.Connection"}
        assert reported(driver, OPTIONS=options) == ["E110"]
    for module in f"{OTHER[driver]}.asyncio", driver:
        options = {"async_pool_class": f"{module}.ConnectionPool"}
        assert reported(driver, OPTIONS=options) == ["E110"]
        options = {"async_parser_class": f"{module}.connection.DefaultParser"}
        assert reported(driver, OPTIONS=options) == ["E110"]


def test_classes_of_the_right_half(driver: str) -> None:
    options = {
        "pool_class": f"{driver}.ConnectionPool",
        "connection_class": f"{driver}.Connection",
        "parser_class": f"{driver}.connection.DefaultParser",
        "async_pool_class": f"{driver}.asyncio.BlockingConnectionPool",
        "async_parser_class": f"{driver}.asyncio.connection.DefaultParser",
    }
    assert reported(driver, OPTIONS=options) == []


@pytest.mark.parametrize(
    ("options", "id"),
    [
        ({"socket_timeout": 1e-7}, "E112"),  # The kernel would take it for none.
        ({"socket_connect_timeout": 1e12}, "E112"),
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
    ],
)
def test_values_that_would_fail_when_they_are_used(driver: str, options: Any, id: str) -> None:
    assert id in reported(driver, LOCATION="redis://cache.example", OPTIONS=options)


def test_before_django_is_set_up_it_is_the_same_error(driver: str) -> None:
    script = f"""
from django.conf import settings
settings.configure()
from django_cachex.cache import {driver.capitalize()}Cache as Cache
from django.core.exceptions import ImproperlyConfigured
for options in {{"socket_timeout": 0}}, {{"SOCKET_TIMEOUT": 1}}, {{"ignore_exceptions": "no"}}:
    try:
        Cache("{URL}", {{"OPTIONS": options}}).get("key")
    except ImproperlyConfigured as error:
        assert next(iter(options)) in str(error)
        print("refused")
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stdout == "refused\n" * 3, ended.stderr


def test_a_flag_of_tls_that_the_driver_does_not_know(driver: str) -> None:
    found = reported(driver, LOCATION="rediss://h:1", OPTIONS={"ssl_cert_reqs": "hush"})
    assert found == ["E100"]


@pytest.mark.parametrize("timeout", ["hush", -1, 1e300])
def test_a_pool_cannot_wait_so_long(driver: str, timeout: Any) -> None:
    options = {"pool_class": f"{driver}.BlockingConnectionPool", "timeout": timeout}
    assert reported(driver, OPTIONS=options) == ["E112"]


class Provider:
    def get_credentials(self) -> tuple[str, str]:
        return "user", "hush"


@pytest.mark.parametrize(
    "location", ["redis://user:hush@h:1", "redis://:hush@h:1", "redis://u@h:1"]
)
def test_a_provider_beside_credentials(driver: str, location: str) -> None:
    options = {"credential_provider": Provider()}
    assert reported(driver, LOCATION=location, OPTIONS=options) == ["E117"]
    assert reported(driver, OPTIONS={**options, "password": "hush"}) == ["E117"]
    assert reported(driver, OPTIONS=options) == []


@pytest.mark.parametrize("kwargs", [5, {"socket_timeout": 0}, {"zzzz": 1}])
def test_wrong_options_of_sentinels(driver: str, kwargs: Any) -> None:
    params = {
        "BACKEND": f"django_cachex.cache.{driver.capitalize()}SentinelCache",
        "LOCATION": "redis://mymaster/0",
        "OPTIONS": {"sentinels": [("127.0.0.1", 1)], "sentinel_kwargs": kwargs},
    }
    [id] = reported(driver, **params)
    assert id in ("E116", "E100")


@pytest.mark.parametrize("name", ["sentinels", "sentinel_kwargs", "read_replicas"])
def test_options_of_sentinel_on_another_class_are_reported(driver: str, name: str) -> None:
    value = {"sentinels": [("h", 1)], "sentinel_kwargs": {}, "read_replicas": True}[name]
    for kind in "", "Cluster":
        backend = f"django_cachex.cache.{driver.capitalize()}{kind}Cache"
        with override_settings(
            CACHES={
                "default": {"BACKEND": backend, "LOCATION": URL, "OPTIONS": {name: value}},
            }
        ):
            [message] = [one for one in run_checks() if "cachex" in str(one.id)]
        assert message.id == "django_cachex.W106"
        assert f"{driver.capitalize()}SentinelCache" in str(message.hint)


def test_more_connections_than_by_default_are_had_by_saying_so(driver: str) -> None:
    from django_cachex.cache import Client

    for options, most in ({}, 64), ({"max_connections": 100}, 100), ({"max_connections": 7}, 7):
        assert (
            Client.from_options(driver, URL, options).server.configuration.max_connections == most
        )
    client = Client.from_options(driver, f"{URL}?max_connections=80", {})
    assert client.server.configuration.max_connections == 80
    assert threading.TIMEOUT_MAX > 365 * 86_400  # What a pool without a timeout waits.


@pytest.mark.parametrize("app", ["django_cachex.cache", "django_cachex.admin"])
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
        "OPTIONS": {{"max_connections": 0, "SOCKET_TIMEOUT": 5}},
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


@pytest.mark.parametrize(
    ("params", "id"),
    [
        ({"OPTIONS": []}, "E102"),
        ({"LOCATION": ""}, "E104"),
        ({"LOCATION": None}, "E104"),
        ({"LOCATION": "cache.example:1"}, "E104"),
        ({"LOCATION": "redis://u:p@cache.example/x"}, "E104"),
        ({"LOCATION": "http://cache.example"}, "E105"),
        ({"LOCATION": f"{URL}?zzzz=1"}, "E107"),
        ({"OPTIONS": {"zzzz": 1}}, "E107"),
        ({"OPTIONS": {"SOCKET_TIMEOUT": 1}}, "E108"),
        ({"OPTIONS": {"compressor": "zip"}}, "E109"),
        ({"OPTIONS": {"compressor": ("zlib", {"level": 99})}}, "E109"),
        ({"OPTIONS": {"pool_class": "nowhere.Pool"}}, "E110"),
        ({"OPTIONS": {"serializer": "nowhere.Serializer"}}, "E111"),
        ({"OPTIONS": {"serializer": object()}}, "E111"),
        ({"OPTIONS": {"socket_timeout": 0}}, "E112"),
        ({"OPTIONS": {"socket_timeout": -1}}, "E112"),
        ({"OPTIONS": {"socket_timeout": "2"}}, "E112"),
        ({"OPTIONS": {"max_connections": -1}}, "E113"),
        ({"OPTIONS": {"max_connections": "5"}}, "E113"),
        ({"OPTIONS": {"ignore_exceptions": "no"}}, "E116"),
        ({"OPTIONS": {"decode_responses": True}}, "E100"),
    ],
)
def test_the_cache_and_the_check_use_the_same_words(driver: str, params: Any, id: str) -> None:
    with settings(driver, **params):
        [message] = [one for one in run_checks() if "django_cachex.E" in str(one.id)]
        with pytest.raises(ImproperlyConfigured) as error:
            caches["default"].get("key")
        with pytest.raises(ImproperlyConfigured):
            asyncio.run(caches["default"].aset("key", 1))
    assert message.id == f"django_cachex.{id}"
    # Processes that run tests in parallel pickle errors.
    for raised in error.value, pickle.loads(pickle.dumps(error.value)):
        assert str(raised) == f"{message.msg} {message.hint}"


@pytest.mark.parametrize(
    "location",
    [
        "redis://user:1,hush,x@cache.example:1/0",
        "redis://user:1;hush;x@cache.example:1/0",
        "redis://user:1?hush@cache.example:1/0",
        "redis://user:1?hush=1@cache.example:1/0",
        "redis://user:1/hush@cache.example:1/0",
    ],
)
def test_a_part_of_a_password_is_not_shown(driver: str, location: str) -> None:
    assert reported(driver, LOCATION=location) == ["E104"]


def test_a_missing_driver_is_reported_too(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"{driver}.connection", None)
    load_driver.cache_clear()
    with settings(driver, LOCATION=f"{URL}?db=9"):
        assert "django_cachex.E103" in [message.id for message in run_checks()]
        with pytest.raises(ImproperlyConfigured, match=f"pip install {driver}"):
            caches["default"].get("key")
