"""`manage.py cachex`: for people and programs, careful with what it destroys, and on record."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.management import CommandError, call_command

from django_cachex.admin.management.commands._cachex import context
from django_cachex.admin.management.commands.cachex import SUBCOMMANDS
from tests import servers
from tests.admin.conftest import DJANGO_REDIS, Configure, valkey_params
from tests.admin.strangers import ClearableShelfCache


class Terminal(io.StringIO):
    """A stream that says that somebody looks at it."""

    def isatty(self) -> bool:
        return True


class Ran:
    """What one run wrote, and how it ended."""

    def __init__(self, *words: str, err: io.StringIO | None = None) -> None:
        out, err = io.StringIO(), err or io.StringIO()
        self.code = 0
        try:
            call_command("cachex", *words, stdout=out, stderr=err, no_color=True)
        except CommandError as error:
            self.code = error.returncode
            err.write(str(error))
        except SystemExit as end:
            self.code = int(end.code or 0)
        self.out, self.err = out.getvalue(), err.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that has somebody at the terminal who answers this."""

    def answers(text: str) -> None:
        monkeypatch.setattr("sys.stdin", Terminal(text + "\n"))

    return answers


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is at the terminal."""
    monkeypatch.setattr("sys.stdin", io.StringIO())


@pytest.fixture
def users(server_cache: Any) -> Any:
    server_cache.set_many({f"user:{number}": {"n": number} for number in range(30)}, 1000)
    server_cache.set("cart:1", "text", None)
    return server_cache


# Looking.


def test_caches_are_listed_and_a_dead_one_fails(caches_of_every_kind: list[str]) -> None:
    ran = Ran("caches")
    assert all(alias in ran.out for alias in caches_of_every_kind)
    assert "connection refused" in ran.out
    assert ran.code == 1
    found = {one["cache"]: one for one in Ran("caches", "--json").lines}
    assert found["valkey"]["up"] is True
    assert found["refusing"]["up"] is False
    assert found["valkey"]["support"] == "cachex"


def test_no_password_is_ever_written(configure: Configure) -> None:
    configure(
        dead={
            "BACKEND": "django_cachex.cache.ValkeyCache",
            "LOCATION": "valkey://shop:hunter2@127.0.0.1:1/0",
        }
    )
    for words in (["caches"], ["keys", "dead"], ["info", "dead"], ["delete", "dead", "k", "--yes"]):
        ran = Ran(*words)
        assert ran.code == 1
        assert "hunter2" not in ran.out + ran.err


def test_keys_are_listed_by_pattern(users: Any) -> None:
    ran = Ran("keys", "valkey", "user:*")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 30
    [line] = Ran("keys", "valkey", "cart:*", "--json").lines
    assert line == {
        "key": "cart:1",
        "type": "string",
        "size": line["size"],
        "unit": "bytes",
        "ttl": None,
    }
    assert len(Ran("keys", "valkey", "--limit", "7").out.splitlines()) == 7
    assert len(Ran("keys", "valkey", "--limit", "0").out.splitlines()) == 31
    none = Ran("keys", "valkey", "nobody:*")
    assert (none.code, none.out) == (1, "No key found.\n")


@pytest.mark.parametrize("alias", ["valkey", "redis", "django", "table", "default"])
def test_every_kind_is_listed_read_and_deleted(caches_of_every_kind: list[str], alias: str) -> None:
    assert "hello" in Ran("keys", alias).out
    assert '"to": "you"' in Ran("get", alias, "hello").out
    assert Ran("expire", alias, "hello", "--in", "60", "--yes").code == 0
    assert Ran("delete", alias, "hello", "--yes").out == "Deleted 1 key.\n"
    assert Ran("get", alias, "hello").code == 1


def test_values_are_shown_as_text_and_as_json(users: Any, raw: valkey.Valkey) -> None:
    assert Ran("get", "valkey", "cart:1").out == "text\n"
    [line] = Ran("get", "valkey", "user:7", "--json").lines
    assert json.loads(line["text"]) == {"n": 7}
    raw.rpush("p:1:list", "one", "two")
    [line] = Ran("get", "valkey", "list", "--json").lines
    assert (line["type"], line["total"]) == ("list", 2)
    assert "two" in Ran("get", "valkey", "list").out
    raw.set("p:1:evil", b"\x1b[2J\x07")
    assert "\x1b" not in Ran("get", "valkey", "evil").out


def test_what_only_the_backend_can_read_is_asked_for(caches_of_every_kind: list[str]) -> None:
    refused = Ran("get", "stranger", "hello")
    assert refused.code == 1
    assert "--unsafe" in refused.err
    assert '"to": "you"' in Ran("get", "stranger", "hello", "--unsafe").out


def test_information_is_shown(users: Any) -> None:
    assert "Key prefix: p" in Ran("info", "valkey").out
    found = Ran("info", "valkey", "--json").lines
    assert "Key prefix" in {one.get("label") for one in found}
    [database] = [one for one in found if "Database" in one]
    assert database["Keys"] == 31
    assert re.search(r"Database +Keys", Ran("info", "valkey").out)


def test_namespaces_are_counted(users: Any) -> None:
    found = {one["namespace"]: one for one in Ran("namespaces", "valkey", "--json").lines}
    assert found["user:*"]["keys"] == 30
    assert found["cart:*"]["immortal"] == 1.0
    assert "user:*" in Ran("namespaces", "valkey").out
    assert Ran("namespaces", "valkey", "--under", "nobody:").code == 1


# Writing.


def test_a_value_is_stored_and_not_over_another(users: Any) -> None:
    assert Ran("set", "valkey", "new", '{"a": 1}', "--in", "60").code == 0
    assert users.get("new") == {"a": 1}
    assert Ran("set", "valkey", "number", "5", "--as", "integer").code == 0
    assert users.get("number") == 5
    again = Ran("set", "valkey", "new", "x")
    assert again.code == 1
    assert "--replace" in again.err
    assert Ran("set", "valkey", "new", "x", "--replace").code == 2, "Nobody was asked."
    assert users.get("new") == {"a": 1}
    assert Ran("set", "valkey", "new", "x", "--replace", "--yes").code == 0
    assert users.get("new") == "x"
    assert Ran("set", "valkey", "new", "{", "--as", "json").code == 1


def test_named_keys_are_deleted_after_a_question(users: Any, answering: Any) -> None:
    answering("n")
    ran = Ran("delete", "valkey", "user:1", "user:2")
    assert "Delete 2 keys" in ran.err
    assert ran.code == 1
    assert users.get("user:1") == {"n": 1}
    answering("y")
    assert Ran("delete", "valkey", "user:1", "user:2", "gone").out == (
        "Deleted 2 keys; 1 was already gone.\n"
    )
    assert users.get("user:1") is None
    assert Ran("delete", "valkey", "user:1", "--yes").code == 1


def test_a_pattern_is_counted_asked_about_and_deleted(users: Any, answering: Any) -> None:
    answering("y")
    ran = Ran("delete", "valkey", "--pattern", "user:*")
    assert "30 keys" in ran.err
    assert "Deleted 30 keys" in ran.out
    assert users.get("user:3") is None
    assert users.get("cart:1") == "text"


@pytest.mark.parametrize(
    "words",
    [
        ["delete", "valkey", "--pattern", "user:*"],
        ["delete", "valkey", "user:1"],
        ["expire", "valkey", "user:1", "--in", "1"],
        ["expire", "valkey", "--pattern", "*", "--never"],
        ["flush", "valkey"],
        ["flush", "default"],
    ],
)
def test_without_a_terminal_nothing_is_destroyed_unasked(users: Any, words: list[str]) -> None:
    caches["default"].set("kept", "v")
    before = users.ttl("user:1")
    ran = Ran(*words)
    assert ran.code == 2
    assert "--yes" in ran.err
    assert users.get("user:1") == {"n": 1}
    assert users.ttl("user:1") in (before, before - 1)
    assert caches["default"].get("kept") == "v"
    dry = Ran(*words, "--dry-run")
    assert dry.code == 0
    assert "Dry run" in dry.out
    counted = "--pattern" in words or "flush" in words
    assert ("would_change" in Ran(*words, "--dry-run", "--json").out) is counted
    assert users.get("user:1") == {"n": 1}
    assert caches["default"].get("kept") == "v"


@pytest.mark.parametrize(
    "words",
    [
        ["delete", "valkey"],
        ["delete", "valkey", "--pattern", ""],
        ["delete", "valkey", "user:1", "--pattern", "*"],
        ["delete", "nobody", "user:1"],
        ["keys", "valkey", "--type", "tree"],
        ["expire", "valkey", "user:1", "--in", "0"],
        ["expire", "valkey", "user:1", "--never", "--only", "longer"],
        ["expire", "valkey", "user:1", "--in", "soon"],
        ["expire", "valkey", "user:1", "--in", ""],
        ["expire", "valkey", "user:1", "--in", "20000 weeks"],
        ["delete", "valkey", "user:1", "--user", "nobody"],
    ],
)
def test_what_makes_no_sense_is_a_matter_of_usage(users: Any, words: list[str]) -> None:
    ran = Ran(*words, *([] if words[0] == "keys" else ["--yes"]))
    assert ran.code == 2
    assert users.get("user:1") == {"n": 1}


def test_a_pattern_is_given_an_expiry(users: Any) -> None:
    ran = Ran("expire", "valkey", "--pattern", "user:*", "--never", "--yes", "--json")
    assert ran.lines == [
        {"cache": "valkey", "changed": 30, "gone": 0, "failed": 0, "complete": True}
    ]
    assert users.ttl("user:1") is None


@pytest.mark.parametrize(("only", "count"), [("persistent", 20), ("longer", 25)])
def test_an_expiry_can_be_for_some_keys_only(users: Any, only: str, count: int) -> None:
    for number in range(30):
        timeout = None if number < 20 else 5000 if number < 25 else 500
        users.set(f"user:{number}", "v", timeout)
    words = ["expire", "valkey", "--pattern", "user:*", "--in", "1h", "--only", only]
    assert Ran(*words, "--dry-run", "--json").lines == [{"cache": "valkey", "would_change": count}]
    ran = Ran(*words, "--yes", "--json")
    [result] = ran.lines
    assert (result["changed"], result["unchanged"]) == (count, 30 - count)
    assert 490 < users.ttl("user:29") <= 500
    assert 3590 < users.ttl("user:1") <= 3600
    named = Ran("expire", "valkey", "user:1", "user:29", "--in", "10m", "--only", only, "--yes")
    assert named.code == (0 if only == "longer" else 1)
    assert 490 < users.ttl("user:29") <= 500
    assert Ran(*words[:4], "--in", "1h", "--only", "shorter", "--yes").code == 0
    assert 3590 < users.ttl("user:29") <= 3600


def test_caches_are_flushed_and_others_keys_stay(
    users: Any, raw: valkey.Valkey, answering: Any
) -> None:
    raw.set("q:1:other", "v")
    answering("y")
    ran = Ran("flush", "valkey")
    assert "31" in ran.err
    assert ran.out == 'Flushed "valkey": 31 entries deleted.\n'
    assert raw.keys() == [b"q:1:other"]


def test_policies_bind_the_shell_too(users: Any, settings: Any) -> None:
    settings.CACHEX_ADMIN = {"ALIASES": {"valkey": "read-only", "default": "hidden"}}
    assert Ran("keys", "valkey").code == 0
    for words in (["delete", "valkey", "user:1"], ["flush", "valkey"], ["set", "valkey", "k", "v"]):
        ran = Ran(*words, "--yes")
        assert ran.code == 1
        assert "read-only" in ran.err
    assert Ran("keys", "default").code == 2
    assert "default" not in Ran("caches").out
    assert users.get("user:1") == {"n": 1}


# The record.


def test_who_did_it_is_on_record_if_named_and_the_log_has_a_line(
    users: Any, superuser: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "django_cachex.audit")
    Ran("delete", "valkey", "--pattern", "user:*", "--yes", "--user", "root")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.action_flag, entry.object_id) == (superuser, CHANGE, "valkey")
    assert "Deleted 30 keys. All keys were examined." in entry.change_message
    Ran("delete", "valkey", "cart:1", "--yes")
    assert LogEntry.objects.count() == 1
    assert "user=- cache=valkey keys='cart:1' Deleted 1 key." in caplog.text
    Ran("set", "valkey", "new", "v", "--user", "root")
    assert LogEntry.objects.count() == 2


def test_refused_keys_are_named_and_fail(
    valkey_server: servers.Server, configure: Configure, raw: valkey.Valkey
) -> None:
    rules = ("on", ">secret", "+@all", "resetkeys", "~p:1:user:*", "%R~*", "&*")
    raw.execute_command("ACL", "SETUSER", "clerk", *rules)
    location = f"valkey://clerk:secret@{valkey_server.address}/0"
    configure(valkey=valkey_params(valkey_server, LOCATION=location))
    raw.mset({"p:1:user:1": "v", "p:1:safe": "v"})
    ran = Ran("delete", "valkey", "--pattern", "*", "--yes")
    assert ran.code == 1
    assert "1 failed" in ran.out
    assert "safe: " in ran.err
    assert raw.exists("p:1:user:1") == 0
    raw.execute_command("ACL", "DELUSER", "clerk")


def test_a_server_that_is_gone_is_a_failure_with_a_reason(configure: Configure) -> None:
    configure(
        gone={"BACKEND": "django_cachex.cache.ValkeyCache", "LOCATION": "valkey://127.0.0.1:1"}
    )
    for words in (
        ["keys", "gone"],
        ["delete", "gone", "--pattern", "*", "--yes"],
        ["flush", "gone", "--yes"],
    ):
        ran = Ran(*words)
        assert ran.code == 1
        assert "connection refused" in ran.err
        assert "Traceback" not in ran.err


def test_a_bar_shows_progress_on_a_terminal_only(users: Any) -> None:
    seen = Ran("delete", "valkey", "--pattern", "user:*", "--yes", err=Terminal())
    assert "100%" in seen.err
    assert "[####" in seen.err
    assert "\n" not in seen.err, "It is drawn over what was there."
    users.set("user:1", 1)
    assert "100%" not in Ran("delete", "valkey", "--pattern", "user:*", "--yes").err


def test_exit_codes_are_three() -> None:
    assert (context.EXIT_OK, context.EXIT_FAILED, context.EXIT_USAGE) == (0, 1, 2)
    assert context.strip_control_characters("\x1b[2J\n\t\r") == "\\x1b[2J\n\t\\r"


def test_of_several_keys_one_that_is_there_is_enough(users: Any) -> None:
    ran = Ran("delete", "valkey", "user:1", "no such key", "--yes")
    assert (ran.code, "Deleted 1 key; 1 was already gone." in ran.out) == (0, True)
    assert Ran("expire", "valkey", "user:2", "user:1", "--in", "60", "--yes").code == 0
    assert Ran("delete", "valkey", "user:1", "no such key", "--yes").code == 1


def test_of_several_caches_one_that_fails_keeps_no_other(
    valkey_server: servers.Server, configure: Configure
) -> None:
    configure(
        gone={"BACKEND": DJANGO_REDIS, "LOCATION": "redis://127.0.0.1:1"},
        valkey=valkey_params(valkey_server),
    )
    for order in (["gone", "valkey"], ["valkey", "gone"]):
        caches["valkey"].set("key", 1)
        ran = Ran("flush", *order, "--yes")
        assert ran.code == 1
        assert "connection refused" in ran.err
        assert 'Flushed "valkey": 1 entry deleted.' in ran.out
        assert caches["valkey"].get("key") is None


def test_help_is_a_subcommand() -> None:
    ran = Ran("help")
    assert ran.code == 0
    assert all(name in ran.out for name in SUBCOMMANDS)
    assert "--pattern" in Ran("help", "delete").out
    assert Ran("help", "nonsense").code != 0


class InterruptedCache(ClearableShelfCache):
    """Somebody presses Ctrl-C once it is empty."""

    def clear(self) -> None:
        super().clear()
        raise KeyboardInterrupt


def test_what_was_interrupted_is_on_record(configure: Configure, superuser: User) -> None:
    configure(shelf={"BACKEND": f"{__name__}.InterruptedCache"})
    with pytest.raises(KeyboardInterrupt):
        Ran("flush", "shelf", "--yes", "--user", "root")
    assert LogEntry.objects.get().change_message.startswith("Attempted, result unknown: Flushed")


def test_nobody_changes_anything_in_the_name_of_nobody_without_assertions_either(
    valkey_server: servers.Server, raw: valkey.Valkey, tmp_path: Path
) -> None:
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db")}
    (tmp_path / "optimised.py").write_text(
        f"""
from tests.settings import *

DATABASES = {{"default": {database!r}}}
CACHES = {{
    "default": {{
        "BACKEND": "django_cachex.cache.ValkeyCache",
        "LOCATION": "valkey://{valkey_server.address}/0",
        "KEY_PREFIX": "p",
    }}
}}
"""
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*sys.path, str(tmp_path)]),
        "DJANGO_SETTINGS_MODULE": "optimised",
    }
    raw.set("p:1:key", "v")
    python = [sys.executable, "-O", "-m", "django"]
    subprocess.run([*python, "migrate", "--verbosity", "0"], env=environment, check=True)
    for words in (
        ["delete", "default", "key"],
        ["expire", "default", "key", "--in", "60"],
        ["set", "default", "new", "v"],
        ["flush", "default"],
    ):
        command = [*python, "cachex", *words, "--yes", "--user", "nobody"]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 2
        assert 'There is no user "nobody".' in ran.stderr
    assert raw.keys() == [b"p:1:key"]
    assert raw.pttl("p:1:key") == -1
