"""Edits in a cluster: every one of them, and those that cross slots."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import valkey

from django_cachex.cache.cluster.routing import key_slot
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.edits import (
    Copy,
    EditStatus,
    ExpireField,
    Rename,
    RenameField,
    SetElement,
)
from django_cachex.inspectors.valkey import copy
from tests import servers
from tests.inspectors.valkey.changes.every import EVERY, contents, prepare
from tests.inspectors.valkey.changes.subject import Subject
from tests.inspectors.valkey.changes.test_field_ttls import MOMENT, expire, moment

KEY, NEAR, FAR = b":1:{a}key", b":1:{a}near", b":1:far"


@contextmanager
def subject_in(node: servers.Server, settings: Any) -> Iterator[Subject]:
    """Yield a key in the cluster of a node."""
    backend = "django_cachex.cache.ValkeyClusterCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": f"valkey://{node.address}"}}
    with valkey.ValkeyCluster(host="127.0.0.1", port=node.port) as raw:
        raw.flushall(target_nodes=valkey.ValkeyCluster.PRIMARIES)
        yield Subject(inspector_for("default"), raw, KEY)


@pytest.fixture
def subject(cluster_of_valkeys: servers.Server, settings: Any) -> Iterator[Subject]:
    with subject_in(cluster_of_valkeys, settings) as subject:
        yield subject


def test_every_edit_works_in_a_cluster(subject: Subject) -> None:
    for name, (holds, make) in EVERY.items():
        if name in ("rename", "copy"):
            continue
        prepare(subject, holds)
        assert subject.apply(make(subject)).is_done, name


@pytest.mark.parametrize("to", [NEAR, FAR])
@pytest.mark.parametrize("overwrite", [False, True])
def test_keys_are_renamed_and_copied_within_a_slot_and_across(
    subject: Subject, to: bytes, overwrite: bool
) -> None:
    assert (key_slot(KEY) == key_slot(to)) is (to is NEAR)
    for edit, leaves in ((Copy(to, None, overwrite), True), (Rename(to, overwrite), False)):
        for key in (KEY, to):
            subject.raw.unlink(key)
        subject.raw.hset(KEY, mapping={"a": "1", b"\xff": "2"})
        subject.raw.pexpireat(KEY, moment := int(time.time() * 1000) + 123_457)
        if overwrite:
            subject.raw.rpush(to, "theirs")
        assert subject.apply(edit).is_done
        assert contents(subject.raw, to) == {b"a": b"1", b"\xff": b"2"}
        assert abs(subject.raw.pexpiretime(to) - moment) < 50
        assert bool(subject.raw.exists(KEY)) is leaves


@pytest.mark.parametrize("to", [NEAR, FAR])
def test_nothing_is_overwritten_unless_told(subject: Subject, to: bytes) -> None:
    subject.raw.set(KEY, "mine")
    subject.raw.set(to, "theirs")
    for edit in (Copy(to), Rename(to)):
        assert subject.apply(edit).status == EditStatus.EXISTS
    assert (subject.raw.get(KEY), subject.raw.get(to)) == (b"mine", b"theirs")
    for edit in (Copy(to), Rename(to)):
        subject.raw.unlink(KEY)
        assert subject.apply(edit).status in (EditStatus.GONE, EditStatus.EXISTS)


def test_a_key_that_changes_while_it_is_renamed_across_slots_stays(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject.raw.set(KEY, "seen")
    restore = copy.restore_key

    def restored_late(*arguments: Any) -> Any:
        outcome = yield from restore(*arguments)
        subject.raw.set(KEY, "theirs")
        return outcome

    monkeypatch.setattr(copy, "restore_key", restored_late)
    assert subject.apply(Rename(FAR)).status == EditStatus.CHANGED
    assert subject.raw.get(KEY) == b"theirs"
    assert not subject.raw.exists(FAR)


def test_field_ttls_are_kept_in_a_cluster(settings: Any) -> None:
    program = servers.valkey_9_server()
    if program is None:
        pytest.skip("Valkey 9 is not here: .ci/valkey9 fetches it")
    with servers.cluster(program=program) as nodes, subject_in(nodes[0], settings) as subject:
        for number in range(6):  # On several nodes.
            subject.key = b":1:%d" % number
            subject.fill("hash", ("a", "old"))
            expire(subject, "a")
            row = subject.row("a")
            assert subject.inspector.read_element(subject.key, "hash", row.id)
            subject.done(SetElement(row.id, row.expected, "new", "hash"))
            assert moment(subject, "a") == MOMENT
            row = subject.row("a")
            subject.done(RenameField(row.id, row.expected, "b"))
            assert moment(subject, "b") == MOMENT
            row = subject.row("b")
            subject.done(ExpireField(row.id, row.expected, -1))
            assert moment(subject, "b") == -1
