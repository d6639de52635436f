"""The model itself: it must notice what it is there to notice."""

from __future__ import annotations

import pytest

from tests.cache.faults.model import ABSENT, Model, add, delete, get, incr, put


def test_a_wrong_reply_is_noticed() -> None:
    model = Model()
    model.answered([("key", put("mine"), None)])
    with pytest.raises(AssertionError, match="theirs"):
        model.answered([("key", get, "theirs")])


def test_a_lost_write_is_noticed() -> None:
    model = Model()
    model.answered([("key", put(1), None), ("key", incr(1), 2)])
    with pytest.raises(AssertionError):
        model.answered([("key", get, 1)])
    with pytest.raises(AssertionError):
        model.answered([("key", add(5), True)])


def test_what_failed_may_have_been_done_until_a_reply_tells() -> None:
    model = Model()
    model.answered([("key", put(1), None)])
    model.unknown([("key", incr(1))])
    model.unknown([("key", incr(1))])
    assert model.of("key") == {1, 2, 3}
    model.answered([("key", get, 2)])
    assert model.of("key") == {2}


def test_of_several_in_a_row_the_first_few_may_have_been_done() -> None:
    model = Model()
    model.unknown([("key", put(1)), ("other", put(5)), ("key", delete), ("key", put(2))])
    assert model.of("key") == {ABSENT, 1, 2}
    assert model.of("other") == {ABSENT, 5}
