from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from django_cachex.cache.checks import check_prefixes

VALKEY = "django_cachex.cache.ValkeyCache"
REDIS = "django_cachex.cache.RedisCache"


def caches(*prefixes: str, **others: Any) -> Any:
    """Return settings with a cache for each prefix, all on one database."""
    return override_settings(
        CACHES={
            "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
            **{
                f"alias{number}": {
                    "BACKEND": (VALKEY, REDIS)[number % 2],
                    "LOCATION": "redis://:hush@cache.example/1",
                    "KEY_PREFIX": prefix,
                }
                for number, prefix in enumerate(prefixes)
            },
            **others,
        }
    )


@pytest.mark.parametrize(
    ("outer", "inner"), [("p", "p:1"), ("", ":2"), ("p", "p:1:x"), ("p", "p:-3")]
)
def test_prefixes_that_cannot_be_told_apart_are_reported_once(outer: str, inner: str) -> None:
    with caches(outer, inner, "unrelated"):
        [warning] = check_prefixes()
    assert warning.id == "django_cachex.W001"
    assert "alias0" in warning.msg
    assert "alias1" in warning.msg
    assert warning.hint
    assert "hush" not in str(warning)


@pytest.mark.parametrize(
    ("one", "two"), [("p", "p"), ("p", "q"), ("p", "p1"), ("p", "p:x"), ("p", "p:1x"), ("", "p:1")]
)
def test_prefixes_that_can_be_told_apart_are_not(one: str, two: str) -> None:
    with caches(one, two):
        assert check_prefixes() == []


def test_another_database_is_another_matter() -> None:
    other = {"BACKEND": VALKEY, "LOCATION": "redis://cache.example/2", "KEY_PREFIX": "p:1"}
    same = {"BACKEND": VALKEY, "LOCATION": "redis://cache.example?db=1", "KEY_PREFIX": "p:1"}
    with caches("p", other=other):
        assert check_prefixes() == []
    with caches("p", same=same):
        assert len(check_prefixes()) == 1


def test_what_is_misconfigured_is_left_to_those_who_use_it() -> None:
    with caches("p", broken={"BACKEND": VALKEY, "LOCATION": "nonsense"}):
        assert check_prefixes() == []


def test_a_key_function_of_ones_own_is_not_judged() -> None:
    own = {
        "BACKEND": VALKEY,
        "LOCATION": "redis://cache.example/1",
        "KEY_PREFIX": "p:1",
        "KEY_FUNCTION": lambda key, prefix, version: key,
    }
    with caches("p", own=own):
        assert check_prefixes() == []
