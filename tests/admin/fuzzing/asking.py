"""Requests as a page would make them, as a person would type them, and as neither would."""

from __future__ import annotations

import random
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Final
from urllib.parse import quote, urljoin

from django.contrib.admin.utils import quote as quote_id
from django.urls import reverse

from django_cachex.admin.key_actions import KEY_ACTIONS
from django_cachex.inspectors.edits import End, InsertPosition, ZAddCondition
from tests.admin import addresses
from tests.admin.fuzzing import texts
from tests.admin.fuzzing.world import CELLAR, ODD_ALIAS, World
from tests.admin.page import Page
from tests.admin.page_elements import Form

Pairs = Sequence[tuple[str, str]]

TOKEN: Final = re.compile(r"\b[A-Za-z0-9_=-]{40,}:[A-Za-z0-9]{6}:[A-Za-z0-9_-]{43}")

TYPES: Final = ("string", "list", "set", "zset", "hash", "stream")
MODES: Final = tuple(
    {mode for act in KEY_ACTIONS for mode in (act.form_mode, act.submit_mode) if mode} | {"read"}
)
UNKNOWN: Final = ("nobody", CELLAR, f"{CELLAR}2", "", "VALKEY", "valkey\x00", "x" * 5000, ODD_ALIAS)

SERVERS: Final = ("valkey", "redis", "django")
OFTEN: Final = (*SERVERS, "valkey", "default", "table", "files", "raw", "stranger")

FORM_BODY: Final = "application/x-www-form-urlencoded"
BODIES: Final = (
    ("application/json", b'{"action": "flush"}'),
    (FORM_BODY, b"action=flush&selected=%ff%fe&selected=%00&="),
    (f"{FORM_BODY}; charset=utf-16", b"action=flush"),
    ("multipart/form-data", b"no boundary"),
    ("multipart/form-data; boundary=x", b"--x\r\nrubbish"),
    (FORM_BODY, b"&".join(b"selected=valkey:%d" % number for number in range(1500))),
)


@dataclass(frozen=True)
class Request:
    """What is sent."""

    method: str
    url: str
    body: bytes = b""
    type: str = FORM_BODY

    def __str__(self) -> str:
        body = self.body if len(self.body) < 3000 else self.body[:3000] + b"..."
        return f"{self.method} {self.url[:3000]} {self.type} {body!r}"


def encoded(pairs: Pairs) -> str:
    """Return pairs as a hostile client would send them, halves of surrogate pairs included."""
    return "&".join("=".join(map(percent, pair)) for pair in pairs)


def percent(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def get(url: str, pairs: Pairs = ()) -> Request:
    mark = "&" if "?" in url else "?"
    return Request("GET", f"{url}{mark}{encoded(pairs)}" if pairs else url)


def post(url: str, pairs: Pairs = ()) -> Request:
    return Request("POST", url, encoded(pairs).encode())


@dataclass
class Asker:
    """Draws the requests of one batch from what the world holds and what pages have offered."""

    rng: random.Random
    world: World
    reads_only: bool
    pages: list[tuple[str, str]] = field(default_factory=list)
    """The URLs and texts of the latest pages."""

    tokens: list[str] = field(default_factory=list)
    """Those that pages have held, another person's among them."""

    aliases: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.aliases = [alias for alias in self.world.caches() if CELLAR not in alias]

    def saw(self, url: str, html: str) -> None:
        """Remember a page: what it offers may be asked for next."""
        self.pages = [*self.pages[-5:], (url, html)]
        self.tokens = [*self.tokens[-60:], *TOKEN.findall(unescape(html))[:6]]

    def next(self) -> Request:
        """Return the next request."""
        ways: list[Callable[[], Request | None]] = [self.generated, self.linked, self.linked]
        if not self.reads_only:
            ways += [self.submitted, self.submitted, self.submitted, self.generated]
            if self.rng.random() < 0.02:
                ways = [self.malformed]
        return self.rng.choice(ways)() or self.generated()

    # From pages.

    def latest(self) -> Page | None:
        if not self.pages:
            return None
        url, html = self.rng.choice(self.pages[-3:])
        return Page(200, url, html)

    def linked(self) -> Request | None:
        """Follow a link of a page, sometimes with a parameter more."""
        page = self.latest()
        urls = [one.url for one in page.links] if page else []
        urls = [urljoin(page.url, url) for url in urls if page and is_ours(url)]
        if not urls:
            return None
        acts = [url for url in urls if "mode=" in url]
        urls = acts if acts and self.chance(0.6) else urls
        more = self.query("q", "token", "at", "view", "help", "sort", most=1)
        return get(self.rng.choice(urls).split("#")[0], more if self.chance(0.2) else ())

    def submitted(self) -> Request | None:
        """Send a form of a page, some of it filled in and some of it tampered with."""
        page = self.latest()
        forms = [one for one in page.forms if is_ours(one.action)] if page else []
        if page is None or not forms:
            return None
        acts = [one for one in forms if one.names & {"mode", "state"} and one.method == "post"]
        form = self.rng.choice(acts if acts and self.chance(0.8) else forms)
        pairs, url = self.filled(form), urljoin(page.url, form.action)
        if form.buttons:
            button = self.rng.choice(form.buttons)
            pairs += [(button.name, button.value)] if button.name else []
            url = urljoin(page.url, button.action) if button.action else url
        return get(url.split("?")[0], pairs) if form.method == "get" else post(url, pairs)

    def filled(self, form: Form) -> list[tuple[str, str]]:
        pairs = []
        for control in form.controls:
            ticks = control.type in ("checkbox", "radio")
            if not control.name or (self.chance(0.5) if ticks else self.chance(0.04)):
                continue
            tampers = self.chance(0.06 if control.type == "hidden" or ticks else 0.5)
            if not tampers:
                pairs.append((control.name, control.value))
            elif control.options:
                pairs.append((control.name, self.rng.choice(control.options)))
            else:
                pairs.append((control.name, self.value_of(control.name)))
        return pairs

    # From nothing.

    def generated(self) -> Request:
        """Return a request to some page with some parameters, that no page made."""
        make = self.rng.choice(
            [self.index, self.one_cache, self.keys, self.keys, self.add, self.purge, self.sessions]
            + [self.key] * 5
            + [self.act] * 4
            + [self.matching] * 2
            + [self.delete, self.download, self.history, self.nowhere]
        )
        return make()

    def ask(self, url: str, query: Pairs, sent: Pairs) -> Request:
        if self.reads_only or self.chance(0.4):
            return get(url, [*query, *(sent if self.chance(0.2) else ())])
        mark = "&" if "?" in url else "?"
        return post(f"{url}{mark}{encoded(query)}" if query else url, sent)

    def index(self) -> Request:
        selected = [("selected", self.alias()) for _ in range(self.rng.randint(0, 3))]
        sent = [("action", self.either("flush", 0.8)), *selected, *self.confirmed(0.2)]
        if self.chance(0.3):
            alias = self.alias()
            return self.ask(addresses.flushing(), (), [("cache", alias), ("state", self.token())])
        return self.ask(addresses.caches(), self.query("support", "help", most=1), sent)

    def one_cache(self) -> Request:
        names = ("change", "history", "namespaces", "fragments", "health")
        name = f"cache_{self.rng.choice(names)}"
        url = reverse(f"admin:django_cachex_{name}", args=[quote_id(self.alias()) or "-"])
        sent = [("state", self.token()), ("step", self.either("all"))]
        sent += [("mode", self.either("find")), ("value-0", self.value_of("name"))]
        return self.ask(url, self.query("under", "help", "p", "fragment", most=2), sent)

    def purge(self) -> Request:
        url = addresses.purge(self.alias() if self.chance(0.7) else "")
        steps = ("delete", "delete-all", "continue", "")
        sent = [("step", self.either(self.rng.choice(steps), 0.9)), ("url", self.value_of("url"))]
        sent += [("selected", self.id()) for _ in range(self.rng.randint(0, 3))]
        sent += self.query("hosts", "more", "prefixes", "state", most=2)
        return self.ask(url, sent[1:2], [*sent, *self.confirmed(0.4)])

    def sessions(self) -> Request:
        if self.chance(0.2):
            return self.ask(addresses.health_of_all(), self.query("help", most=1), ())
        acts = ("end", "end-all", "end-others", "end-selected", "")
        sent = [("action", self.either(self.rng.choice(acts), 0.9)), ("state", self.token())]
        sent += [("selected", self.value_of("selected"))]
        return self.ask(addresses.sessions(), self.query("of", "user", "help", most=1), sent)

    def where(self) -> Pairs:
        return [("cache", self.alias())] if self.chance(0.95) else []

    def keys(self) -> Request:
        most = self.rng.choice((0, 1, 3, 6))
        names = (
            "q",
            "type",
            "scope",
            "size",
            "token",
            "live",
            "contains",
            "sort",
            "columns",
            "help",
        )
        filters = ("expires", "larger", "idle", "kind", "value")
        query = [*self.where(), *self.query(*names, *filters, most=most)]
        count = self.rng.randint(0, 4)
        sent = [("selected", self.id()) for _ in range(count)]
        sent += [("action", self.either("delete", 0.8)), *self.confirmed()]
        return self.ask(addresses.keys(), query, sent)

    def matching(self) -> Request:
        query = [*self.where(), ("action", self.either(self.rng.choice(("delete", "expire")), 0.9))]
        query += [("q", self.value_of("q")), *self.query("ttl", most=1)]
        query += self.query(
            "type", "expires", "run", "scope", "kind", most=self.rng.choice((0, 0, 2))
        )
        sent = [("step", self.either(self.rng.choice(("ask", "run", "report", "count")), 0.9))]
        sent += [("state", self.token()), *self.query("timeout", "never", most=1)]
        url = reverse("admin:django_cachex_key_matching")
        return self.ask(url, query, sent)

    def add(self) -> Request:
        query = [*self.where(), *self.query("key", "type", "help", most=1)]
        sent = [("key", self.value_of("key")), ("value", self.value_of("value"))]
        sent += [("type", self.rng.choice(TYPES)), ("store_as", self.value_of("store_as"))]
        sent += self.query("timeout", "never", "replace", most=2)
        return self.ask(addresses.add(), query, sent)

    def by_id(self, name: str) -> tuple[str, Pairs]:
        """Return the URL of a key's page, and what the form has to send with it."""
        id = self.id()
        if len(id) > 3000 or self.chance(0.1):
            return addresses.by_form(name), [("id", id)]
        return reverse(f"admin:django_cachex_key_{name}", args=[quote_id(id) or "-"]), []

    def key(self) -> Request:
        url, sent = self.by_id("change")
        window = self.query("view", "shown", "at", "order", "find", "low", "high", "sort", most=3)
        mode = self.either(self.rng.choice(MODES), 0.95)
        if self.chance(0.3):
            return get(url, [*sent, *window, *([("mode", mode)] if self.chance(0.7) else [])])
        fields = self.query(*FIELDS_OF_ACTS, most=10)
        return self.ask(url, window, [*sent, ("mode", mode), *fields, *self.confirmed()])

    def act(self) -> Request:
        """Open the form of an act on a key that it suits."""
        act = self.rng.choice([one for one in KEY_ACTIONS if one.form_mode])
        alias = self.rng.choice(("valkey", "redis", "django", "default", "table", "files"))
        names = ["plain", "number", *getattr(act, "types", ())]
        name = self.rng.choice(names[2:] or names if alias in SERVERS else names[:2])
        id = addresses.object_id(alias, self.world.stored(alias, name))
        url = reverse("admin:django_cachex_key_change", args=[quote_id(id)])
        return get(url, [("mode", act.form_mode if self.chance(0.7) else "")])

    def delete(self) -> Request:
        url, sent = self.by_id("delete")
        return self.ask(url, self.query("help", most=1), [*sent, *self.confirmed()])

    def download(self) -> Request:
        url, sent = self.by_id("download")
        form = self.either(self.rng.choice(("stored", "json", "text", "dump")), 0.9)
        return self.ask(url, [("as", form)], sent)

    def history(self) -> Request:
        url, sent = self.by_id("history")
        return self.ask(url, self.query("p", "help", most=1), sent)

    def nowhere(self) -> Request:
        place = percent(self.rng.choice(texts.ODD)[:2000])
        kind = self.rng.choice(("cache", "key"))
        route = self.rng.choice(("", "/change/", "/history/", "/delete/", "/download/"))
        return self.ask(f"/admin/django_cachex/{kind}/{place}{route}", (), self.confirmed())

    def malformed(self) -> Request:
        made = self.generated()
        method = self.rng.choice(("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"))
        type, body = self.rng.choice(BODIES)
        return Request(method, made.url, body, type)

    # What a request says.

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def either(self, usual: str, share: float = 0.7) -> str:
        return usual if self.chance(share) else self.rng.choice(texts.ODD)

    def confirmed(self, share: float = 0.7) -> Pairs:
        return [("confirmed", "1")] if self.chance(share) else []

    def query(self, *names: str, most: int) -> list[tuple[str, str]]:
        chosen = self.rng.sample(names, min(most, len(names), self.rng.randint(0, most)))
        return [(name, self.value_of(name)) for name in chosen]

    def value_of(self, name: str) -> str:
        """Return what a parameter or a field says: what makes sense there, or anything."""
        if self.chance(0.15):
            return self.rng.choice(texts.ODD)
        made = SPECIAL.get(name)
        if made is not None:
            return made(self)
        return self.rng.choice(POOLS.get(name, texts.ODD))

    def alias(self) -> str:
        if self.chance(0.05):
            return self.rng.choice(UNKNOWN)
        return self.rng.choice(OFTEN if self.chance(0.7) else self.aliases)

    def token(self) -> str:
        """Return a token of a page, as it was or not."""
        if not self.tokens or self.chance(0.1):
            return self.rng.choice(texts.ODD)
        token = self.rng.choice(self.tokens)
        if self.chance(0.7):
            return token
        place = self.rng.randrange(len(token))
        return self.rng.choice((token[:place], f"{token[:place]}A{token[place + 1 :]}", token * 2))

    def id(self) -> str:
        """Return the id of a key: one that is there, one of another cache, or a forged one."""
        alias = self.alias()
        theirs = self.world.keys.get(alias) or [b"key"]
        if self.chance(0.12):  # Also those of hidden caches and of sessions.
            theirs = self.world.keys[self.rng.choice(list(self.world.keys))] or theirs
        if self.chance(0.05):
            theirs = sorted(self.world.live) or theirs
        id = addresses.object_id(alias, self.rng.choice(theirs))
        if self.chance(0.9):
            return id
        forged = (
            id[:-1],
            f"{id}=",
            id.replace(":", ""),
            f"{alias}:!",
            "-",
            ":",
            f"{alias}:",
            "\x00",
        )
        return self.rng.choice((*forged, f"{alias}:{self.bytes_in_base64()}"))

    def bytes_in_base64(self) -> str:
        return urlsafe_b64encode(self.rng.randbytes(self.rng.randint(0, 60))).decode()


def is_ours(url: str) -> bool:
    return url.startswith(("?", "/admin/django_cachex/")) or not url


def pools(**named: Sequence[str]) -> dict[str, Sequence[str]]:
    return named


TICK: Final = ("on", "1", "")
POOLS: Final = pools(
    **dict.fromkeys(("by", "score", "low", "high"), texts.NUMBERS),
    **dict.fromkeys(("count", "start", "stop", "keep", "p", "larger", "idle"), texts.NUMBERS),
    **dict.fromkeys(("never", "overwrite", "replace", "help", "preview", "confirmed"), TICK),
    **dict.fromkeys(("timeout", "add", "ttl"), texts.TIMEOUTS),
    **dict.fromkeys(("name", "key", "field"), texts.NAMES),
    value=texts.VALUES,
    moment=texts.MOMENTS,
    store_as=("auto", "text", "json", "integer"),
    type=(*TYPES, ""),
    scope=("version", "versions", "store", ""),
    size=("25", "50", "100", "500", "0"),
    live=("", "0", "5", "400"),
    contains=("1", "", "key"),
    sort=("key", "-key", "ttl", "-size", "memory", "-idle", "name", "-value"),
    columns=("type", "ttl", "size", "memory", "none", "idle"),
    expires=("never", "60", "86400", "0"),
    support=("cachex", "wrapped", "limited"),
    under=("a:", "a", "p:", "s:1:", "django."),
    kind=("session", "page", "page-headers", "fragment", "lock", "nothing"),
    fragment=("", "shop/card.html:4:product_card"),
    of=("1", "2", "superuser", "nobody"),
    user=("1", "2", "3", "0"),
    url=("/x/", "http://testserver/x/", "/x/*", "admin:index", "//", "/%ff", "é"),
    hosts=("testserver", "", "testserver [::1] other.example", "é"),
    more=("/x/", "/x/\r\n/y/", "x\x00", "/a\n" * 1200),
    prefixes=("", '""', "p *"),
    q=("*", "a:*", "plain", "*a*", "text", "", "list", "number"),
    find=("*", "a", "1", "text"),
    at=("0", "5", "-1", "1-1", "2026-01-31 14:00", "9" * 30),
    order=("first", "last"),
    shown=("1", "100", "5000", "100000000"),
    view=("formatted", "text", "hex"),
    end=tuple(End),
    place=tuple(InsertPosition),
    only=tuple(ZAddCondition),
    groups=("1", ""),
    element=("0", "1", "-1", "text", "1-1", "dGV4dA"),
    expected=("", "0", "1", "x", "12", "131"),
    opened=("", "string", "list", "1700000000"),
    selected=("0 x", "1", "dGV4dA x", "1-1 x"),
    row=("0 x", "1-1 x", ""),
)
SPECIAL: Final[dict[str, Callable[[Asker], Any]]] = {
    **dict.fromkeys(("token", "run", "state"), Asker.token),
    **dict.fromkeys(("cache", "into"), Asker.alias),
    "id": Asker.id,
}

FIELDS_OF_ACTS: Final = (
    *("name", "overwrite", "into", "value", "store_as", "timeout", "never", "add", "moment"),
    *("preview", "by", "expected", "opened", "field", "score", "only", "end", "place", "count"),
    *("start", "stop", "keep", "selected", "element", "shown", "at", "groups"),
)
"""The names in the forms of `KEY_ACTIONS`."""
