"""The index: every cache with its backend, place, support level and state."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import caches

from django_cachex.inspectors import inspector_for
from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import (
    DATABASE,
    DJANGO_REDIS,
    FILES,
    LOCMEM,
    REDIS,
    STRANGER,
    VALKEY,
    Configure,
    locmem_params,
    valkey_params,
)
from tests.admin.page import Page

LEVELS = {
    "default": "wrapped",
    "valkey": "cachex",
    "redis": "cachex",
    "django": "wrapped",
    "table": "wrapped",
    "files": "wrapped",
    "dummy": "wrapped",
    "stranger": "limited",
    "unflushable": "limited",
    "broken": "limited",
    "refusing": "cachex",
}


def names(page: Page) -> list[str]:
    return [cell.split(" ")[0] for cell in page.column("Cache Name")]


def test_every_cache_is_listed_with_what_it_is(
    admin: Browser, caches_of_every_kind: list[str], valkey_server: servers.Server, settings: Any
) -> None:
    page = admin.open(addresses.caches())
    table = page.table("Cache Name")
    assert names(page) == caches_of_every_kind
    assert table.headers[-7:] == [
        *("Cache Name", "Backend", "Location", "Support Level", "Keys", "Memory", "State"),
    ]
    rows = {alias: table.row("Cache Name", alias) for alias in caches_of_every_kind}
    levels = {alias: row["Support Level"].split()[0] for alias, row in rows.items()}
    assert levels == LEVELS
    for alias, row in rows.items():
        assert row["Backend"] == settings.CACHES[alias]["BACKEND"]
    assert rows["valkey"]["Location"] == f"valkey://{valkey_server.address}/0"
    assert rows["redis"]["Location"] == f"redis://{valkey_server.address}/1"
    assert rows["django"]["Location"] == f"redis://{valkey_server.address}/2"
    assert "cachex_test_cache" in rows["table"]["Location"]
    assert rows["files"]["Location"] == settings.CACHES["files"]["LOCATION"]
    assert rows["stranger"]["Location"] == settings.CACHES["stranger"]["LOCATION"]
    assert [rows[alias]["Keys"] for alias in ("default", "valkey", "redis", "django")] == ["1"] * 4
    states = {alias: row["State"].split(" ")[0] for alias, row in rows.items()}
    assert {states[alias] for alias in ("default", "valkey", "redis", "django", "table")} == {"up"}
    assert states["broken"] == states["refusing"] == "down"
    assert states["stranger"] != "up"


def test_names_lead_to_keys_and_info(admin: Browser, caches_of_every_kind: list[str]) -> None:
    page = admin.open(addresses.caches())
    infos = [link for link in page.links if link.data_action == "info"]
    assert len(infos) == len(caches_of_every_kind)
    for alias in caches_of_every_kind:
        assert admin.click(page, "open", alias).url == addresses.keys(alias)
        assert addresses.info(alias) in [link.url for link in infos]


def test_broken_caches_say_what_is_wrong_with_them(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    row = admin.open(addresses.caches()).table("Cache Name").row("Cache Name", "broken")
    assert "NoSuchCache" in row["State"]
    for url in (addresses.keys("broken"), addresses.info("broken")):
        page = admin.open(url)
        assert page.status == 200
        assert "This cache couldn't be set up." in page.text
        assert "NoSuchCache" in page.text


# Support levels.


def test_caches_are_filtered_by_support_level(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    page = admin.open(addresses.caches())
    counts = {level: list(LEVELS.values()).count(level) for level in set(LEVELS.values())}
    for level, count in counts.items():
        assert page.link(f"show-{level}").text == f"{level} {count}"
        filtered = admin.click(page, f"show-{level}")
        assert names(filtered) == [alias for alias in LEVELS if LEVELS[alias] == level]
        assert names(admin.click(filtered, "show-all")) == list(LEVELS)


@pytest.mark.parametrize("level", ["Cachex", "none", "<b>", "\x00", "wrapped,limited"])
def test_an_unknown_support_level_shows_all_with_a_notice(
    admin: Browser, caches_of_every_kind: list[str], level: str
) -> None:
    page = admin.open(addresses.caches(support=level))
    assert names(page) == caches_of_every_kind
    assert "There is no support level" in page.text


def test_a_support_level_without_caches_says_so(admin: Browser, configure: Configure) -> None:
    configure()
    page = admin.open(addresses.caches(support="limited"))
    assert page.status == 200
    assert "No caches to show" in page.sections
    assert names(admin.click(page, "show-all")) == ["default"]


def test_badges_say_what_they_mean(admin: Browser, caches_of_every_kind: list[str]) -> None:
    page = admin.open(addresses.caches())
    column = page.column("Support Level")
    for words in ("Full support", "Wrapped support", "Limited support"):
        assert any(words in cell for cell in column)
        assert page.text.count(words) > sum(words in cell for cell in column)  # The legend.
    assert "Wrapped support" not in admin.open(addresses.caches(support="limited")).text


def test_a_cache_of_unknown_state_says_why(admin: Browser, caches_of_every_kind: list[str]) -> None:
    row = admin.open(addresses.caches()).table("Cache Name").row("Cache Name", "stranger")
    assert str(inspector_for("stranger").unsupported_reason("can_info")) in row["State"]


# Passwords.

SECRET = "s3cr3t/h#x"

LOCATIONS = {
    "user and password": "valkey://clerk:s3cr3t%2Fh%23x@{address}/0",
    "password alone": "valkey://:s3cr3t%2Fh%23x@{address}/0",
    "in the query": "valkey://{address}/0?password=s3cr3t%2Fh%23x",
    "not quoted": "valkey://:s3cr3t/h#x@{address}/0",
}


@pytest.mark.parametrize("place", ["answering", "refusing", "silent"])
@pytest.mark.parametrize("form", LOCATIONS)
@pytest.mark.parametrize("backend", [VALKEY, DJANGO_REDIS, STRANGER])
def test_passwords_are_on_no_page(
    admin: Browser,
    valkey_server: servers.Server,
    configure: Configure,
    settings: Any,
    backend: str,
    form: str,
    place: str,
) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": 0.2}
    with servers.silent() as silent:
        ports = {"answering": valkey_server.port, "refusing": 1, "silent": silent}
        url = LOCATIONS[form].format(address=f"127.0.0.1:{ports[place]}")
        scheme = "redis" if backend == DJANGO_REDIS else "valkey"
        location = url.replace("valkey:", f"{scheme}:")
        configure(secret={"BACKEND": backend, "LOCATION": location})
        pages = [
            admin.open(addresses.caches()),
            admin.open(addresses.info("secret")),
            admin.open(addresses.keys("secret")),
            admin.open(addresses.key("secret", ":1:a")),
            admin.post(addresses.caches(), {"action": "flush", "selected": ["secret"]}),
            admin.post(
                addresses.caches(), {"action": "flush", "selected": ["secret"], "confirmed": "1"}
            ),
            admin.post(addresses.add("secret"), {"key": "a", "value": "b", "store_as": "text"}),
            admin.post(addresses.delete("secret", ":1:a"), {"confirmed": "1"}),
        ]
    # A cache that cannot be made of its URL refuses to add and to delete.
    assert {page.status for page in pages} <= {200, 403}
    for page in pages:
        assert not re.search(r"s3cr3t", page.html), page.url


def test_passwords_among_the_options_are_on_no_page(
    admin: Browser, valkey_server: servers.Server, configure: Configure
) -> None:
    configure(secret=valkey_params(valkey_server, OPTIONS={"password": SECRET, "username": "bo"}))
    for url in (addresses.caches(), addresses.info("secret"), addresses.keys("secret")):
        page = admin.open(url)
        assert page.status == 200
        assert "s3cr3t" not in page.html


# Servers that do not answer.


def test_silent_servers_hold_up_neither_the_page_nor_the_others(
    admin: Browser, valkey_server: servers.Server, configure: Configure
) -> None:
    with servers.silent() as port:
        hanging = {"BACKEND": VALKEY, "LOCATION": f"valkey://127.0.0.1:{port}/0"}
        configure(
            valkey=valkey_params(valkey_server),
            **{f"hanging{number}": hanging for number in range(4)},
            refusing={"BACKEND": REDIS, "LOCATION": "redis://127.0.0.1:1/0"},
        )
        caches["valkey"].set("a", 1)
        page = admin.open(addresses.caches())
    assert page.seconds < 2.5
    table = page.table("Cache Name")
    assert table.row("Cache Name", "valkey")["State"].startswith("up")
    assert table.row("Cache Name", "valkey")["Keys"] == "1"
    assert table.row("Cache Name", "default")["State"].startswith("up")
    for number in range(4):
        state = table.row("Cache Name", f"hanging{number}")["State"]
        assert state.startswith("down")
        assert "no answer in 2 s" in state
    assert "connection refused" in table.row("Cache Name", "refusing")["State"]


def test_figures_of_one_database_are_said_to_be_shared(
    admin: Browser, valkey_server: servers.Server, configure: Configure
) -> None:
    params = valkey_params(valkey_server)
    apart = {**params, "LOCATION": f"valkey://{valkey_server.address}/5"}
    configure(one=params, two={**params, "KEY_PREFIX": "q"}, apart=apart)
    page = admin.open(addresses.caches())
    assert "one, two share one location, so their figures are the same." in page.text
    assert "apart share" not in page.text


def test_missing_table_is_explained(admin: Browser, configure: Configure) -> None:
    configure(table={"BACKEND": DATABASE, "LOCATION": "no_such_table"})
    for url in (addresses.caches(), addresses.keys("table"), addresses.info("table")):
        page = admin.open(url)
        assert page.status == 200
        assert "no_such_table" in page.text
    assert "createcachetable" in admin.open(addresses.keys("table")).text


def test_a_missing_folder_is_an_empty_cache(
    admin: Browser, configure: Configure, tmp_path: Any
) -> None:
    configure(files={"BACKEND": FILES, "LOCATION": str(tmp_path / "none")})
    assert admin.open(addresses.caches()).status == 200
    assert "This cache is empty" in admin.open(addresses.keys("files")).sections


def test_one_hundred_caches_fit_on_the_page(admin: Browser, settings: Any) -> None:
    settings.CACHES = {f"c{number}": locmem_params() for number in range(100)} | {
        "default": {"BACKEND": LOCMEM}
    }
    assert len(names(admin.open(addresses.caches()))) == 101
