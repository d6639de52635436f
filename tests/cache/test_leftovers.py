"""Settings of the packages that a project comes from: each is answered with what to write."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, registry
from django.test import override_settings

from django_cachex.cache.backends import ServerCache
from django_cachex.cache.checks import (
    check_caches,
    check_client_settings,
    check_migration_settings,
)
from django_cachex.cache.migration import (
    OPTION_HINTS,
    SETTING_HINTS,
    SHARED_OPTIONS,
    get_reading_packages,
)
from django_cachex.cache.options import INEFFECTIVE_DJANGO_OPTIONS

OURS = {"BACKEND": "django_cachex.cache.RedisCache", "LOCATION": "redis://cache.example:6379/1"}


def sources(package: str) -> str:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return "".join(path.read_text() for path in Path(spec.origin).parent.rglob("*.py"))


@pytest.mark.parametrize("package", ["django_redis", "django_valkey"])
def test_every_option_that_they_read_has_an_equivalent(package: str) -> None:
    read = set(re.findall(r'options(?:\.get\(|\[)\s*"([A-Z_]+)"', sources(package)))
    assert {"SERIALIZER", "COMPRESSOR", "IGNORE_EXCEPTIONS"} < read
    assert read - INEFFECTIVE_DJANGO_OPTIONS <= OPTION_HINTS.keys() | SHARED_OPTIONS


@pytest.mark.parametrize("package", ["django_redis", "django_valkey"])
def test_every_setting_of_theirs_has_an_equivalent(package: str) -> None:
    read = set(re.findall(r'settings,\s*"([A-Z_]+)"', sources(package)))
    assert f"{package.upper()}_SCAN_ITERSIZE" in read
    assert read <= SETTING_HINTS.keys()
    assert all(package in get_reading_packages(name) for name in read)


DJANGO_REDIS = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": OURS["LOCATION"]}


@pytest.fixture
def check() -> Any:
    def checked(caches: dict[str, Any], **settings: Any) -> list[CheckMessage]:
        with override_settings(CACHES=caches, **settings):
            return check_migration_settings()

    return checked


def test_a_setting_that_nobody_reads_any_more_is_a_warning(check: Any) -> None:
    settings = {"DJANGO_REDIS_IGNORE_EXCEPTIONS": True, "DJANGO_VALKEY_SCAN_ITERSIZE": 50}
    first, second = check({"default": OURS, "other": OURS}, **settings)
    assert first.id == second.id == "django_cachex.W105"
    assert "DJANGO_REDIS_IGNORE_EXCEPTIONS has no effect on CACHES['default']" in first.msg
    assert '"ignore_exceptions": "all"' in first.hint
    assert "itersize" in second.hint
    assert check_migration_settings in registry.registry.get_checks()


def test_settings_of_their_compressors_are_options_of_ours(check: Any) -> None:
    settings = {"CACHE_COMPRESS_LEVEL": 9, "CACHE_COMPRESS_MIN_LENGTH": 100}
    level, size = check({"default": OURS}, **settings)
    assert (level.id, size.id) == ("django_cachex.W105", "django_cachex.W105")
    assert '("zstd", {"level": 9})' in level.hint
    assert '"min_size"' in size.hint
    theirs = {"BACKEND": "django_valkey.cache.ValkeyCache"}
    assert check({"default": OURS, "other": theirs}, **settings) == []


def test_a_setting_that_is_off_or_still_read_is_none(check: Any) -> None:
    settings = {"DJANGO_REDIS_IGNORE_EXCEPTIONS": True, "DJANGO_REDIS_CLOSE_CONNECTION": False}
    assert check({"default": OURS, "old": DJANGO_REDIS}, **settings) == []
    assert check({"default": OURS, "old": DJANGO_REDIS}, CACHE_HERD_TIMEOUT=60) == []
    assert check({"default": {"BACKEND": "no.such.Module"}}, **settings) == []
    assert check({"default": OURS}, DJANGO_REDIS_CLOSE_CONNECTION=False) == []


def test_packages_that_take_the_drivers_client_are_named() -> None:
    caches = {"default": OURS, "jobs": OURS, "old": DJANGO_REDIS}
    settings: dict[str, Any] = {
        "DEFENDER_REDIS_NAME": "default",
        "RQ_QUEUES": {
            "low": {"USE_REDIS_CACHE": "jobs"},
            "high": {"USE_REDIS_CACHE": "jobs"},
            "old": {"USE_REDIS_CACHE": "old"},
            "other": {"URL": "redis://127.0.0.1"},
        },
        "Q_CLUSTER": {"django_redis": "default"},
    }
    with override_settings(CACHES=caches, **settings):
        found = check_client_settings()
    assert {one.id for one in found} == {"django_cachex.W107"}
    named = [(one.msg.split()[0], re.findall("“(.+)”", one.msg)[0]) for one in found]
    expected = [("DEFENDER_REDIS_NAME", "default"), ("RQ_QUEUES", "jobs"), ("Q_CLUSTER", "default")]
    assert named == expected
    assert all("LOCATION" in str(one.hint) for one in found)
    broken = {"RQ_QUEUES": [1], "Q_CLUSTER": "default", "DEFENDER_REDIS_NAME": None}
    with override_settings(CACHES=caches, **broken):
        assert check_client_settings() == []
    assert check_client_settings in registry.registry.get_checks()


def test_a_key_function_is_not_reversed() -> None:
    with override_settings(CACHES={"default": {**OURS, "REVERSE_KEY_FUNCTION": "shop.reverse"}}):
        [found] = check_caches()
    assert found.id == "django_cachex.W105"


# Methods.


def named(kind: type) -> dict[str, list[str]]:
    """Return the arguments of the public methods of a class; those of the driver's client not."""
    return {
        name: [each for each in inspect.signature(method).parameters if each not in IGNORED]
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


IGNORED = {"self", "client"}


@pytest.mark.parametrize("package", ["django_redis", "django_valkey"])
def test_every_method_that_is_called_otherwise_is_documented(package: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "migration.md").read_text()
    table = page.partition("## Methods")[2].partition("\n\n##")[0]
    first = " ".join(line.split(" | ")[0] for line in table.splitlines())
    documented = set(re.findall(r"\w+", first)) | set(re.findall(r"`(\w+)`", table))
    theirs = named(import_module(f"{package}.client").DefaultClient)
    assert len(theirs) > 50
    ours = named(ServerCache)
    differing = {
        name for name, given in theirs.items() if ours.get(name, [])[: len(given)] != given
    }
    assert {"lock", "get_client", "iter_keys"} < differing
    assert differing - documented == set()
