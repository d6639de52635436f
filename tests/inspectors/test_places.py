"""Where a listing goes on: a text of a bounded length, whatever the keys are."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import call_command

from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.django import CHARS_PER_CLOCK_CHECK, MAX_TOKEN_KEY_LENGTH
from django_cachex.inspectors.query import Pattern, Query
from tests.inspectors.contract import later, listed, pages

LONG = "x" * 400_000
LONGEST_TOKEN = 8 * MAX_TOKEN_KEY_LENGTH + 100

pytestmark = pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")

BACKENDS = {
    "locmem": ("django.core.cache.backends.locmem.LocMemCache", "places"),
    "database": ("django.core.cache.backends.db.DatabaseCache", "places_table"),
}


@pytest.fixture(params=BACKENDS)
def inspector(request: pytest.FixtureRequest, settings: Any, db: None) -> Any:
    backend, location = BACKENDS[request.param]
    params = {"BACKEND": backend, "LOCATION": location, "OPTIONS": {"MAX_ENTRIES": 10_000}}
    settings.CACHES = {**settings.CACHES, "places": params}
    if request.param == "database":
        call_command("createcachetable", "places_table")
    yield inspector_for("places")
    caches["places"].clear()


def fill(inspector: Inspector, *names: str) -> set[bytes]:
    for name in names:
        inspector.cache.set(name, "v")
    return {inspector.make_key(name) for name in names}


def test_keys_that_begin_alike_for_long_are_each_listed_once(inspector: Inspector) -> None:
    names = [f"{LONG[:length]}{number}" for length in (250, 251, 300, 5000) for number in range(9)]
    stored = fill(inspector, "a", *names, LONG, LONG + "é", "y", "z" * 255, "z" * 256)
    for want in (1, 2, 7):
        found = pages(inspector, want=want)
        assert max(len(listing.token) for listing in found) <= LONGEST_TOKEN
        keys = [key for listing in found for key in listing.keys]
        assert sorted(keys) == sorted(stored)


def test_a_search_over_long_keys_goes_on_where_it_was(inspector: Inspector) -> None:
    stored = fill(inspector, *(f"{LONG}{number}" for number in range(8)))
    assert listed(inspector, "x", want=3) == stored


def test_where_the_key_is_gone_those_that_begin_alike_come_again(inspector: Inspector) -> None:
    stored = fill(inspector, *(f"{LONG[:1000]}{number}" for number in range(6)))
    listing = inspector.scan(Query(), "", 3, later())
    inspector.delete(listing.keys[2:])
    left = inspector.scan(Query(), listing.token, 100, later())
    assert set(left.keys) == stored - set(listing.keys[2:])


def test_the_clock_is_looked_at_by_characters_and_not_by_keys(inspector: Inspector) -> None:
    fill(inspector, *(f"{number:03}{LONG[:20_000]}" for number in range(100)))
    listing = inspector.scan(Query(Pattern("nothing")), "", 100, time.monotonic() - 1)
    assert listing.examined <= CHARS_PER_CLOCK_CHECK / 20_000 + 1
    assert listing.token


@pytest.mark.parametrize("token", ["zz", "616", "fffe", "zz.616"])
def test_a_token_that_is_none_is_refused(inspector: Inspector, token: str) -> None:
    with pytest.raises(ValueError, match=r"hex|decode"):
        inspector.scan(Query(), token, 10, later())
