"""What a key is to Django or another package is told from its name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import valkey
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.cache.utils import make_template_fragment_key
from django.core.management import call_command

from django_cachex.admin.kinds import Kind, find_kind, register, unregister
from django_cachex.inspectors.query import Scope
from tests import cached_site
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import FILES, BrowserOf, Configure, stored_key
from tests.admin.page import Page
from tests.admin.steps import listed

DIGEST = "0123456789abcdef" * 2
PAGE = f"views.decorators.cache.cache_page.site.v2.GET.{DIGEST}.{DIGEST}.de.Europe/Berlin"
NAMES = {
    PAGE: "page",
    f"views.decorators.cache.cache_header.site.{DIGEST}.en.UTC": "page-headers",
    f"template.cache.product.card.{DIGEST}": "fragment",
    "django.contrib.sessions.cached_dbabc": "session",
    "throttle_anon_10.0.0.1": "throttle",
    f"rl:{DIGEST}": "rate-limit",
    "allauth:rl:account:login:5/300/ip:ip:::1": "rate-limit",
    f"axes-{DIGEST}": "login-failure",
    f"waffle:5.0.0{DIGEST}": "flag",
    "solo:shop.models:settings": "setting",
    f"sorl-thumbnail||image||{DIGEST}": "image",
    "wagtail-rendition-1-abc--width-100": "image",
    "wagtail_site_root_paths": "wagtail",
    f"unfold_search_{DIGEST}": "search",
    "celery-task-meta-5b0f": "task-result",
    "unacked": "task-queue",
    "asgi:group:chat": "channel",
    "report.recomputing": "lock",
    "import:lock": "lock",
    # None of them.
    "unacked:1": "",
    "q:1": "",
    "locksmith:1": "",
    "wagtail_site_root_paths:1": "",
}


@pytest.mark.parametrize(("name", "kind"), NAMES.items())
def test_kinds_are_told_from_names(name: str, kind: str) -> None:
    found = {scope: find_kind(name, scope) for scope in Scope}
    assert {one.name if one else "" for one in found.values()} == {kind}
    stored = find_kind(f"prefix:1:{name}", Scope.STORE)
    assert (stored.name if stored else "") == kind


def test_long_names_cost_little() -> None:
    # Each start would be compared with the whole rest.
    assert find_kind("basket:" * 200_000, Scope.STORE) is None


def test_prefixes_are_read_from_the_settings(settings: Any) -> None:
    assert find_kind("limits/1") is None
    settings.RATELIMIT_CACHE_PREFIX = "limits/"
    settings.CHANNEL_LAYERS = {"default": {"CONFIG": {"prefix": "ws"}}}
    found = [find_kind(name) for name in ("limits/1", "wsspecific.1", "rl:1")]
    assert [kind and kind.name for kind in found] == ["rate-limit", "channel", None]


@pytest.fixture
def labels(listing: str) -> dict[str, str]:
    """Keys in an alias of each backend that lists, with the labels of their kinds."""
    names = [PAGE, make_template_fragment_key("card"), "throttle_anon_1", "rl:1", "user:1"]
    caches[listing].set_many(dict.fromkeys(names, "v"), 300)
    kinds = {name: find_kind(name) for name in names}
    return {name: str(kind.label) if kind else "" for name, kind in kinds.items()}


def test_keys_are_listed_and_found_by_their_kind(
    admin: Browser, listing: str, labels: dict[str, str]
) -> None:
    page = admin.open(addresses.keys(listing))
    assert dict(zip(listed(page), page.column("Kind"), strict=True)) == labels
    for name, label in labels.items():
        kind = find_kind(name)
        if kind is not None:
            page = admin.open(addresses.keys(listing, kind=kind.name))
            assert dict(zip(listed(page), page.column("Kind"), strict=True)) == {name: label}
            assert page.form("search").control("kind").value == kind.name
            assert re.search(r"(all 5 keys|1 key) examined", page.text)  # One by the index.
    assert listed(admin.open(addresses.keys(listing, kind="page", q="user"))) == []
    assert listed(admin.open(addresses.keys(listing, kind="page", q=PAGE))) == [PAGE]
    assert listed(admin.open(addresses.keys(listing, kind="rate-limit", q=PAGE))) == []


def test_all_keys_of_a_kind_are_deleted_and_no_others(
    admin: Browser, listing: str, labels: dict[str, str]
) -> None:
    page = admin.click(admin.open(addresses.keys(listing, kind="page")), "delete-matching")
    assert "1 key matches" in page.text
    page = admin.submit(admin.submit(page, "ask"), "confirm")
    assert set(listed(admin.open(addresses.keys(listing)))) == set(labels) - {PAGE}


def test_the_server_searches_for_a_kind(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set(PAGE, "v")
    raw.config_resetstat()
    with raw.monitor() as monitor:
        assert listed(admin.open(addresses.keys("valkey", kind="page"))) == [PAGE]
        scan = next(one["command"] for one in monitor.listen() if "SCAN" in one["command"])
    assert "MATCH p:1:views.decorators.cache.cache_page.*" in scan


def test_namespaces_show_how_many_keys_there_are_of_each_kind(
    admin: Browser, listing: str, labels: dict[str, str]
) -> None:
    page = admin.open(addresses.namespaces(listing))
    [link] = [link for link in page.links if "kind=page" in link.url]
    assert listed(admin.open(link.url)) == [PAGE]
    assert "20.0 % · 1" in page.text


def kind_line(page: Page) -> str:
    """Return the kind in the line on the key page that explains it."""
    lines = [attributes["data-kind"] for _tag, attributes in page.tags if "data-kind" in attributes]
    return lines[0] if lines else ""


def test_the_key_page_says_what_a_key_is(
    admin: Browser, listing: str, labels: dict[str, str]
) -> None:
    page = admin.open(addresses.key(listing, stored_key(listing, PAGE)))
    assert kind_line(page) == "page"
    assert "Method: GET · Language: de · Time zone: Europe/Berlin" in page.text
    assert "site.v2" in page.text
    assert kind_line(admin.open(addresses.key(listing, stored_key(listing, "user:1")))) == ""


def test_hashes_of_names_have_no_kind(admin: Browser, configure: Configure, tmp_path: Any) -> None:
    configure(files={"BACKEND": FILES, "LOCATION": str(tmp_path)})
    caches["files"].set(PAGE, "v")
    page = admin.open(addresses.keys("files", kind="page"))
    assert len(listed(page)) == 1
    assert page.column("Kind") == []
    assert "kind" not in page.form("search").names


SESSION = "django.contrib.sessions.cachezq7xk3m9vw2j8hb5t4n6c1f0rdygpsla"


def test_only_superusers_find_sessions_by_their_kind(
    superuser: User, browser_of: BrowserOf, server_cache: Any, settings: Any
) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.SESSION_CACHE_ALIAS = "valkey"
    server_cache.set(SESSION, {})
    admin, staff = Browser(superuser), browser_of("view_key", "delete_key")
    everything = staff.open(addresses.keys("valkey"))
    assert set(everything.column("Kind")) == {"Session"}
    assert SESSION[-20:] not in everything.html
    address = addresses.keys("valkey", kind="session")
    assert listed(staff.open(address)) == []
    assert "session" not in staff.open(address).form("search").control("kind").options
    assert SESSION in listed(admin.open(address))


@pytest.fixture
def basket_kind() -> Iterator[None]:
    register(
        Kind(
            name="basket",
            label="Basket",
            explanation="The basket of a customer.",
            patterns=("throttle_basket_*", "basket:*:items"),
            get_parts=lambda name: [("Customer", name.split(":")[1])],
        )
    )
    yield
    unregister("basket")


@pytest.mark.usefixtures("basket_kind")
def test_another_package_adds_a_kind(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many({"basket:7:items": 1, "basket:7:date": 1, "throttle_basket_7": 1})
    page = admin.open(addresses.keys("valkey", kind="basket"))
    assert set(listed(page)) == {"basket:7:items", "throttle_basket_7"}
    assert page.column("Kind") == ["Basket"] * 2
    page = admin.open(addresses.key("valkey", stored_key("valkey", "basket:7:items")))
    assert "The basket of a customer. Customer: 7" in page.text


@pytest.mark.parametrize("wrong", [{"name": "Basket"}, {"patterns": ("*",)}, {"patterns": "a*"}])
def test_a_kind_that_would_match_everything_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="kind"):
        Kind(**{"name": "a", "label": "A", "explanation": "", "patterns": ("a*",), **wrong})


def run(*arguments: str) -> list[dict[str, Any]]:
    out = StringIO()
    call_command("cachex", *arguments, "--json", stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_commands_take_and_tell_kinds(server_cache: Any) -> None:
    server_cache.set_many({PAGE: "v", "user:1": "v"})
    assert [one["key"] for one in run("keys", "valkey", "--kind", "page")] == [PAGE]
    assert run("get", "valkey", PAGE)[0]["kind"] == "page"
    assert run("delete", "valkey", "--kind", "page", "--yes")[0]["changed"] == 1
    assert [one["key"] for one in run("keys", "valkey")] == ["user:1"]


def test_pages_of_a_real_site_are_recognized(
    admin: Browser, server_cache: Any, settings: Any
) -> None:
    cached_site.serve(settings, "valkey")
    cached_site.visit("/shop/prices/", "de")
    page = admin.open(addresses.keys("valkey"))
    assert sorted(page.column("Kind")) == ["Cached page", "Header list"]
