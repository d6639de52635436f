"""Long work: carried on budget by budget, from what its state says, and never claiming too much."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from django_cachex.admin.links import MAX_STATE_BYTES
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.edits import BulkResult, ExpireCondition
from django_cachex.inspectors.jobs import (
    MAX_FAILURE_BYTES,
    MAX_FAILURES,
    BulkTask,
    Job,
    ScanProgress,
    advance,
    json_size,
    keep_failures,
)
from django_cachex.inspectors.namespaces import (
    MAX_BRANCHES,
    ROOT_PATH,
    NamespaceOptions,
    NamespaceStats,
    NamespaceTree,
    Sample,
    Usage,
)
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import TTL_NONE, KeyInfo, ScanPage
from tests import servers

VALKEY = "django_cachex.cache.ValkeyCache"
ALIAS = "worked"


@pytest.fixture
def raw(valkey_server: servers.Server) -> Any:
    with valkey.Valkey(port=valkey_server.port) as client:
        yield client


@pytest.fixture
def inspector(valkey_server: servers.Server, settings: Any) -> Inspector:
    params = {"BACKEND": VALKEY, "LOCATION": f"valkey://{valkey_server.address}/0"}
    settings.CACHES = {**settings.CACHES, ALIAS: params}
    return inspector_for(ALIAS)


def finder(inspector: Inspector, text: str = "") -> Callable[[str, int, float], ScanPage]:
    return lambda token, want, deadline: inspector.scan(Query(Pattern(text)), token, want, deadline)


def carried(work: Job[Any], from_json: Callable[[Any], Any]) -> Job[Any]:
    """Return a work after a page has carried it."""
    return Job.from_json(json.loads(json.dumps(work.to_json())), work.progress.token, from_json)


def finished(
    work: Job[Any], inspector: Inspector, text: str, from_json: Callable[[Any], Any]
) -> Job[Any]:
    """Do all of a work in the smallest steps there are, each from the state of the one before."""
    for _step in range(10_000):
        if work.complete:
            return work
        [work] = list(advance(work, finder(inspector, text), inspector, time.monotonic(), 50))
        work = carried(work, from_json)
    raise AssertionError("It does not come to an end.")


def fill(raw: valkey.Valkey, *names: str, ttl: int | None = None) -> None:
    with raw.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.set(f":1:{name}", "v", px=ttl)
        pipeline.execute()


def test_all_that_matches_goes_in_many_steps_and_nothing_else(
    inspector: Inspector, raw: valkey.Valkey
) -> None:
    fill(raw, *(f"user:{n}" for n in range(700)), *(f"cart:{n}" for n in range(300)))
    raw.set("user:of another", "v")
    work = finished(Job(BulkTask()), inspector, "user:*", BulkTask.from_json)
    assert (work.task.done, work.task.failed) == (700, 0)
    assert raw.dbsize() == 301
    assert work.progress.examined == work.progress.total


def test_an_expiry_is_given_to_each_and_taken_from_each(
    inspector: Inspector, raw: valkey.Valkey
) -> None:
    fill(raw, *(f"user:{n}" for n in range(120)))
    work = finished(Job(BulkTask(ttl=500_000)), inspector, "user:*", BulkTask.from_json)
    assert work.task.done == 120
    assert 0 < raw.pttl(":1:user:7") <= 500_000
    work = finished(Job(BulkTask(ttl=TTL_NONE)), inspector, "user:*", BulkTask.from_json)
    assert work.task.done == 120
    assert {raw.pttl(f":1:user:{n}") for n in range(120)} == {-1}


def test_a_store_that_grows_smaller_does_not_hurry_the_progress(
    inspector: Inspector, raw: valkey.Valkey
) -> None:
    fill(raw, *(f"user:{n}" for n in range(1000)))
    work, shares = Job(BulkTask()), [0.0]
    while not work.complete:
        [work] = list(advance(work, finder(inspector), inspector, time.monotonic(), 50))
        assert work.progress.total == 1000
        shares.append(work.progress.examined / work.progress.total)
        assert abs(shares[-1] - work.task.done / 1000) < 0.25
    assert shares == sorted(shares)


def test_keys_that_go_meanwhile_are_counted_as_gone(
    inspector: Inspector, raw: valkey.Valkey
) -> None:
    fill(raw, "a", "b", "c")

    def find(token: str, want: int, deadline: float) -> ScanPage:
        listing = finder(inspector)(token, want, deadline)
        raw.delete(":1:b")
        return listing

    *_steps, work = advance(Job(BulkTask()), find, inspector, time.monotonic() + 5)
    assert (work.task.done, work.task.gone, work.task.failed) == (2, 1, 0)


@pytest.mark.parametrize("ttl", [TTL_NONE, 5000])
def test_keys_that_go_meanwhile_get_no_expiry(
    inspector: Inspector, raw: valkey.Valkey, ttl: int
) -> None:
    fill(raw, "a")
    tally = inspector.expire_each([b":1:a", b":1:gone"], ttl)
    assert (tally.done, tally.gone, tally.failures) == (1, 1, ())


@pytest.fixture(params=["redis_62_process", "cluster_of_valkeys"])
def other_server(request: pytest.FixtureRequest, settings: Any) -> Inspector:
    """A server without options of PEXPIRE, and several that share the keys."""
    server = request.getfixturevalue(request.param)
    is_cluster = request.param == "cluster_of_valkeys"
    params = {
        "BACKEND": "django_cachex.cache.ValkeyClusterCache" if is_cluster else VALKEY,
        "LOCATION": f"valkey://{server.address}",
        "KEY_PREFIX": "condition",
    }
    settings.CACHES = {**settings.CACHES, ALIAS: params}
    return inspector_for(ALIAS)


@pytest.mark.parametrize(
    ("condition", "changed"),
    [
        (ExpireCondition.PERSISTENT, {"never"}),
        (ExpireCondition.LONGER, {"never", "long"}),
        (ExpireCondition.SHORTER, {"short"}),
    ],
)
def test_conditions_hold_on_every_kind_of_server(
    other_server: Inspector, condition: ExpireCondition, changed: set[str]
) -> None:
    cache, timeouts = other_server.cache, {"never": None, "short": 500, "long": 90_000}
    for name, timeout in timeouts.items():
        cache.set(name, "v", timeout)
    keys = [other_server.make_key(name) for name in (*timeouts, "missing")]
    task = carried(Job(BulkTask(5_000_000, condition=condition)), BulkTask.from_json).task
    task = task.process(other_server, keys)
    assert (task.done, task.unchanged, task.gone, task.failed) == (
        *(len(changed), 3 - len(changed), 1, 0),
    )
    for name, timeout in timeouts.items():
        expected, ttl = 5000 if name in changed else timeout, cache.ttl(name)
        assert ttl is None if expected is None else expected - 60 < ttl <= expected


@pytest.fixture
def clerk(valkey_server: servers.Server, raw: valkey.Valkey, settings: Any) -> Any:
    """An inspector whose user may touch no key that begins with `safe:`."""
    rules = ("on", ">secret", "+@all", "resetkeys", "~:1:user:*", "&*")
    raw.execute_command("ACL", "SETUSER", "clerk", *rules)
    params = {
        "BACKEND": VALKEY,
        "LOCATION": f"valkey://clerk:secret@{valkey_server.address}/0",
    }
    settings.CACHES = {**settings.CACHES, ALIAS: params}
    yield inspector_for(ALIAS)
    raw.execute_command("ACL", "DELUSER", "clerk")


@pytest.mark.parametrize("ttl", [None, 5000, TTL_NONE])
def test_keys_that_the_server_refuses_are_named_and_keep_no_other(
    clerk: Inspector, raw: valkey.Valkey, ttl: int | None
) -> None:
    fill(raw, *(f"user:{n}" for n in range(20)), "safe:1", "safe:2")
    *_steps, work = advance(Job(BulkTask(ttl)), finder(clerk), clerk, time.monotonic() + 5)
    assert (work.task.done, work.task.gone, work.task.failed) == (20, 0, 2)
    assert {stored for stored, _reason in work.task.failures} == {b":1:safe:1", b":1:safe:2"}
    assert all("NOPERM" in reason for _stored, reason in work.task.failures)


def test_what_was_done_before_a_failure_is_known(inspector: Inspector, raw: valkey.Valkey) -> None:
    fill(raw, *(f"user:{n}" for n in range(200)))
    calls = []

    def find(token: str, want: int, deadline: float) -> ScanPage:
        calls.append(token)
        if len(calls) == 3:
            raise OSError("the server died")
        return finder(inspector)(token, want, deadline)

    works = advance(Job(BulkTask()), find, inspector, time.monotonic() + 5, batch=50)
    next(works)
    last = next(works)
    with pytest.raises(OSError, match="died"):
        next(works)
    assert last.task.done == 200 - raw.dbsize() > 0
    after = finished(last, inspector, "", BulkTask.from_json)
    assert after.task.done == 200


def test_a_state_used_twice_does_no_harm(inspector: Inspector, raw: valkey.Valkey) -> None:
    fill(raw, *(f"user:{n}" for n in range(300)))
    [first] = list(
        advance(Job(BulkTask()), finder(inspector), inspector, time.monotonic(), batch=50)
    )
    [_once] = list(advance(first, finder(inspector), inspector, time.monotonic(), batch=50))
    after = finished(first, inspector, "", BulkTask.from_json)
    assert raw.dbsize() == 0
    assert after.task.done < 300  # What the other did is not claimed.


def test_failures_that_a_page_cannot_carry_are_only_counted() -> None:
    many = tuple((b"k%d" % n, "no") for n in range(MAX_FAILURES + 5))
    assert len(keep_failures((), many)) == MAX_FAILURES
    long = tuple((b"k" * 6000, "no" * 500) for _ in range(100))
    found = keep_failures((), long)
    assert 0 < sum(len(stored) + len(reason) for stored, reason in found) <= MAX_FAILURE_BYTES


def test_binary_keys_survive_the_state(inspector: Inspector) -> None:
    key = bytes(range(256))
    task = BulkTask(None, 1, 2, 3, ((key, "refused"),))
    assert BulkTask.from_json(json.loads(json.dumps(task.to_json()))) == task


# Counting.


def surveyed(inspector: Inspector, text: str = "", **sorting: Any) -> Job[NamespaceStats]:
    taken_apart = NamespaceOptions(**sorting)
    return finished(
        Job(NamespaceStats(taken_apart)),
        inspector,
        text,
        lambda state: NamespaceStats.from_json(state, taken_apart),
    )


def weights(stats: NamespaceStats, path: tuple[str, ...] = ()) -> dict[str, int]:
    return {one[-1]: branch.usage.keys for one, branch in stats.tree.children(path)}


def test_keys_are_counted_by_namespace_memory_and_expiry(
    inspector: Inspector, raw: valkey.Valkey
) -> None:
    fill(raw, *(f"user:{n}:cart" for n in range(60)), ttl=30_000)
    fill(raw, *(f"page:{n}" for n in range(40)), "lonely", "cart:lock")
    raw.set(":1:page:large", "x" * 50_000)
    stats = surveyed(inspector).task
    assert weights(stats) == {"user": 60, "page": 41, "cart": 1}
    assert stats.total.keys == 103
    assert stats.total.no_expiry == 43
    assert stats.ttl_counts[0] == 60
    assert stats.locks == 1
    assert stats.largest[0][1] == b":1:page:large"
    assert stats.largest[0][0] > 50_000
    memory = {path[0]: branch.usage.memory for path, branch in stats.tree.children(ROOT_PATH)}
    assert memory["page"] == sum(raw.memory_usage(key) for key in raw.scan_iter(":1:page:*"))
    assert len(stats.examples) == 50


def test_namespaces_below_a_prefix(inspector: Inspector, raw: valkey.Valkey) -> None:
    fill(raw, *(f"shop:user:{n}" for n in range(5)), *(f"shop:page:{n}" for n in range(3)))
    stats = surveyed(inspector, "shop:*", prefix="shop:").task
    assert weights(stats) == {"user": 5, "page": 3}


def test_sessions_are_counted_and_not_taken_apart(inspector: Inspector, raw: valkey.Valkey) -> None:
    fill(raw, "s:one:id", "s:two:id", "user:1")
    stats = surveyed(inspector, is_session=lambda stored: stored.startswith(b":1:s:")).task
    assert stats.sessions == 2
    assert weights(stats) == {"user": 1}


def test_memory_that_may_not_be_asked_loses_only_that_figure(
    clerk: Inspector, raw: valkey.Valkey
) -> None:
    raw.execute_command("ACL", "SETUSER", "clerk", "-memory", "allkeys")
    fill(raw, "user:1", "user:2", ttl=5_000)
    stats = surveyed(clerk).task
    assert (stats.total.keys, stats.keys_with_memory, stats.keys_with_ttl) == (2, 0, 2)
    assert weights(stats) == {"user": 2}


@pytest.mark.parametrize("backend", ["locmem", "filebased"])
def test_other_stores_are_surveyed_by_the_size_of_values(
    backend: str, settings: Any, tmp_path: Any
) -> None:
    name = "LocMemCache" if backend == "locmem" else "FileBasedCache"
    settings.CACHES = {
        ALIAS: {
            "BACKEND": f"django.core.cache.backends.{backend}.{name}",
            "LOCATION": uuid.uuid4().hex if backend == "locmem" else str(tmp_path),
        }
    }
    inspector = inspector_for(ALIAS)
    inspector.cache.set_many({"user:1": "v", "user:2": "v" * 1000}, 5000)
    stats = surveyed(inspector).task
    assert stats.total.keys == stats.keys_with_memory == 2
    assert stats.total.memory > 0
    assert finished(Job(BulkTask()), inspector, "", BulkTask.from_json).task.done == 2


def test_a_tree_of_too_many_branches_folds_the_lightest_and_says_so() -> None:
    tree = NamespaceTree()
    for start in range(0, 5000, 500):
        ids = [(("user", str(n)), Usage(1)) for n in range(start, start + 500)]
        tree = tree.add_keys([*ids, *[(("page",), Usage(1))] * 100])
    assert len(tree.branches) <= MAX_BRANCHES + 1
    assert tree.branches[("user",)].usage.keys == 5000
    assert tree.branches[("user",)].truncated
    assert tree.branches[("page",)].usage.keys == 1000
    assert not tree.branches[("page",)].lower_bound
    assert tree.root.usage.keys == 6000
    late = tree.add_keys([(("user", "late"), Usage(900)), (("fresh",), Usage(2))])
    assert late.branches[("user", "late")].lower_bound
    assert not late.branches[("fresh",)].lower_bound
    assert NamespaceTree.from_json(json.loads(json.dumps(late.to_json()))) == late


def test_the_error_of_a_sample_shrinks_to_nothing() -> None:
    whole = Usage(10_000, 1_000_000, 200_000_000)
    part = Usage(2_500, 250_000, 50_000_000)
    small, all_of_it = Sample(whole, 0.01), Sample(whole, 1.0)
    share = small.key_share(part.keys)
    assert share.value == 0.25
    assert 0.008 < share.error < 0.009
    memory = small.memory_share(part)
    assert 0 < memory.error < 0.02
    assert all_of_it.key_share(part.keys).error == 0  # type: ignore[union-attr]  # or it fails
    assert small.scale_up(2_500) == 250_000


def test_a_position_knows_when_everything_was_examined() -> None:
    at = ScanProgress().after(ScanPage([], "7", 1000, 5000)).after(ScanPage([], "", 3000, 5200))
    assert (at.examined, at.total, at.complete) == (5200, 5200, True)


DEAREST_NAMES = {
    "emoji": "\N{PILE OF POO}",
    "quotes": '"',
    "control": "\x01",
    "not text": "\udcff",
}
"""What takes the most bytes in JSON, of a text or of what it is stored as."""


@pytest.mark.parametrize("char", DEAREST_NAMES.values(), ids=DEAREST_NAMES)
def test_a_survey_fits_a_page_whatever_keys_are_called(char: str) -> None:
    inspector, stats = Described(), NamespaceStats(NamespaceOptions())
    width = 80 if char.isprintable() else 20  # Shown with a backslash and three more.
    for batch in range(4):
        names = [
            ":".join(f"{one:03}".ljust(width, char) for one in (number, batch, number))
            + f":{number}"
            for number in range(500)
        ]
        stats = stats.process(
            inspector, [name.encode("utf-8", "surrogateescape") for name in names]
        )
    assert stats.total.keys == 2000
    assert stats.tree.root.truncated
    assert json_size(Job(stats).to_json()) < MAX_STATE_BYTES / 2
    again = carried(Job(stats), lambda state: NamespaceStats.from_json(state, NamespaceOptions()))
    assert again.task == stats


class Described(Inspector):
    """Says of every key that it is there and heavy."""

    def __init__(self) -> None:
        super().__init__("default", caches["default"], {})

    def describe(self, keys: Sequence[bytes], columns: Collection[str] = ()) -> list[KeyInfo]:
        return [KeyInfo(key, ttl=TTL_NONE, memory=2**40) for key in keys]


@pytest.mark.parametrize("char", DEAREST_NAMES.values(), ids=DEAREST_NAMES)
def test_a_sweep_fits_a_page_whatever_fails_and_why(char: str) -> None:
    name = (char * 20_000).encode("utf-8", "surrogateescape")
    task = BulkTask()
    for step in range(110):
        failures = [(b"%d" % number + name, char * 5000) for number in range(10)]
        task = task._add(BulkResult(0, 0, tuple(failures)))
        assert task.failed == 10 * (step + 1)
    assert task.failures
    assert task.failures[0][0].endswith("…".encode())
    assert json_size(Job(task).to_json()) < MAX_STATE_BYTES / 2
    assert carried(Job(task), BulkTask.from_json).task == task
