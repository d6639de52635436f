"""Any sequence of edits leaves a key as the same edits leave a Python model, its TTL untouched."""

from __future__ import annotations

import time
from typing import Any

import pytest
import valkey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_cachex.inspectors import edits as on
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.edits import Edit, EditResult, EditStatus
from django_cachex.inspectors.valkey.element_rows import make_id
from tests import servers
from tests.inspectors.valkey.changes.subject import KEY, Subject

VALUES = st.one_of(
    st.sampled_from(["", "1", " 1", "é", "x"]),
    st.integers(0, 2),
    st.none(),
    st.booleans(),
    st.lists(st.integers(0, 2), max_size=2),
)
FIELDS = st.sampled_from(["", "a", "b", " a", "é", "items"])
SCORES = st.sampled_from([0.0, 1.0, -1.5, 0.1, float("inf"), float("-inf")])
PLACES = st.integers(0, 5)

LIST = st.tuples(
    st.sampled_from(["push", "insert", "set", "remove", "pop", "trim"]), VALUES, PLACES
)
SET = st.tuples(st.sampled_from(["add", "rename", "remove"]), VALUES, PLACES)
ZSET = st.tuples(
    st.sampled_from(["add", "score", "rename", "remove", "pop"]), VALUES, PLACES, SCORES
)
HASH = st.tuples(st.sampled_from(["add", "set", "rename", "remove"]), VALUES, PLACES, FIELDS)


@pytest.fixture(scope="module")
def raw(valkey_process: servers.Server) -> Any:
    with valkey.Valkey(port=valkey_process.port) as client:
        client.flushall()
        yield client


@pytest.fixture
def subject(raw: Any, settings: Any) -> Subject:
    port = raw.connection_pool.connection_kwargs["port"]
    backend = "django_cachex.cache.ValkeyCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": f"valkey://127.0.0.1:{port}/0"}}
    return Subject(inspector_for("default"), raw)  # type: ignore[arg-type]  # a server's


def begin(subject: Subject, type: str, *elements: Any) -> int:
    """Fill the key; return when it expires, in milliseconds since the epoch."""
    subject.fill(type, *elements)
    moment = int(time.time() * 1000) + 500_000
    subject.raw.pexpireat(KEY, moment)
    return moment


def chosen(subject: Subject, place: int) -> Any:
    rows = subject.rows()
    return rows[place % len(rows)]


def stored(subject: Subject, values: Any) -> Any:
    return [subject.stored(value) for value in values]


# Lists.


def list_edit(subject: Subject, model: list[bytes], kind: str, value: Any, place: int) -> Edit:
    """Return an edit of a list, having done the same to the model."""
    at, raw = place % len(model), subject.stored(value)
    row = subject.rows()[at]
    if kind == "push":
        at_head = bool(place % 2)
        model.insert(0 if at_head else len(model), raw)
        return on.PushItems((value,), on.End.FIRST if at_head else on.End.LAST)
    if kind == "insert":
        is_after = bool(place % 2)
        model.insert(at + is_after, raw)
        beside = on.InsertPosition.AFTER if is_after else on.InsertPosition.BEFORE
        return on.InsertItem(row.id, row.expected, value, beside)
    if kind == "set":
        model[at] = raw
        return on.SetElement(row.id, row.expected, value, "list")
    if kind == "remove":
        del model[at]
        return on.RemoveElements("list", (on.ElementRef(row.id, row.expected),))
    if kind == "pop":
        model.pop(0 if place % 2 else -1)
        return on.PopElements("list", on.End.FIRST if place % 2 else on.End.LAST)
    length = len(model)
    model[:] = model[:3]
    return on.TrimList(0, 2, length)


def check_list(subject: Subject, steps: list[tuple[Any, ...]]) -> None:
    moment = begin(subject, "list", "first", "first", 1)
    model = stored(subject, ["first", "first", 1])
    for step in steps:
        outcome = subject.apply(list_edit(subject, model, *step))
        assert outcome.is_done
        assert subject.raw.lrange(KEY, 0, -1) == model
        if not model:
            assert outcome.key_gone
            return
    assert subject.raw.pexpiretime(KEY) == moment


# Sets.


def check_set(subject: Subject, steps: list[tuple[Any, ...]]) -> None:
    moment = begin(subject, "set", "first", 1, "1")
    model = set(stored(subject, ["first", 1, "1"]))
    for kind, value, place in steps:
        row, new = chosen(subject, place), subject.stored(value)
        old = next(one for one in model if row.id == spelled(one))
        if kind == "add":
            outcome = subject.apply(on.AddMembers((value,)))
            expect(outcome, EditStatus.UNCHANGED if new in model else EditStatus.DONE)
            model.add(new)
        elif kind == "rename":
            outcome = subject.apply(on.SetElement(row.id, row.expected, value, "set"))
            if new == old:
                expect(outcome, EditStatus.UNCHANGED)
            elif new in model:
                expect(outcome, EditStatus.EXISTS)
            else:
                expect(outcome, EditStatus.DONE)
                model = model - {old} | {new}
        else:
            outcome = subject.apply(
                on.RemoveElements("set", (on.ElementRef(row.id, row.expected),))
            )
            expect(outcome, EditStatus.DONE)
            model.remove(old)
        assert set(subject.raw.smembers(KEY)) == model
        if not model:
            return
    assert subject.raw.pexpiretime(KEY) == moment


def spelled(name: bytes) -> str:
    return make_id(name, 0)


def expect(outcome: EditResult, result: EditStatus) -> None:
    assert outcome.status == result


# Sorted sets and hashes: both map names to what is stored of them.


def check_zset(subject: Subject, steps: list[tuple[Any, ...]]) -> None:
    moment = begin(subject, "zset", ("first", 1.0), ("1", 0.1), (1, 2))
    model = dict(zip(stored(subject, ["first", "1", 1]), [1.0, 0.1, 2.0], strict=True))
    for kind, value, place, score in steps:
        row, new = chosen(subject, place), subject.stored(value)
        old = next(one for one in model if row.id == spelled(one))
        if kind == "add":
            subject.apply(on.ZAdd(((value, score),)))
            model[new] = score
        elif kind == "score":
            subject.apply(on.SetScore(row.id, row.expected, score))
            model[old] = score
        elif kind == "rename":
            outcome = subject.apply(on.SetElement(row.id, row.expected, value, "zset"))
            if outcome.is_done:
                model[new] = model.pop(old)
            else:
                assert new in model
        elif kind == "remove":
            subject.done(on.RemoveElements("zset", (on.ElementRef(row.id, row.expected),)))
            del model[old]
        else:
            subject.done(on.PopElements("zset", on.End.FIRST))
            del model[min(model, key=lambda name: (model[name], name))]
        assert dict(map(tuple, subject.raw.zrange(KEY, 0, -1, withscores=True))) == model
        if not model:
            return
    assert subject.raw.pexpiretime(KEY) == moment


def check_hash(subject: Subject, steps: list[tuple[Any, ...]]) -> None:
    moment = begin(subject, "hash", ("a", 1), ("first", "x"))
    model = {b"a": subject.stored(1), b"first": subject.stored("x")}
    for kind, value, place, field in steps:
        row, new, raw = chosen(subject, place), field.encode(), subject.stored(value)
        old = next(one for one in model if row.id == spelled(one))
        if kind == "add":
            outcome = subject.apply(on.AddFields(((field, value),)))
            expect(outcome, EditStatus.EXISTS if new in model else EditStatus.DONE)
            model.setdefault(new, raw)
        elif kind == "set":
            subject.done(on.SetElement(row.id, row.expected, value, "hash"))
            model[old] = raw
        elif kind == "rename":
            outcome = subject.apply(on.RenameField(row.id, row.expected, field))
            if outcome.is_done:
                model[new] = model.pop(old)
            else:
                assert new in model
        else:
            subject.done(on.RemoveElements("hash", (on.ElementRef(row.id, row.expected),)))
            del model[old]
        assert subject.raw.hgetall(KEY) == model
        if not model:
            return
    assert subject.raw.pexpiretime(KEY) == moment


CHECKS = {
    "list": (LIST, check_list),
    "set": (SET, check_set),
    "zset": (ZSET, check_zset),
    "hash": (HASH, check_hash),
}


@pytest.mark.parametrize("type", CHECKS)
@pytest.mark.parametrize("examples", [8, pytest.param(300, marks=pytest.mark.slow)])
def test_edits_do_what_they_do_to_a_model(subject: Subject, type: str, examples: int) -> None:
    steps, check = CHECKS[type]

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(st.lists(steps, min_size=1, max_size=15))
    def run(given: list[tuple[Any, ...]]) -> None:
        check(subject, given)

    run()
