"""Django's memcached backends: what the limited inspector can, without waiting for ever."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.cache import caches

from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.base import Support
from django_cachex.inspectors.edits import AddValue, EditResult, EditStatus
from tests import servers

PYMEMCACHE = "django.core.cache.backends.memcached.PyMemcacheCache"


@pytest.fixture
def memcached(memcached_process: servers.Server, settings: Any) -> str:
    place = memcached_process.address
    settings.CACHES = {"default": {"BACKEND": PYMEMCACHE, "LOCATION": place, "KEY_PREFIX": "m"}}
    caches["default"].clear()
    return place


def test_keys_are_read_added_and_deleted_by_name(memcached: str) -> None:
    inspector = inspector_for("default")
    key = inspector.make_key("a")
    assert inspector.support is Support.WRAPPED
    assert inspector.read(key) is None
    assert inspector.apply(key, AddValue([1], 60_000)) == EditResult(EditStatus.DONE)
    assert caches["default"].get("a") == [1]
    entry = inspector.read(key)
    assert entry is not None
    assert entry.content is not None
    assert entry.content.value == [1]
    assert inspector.delete([key]) == 1
    assert caches["default"].get("a") is None


def test_the_applications_connection_is_left_alone(memcached: str) -> None:
    inspector = inspector_for("default")
    assert inspector.cache is not caches["default"]
    assert inspector.cache.make_key("a") == caches["default"].make_key("a")


def test_a_silent_server_is_not_waited_for(settings: Any) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": 0.2}
    with servers.silent() as port:
        settings.CACHES = {"default": {"BACKEND": PYMEMCACHE, "LOCATION": f"127.0.0.1:{port}"}}
        inspector = inspector_for("default")
        started = time.monotonic()
        with pytest.raises(OSError, match="timed out"):
            inspector.flush()
        assert time.monotonic() - started < 5  # Without a limit it would never end.
