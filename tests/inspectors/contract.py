"""What every inspector holds, whatever its store: subclass the contracts its abilities name.

A subclass says where its store is (`params`), what it can do (`abilities`), and how it differs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.base import Support
from django_cachex.inspectors.edits import AddValue
from django_cachex.inspectors.query import Pattern, Query, Scope
from django_cachex.inspectors.types import TTL_NONE, ScanPage

ABILITIES = frozenset(name for name in vars(Inspector) if name.startswith("can_"))

NEED_NO_REASON = ABILITIES - {
    *("can_list", "can_get", "can_edit", "can_delete"),
    *("can_ttl", "can_type", "can_info", "can_flush"),
}
"""Abilities that SPEC's table does not name: a page without them needs no explanation."""

ELEMENTS = frozenset({"can_page", "can_edit_elements", "can_dump"})
"""Abilities of stores that have types."""

HOSTILE_KEYS = (
    "",
    "items",
    "with space",
    "naïve ключ 键",
    "quotes '\"`",
    "<script>alert(1)</script>",
    "/?#%&_!\\",
    "glob*?[a]^",
    "a:1:b",
    "line\r\nbreak\ttab",
    "x" * 200,
)

Inspect = Callable[..., Inspector]


def later(seconds: float = 5) -> float:
    """Return a deadline for `scan`."""
    return time.monotonic() + seconds


def pages(
    inspector: Inspector,
    query: str | Query = "",
    want: int = 100,
    deadline: float | None = None,
    token: str = "",
) -> list[ScanPage]:
    """Return all listings of a search, following the tokens."""
    listings: list[ScanPage] = []
    query = Query(Pattern(query)) if isinstance(query, str) else query
    while not listings or token:
        assert len(listings) < 1000, "the listing never ends"
        until = later() if deadline is None else deadline
        listings.append(inspector.scan(query, token, want, until))
        token = listings[-1].token
    return listings


def listed(inspector: Inspector, query: str | Query = "", **options: Any) -> set[bytes]:
    return {key for page in pages(inspector, query, **options) for key in page.keys}


@pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")
class InspectorContract:
    """What also an inspector that can do nothing holds."""

    support: Support = Support.WRAPPED
    abilities: frozenset[str] = ABILITIES

    shares_store: bool = True
    """Whether two aliases with the same parameters have the same `store`."""

    hostile_keys: tuple[str, ...] = HOSTILE_KEYS

    @pytest.fixture
    def params(self) -> dict[str, Any]:
        """Return an entry of `CACHES` whose store is empty and nobody else's."""
        raise NotImplementedError

    @pytest.fixture
    def inspect(self, settings: Any, params: dict[str, Any]) -> Inspect:
        """Configure an alias, differing from `params` by keywords; return its inspector."""
        configured = {"default": params}

        def inspect(alias: str = "default", **changes: Any) -> Inspector:
            configured[alias] = {**params, **changes}
            settings.CACHES = dict(configured)
            return inspector_for(alias)

        return inspect

    @pytest.fixture
    def inspector(self, inspect: Inspect) -> Inspector:
        return inspect()

    def test_abilities_are_the_documented_ones(self, inspector: Inspector) -> None:
        assert {name for name in ABILITIES if getattr(inspector, name)} == self.abilities
        assert inspector.support == self.support

    def test_a_missing_ability_has_a_reason_of_its_own(self, inspector: Inspector) -> None:
        for ability in ABILITIES - self.abilities - NEED_NO_REASON:
            assert ability in inspector.unsupported_reasons
            assert str(inspector.unsupported_reason(ability)).endswith(".")

    def test_aliases_of_one_store_are_recognised(self, inspect: Inspect) -> None:
        one, other = inspect("default"), inspect("other", KEY_PREFIX="other")
        assert (one.configured_store_id == other.configured_store_id) is self.shares_store
        assert hash(one.configured_store_id) == hash(inspect("default").configured_store_id)

    def test_the_default_ttl_is_in_milliseconds(self, inspect: Inspect) -> None:
        assert inspect(TIMEOUT=90).default_ttl == 90_000
        assert inspect(TIMEOUT=None).default_ttl == TTL_NONE

    def test_the_cache_object_is_not_changed(self, inspector: Inspector) -> None:
        cache = inspector.cache
        kind, state = type(cache), dict(vars(cache))
        inspector.status(), inspector.notes(), inspector.info(), inspector.configuration()
        key = inspector.make_key("key")
        if inspector.can_add:
            inspector.apply(key, AddValue("value", 60_000))
        if inspector.can_get or inspector.can_get_unsafely:
            inspector.read(key)
        if inspector.can_list:
            listed(inspector, "k")
        assert type(cache) is kind
        assert {name: vars(cache)[name] for name in state} == state

    def test_what_pages_show_can_be_written(self, inspector: Inspector) -> None:
        assert inspector.status().latency is None or inspector.status().latency >= 0
        assert all(str(note).endswith(".") for note in inspector.notes())
        for section in (inspector.configuration(), *inspector.info()):
            assert str(section.title)
            facts = [*section.fields, *(fact for row in section.rows for fact in row)]
            assert all(str(fact.label) and fact.value is not None for fact in facts)


class PagingContract(InspectorContract):
    """Listing keys page by page, whatever they are called."""

    exact_pages: bool = True
    """Whether a page never exceeds its size (a `SCAN` shows its last batch whole)."""

    def fill(self, inspector: Inspector, *names: str) -> set[bytes]:
        """Store keys; return their stored keys."""
        for name in names:
            inspector.cache.set(name, name)
        return {inspector.make_key(name) for name in names}

    def test_an_empty_store_is_known_to_be_empty(self, inspector: Inspector) -> None:
        listing = inspector.scan(Query(), "", 100, later())
        assert listing.complete
        assert list(listing.keys) == []

    def test_pages_follow_each_other_without_losing_keys(self, inspector: Inspector) -> None:
        stored = self.fill(inspector, *(f"key:{n}" for n in range(25)))
        listings = pages(inspector, want=10)
        assert set().union(*(listing.keys for listing in listings)) == stored
        for listing in listings:
            assert len(set(listing.keys)) == len(listing.keys)
            assert listing.total is None or listing.total >= len(listing.keys)
            assert listing.examined >= len(listing.keys)
            assert not self.exact_pages or len(listing.keys) <= 10

    def test_keys_that_stay_are_found_while_others_come_and_go(self, inspector: Inspector) -> None:
        stored = self.fill(inspector, *(f"key:{n}" for n in range(30)))
        first = inspector.scan(Query(), "", 10, later())
        inspector.delete(sorted(first.keys)[:5])
        self.fill(inspector, *(f"a-new-key:{n}" for n in range(20)))
        assert stored <= {*first.keys, *listed(inspector, want=10, token=first.token)}

    def test_a_deadline_stops_the_search_but_never_its_progress(self, inspector: Inspector) -> None:
        stored = self.fill(inspector, *(f"key:{n}" for n in range(50)))
        assert listed(inspector, deadline=time.monotonic() - 1) == stored

    def test_a_token_that_is_none_of_ours_is_refused(self, inspector: Inspector) -> None:
        self.fill(inspector, "key")
        for token in ("nonsense!", "é", "-1 OR 1=1", "\0"):
            with pytest.raises(ValueError):  # noqa: PT011 - the contract promises no text
                inspector.scan(Query(), token, 10, later())

    def test_expired_keys_are_not_listed(self, inspector: Inspector) -> None:
        inspector.cache.set("expired", 1, timeout=-1)
        live = self.fill(inspector, "live")
        assert listed(inspector) == live

    def found(self, inspector: Inspector, query: Query) -> set[str]:
        """Return the names that a query finds, on all its pages."""
        listings = pages(inspector, query, want=10)
        assert {listing.unknown for listing in listings} == {0}
        return {inspector.display_key(key) for listing in listings for key in listing.keys}

    def test_filters_are_combined(self, inspector: Inspector) -> None:
        for n in range(30):
            inspector.cache.set(f"short:{n}", "x", 60)
        inspector.cache.set("long", "x", 5000)
        inspector.cache.set("never", "x", None)
        inspector.cache.set("large", os.urandom(5000), None)
        inspector.cache.set("large-and-short", os.urandom(5000), 60)
        assert inspector.filters >= {"expires_within", "expires_after", "larger_than"}
        name = inspector.display_key
        never = {name(inspector.make_key(key)) for key in ("never", "large")}
        both = {name(inspector.make_key("large-and-short"))}
        large = {name(inspector.make_key("large")), *both}
        assert self.found(inspector, Query(expires_within=TTL_NONE)) == never
        assert self.found(inspector, Query(larger_than=20)) >= large
        assert self.found(inspector, Query(larger_than=self.large)) == large
        assert self.found(inspector, Query(larger_than=self.large, expires_within=90_000)) == both
        assert len(self.found(inspector, Query(expires_within=90_000))) == 31
        assert self.found(inspector, Query(larger_than=10**9)) == set()
        long = {name(inspector.make_key("long"))}
        assert self.found(inspector, Query(expires_after=90_000)) == long

    large: int = 2000
    """Bytes that a key with a value of 5,000 bytes takes, at the least."""


class ListingContract(PagingContract):
    """Listing and searching keys by their names."""

    def names(self, inspector: Inspector, text: str) -> set[str]:
        """Return the names that a search finds."""
        return {inspector.display_key(key) for key in listed(inspector, text)}

    def test_every_key_is_listed_by_its_name(self, inspector: Inspector) -> None:
        stored = self.fill(inspector, *self.hostile_keys)
        assert listed(inspector) == stored
        printed = {inspector.display_key(key) for key in stored}
        assert {key for key in self.hostile_keys if key.isprintable()} <= printed
        assert all(name.isprintable() for name in printed)

    def test_other_prefixes_and_versions_stay_out(self, inspect: Inspect) -> None:
        prefixes = ("", "p", "p:1", "p[*]?", "P", "p%_!")
        inspectors = [inspect(f"alias{n}", KEY_PREFIX=text) for n, text in enumerate(prefixes)]
        inspectors.append(inspect("newer", KEY_PREFIX="p", VERSION=11))
        for n, inspector in enumerate(inspectors):
            inspector.cache.set(f"mine:{n}", 1)
        for n, inspector in enumerate(inspectors):
            found = {inspector.display_key(key) for key in listed(inspector)}
            # `p` in version 1 and `p:1` in version 1 cannot be told apart by anyone.
            assert {name for name in found if not name.startswith("1:")} == {f"mine:{n}"}

    def test_a_key_function_that_hides_keys_takes_the_listing_away(self, inspect: Inspect) -> None:
        inspector = inspect(KEY_FUNCTION=lambda key, prefix, version: key[::-1])
        assert not inspector.can_list
        assert type(inspector).can_list
        assert "KEY_FUNCTION" in str(inspector.unsupported_reason("can_list"))
        inspector.cache.set("key", "value")
        assert inspector.read(inspector.make_key("key")).content.value == "value"

    def test_a_search_is_literal_but_for_the_asterisk(self, inspector: Inspector) -> None:
        self.fill(inspector, "user:1", "user:2:cart", "USER:3", "my-user:4", "100%", "1000", "a_b")
        self.fill(inspector, "axb", "what?", "whats", "[a]", "a", "wow!", "back\\slash")
        assert self.names(inspector, "user:*") == {"user:1", "user:2:cart"}
        assert self.names(inspector, "*:cart") == {"user:2:cart"}
        assert self.names(inspector, "user:") == {"user:1", "user:2:cart", "my-user:4"}
        assert self.names(inspector, "user:1") == {"user:1"}
        assert self.names(inspector, "u*:*c*t") == {"user:2:cart"}
        assert self.names(inspector, "100%*") == {"100%"}
        assert self.names(inspector, "a_b*") == {"a_b"}
        assert self.names(inspector, "what?*") == {"what?"}
        assert self.names(inspector, "[a]*") == {"[a]"}
        assert self.names(inspector, "wow!*") == {"wow!"}
        assert self.names(inspector, "back\\s*") == {"back\\slash"}
        assert self.names(inspector, "nothing") == set()

    def test_other_versions_and_the_whole_store_are_found_on_request(
        self, inspect: Inspect
    ) -> None:
        mine, newer = inspect("mine", KEY_PREFIX="p"), inspect("newer", KEY_PREFIX="p", VERSION=2)
        theirs = inspect("theirs", KEY_PREFIX="q")
        for inspector in (mine, newer, theirs):
            inspector.cache.set("key", 1)
            inspector.cache.set("other", 1)
        decoy = inspect("decoy", KEY_PREFIX="p:x")
        decoy.cache.set("key", 1)

        def stored(query: Query) -> set[bytes]:
            return set(mine.scan(query, "", 100, later()).keys)

        keys = {one.make_key("key") for one in (mine, newer)}
        others = {one.make_key("other") for one in (mine, newer)}
        assert mine.scopes == tuple(Scope)
        assert stored(Query()) == {mine.make_key("key"), mine.make_key("other")}
        assert stored(Query(scope=Scope.VERSIONS)) == keys | others
        assert stored(Query(Pattern("key"), scope=Scope.VERSIONS)) == keys
        assert stored(Query(Pattern("k*"), scope=Scope.VERSIONS)) == keys
        everywhere = {*keys, theirs.make_key("key"), decoy.make_key("key")}
        assert stored(Query(Pattern("*:key"), scope=Scope.STORE)) == everywhere
        assert stored(Query(Pattern("q:*"), scope=Scope.STORE)) == {
            theirs.make_key("key"),
            theirs.make_key("other"),
        }

    def test_what_is_left_out_is_left_out_of_every_scope(self, inspect: Inspect) -> None:
        mine, newer = inspect("mine", KEY_PREFIX="p"), inspect("newer", KEY_PREFIX="p", VERSION=2)
        for inspector in (mine, newer):
            inspector.cache.set("secret:1", 1)
            inspector.cache.set("key", 1)
        for scope in mine.scopes:
            query = Query(scope=scope, exclude=lambda stored: b"secret" in stored)
            found = mine.scan(query, "", 100, later()).keys
            assert found
            assert not [key for key in found if b"secret" in key]


class FlushContract(InspectorContract):
    """Flushing, and what is said before."""

    whole_store: bool = True
    """Whether a flush takes the keys of other aliases in the same store."""

    counts_flushed: bool = True
    """Whether `flush` knows how many entries it deleted."""

    def test_a_flush_does_what_its_plan_says(self, inspect: Inspect) -> None:
        mine, other = inspect("default", KEY_PREFIX="mine"), inspect("other", KEY_PREFIX="other")
        for n in range(3):
            mine.cache.set(f"key:{n}", n)
        other.cache.set("key", "theirs")
        plan = mine.preview_flush()
        assert mine.flush_affects(other) is self.whole_store
        assert plan.command
        assert str(plan.scope).endswith(".")
        assert plan.entries is None or plan.entries >= 3
        assert mine.flush() == ((4 if self.whole_store else 3) if self.counts_flushed else None)
        assert mine.cache.get("key:0") is None
        assert (other.cache.get("key") is None) is self.whole_store

    def test_flushing_an_empty_cache_is_no_error(self, inspector: Inspector) -> None:
        assert inspector.flush() == (0 if self.counts_flushed else None)
