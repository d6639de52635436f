"""Pages of collections: from everywhere, in both orders, searched, each element once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from django_cachex.inspectors.query import FIRST_PAGE, ElementPage, InvalidPosition, Order
from django_cachex.inspectors.types import Elements
from tests.inspectors.valkey.changes.subject import KEY, Subject
from tests.inspectors.valkey.conftest import Store, on_one_server

LAST = ElementPage(order=Order.LAST)

pytestmark = on_one_server


@pytest.fixture
def subject(store: Store) -> Subject:
    return Subject(store.inspect(), store.raw)


def pages(subject: Subject, window: ElementPage = FIRST_PAGE) -> Iterator[Elements]:
    """Yield one page after the other, to the end."""
    at: str | None = window.at
    while at is not None:
        page = subject.elements(window.starting_at(at))
        yield page
        at = page.next


def names(subject: Subject, window: ElementPage = FIRST_PAGE) -> list[str]:
    return [row.name for page in pages(subject, window) for row in page.rows]


def seen(page: Elements) -> list[str]:
    return [row.name for row in page.rows]


def test_a_list_is_read_from_both_ends_and_from_anywhere(subject: Subject) -> None:
    subject.raw.rpush(KEY, *map(str, range(250)))
    indexes = [str(number) for number in range(250)]
    assert names(subject) == indexes
    assert names(subject, LAST) == indexes[::-1]
    middle = subject.elements(ElementPage(at="120"))
    assert seen(middle) == indexes[120:220]
    assert (middle.start, middle.next, middle.previous) == (120, "220", "20")
    assert seen(subject.elements(ElementPage(at="-5"))) == indexes[-5:]
    turned = subject.elements(ElementPage(at="120", order=Order.LAST))
    assert seen(turned) == indexes[120:20:-1]
    assert (turned.next, turned.previous) == ("20", "220")
    assert seen(subject.elements(ElementPage(at="220", order=Order.LAST)))[-1] == "121"
    for row in middle.rows:
        assert row.cells[1].value == int(row.name) or row.cells[1].formatted.text == row.name


@pytest.mark.parametrize("at", ["250", "-251", "9" * 30, "one", "1.5", "+1", "１"])
def test_an_index_that_is_none_is_told(subject: Subject, at: str) -> None:
    subject.raw.rpush(KEY, *map(str, range(250)))
    with pytest.raises(InvalidPosition) as problem:
        subject.read(ElementPage(at=at))
    assert str(problem.value).endswith((".", '"'))


def test_a_sorted_set_is_read_by_rank_in_either_order(subject: Subject) -> None:
    subject.raw.zadd(KEY, {f"m{number:03}": number for number in range(250)})
    members = [f"m{number:03}" for number in range(250)]
    assert names(subject) == members
    assert names(subject, LAST) == members[::-1]
    assert seen(subject.elements(ElementPage(at="240"))) == members[240:]
    assert seen(subject.elements(ElementPage(at="-10"))) == members[240:]
    assert seen(subject.elements(ElementPage(at="240", order=Order.LAST))) == members[9::-1]


@pytest.mark.parametrize("order", Order)
def test_a_range_of_scores_is_read_in_either_order(subject: Subject, order: Order) -> None:
    subject.raw.zadd(KEY, {f"m{number:03}": number / 2 for number in range(500)})
    window = ElementPage(order=order, lowest=50, highest=149.5)
    expected = [f"m{number:03}" for number in range(100, 300)]
    if order == Order.LAST:
        expected.reverse()
    assert names(subject, window) == expected
    page = subject.elements(window)
    assert (page.in_range, page.total, page.start) == (200, 500, 0)
    above = ElementPage(order=order, lowest=249)
    assert sorted(seen(subject.elements(above))) == ["m498", "m499"]
    below = ElementPage(order=order, highest=0)
    assert seen(subject.elements(below)) == ["m000"]
    nothing = subject.elements(ElementPage(order=order, lowest=1000, highest=2000))
    assert (seen(nothing), nothing.in_range, nothing.next) == ([], 0, None)


@pytest.mark.parametrize("type", ["hash", "set"])
@pytest.mark.parametrize("size", [5, 300, 1500])
def test_each_field_and_member_is_on_some_page(subject: Subject, type: str, size: int) -> None:
    everything = {f"element:{number}" for number in range(size)}
    if type == "hash":
        subject.raw.hset(KEY, mapping=dict.fromkeys(everything, "v"))
    else:
        subject.raw.sadd(KEY, *everything)
    found = list(pages(subject))
    listed = [row.name for page in found for row in page.rows]
    assert set(listed) == everything
    assert len(listed) == size  # Nobody writes meanwhile: none comes twice.
    assert max(len(page.rows) for page in found) <= 200
    assert found[0].previous is None


def test_fields_are_searched_by_the_server(subject: Subject) -> None:
    subject.raw.hset(KEY, mapping={f"user:{number}": str(number) for number in range(3000)})
    subject.raw.hset(KEY, mapping={"user:*": "star", "admin:7": "other", "[x]": "brackets"})
    assert set(names(subject, ElementPage(match="admin:*"))) == {"admin:7"}
    assert set(names(subject, ElementPage(match="user:2999"))) == {"user:2999"}
    assert set(names(subject, ElementPage(match="[x"))) == {"[x]"}
    page = subject.elements(ElementPage(match="nothing like it"))
    assert (page.rows, page.next, page.examined) == ([], None, 3003)


@pytest.mark.parametrize("type", ["set", "zset"])
def test_members_are_searched_as_they_are_shown(subject: Subject, settings: Any, type: str) -> None:
    settings.CACHEX_ADMIN = {"SCAN_BUDGET": 20.0}
    values = [f"user:{number}" for number in range(700)] + [{"name": "Ana"}, 42, "ключ"]
    stored = [subject.stored(value) for value in values]
    if type == "set":
        subject.raw.sadd(KEY, *stored)
    else:
        subject.raw.zadd(KEY, dict.fromkeys(stored, 1.5))
    assert set(names(subject, ElementPage(match="user:699"))) == {"user:699"}
    assert set(names(subject, ElementPage(match="user:*49"))) == {
        f"user:{number}" for number in range(700) if str(number).endswith("49")
    }
    assert len(names(subject, ElementPage(match='"name": "A'))) == 1
    assert names(subject, ElementPage(match="42*")) == ["42"]
    assert names(subject, ElementPage(match="ключ")) == ["ключ"]
    page = subject.elements(ElementPage(match="nothing like it"))
    assert (page.rows, page.examined) == ([], 703)


@pytest.mark.parametrize("type", ["hash", "set"])
@pytest.mark.parametrize("at", ["x", "-1", "9" * 21, "1.2.3", str(2**64), "1.x"])
def test_a_cursor_that_is_none_is_told(subject: Subject, type: str, at: str) -> None:
    subject.fill(type, ("a", 1) if type == "hash" else "a")
    with pytest.raises(InvalidPosition):
        subject.read(ElementPage(at=at))


def test_a_stream_is_read_in_either_order_and_back(subject: Subject) -> None:
    for number in range(250):
        subject.raw.xadd(KEY, {"n": str(number)}, id=f"{1000 + number}-{number % 3}")
    ids = [f"{1000 + number}-{number % 3}" for number in range(250)]
    assert names(subject) == ids
    assert names(subject, LAST) == ids[::-1]
    for window, order in ((FIRST_PAGE, ids), (LAST, ids[::-1])):
        *_others, last = pages(subject, window)
        assert last.previous is not None
        before = subject.elements(window.starting_at(last.previous))
        assert seen(before) == order[100:200]
        assert before.next is not None
        assert seen(subject.elements(window.starting_at(before.next))) == order[200:]
        assert before.previous is not None
        first = subject.elements(window.starting_at(before.previous))
        assert seen(first) == order[:100]
        assert first.previous is None


def test_a_stream_is_read_from_a_moment(subject: Subject) -> None:
    for number in range(10):
        subject.raw.xadd(KEY, {"n": str(number)}, id=f"{1000 + number}-0")
    assert seen(subject.elements(ElementPage(at="1007"))) == ["1007-0", "1008-0", "1009-0"]
    assert seen(subject.elements(ElementPage(at="1001", order=Order.LAST))) == ["1001-0", "1000-0"]
    after = subject.elements(ElementPage(at="5000"))
    assert (after.rows, after.next) == ([], None)
    assert after.previous is not None
    assert len(subject.elements(ElementPage(at=after.previous)).rows) == 10
    for wrong in ("yesterday", "1-2-3", "-", "+", "<x"):
        with pytest.raises(InvalidPosition):
            subject.read(ElementPage(at=wrong))


def test_entries_that_share_their_fields_are_a_table(subject: Subject) -> None:
    for number in range(3):
        subject.raw.xadd(KEY, {"user": "Ana", "n": str(number)}, id=f"{number + 1}-0")
    page = subject.elements()
    assert [str(title) for title in page.columns] == ["Entry", "user", "n"]
    assert page.uniform
    subject.raw.xadd(KEY, {"other": "x"})
    page = subject.elements()
    assert [str(title) for title in page.columns] == ["Entry", "Fields"]
    assert not page.uniform


def test_an_empty_stream_is_shown(subject: Subject) -> None:
    subject.raw.xadd(KEY, {"a": "1"}, id="1-1")
    subject.raw.xdel(KEY, "1-1")
    for window in (FIRST_PAGE, LAST):
        page = subject.elements(window)
        assert (page.rows, page.total, page.next, page.previous) == ([], 0, None, None)


@pytest.mark.parametrize(
    ("type", "element"),
    [("list", "a"), ("set", "a"), ("zset", ("a", 1)), ("hash", ("a", "b"))],
)
def test_one_element_is_read_in_full(subject: Subject, type: str, element: object) -> None:
    long = "x" * 50_000
    subject.fill(
        type, element, {"list": long, "set": long, "zset": (long, 2)}.get(type, ("c", long))
    )
    place = 0 if type in ("set", "zset") else 1
    [row] = [row for row in subject.rows() if row.cells[place].kind == "large"]
    found = subject.inspector.read_element(KEY, type, row.id)
    assert found.expected == row.expected
    assert found.cells[place].editable
    assert found.cells[place].edit_text == long
    assert subject.inspector.read_element(KEY, "stream", "1-1") is None
    subject.raw.unlink(KEY)
    assert subject.inspector.read_element(KEY, type, row.id) is None
