"""Nothing on any page differs with what the keys of sessions hold, for whoever may not know them.

Each page is opened twice, with a beginning of a session's id and with one of none: what comes back
has to be the same bytes, but for what was typed and for tokens, which have to be of one length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import valkey
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import (
    DATABASE,
    DJANGO_REDIS,
    FILES,
    ROOMY,
    BrowserOf,
    Configure,
    locmem_params,
    stored_key,
    valkey_params,
)

SESSION = "zq7xk3m9vw2j8hb5t4n6c1f0rdygpsla"
NO_SESSION = "qz3kx7m9wv2j8hb5t4n6c1f0rdygpsla"
ENGINES = {
    "django.contrib.sessions.backends.cache": "django.contrib.sessions.cache",
    "django.contrib.sessions.backends.cached_db": "django.contrib.sessions.cached_db",
}
EVERYTHING = ("view_cache", "change_cache", "view_key", "add_key", "change_key", "delete_key")
MEMCACHED = "django.core.cache.backends.memcached.PyMemcacheCache"


def raw_key(key: str, key_prefix: str, version: int) -> str:
    return key


def hashed_key(key: str, key_prefix: str, version: int) -> str:
    from hashlib import sha256

    return sha256(f"{key_prefix}:{version}:{key}".encode()).hexdigest()


RAW = "tests.admin.test_session_oracle.raw_key"
HASHED = "tests.admin.test_session_oracle.hashed_key"

Params = Callable[..., dict[str, Any]]


@pytest.fixture(params=ENGINES)
def name(request: pytest.FixtureRequest, settings: Any) -> str:
    """What the keys of sessions begin with, of each engine in turn."""
    settings.SESSION_ENGINE = request.param
    return ENGINES[request.param]


@pytest.fixture
def empty_memcached() -> Iterator[servers.Server]:
    """A memcached of its own: a flushed one still counts what it had."""
    with servers.memcached() as server:
        yield server


@pytest.fixture(params=["valkey", "redis", "table", "local", "files", "memcached"])
def params(request: pytest.FixtureRequest, valkey_server: servers.Server, tmp_path: Path) -> Params:
    """Return a function that makes an alias of one kind, all of them of one store."""
    kind = request.param
    if kind == "table":
        table = request.getfixturevalue("database_table")
        made = {"BACKEND": DATABASE, "LOCATION": table, "OPTIONS": ROOMY}
    elif kind == "memcached":
        server = request.getfixturevalue("empty_memcached")
        made = {"BACKEND": MEMCACHED, "LOCATION": server.address}
    else:
        made = {
            "valkey": valkey_params(valkey_server),
            "redis": {"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{valkey_server.address}/0"},
            "local": locmem_params(),
            "files": {"BACKEND": FILES, "LOCATION": str(tmp_path / "files"), "OPTIONS": ROOMY},
        }[kind]
    return lambda **changes: {**made, **changes}


# Other aliases over the entries of the sessions' alias, as (that alias's settings, the others').
NEIGHBOURS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "itself": ({"KEY_PREFIX": "p"}, {"KEY_PREFIX": "p"}),
    "raw": ({"KEY_PREFIX": "p"}, {"KEY_FUNCTION": RAW}),
    "longer name": ({"KEY_PREFIX": "site:1"}, {"KEY_PREFIX": "site"}),
    "other version": ({"KEY_PREFIX": "p"}, {"KEY_PREFIX": "p", "VERSION": 2}),
    "hashed": ({"KEY_PREFIX": "p"}, {"KEY_PREFIX": "p", "KEY_FUNCTION": HASHED}),
    "hashed sessions": ({"KEY_FUNCTION": HASHED}, {"KEY_FUNCTION": RAW}),
}


class Store:
    """An alias that reaches sessions, and what their names begin with there."""

    def __init__(self, name: str, before: str) -> None:
        self.name = name
        self.before = before

    def typed(self, id: str) -> str:
        """Return a session's key as the alias calls it."""
        return f"{self.before}{self.name}{id}"


QUICK = {
    ("itself", "cached_db"),
    ("raw", "cache"),
    ("hashed sessions", "cache"),
}
"""Neighbours with the end of an engine; the others are for `make test-all`."""

PAIRS = [
    pytest.param(
        (neighbour, engine),
        id=f"{neighbour}-{engine}",
        marks=[] if (neighbour, engine) in QUICK else [pytest.mark.slow],
    )
    for neighbour in NEIGHBOURS
    for engine in ("cache", "cached_db")
]


@pytest.fixture(params=PAIRS)
def store(
    request: pytest.FixtureRequest, params: Params, configure: Configure, settings: Any
) -> Store:
    """A store with one session and a key that is none, opened through alias `open`."""
    neighbour, engine = request.param
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    name, (theirs, ours) = ENGINES[settings.SESSION_ENGINE], NEIGHBOURS[neighbour]
    configure(sessions=params(**theirs), open=params(**ours))
    settings.SESSION_CACHE_ALIAS = "sessions"
    caches["sessions"].set(f"{name}{SESSION}", {"secret": "basket"}, 1000)
    caches["open"].set("plain", "visible", 1000)
    before = {"raw": "p:1:", "longer name": "1:"}.get(neighbour, "")
    return Store(name, before)


def asked(store: Store, guess: str, part: str) -> dict[str, tuple[str, dict[str, str] | None]]:
    """Return requests that say a guess of a whole id, or a part of it, by what they are."""
    typed, whole = store.typed(part), store.typed(guess)
    stored = (
        guess.encode()
        if caches["open"].key_func.__name__ == "hashed_key"
        else stored_key("open", whole)
    )
    plain = addresses.key("open", stored_key("open", "plain"))
    new = {"name": whole, "into": "open"}
    return {
        "list": (addresses.keys("open", q=typed), None),
        "list by end": (addresses.keys("open", q=f"*{part}"), None),
        "list by pattern": (addresses.keys("open", q=f"{typed}*"), None),
        "list of part": (addresses.keys("open", q=part), None),
        "whole name": (addresses.keys("open", q=whole), None),
        "live": (addresses.keys("open", q=typed, live="0"), None),
        "list by value": (addresses.keys("open", value=part), None),
        "small page": (addresses.keys("open", q=typed, size="25"), None),
        "sorted": (addresses.keys("open", q=typed, sort="key"), None),
        "filtered": (addresses.keys("open", q=typed, expires="3600", larger="1"), None),
        "all versions": (addresses.keys("open", q=f"*{typed}", scope="versions"), None),
        "whole store": (addresses.keys("open", q=f"*{typed}", scope="store"), None),
        "matching": (addresses.matching("open", action="delete", q=f"{typed}*"), None),
        "expiring": (addresses.matching("open", action="expire", q=f"{typed}*", ttl="60"), None),
        "namespaces": (addresses.namespaces("open", under=typed), None),
        "key": (addresses.key("open", stored), None),
        "edit": (addresses.key("open", stored), {"mode": "edit"}),
        "history": (addresses.history("open", stored), None),
        "download": (addresses.download("open", stored), None),
        "delete": (addresses.delete("open", stored), None),
        "add": (addresses.add("open"), {"key": whole, "value": "x", "store_as": "text"}),
        "rename": (plain, {"mode": "set-name", **new}),
        "copy": (plain, {"mode": "make-copy", **new}),
    }


TOKEN = re.compile(r"[A-Za-z0-9_=-]{30,}~[A-Za-z0-9_.-]+:[A-Za-z0-9]{6}:[A-Za-z0-9_-]{43}")
CSRF = re.compile(r'(name="csrfmiddlewaretoken" value=")[^"]+')


def answer(person: Browser, request: tuple[str, dict[str, str] | None], *typed: str) -> str:
    """Return what comes back, what was typed and the tokens replaced."""
    url, data = request
    response = (
        person.client.get(url, follow=True)
        if data is None
        else person.client.post(url, data, follow=True)
    )
    content = b"".join(response) if response.streaming else response.content
    page = content.decode(errors="backslashreplace")
    text = f"{response.status_code} {response.request['PATH_INFO']} {page}"
    text = TOKEN.sub(lambda found: f"token of {len(found[0])}", CSRF.sub(r"\1", text))
    for part in typed:
        text = text.replace(part, "TYPED")
    # Of what was typed, a masked name has the end, and a hashed one all of it.
    text = re.sub(r"(?<=••••)[A-Za-z0-9*]{4}|\b[0-9a-f]{64}\b", "TYPED", text)
    text = re.sub(r"\d\d:\d\d:\d\d|data-expires=\"\d+\"|(\d+ min )?\b\d+ s\b", "TIME", text)
    # An id of base64 that holds what was typed.
    return re.sub(r"open(?:%3A|_3A|:)[A-Za-z0-9_-]+", "OBJECT", text)


def test_no_page_tells_a_right_beginning_from_a_wrong_one(
    browser_of: BrowserOf, store: Store
) -> None:
    for held, lengths in ((("view_key",), (5,)), (EVERYTHING, (3, 31))):
        person = browser_of(*held)
        for length in lengths:
            right = asked(store, SESSION, SESSION[:length])
            wrong = asked(store, NO_SESSION, NO_SESSION[:length])
            for what, request in right.items():
                found = answer(person, request, SESSION, SESSION[:length])
                instead = answer(person, wrong[what], NO_SESSION, NO_SESSION[:length])
                differ = set(found.splitlines()) ^ set(instead.splitlines())
                assert found == instead, f"{what}, with {held}: {sorted(differ)}"
                assert "basket" not in found
    assert caches["sessions"].get(f"{store.name}{SESSION}") == {"secret": "basket"}


def test_no_guess_costs_the_server_other_commands(
    browser_of: BrowserOf,
    name: str,
    valkey_server: servers.Server,
    configure: Configure,
    settings: Any,
    raw: valkey.Valkey,
) -> None:
    configure(valkey=valkey_params(valkey_server))
    settings.SESSION_CACHE_ALIAS = "valkey"
    caches["valkey"].set(f"{name}{SESSION}", {"secret": "basket"}, 1000)
    person = browser_of(*EVERYTHING)

    def commands(id: str) -> int:
        before = raw.info("stats")["total_commands_processed"]
        person.open(addresses.keys("valkey", q=f"{name}{id}"))
        person.open(addresses.key("valkey", stored_key("valkey", f"{name}{id}")))
        return int(raw.info("stats")["total_commands_processed"]) - before

    commands(SESSION)  # The first opens connections.
    assert commands(SESSION) == commands(NO_SESSION)


def test_no_guess_costs_the_database_other_queries(
    browser_of: BrowserOf, name: str, database_table: str, configure: Configure, settings: Any
) -> None:
    configure(table={"BACKEND": DATABASE, "LOCATION": database_table, "OPTIONS": ROOMY})
    settings.SESSION_CACHE_ALIAS = "table"
    caches["table"].set(f"{name}{SESSION}", {"secret": "basket"}, 1000)
    person = browser_of(*EVERYTHING)

    def queries(id: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            person.open(addresses.keys("table", q=f"{name}{id}"))
            person.open(addresses.key("table", stored_key("table", f"{name}{id}")))
        statements = [re.sub(r"'[^']*'|\d+", "?", one["sql"]) for one in captured]
        return [one for one in statements if database_table in one]

    assert queries(SESSION[:8]) == queries(NO_SESSION[:8])
    assert queries(SESSION) == queries(NO_SESSION)


def test_the_id_is_masked_through_every_neighbour(browser_of: BrowserOf, store: Store) -> None:
    person = browser_of(*EVERYTHING)
    assert SESSION not in person.open(addresses.keys("open")).html
    assert SESSION not in person.open(addresses.namespaces("open")).html
