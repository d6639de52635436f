"""Requests that no page made: whatever they hold, none is answered with a 500."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import valkey

from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import stored_key

ODD = {
    "NUL": "\x00",
    "NUL inside": "a\x00b",
    "huge": "x" * 50_000,
    "huge number": "9" * 5000,
    "negative": "-1",
    "quotes": "\"'`",
    "markup": "<script>alert(1)</script>",
    "template": "{{ settings.SECRET_KEY }}{% debug %}",
    "percent": "%zz%00%",
    "format": "%s%(x)s{0}",
    "surrogate": "\udcff",
    "unicode": "\u202e\ufeff\U0001f600",
    "lines": "a\r\nSet-Cookie: x=1",
    "path": "../../../etc/passwd",
    "brackets": "a[]=1&a[b]=2",
    "only stars": "*" * 5000,
    "stars and letters": "*a" * 2000,
    "backslashes": "\\" * 1001,
    "open class": "[" * 1000,
    "empty": "",
}

PARAMETERS = (
    *("q", "type", "size", "token", "support", "mode", "view", "help", "key", "id"),
    *("as", "shown", "element"),
)


def encoded(text: str) -> str:
    """Return text as a hostile client would send it, halves of surrogate pairs included."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@pytest.fixture
def pages(server_cache: Any) -> list[str]:
    server_cache.set("hello", {"to": "you"}, 1000)
    stored = "p:1:hello"
    return [
        addresses.caches(),
        addresses.keys("valkey"),
        addresses.keys(),
        addresses.add("valkey"),
        addresses.info("valkey"),
        addresses.cache_history("valkey"),
        addresses.key("valkey", stored),
        addresses.history("valkey", stored),
        addresses.delete("valkey", stored),
        addresses.download("valkey", stored),
    ]


def fine(status: int) -> bool:
    return status in (200, 302, 400, 403, 404, 405)


@pytest.mark.parametrize("name", ODD)
def test_odd_parameters_are_no_error(
    admin: Browser, pages: list[str], raw: valkey.Valkey, name: str
) -> None:
    wrong, value = [], encoded(ODD[name])
    every = "&".join(f"{parameter}={value}" for parameter in PARAMETERS)
    for url in pages:
        for query in (every, f"cache={value}", f"token={value}", f"mode={value}"):
            page = admin.open(f"{url}{'&' if '?' in url else '?'}{query}")
            if not fine(page.status):
                wrong.append((page.status, url, query[:20]))
            assert "<script>alert" not in page.html
            assert "only for tests" not in page.text
    assert wrong == []
    assert raw.dbsize() == 1


@pytest.mark.parametrize("name", [name for name in ODD if name != "surrogate"])
def test_odd_form_fields_are_no_error(
    admin: Browser, pages: list[str], raw: valkey.Valkey, name: str
) -> None:
    wrong, text = [], ODD[name]
    for url in (url for url in pages if "/cache/valkey/" not in url):
        for data in (
            {"action": text, "selected": text, "confirmed": text},
            {"action": "delete", "selected": [text, f"valkey:{text}"], "confirmed": "1"},
            {"action": "flush", "selected": text, "confirmed": "1"},
            {"mode": text},
            {"mode": "save", "value": text, "store_as": text, "expected": text, "timeout": text},
            {"mode": "set-ttl", "timeout": text},
            {"mode": "set-ttl", "moment": text, "preview": text},
            {"mode": "make-copy", "name": text, "into": "valkey", "overwrite": text},
            {"mode": "set-name", "name": "", "element": text, "shown": text},
            {"mode": "add-number", "by": text},
            {"key": text, "type": "hash", "value": text, "store_as": "auto", "timeout": "5"},
            {"key": text, "value": text, "store_as": "json", "timeout": text},
            {"id": text},
        ):
            if "/delete/" in url and "confirmed" in data:
                continue  # That one is an honest deletion.
            page = admin.post(url, data)
            if not fine(page.status):
                wrong.append((page.status, url, data))
            assert "<script>alert" not in page.html
    assert wrong == []
    assert raw.exists("p:1:hello")


@pytest.mark.parametrize("name", ODD)
def test_odd_ids_are_no_error(admin: Browser, server_cache: Any, name: str) -> None:
    text = encoded(ODD[name])
    for url in (
        f"/admin/django_cachex/cache/{text}/change/",
        f"/admin/django_cachex/cache/{text}/history/",
        f"/admin/django_cachex/key/{text}/change/",
        f"/admin/django_cachex/key/{text}/delete/",
        f"/admin/django_cachex/key/{text}/history/",
        f"/admin/django_cachex/key/valkey_3A{text}/change/",
        f"/admin/django_cachex/key/valkey_3A{text}/delete/",
        f"/admin/django_cachex/key/{text}_3AcDoxOmhlbGxv/change/",
        f"/admin/django_cachex/key/valkey%3A{text}/history/",
    ):
        for page in (admin.open(url), admin.post(url, {"confirmed": "1", "mode": "save"})):
            assert fine(page.status), url
            assert "<script>alert" not in page.html


@pytest.mark.parametrize(
    "key_id",
    [
        *("valkey:", ":", "valkey", "valkey:=", "valkey:a", "valkey:aaaaa", "valkey:cDox"),
        *("valkey:cDoxOmhlbGxv=", "valkey:cDoxOmhlbGxv====", "valkey:cDox OmhlbGxv"),
        *("valkey:cDoxOmhlbGxv\n", "valkey::cDoxOmhlbGxv", "%76alkey:cDoxOmhlbGxv"),
        *("-", "--", "ü:cDoxOmhlbGxv", "valkey:ü", "%ff:cDox", "VALKEY:cDoxOmhlbGxv"),
    ],
)
def test_ids_that_are_nearly_right(admin: Browser, server_cache: Any, key_id: str) -> None:
    server_cache.set("hello", 1)
    for route in ("change", "delete", "history"):
        page = admin.post(addresses.by_form(route), {"id": key_id})
        assert page.status in (200, 404)
    data = {"action": "delete", "selected": [key_id]}
    assert admin.post(addresses.keys("valkey"), data).status == 200
    assert server_cache.get("hello") == 1


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "head", "trace"])
def test_other_methods_change_nothing(
    admin: Browser, pages: list[str], raw: valkey.Valkey, method: str
) -> None:
    for url in pages:
        response = getattr(admin.client, method)(url)
        assert fine(response.status_code), url
    assert raw.dbsize() == 1


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"action": "flush"}'),
        ("text/plain", b"action=flush"),
        ("application/x-www-form-urlencoded", b"action=flush&selected=%ff%fe&selected=%00&="),
        ("application/x-www-form-urlencoded; charset=utf-16", b"action=flush"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\nrubbish"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="value"; filename="a"\r\n\r\nfile\r\n'
            b'--x\r\nContent-Disposition: form-data; name="mode"\r\n\r\nsave\r\n--x--\r\n',
        ),
    ],
    ids=lambda value: str(value)[:24],
)
def test_odd_bodies_are_no_error(
    admin: Browser, pages: list[str], raw: valkey.Valkey, content_type: str, body: bytes
) -> None:
    for url in pages:
        if "/delete/" not in url:
            response = admin.client.generic("POST", url, body, content_type=content_type)
            assert fine(response.status_code) or response.status_code == 415, url
    assert raw.dbsize() == 1


def test_parameters_given_twice(admin: Browser, server_cache: Any) -> None:
    server_cache.set("hello", 1)
    for query in ("cache=default&cache=valkey", "cache=valkey&cache=nobody", "cache[]=valkey"):
        assert fine(admin.open(f"{addresses.keys()}?{query}&size=25&size=50&q=a&q=b").status)


def test_too_many_fields_are_refused(admin: Browser, server_cache: Any) -> None:
    data = {"action": "delete", "selected": [f"valkey:{number}" for number in range(5000)]}
    assert admin.post(addresses.keys("valkey"), data).status in (200, 400)


def test_no_page_redirects_elsewhere(admin: Browser, server_cache: Any) -> None:
    for url in (addresses.keys("valkey"), addresses.caches()):
        for query in ("next=//evil.example", "_popup=1&next=https://evil.example"):
            mark = "&" if "?" in url else "?"
            page = admin.post(f"{url}{mark}{query}", {"action": "none"}, follow=False)
            assert page.status == 302
            assert page.url.startswith("/admin/")


HOSTILE = [
    b"<script>alert(1)</script>",
    b'"><img src=x onerror=alert(1)>',
    b"javascript:alert(1)",
    b"'onmouseover='alert(1)",
    b"</textarea><script>alert(1)</script>",
    b"{{ 7|add:7 }}",
]

MARKUP = ("<script>alert", "<img src=x", "'onmouseover=", "</textarea><script")


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_what_keys_and_values_hold_is_text_everywhere(
    admin: Browser, server_cache: Any, raw: valkey.Valkey, text: bytes
) -> None:
    stored = b"p:1:" + text
    raw.set(stored, text)
    raw.hset(b"p:1:hash" + text, text, text)
    raw.zadd(b"p:1:zset" + text, {text: 1})
    raw.rpush(b"p:1:list" + text, text)
    pages = [admin.open(addresses.keys("valkey", q=text.decode()))]
    pages += [
        admin.open(addresses.key("valkey", b"p:1:" + prefix + text, view=view))
        for prefix in (b"", b"hash", b"zset", b"list")
        for view in ("formatted", "text", "hex")
    ]
    server_cache.set("value", text.decode())
    pages += [
        admin.open(addresses.key("valkey", "p:1:value", mode="edit")),
        admin.open(addresses.delete("valkey", stored)),
        admin.post(addresses.key("valkey", stored), {"mode": "set-ttl", "timeout": "60"}),
        admin.open(addresses.history("valkey", stored)),
        admin.post(
            addresses.add("valkey"),
            {"key": text.decode(), "value": text.decode(), "store_as": "json"},
        ),
        admin.post(addresses.delete("valkey", stored), {"confirmed": "1"}),
        admin.open(addresses.key("valkey", stored)),
        admin.open("/admin/"),
    ]
    for page in pages:
        assert page.status == 200
        assert not any(mark in page.html for mark in MARKUP), page.url
        assert not any(link.url.startswith("javascript:") for link in page.links)
        for _tag, attrs in page.tags:
            assert not any("alert" in attrs[name] for name in attrs if name.startswith("on"))


def test_pages_have_no_inline_script_or_style_of_ours(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    pages = [
        admin.open(addresses.caches(help="1")),
        admin.open(addresses.keys("valkey", help="1")),
        admin.open(addresses.info("valkey")),
        admin.open(addresses.add("valkey")),
        admin.open(addresses.key("valkey", stored_key("valkey", "hello"), mode="edit")),
    ]
    for page in pages:
        content = page.html[page.html.index('aria-label="Breadcrumbs"') :].split("</main>")[0]
        assert "<script" not in content
        assert " style=" not in content
