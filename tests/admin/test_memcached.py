"""The pages of a memcached server."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import caches

from django_cachex.inspectors.memcached import MemcachedInspector
from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import Configure


@pytest.mark.parametrize("most", [1000, None])
def test_an_expensive_search_goes_on_only_when_it_is_asked_to(
    admin: Browser,
    configure: Configure,
    memcached_process: servers.Server,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    most: int | None,
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 1e-9}
    monkeypatch.setattr(MemcachedInspector, "max_keys_unasked", most)
    backend = "django.core.cache.backends.memcached.PyMemcacheCache"
    configure(memcached={"BACKEND": backend, "LOCATION": memcached_process.address})
    caches["memcached"].clear()
    caches["memcached"].set_many({f"key:{number}": "x" for number in range(3000)})
    page = admin.open(addresses.keys("memcached", q="*nothing*"))
    assert page.has_action("continue")
    assert ("data-auto-continue" in page.html) is (most is None)
    assert ("only when you ask for it" in page.text) is (most is not None)
    assert admin.click(page, "continue").status == 200
