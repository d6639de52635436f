"""A server that answers commands with what they cannot answer: no page breaks, each says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import DJANGO_REDIS, VALKEY, Configure
from tests.admin.page import Page

SHAPES = {
    "nothing": b"$-1\r\n",
    "no list": b"*-1\r\n",
    "integer": b":7\r\n",
    "negative": b":-7\r\n",
    "largest": b":9223372036854775807\r\n",
    "too large": b":99999999999999999999999\r\n",
    "text": b"$3\r\nabc\r\n",
    "digits": b"$1\r\n7\r\n",
    "bytes": b"$2\r\n\xff\xfe\r\n",
    "empty text": b"$0\r\n\r\n",
    "status": b"+OK\r\n",
    "empty list": b"*0\r\n",
    "list": b"*3\r\n$1\r\na\r\n:1\r\n$-1\r\n",
    "pair": b"*2\r\n$1\r\n0\r\n*1\r\n:5\r\n",
    "odd pair": b"*2\r\n$1\r\n0\r\n*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
    "nested": b"*1\r\n*2\r\n*1\r\n*0\r\n*2\r\n:1\r\n$1\r\na\r\n",
    "error": b"-ERR nonsense\r\n",
    "empty error": b"-\r\n",
    "no code": b"-\xff\xfe\r\n",
}

SOME = ("nothing", "text", "list")
"""Those that are told in every run: one for each way in which reading goes wrong."""

TYPES = ("string", "list", "set", "zset", "hash", "stream")


@pytest.fixture(params=[VALKEY, pytest.param(DJANGO_REDIS, marks=pytest.mark.slow)])
def liar(
    request: pytest.FixtureRequest, valkey_server: servers.Server, configure: Configure
) -> Iterator[servers.Liar]:
    """A server before which an alias stands that may be told nonsense."""
    with servers.lying(valkey_server.port) as liar:
        configure(
            valkey={
                "BACKEND": request.param,
                "LOCATION": f"redis://{liar.address}/0",
                "KEY_PREFIX": "p",
            }
        )
        yield liar
        liar.lies.clear()
        caches.close_all()


def filled(server: valkey.Valkey) -> None:
    raw = server.pipeline()
    raw.flushdb()
    raw.set("p:1:string", "5", ex=5000)
    raw.rpush("p:1:list", "1", "2", "3")
    raw.sadd("p:1:set", "1", "2")
    raw.zadd("p:1:zset", {"1": 1.5, "2": 2})
    raw.hset("p:1:hash", mapping={"f": "1", "g": "2"})
    raw.xadd("p:1:stream", {"f": "1"}, id="1-1")
    raw.xgroup_create("p:1:stream", "group", "0")
    raw.xreadgroup("group", "consumer", {"p:1:stream": ">"})
    raw.execute()


Visit = Callable[[Browser], Page]


def key_post(type: str, **sent: Any) -> Visit:
    def visit(person: Browser) -> Page:
        return person.post(addresses.key("valkey", f"p:1:{type}"), sent, follow=False)

    return visit


VISITS: dict[str, Visit] = {
    "index": lambda person: person.open(addresses.caches()),
    "keys": lambda person: person.open(addresses.keys("valkey")),
    "keys, all columns": lambda person: person.open(
        addresses.keys("valkey", columns=["type", "ttl", "size", "memory", "idle", "encoding"])
    ),
    "keys, filtered": lambda person: person.open(
        addresses.keys("valkey", q="s", type="string", larger="1", expires="1d", idle="1")
    ),
    "exact": lambda person: person.open(addresses.keys("valkey", q="string")),
    "info": lambda person: person.open(addresses.info("valkey")),
    "health": lambda person: person.open(addresses.health("valkey")),
    "matching": lambda person: person.open(addresses.matching("valkey", q="s")),
    "namespaces": lambda person: person.open(addresses.namespaces("valkey")),
    **{
        f"a {type}": lambda person, type=type: person.open(addresses.key("valkey", f"p:1:{type}"))
        for type in TYPES
    },
    **{
        f"a search in a {type}": lambda person, type=type: person.open(
            addresses.key("valkey", f"p:1:{type}", match="1", find="1")
        )
        for type in ("set", "zset", "hash")
    },
    "edit": lambda person: person.open(addresses.key("valkey", "p:1:string", mode="edit")),
    "an item": lambda person: person.open(
        addresses.key("valkey", "p:1:list", mode="edit-item", element="1")
    ),
    "a field": lambda person: person.open(
        addresses.key("valkey", "p:1:hash", mode="edit-field", element="=Zg")
    ),
    "download": lambda person: person.open(
        addresses.download("valkey", "p:1:string"), follow=False
    ),
    "dump": lambda person: person.open(
        addresses.download("valkey", "p:1:hash", form="dump"), follow=False
    ),
    "question": lambda person: person.open(addresses.delete("valkey", "p:1:string")),
    "add": lambda person: person.post(
        addresses.add("valkey"),
        {"key": "a", "value": "b", "store_as": "text", "type": "string"},
        follow=False,
    ),
    "add a hash": lambda person: person.post(
        addresses.add("valkey"),
        {"key": "a", "value": '{"a": 1}', "store_as": "json", "type": "hash"},
        follow=False,
    ),
    "save": key_post("string", mode="save", value="6", store_as="integer", expected=""),
    "increase": key_post("string", mode="add-number", by="1"),
    "set-ttl": key_post("string", mode="set-ttl", timeout="60"),
    "rename": key_post("string", mode="set-name", name="other"),
    "copy": key_post("string", mode="make-copy", name="other", into="valkey"),
    "push": key_post("list", mode="push-item", value="9", store_as="text", end="last"),
    "pop": key_post("list", mode="take-items", count="1", end="last", confirmed="1"),
    "trim": key_post("list", mode="cut-list", start="0", stop="1", length="3", confirmed="1"),
    "add a member": key_post("set", mode="store-member", value="9", store_as="text"),
    "score": key_post("zset", mode="set-score", element="=MQ", score="9"),
    "add an entry": key_post("stream", mode="store-entry", field="a", value="9", store_as="text"),
    "set field": key_post("hash", mode="set-field", element="=Zg", value="9", store_as="text"),
    "remove": key_post("hash", mode="remove-elements", selected=["=Zg"], confirmed="1"),
    "delete": lambda person: person.post(
        addresses.delete("valkey", "p:1:string"), {"confirmed": "1"}, follow=False
    ),
    "flush": lambda person: person.post(
        addresses.caches(), {"action": "flush", "selected": ["valkey"]}
    ),
}


def commands_of(liar: servers.Liar, person: Browser, visit: Visit) -> set[str]:
    """Return which commands a page sends, where all goes well."""
    liar.lies.clear()
    liar.heard.clear()
    visit(person)
    return set(liar.heard)


def broken_by(
    person: Browser, liar: servers.Liar, raw: valkey.Valkey, name: str, shapes: Collection[str]
) -> list[str]:
    """Return which nonsense breaks a page, of all that can be told it."""
    visit, broken = VISITS[name], []
    filled(raw)
    for command in sorted(commands_of(liar, person, visit)):
        for shape in shapes:
            filled(raw)
            liar.lies = {command: SHAPES[shape]}
            try:
                page = visit(person)
            except Exception as error:
                broken.append(f"{command}, {shape}: {error!r:.300}")
            else:
                if page.status not in (200, 302, 404, 502, 503):
                    broken.append(f"{command}, {shape}: {page.status}")
    return broken


@pytest.mark.parametrize("name", VISITS)
def test_no_page_breaks(admin: Browser, liar: servers.Liar, raw: valkey.Valkey, name: str) -> None:
    assert broken_by(admin, liar, raw, name, SOME) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", VISITS)
def test_no_page_breaks_whatever_it_is_told(
    admin: Browser, liar: servers.Liar, raw: valkey.Valkey, name: str
) -> None:
    assert broken_by(admin, liar, raw, name, SHAPES) == []


def test_what_makes_no_sense_is_said(
    admin: Browser, liar: servers.Liar, raw: valkey.Valkey
) -> None:
    filled(raw)
    liar.lies = {"MEMORY USAGE": SHAPES["text"]}
    for page in (
        admin.open(addresses.keys("valkey", columns=["memory"])),
        admin.open(addresses.key("valkey", "p:1:string")),
    ):
        assert page.status == 200
        assert "Unexpected reply to MEMORY" in page.text
