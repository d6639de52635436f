"""How many keys a SCAN is asked to look at."""

from __future__ import annotations

from django_cachex.inspectors.valkey.pace import SMALLEST, Pace


def paced(*seconds: float, count: int = 1000) -> Pace:
    pace = Pace(1000)
    for one in seconds:
        pace.learn(count, one)
    return pace


def test_the_first_looks_at_as_many_as_are_wanted() -> None:
    assert Pace(1000).count(100, 0) == 100
    assert Pace(1000).count(5000, 0) == 1000
    assert Pace(1000).count(300, 0, turns=3) == 100


def test_it_grows_with_sparsity_up_to_a_limit() -> None:
    pace = Pace(1000)
    pace.learn(100, 0.001)
    assert pace.count(100, 50) == 125
    assert pace.count(100, 10) == 1000
    assert pace.count(100, 0) == 1000
    assert pace.count(100, 99) == SMALLEST


def test_what_holds_the_server_is_made_smaller_and_grows_again() -> None:
    pace = paced(0.001, 0.020)
    assert pace.count(100, 0) == 500
    pace.learn(500, 0.020)
    assert pace.count(100, 0) == 250
    for _quick in range(3):
        pace.learn(pace.count(100, 0), 0.002)
    assert pace.count(100, 0) == 1000


def test_a_long_way_to_the_server_does_not_make_it_smaller() -> None:
    assert paced(*[0.080] * 20).count(100, 0) == 1000


def test_it_is_never_less_than_a_few_keys() -> None:
    pace = paced(0.001)
    for _slow in range(30):
        pace.learn(pace.count(100, 0), 0.5)
    assert pace.count(100, 0) == SMALLEST
