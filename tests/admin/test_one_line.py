"""What strangers write stays on its line: in logs, in records, on pages and on terminals."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.management import CommandError, call_command

from django_cachex.commands.text import one_line
from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import VALKEY, Configure, valkey_params
from tests.admin.strangers import ShelfCache
from tests.admin.test_matching import run
from tests.cache.faults.talker import talker

pytestmark = pytest.mark.filterwarnings("ignore::django.core.cache.CacheKeyWarning")

FORGED = "user=1 cache=valkey all: Flushed"

EVIL = f"x\r\n{FORGED}\n\x1b[2J\x1b]0;title\x07\x9b31m\x85\u2028\u2029\u202egnp\u2066\x00\ud800*"
"""What ends lines, commands terminals, and turns text around."""

HARM = re.compile(
    r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def test_one_line_leaves_nothing_that_harms() -> None:
    line = one_line(EVIL)
    assert line.isprintable()
    assert line.startswith(
        r"x\r\nuser=1 cache=valkey all: Flushed\n\x1b[2J\x1b]0;title\x07\u009b31m\u0085"
    )
    assert one_line("héllo — 日本語 🎉") == "héllo — 日本語 🎉"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[str], list[str]]:
    """Return a function that returns what was written to a logger."""
    caplog.set_level(logging.DEBUG, "django_cachex")
    return lambda name: [
        logging.Formatter().format(record) for record in caplog.records if record.name == name
    ]


def is_harmless(text: str) -> bool:
    return HARM.search(text) is None


@pytest.mark.parametrize("who", ["page", "command", "command with a name"])
def test_a_pattern_forges_no_line_of_the_audit_log(
    who: str,
    admin: Browser,
    server_cache: Any,
    lines: Callable[[str], list[str]],
) -> None:
    pattern = EVIL.replace("\ud800", "")
    server_cache.set(pattern.replace("*", "1"), "v")
    if who == "page":
        run(admin, "valkey", action="delete", q=pattern)
    else:
        name = ["--user", "root"] if "name" in who else []
        Ran("delete", "valkey", "--pattern", pattern, "--yes", *name)
    audited = lines("django_cachex.audit")
    assert len(audited) >= 2
    assert all(is_harmless(line) for line in audited)
    assert all(
        line.startswith(f"user={'-' if who == 'command' else admin.user.pk} ") for line in audited
    )
    assert all(is_harmless(entry.change_message) for entry in LogEntry.objects.all())


def test_a_quotation_mark_does_not_end_a_pattern_on_record(
    admin: Browser, server_cache: Any
) -> None:
    server_cache.set('a". Deleted 99 keys', "v")
    run(admin, "valkey", action="delete", q='a". Deleted 99 keys*')
    [entry] = LogEntry.objects.all()
    assert r'match "a\". Deleted 99 keys*"' in entry.change_message


def test_names_of_keys_and_caches_forge_no_line_of_the_audit_log(
    admin: Browser,
    configure: Configure,
    valkey_server: servers.Server,
    lines: Callable[[str], list[str]],
) -> None:
    alias = f"one\n{FORGED}"
    configure(**{alias: valkey_params(valkey_server)})
    name = EVIL.replace("\ud800", "")
    caches[alias].set(name, "v")
    caches[alias].set("key", "v")
    admin.post(addresses.key(alias, f"p:1:{name}"), {"mode": "set-ttl", "timeout": "60"})
    admin.post(addresses.key(alias, "p:1:key"), {"mode": "set-name", "name": f"other{name}"})
    admin.post(addresses.delete(alias, f"p:1:{name}"), {"confirmed": "1"})
    Ran("set", alias, name, "v")
    Ran("delete", alias, name, "--yes")
    Ran("flush", alias, "--yes")
    audited = lines("django_cachex.audit")
    assert len(audited) >= 6
    assert all(is_harmless(line) for line in audited)
    assert all(line.startswith("user=") and r"cache='one\n" in line for line in audited)
    recorded = LogEntry.objects.values_list("change_message", "object_repr")
    assert all(is_harmless("".join(texts)) for texts in recorded)


class LoudCache(ShelfCache):
    """Fails with what a stranger wrote."""

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        raise RuntimeError(f"cannot get it: {EVIL}")


def test_an_error_is_one_line_of_the_log_and_of_a_page(
    admin: Browser, configure: Configure, lines: Callable[[str], list[str]]
) -> None:
    configure(stranger={"BACKEND": f"{__name__}.LoudCache"})
    page = admin.submit(admin.open(addresses.key("stranger", "key")), "read")
    assert r"cannot get it: x\r\nuser=1" in page.text
    [line] = lines("django_cachex.admin")
    assert line.startswith(r"stranger: RuntimeError: cannot get it: x\r\nuser=1")
    assert is_harmless(line)
    assert "test_one_line.py" in line


class Ran:
    """What one run of the command wrote, and how it ended."""

    def __init__(self, *words: str) -> None:
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command("cachex", *words, stdout=out, stderr=err, no_color=True)
        except (CommandError, SystemExit) as error:
            err.write(str(error))
        self.out, self.err = out.getvalue(), err.getvalue()

    def is_harmless(self) -> bool:
        return all(is_harmless(line) for line in f"{self.out}\n{self.err}".split("\n"))


def refused(words: list[bytes]) -> bytes:
    return (
        b"-ERR no: "
        + EVIL.replace("\r\n", "").replace("\n", "").encode("utf-8", "replace")
        + b"\r\n"
    )


COMMANDS = (
    *(["caches"], ["keys", "loud"], ["get", "loud", "k"], ["set", "loud", "k", "v"]),
    *(["info", "loud"], ["namespaces", "loud"], ["delete", "loud", "k", "--yes"]),
    *(["expire", "loud", "--pattern", "*", "--never", "--yes"], ["flush", "loud", "--yes"]),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_what_a_server_says_commands_no_terminal(
    command: list[str], configure: Configure, lines: Callable[[str], list[str]]
) -> None:
    with talker(refused) as server:
        configure(loud={"BACKEND": VALKEY, "LOCATION": f"valkey://127.0.0.1:{server.port}/0"})
        ran = Ran(*command)
        as_json = Ran(*command, "--json")
    assert "no: " in ran.out + ran.err
    assert ran.is_harmless()
    assert as_json.is_harmless()
    assert all(map(is_harmless, lines("django_cachex.audit")))


def test_what_a_server_says_turns_no_page_around(admin: Browser, configure: Configure) -> None:
    with talker(refused) as server:
        configure(loud={"BACKEND": VALKEY, "LOCATION": f"valkey://127.0.0.1:{server.port}/0"})
        for page in (
            admin.open(addresses.keys("loud")),
            admin.open(addresses.key("loud", ":1:key")),
            admin.post(addresses.delete("loud", ":1:key"), {"confirmed": "1"}),
            admin.post(addresses.add("loud"), {"key": "a", "value": "b", "store_as": "text"}),
        ):
            assert "no: " in page.text
            assert not re.search("[\x1b\x80-\x9f\u2028\u202e\u2066]", page.html)


def test_an_error_that_is_ignored_is_one_line_of_the_log(
    configure: Configure, lines: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from django_cachex.cache import ignore_exceptions

    monkeypatch.setattr(
        ignore_exceptions,
        "_ignored_errors_log",
        ignore_exceptions.RateLimitedLogger("%d errors ignored; the last: %s"),
    )
    with talker(lambda words: refused(words).replace(b"-ERR", b"-LOADING")) as server:
        place = f"valkey://127.0.0.1:{server.port}/0"
        configure(
            loud={"BACKEND": VALKEY, "LOCATION": place, "OPTIONS": {"ignore_exceptions": True}}
        )
        assert caches["loud"].get("key") is None
    [line] = lines("django_cachex.cache")
    assert "no: " in line
    assert is_harmless(line)


def test_keys_and_values_command_no_terminal(superuser: User, server_cache: Any) -> None:
    name = EVIL.replace("\ud800", "").replace("*", ":a:b")
    server_cache.set(name, "v")
    server_cache.set("key", f"first\n\tsecond {EVIL}")
    server_cache.client.hset(b"p:1:hash", name.encode(), name.encode())
    for words in (
        ["keys", "valkey"],
        ["get", "valkey", name],
        ["get", "valkey", "hash"],
        ["get", "valkey", f"none{name}"],
        ["namespaces", "valkey"],
        ["delete", "valkey", "--pattern", name, "--dry-run"],
        ["delete", "valkey", "--pattern", name],
        ["set", "valkey", name, "v"],
        ["keys", name],
        ["keys", "valkey", "--type", name],
        ["delete", "valkey", "key", "--user", name],
    ):
        assert Ran(*words).is_harmless(), words
        as_json = Ran(*words, "--json")
        assert as_json.is_harmless(), words
        for line in filter(None, as_json.out.split("\n")):
            assert json.loads(line)
    shown = Ran("get", "valkey", "key").out
    assert shown.startswith("first\n\tsecond x\\r\n")
    assert all(is_harmless(line) for line in shown.split("\n"))
