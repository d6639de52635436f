"""An element that is opened and saved as it is stays what it was, byte by byte."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils.safestring import mark_safe

from django_cachex.inspectors.edits import EditStatus, SetElement
from django_cachex.inspectors.values import Content, parse_value
from tests.inspectors.pickle_samples import Colour, Point, Size
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import on_one_server
from tests.inspectors.values_contract import JSON_VALUES

pytestmark = on_one_server

ODD_VALUES = (
    *((1, 2), {1, 2}, b"bytes", b"", datetime(2026, 1, 1, tzinfo=UTC), Decimal("1.10")),
    *(mark_safe("<b>"), Size.SMALL, Colour.RED, defaultdict(list, a=[1]), OrderedDict(a=1)),
    *(float("nan"), float("inf"), "\ud800", {1: 2}, [(1,)], Point(1), "x" * 2_000_000),
)
RAW = (b"", b"plain", b"\xff\x00", b" 12 ", b"1_0", b"007", b"-0", b'{"a": 1}')


def filled(subject: Subject, type: str, raw: bytes) -> None:
    subject.raw.unlink(KEY)
    if type == "list":
        subject.raw.rpush(KEY, raw)
    elif type == "hash":
        subject.raw.hset(KEY, "f", raw)
    else:
        subject.raw.zadd(KEY, {raw: 1.5}) if type == "zset" else subject.raw.sadd(KEY, raw)


def opened(subject: Subject, type: str) -> tuple[Any, Content]:
    [row] = subject.rows()
    found = subject.inspector.read_element(KEY, type, row.id)
    return found, found.cells[1 if type in ("list", "hash") else 0]


@pytest.mark.parametrize("type", ["list", "hash", "set", "zset"])
def test_saving_what_a_form_is_filled_with_changes_no_byte(subject: Subject, type: str) -> None:
    stored = [subject.stored(value) for value in (*JSON_VALUES, *ODD_VALUES)]
    editable = 0
    for raw in (*stored, *RAW):
        filled(subject, type, raw)
        before = subject.raw.dump(KEY)
        row, content = opened(subject, type)
        if not content.editable:
            assert str(content.not_editable_reason)
            continue
        editable += 1
        value = parse_value(content.edit_text, content.store_as)
        outcome = subject.apply(SetElement(row.id, row.expected, value, type))
        assert outcome.status in (EditStatus.DONE, EditStatus.UNCHANGED)
        assert subject.raw.dump(KEY) == before, raw
    assert editable >= len(JSON_VALUES)
