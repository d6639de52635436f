"""Servers that are down, slow, talk nonsense or deny a command: the page renders, and says so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import DJANGO_REDIS, REDIS, VALKEY, Configure, valkey_params
from tests.admin.page import Page

LONGEST = 2.5
"""Seconds that a page may take with the default timeout of two."""

SHORT_TIMEOUT, SHORT = 0.4, 1.4
"""Seconds that servers are given, and a page may take, where many pages are tried."""

SAID = ("did not answer", "didn't answer", "Error in", "no answer", "refuses", "refused", "down")


@contextmanager
def nonsense() -> Iterator[int]:
    """Answer whatever is said on the yielded port as a web server would."""
    answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                with closing(connection):
                    connection.recv(1000)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@contextmanager
def refusing() -> Iterator[int]:
    yield servers.free_port()


PLACES = {"silent": servers.silent, "refusing": refusing, "nonsense": nonsense}


@pytest.fixture(params=PLACES)
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    with PLACES[request.param]() as port:
        yield port


@pytest.fixture(params=[VALKEY, REDIS, DJANGO_REDIS])
def broken(
    request: pytest.FixtureRequest,
    port: int,
    valkey_server: servers.Server,
    configure: Configure,
) -> str:
    """An alias whose server is not one, beside one that works."""
    scheme = "valkey" if request.param == VALKEY else "redis"
    place = f"{scheme}://:hunter2@127.0.0.1:{port}/0"
    configure(
        broken={"BACKEND": request.param, "LOCATION": place, "KEY_PREFIX": "p"},
        valkey=valkey_params(valkey_server),
    )
    caches["valkey"].set("hello", 1)
    return "broken"


def visits(person: Browser) -> dict[str, Callable[[], Page]]:
    """Return everything that can be tried on the broken alias."""
    key, alias = "p:1:key", "broken"
    return {
        "index": lambda: person.open(addresses.caches()),
        "keys": lambda: person.open(addresses.keys(alias, q="key")),
        "info": lambda: person.open(addresses.info(alias)),
        "matching": lambda: person.open(addresses.matching(alias, q="key")),
        "namespaces": lambda: person.open(addresses.namespaces(alias)),
        "key": lambda: person.open(addresses.key(alias, key)),
        "edit": lambda: person.open(addresses.key(alias, key, mode="edit")),
        "flush": lambda: person.post(
            addresses.caches(), {"action": "flush", "selected": [alias, "valkey"]}
        ),
        "set-ttl": lambda: person.post(
            addresses.key(alias, key), {"mode": "set-ttl", "timeout": "60"}
        ),
        "rename": lambda: person.post(
            addresses.key(alias, key), {"mode": "set-name", "name": "other"}
        ),
        "download": lambda: person.open(addresses.download(alias, key), follow=False),
        "add": lambda: person.post(
            addresses.add(alias), {"key": "a", "value": "b", "store_as": "text"}
        ),
        "delete": lambda: person.post(
            addresses.delete(alias, key), {"confirmed": "1"}, follow=False
        ),
    }


def test_every_page_renders_in_time_and_says_what_failed(
    admin: Browser, broken: str, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": SHORT_TIMEOUT}
    for name, visit in visits(admin).items():
        page = visit()
        assert page.status in (200, 302), name
        assert page.seconds < SHORT, name
        assert "hunter2" not in page.html
        assert words.SAVED not in page.text
        if page.status == 200:
            assert broken in page.text
            assert any(said in page.text for said in SAID), name
    after = admin.open(addresses.caches())
    assert words.NOTHING_DELETED in after.text
    assert "Deleted" not in after.text
    assert after.table("Cache Name").row("Cache Name", "valkey")["State"].startswith("up")
    # What may have been done is on record as just that.
    recorded = [entry.get_change_message() for entry in LogEntry.objects.all()]
    assert all(text.startswith("Attempted, but no answer in time") for text in recorded)


@pytest.mark.parametrize("action", ["flush", "look"])
def test_many_that_hang_take_no_longer_than_one(
    admin: Browser, configure: Configure, action: str
) -> None:
    with servers.silent() as port:
        hanging = {"BACKEND": VALKEY, "LOCATION": f"valkey://127.0.0.1:{port}/0"}
        names = [f"hanging{number}" for number in range(20)]
        configure(**dict.fromkeys(names, hanging))
        if action == "look":
            page = admin.open(addresses.caches())
        else:
            page = admin.post(addresses.caches(), {"action": "flush", "selected": names})
    assert page.status == 200
    assert page.seconds < LONGEST
    assert all(name in page.text for name in names)


# Commands that a server denies.


@pytest.fixture
def denied(
    valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> Iterator[Callable[..., None]]:
    """Return a function that denies commands to the user of alias `valkey`."""

    def deny(*commands: str) -> None:
        rules = [f"-{command}" for command in commands]
        raw.execute_command("ACL", "SETUSER", "clerk", "on", ">hunter2", "~*", "+@all", *rules)
        place = f"valkey://clerk:hunter2@{valkey_server.address}/0"
        configure(valkey=valkey_params(valkey_server, LOCATION=place))
        raw.set("p:1:key", "5")

    yield deny
    raw.execute_command("ACL", "DELUSER", "clerk")


@pytest.mark.parametrize("command", ["type", "pttl", "strlen", "memory", "dbsize", "info"])
def test_a_denied_command_loses_its_figure_and_no_more(
    admin: Browser, denied: Callable[..., None], command: str
) -> None:
    denied(command)
    assert admin.open(addresses.keys("valkey")).column("Key") == ["key"]
    page = admin.open(addresses.key("valkey", "p:1:key"))
    assert page.heading == "key"
    assert "integer" in page.text
    index = admin.open(addresses.caches()).table("Cache Name")
    assert index.row("Cache Name", "valkey")["State"].startswith("up")
    assert admin.open(addresses.info("valkey")).status == 200


@pytest.mark.parametrize(
    "command",
    ["scan", "get", "getrange", "set", "unlink", "pexpire", "rename", "copy", "incrby", "strlen"],
)
def test_a_denied_act_says_so(
    admin: Browser, denied: Callable[..., None], raw: valkey.Valkey, command: str
) -> None:
    denied(command, *({"unlink": ["del"], "pexpire": ["expire"]}.get(command) or ()))
    key = addresses.key("valkey", "p:1:key")
    edit = admin.open(f"{key}?mode=edit")
    pages = {
        "scan": lambda: admin.open(addresses.keys("valkey")),
        "get": lambda: admin.submit(edit, "save", value="6"),
        "getrange": lambda: edit,
        "set": lambda: admin.submit(edit, "save", value="6"),
        "unlink": lambda: admin.post(addresses.delete("valkey", "p:1:key"), {"confirmed": "1"}),
        "pexpire": lambda: admin.post(key, {"mode": "set-ttl", "timeout": "60"}),
        "rename": lambda: admin.post(key, {"mode": "set-name", "name": "other"}),
        "copy": lambda: admin.post(key, {"mode": "make-copy", "name": "b", "into": "valkey"}),
        "incrby": lambda: admin.post(key, {"mode": "add-number", "by": "1"}),
        "strlen": lambda: admin.open(addresses.download("valkey", "p:1:key")),
    }
    page = pages[command]()
    assert page.status == 200
    assert "permission" in page.text.lower()
    assert "hunter2" not in page.html
    assert words.SAVED not in page.text
    assert "Deleted 1" not in page.text
    assert raw.get("p:1:key") == b"5"
    assert not LogEntry.objects.exists()


def test_a_user_who_may_not_ping_is_up_and_may_flush(
    admin: Browser, denied: Callable[..., None], raw: valkey.Valkey
) -> None:
    denied("@dangerous", "ping")
    index = admin.open(addresses.caches())
    assert index.table("Cache Name").row("Cache Name", "valkey")["State"].startswith("up")
    asked = admin.submit(index, "flush", selected=["valkey"])
    done = admin.submit(asked, "confirm")
    assert 'Flushed "valkey": 1 entry deleted.' in done.text
    assert raw.dbsize() == 0


def test_a_whole_listing_says_so_where_keys_may_not_be_counted(
    admin: Browser, denied: Callable[..., None]
) -> None:
    denied("dbsize")
    assert "1 shown · all keys examined" in admin.open(addresses.keys("valkey")).text


def test_an_exact_key_is_shown_where_keys_may_not_be_listed(
    admin: Browser, denied: Callable[..., None]
) -> None:
    denied("scan")
    page = admin.open(addresses.keys("valkey", q="key"))
    assert page.column("Key") == ["key"]
    assert admin.click(page, "open", "key").heading == "key"
    assert "permission" in admin.click(page, "contains").text.lower()


def test_columns_that_are_denied_are_empty(admin: Browser, denied: Callable[..., None]) -> None:
    denied("memory|usage", "object|idletime", "object|encoding")
    query = "&".join(f"columns={name}" for name in ("memory", "idle", "encoding", "ttl"))
    page = admin.open(f"{addresses.keys('valkey')}&{query}")
    assert page.column("Key") == ["key"]
    assert page.column("TTL") == ["never"]
    assert page.column("Memory") == page.column("Idle") == page.column("Encoding") == ["–"]
    page = admin.open(addresses.keys("valkey", larger="1000"))
    assert page.column("Key") == []
    assert 'doesn\'t say whether it matches "Larger than"' in page.text


def test_a_wrong_password_says_so_without_it(
    admin: Browser, valkey_server: servers.Server, configure: Configure
) -> None:
    place = f"valkey://nobody:hunter2@{valkey_server.address}/0"
    configure(valkey=valkey_params(valkey_server, LOCATION=place))
    for url in (addresses.caches(), addresses.keys("valkey"), addresses.info("valkey")):
        page = admin.open(url)
        assert page.status == 200
        assert "invalid username-password pair" in page.text
        assert "hunter2" not in page.html


def test_a_full_server_says_that_nothing_was_stored(
    admin: Browser, server_cache: Any, raw: valkey.Valkey
) -> None:
    server_cache.set("key", "old")
    edit = admin.open(addresses.key("valkey", "p:1:key", mode="edit"))
    raw.config_set("maxmemory", 1)
    try:
        added = admin.post(
            addresses.add("valkey"), {"key": "a", "value": "b" * 5000, "store_as": "text"}
        )
        saved = admin.submit(edit, "save", value="c" * 5000)
    finally:
        raw.config_set("maxmemory", 0)
    for page in (added, saved):
        assert page.status == 200
        assert "OOM" in page.text or "memory" in page.text.lower()
        assert words.SAVED not in page.text
        assert page.form_with("store_as").control("value").value in ("b" * 5000, "c" * 5000)
    assert server_cache.get("key") == "old"
    assert not LogEntry.objects.exists()


def test_a_replica_says_that_it_takes_no_change(admin: Browser, configure: Configure) -> None:
    with servers.valkey() as primary:
        address = f"127.0.0.1 {primary.port}"
        with servers.valkey("--replicaof", *address.split()) as replica:
            with valkey.Valkey(port=primary.port) as client:
                client.set("p:1:key", "5")
            with valkey.Valkey(port=replica.port) as client:
                servers.wait_until(lambda: client.get("p:1:key"), "the replica")
            configure(valkey=valkey_params(replica))
            page = admin.open(addresses.key("valkey", "p:1:key"))
            assert page.heading == "key"
            told = admin.submit(admin.submit(page, "edit"), "save", value="6")
            assert told.status == 200
            assert words.SAVED not in told.text
            assert "read only replica" in told.text
            assert "replica" in admin.open(addresses.info("valkey")).text
