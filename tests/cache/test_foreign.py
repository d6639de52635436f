"""What callers of django-redis and django-valkey write works, or is refused with what to write."""

from __future__ import annotations

import asyncio

import pytest

from django_cachex.cache.backends import ServerCache


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("get_lock", "cache.lock(key, timeout=30)"),
        ("aget_lock", "cache.alock(key, timeout=30)"),
        ("mget", "cache.get_many(keys)"),
        ("mset", "cache.set_many(data)"),
        ("make_pattern", "cache.iter_keys(pattern)"),
    ],
)
def test_methods_that_are_called_otherwise_say_how(
    cache: ServerCache, name: str, advice: str
) -> None:
    assert hasattr(cache, name) is False
    with pytest.raises(AttributeError, match=name) as refused:
        getattr(cache, name)
    assert f"Write {advice}" in str(refused.value)


def test_the_drivers_client_is_refused_with_what_to_write(cache: ServerCache) -> None:
    for use in (
        lambda: cache.client.get_client(write=True),
        lambda: cache.get("key", client=object()),  # type: ignore[call-arg]  # what is tested
        lambda: cache.set("key", 1, client=object()),  # type: ignore[call-arg]  # what is tested
        lambda: asyncio.run(cache.aget("key", client=object())),  # type: ignore[call-arg]
        lambda: asyncio.run(cache.aset("key", 1, client=object())),  # type: ignore[call-arg]
    ):
        with pytest.raises((AttributeError, TypeError), match=r"cache\.pipeline\(\)"):
            use()
    assert cache.has_key("key") is False


def test_an_argument_that_nobody_knows_is_refused(cache: ServerCache) -> None:
    with pytest.raises(TypeError, match="verison"):
        cache.get("key", verison=2)  # type: ignore[call-arg]  # what is tested
    with pytest.raises(TypeError, match="verison"):
        cache.set("key", 1, verison=2)  # type: ignore[call-arg]  # what is tested


def test_what_has_the_same_name_works(cache: ServerCache) -> None:
    assert cache.set("key", 1, nx=True) is True
    assert cache.set("key", 1, timeout=60, nx=True) is False
    assert cache.expire_at("key", 2**33) is True
    assert cache.pexpire_at("key", 2**43) is True
    assert cache.persist("key") is True
    assert cache.ttl("key") is None
    assert list(cache.iter_keys("k*", itersize=10)) == cache.keys("k*") == ["key"]
    with cache.lock("lock", timeout=5):
        assert cache.ttl("lock") == 5
    assert cache.delete_pattern("*", itersize=100) == 1


def test_positions_that_mean_something_else_there_are_refused(cache: ServerCache) -> None:
    for call in (lambda: cache.lock("key", 2), lambda: list(cache.iter_keys("*", 1000))):  # type: ignore[misc]
        with pytest.raises(TypeError):
            call()
