"""Page tokens: they hold the place of a listing, and nobody reads a session's id from them."""

from __future__ import annotations

import re
import time
import zlib
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core import signing
from django.core.cache import caches

from django_cachex.admin.links import MAX_TOKEN_AGE, dump_state, load_state
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import DATABASE, ROOMY, BrowserOf, Configure, valkey_params
from tests.admin.page import Page
from tests.admin.steps import listed, walk

PREFIX = "django.contrib.sessions.cache"
IDS = [f"{number:02}abcdefghijklmnopqrstuvwxyz0123" for number in range(60)]
PLAIN = {f"{letter}{number:02}" for letter in "az" for number in range(10)}
"""Names before and after those of sessions, in the order of a table."""


@pytest.fixture(params=["table", "default"])
def crowd(
    request: pytest.FixtureRequest, configure: Configure, database_table: str, settings: Any
) -> str:
    """An alias with more sessions than two pages hold, among other keys, each kind in turn."""
    alias = str(request.param)
    configure(table={"BACKEND": DATABASE, "LOCATION": database_table, "OPTIONS": ROOMY})
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.SESSION_CACHE_ALIAS = alias
    names = [*(f"{PREFIX}{one}" for one in IDS), *PLAIN]
    caches[alias].set_many(dict.fromkeys(names, "v"), 1000)
    return alias


BASE64 = rb"(?<=\")(?:[A-Za-z0-9+/]{4}){4,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?(?=\")"


def tokens(page: Page) -> list[str]:
    """Return the tokens in the links of a page."""
    return [
        token
        for link in page.links
        for token in parse_qs(urlsplit(link.url).query).get("token", [])
    ]


def opened_up(token: str) -> Iterator[bytes]:
    """Yield what a curious person makes of a token and its parts without any key."""
    for part in (token, *re.split("[:~]", token), *re.split(r"[:~]\.?", token)):
        yield part.encode()
        with suppress(ValueError):
            data = urlsafe_b64decode(part + "=" * (-len(part) % 4))
            yield data
            with suppress(zlib.error):
                yield zlib.decompress(data)


def seen_on(page: Page) -> list[bytes]:
    """Return what a curious person sees of a page, its states, and the keys in these."""
    states = re.findall(r'name="state" value="([^"]+)"', page.html)
    sights = [page.html.encode(), *(data for state in states for data in opened_up(state))]
    return sights + [b64decode(text) for sight in sights for text in re.findall(BASE64, sight)]


def mentions(data: bytes, name: str) -> bool:
    """Return whether there is a name in some bytes, as it is or in hexadecimal digits."""
    return name.encode() in data or name.encode().hex().encode() in data.lower()


def test_no_page_of_a_listing_holds_a_sessions_id(browser_of: BrowserOf, crowd: str) -> None:
    person = browser_of("view_key")
    ids = [*IDS, person.client.session.session_key]
    pages = walk(person, person.open(addresses.keys(crowd, size=25)))
    found = [token for page in pages for token in tokens(page)]
    assert len(found) >= 3
    sights = [page.html.encode() for page in pages]
    sights += [data for token in found for data in opened_up(token)]
    assert not [one for one in ids for sight in sights if mentions(sight, one)]
    assert not [token for token in found for data in opened_up(token) if mentions(data, PREFIX)]


def test_a_token_that_nobody_can_read_still_continues(browser_of: BrowserOf, crowd: str) -> None:
    person = browser_of("view_key")
    pages = walk(person, person.open(addresses.keys(crowd, size=25)))
    names = [name for page in pages for name in listed(page)]
    assert sorted(name for name in names if name in PLAIN) == sorted(PLAIN)
    # The person's own session is here as well.
    assert sum(name.startswith("session ••••") for name in names) == len(IDS) + 1


def test_one_place_is_never_sealed_alike_twice(browser_of: BrowserOf, crowd: str) -> None:
    person = browser_of("view_key")
    [one], [other] = (tokens(person.open(addresses.keys(crowd, size=50))) for _ in range(2))
    assert one.split("~")[0] != other.split("~")[0]


def test_no_state_of_namespaces_holds_a_sessions_id(
    browser_of: BrowserOf, crowd: str, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 1e-9}
    person = browser_of("view_key")
    ids = [*IDS, person.client.session.session_key]
    page = person.open(addresses.namespaces(crowd))
    assert "session ••••" in page.text
    pages = [page, person.submit(page, "all")] if page.has_action("all") else [page]
    sights = [sight for one in pages for sight in seen_on(one)]
    assert len(sights) > len(pages)
    assert not [one for one in ids for sight in sights if mentions(sight, one)]
    assert not [sight for sight in sights if mentions(sight, PREFIX)]


def test_no_position_can_be_read_whatever_the_backend() -> None:
    position = f"p:1:{PREFIX}{IDS[0]}"
    token = dump_state({"examined": 7}, position, "scan", 1, "third-party")
    assert load_state(token, "scan", 1, "third-party") == ({"examined": 7}, position)
    assert not [data for data in opened_up(token) if mentions(data, PREFIX)]


def test_a_position_and_a_state_of_two_tokens_make_no_third() -> None:
    one, other = (dump_state([1], position, "scan", 1, "valkey") for position in ("a", "b"))
    mixed = f"{one.partition('~')[0]}~{other.partition('~')[2]}"
    with pytest.raises(ValueError, match="not valid here"):
        load_state(mixed, "scan", 1, "valkey")


def test_a_token_is_refused_after_the_secret_key_was_rotated(settings: Any) -> None:
    token = dump_state([1], "12@abc", "scan", 1, "valkey")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    with pytest.raises(ValueError, match="not valid here"):
        load_state(token, "scan", 1, "valkey")


# Age. What a token is good for otherwise is shown beside the pages that take it.

OLD, YOUNG = MAX_TOKEN_AGE + 60, MAX_TOKEN_AGE - 60
"""Seconds."""

EXPIRED = "That page has expired"


@contextmanager
def ago(seconds: int) -> Iterator[None]:
    """Sign as if it were that long ago."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "time", SimpleNamespace(time=lambda: time.time() - seconds))
        yield


def signed(seconds: int, page: Callable[[], Page]) -> Page:
    """Return a page whose tokens are that old."""
    with ago(seconds):
        return page()


@pytest.fixture
def many(server_cache: Any, raw: valkey.Valkey, settings: Any) -> valkey.Valkey:
    """A client of a cache with more keys than one step takes."""
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 1e-9}
    raw.mset({f"p:1:user:{number}": "v" for number in range(3000)})
    return raw


def test_a_listing_is_not_gone_on_with_after_a_day(admin: Browser, many: valkey.Valkey) -> None:
    url = addresses.keys("valkey", size=25)
    page = signed(OLD, lambda: admin.open(url))
    again = admin.click(page, "next-page")
    assert again.status == 200
    assert words.FIRST_PAGE in again.text
    assert listed(again) == listed(page)
    assert listed(admin.click(again, "next-page"))


def test_a_listing_is_gone_on_with_on_the_same_day(admin: Browser, many: valkey.Valkey) -> None:
    page = signed(YOUNG, lambda: admin.open(addresses.keys("valkey", size=25)))
    following = admin.click(page, "next-page")
    assert words.FIRST_PAGE not in following.text
    assert not set(listed(following)) & set(listed(page))


URL = {"action": "delete", "q": "user:*"}


def asked(person: Browser, alias: str = "valkey") -> Page:
    """Return the page that asks, from which a run begins."""
    page = person.open(addresses.matching(alias, **URL))
    return person.submit(page, "ask")


def begun(person: Browser) -> Page:
    """Return the page of a run after its first step."""
    return person.submit(asked(person), "confirm")


def test_a_run_is_not_begun_from_a_question_of_the_day_before(
    admin: Browser, many: valkey.Valkey
) -> None:
    page = signed(OLD, lambda: asked(admin))
    answer = admin.submit(page, "confirm")
    assert answer.status == 200
    assert f"{EXPIRED} or belongs to another search. Nothing was changed." in answer.text
    assert answer.has_action("ask")
    assert many.dbsize() == 3000
    assert not LogEntry.objects.exists()


def test_a_run_is_not_carried_on_after_a_day(admin: Browser, many: valkey.Valkey) -> None:
    page = signed(OLD, lambda: begun(admin))
    left, [record] = many.dbsize(), LogEntry.objects.values()
    [address] = [
        attributes["data-resume"] for _, attributes in page.tags if "data-resume" in attributes
    ]
    for answer in (
        admin.submit(page, "run"),
        admin.submit(page, "report"),
        admin.open(address),
    ):
        assert answer.status == 200
        assert f"{EXPIRED} or belongs to another search. Nothing was changed." in answer.text
        assert answer.has_action("ask")
    assert many.dbsize() == left
    assert list(LogEntry.objects.values()) == [record]


def test_a_run_is_carried_on_on_the_same_day(admin: Browser, many: valkey.Valkey) -> None:
    page = signed(YOUNG, lambda: begun(admin))
    left = many.dbsize()
    assert EXPIRED not in admin.submit(page, "run").text
    assert many.dbsize() < left


def test_a_count_of_the_day_before_begins_anew(admin: Browser, many: valkey.Valkey) -> None:
    page = signed(OLD, lambda: admin.open(addresses.matching("valkey", **URL)))
    for does in ("count", "ask"):
        answer = admin.submit(page, does)
        assert answer.status == 200
        assert EXPIRED in answer.text
        assert answer.heading == page.heading


def test_a_flush_is_not_carried_on_after_a_day(admin: Browser, many: valkey.Valkey) -> None:
    def begin() -> Page:
        page = admin.submit(admin.open(addresses.caches()), "flush", selected=["valkey"])
        return admin.submit(page, "confirm")

    page = signed(OLD, begin)
    left = many.dbsize()
    answer = admin.submit(page, "run")
    assert answer.status == 200
    assert f"{EXPIRED}. Nothing was changed." in answer.text
    assert many.dbsize() == left


# Of somebody else, of another cache, for another act.


def test_a_question_is_of_one_person_cache_search_and_act(
    admin: Browser,
    browser_of: BrowserOf,
    valkey_server: Any,
    configure: Configure,
    many: valkey.Valkey,
) -> None:
    configure(valkey=valkey_params(valkey_server), twin=valkey_params(valkey_server, VERSION=1))
    data = {**asked(admin).form("confirm").data(), "step": "run"}
    other = browser_of("view_key", "delete_key", "change_cache")
    for person, alias, query in (
        (other, "valkey", URL),
        (admin, "twin", URL),
        (admin, "valkey", {**URL, "q": "user*"}),
        (admin, "valkey", {**URL, "action": "expire", "ttl": "60"}),
    ):
        answer = person.post(addresses.matching(alias, **query), data)
        assert answer.status == 200
        assert EXPIRED in answer.text
    assert many.dbsize() == 3000
    assert not LogEntry.objects.exists()
