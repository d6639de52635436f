"""The table of docs/codecs.md is what the serializers do."""

from __future__ import annotations

from typing import Any

import pytest

from django_cachex.cache import ValkeyCache
from tests.cache.codecs.changes import SERIALIZERS, TABLE, alike, value_of
from tests.cache.conftest import url
from tests.servers import Server

MISSING = object()


@pytest.fixture(params=SERIALIZERS)
def serializer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_table_of_the_documentation_is_true(serializer: str, valkey_server: Server) -> None:
    cache = ValkeyCache(url(valkey_server), {"OPTIONS": {"serializer": serializer}})
    wrong = [
        (row, serializer, said, outcome)
        for number, (row, cells) in enumerate(TABLE.items())
        if (outcome := stored(cache, f"key{number}", row)) != (said := cells[serializer])
        and not is_said(outcome, said)
    ]
    assert wrong == []


def stored(cache: ValkeyCache, key: str, row: str) -> Any:
    """Return how the table would say what became of a value."""
    value = value_of(row)
    try:
        cache.set(key, value)
    except (TypeError, ValueError, OverflowError):
        assert not cache.has_key(key)
        return "refused"
    found = cache.get(key, MISSING)
    return "same" if alike(found, value) else found


def is_said(outcome: Any, said: str) -> bool:
    if "refused" in (outcome, said) or "same" in (outcome, said):
        return False
    return alike(outcome, value_of(said))
