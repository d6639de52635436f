"""The pages of caches behind a sentinel and in a cluster: what they say is true of all of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches

from django_cachex.admin import listing
from tests import servers
from tests.admin.browser import Browser
from tests.admin.steps import walk

MANY = 250
CACHE = "django_cachex.cache."


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[servers.Server, ...]]:
    with servers.cluster() as nodes:
        yield nodes


@pytest.fixture(scope="module")
def cluster(nodes: tuple[servers.Server, ...]) -> dict[str, Any]:
    location = f"valkey://{nodes[0].address}"
    return {"BACKEND": CACHE + "ValkeyClusterCache", "LOCATION": location}


@pytest.fixture(scope="module")
def sentinel() -> Iterator[dict[str, Any]]:
    with servers.sentinel() as fleet:
        yield {
            "BACKEND": CACHE + "RedisSentinelCache",
            "LOCATION": f"redis://{fleet.name}/1",
            "OPTIONS": {"sentinels": [("127.0.0.1", fleet.sentinel.port)]},
        }


@pytest.fixture(params=["cluster", "sentinel"])
def filled(request: pytest.FixtureRequest, settings: Any) -> str:
    """The alias of a cache with MANY keys."""
    topology = str(request.param)
    settings.CACHES = {topology: request.getfixturevalue(topology)}
    caches[topology].clear()
    caches[topology].set_many({f"key:{number}": number for number in range(MANY)})
    return topology


def listed(admin: Browser, alias: str) -> set[str]:
    """Return the keys on all pages of the browser."""
    page = admin.open(f"/admin/django_cachex/key/?cache={alias}")
    found = set(page.column("Key"))
    while page.has_action("next-page"):
        page = admin.click(page, "next-page")
        found |= set(page.column("Key"))
    return found


def test_all_keys_are_listed_and_one_is_found(admin: Browser, filled: str) -> None:
    assert listed(admin, filled) == {f"key:{number}" for number in range(MANY)}
    page = admin.open(f"/admin/django_cachex/key/?cache={filled}&q=key:77")
    assert "key:77" in page.column("Key")
    page = admin.click(page, "open", "key:77")
    assert "77" in page.text


def test_pages_are_full_and_found_again(
    admin: Browser, filled: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 60, "TIMEOUT": 60}  # However slow the machine is.
    monkeypatch.setattr(listing, "MAX_WAITING_BYTES", 0)  # A batch is always searched again.
    pages = walk(admin, admin.open(f"/admin/django_cachex/key/?cache={filled}&size=50"))
    shown = [page.column("Key") for page in pages]
    assert {len(names) for names in shown[:-1]} == {50}
    assert sorted(name for names in shown for name in names) == sorted(
        f"key:{number}" for number in range(MANY)
    )
    back = walk(admin, pages[-1], "previous-page")
    assert [page.column("Key") for page in back] == shown[::-1][: len(back)]


def test_values_are_edited_and_keys_deleted(admin: Browser, filled: str) -> None:
    page = admin.open(f"/admin/django_cachex/key/?cache={filled}&q=key:77")
    page = admin.click(page, "open", "key:77")
    page = admin.submit(admin.submit(page, "edit"), "save", value="78")
    assert "Saved" in page.text
    assert caches[filled].get("key:77") == 78
    admin.submit(admin.click(page, "delete"), "confirm")
    assert caches[filled].get("key:77") is None


def test_the_list_counts_all_and_a_flush_takes_all(admin: Browser, filled: str) -> None:
    page = admin.open("/admin/django_cachex/cache/")
    assert page.column("Keys") == [str(MANY)]
    assert page.column("State")[0].startswith("up")
    page = admin.submit(page, "flush", selected=filled)
    done = admin.submit(page, "confirm")
    assert "Flushed" in done.text
    assert caches[filled].get("key:1") is None
    assert listed(admin, filled) == set()


def test_info_says_whose_figures_it_shows(admin: Browser, filled: str) -> None:
    page = admin.open(f"/admin/django_cachex/cache/{filled}/change/")
    assert page.status == 200
    assert "Memory" in page.sections
    assert ("This is a cluster." in page.text) == (filled == "cluster")


def test_all_that_matches_is_deleted_and_counted(admin: Browser, filled: str) -> None:
    counted = admin.open(f"/admin/django_cachex/cache/{filled}/namespaces/")
    assert f"{MANY} keys counted" in counted.text
    page = admin.open(f"/admin/django_cachex/key/matching/?cache={filled}&action=delete&q=key:1*")
    asked = admin.submit(page, "ask")
    done = admin.submit(asked, "confirm")
    assert "Deleted 111 keys" in done.text
    assert caches[filled].get("key:1") is None
    assert caches[filled].get("key:2") == 2
    assert len(listed(admin, filled)) == MANY - 111


@pytest.mark.slow
def test_a_node_that_is_down_is_named_and_the_rest_is_deleted(
    admin: Browser, settings: Any
) -> None:
    with servers.cluster() as nodes:
        location = f"valkey://{nodes[0].address}"
        settings.CACHES = {"down": {"BACKEND": CACHE + "ValkeyClusterCache", "LOCATION": location}}
        caches["down"].set_many({f"key:{number}": number for number in range(MANY)})
        nodes[2].process.kill()
        nodes[2].process.wait()
        url = "/admin/django_cachex/key/matching/?cache=down&action=delete&q=key:*"
        page = admin.open(url)
        asked = admin.submit(page, "ask")
        page = admin.submit(asked, "confirm")
        for _press in range(5):
            if "didn't answer" in page.text:
                break
            page = admin.submit(page, "run")
        assert f"127.0.0.1:{nodes[2].port} didn't answer" in page.text
        assert page.has_action("run")


def test_elements_are_changed_one_by_one(admin: Browser, filled: str) -> None:
    caches[filled].hset("basket", "kettle", 1)  # type: ignore[attr-defined]  # ours
    page = admin.open(f"/admin/django_cachex/key/?cache={filled}&q=basket")
    page = admin.click(page, "open", "basket")
    page = admin.submit(admin.submit(page, "add-field"), "store-field", field="lamp", value="2")
    assert 'Field "lamp" added' in page.text
    page = admin.click(page, "edit-field", "kettle")
    page = admin.submit(page, "set-field", value="7")
    assert 'Field "kettle" changed' in page.text
    assert caches[filled].hget("basket", "kettle") == 7  # type: ignore[attr-defined]  # ours


def test_a_node_that_does_not_answer_is_named_beside_the_keys_of_the_others(
    admin: Browser, nodes: tuple[servers.Server, ...], cluster: dict[str, Any], settings: Any
) -> None:
    settings.CACHES = {"cluster": cluster}
    caches["cluster"].set_many({f"key:{number}": number for number in range(MANY)})
    admin.open("/admin/django_cachex/key/?cache=cluster")  # The nodes are known.
    nodes[2].process.send_signal(signal.SIGSTOP)
    try:
        page = admin.open("/admin/django_cachex/key/?cache=cluster&size=25")
    finally:
        nodes[2].process.send_signal(signal.SIGCONT)
    assert page.status == 200
    assert page.seconds < 2.5
    assert f"{nodes[2].address} didn't answer. The keys stored there are missing here." in page.text
    assert page.column("Key")
    assert page.has_action("try-again")
    assert page.has_action("next-page")
