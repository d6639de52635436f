"""How many keys a SCAN is asked to look at."""

from __future__ import annotations

import pytest

from django_cachex.commands import AccessDenied
from django_cachex.inspectors.valkey.scan import (
    FIRST_COUNT,
    MAX_BLOCKING_SECONDS,
    MIN_COUNT,
    NodeScan,
    ScanCount,
    make_token,
    parse_token,
)


def scan_count_after(*seconds: float, count: int = 1000) -> ScanCount:
    scan_count = ScanCount(1000)
    for one in seconds:
        scan_count.record_duration(count, one)
    return scan_count


def test_the_first_looks_at_as_many_as_are_wanted_and_never_at_many() -> None:
    assert ScanCount(1000).next_count(25, 0) == 25
    assert ScanCount(1000).next_count(75, 0, steps=3) == 25
    assert ScanCount(1000).next_count(5000, 0) == FIRST_COUNT
    assert ScanCount(1000, MIN_COUNT).next_count(5000, 0) == MIN_COUNT
    assert ScanCount(3).next_count(5000, 0) == 3


def test_it_grows_with_sparsity_up_to_a_limit() -> None:
    scan_count = ScanCount(1000)
    scan_count.record_blocking(100, 0.0)
    assert scan_count.next_count(100, 50) == 125
    assert scan_count.next_count(100, 10) == 1000
    assert scan_count.next_count(100, 0) == 1000
    assert scan_count.next_count(100, 99) == MIN_COUNT


def test_it_grows_to_the_limit_in_four_steps_where_nothing_takes_long() -> None:
    scan_count, counts = ScanCount(1000, MIN_COUNT), []
    while not scan_count.is_steady:
        counts.append(scan_count.next_count(100, 0))
        scan_count.record_blocking(counts[-1], 0.000_01)
    assert counts == [4, 40, 400]


def test_it_grows_no_further_than_half_of_what_may_be_held_would_take() -> None:
    scan_count = ScanCount(1000, MIN_COUNT)
    scan_count.record_blocking(MIN_COUNT, MAX_BLOCKING_SECONDS / 8)
    assert scan_count.next_count(100, 0) == MIN_COUNT * 4
    scan_count.record_blocking(MIN_COUNT * 4, MAX_BLOCKING_SECONDS / 2)
    assert scan_count.next_count(100, 0) == MIN_COUNT * 4


def test_the_time_is_the_servers_where_it_says_so() -> None:
    scan_count = ScanCount(1000, MIN_COUNT)
    scan_count.record_times(MIN_COUNT, [b"1700000000", b"999999"], [b"1700000001", b"624"], 60.0)
    assert scan_count.next_count(100, 0) == MIN_COUNT * 4
    scan_count.record_times(MIN_COUNT * 4, [b"1700000001", b"0"], [b"1700000002", b"0"], 0.0)
    assert scan_count.next_count(100, 0) == MIN_COUNT


@pytest.mark.parametrize("nonsense", [AccessDenied("no"), None, [b"a", b"b"], [], 5])
def test_where_it_does_not_the_way_is_taken_off_the_time(nonsense: object) -> None:
    scan_count = ScanCount(1000, MIN_COUNT)
    for _step in range(4):
        scan_count.record_times(scan_count.next_count(100, 0), nonsense, nonsense, 0.080)
    assert scan_count.is_steady
    scan_count.record_times(1000, nonsense, nonsense, 0.100)
    assert scan_count.next_count(100, 0) in (124, 125)


def test_what_holds_the_server_is_made_smaller_at_once_and_grows_again() -> None:
    scan_count = scan_count_after(0.001, 0.020)
    assert scan_count.next_count(100, 0) == 131
    scan_count.record_duration(131, 0.020)
    assert scan_count.next_count(100, 0) == 17
    for _quick in range(2):
        scan_count.record_duration(scan_count.next_count(100, 0), 0.001)
    assert scan_count.next_count(100, 0) == 1000


def test_a_long_way_to_the_server_does_not_make_it_smaller() -> None:
    assert scan_count_after(*[0.080] * 20).next_count(100, 0) == 1000


def test_it_is_never_less_than_a_few_keys() -> None:
    scan_count = scan_count_after(0.001)
    for _slow in range(30):
        scan_count.record_duration(scan_count.next_count(100, 0), 0.5)
    assert scan_count.next_count(100, 0) == MIN_COUNT


def test_far_away_it_grows_further_while_the_server_is_idle_between_commands() -> None:
    scan_count, counts = ScanCount(1000, far_maximum=10_000), []
    for _step in range(4):
        counts.append(scan_count.next_count(5000, 0))
        scan_count.record_times(counts[-1], [b"1", b"0"], [b"1", b"1"], 0.150)
    assert counts == [100, 1000, 10_000, 10_000]
    assert not scan_count.is_steady  # What the network takes varies too much to judge by.
    scan_count.record_times(10_000, [b"1", b"0"], [b"1", b"10000"], 0.160)
    assert scan_count.next_count(5000, 0) == 2500
    scan_count.record_times(2500, [b"1", b"0"], [b"1", b"1"], 0.001)
    assert scan_count.next_count(5000, 0) == 1000


def test_the_next_request_goes_on_at_the_pace_of_the_one_before() -> None:
    before, after = ScanCount(1000), ScanCount(1000)
    for _step in range(2):
        before.record_blocking(before.next_count(100, 0), 0.000_01)
    after.resume(before.pace)
    assert after.next_count(100, 0) == before.pace == 1000
    dense, page = ScanCount(1000), ScanCount(1000)
    dense.record_blocking(dense.next_count(25, 0), 0.000_01)
    page.resume(dense.pace)
    assert page.next_count(25, 0) == 25


@pytest.mark.parametrize("node", ["", "127.0.0.1:7000"])
def test_the_pace_is_part_of_the_token(node: str) -> None:
    scan = NodeScan(node, cursor=5, slots=frozenset((1, 2)) if node else frozenset(), pace=1000)
    assert parse_token(make_token([scan]), is_cluster=bool(node)) == [scan]
