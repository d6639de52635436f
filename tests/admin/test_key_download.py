"""Downloads: the stored bytes as they are, values as they were decoded, anything as a dump."""

from __future__ import annotations

import json
from typing import Any

import pytest
import valkey
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.test import AsyncClient, Client

from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import BrowserOf
from tests.admin.steps import detail


def fetched(person: Browser, url: str) -> Any:
    response = person.client.get(url)
    assert response.status_code == 200, response.status_code
    return response


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def link_of(person: Browser, does: str, name: str = "key") -> str:
    return detail(person, name).link(does).url


@pytest.mark.parametrize("data", [b"", b"5", b"\x80\x05\xff", b"x" * 3_000_000], ids=len)
def test_stored_bytes_are_downloaded_as_they_are(
    admin: Browser, store: valkey.Valkey, data: bytes
) -> None:
    store.set("p:1:key", data)
    response = fetched(admin, link_of(admin, "download"))
    assert body(response) == data
    assert response["Content-Disposition"] == 'attachment; filename="key.bin"'
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in response["Cache-Control"]


def test_values_are_downloaded_as_they_were_decoded(admin: Browser, store: valkey.Valkey) -> None:
    value = {"a": ["é", "\u2028", 1.5, None], "long": "x" * 600_000}
    caches["store"].set("key", value)
    response = fetched(admin, link_of(admin, "download-json"))
    assert json.loads(body(response)) == value
    assert 'filename="key.json"' in response["Content-Disposition"]
    caches["store"].set("key", "two\nlines é")
    assert body(fetched(admin, link_of(admin, "download-text"))).decode() == "two\nlines é"


@pytest.mark.parametrize("value", [5, True, (1, 2), b"bytes"], ids=repr)
def test_no_more_is_offered_than_says_something_new(admin: Browser, hello: Any, value: Any) -> None:
    hello.set("key", value)
    page = admin.open(addresses.key("valkey", "p:1:key"))
    assert page.has_action("download")
    assert not page.has_action("download-json")
    assert not page.has_action("download-text")
    back = admin.open(addresses.download("valkey", "p:1:key", **{"as": "json"}))
    assert "can't be downloaded in this format" in back.text


def test_what_holds_elements_is_downloaded_as_a_dump(admin: Browser, store: valkey.Valkey) -> None:
    store.rpush("p:1:key", "a", "b")
    response = fetched(admin, link_of(admin, "download"))
    dumped = body(response)
    assert 'filename="key.dump"' in response["Content-Disposition"]
    store.restore("p:1:again", 0, dumped)
    assert store.lrange("p:1:again", 0, -1) == [b"a", b"b"]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../etc/passwd", "etc_passwd.bin"),
        ('a"b\r\nX: y', "a_b_r_nX_y.bin"),
        ("ключ", "key.bin"),
        ("<b>.html", "b_.html.bin"),
        ("x" * 900, "x" * 100 + ".bin"),
        ("", "key.bin"),
    ],
)
def test_files_are_named_after_the_key_and_no_worse(
    admin: Browser, hello: Any, raw: valkey.Valkey, name: str, file: str
) -> None:
    raw.set(f"p:1:{name}", "5")
    response = fetched(admin, addresses.download("valkey", f"p:1:{name}"))
    assert response["Content-Disposition"] == f'attachment; filename="{file}"'


def test_a_key_with_a_long_name_is_downloaded_by_form(
    admin: Browser, hello: Any, raw: valkey.Valkey
) -> None:
    name = f"p:1:{'x' * 6_000}"
    raw.set(name, "5")
    url = addresses.by_form("download")
    response = admin.client.post(url, {"id": addresses.object_id("valkey", name)})
    assert body(response) == b"5"


def test_downloads_take_sight_of_the_value(browser_of: BrowserOf, hello: Any) -> None:
    url = addresses.download("valkey", "p:1:hello")
    for held in ("view_cache", "change_cache", "add_key", "delete_key"):
        assert browser_of(held).open(url).status == 403
    assert browser_of("view_key").client.get(url).status_code == 200
    assert Client().get(url).status_code == 302


def test_a_vanished_key_or_a_nonsensical_form_is_no_error(admin: Browser, hello: Any) -> None:
    gone = admin.open(addresses.download("valkey", "p:1:nothing"))
    assert words.NO_SUCH_KEY in gone.text
    for form in ("json", "text", "dump", "stored", "\x00", "<b>"):
        url = addresses.download("valkey", "p:1:hello", **{"as": form})
        assert admin.client.get(url, follow=True).status_code == 200


def test_nothing_is_downloaded_that_its_backend_would_have_to_run(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    for form in ("stored", "json", "text", "dump"):
        url = addresses.download("stranger", "hello", **{"as": form})
        assert admin.client.get(url).status_code == 403


def test_downloads_are_streamed_by_asynchronous_servers_too(admin: Browser, hello: Any) -> None:
    hello.set("key", "x" * 2_500_000)
    url = addresses.download("valkey", "p:1:key")

    async def pieces() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(admin.user)
        response = await client.get(url)
        return [piece async for piece in response.streaming_content]

    found = async_to_sync(pieces)()
    assert len(found) > 2
    assert b"x" * 2_500_000 in b"".join(found)
