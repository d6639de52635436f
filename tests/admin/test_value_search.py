"""Finding keys by what their values contain, in every store that lists."""

from __future__ import annotations

import os
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import valkey
from django.contrib.auth.models import User
from django.core.cache import caches

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import (
    DATABASE,
    DJANGO_REDIS,
    FILES,
    ROOMY,
    BrowserOf,
    Configure,
    locmem_params,
    valkey_params,
)
from tests.admin.steps import listed, walk
from tests.admin.test_command_line import Ran
from tests.inspectors.valkey.proxy import proxy

MEMCACHED = "django.core.cache.backends.memcached.PyMemcacheCache"
KINDS = ("valkey", "django", "table", "local", "files", "memcached")


@pytest.fixture
def empty_memcached() -> Iterator[servers.Server]:
    """A memcached of its own: a flushed one still counts and moves what it had."""
    with servers.memcached() as server:
        yield server


@pytest.fixture(params=KINDS)
def kind(
    request: pytest.FixtureRequest,
    valkey_server: servers.Server,
    configure: Configure,
    database_table: str,
    tmp_path: Path,
) -> str:
    """An alias of each kind that lists and reads without executing anything."""
    kind = str(request.param)
    server = request.getfixturevalue("empty_memcached") if kind == "memcached" else None
    made = {
        "valkey": valkey_params(valkey_server),
        "django": {"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{valkey_server.address}/1"},
        "table": {"BACKEND": DATABASE, "LOCATION": database_table, "OPTIONS": ROOMY},
        "local": locmem_params(),
        "files": {"BACKEND": FILES, "LOCATION": str(tmp_path / "files"), "OPTIONS": ROOMY},
        "memcached": {"BACKEND": MEMCACHED, "LOCATION": server.address if server else ""},
    }
    configure(**{kind: made[kind]})
    return kind


class Boom:
    """Its pickle runs code when it is loaded."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("executed",))


def names(kind: str, *keys: str) -> set[str]:
    """Return the names that a list shows for keys."""
    if kind != "files":
        return set(keys)
    from django_cachex.inspectors import inspector_for

    return {inspector_for("files").make_key(key).decode() for key in keys}


def test_text_is_found_in_any_value_that_is_small_enough(
    admin: Browser, kind: str, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"SEARCH_BYTES": 4000}
    cache = caches[kind]
    cache.set("text", "Straße to LAMPland")
    cache.set("nested", {"shop": [{"title": 'The "lamp"\nof Jo'}]})
    cache.set("number", 4711)
    cache.set("numbers", (1, 2, 4711.5))
    cache.set("other", "nothing of the kind")
    cache.set("large", os.urandom(10_000).hex() + "lamp")
    cache.set("program", [Boom(), "lamp"])
    for text, found in {
        "lamp": {"text", "nested", "program"},
        "strasse": {"text"},
        '"lamp"\nof': {"nested"},
        "4711": {"number", "numbers"},
        "executed": {"program"},
        "absent": set(),
    }.items():
        page = admin.open(addresses.keys(kind, value=text))
        assert set(listed(page)) == names(kind, *found), text
        assert "6 values read, 1 skipped" in page.text, text
    field = page.form("search").control("value")
    assert field.value == "absent"


def test_pages_continue_where_they_stopped(admin: Browser, kind: str, settings: Any) -> None:
    """However little fits into a request, and within a batch of keys."""
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 0.001}
    keys = {f"key:{number:03}": f"lamp {number % 3}" for number in range(210)}
    caches[kind].set_many(keys, 1000)
    wanted = names(kind, *(key for key, value in keys.items() if value == "lamp 1"))
    pages = [admin.open(addresses.keys(kind, value="LAMP 1", size="25"))]
    while pages[-1].has_action("next-page") or pages[-1].has_action("continue"):
        action = "next-page" if pages[-1].has_action("next-page") else "continue"
        pages.append(admin.click(pages[-1], action))
        assert len(pages) < 400
    found = [key for page in pages for key in (listed(page) if page.has_action("open") else [])]
    assert set(found) <= set(wanted)
    if kind != "memcached":  # Its server moves items while they are listed.
        assert sorted(found) == sorted(wanted)
        assert "210 values read" in pages[-1].text
        assert "all 210" in pages[-1].text


def test_no_key_is_shown_twice_or_left_out_on_full_pages(
    admin: Browser, kind: str, settings: Any
) -> None:
    if kind == "memcached":
        pytest.skip("Its server moves items while they are listed.")
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 60}
    keys = [f"key:{number:03}" for number in range(150)]
    caches[kind].set_many(dict.fromkeys(keys, "lamp"), 1000)
    pages = walk(admin, admin.open(addresses.keys(kind, value="lamp", size="25")))
    assert [len(listed(page)) for page in pages if page.has_action("open")] == [25] * 6
    assert {key for page in pages for key in listed(page)} == names(kind, *keys)
    back = admin.click(pages[2], "previous-page")
    assert listed(back) == listed(pages[1])


def test_elements_of_small_collections_are_searched(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"SEARCH_BYTES": 10_000}
    server_cache.lpush("list", "a", {"b": "lamp"})
    server_cache.sadd("set", "lamp")
    server_cache.zadd("zset", {"lamp": 1})
    server_cache.hset("hash", "lamp", 5)
    raw.xadd("p:1:stream", {"kind": "lamp"})
    raw.hset("p:1:wide", mapping={f"f{n}": "lamp" for n in range(101)})
    raw.hset("p:1:heavy", mapping={"f": "lamp" * 10_000, **{f"f{n}": "x" for n in range(50)}})
    raw.set("p:1:damaged", b"\x80\x05\x95lamp")
    page = admin.open(addresses.keys("valkey", value="LAMP"))
    assert set(listed(page)) == {"list", "set", "zset", "hash", "stream"}
    assert "5 values read, 2 skipped" in page.text
    assert "1 could not be read" in page.text


def test_values_within_compressed_data_are_bounded(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("x", 1)
    raw.set("p:1:bomb", zlib.compress(pickle.dumps("lamp" * 1_000_000)))
    page = admin.open(addresses.keys("valkey", value="hump"))
    assert "1 value read, 1 skipped" in page.text


def test_the_exact_name_and_other_filters_count_too(admin: Browser, kind: str) -> None:
    caches[kind].set("a", "lamp", 1000)
    caches[kind].set("ab", "lamp", None)
    assert set(listed(admin.open(addresses.keys(kind, q="a", value="lamp")))) == names(kind, "a")
    assert "0 shown" in admin.open(addresses.keys(kind, q="a", value="hump")).text
    page = admin.open(addresses.keys(kind, value="lamp", expires="never"))
    assert set(listed(page)) == names(kind, "ab")
    assert "1 value read" in page.text


def test_all_that_match_are_not_changed_at_once(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many({"a1": "lamp", "a2": "hump"})
    page = admin.open(addresses.keys("valkey", q="a*", value="lamp"))
    assert not page.has_action("delete-matching")
    for action in ("delete", "expire"):
        url = addresses.matching("valkey", q="a*", value="lamp", action=action, ttl="60")
        refused = admin.open(url)
        assert "a value may change after it was read" in refused.text
        assert listed(refused) == ["a1"]
    admin.submit(
        admin.submit(page, "delete", selected=[page.form("delete").control("selected").value]),
        "confirm",
    )
    assert server_cache.get_many(["a1", "a2"]) == {"a2": "hump"}


@pytest.mark.parametrize("engine", ["cache", "cached_db"])
def test_sessions_are_neither_found_nor_counted(
    superuser: User, browser_of: BrowserOf, kind: str, settings: Any, engine: str
) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_CACHE_ALIAS = kind
    session = f"django.contrib.sessions.{engine}zq7xk3m9vw2j8hb5t4n6c1f0rdygpsla"
    caches[kind].set(session, {"secret": "basket"}, 1000)
    person = browser_of("view_key", "delete_key", "change_cache", "view_cache")
    texts = {
        text: [
            person.open(addresses.keys(kind, value=text, **more)).text.replace(text, "TEXT")
            for more in ({}, {"q": session}, {"scope": "versions"}, {"live": "0"})
        ]
        for text in ("basket", "casket")
    }
    assert texts["basket"] == texts["casket"]
    assert "0 values read" in texts["basket"][0]
    assert "zq7x" not in "".join(texts["basket"])
    page = Browser(superuser).open(addresses.keys(kind, value="basket"))
    assert len(listed(page)) == 1


def test_values_of_others_are_not_searched(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    """In the whole database, only keys that can be opened."""
    params = valkey_params(valkey_server)
    configure(valkey=params)
    raw.set("loose", "lamp")
    caches["valkey"].set("mine", "lamp")
    page = admin.open(addresses.keys("valkey", value="lamp", scope="store"))
    assert page.column("Stored key") == ["p:1:mine"]


@pytest.mark.parametrize("text", ["x" * 201, "\x00", "<b>", "é" * 200, " ", "\ud800"])
def test_any_text_gets_an_answer(admin: Browser, server_cache: Any, text: str) -> None:
    server_cache.set("key", 1)
    try:
        url = addresses.keys("valkey", value=text)
    except UnicodeEncodeError:
        url = addresses.keys("valkey") + "&value=%ED%A0%80"
    page = admin.open(url)
    assert page.status == 200
    assert "<b>" not in page.html


def test_a_batch_takes_a_constant_number_of_round_trips(
    admin: Browser, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 10, "TIMEOUT": 20}
    with proxy(valkey_server.port) as between:
        params = valkey_params(valkey_server)
        configure(valkey={**params, "LOCATION": f"valkey://{between.address}/0"})
        caches["valkey"].set_many({f"key:{number}": "lamp" for number in range(10)})

        def trips(**query: str) -> int:
            between.trips = 0
            assert "0 shown" in admin.open(addresses.keys("valkey", **query)).text
            return between.trips

        trips(q="none*")  # Connects.
        without = trips(q="none*")
        assert trips(value="none") == without + 1
        for number in range(6):
            caches["valkey"].hset(f"hash:{number}", "field", "lamp")
        assert trips(value="none") == without + 4


def test_the_command_line_finds_the_same(kind: str) -> None:
    caches[kind].set_many({"a": "lamp", "b": "hump"}, 1000)
    ran = Ran("keys", kind, "--value-contains", "LAMP", "--json")
    assert {line["key"] for line in ran.lines} == names(kind, "a")
    assert "2 values read" in ran.err
    assert ran.code == 0
    assert Ran("keys", kind, "--value-contains", "none").code == 1
