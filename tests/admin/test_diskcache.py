"""The pages of a cache of diskcache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches

from django_cachex.inspectors import inspector_for
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import Configure
from tests.admin.steps import editing, opened, walk


@pytest.fixture
def disk(configure: Configure, tmp_path: Path) -> Any:
    """A cache that counts how often keys are read."""
    options = {"eviction_policy": "least-frequently-used"}
    params = {"BACKEND": "diskcache.DjangoCache", "LOCATION": str(tmp_path), "SHARDS": 2}
    configure(disk={**params, "OPTIONS": options})
    return caches["disk"]


def test_keys_have_tags_and_hits_and_an_edit_keeps_the_tag(admin: Browser, disk: Any) -> None:
    disk.set("key", "old", None, tag="user:1")
    for _read in range(3):
        disk.get("key")
    disk.set("other", "value", None)
    page = admin.open(f"{addresses.keys('disk', sort='key')}&columns=&columns=tag&columns=hits")
    assert page.column("Tag") == ["user:1", "–"]
    assert page.column("Hits") == ["3", "0"]
    assert "user:1" in opened(admin, "disk").text
    page = admin.submit(editing(admin, "disk"), "save", value="new")
    assert disk.get("key", tag=True) == ("new", "user:1")


def test_pages_say_what_a_server_would_add(admin: Browser, disk: Any) -> None:
    hint = str(inspector_for("disk").upgrade_hint)
    assert hint in admin.open(addresses.keys("disk")).text
    assert hint in admin.open(addresses.caches()).html


def test_a_search_continues_on_the_next_page(admin: Browser, disk: Any) -> None:
    disk.set_many({f"key:{n}": n for n in range(60)}, None)
    pages = walk(admin, admin.open(addresses.keys("disk", q="key:*", size=25)))
    assert len(pages) == 3
    found = [key for page in pages for key in page.column("Key")]
    assert sorted(found) == sorted(f"key:{n}" for n in range(60))


def test_keys_that_are_not_text_are_listed_and_not_opened(admin: Browser, disk: Any) -> None:
    disk._cache.set(("a", 1), "value")
    page = admin.open(addresses.keys("disk", scope="store"))
    [name] = page.column("Stored key")
    assert name.startswith("(pickle) ('a', 1)")
    assert not page.has_action("open")


def test_a_flush_says_what_it_deletes(admin: Browser, disk: Any, tmp_path: Path) -> None:
    disk.set_many({"a": 1, "b": 2})
    page = admin.submit(admin.open(addresses.caches()), "flush", selected=["disk"])
    assert str(tmp_path) in page.text
    admin.submit(page, "confirm")
    assert disk.get("a") is None


def test_a_cache_whose_package_or_folder_is_missing_breaks_nothing_else(
    admin: Browser, configure: Configure, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    configure(disk={"BACKEND": "diskcache.DjangoCache", "LOCATION": str(tmp_path / "file" / "x")})
    page = admin.open(addresses.caches())
    assert page.status == 200
    assert admin.open(addresses.info("disk")).status == 200
    assert admin.open(addresses.keys("disk")).status == 200
