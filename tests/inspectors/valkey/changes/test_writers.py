"""Edits of a key that somebody else keeps on changing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import valkey

from django_cachex.inspectors.edits import (
    EditStatus,
    ElementRef,
    Incr,
    PushItems,
    RemoveElements,
    SetElement,
)
from django_cachex.inspectors.values import fingerprint
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import on_one_server

SECONDS = 0.5

pytestmark = on_one_server


@contextmanager
def writing(subject: Subject, write: Callable[[valkey.Valkey, int], object]) -> Iterator[None]:
    """Write all the time, a thousand times a second or as often as the machine can."""
    port = subject.raw.connection_pool.connection_kwargs["port"]
    over, begun = threading.Event(), threading.Event()

    def run() -> None:
        with valkey.Valkey(port=port) as client:
            number = 0
            while not over.wait(0.0005):
                number += 1
                write(client, number)
                begun.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert begun.wait(10)
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def times() -> Iterator[int]:
    end, number = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        number += 1
        yield number


def test_writers_of_other_fields_do_no_harm(subject: Subject) -> None:
    subject.fill("hash", ("mine", 0), ("theirs", 0))
    with writing(subject, lambda client, number: client.hset(KEY, "theirs", str(number))):
        for number in times():
            row = subject.row("mine")
            subject.done(SetElement(row.id, row.expected, number, "hash"))
            assert subject.raw.hget(KEY, "mine") == subject.stored(number)


def test_no_update_of_the_same_field_is_lost_nor_falsely_said(subject: Subject) -> None:
    """Whatever was written is what exactly one later write found, or what is there at the end."""
    subject.fill("hash", ("field", "start"))
    written = [subject.stored("start")]
    replaced = []

    def write(client: valkey.Valkey, number: int) -> None:
        theirs = b"theirs %d" % number
        replaced.append(fingerprint(client.eval(REPLACE, 1, KEY, "field", theirs)))
        written.append(theirs)

    results = set()
    with writing(subject, write):
        for number in times():
            row = subject.row("field")
            outcome = subject.apply(SetElement(row.id, row.expected, f"mine {number}", "hash"))
            results.add(outcome.status)
            if outcome.is_done:
                seen, _dot, _moment = row.expected.partition(".")
                assert outcome.old.fingerprint == seen
                replaced.append(seen)
                written.append(subject.stored(f"mine {number}"))
    replaced.append(fingerprint(subject.raw.hget(KEY, "field")))
    assert results == {EditStatus.DONE, EditStatus.CHANGED}
    assert sorted(replaced) == sorted(map(fingerprint, written))


REPLACE = """
local old = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return old
"""


def test_a_row_of_a_list_that_moves_is_the_right_one_or_not_touched(subject: Subject) -> None:
    subject.fill("list", *(f"theirs {number}" for number in range(20)))

    def rotate(client: valkey.Valkey, number: int) -> None:
        client.lpush(KEY, subject.stored(f"theirs {number % 20}"))
        client.rpop(KEY)

    with writing(subject, rotate):
        for number in times():
            row = subject.rows()[number % 10]
            meant = row.cells[1].value
            outcome = subject.apply(SetElement(row.id, row.expected, f"mine {number}", "list"))
            if outcome.is_done:
                assert isinstance(meant, str)
                assert outcome.old.size == len(subject.stored(meant))
            else:
                assert outcome.status in (EditStatus.CHANGED, EditStatus.ELEMENT_GONE)


def test_pushes_and_counts_add_up(subject: Subject) -> None:
    subject.fill("list", "first")
    other = Subject(subject.inspector, subject.raw, b":1:counter")
    other.inspector.cache.set("counter", 0)
    theirs = [0]

    def write(client: valkey.Valkey, number: int) -> None:
        client.rpush(KEY, "theirs")
        client.incr(":1:counter")
        theirs[0] = number

    mine = 0
    with writing(subject, write):
        for _number in times():
            subject.done(PushItems(("mine",)))
            other.done(Incr(1))
            mine += 1
    assert subject.raw.llen(KEY) == 1 + mine + theirs[0]
    stored = subject.raw.get(":1:counter")
    assert subject.inspector.cache.get("counter") == mine + theirs[0], stored


@pytest.mark.parametrize("type", ["set", "zset"])
def test_a_member_is_removed_while_others_come_and_go(subject: Subject, type: str) -> None:
    def write(client: valkey.Valkey, number: int) -> None:
        member = f"theirs {number % 50}"
        if type == "set":
            client.sadd(KEY, member)
        else:
            client.zadd(KEY, {member: number})

    name = subject.stored("mine")
    with writing(subject, write):
        for _number in times():
            if type == "set":
                subject.raw.sadd(KEY, name)
            else:
                subject.raw.zadd(KEY, {name: 1})
            row = subject.row("mine")
            outcome = subject.done(RemoveElements(type, (ElementRef(row.id, row.expected),)))
            assert outcome.count == 1
