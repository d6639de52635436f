"""Which keys clear(), delete_pattern() and the listings touch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cachex.cache import tracing
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.keys import Keyspace, build_pattern, find_keyspace
from django_cachex.commands import Command, KeyFunctionNotSupported
from django_cachex.commands.command import parse_none
from tests.cache.conftest import MakeCache

STRANGERS = [b"other:1:key", b"pre", b"pre:", b"pre:x:key", b"pre:1", b"prefix:1:key", b"xpre:1:k"]


def test_clear_removes_every_version_and_nobody_elses_keys(make_cache: MakeCache) -> None:
    cache = make_cache(KEY_PREFIX="pre")
    cache.set_many({"a": 1, "b:1:c": 2})
    cache.set("a", 1, version=2)
    cache.set("a", 1, version=-3)
    for stranger in STRANGERS:
        cache.client.set(stranger, b"x")
    cache.clear()
    assert sorted(cache.client.scan(count=1000)[1]) == sorted(STRANGERS)


def test_clear_without_a_prefix_leaves_prefixed_keys(make_cache: MakeCache) -> None:
    cache, prefixed = make_cache(), make_cache(KEY_PREFIX="pre")
    cache.set("a", 1)
    prefixed.set("a", 1)
    cache.clear()
    assert cache.has_key("a") is False
    assert prefixed.has_key("a") is True


@pytest.mark.parametrize("prefix", ["a*", "a?b", "[ab]", "a\\", "a:b", "^$.(", "ü"])
def test_a_prefix_is_text_not_a_pattern(make_cache: MakeCache, prefix: str) -> None:
    cache = make_cache(KEY_PREFIX=prefix)
    strangers = [b"ab:1:key", b"axb:1:key", b"a:1:key", b"b:1:key"]
    for stranger in strangers:
        cache.client.set(stranger, b"x")
    cache.set("key", 1)
    assert cache.keys() == ["key"]
    assert cache.delete_pattern("k*") == 1
    cache.set("key", 1)
    cache.clear()
    assert cache.client.dbsize() == len(strangers)


def test_clear_removes_a_version_that_is_no_number(make_cache: MakeCache) -> None:
    cache = make_cache(VERSION="beta")
    cache.set("a", 1)
    cache.set("a", 1, version=2)
    cache.client.set(b":alpha:a", b"x")
    cache.clear()
    assert cache.client.scan()[1] == [b":alpha:a"]


def test_clear_sweeps_more_keys_than_one_batch_holds(cache: ServerCache) -> None:
    cache.set_many({f"key{number}": number for number in range(5000)})
    cache.client.set(b"stranger", b"x")
    cache.clear()
    assert cache.client.dbsize() == 1


def reversed_key(key: Any, prefix: str, version: Any) -> str:
    return f"{prefix}:{version}:{str(key)[::-1]}"


def only_the_key(key: Any, prefix: str, version: Any) -> str:
    return str(key)


def version_hidden(key: Any, prefix: str, version: Any) -> str:
    return f"{prefix}:{hash(version) % 7}:{key}"


def no_version(key: Any, prefix: str, version: Any) -> str:
    return f"{prefix}/{key}"


def dashes(key: Any, prefix: str, version: Any) -> str:
    return f"v-{prefix}-{version}-{key}"


@pytest.mark.parametrize("function", [reversed_key, only_the_key, version_hidden, no_version])
def test_clear_refuses_where_it_cannot_tell_its_keys(make_cache: MakeCache, function: Any) -> None:
    cache = make_cache(KEY_FUNCTION=function, KEY_PREFIX="pre")
    cache.set("key", 1)
    with pytest.raises(KeyFunctionNotSupported, match="flush_db"):
        cache.clear()
    assert cache.get("key") == 1
    cache.flush_db()
    assert cache.get("key") is None


def test_clear_follows_a_key_function_that_keeps_version_and_key(make_cache: MakeCache) -> None:
    cache = make_cache(KEY_FUNCTION=dashes, KEY_PREFIX="pre")
    cache.set("a", 1)
    cache.set("a", 1, version=12)
    cache.client.set(b"pre:1:a", b"x")
    cache.client.set(b"v-pre-x-a", b"x")
    assert cache.keys() == ["a"]
    cache.clear()
    assert sorted(cache.client.scan()[1]) == [b"pre:1:a", b"v-pre-x-a"]


def test_listing_needs_only_the_key_at_the_end(make_cache: MakeCache) -> None:
    cache = make_cache(KEY_FUNCTION=no_version, KEY_PREFIX="pre")
    cache.set("a:1", 1)
    assert cache.keys() == ["a:1"]
    assert cache.delete_pattern("a:*") == 1
    hidden = make_cache(KEY_FUNCTION=reversed_key)
    with pytest.raises(KeyFunctionNotSupported):
        hidden.keys()
    with pytest.raises(KeyFunctionNotSupported):
        hidden.delete_pattern("a*")


def test_delete_pattern_deletes_one_version_and_counts(cache: ServerCache) -> None:
    cache.set_many({"user:1": 1, "user:2": 2, "post:1": 3})
    cache.set("user:1", 1, version=2)
    assert cache.delete_pattern("user:*") == 2
    assert cache.delete_pattern("user:*") == 0
    assert cache.keys() == ["post:1"]
    assert cache.keys(version=2) == ["user:1"]
    assert cache.delete_pattern("*", version=2) == 1


def test_only_the_star_is_a_wildcard(cache: ServerCache) -> None:
    keys = ["a?", "ab", "[ab]", "a\\", "a"]
    cache.set_many(dict.fromkeys(keys, 1))
    assert cache.keys("a?") == ["a?"]
    assert cache.keys("[ab]") == ["[ab]"]
    assert cache.keys("a\\") == ["a\\"]
    assert sorted(cache.keys("a*")) == ["a", "a?", "a\\", "ab"]


def test_an_empty_pattern_never_means_everything(cache: ServerCache) -> None:
    cache.set("key", 1)
    with pytest.raises(ValueError, match="empty pattern"):
        cache.delete_pattern("")
    assert cache.keys("") == []
    assert cache.get("key") == 1


def test_a_prefix_is_taken_off_once(make_cache: MakeCache) -> None:
    cache = make_cache(KEY_PREFIX="p")
    cache.set("p:1:p:1:key", 1)
    assert cache.keys() == ["p:1:p:1:key"]


def test_a_key_that_is_no_utf8_lists_and_is_deleted_by_what_is_listed(cache: ServerCache) -> None:
    cache.client.set(b":1:\xff\xfe", b"1")
    [key] = cache.keys()
    assert cache.get(key) == 1
    assert cache.delete(key) is True


def test_keys_come_in_batches_from_a_walk(cache: ServerCache) -> None:
    data = {f"key{number}": number for number in range(300)}
    cache.set_many(data)
    cache.client.set(b"stranger", b"x")
    assert set(cache.iter_keys(itersize=10)) == set(data)
    assert set(cache.iter_keys("key1*")) == {key for key in data if key.startswith("key1")}
    cursor, found = cache.scan(count=10)
    assert cursor != 0
    assert set(found) < set(data)


def test_a_walk_can_ask_for_one_type(cache: ServerCache) -> None:
    cache.set("text", 1)
    cache.client.run(Command(("RPUSH", b":1:list", b"x"), parse_none))
    assert cache.scan(count=100, _type="list") == (0, ["list"])


prefixes = st.text(max_size=6).filter(lambda text: text.isprintable())


@given(before=prefixes, version=st.integers(), key=st.text(max_size=8))
def test_a_cache_holds_the_keys_it_makes(before: str, version: int, key: str) -> None:
    def make(name: Any, number: Any) -> bytes:
        return f"{before}:{number}:{name}".encode("utf-8", "surrogatepass")

    assert find_keyspace(make, 1).contains(make(key, version))


def test_the_shape_is_found_and_escaped() -> None:
    own = find_keyspace(lambda key, version: f"a*:{version}[{key}".encode(), 1)
    assert own == Keyspace(b"a*:", b"[", b"1")
    assert own.pattern == rb"a\*:*\[*"
    assert own.contains(b"a*:-7[x")
    assert not own.contains(b"a*:7]x")
    assert (
        build_pattern(lambda key, version: f"a*{version}{key}".encode(), b"k*?", 3) == rb"a\*3k*\?"
    )


def test_deleting_many_keys_holds_one_batch_at_a_time(cache: ServerCache) -> None:
    cache.set_many(dict.fromkeys(map(str, range(3_000)), 1))
    sent: list[int] = []

    @contextmanager
    def traced(requests: Any, address: str) -> Iterator[None]:
        sent.extend(len(request.args) - 1 for request in requests if request.args[0] == "UNLINK")
        yield

    tracing.install(traced)
    try:
        assert cache.delete_pattern("1*", itersize=50) == 1_111
        assert sum(sent) >= 1_111
        assert max(sent) < 200
        assert len(sent) > 10
        sent.clear()
        cache.clear()
        assert sum(sent) >= 3_000 - 1_111
        assert max(sent) < 2_000
    finally:
        tracing.remove(traced)
