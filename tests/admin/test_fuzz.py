"""Twenty thousand requests of all people to all pages: none is an error, and none gets too far.

What was asked follows from a seed and the number of a batch, which a failure names; so

    FUZZ=seed:batch pytest tests/admin/test_fuzz.py -k few

asks the same again, but for the ids of sessions and what tokens hide, which Django draws.
"""

from __future__ import annotations

import logging
import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urljoin

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests import servers
from tests.admin import addresses
from tests.admin.conftest import Configure, UserWith
from tests.admin.fuzzing.asking import Asker, Request, get
from tests.admin.fuzzing.texts import MARKS
from tests.admin.fuzzing.world import (
    BASKET,
    CELLAR,
    PASSWORD,
    SESSION_NAME,
    SESSIONS,
    VAULT,
    Store,
    World,
    changes,
    closed,
)
from tests.admin.people import ACTING_PAIRS, ALL, ALL_BUT_ONE, NONE, PAIRS, SINGLES, Held, named

SEED = 13
"""Of the few requests of every run; those of a campaign are others each time."""

BATCH = 25
"""Requests of one person to one world."""

SLOWEST = 10.0
"""Seconds that a page may take; a page waits for servers for two, and the machine may be busy."""

MOST_HOPS = 5
FINE = (200, 301, 302, 400, 403, 404, 405, 415)
CHANGING = frozenset({"change_cache", "add_key", "change_key", "delete_key"})

ANONYMOUS, OUTSIDER, SUPERUSER = "anonymous", "outsider", "superuser"
OTHERS = [ANONYMOUS, OUTSIDER, *[SUPERUSER] * 10]
EVERYBODY: list[Held | str] = [
    *(NONE, *SINGLES, *PAIRS, *ACTING_PAIRS, *ALL_BUT_ONE, *[ALL] * 10),
    *OTHERS,
]


FOREIGN = re.compile(
    rb"\b(?!(valkey|sessions|frozen|raw|table|raw_table)(:|_3A))\w+(:|_3A)%s"
    % addresses.object_id("", f"hid:1:{VAULT[0]}")[1:].encode()
)
"""The id of a hidden key through a cache of another store: a name that was typed is no secret."""


class Errors(logging.Handler):
    """Keeps what was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(logging.Formatter().format(record))


@pytest.fixture
def errors() -> Iterator[Errors]:
    logger, handler = logging.getLogger("django.request"), Errors()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def world(
    valkey_server: servers.Server,
    redis_server: servers.Server,
    memcached_process: servers.Server,
    database_table: str,
    tmp_path: Path,
    configure: Configure,
    settings: Any,
) -> Iterator[World]:
    made = World(valkey_server, redis_server, memcached_process, database_table, tmp_path)
    configure(**made.caches())
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.SESSION_CACHE_ALIAS = "sessions"
    settings.CACHEX_ADMIN = {"ALIASES": made.policies()}
    yield made
    made.close()


class Person:
    """Somebody at the admin, who stays logged in whatever becomes of the session."""

    def __init__(self, held: Held | str, user: User | None, world: World) -> None:
        self.held, self.user, self.world = held, user, world
        self.client = Client(raise_request_exception=False)
        self.stored, self.session = b"", b""
        if user is not None:
            self.client.force_login(user)
            id = self.client.session.session_key
            self.stored = f"s:1:{SESSION_NAME}{id}".encode()
            self.session = world.raw.dump(self.stored)
            world.live.add(self.stored)

    @property
    def sees_nothing(self) -> bool:
        return self.held in (NONE, ANONYMOUS, OUTSIDER)

    @property
    def permissions(self) -> Held:
        if self.held == SUPERUSER:
            return ALL
        return NONE if isinstance(self.held, str) else self.held

    def send(self, request: Request) -> Any:
        if self.stored:
            self.world.raw.restore(self.stored, 10**9, self.session, replace=True)
        return self.client.generic(request.method, request.url, request.body, request.type)

    def __str__(self) -> str:
        return self.held if isinstance(self.held, str) else named(self.held) or "no permission"


class Campaign:
    """Asks batch after batch, and looks after each request and each batch at what came of it."""

    def __init__(self, world: World, errors: Errors, user_with: UserWith) -> None:
        self.world, self.errors, self.user_with = world, errors, user_with
        self.users: dict[str, User] = {}
        self.asked = 0

    def user(self, held: Held | str) -> User | None:
        """Return the account of somebody, made when first asked for."""
        if held == ANONYMOUS:
            return None
        name = held if isinstance(held, str) else f"staff {named(held)}"
        if name not in self.users:
            self.users[name] = self._made(name, held)
        return self.users[name]

    def _made(self, name: str, held: Held | str) -> User:
        if held == SUPERUSER:
            return User.objects.create_superuser(name)
        if held == OUTSIDER:
            user = User.objects.create_user(name)
            user.user_permissions.set(Permission.objects.all())
            return user
        return self.user_with(*held, name=name)

    def run(self, seed: int, batches: range) -> None:
        order = random.Random(seed).sample(EVERYBODY, len(EVERYBODY))
        for number in batches:
            self.batch(f"{seed}:{number}", order[number % len(order)])

    def batch(self, name: str, held: Held | str) -> None:
        rng = random.Random(name)
        self.world.fill()
        reads_only = rng.random() < 0.25
        asker = Asker(rng, self.world, reads_only)
        self.harvest(asker)
        person = Person(held, self.user(held), self.world)
        checks = Checks(self.world, person, self.errors)
        before, entries = self.world.stores(), LogEntry.objects.count()
        asker.saw(addresses.caches(), "")
        for index in range(BATCH):
            request = asker.next()
            with telling(name, index, person, request):
                self.follow(request, person, asker, checks)
        with telling(name, BATCH, person, None):
            new = LogEntry.objects.order_by("pk")[entries:]
            checks.stores(before, self.world.stores(), list(new), reads_only)

    def harvest(self, asker: Asker) -> None:
        """Let another person open pages, for tokens that are not good for anybody else."""
        other = Person(SUPERUSER, self.user(SUPERUSER), self.world)
        for url in (
            addresses.keys("valkey", q="a:*", size=25),
            addresses.matching("valkey", action="delete", q="a:*"),
            addresses.namespaces("valkey"),
            addresses.purge("valkey", url="/x/"),
            addresses.sessions(of=SUPERUSER),
        ):
            asker.saw(url, other.send(get(url)).content.decode())
        asker.pages.clear()

    def follow(self, request: Request, person: Person, asker: Asker, checks: Checks) -> None:
        """Send a request, go where it leads, and look at each answer."""
        for hop in range(MOST_HOPS + 1):
            assert hop < MOST_HOPS, "it leads on and on"
            started = time.monotonic()
            response = person.send(request)
            body = b"".join(response) if response.streaming else response.content
            seconds = time.monotonic() - started
            self.asked += 1
            html = checks.answer(request, response, body, seconds)
            if response.status_code not in (301, 302):
                break
            request = get(urljoin(request.url, response["Location"]))
            if not request.url.startswith("/admin/django_cachex/"):
                return
        if html and response.status_code == 200:
            asker.saw(request.url, html)


@contextmanager
def telling(batch: str, index: int, person: Person, request: Request | None) -> Iterator[None]:
    """Say what was asked when something is wrong with it."""
    try:
        yield
    except Exception as error:
        where = f"FUZZ={batch} at request {index} by {person}: {request or 'the end'}"
        raise AssertionError(f"{where}\n{error!r}") from error


class Checks:
    """What holds of every answer to a person, and of what a batch leaves behind."""

    def __init__(self, world: World, person: Person, errors: Errors) -> None:
        self.world, self.person, self.errors = world, person, errors
        self.sent = b""

    def answer(self, request: Request, response: Any, body: bytes, seconds: float) -> str:
        """Return the text of an answer that is in order, where it is a page."""
        said, self.errors.said = self.errors.said, []
        assert not said, said[0]
        assert response.status_code in FINE, response.status_code
        assert seconds < SLOWEST, f"{seconds:.1f} s"
        assert not self.world.canary.exists(), "a pickle was executed"
        self.sent += unquote_to_bytes(request.url) + unquote_to_bytes(request.body)
        if FOREIGN.search(self.sent):
            self.sent += VAULT[0].encode()
        self.type(request, response)
        if self.person.sees_nothing:
            self.nothing(response)
        if response.streaming or not response["Content-Type"].startswith("text/html"):
            self.secrets(body.decode(errors="replace"))
            return ""
        html = body.decode()
        self.secrets(html)
        assert not any(mark in html for mark in MARKS), "markup was not escaped"
        return html

    def type(self, request: Request, response: Any) -> None:
        given = response.get("Content-Type", "").split(";")[0]
        if response.status_code in (301, 302):
            assert response["Location"].startswith(("/admin/", "?")), response["Location"]
        elif response.status_code == 200 and "/download/" in request.url:
            # What a view takes is told of itself by OPTIONS.
            assert request.method == "OPTIONS" or given == "application/octet-stream"
        elif response.status_code == 200 and "/matching/" in request.url:
            assert given in ("text/html", "text/csv", "application/octet-stream"), given
        elif response.status_code in (200, 403, 404):
            assert given == "text/html" or request.method in ("OPTIONS", "TRACE"), given

    def nothing(self, response: Any) -> None:
        """Check that who may see nothing is sent to the login, or away."""
        if self.person.held == NONE:
            assert response.status_code in (400, 403, 404, 405), response.status_code
        else:
            # Django does not redirect to URLs that are too long.
            assert response.status_code in (302, 400, 404), response.status_code
            if response.status_code == 302:
                assert response["Location"].startswith("/admin/login/")

    def secrets(self, text: str) -> None:
        """Check that a text holds no secret that this person did not know before."""
        secrets = [PASSWORD, *VAULT, CELLAR]
        if self.person.held != SUPERUSER:
            live = [key.decode().rpartition("cache")[2] for key in self.world.live]
            secrets += [BASKET, *SESSIONS, *live]
        for secret in secrets:
            assert secret not in text or secret.encode() in self.sent, f"{secret} is shown"

    def stores(
        self,
        before: dict[str, Store],
        after: dict[str, Store],
        entries: list[LogEntry],
        reads_only: bool,
    ) -> None:
        """Check what a batch has changed: what this person may change, all of it on record."""
        changed = changes(before, after)
        assert not closed(changed), f"policies close {changed}"
        if reads_only or not self.person.permissions & CHANGING:
            assert not changed, f"nothing was to change: {changed}"
            assert not entries
        self.within_permissions(before, changed)
        assert {entry.user_id for entry in entries} <= {getattr(self.person.user, "pk", None)}
        whole = [one for one in entries if one.content_type.model == "cache"]
        singles = len(entries) - len(whole)
        if not whole:  # A rename changes two keys, a pattern or a flush any number.
            assert len(changed) <= 2 * singles, f"{changed} but {singles} on record"
        self.sessions(changed, whole)

    def within_permissions(
        self, before: dict[str, Store], changed: list[tuple[str, bytes]]
    ) -> None:
        held = self.person.permissions
        if not held & (CHANGING - {"add_key"}):
            old = [one for one in changed if one[1] in before[one[0]]]
            assert not old, f"who may only add has changed {old}"
        if "add_key" not in held:
            new = [one for one in changed if one[1] not in before[one[0]]]
            assert not new, f"who may not add has added {new}"

    def sessions(self, changed: list[tuple[str, bytes]], whole: list[LogEntry]) -> None:
        """Check that only superusers touch sessions, unless a whole cache went."""
        touched = [key for _store, key in changed if SESSION_NAME.encode() in key]
        assert not touched or self.person.held == SUPERUSER or whole, touched


@pytest.fixture
def campaign(world: World, errors: Errors, user_with: UserWith) -> Campaign:
    return Campaign(world, errors, user_with)


def test_a_few_requests_go_nowhere_that_they_should_not(campaign: Campaign) -> None:
    """Or those of the one batch that FUZZ names."""
    named_one = os.environ.get("FUZZ")
    seed, first = map(int, (named_one or f"{SEED}:0").split(":"))
    batches = range(first, first + (1 if named_one else 4))
    campaign.run(seed, batches)
    assert campaign.asked >= BATCH * len(batches)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_no_request_goes_where_it_should_not(campaign: Campaign, part: int) -> None:
    campaign.run(random.randrange(10**6), range(80 * part, 80 * (part + 1)))
    assert campaign.asked >= 80 * BATCH
