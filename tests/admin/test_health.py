"""The health pages and `manage.py cachex doctor`: who sees what, and what is left if all fails."""

from __future__ import annotations

import re
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import (
    DUMMY,
    REFUSING_PORT,
    BrowserOf,
    Configure,
    locmem_params,
    valkey_params,
)
from tests.admin.page import Page
from tests.admin.test_command_line import Ran
from tests.inspectors.valkey.proxy import proxy

SESSION_ID = "abcdefghijklmnopqrstuvwxyz012345"


def found(page: Page) -> list[str]:
    """Return the ids of the findings on a page."""
    return [attrs["data-finding"] for _tag, attrs in page.tags if "data-finding" in attrs]


def rules(page: Page, name: str) -> str:
    """Return the text of a list of rules, such as those that couldn't be checked."""
    match = re.search(rf'data-rules="{name}".*?</details>', page.html, re.DOTALL)
    return match[0] if match else ""


@pytest.fixture
def clerk(raw: valkey.Valkey) -> Any:
    """A server user who may run neither INFO nor SLOWLOG nor MEMORY."""
    denied = ("-info", "-slowlog", "-memory")
    raw.execute_command("ACL", "SETUSER", "clerk", "on", ">pw", "~*", "+@all", *denied)
    yield "clerk:pw"
    raw.execute_command("ACL", "DELUSER", "clerk")


def test_every_kind_has_a_page(admin: Browser, caches_of_every_kind: list[str]) -> None:
    for alias in caches_of_every_kind:
        page = admin.open(addresses.health(alias))
        assert page.status == 200, alias
        assert ("unreachable" in found(page)) == (alias in ("broken", "refusing")), alias
        assert admin.open(addresses.health(alias, help="1")).has_action("close-help")
    overview = admin.open(addresses.health_of_all())
    assert overview.column("Cache")[: len(caches_of_every_kind)]
    for alias in caches_of_every_kind:
        assert any(link.url == addresses.health(alias) for link in overview.links), alias


def test_pages_lead_to_it(admin: Browser, server_cache: Any) -> None:
    overview = admin.click(admin.open(addresses.caches()), "health")
    assert overview.url == addresses.health_of_all()
    assert admin.click(admin.open(addresses.info("valkey")), "health").url == addresses.health(
        "valkey"
    )


def test_a_finding_leads_to_its_keys(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many({"forever:1": 1, "forever:2": 2}, None)
    server_cache.set("short", 1, 60)
    page = admin.open(addresses.health("valkey"))
    assert "keys-without-expiry" in found(page)
    keys = admin.click(page, "show-keys")
    assert sorted(keys.column("Key")) == ["forever:1", "forever:2"]


def test_nothing_found(admin: Browser, configure: Configure) -> None:
    configure(off={"BACKEND": DUMMY}, local=locmem_params())
    page = admin.open(addresses.health("local"), **{"wsgi.multiprocess": False})
    assert found(page) == []
    assert "No problems found" in page.text
    assert "Keys without expiry" in rules(page, "passed")


def test_a_dead_server_leaves_the_settings(
    admin: Browser, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    with servers.silent() as port:
        place = {"LOCATION": f"valkey://:hunter2@127.0.0.1:{port}/0"}
        configure(
            valkey=valkey_params(valkey_server, **place),
            other=valkey_params(valkey_server, **place),
        )
        settings.CACHEX_ADMIN = {"TIMEOUT": 0.5}
        page = admin.open(addresses.health("valkey"))
        assert found(page) == ["unreachable", "shared-keys"]
        assert "Keys without expiry" in rules(page, "unchecked")
        assert "hunter2" not in page.html
        assert admin.open(addresses.health_of_all()).status == 200


def test_what_an_acl_denies_is_lost_alone(
    admin: Browser, valkey_server: servers.Server, configure: Configure, clerk: str
) -> None:
    place = f"valkey://{clerk}@{valkey_server.address}/0"
    configure(valkey=valkey_params(valkey_server, LOCATION=place))
    caches["valkey"].set("forever", 1, None)
    page = admin.open(addresses.health("valkey"))
    assert "keys-without-expiry" in found(page)
    unchecked = rules(page, "unchecked")
    assert "INFO is denied" in unchecked
    assert "SLOWLOG is denied" in unchecked


def test_findings_can_be_silenced(admin: Browser, server_cache: Any, settings: Any) -> None:
    assert "no-maxmemory" in found(admin.open(addresses.health("valkey")))
    for name in ("no-maxmemory", "valkey:no-maxmemory"):
        settings.CACHEX_ADMIN = {"SILENCED_FINDINGS": [name]}
        page = admin.open(addresses.health("valkey"))
        assert "no-maxmemory" not in found(page)
        assert "No memory limit" in rules(page, "silenced")
    settings.CACHEX_ADMIN = {"SILENCED_FINDINGS": ["other:no-maxmemory"]}
    assert "no-maxmemory" in found(admin.open(addresses.health("valkey")))


# Who may see what.


def test_it_needs_a_permission_on_caches(server_cache: Any, browser_of: BrowserOf) -> None:
    for url in (addresses.health("valkey"), addresses.health_of_all()):
        assert browser_of("view_key").open(url).status == 403
        assert browser_of("view_cache").open(url).status == 200
        assert browser_of("change_cache").open(url).status == 200


def test_keys_need_a_permission_on_keys(server_cache: Any, browser_of: BrowserOf) -> None:
    server_cache.set("secret-name", "x" * 30_000_000, None)
    page = browser_of("view_cache").open(addresses.health("valkey"))
    assert {"keys-without-expiry", "dominant-keys"} <= set(found(page))
    assert "secret-name" not in page.html
    assert not page.has_action("show-keys")
    page = browser_of("view_cache", "view_key").open(addresses.health("valkey"))
    assert "secret-name" in page.text
    assert page.has_action("show-keys")


def test_sessions_are_masked(
    server_cache: Any, admin: Browser, browser_of: BrowserOf, settings: Any
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    settings.SESSION_CACHE_ALIAS = "valkey"
    server_cache.set(f"django.contrib.sessions.cached_db{SESSION_ID}", "x" * 30_000_000)
    page = browser_of("view_cache", "view_key").open(addresses.health("valkey"))
    assert "dominant-keys" in found(page)
    assert SESSION_ID[:20] not in page.html
    assert SESSION_ID in admin.open(addresses.health("valkey")).text
    for ran in (Ran("doctor", "valkey"), Ran("doctor", "valkey", "--json")):
        assert "dominant-keys" in ran.out
        assert SESSION_ID[:20] not in ran.out


def test_only_superusers_learn_about_other_applications(
    server_cache: Any, admin: Browser, browser_of: BrowserOf, raw: valkey.Valkey
) -> None:
    server_cache.set("mine", 1)
    raw.set("others:1", "x")
    assert "unowned-keys" in found(admin.open(addresses.health("valkey")))
    page = browser_of("view_cache").open(addresses.health("valkey"))
    assert "unowned-keys" not in found(page)
    assert "Keys that belong to no cache" in rules(page, "unchecked")


def test_a_cache_whose_keys_cannot_be_told_apart_has_a_page(
    server_cache: Any, valkey_server: servers.Server, configure: Configure, browser_of: BrowserOf
) -> None:
    hashing = {"KEY_FUNCTION": "tests.admin.test_key_functions.hashed"}
    configure(valkey=valkey_params(valkey_server, **hashing))
    page = browser_of("view_cache").open(addresses.health("valkey"))
    assert page.status == 200
    assert "no-maxmemory" in found(page)
    assert "Keys without expiry" in rules(page, "unchecked")


def test_hidden_caches_stay_hidden(
    admin: Browser, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    configure(valkey=valkey_params(valkey_server), vault=valkey_params(valkey_server))
    assert '"vault"' in admin.open(addresses.health("valkey")).text
    settings.CACHEX_ADMIN = {"ALIASES": {"vault": "hidden"}}
    caches["vault"].set("treasure", "x" * 30_000_000, None)
    page = admin.open(addresses.health("valkey"))
    assert "vault" not in page.html
    assert "treasure" not in page.html
    assert "dominant-keys" not in found(page)
    assert admin.open(addresses.health("vault")).status == 404
    assert "vault" not in admin.open(addresses.health_of_all()).html


# Costs.


def test_the_cost_does_not_depend_on_the_number_of_keys(
    admin: Browser, valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    trips = []
    with proxy(valkey_server.port) as between:
        place = f"valkey://{between.address}/0"
        configure(valkey=valkey_params(valkey_server, LOCATION=place))
        for count in (3000, 60_000):
            raw.mset({f"p:1:{number}": number for number in range(count)})
            between.trips = 0
            admin.open(addresses.health("valkey"))
            trips.append(between.trips)
    assert max(trips) <= 30, trips


# The command.


def test_exit_codes_tell_the_worst_finding(
    valkey_server: servers.Server, configure: Configure
) -> None:
    down = valkey_params(valkey_server, LOCATION=f"valkey://127.0.0.1:{REFUSING_PORT}/0")
    configure(valkey=valkey_params(valkey_server), down=down, local=locmem_params())
    assert Ran("doctor", "local").code == 0
    ran = Ran("doctor", "local", "valkey")
    assert ran.code == 1
    assert "WARNING no-maxmemory" in ran.out
    assert Ran("doctor").code == 2
    assert Ran("doctor", "nobody").code == 2


def test_json_has_a_line_for_each_finding(server_cache: Any) -> None:
    server_cache.set("large", "x" * 30_000_000, None)
    ran = Ran("doctor", "valkey", "--json")
    by_id = {one["id"]: one for one in ran.lines if one["severity"] != "unchecked"}
    assert {"no-maxmemory", "keys-without-expiry", "dominant-keys"} <= by_id.keys()
    assert by_id["dominant-keys"]["keys"] == ["large"]
    assert {one["cache"] for one in ran.lines} == {"valkey"}
