"""Cache info: how a cache is configured, and what its server or store says of itself."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from django_cachex.admin.formatting import format_in_unit
from django_cachex.inspectors.info import Unit
from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, Configure, valkey_params

# What SPEC lists for each card; the card's title need not be repeated.
SPECIFIED = {
    "Server": ("Version", "Operating system", "Uptime"),
    "Memory": ("Used", "Peak", "Max", "Eviction policy"),
    "Clients": ("Connected", "Blocked"),
    "Statistics": ("Hit rate", "Hits", "Misses", ".*connections", ".*commands"),
}

SERVER_CARDS = ["Configuration", "Server", "Memory", "Clients", "Statistics", "Keyspace"]


@pytest.mark.parametrize(
    ("alias", "cards"),
    [
        ("valkey", SERVER_CARDS),
        ("redis", SERVER_CARDS),
        ("django", SERVER_CARDS),
        ("default", ["Configuration", "Keyspace"]),
        ("table", ["Configuration"]),
        ("files", ["Configuration"]),
        ("dummy", ["Configuration"]),
        ("stranger", ["Configuration"]),
        ("unflushable", ["Configuration"]),
        ("broken", ["Configuration"]),
        ("refusing", ["Configuration"]),
    ],
)
def test_every_kind_has_its_cards(
    admin: Browser, caches_of_every_kind: list[str], settings: Any, alias: str, cards: list[str]
) -> None:
    page = admin.open(addresses.info(alias))
    assert page.status == 200
    assert page.heading.startswith(alias)
    assert [card for card in cards if card not in page.sections] == []
    assert settings.CACHES[alias]["BACKEND"] in page.text


def test_configuration_says_prefix_version_and_timeout(
    admin: Browser, valkey_server: servers.Server, configure: Configure
) -> None:
    configure(
        valkey=valkey_params(valkey_server, KEY_PREFIX="shop", VERSION=7, TIMEOUT=7200),
        forever=valkey_params(valkey_server, KEY_PREFIX="", TIMEOUT=None),
    )
    text = admin.open(addresses.info("valkey")).text
    for words in ("Key prefix shop", "Version 7", "Default timeout 2 h"):
        assert words in text
    text = admin.open(addresses.info("forever")).text
    for words in ("Key prefix none", "Version 1", "Default timeout never"):
        assert words in text


def test_a_broken_cache_says_what_it_is_configured_as(admin: Browser, configure: Configure) -> None:
    place = "redis://clerk:hunter2@cache.example/0"
    broken = {"BACKEND": "tests.admin.strangers.NoSuchCache", "LOCATION": place}
    configure(broken={**broken, "KEY_PREFIX": "shop", "VERSION": 7, "TIMEOUT": 7200})
    page = admin.open(addresses.info("broken"))
    for words in ("Key prefix shop", "Version 7", "Default timeout 2 h", "@cache.example/0"):
        assert words in page.text
    assert "hunter2" not in page.html


def test_a_server_says_what_spec_lists(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    raw.config_set("maxmemory", 100_000_000)
    try:
        server_cache.set("a", 1)
        server_cache.get("a")
        server_cache.get("missing")
        text = admin.open(addresses.info("valkey")).text
    finally:
        raw.config_set("maxmemory", 0)
    assert raw.info()["valkey_version"] in text
    for card, labels in SPECIFIED.items():
        section = text.split(f" {card} ", 1)[1]
        for label in labels:
            assert re.search(rf"\b{label}", section, re.IGNORECASE), (card, label)
    assert "100.0 MB" in text
    assert "noeviction" in text
    assert re.search(r"[\d.]+ % Hit rate", text)


def test_keyspace_is_per_database(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    place = f"valkey://{valkey_server.address}"
    configure(valkey=valkey_params(valkey_server, LOCATION=f"{place}/3"))
    caches["valkey"].set("a", 1, 1000)
    caches["valkey"].set("b", 1, None)
    raw.set("elsewhere", "x")
    page = admin.open(addresses.info("valkey"))
    assert "Keyspace" in page.sections
    assert re.search(r"\b2\b", page.text.split("Keyspace")[-1])


def test_figures_have_their_exact_form_at_hand(admin: Browser, server_cache: Any) -> None:
    page = admin.open(addresses.info("valkey"))
    titles = [attrs["title"] for _tag, attrs in page.tags if "title" in attrs]
    assert any(re.fullmatch(r"[\d,]+ bytes", title) for title in titles)


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(4.123, ("4.12 ms", "")), (0.5, ("0.50 ms", "")), (1500.0, ("1 s", "1.50 s"))],
)
def test_short_durations_are_exact_without_a_second_figure(
    milliseconds: float, shown: tuple[str, str]
) -> None:
    assert format_in_unit(milliseconds, Unit.MILLISECONDS) == shown


def test_memory_caches_say_which_process_answered(admin: Browser, configure: Configure) -> None:
    configure()
    for url in (addresses.info("default"), addresses.keys("default")):
        assert f"process {os.getpid()}" in admin.open(url).text


def test_django_redis_says_what_switching_would_add(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    text = admin.open(addresses.info("django")).text
    assert "wrapped" in text
    assert "django_cachex.cache.ValkeyCache" in text
    assert "django_cachex.cache.ValkeyCache" not in admin.open(addresses.keys("django")).text


def test_a_server_without_info_shows_the_rest(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    raw.execute_command("ACL", "SETUSER", "clerk", "on", ">pw", "~*", "+@all", "-info")
    try:
        place = f"valkey://clerk:pw@{valkey_server.address}/0"
        configure(valkey=valkey_params(valkey_server, LOCATION=place))
        page = admin.open(addresses.info("valkey"))
        assert "Configuration" in page.sections
        assert "isn't allowed to run INFO" in page.text
        assert "pw" not in page.text.split()
        index = admin.open(addresses.caches()).table("Cache Name").row("Cache Name", "valkey")
        assert index["State"].startswith("up")
    finally:
        raw.execute_command("ACL", "DELUSER", "clerk")


@pytest.mark.parametrize("alias", ["hanging", "refusing"])
def test_a_dead_server_leaves_the_configuration(
    admin: Browser, configure: Configure, alias: str
) -> None:
    with servers.silent() as port:
        ports = {"hanging": port, "refusing": 1}
        place = f"valkey://:hunter2@127.0.0.1:{ports[alias]}/0"
        configure(**{alias: {"BACKEND": "django_cachex.cache.ValkeyCache", "LOCATION": place}})
        page = admin.open(addresses.info(alias))
    assert page.seconds < 2.5
    assert "Configuration" in page.sections
    assert f'"{alias}"' in page.text
    assert "Other caches are unaffected." in page.text
    assert "hunter2" not in page.html


def test_links_lead_to_keys_and_history(
    admin: Browser, browser_of: BrowserOf, caches_of_every_kind: list[str]
) -> None:
    page = admin.open(addresses.info("valkey"))
    assert admin.click(page, "keys").url == addresses.keys("valkey")
    assert admin.click(page, "history").url == addresses.cache_history("valkey")
    assert not browser_of("view_cache").open(addresses.info("valkey")).has_action("keys")
