"""Namespaces: a tree of what keys are called, with its figures, and how sure they are."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import valkey
from django.core.cache import caches

from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf, valkey_params
from tests.admin.page import Page

SESSION = "django.contrib.sessions.cache"


def fill(raw: valkey.Valkey, start: str, count: int, ttl: int | None = None) -> None:
    with raw.pipeline(transaction=False) as pipeline:
        for number in range(count):
            pipeline.set(f"p:1:{start}{number}", "v", ex=ttl)
        pipeline.execute()


def names(page: Page) -> list[str]:
    return [cell.split()[0] for cell in page.column("Namespace")]


def test_namespaces_are_listed_with_keys_memory_and_expiry(admin: Browser, listing: str) -> None:
    cache = caches[listing]
    cache.set_many({f"user:{number}": "v" * 100 for number in range(20)}, 1000)
    cache.set_many({f"page:fr:{number}": "v" for number in range(5)}, None)
    cache.set("lonely", "v", 1000)
    page = admin.open(addresses.namespaces(listing))
    assert "26 keys counted" in page.text
    assert "All keys were counted." in page.text
    assert names(page) == ["user:*", "page:*", "page:fr:*"]
    assert [cell.split()[0] for cell in page.column("Keys")] == ["20", "5", "5"]
    assert page.column("Never expire") == ["0 %", "100 %", "100 %"]
    assert "keys without a namespace" in page.text
    assert len(page.column("Key")) == 10
    keys = admin.click(page, "open", "user:*")
    assert len(keys.column("Key")) == 20


def test_a_branch_opens_with_what_is_in_it(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    fill(raw, "shop:user:", 7)
    fill(raw, "shop:page:", 3)
    fill(raw, "other:", 5)
    page = admin.open(addresses.namespaces("valkey", under="shop:"))
    assert "10 keys counted" in page.text
    assert names(page) == ["shop:user:*", "shop:page:*"]
    assert not page.has_action("inside")  # There are no smaller parts.
    whole = admin.open(addresses.namespaces("valkey"))
    assert [link.url for link in whole.links if link.data_action == "inside"] == [page.url]


def test_the_picture_says_the_same_as_the_table(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    fill(raw, "user:", 30)
    fill(raw, "page:", 10)
    page = admin.open(addresses.namespaces("valkey"))
    widths = [
        float(given["width"]) for tag, given in page.tags if given.get("class") == "cx-bar-fill"
    ]
    shares = [
        float(text)
        for text in re.findall(r"([0-9.]+) %", " ".join(page.table("Namespace").column("Memory")))
    ]
    assert [width / 10 for width in widths[:2]] == pytest.approx(shares, abs=0.1)
    assert 70 < shares[0] < 80
    assert not [given for _tag, given in page.tags if "style" in given]


@pytest.fixture
def sampling(settings: Any) -> None:
    """A sample is a thousand keys, and each step takes one batch of a hundred."""
    settings.CACHEX_ADMIN = {"NAMESPACE_SAMPLE": 1000, "SCAN_BUDGET": 1e-9}


def test_a_sample_says_that_it_is_one_and_how_sure(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, sampling: None
) -> None:
    fill(raw, "user:", 6000)
    fill(raw, "page:", 4000)
    page = admin.open(addresses.namespaces("valkey"))
    assert "Estimated from a sample" in page.text
    for _press in range(20):
        if not page.has_action("sample"):
            break
        page = admin.submit(page, "sample")
    row = page.table("Namespace").row("Namespace", "user:*")
    value, error = map(float, re.findall(r"([0-9.]+) % ± ([0-9.]+)", row["Memory"])[0])
    assert abs(value - 60) < 2 * error
    assert 0 < error < 5
    about = int(re.sub("[^0-9]", "", row["Keys"]))
    assert 5000 < about < 7000
    assert row["Keys"].startswith("about")
    for _press in range(300):
        steps = [step for step in ("sample", "all") if page.has_action(step)]
        if not steps:
            break
        page = admin.submit(page, steps[-1])
    assert "All keys were counted." in page.text
    assert page.table("Namespace").row("Namespace", "user:*")["Keys"] == "6,000"


def test_stores_in_order_of_their_keys_claim_no_sample(
    admin: Browser, configure: Any, settings: Any
) -> None:
    configure()
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 1e-9}
    caches["default"].set_many({f"user:{number:05}": "v" for number in range(3000)})
    page = admin.open(addresses.namespaces("default"))
    assert page.has_action("sample")
    assert "aren't a random sample" in page.text
    assert "±" not in page.text
    assert "about" not in page.table("Namespace").row("Namespace", "user:*")["Keys"]


def test_hashes_have_no_namespaces(admin: Browser, caches_of_every_kind: list[str]) -> None:
    page = admin.open(addresses.namespaces("files"))
    assert page.status == 200
    assert "No namespaces" in page.text


@pytest.mark.parametrize(
    "alias", ["valkey", "redis", "django", "table", "files", "default", "refusing"]
)
def test_every_kind_has_the_page_or_says_why_not(
    admin: Browser, caches_of_every_kind: list[str], alias: str
) -> None:
    page = admin.open(addresses.namespaces(alias))
    assert page.status == 200
    assert "key counted" in page.text or "Error in" in page.text or "No namespaces" in page.text


@pytest.mark.parametrize("alias", ["dummy", "stranger", "unflushable", "broken"])
def test_what_cannot_be_listed_has_no_such_page(
    admin: Browser, caches_of_every_kind: list[str], alias: str
) -> None:
    assert admin.open(addresses.namespaces(alias)).status == 403
    assert not admin.open(addresses.info(alias)).has_action("namespaces")


def test_an_empty_cache_and_an_unknown_branch_say_so(admin: Browser, server_cache: Any) -> None:
    assert "This cache is empty" in admin.open(addresses.namespaces("valkey")).text
    page = admin.open(addresses.namespaces("valkey", under="nobody:"))
    assert "No key in this namespace" in page.text
    for under in ("*", "\x00", "<b>", "x" * 3000, "%s"):
        page = admin.open(addresses.namespaces("valkey", under=under))
        assert page.status == 200
        assert "<b>" not in page.html


@pytest.mark.parametrize(
    ("held", "status"), [((), 403), (("view_cache",), 403), (("view_key",), 200)]
)
def test_whoever_sees_keys_sees_namespaces(
    browser_of: BrowserOf, hello: Any, held: tuple[str, ...], status: int
) -> None:
    assert browser_of(*held).open(addresses.namespaces("valkey")).status == status


def test_sessions_are_masked_and_found_by_no_prefix(
    browser_of: BrowserOf, server_cache: Any, raw: valkey.Valkey, settings: Any
) -> None:
    settings.SESSION_CACHE_ALIAS = "valkey"
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.CACHEX_ADMIN = {"NAMESPACE_SEPARATOR": "b"}
    raw.set(f"p:1:{SESSION}abcdefgh", "v" * 5000)
    raw.set("p:1:b:user", "v")
    person = browser_of("view_key")
    page = person.open(addresses.namespaces("valkey"))
    assert SESSION not in page.html
    assert "session ••••" in page.text
    assert "abcd" not in page.html
    for under in (SESSION, f"{SESSION}abcd"):
        assert (
            "No key in this namespace"
            in person.open(addresses.namespaces("valkey", under=under)).text
        )


def test_a_token_is_good_for_one_person_cache_and_branch(
    admin: Browser, browser_of: BrowserOf, server_cache: Any, raw: valkey.Valkey, sampling: None
) -> None:
    fill(raw, "user:", 5000)
    page = admin.open(addresses.namespaces("valkey"))
    data = {**page.form_with("state").data(), "step": "sample"}
    for person, query in ((browser_of("view_key"), {}), (admin, {"under": "user:"})):
        answer = person.post(addresses.namespaces("valkey", **query), data)
        assert "Counting starts again" in answer.text
    assert "Counting starts again" not in admin.post(addresses.namespaces("valkey"), data).text


def test_memory_that_is_denied_leaves_the_keys(
    admin: Browser, valkey_server: Any, configure: Any, raw: valkey.Valkey
) -> None:
    raw.execute_command("ACL", "SETUSER", "clerk", "on", ">secret", "+@all", "-memory", "~*", "&*")
    location = f"valkey://clerk:secret@{valkey_server.address}/0"
    configure(valkey=valkey_params(valkey_server, LOCATION=location))
    fill(raw, "user:", 3)
    fill(raw, "page:", 1)
    page = admin.open(addresses.namespaces("valkey"))
    assert "Share of keys" in page.text
    assert names(page) == ["user:*", "page:*"]
    assert "Largest keys found" not in page.text
    raw.execute_command("ACL", "DELUSER", "clerk")


def test_every_figure_opens_its_keys(admin: Browser, listing: str) -> None:
    cache = caches[listing]
    cache.set_many({f"user:{number}": "v" for number in range(4)}, 1000)
    cache.set_many({f"user:n{number}": "v" for number in range(3)}, None)
    cache.set_many({f"page:{number}": "v" for number in range(2)}, 90_000)
    page = admin.open(addresses.namespaces(listing))
    found: dict[tuple[str, ...], int] = {}
    for link in page.links:
        query = parse_qs(urlsplit(link.url).query)
        if link.data_action != "open" or "q" not in query:
            continue
        asked = [query.get(name, [""])[0] for name in ("q", "expires", "expires_after")]
        found[tuple(asked)] = len(admin.open(link.url).column("Key"))
        if link.text.isdecimal():
            assert found[tuple(asked)] == int(link.text)
    assert {asked: count for asked, count in found.items() if count} == {
        ("user:*", "", ""): 7,
        ("page:*", "", ""): 2,
        ("user:*", "never", ""): 3,
        ("*", "never", ""): 3,
        ("*", "3600", "60"): 4,
        ("*", "604800", "86400"): 2,
    }
    assert [row for row in page.column("Keys") if row.split()[0] == "7"]
    assert ("*", "60", "") in found
    assert ("*", "", "2592000") in found
