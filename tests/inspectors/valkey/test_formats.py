"""Edits go through the alias's serializer and its compressor."""

from __future__ import annotations

from typing import Any

import pytest

from django_cachex.inspectors.edits import AddValue, EditStatus, SetValue
from django_cachex.inspectors.types import TTL_NONE
from tests.inspectors.valkey.conftest import Store

KEY = b":1:key"
LONG = {"text": "long " * 1000}


@pytest.mark.parametrize(
    "options",
    [
        {"serializer": "json", "compressor": "zstd"},
        {"serializer": ["msgpack", "pickle"], "compressor": ["lz4", "zlib"]},
        {"compressor": ("gzip", {"level": 9})},
    ],
)
def test_edits_are_stored_byte_by_byte_as_the_cache_stores_them(
    store: Store, options: dict[str, Any]
) -> None:
    inspector = store.inspect(OPTIONS=options)
    for value in (LONG, [1], "text", 7):
        inspector.cache.set("theirs", value)
        assert inspector.apply(KEY, AddValue(value, TTL_NONE, replace=True)).is_done
        assert store.raw.get(KEY) == store.raw.get(":1:theirs")
        entry = inspector.read(KEY)
        assert entry.content.editable
        changed = [value, "and more"]
        assert inspector.apply(KEY, SetValue(changed, entry.expected)).is_done
        assert inspector.cache.get("key") == changed


def test_what_the_serializer_refuses_is_said_and_nothing_is_stored(store: Store) -> None:
    inspector = store.inspect(OPTIONS={"serializer": "orjson"})
    outcome = inspector.apply(KEY, AddValue([2**70], TTL_NONE))
    assert outcome.status == EditStatus.REFUSED
    assert "64-bit" in str(outcome.reason)
    assert not store.raw.exists(KEY)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, {"Serializer": "pickle"}),
        ({"serializer": "json"}, {"Serializer": "json"}),
        (
            {"serializer": ["json", "pickle"], "compressor": [("zstd", {"level": 9}), "zlib"]},
            {"Serializer": "json; also reads pickle", "Compressor": "zstd; also reads zlib"},
        ),
        (
            {"serializer": "django.core.cache.backends.redis.RedisSerializer"},
            {"Serializer": "django.core.cache.backends.redis.RedisSerializer"},
        ),
    ],
)
def test_the_configuration_says_how_values_are_stored(
    store: Store, options: dict[str, Any], said: dict[str, str]
) -> None:
    facts = store.inspect(OPTIONS=options).configuration().fields
    found = {str(fact.label): str(fact.value) for fact in facts}
    assert {label: found.get(label) for label in ("Serializer", "Compressor")} == {
        "Compressor": None,
        **said,
    }
