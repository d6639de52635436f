"""Page tokens: they hold the place of a listing, and nobody reads a session's id from them."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import caches

from tests.admin import addresses
from tests.admin.conftest import DATABASE, ROOMY, BrowserOf, Configure
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


def tokens(page: Page) -> list[str]:
    """Return the tokens in the links of a page."""
    return [
        token
        for link in page.links
        for token in parse_qs(urlsplit(link.url).query).get("token", [])
    ]


def opened_up(token: str) -> Iterator[bytes]:
    """Yield what a curious person makes of a token and its parts without any key."""
    for part in (token, *token.split(":"), *token.lstrip(".").split(":")):
        yield part.encode()
        with suppress(ValueError):
            data = urlsafe_b64decode(part + "=" * (-len(part) % 4))
            yield data
            with suppress(zlib.error):
                yield zlib.decompress(data)


def mentions(data: bytes, name: str) -> bool:
    """Return whether there is a name in some bytes, as it is or in hexadecimal digits."""
    return name.encode() in data or name.encode().hex().encode() in data.lower()


def test_no_page_of_a_listing_holds_a_sessions_id(browser_of: BrowserOf, crowd: str) -> None:
    person = browser_of("view_key")
    ids = [*IDS, person.client.session.session_key]
    pages = walk(person, person.open(addresses.keys(crowd, size=25)), "Next 25")
    found = [token for page in pages for token in tokens(page)]
    assert len(found) >= 3
    sights = [page.html.encode() for page in pages]
    sights += [data for token in found for data in opened_up(token)]
    assert not [one for one in ids for sight in sights if mentions(sight, one)]
    assert not [token for token in found for data in opened_up(token) if mentions(data, PREFIX)]


def test_a_token_that_nobody_can_read_still_continues(browser_of: BrowserOf, crowd: str) -> None:
    person = browser_of("view_key")
    pages = walk(person, person.open(addresses.keys(crowd, size=25)), "Next 25")
    names = [name for page in pages for name in listed(page)]
    assert sorted(name for name in names if name in PLAIN) == sorted(PLAIN)
    # The person's own session is here as well.
    assert sum(name.startswith("session ••••") for name in names) == len(IDS) + 1


def test_one_place_is_never_sealed_alike_twice(browser_of: BrowserOf, crowd: str) -> None:
    person = browser_of("view_key")
    [one], [other] = (tokens(person.open(addresses.keys(crowd, size=50))) for _ in range(2))
    assert one.split(":")[0] != other.split(":")[0]
