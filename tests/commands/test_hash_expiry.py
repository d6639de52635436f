"""Lifetimes of fields: what is sent, and how it is read.

https://valkey.io/commands/hexpire/ says what a server expects and replies.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from django_cachex.commands import Command
from django_cachex.commands.hashes import HashCommands

hashes: HashCommands[bytes] = HashCommands()

THEN = datetime(2030, 1, 1, tzinfo=UTC)
MS = 1_893_456_000_000

WORDS: list[tuple[Command[Any], tuple[Any, ...]]] = [
    (hashes._hexpire("a", 5, "x"), ("HPEXPIRE", b"a", 5000, "FIELDS", 1, b"x")),
    (hashes._hexpire("a", 0.5, "x", lt=True), ("HPEXPIRE", b"a", 500, "LT", "FIELDS", 1, b"x")),
    (
        hashes._hexpire("a", timedelta(minutes=1), "x", b"y", nx=True),
        ("HPEXPIRE", b"a", 60_000, "NX", "FIELDS", 2, b"x", b"y"),
    ),
    (hashes._hexpire("a", -3, "x"), ("HPEXPIRE", b"a", 0, "FIELDS", 1, b"x")),
    (hashes._hpexpire("a", 7, "x", xx=True), ("HPEXPIRE", b"a", 7, "XX", "FIELDS", 1, b"x")),
    (
        hashes._hpexpire("a", timedelta(seconds=2), "x"),
        ("HPEXPIRE", b"a", 2000, "FIELDS", 1, b"x"),
    ),
    (hashes._hpexpireat("a", THEN, "x"), ("HPEXPIREAT", b"a", MS, "FIELDS", 1, b"x")),
    (hashes._hexpireat("a", THEN, 5), ("HPEXPIREAT", b"a", MS, "FIELDS", 1, b"5")),
    (hashes._hexpireat("a", MS / 1000, "x"), ("HPEXPIREAT", b"a", MS, "FIELDS", 1, b"x")),
    (hashes._hpexpireat("a", MS, "x", gt=True), ("HPEXPIREAT", b"a", MS, "GT", "FIELDS", 1, b"x")),
    (hashes._hpersist("a", "x"), ("HPERSIST", b"a", "FIELDS", 1, b"x")),
    (hashes._httl("a", "x", "y"), ("HTTL", b"a", "FIELDS", 2, b"x", b"y")),
    (hashes._hpttl("a", "x"), ("HPTTL", b"a", "FIELDS", 1, b"x")),
    (hashes._hexpiretime("a", "x"), ("HEXPIRETIME", b"a", "FIELDS", 1, b"x")),
    (hashes._hpexpiretime("a", "x"), ("HPEXPIRETIME", b"a", "FIELDS", 1, b"x")),
]


@pytest.mark.parametrize(("command", "args"), WORDS)
def test_the_arguments_are_as_documented(command: Command[Any], args: tuple[Any, ...]) -> None:
    assert command.args == args


def test_fields_take_one_condition() -> None:
    for both in ({"nx": True, "lt": True}, {"xx": True, "gt": True}):
        with pytest.raises(ValueError, match="only one"):
            hashes._hpexpire("a", 7, "x", **both)


def test_outcomes_are_read_as_they_are() -> None:
    assert hashes._hexpire("a", 5, "x", "y", "z").parse([1, 2, -2]) == [1, 2, -2]
    assert hashes._hpersist("a", "x", "y").parse([1, -1]) == [1, -1]


def test_times_are_read_as_those_of_keys_are() -> None:
    assert hashes._httl("a", "x", "y", "z").parse([5, -1, -2]) == [5, None, -2]
    assert hashes._hexpiretime("a", "x").parse([MS // 1000]) == [MS // 1000]
