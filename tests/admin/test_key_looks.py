"""Looking at more of a value: further, as an outline, and from a terminal."""

from __future__ import annotations

import html
import re
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest
import valkey
from django.core.cache import CacheKeyWarning, caches

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.steps import detail, shown


def test_more_of_a_long_text_is_loaded_until_all_of_it_is_there(
    admin: Browser, store: valkey.Valkey
) -> None:
    text = "".join(f"{number:07}\n" for number in range(5_000))
    caches["store"].set("key", text)
    page = detail(admin)
    for count in (5_000, 20_000):
        assert f"First {count:,} of 40,000 characters shown." in page.text
        page = admin.click(page, "load-more")
    assert not page.has_action("load-more")
    assert shown(page).replace('<span id="cx-more"></span>', "") == text.replace("\r\n", "\n")


def test_more_of_a_value_too_large_to_decode_is_loaded(
    admin: Browser, store: valkey.Valkey
) -> None:
    store.set("p:1:key", b"0123456789" * 300_000)
    page = admin.click(detail(admin), "load-more")
    assert "First 20,000 of 3,000,000 bytes shown." in page.text
    hexadecimal = admin.click(admin.click(page, "view-hex"), "load-more")
    assert "First 20,000 of 3,000,000 bytes shown." in hexadecimal.text


@pytest.mark.parametrize("given", ["0", "-1", "x", "9" * 30, "1e9", "\x00", "999999999"])
def test_nonsense_shows_no_more_than_the_limit(
    admin: Browser, hello: Any, raw: valkey.Valkey, given: str
) -> None:
    raw.set("p:1:key", b"x" * 20_000)
    page = admin.open(addresses.key("valkey", "p:1:key", shown=given))
    assert page.status == 200
    assert len(page.html) < 150_000


def test_a_large_value_is_an_outline_whose_blocks_open(admin: Browser, hello: Any) -> None:
    value = {"few": [1, 2], "many": [{"n": number, "x": "<b>", "y": 1} for number in range(50)]}
    hello.set("key", value)
    page = admin.open(addresses.key("valkey", "p:1:key"))
    assert page.html.count("<details") == 51
    assert page.html.count("<details open") == 50
    assert "250 lines" in page.text
    assert '"n": 49' in page.text
    assert "<b>" not in page.html
    hello.set("key", {"few": [1, 2]})
    assert "<details" not in admin.open(addresses.key("valkey", "p:1:key")).html


def test_a_vast_value_is_a_page_of_bounded_size(admin: Browser, hello: Any) -> None:
    hello.set("key", [[[[number]]] for number in range(9_000)])
    page = admin.open(addresses.key("valkey", "p:1:key", shown="1000000"))
    assert page.status == 200
    assert len(page.html) < 3_000_000


@pytest.mark.parametrize("name", ["it's", 'a "b" \\ $HOME `x`', "名前\nline"])
def test_the_command_line_reads_the_key_when_it_is_pasted(
    admin: Browser, hello: Any, raw: valkey.Valkey, valkey_server: servers.Server, name: str
) -> None:
    raw.set(f"p:1:{name}", "42")
    page = admin.open(addresses.key("valkey", f"p:1:{name}"))
    line, python = lines_of(page.html)
    program = str(Path(servers.valkey_server()).with_name("valkey-cli"))
    command = line.replace("valkey-cli", program, 1)
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "42"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheKeyWarning)  # Not portable to memcached.
        assert eval(python, {"caches": caches}) == 42


def lines_of(source: str) -> list[str]:
    return [html.unescape(text) for text in re.findall(r'data-copy="([^"]*)"', source)][1:]


def test_lines_name_no_password_and_are_for_those_who_see_the_value(
    admin: Browser, browser_of: BrowserOf, hello: Any
) -> None:
    url = addresses.key("valkey", "p:1:hello")
    assert "valkey-cli" in browser_of("view_key").open(url).text
    assert browser_of("delete_key").open(url).status == 403
