"""Which inspector serves which backend, third parties' among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.core.cache import InvalidCacheBackendError
from django.core.cache.backends.locmem import LocMemCache
from django.utils.module_loading import import_string

from django_cachex.inspectors import Inspector, inspector_class, inspector_for, register, unregister
from django_cachex.inspectors.base import Support
from django_cachex.inspectors.database import DatabaseInspector
from django_cachex.inspectors.filebased import FileBasedInspector
from django_cachex.inspectors.info import InfoField, InfoSection, Status
from django_cachex.inspectors.limited import BrokenInspector, DummyInspector, LimitedInspector
from django_cachex.inspectors.locmem import LocMemInspector
from django_cachex.inspectors.memcached import MemcachedInspector
from django_cachex.inspectors.valkey import DjangoRedisInspector, RedisCacheInspector
from tests.inspectors.test_limited import StrangersCache

STRANGER = "tests.inspectors.test_limited.StrangersCache"


class StrangersInspector(Inspector):
    """What the author of `StrangersCache` would bring along."""

    support = Support.WRAPPED
    can_info = True

    def status(self) -> Status:
        return Status(keys=len(self.cache.entries))  # type: ignore[attr-defined] # its own

    def info(self) -> Sequence[InfoSection]:
        return (InfoSection("Keyspace", (InfoField("Entries", self.status().keys),)),)


class NearerCache(StrangersCache):
    pass


class NearestCache(NearerCache):
    pass


class NearerInspector(StrangersInspector):
    pass


class BareCache:
    """It is no `BaseCache` at all; its constructor fails."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        raise RuntimeError(f"no driver for redis://user:hunter2@{location}")


@pytest.fixture
def registered() -> Iterator[None]:
    register(STRANGER, StrangersInspector)
    yield
    unregister(STRANGER)


@pytest.fixture
def one(settings: Any) -> Any:
    """Configure one cache and return its inspector."""

    def one(backend: str, location: str = "") -> Inspector:
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": location}}
        return inspector_for("default")

    return one


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("django.core.cache.backends.locmem.LocMemCache", LocMemInspector),
        ("django.core.cache.backends.db.DatabaseCache", DatabaseInspector),
        ("django.core.cache.backends.filebased.FileBasedCache", FileBasedInspector),
        ("django.core.cache.backends.dummy.DummyCache", DummyInspector),
        (STRANGER, LimitedInspector),
    ],
)
def test_each_backend_has_its_inspector(
    one: Any, tmp_path: Any, backend: str, expected: type[Inspector]
) -> None:
    inspector = one(backend, str(tmp_path))
    assert type(inspector) is expected
    assert inspector.alias == "default"
    assert inspector.backend == backend


def test_a_subclass_of_a_known_backend_is_served_like_it() -> None:
    class Mine(LocMemCache):
        pass

    assert inspector_class(Mine) is LocMemInspector


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("locmem.LocMemCache", LocMemInspector),
        ("filebased.FileBasedCache", FileBasedInspector),
        ("memcached.PyMemcacheCache", MemcachedInspector),
        ("redis.NativeRedisCache", RedisCacheInspector),
        ("redis.RedisCache", DjangoRedisInspector),
    ],
)
def test_caches_of_django_prometheus_are_served_like_those_that_they_extend(
    backend: str, expected: type[Inspector]
) -> None:
    path = f"django_prometheus.cache.backends.{backend}"
    assert inspector_class(import_string(path)) is expected


def test_a_third_partys_inspector_serves_its_backend(one: Any, registered: None) -> None:
    inspector = one(STRANGER, "shelf")
    assert type(inspector) is StrangersInspector
    inspector.cache.set("key", "value")
    assert inspector.status().keys == 1
    assert inspector.info()[0].fields[0].value == 1
    assert inspector.support == Support.WRAPPED


def test_an_inspector_may_be_named_by_its_path(one: Any) -> None:
    register(STRANGER, f"{__name__}.StrangersInspector")
    try:
        assert type(one(STRANGER)) is StrangersInspector
    finally:
        unregister(STRANGER)


def test_the_nearest_class_wins(registered: None) -> None:
    assert inspector_class(NearestCache) is StrangersInspector
    register(f"{__name__}.NearerCache", NearerInspector)
    try:
        assert inspector_class(NearestCache) is NearerInspector
        assert inspector_class(StrangersCache) is StrangersInspector
    finally:
        unregister(f"{__name__}.NearerCache")


def test_what_was_never_registered_is_forgotten_without_a_word() -> None:
    unregister("nobody.knows.This")
    assert inspector_class(StrangersCache) is LimitedInspector


def test_a_cache_that_cannot_be_made_says_why_without_passwords(one: Any) -> None:
    inspector = one(f"{__name__}.BareCache", "example.com")
    assert type(inspector) is BrokenInspector
    (note,) = inspector.notes()
    assert "no driver" in str(note)
    assert "hunter2" not in str(note)
    with pytest.raises(RuntimeError):
        inspector.status()


def test_a_backend_that_does_not_import_says_why(one: Any) -> None:
    assert type(one("nobody.knows.This")) is BrokenInspector


def test_an_alias_that_is_not_there_is_an_error(settings: Any) -> None:
    with pytest.raises(InvalidCacheBackendError, match="nowhere"):
        inspector_for("nowhere")
