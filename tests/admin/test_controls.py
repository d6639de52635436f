"""Every control says what it does as `data-action`, in every language alike, and each its own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import valkey

from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import stored_key
from tests.admin.page import Page
from tests.admin.page_elements import Form
from tests.admin.reader import Reader
from tests.admin.test_links import OURS, Crawl

CSRF = "csrfmiddlewaretoken"
NAME = re.compile(r"[a-z]+(-[a-z]+)*")
ROWS = re.compile(r"\bcx-(items|choices|snippets|bar-chart)\b")
"""Lists that have a control of one kind in each item, as tables have in each row."""


class Controls(Reader):
    """Finds on a page what the controls of each name do, and those without a name."""

    def __init__(self, page: Page) -> None:
        self.nameless: list[str] = []
        self.does: dict[tuple[str, int], set[str]] = defaultdict(set)
        super().__init__(page.html)

    @property
    def several(self) -> list[str]:
        """The names that do more than one thing, outside rows or within one."""
        return [
            f"{name}: {sorted(does)}" for (name, _row), does in self.does.items() if len(does) > 1
        ]

    def end_a(self, given: dict[str, str], start: int) -> None:
        super().end_a(given, start)
        self._found(given, start, f"open {given.get('href')}")

    def end_button(self, given: dict[str, str], start: int) -> None:
        super().end_button(given, start)
        form = self._form or Form("", given.get("form", ""))
        sent = {name: value for name, value in form.data().items() if name != CSRF}
        own = [given.get(name) for name in ("formaction", "name", "value", "data-copy")]
        self._found(given, start, f"{form.method} {form.action} {sent} {own}")

    def _found(self, given: dict[str, str], start: int, does: str) -> None:
        if not self._is_ours or self._within("cx-breadcrumbs"):
            return
        name = given.get("data-action", "")
        if not NAME.fullmatch(name):
            self.nameless.append(f"{name!r} of {self._since(start)}")
        self.does[name, self._row].add(does)

    def _within(self, name: str) -> bool:
        return any(name in given.get("class", "").split() for _tag, given, _start in self._open)

    @property
    def _row(self) -> int:
        """Where the row or the item begins that the reader is in; 0 outside."""
        row, in_list = 0, False
        for tag, given, start in self._open:
            if tag in ("tr", "th") or (in_list and tag in ("li", "div")):
                row = start
            in_list = in_list or bool(ROWS.search(given.get("class", "")))
        return row


class Walk(Crawl):
    """Uses each control once in each kind of page; what destroys something, at the end."""

    def __init__(self, person: Browser) -> None:
        super().__init__(person)
        self.used: set[tuple[str, str]] = set()
        self.questions: list[Page] = []

    def visit(self, urls: list[str]) -> None:
        pages = [self.take(self.person.open(url), url) for url in urls]
        while pages:
            page = pages.pop()
            if any(
                button.data_action == "confirm" for form in page.forms for button in form.buttons
            ):
                self.questions.append(page)
            elif page.url.startswith(OURS):
                pages += self.use(page)
            if not pages and self.questions:
                pages += self.use(self.questions.pop())

    def use(self, page: Page) -> Iterator[Page]:
        """Yield the pages that the controls of a page lead to."""
        for link in page.links:
            if self.is_new(page, link.data_action):
                yield self.take(self.person.open(urljoin(page.url, link.url)), link.url)
        for form in page.forms:
            if any(self.is_new(page, button.data_action) for button in form.buttons):
                yield from self.press(page, form)

    def send(self, method: str, url: str, data: dict[str, list[str]]) -> Page:
        return super().send(method, urldefrag(url)[0], data)

    def is_new(self, page: Page, does: str) -> bool:
        what = (re.sub(r"/[^/]*(?=/change|/delete|/history)", "", urlsplit(page.url).path), does)
        is_new = bool(does) and what not in self.used
        self.used.add(what)
        return is_new


KEPT = ("valkey", "stranger")
STORED = ("hello", "list", "set", "hash", "zset", "stream", "number", "long" * 1000)


def test_every_control_has_a_name_of_its_own(
    caches_of_every_kind: list[str], raw: valkey.Valkey, settings: Any, admin: Browser
) -> None:
    hidden = {alias: "hidden" for alias in caches_of_every_kind if alias not in KEPT}
    settings.CACHEX_ADMIN = {"ELEMENTS": 2, "ALIASES": hidden}
    for letter in "abc":
        raw.rpush("p:1:list", letter)
        raw.sadd("p:1:set", letter)
        raw.hset("p:1:hash", letter, letter)
        raw.zadd("p:1:zset", {letter: 1})
        raw.xadd("p:1:stream", {letter: letter})
    raw.set("p:1:number", "5")
    raw.set(f"p:1:{STORED[-1]}", "x")
    walk = Walk(admin)
    walk.visit(
        [
            addresses.caches(),
            addresses.keys("valkey"),
            addresses.keys("valkey", q="l"),
            addresses.keys("stranger"),
            addresses.namespaces("valkey"),
            addresses.key("stranger", stored_key("stranger", "hello")),
            *(addresses.key("valkey", f"p:1:{name}") for name in STORED),
        ]
    )
    found = [(page.url, Controls(page)) for page in walk.pages if page.url.startswith(OURS)]
    assert {url: one.nameless for url, one in found if one.nameless} == {}
    assert {url: one.several for url, one in found if one.several} == {}
    assert len({name for _url, one in found for name, _row in one.does}) > 60
