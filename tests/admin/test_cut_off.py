"""Changes whose connection broke after they were sent: on record, with an unknown result."""

from __future__ import annotations

import io
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import connections

from django_cachex.inspectors.valkey.compare_and_set import COMPARE_AND_SET_SCRIPT
from django_cachex.inspectors.valkey.edit import EXTEND_TTL_SCRIPT
from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import DATABASE, DJANGO_REDIS, Configure, valkey_params
from tests.admin.page import Page
from tests.admin.test_matching import ask
from tests.cache.relay import Link, Relay

UNKNOWN = "Attempted, result unknown: "

CHANGES = (
    *(
        b"EVAL",
        b"EVALSHA",
        b"SET",
        b"HSET",
        b"UNLINK",
        b"DEL",
        b"RENAME",
        b"RENAMENX",
        b"COPY",
        b"INCRBY",
    ),
    *(b"PEXPIRE", b"PERSIST", b"FLUSHDB", b"RESTORE"),
)
STATEMENTS = b"INSERT INTO", b"UPDATE ", b"DELETE FROM", b"TRUNCATE"


class Cutting(Relay):
    """Passes a change on, and hangs up once it was made, before anybody is told."""

    changes: tuple[bytes, ...] = tuple(b"\r\n%b\r\n" % word for word in CHANGES)

    def __init__(self, target: int) -> None:
        self.cuts = False
        self.doomed: set[Link] = set()
        super().__init__(target)

    def _ask(self, link: Link) -> None:
        try:
            while data := link.near.recv(1 << 20):
                # The script that asks a server for its run changes nothing.
                changes = b"run_id" not in data and any(word in data for word in self.changes)
                if self.cuts and changes:
                    self.doomed.add(link)
                link.far.sendall(data)
        except OSError:
            pass
        link.cut()

    def _pass_on(self, link: Link, data: bytes) -> bool:
        return link not in self.doomed and super()._pass_on(link, data)


class CuttingStatements(Cutting):
    changes = STATEMENTS


@pytest.fixture
def between(valkey_server: servers.Server) -> Iterator[Cutting]:
    """A relay to Valkey, which cuts once its `cuts` is set."""
    # Otherwise the relay would cut the EVALSHA that tells that the server lacks a script.
    with valkey.Valkey(port=valkey_server.port) as client:
        for script in (COMPARE_AND_SET_SCRIPT, EXTEND_TTL_SCRIPT):
            client.script_load(script.source)
    relay = Cutting(valkey_server.port)
    try:
        yield relay
    finally:
        relay.close()


@pytest.fixture
def cache(between: Cutting, configure: Configure) -> Any:
    """The cache object of alias `valkey`, which is reached by the relay; `django` is, too."""
    location = f"127.0.0.1:{between.port}"
    configure(
        valkey={
            "BACKEND": "django_cachex.cache.ValkeyCache",
            "LOCATION": f"valkey://{location}/0",
            "KEY_PREFIX": "p",
        },
        django={"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{location}/0"},
    )
    return caches["valkey"]


@pytest.fixture
def audited(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return a function that returns the lines of the audit log."""
    caplog.set_level(logging.INFO, "django_cachex.audit")
    return lambda: [
        record.getMessage() for record in caplog.records if record.name == "django_cachex.audit"
    ]


def state_of(raw: valkey.Valkey) -> dict[bytes, Any]:
    """Return what each key holds, and until when."""
    return {one: (raw.dump(one), raw.pexpiretime(one)) for one in raw.scan_iter()}


def key(**query: object) -> str:
    return addresses.key("valkey", "p:1:key", **query)


def add(admin: Browser) -> Callable[[], Page]:
    form = admin.open(addresses.add("valkey"))
    return lambda: admin.submit(form, "add", key="new", value="topsecret", timeout="60")


def edit(admin: Browser) -> Callable[[], Page]:
    form = admin.open(key(mode="edit"))
    return lambda: admin.submit(form, "save", value="topsecret")


def posted(**data: Any) -> Callable[[Browser], Callable[[], Page]]:
    return lambda admin: lambda: admin.post(key(), data)


def add_field(admin: Browser) -> Callable[[], Page]:
    form = admin.open(addresses.key("valkey", "p:1:hash", mode="add-field"))
    return lambda: admin.submit(form, "store-field", field="new", value="topsecret")


def delete(admin: Browser) -> Callable[[], Page]:
    form = admin.open(addresses.delete("valkey", "p:1:key"))
    return lambda: admin.submit(form, "confirm")


def delete_selected(admin: Browser) -> Callable[[], Page]:
    chosen = [addresses.object_id("valkey", one) for one in ("p:1:key", "p:1:number")]
    data = {"action": "delete", "selected": chosen, "confirmed": "1"}
    return lambda: admin.post(addresses.keys("valkey"), data)


def matching(**query: str) -> Callable[[Browser], Callable[[], Page]]:
    def begin(admin: Browser) -> Callable[[], Page]:
        asked = ask(admin, "valkey", q="*", **query)
        return lambda: admin.submit(asked, "confirm")

    return begin


def flush(alias: str) -> Callable[[Browser], Callable[[], Page]]:
    data = {"action": "flush", "selected": [alias], "confirmed": "1"}
    return lambda admin: lambda: admin.post(addresses.caches(), data)


ACTS: dict[str, Callable[[Browser], Callable[[], Page]]] = {
    "add": add,
    "edit": edit,
    "ttl": posted(mode="set-ttl", timeout="60"),
    "rename": posted(mode="set-name", name="other"),
    "copy": posted(mode="make-copy", name="other", into="valkey"),
    "copy into another": posted(mode="make-copy", name="other", into="django"),
    "add a field": add_field,
    "delete": delete,
    "delete the selected": delete_selected,
    "delete what matches": matching(action="delete"),
    "expire what matches": matching(action="expire", ttl="60"),
    "flush in steps": flush("valkey"),
    "flush by a command": flush("django"),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_change_that_nobody_answered_is_on_record(
    act: str,
    admin: Browser,
    cache: Any,
    between: Cutting,
    raw: valkey.Valkey,
    audited: Callable[[], list[str]],
) -> None:
    cache.set("key", "old", 1000)
    cache.set("number", 5, 1000)
    raw.hset("p:1:hash", "field", "old")
    before = state_of(raw)
    send = ACTS[act](admin)
    between.cuts = True
    page = send()
    between.cuts = False
    after = state_of(raw)
    assert after != before, "The change was made: nothing but its answer is missing."
    assert page.status == 200
    firm = (words.SAVED, words.stored("new"), words.DELETED, "Deleted 2 keys", 'Flushed "')
    assert not any(text in page.text for text in firm)
    messages = [entry.get_change_message() for entry in LogEntry.objects.all()]
    assert messages
    assert all("result unknown" in message for message in messages)
    assert not any("topsecret" in message for message in messages)
    assert "result unknown" in audited()[-1]


COMMANDS = {
    "set": ["set", "valkey", "new", "v"],
    "delete": ["delete", "valkey", "key"],
    "delete by pattern": ["delete", "valkey", "--pattern", "*"],
    "expire": ["expire", "valkey", "key", "--in", "60"],
    "expire by pattern": ["expire", "valkey", "--pattern", "*", "--in", "60"],
    "flush in steps": ["flush", "valkey"],
    "flush by a command": ["flush", "django"],
}


@pytest.mark.parametrize("user", [[], ["--user", "root"]], ids=["nobody", "somebody"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_nobody_answered_is_on_record(
    command: str,
    user: list[str],
    superuser: User,
    cache: Any,
    between: Cutting,
    raw: valkey.Valkey,
    audited: Callable[[], list[str]],
) -> None:
    cache.set("key", "old", 1000)
    before = state_of(raw)
    between.cuts = True
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises((CommandError, SystemExit)) as ended:
        call_command("cachex", *COMMANDS[command], "--yes", *user, stdout=out, stderr=err)
    code = ended.value.code if isinstance(ended.value, SystemExit) else ended.value.returncode
    assert code == 1
    assert state_of(raw) != before
    assert "result unknown" in audited()[-1]
    messages = [entry.get_change_message() for entry in LogEntry.objects.all()]
    assert len(messages) == len(user) / 2
    assert all("result unknown" in message for message in messages)


def test_what_certainly_was_not_done_is_not_on_record(
    admin: Browser, superuser: User, configure: Configure, valkey_server: servers.Server
) -> None:
    place = f"127.0.0.1:{servers.free_port()}"
    configure(
        valkey=valkey_params(valkey_server, LOCATION=f"valkey://{place}/0"),
        django={"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{place}/0"},
    )
    admin.post(addresses.add("valkey"), {"key": "new", "value": "v", "store_as": "text"})
    admin.post(addresses.delete("valkey", "p:1:key"), {"confirmed": "1"})
    admin.post(key(), {"mode": "set-ttl", "timeout": "60"})
    for words_of in COMMANDS.values():
        with pytest.raises((CommandError, SystemExit)):
            call_command("cachex", *words_of, "--yes", "--user", "root", stderr=io.StringIO())
    messages = [entry.get_change_message() for entry in LogEntry.objects.all()]
    assert not any("unknown" in message or "Asked" in message for message in messages)


class Dying(Cutting):
    """Cuts after some answers to changes, and is not there any more then."""

    answers = 2

    def _pass_on(self, link: Link, data: bytes) -> bool:
        if link in self.doomed:
            self.doomed.discard(link)
            self.answers -= 1
            if not self.answers:
                self.listener.shutdown(socket.SHUT_RDWR)
                self.listener.close()
                # The answer and the end in one packet: nothing can be sent in between.
                link.near.send(data, socket.MSG_MORE)
                link.near.shutdown(socket.SHUT_WR)
                return False
        return super()._pass_on(link, data)


def test_what_went_before_the_server_was_gone_is_in_doubt(
    admin: Browser, configure: Configure, valkey_server: servers.Server, raw: valkey.Valkey
) -> None:
    """Two commands of three were answered, and then nobody listens: some keys did go."""
    raw.mset({f"p:1:user:{number}": 1 for number in range(1500)})
    relay = Dying(valkey_server.port)
    configure(valkey=valkey_params(valkey_server, LOCATION=f"valkey://127.0.0.1:{relay.port}/0"))
    send = matching(action="delete")(admin)
    relay.cuts = True
    try:
        page = send()
    finally:
        relay.close()
    assert 0 < raw.dbsize() < 1500
    assert "result unknown for 1,500" in LogEntry.objects.get().change_message
    assert "1,500 keys may have been changed" in page.text


# memcached.


class CuttingMemcached(Cutting):
    changes = b"add ", b" T60\r\n", b"md ", b"flush_all"


def test_a_memcached_that_hung_up_is_on_record(
    admin: Browser, configure: Configure, memcached_process: servers.Server
) -> None:
    relay = CuttingMemcached(memcached_process.port)
    backend = "django.core.cache.backends.memcached.PyMemcacheCache"
    configure(memcached={"BACKEND": backend, "LOCATION": f"127.0.0.1:{relay.port}"})
    cache = caches["memcached"]
    cache.set("key", "v")
    relay.cuts = True
    try:
        data = {"key": "new", "value": "topsecret", "store_as": "text", "timeout": "60"}
        admin.post(addresses.add("memcached"), data)
        admin.post(addresses.key("memcached", ":1:key"), {"mode": "set-ttl", "timeout": "60"})
        admin.post(addresses.delete("memcached", ":1:key"), {"confirmed": "1"})
        flush("memcached")(admin)()
    finally:
        relay.close()
    messages = [entry.get_change_message() for entry in LogEntry.objects.all()]
    assert len(messages) == 4
    assert all(message.startswith(UNKNOWN) for message in messages)


# Databases.

SHOP = "cut-postgresql"


class ToTheRelay:
    """Routes cache tables to the PostgreSQL behind the relay."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return SHOP if model._meta.app_label == "django_cache" else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return app_label == "django_cache" if db == SHOP else None


@pytest.fixture
def table(
    postgresql_process: servers.Server,
    configure: Configure,
    settings: Any,
    django_db_blocker: Any,
) -> Iterator[CuttingStatements]:
    """The relay to the PostgreSQL of alias `table`."""
    relay = CuttingStatements(postgresql_process.port)
    connections.databases[SHOP] = {
        **connections.databases["default"],
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "HOST": "127.0.0.1",
        "PORT": relay.port,
        "OPTIONS": {"sslmode": "disable"},
    }
    settings.DATABASE_ROUTERS = [f"{__name__}.ToTheRelay"]
    configure(table={"BACKEND": DATABASE, "LOCATION": "cut_off"})
    try:
        with django_db_blocker.unblock():
            call_command("createcachetable", "cut_off", database=SHOP, verbosity=0)
            yield relay
            relay.cuts = False
            connections[SHOP].close()
            with connections[SHOP].cursor() as cursor:
                cursor.execute("DROP TABLE cut_off")
            connections[SHOP].close()
    finally:
        relay.close()
        del connections[SHOP], connections.databases[SHOP]


def test_a_row_whose_connection_broke_is_on_record(
    admin: Browser, table: CuttingStatements, audited: Callable[[], list[str]]
) -> None:
    caches["table"].set("key", "old", 1000)
    form = admin.open(addresses.key("table", ":1:key", mode="edit"))
    table.cuts = True
    page = admin.submit(form, "save", value="topsecret")
    assert page.status == 200
    table.cuts = False
    connections[SHOP].close()
    table.cuts = True
    admin.post(addresses.delete("table", ":1:key"), {"confirmed": "1"})
    messages = [entry.get_change_message() for entry in LogEntry.objects.all()]
    assert len(messages) == 2
    assert all(message.startswith(UNKNOWN) for message in messages)
    assert len(audited()) == 2


def test_a_database_that_is_not_there_was_not_asked(
    admin: Browser, table: CuttingStatements
) -> None:
    caches["table"].set("key", "old", 1000)
    form = admin.open(addresses.key("table", ":1:key", mode="edit"))
    connections[SHOP].close()
    port = connections[SHOP].settings_dict["PORT"]
    connections[SHOP].settings_dict["PORT"] = servers.free_port()
    try:
        admin.submit(form, "save", value="topsecret")
        admin.post(addresses.delete("table", ":1:key"), {"confirmed": "1"})
    finally:
        connections[SHOP].settings_dict["PORT"] = port
    assert not LogEntry.objects.exists()
