"""Help on every page: what it shows, its controls, this backend, the permissions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from django_cachex.admin import apps
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.links import object_id
from django_cachex.inspectors import Inspector
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import stored_key
from tests.admin.page import Page

HELP = Path(apps.__file__).parent / "templates/admin/django_cachex/help"

KINDS = (
    *("default", "valkey", "redis", "django", "table", "files", "dummy"),
    *("stranger", "unflushable", "broken", "refusing"),
)

ROUTES: dict[str, Callable[[str, bytes], str]] = {
    "keys": lambda alias, _: addresses.keys(alias),
    "info": lambda alias, _: addresses.info(alias),
    "cache history": lambda alias, _: addresses.cache_history(alias),
    "namespaces": lambda alias, _: addresses.namespaces(alias),
    "matching": lambda alias, _: addresses.matching(alias, q="hel*"),
    "add": lambda alias, _: addresses.add(alias),
    "key": lambda alias, stored: addresses.key(alias, stored),
    "key history": lambda alias, stored: addresses.history(alias, stored),
    "delete": lambda alias, stored: addresses.delete(alias, stored),
}


UNLISTED = ("dummy", "stranger", "unflushable", "broken")
LACKING = {
    "add": ("dummy", "broken"),
    "delete": ("dummy", "broken"),
    "namespaces": UNLISTED,
    "matching": UNLISTED,
}
"""The kinds that lack what a page is for."""


def hello(alias: str) -> bytes:
    """Return the stored key of `hello`, as this kind of cache has it."""
    if alias in ("stranger", "unflushable"):
        return b"hello"
    if alias == "files":
        return hashlib.md5(stored_key(alias, "hello")).hexdigest().encode()
    return b":1:hello" if alias == "broken" else stored_key(alias, "hello")


def opens_help(person: Browser, page: Page) -> Page:
    shown = person.click(page, "help")
    assert shown.status == 200
    assert "Close help" in shown.text
    closed = person.click(shown, "close-help")
    assert closed.status == 200
    assert "Close help" not in closed.text
    return shown


@pytest.mark.parametrize("alias", KINDS)
def test_every_page_has_help_and_a_refresh(
    admin: Browser, caches_of_every_kind: list[str], alias: str
) -> None:
    for name, route in ROUTES.items():
        page = admin.open(route(alias, hello(alias)))
        if page.status == 403 and alias in LACKING.get(name, ()):
            continue  # What a backend cannot do has no page.
        assert page.status == 200, name
        if alias == "refusing" or alias in page.text:
            shown = opens_help(admin, page)
            assert len(shown.sections) > len(page.sections), name
            # Forms and confirmations are not to be refreshed.
            assert page.has_action("refresh") == (name not in ("add", "delete"))
            if page.has_action("refresh"):
                assert admin.click(page, "refresh").status == 200


def test_the_index_has_help(admin: Browser, caches_of_every_kind: list[str]) -> None:
    page = admin.open(addresses.caches(support="cachex"))
    shown = opens_help(admin, page)
    for words in ("cachex:", "wrapped:", "limited:", "change_cache: flush"):
        assert words in shown.text
    assert shown.column("Cache Name") == page.column("Cache Name")


def test_help_keeps_the_state_of_the_page(admin: Browser, caches_of_every_kind: list[str]) -> None:
    page = admin.open(addresses.keys("valkey", q="hel*", size=25))
    shown = opens_help(admin, page)
    assert shown.form("search").control("q").value == "hel*"
    assert shown.form("search").control("size").value == "25"
    assert shown.column("Key") == ["hello"]


@pytest.mark.parametrize(
    ("alias", "missing"),
    [
        ("default", "Only Valkey and Redis keys have a type."),
        ("table", "Only Valkey and Redis keys have a type."),
        ("stranger", "Django's cache API can't list keys."),
    ],
)
def test_help_says_what_a_backend_cannot_do(
    admin: Browser, caches_of_every_kind: list[str], alias: str, missing: str
) -> None:
    page = admin.open(addresses.keys(alias, help="1"))
    assert "This backend" in page.sections
    assert missing in page.text


def test_help_is_silent_about_columns_where_no_keys_are_listed(
    admin: Browser, caches_of_every_kind: list[str]
) -> None:
    about_tables = {"Columns", "Delete selected keys", "More filters"}
    assert about_tables <= set(admin.open(addresses.keys("valkey", help="1")).sections)
    assert about_tables.isdisjoint(admin.open(addresses.keys("stranger", help="1")).sections)


@pytest.mark.parametrize("what", ["flush", "delete"])
def test_a_confirmation_does_not_show_the_help_of_the_page_before(
    admin: Browser, caches_of_every_kind: list[str], what: str
) -> None:
    url, selected = {
        "flush": (addresses.caches(help="1"), "valkey"),
        "delete": (addresses.keys("valkey", help="1"), object_id("valkey", hello("valkey"))),
    }[what]
    assert "Close help" in admin.open(url).text
    page = admin.post(url, {"action": what, "selected": [selected]})
    assert page.has_action("confirm")
    assert "Close help" not in page.text
    assert "Support levels" not in page.sections


def test_help_depends_on_what_exists() -> None:
    # A template is silent about a name that nothing has any more.
    sources = {path.name: path.read_text() for path in HELP.glob("*.html")}
    read = {name for source in sources.values() for name in re.findall(r"help\.([\w.]+)", source)}
    abilities = {name.removeprefix("inspector.") for name in read if name.startswith("inspector.")}
    assert "can_rename" in abilities
    assert [name for name in abilities if not hasattr(Inspector, name)] == []
    others = read - {f"inspector.{name}" for name in abilities}
    assert [name for name in others if not hasattr(HelpPanel, name)] == []


def test_full_backends_lack_nothing(admin: Browser, caches_of_every_kind: list[str]) -> None:
    assert "This backend" not in admin.open(addresses.keys("valkey", help="1")).sections


def test_help_names_the_permissions(admin: Browser, caches_of_every_kind: list[str]) -> None:
    text = admin.open(addresses.keys("valkey", help="1")).text
    for permission in ("view_key", "change_key", "add_key", "delete_key"):
        assert permission in text
