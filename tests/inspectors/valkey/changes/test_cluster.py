"""Edits in a cluster: every one of them, and those that cross slots."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import valkey

from django_cachex.cache.cluster.routing import key_slot
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.edits import Copy, EditStatus, Rename
from django_cachex.inspectors.valkey import copy
from django_cachex.inspectors.valkey.inspector import ServerInspector
from tests import servers
from tests.inspectors.valkey.changes.every import EVERY, contents, prepare
from tests.inspectors.valkey.changes.subject import Subject

KEY, NEAR, FAR = b":1:{a}key", b":1:{a}near", b":1:far"


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[servers.Server, ...]]:
    with servers.cluster() as nodes:
        yield nodes


@pytest.fixture
def subject(nodes: tuple[servers.Server, ...], settings: Any) -> Iterator[Subject]:
    locations = [f"valkey://{node.address}" for node in nodes]
    backend = "django_cachex.cache.ValkeyClusterCache"
    settings.CACHES = {
        **settings.CACHES,
        "cluster": {"BACKEND": backend, "LOCATION": locations},
    }
    inspector = inspector_for("cluster")
    assert isinstance(inspector, ServerInspector)
    with valkey.ValkeyCluster(host="127.0.0.1", port=nodes[0].port) as raw:
        raw.flushall(target_nodes=valkey.ValkeyCluster.PRIMARIES)
        yield Subject(inspector, raw, KEY)


def test_every_edit_works_in_a_cluster(subject: Subject) -> None:
    for name, (holds, make) in EVERY.items():
        if name in ("rename", "copy"):
            continue
        prepare(subject, holds)
        assert subject.apply(make(subject)).status == EditStatus.DONE, name


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
        assert subject.apply(edit).status == EditStatus.DONE
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
