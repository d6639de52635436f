"""Pages in another language: numbers for people follow it, numbers for machines do not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import valkey

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.page import Page

# What one language writes between thousands, and before decimals.
MARKS = {"de": (".", ","), "fr": ("\N{NARROW NO-BREAK SPACE}", ","), "en": (",", ".")}


@pytest.fixture(params=["de", "fr"])
def language(request: pytest.FixtureRequest, settings: Any) -> str:
    settings.LANGUAGE_CODE = request.param
    # The most that a project can do to the numbers in its templates.
    settings.USE_THOUSAND_SEPARATOR = True
    return str(request.param)


Localised = Callable[[int], str]


@pytest.fixture
def localised(language: str) -> Localised:
    """Return how the language writes a whole number, white space as the reader has it."""
    return lambda number: " ".join(f"{number:,}".replace(",", MARKS[language][0]).split())


def test_numbers_follow_the_language(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, localised: Localised
) -> None:
    server_cache.set_many({f"key:{number:04}": 1 for number in range(1234)})
    raw.hset("p:1:hash", mapping={str(number): "v" for number in range(1500)})
    page = admin.open(addresses.keys("valkey", q="none"))
    assert localised(1235) in page.text
    assert localised(1500) in admin.open(addresses.keys("valkey", q="hash")).text
    assert localised(1235) in admin.open(addresses.caches()).text


def machine_values(page: Page) -> list[str]:
    """Return what scripts and servers read of a page: values, data, limits."""
    names = ("value", "max", "min", "data-expires", "maxlength", "rows", "size")
    return [
        attrs[name]
        for tag, attrs in page.tags
        for name in names
        if name in attrs and tag in ("input", "option", "progress", "span", "textarea", "button")
    ]


def test_numbers_for_machines_do_not(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, language: str
) -> None:
    server_cache.set("key", 1234567, 1_234_567)
    raw.config_set("maxmemory", 100_000_000)
    try:
        pages = [
            admin.open(addresses.caches()),
            admin.open(addresses.keys("valkey", size=500)),
            admin.open(addresses.key("valkey", "p:1:key")),
            admin.open(addresses.key("valkey", "p:1:key", mode="edit")),
            admin.open(addresses.info("valkey")),
        ]
    finally:
        raw.config_set("maxmemory", 0)
    found = [value for page in pages for value in machine_values(page)]
    odd = [value for value in found if re.fullmatch(r"\d{1,3}([.,\s\u202f\xa0]\d{3})+", value)]
    assert odd == []
    expiries = [
        attrs["data-expires"]
        for page in pages
        for _tag, attrs in page.tags
        if "data-expires" in attrs
    ]
    assert expiries
    assert all(re.fullmatch(r"\d+", expiry) for expiry in expiries)
    shares = [attrs["value"] for page in pages for tag, attrs in page.tags if tag == "progress"]
    assert shares
    assert all(0 <= float(share) <= 1 for share in shares)


def test_forms_are_filled_with_plain_numbers(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, language: str
) -> None:
    server_cache.set("integer", 1234567, 1000)
    page = admin.open(addresses.key("valkey", "p:1:integer", mode="edit"))
    [form] = [form for form in page.forms if "store_as" in form.names]
    assert form.control("value").value == "1234567"
    server_cache.set("float", [1234.5], 1000)
    page = admin.open(addresses.key("valkey", "p:1:float", mode="edit"))
    [form] = [form for form in page.forms if "store_as" in form.names]
    assert form.control("value").value == "[\r\n  1234.5\r\n]"


def test_forms_take_plain_numbers(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, language: str
) -> None:
    server_cache.set("key", 1, 1000)
    url = addresses.key("valkey", "p:1:key")
    admin.post(url, {"mode": "set-ttl", "timeout": "123456"})
    assert 123_400 < raw.ttl("p:1:key") <= 123_456
    for given in ("1.000", "1 000", "1\u202f000", "1,5"):
        page = admin.post(url, {"mode": "set-ttl", "timeout": given})
        assert page.form_with("timeout").control("timeout").value == given
    assert 123_400 < raw.ttl("p:1:key") <= 123_456
    admin.post(
        addresses.add("valkey"),
        {"key": "n", "value": "1234567", "store_as": "integer", "timeout": "86400"},
    )
    assert server_cache.get("n") == 1234567


def test_page_sizes_are_plain_numbers(admin: Browser, server_cache: Any, language: str) -> None:
    control = admin.open(addresses.keys("valkey")).form_with("size").control("size")
    assert control.options == ["25", "50", "100", "250", "500"]


def test_scores_are_plain_numbers(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, language: str
) -> None:
    raw.zadd("p:1:key", {"a": 1234567.25})
    assert "1234567.25" in admin.open(addresses.key("valkey", "p:1:key")).text


def test_next_goes_on_in_any_language(admin: Browser, server_cache: Any, language: str) -> None:
    server_cache.set_many({f"key:{number:04}": 1 for number in range(700)})
    page, found = admin.open(addresses.keys("valkey", size=500)), set[str]()
    while True:
        found |= {link.text for link in page.links if link.text.startswith("key:")}
        forward = [link for link in page.links if "token=" in link.url and "help" not in link.url]
        if not forward or "500" not in forward[-1].text:
            break
        page = admin.open(forward[-1].url)
    assert len(found) == 700


def test_the_language_of_the_browser_decides(admin: Browser, server_cache: Any) -> None:
    server_cache.set_many({f"key:{number:04}": 1 for number in range(1234)})
    for code in ("de", "en"):
        page = admin.open(addresses.keys("valkey", q="none"), headers={"accept-language": code})
        assert f"1{MARKS[code][0]}234" in page.text


def test_right_to_left_languages_have_their_direction(admin: Browser, server_cache: Any) -> None:
    page = admin.open(addresses.caches(), headers={"accept-language": "ar"})
    assert page.status == 200
    assert ("html", "rtl") in [(tag, attrs.get("dir")) for tag, attrs in page.tags]


def test_messages_name_the_longest_timeout_in_the_language(
    admin: Browser, server_cache: Any, localised: Localised
) -> None:
    server_cache.set("key", 1, 1000)
    page = admin.post(
        addresses.key("valkey", "p:1:key"), {"mode": "set-ttl", "timeout": "99999999999999"}
    )
    assert localised(10_000_000_000) in page.text
    assert words.SAVED not in page.text
