"""What a person does again and again on the way to what a test is about."""

from __future__ import annotations

import html
import re
from typing import Any

from django_cachex.inspectors import inspector_for
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.page import Page


def listed(page: Page) -> list[str]:
    return page.column("Key")


def walk(person: Browser, page: Page, action: str = "next-page") -> list[Page]:
    """Return a page and those that follow it, to the last."""
    pages = [page]
    while page.has_action(action):
        assert len(pages) < 100
        page = person.click(page, action)
        pages.append(page)
    return pages


def opened(person: Browser, alias: str, name: str = "key") -> Page:
    """Return the page of a key."""
    return person.open(addresses.key(alias, inspector_for(alias).make_key(name)))


def editing(person: Browser, alias: str) -> Page:
    """Return the page of the key `key` with its form open."""
    return person.submit(opened(person, alias), "edit")


def detail(person: Browser, name: bytes | str = "key", **query: str) -> Page:
    """Return the page of a key of alias `store`."""
    stored = b"p:1:" + (name.encode() if isinstance(name, str) else name)
    return person.open(addresses.key("store", stored, **query))


def shown(page: Page) -> str:
    """Return the value as it stands on the page, line by line."""
    [text] = re.findall(r"<pre[^>]*>(.*?)</pre>", page.html, re.DOTALL)
    return html.unescape(text)


def page_url(name: str) -> str:
    """Return the URL of a page about alias `valkey` or its key `hello`."""
    function = getattr(addresses, name)
    if name == "caches":
        return str(function())
    if name in ("key", "history", "delete", "download"):
        return str(function("valkey", "p:1:hello"))
    return str(function("valkey"))


def edit_data(administrator: Browser) -> dict[str, Any]:
    """Return what the form of key `hello` sends to change its value."""
    page = administrator.open(addresses.key("valkey", "p:1:hello", mode="edit"))
    return {**page.form("save").data(), "value": '{"to": "me"}'}
