"""One makes a value anew; the others are served the old one, and every method tells the truth."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache import tracing
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.stampede import Protection
from tests.cache.conftest import BACKENDS, MakeCache, url
from tests.servers import Server, free_port, wait_until

LOCK = "key.recomputing"
SOON = {"early": 50.0, "lease": 30.0}
"""With a timeout of 100 seconds, what has less than 50 left is due."""


class Factory:
    """Makes numbered values; with `hold`, not before it is told to."""

    def __init__(self, *, hold: bool = False, error: type[Exception] | None = None) -> None:
        self.calls = 0
        self.error = error
        self.began = threading.Event()
        self.go = threading.Event()
        self._counting = threading.Lock()
        if not hold:
            self.go.set()

    def __call__(self) -> str:
        with self._counting:
            self.calls += 1
            number = self.calls
        self.began.set()
        assert self.go.wait(15)
        if self.error:
            raise self.error("no value")
        return f"new {number}"


def ask(cache: ServerCache, factory: Callable[[], Any], **changes: Any) -> Any:
    return cache.get_or_set("key", factory, 100, stampede_protection={**SOON, **changes})


@contextmanager
def being_made(cache: ServerCache, factory: Factory, **changes: Any) -> Iterator[Future[Any]]:
    """Let a thread make the value while the block runs; yield what it will have been given."""
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, cache, factory, **changes)
        assert factory.began.wait(15)
        try:
            yield first
        finally:
            factory.go.set()


# One makes it


def test_one_thread_makes_an_expiring_value_and_the_others_get_the_old_one_at_once(
    cache: ServerCache,
) -> None:
    cache.set("key", "old", 10)
    factory = Factory(hold=True)
    with being_made(cache, factory) as first:
        assert [ask(cache, factory) for _ in range(5)] == ["old"] * 5
        assert not first.done()
        assert cache.get("key") == "old"
    assert first.result() == ask(cache, factory) == "new 1"
    assert factory.calls == 1
    assert 90 < cache.ttl("key") <= 100
    assert not cache.has_key(LOCK)


def test_one_thread_makes_a_value_that_is_not_there_and_the_others_wait(
    cache: ServerCache,
) -> None:
    factory = Factory(hold=True)
    with ThreadPoolExecutor(20) as pool:
        all_of_them = [pool.submit(ask, cache, factory) for _ in range(20)]
        assert factory.began.wait(15)
        assert not any(one.done() for one in all_of_them)
        factory.go.set()
        assert [one.result(15) for one in all_of_them] == ["new 1"] * 20
    assert factory.calls == 1
    assert not cache.has_key(LOCK)


@pytest.mark.parametrize("old", ["old", None])
async def test_one_task_makes_it(cache: ServerCache, old: str | None) -> None:
    calls: list[str] = []
    served = asyncio.Event()

    async def make() -> str:
        calls.append("made")
        if old:
            await asyncio.wait_for(served.wait(), 15)  # The others do not wait for this.
        return "new"

    async def one() -> Any:
        found = await cache.aget_or_set("key", make, 100, stampede_protection=SOON)
        if found == old:
            served.set()
        return found

    if old:
        cache.set("key", old, 10)
    found = await asyncio.gather(*(one() for _number in range(30)))
    assert calls == ["made"]
    assert sorted(found) == (["new"] + [old] * 29 if old else ["new"] * 30)
    assert cache.get("key") == "new"
    assert not cache.has_key(LOCK)


PROCESSES = """
import os, sys, time
from django.conf import settings
settings.configure()
from django_cachex.cache import RedisCache, ValkeyCache
driver, url, old, fatal = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4]
cache = {"valkey": ValkeyCache, "redis": RedisCache}[driver](url, {})
protection = {"early": 50, "lease": 0.5 if fatal else 30}
if old:
    cache.set("key", old, 10)
cache.set_many({"calls": 0, "served": 0, "ready": 0})

def until(name, count):
    deadline = time.monotonic() + 15
    while cache.get(name) < count:
        assert time.monotonic() < deadline, name
        time.sleep(0.005)

def make():
    if cache.incr("calls") == 1:
        if fatal:
            os._exit(9)
        if old:
            until("served", 5)
    return "new"

def child():
    cache.incr("ready")
    until("ready", 6)
    found = cache.get_or_set("key", make, 100, stampede_protection=protection)
    assert found in ("new", old), found
    if found == old:
        cache.incr("served")

children = []
for _number in range(6):
    pid = os.fork()
    if not pid:
        child()
        os._exit(0)
    children.append(pid)
codes = sorted(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children)
assert codes == ([0] * 5 + [9] if fatal else [0] * 6), codes
print(cache.get("calls"), cache.get("key"))
"""


@pytest.mark.parametrize(
    ("old", "fatal", "said"),
    [
        ("old", "", "1 new"),
        ("", "fatal", "2 new"),  # The second makes it when the lease of the dead one is over.
    ],
)
def test_one_process_makes_it(valkey_server: Server, old: str, fatal: str, said: str) -> None:
    command = [sys.executable, "-W", "error", "-c", PROCESSES, "valkey", url(valkey_server)]
    ended = subprocess.run(
        [*command, old, fatal], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr, ended.stdout) == (0, "", f"{said}\n")


# Whoever makes it fails


def test_a_factory_that_raises_is_heard_by_its_caller_alone(cache: ServerCache) -> None:
    cache.set("key", "old", 10)
    factory = Factory(hold=True, error=ZeroDivisionError)
    with being_made(cache, factory) as first:
        assert ask(cache, factory) == "old"
    with pytest.raises(ZeroDivisionError):
        first.result()
    assert not cache.has_key(LOCK)
    assert cache.get("key") == "old"
    assert 8 < cache.ttl("key") <= 10
    assert ask(cache, Factory()) == "new 1"


def test_after_a_factory_that_raised_the_next_in_waiting_tries(cache: ServerCache) -> None:
    class Fickle(Factory):
        def __call__(self) -> str:
            made = super().__call__()
            if made == "new 1":
                raise ZeroDivisionError
            return made

    factory = Fickle(hold=True)
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(ask, cache, factory) for _ in range(5)]
        assert factory.began.wait(15)
        factory.go.set()
        errors = [type(error) for one in asked if (error := one.exception(15))]
        assert errors == [ZeroDivisionError]
        assert {one.result() for one in asked if not one.exception()} == {"new 2"}
    assert factory.calls == 2


def test_whoever_died_holds_nobody_up_for_longer_than_its_lease(cache: ServerCache) -> None:
    cache.set(LOCK, "of the dead", 0.3)
    began = time.monotonic()
    assert ask(cache, Factory()) == "new 1"
    assert 0.2 < time.monotonic() - began < 10
    cache.set(LOCK, "of the dead", 60)
    cache.set("key", "old", 10)
    factory = Factory()
    assert ask(cache, factory) == "old"
    assert factory.calls == 0


def test_the_successor_of_one_that_died_is_waited_for(cache: ServerCache) -> None:
    cache.set(LOCK, "of the dead", 0.5)
    factory = Factory()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, cache, factory, lease=0.5) for _ in range(8)]
        assert {one.result(15) for one in asked} == {"new 1"}
    assert factory.calls == 1


def test_what_was_made_just_before_one_got_the_right_is_not_made_again(
    make_cache: MakeCache,
) -> None:
    cache, other, factory = make_cache(), make_cache(), Factory()
    quicker = [other]

    @contextmanager
    def meanwhile(requests: Any, address: str) -> Iterator[None]:
        if "NX" in requests[0].args and quicker:
            assert ask(quicker.pop(), factory) == "new 1"
        yield

    cache.set("key", "old", 10)
    tracing.install(meanwhile)
    try:
        assert ask(cache, factory) == "new 1"
    finally:
        tracing.remove(meanwhile)
    assert factory.calls == 1
    assert not cache.has_key(LOCK)


def test_nobody_waits_for_longer_than_two_leases_in_all(cache: ServerCache) -> None:
    cache.set(LOCK, "of one that hangs", 60)
    assert ask(cache, Factory(), lease=0.2) == "new 1"
    assert cache.get("key") == "new 1"
    assert cache.has_key(LOCK)  # Which was not ours.


def test_one_that_takes_longer_than_its_lease_does_not_let_go_of_anothers(
    cache: ServerCache,
) -> None:
    slow, quick = Factory(hold=True), Factory(hold=True)
    with ExitStack() as stack:
        with being_made(cache, slow, lease=0.2) as first:
            second = stack.enter_context(being_made(cache, quick, lease=60))  # After that lease.
        assert first.result() == "new 1"
        assert cache.has_key(LOCK)
    assert second.result() == "new 1"
    assert not cache.has_key(LOCK)


async def test_a_task_that_is_cancelled_lets_go(cache: ServerCache) -> None:
    began = asyncio.Event()

    async def make() -> None:
        began.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(cache.aget_or_set("key", make, 100, stampede_protection=SOON))
    await asyncio.wait_for(began.wait(), 15)
    assert await cache.ahas_key(LOCK)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await cache.ahas_key(LOCK)


def test_what_cannot_be_stored_is_raised_and_lets_go(cache: ServerCache) -> None:
    cache.set("key", "old", 10)
    with pytest.raises((AttributeError, pickle.PicklingError)):  # Which one depends on Python.
        ask(cache, lambda: lambda: None)
    assert cache.get("key") == "old"
    assert not cache.has_key(LOCK)


# The truth


def test_what_is_stored_is_what_is_stored_without_protection(cache: ServerCache) -> None:
    for value in (None, 7, "text", [1]):
        assert cache.get_or_set("plain", lambda: value, 100) == value  # noqa: B023
        assert cache.get_or_set("key", lambda: value, 100, stampede_protection=True) == value  # noqa: B023
        assert cache.getrange("key", 0, -1) == cache.getrange("plain", 0, -1)
        assert 99 <= cache.ttl("key") <= 100
        cache.delete_many(["plain", "key"])


def test_a_stored_none_is_a_value(cache: ServerCache) -> None:
    factory = Factory()
    cache.set("key", None, 100)
    assert ask(cache, factory) is None
    assert factory.calls == 0


def test_touch_puts_it_off_and_brings_it_on(cache: ServerCache) -> None:
    factory = Factory()
    cache.set("key", "old", 10)
    assert cache.touch("key", 90)
    assert ask(cache, factory) == "old"
    assert cache.ttl("key") <= 90
    assert cache.touch("key", None)
    assert ask(cache, factory) == "old"
    assert cache.ttl("key") is None
    assert cache.touch("key", 10)
    assert ask(cache, factory) == "new 1"
    assert 90 < cache.ttl("key") <= 100


def test_add_and_incr_and_delete_see_the_value_while_it_is_made_anew(cache: ServerCache) -> None:
    cache.set("key", 5, 10)
    with being_made(cache, Factory(hold=True)) as first:
        assert cache.add("key", "other") is False
        assert cache.has_key("key")
        assert 0 < cache.ttl("key") <= 10
        assert cache.incr("key") == 6
        assert 0 < cache.ttl("key") <= 10
    assert first.result() == cache.get("key") == 6  # Who counted knew better.


@pytest.mark.parametrize(
    ("change", "left", "found"),
    [
        (lambda cache: cache.set("key", "set"), "set", "set"),
        (lambda cache: cache.delete("key"), "nothing", "new 1"),
        (lambda cache: cache.clear(), "nothing", "new 1"),
        (lambda cache: cache.touch("key", 20), "new 1", "new 1"),
    ],
    ids=["set", "delete", "clear", "touch"],
)
def test_who_changes_the_value_while_it_is_made_wins(
    cache: ServerCache, change: Callable[[ServerCache], Any], left: str, found: str
) -> None:
    cache.set("key", "old", 10)
    with being_made(cache, Factory(hold=True)) as first:
        change(cache)
    assert first.result() == found
    assert cache.get("key", "nothing") == left


def test_a_value_that_expires_while_it_is_made_is_stored_all_the_same(cache: ServerCache) -> None:
    cache.set("key", "old", 0.2)
    factory = Factory(hold=True)
    with ThreadPoolExecutor(1) as pool, being_made(cache, factory) as first:
        wait_until(lambda: not cache.has_key("key"), "the value to expire")
        second = pool.submit(ask, cache, factory)
        factory.go.set()
        assert first.result(15) == second.result(15) == "new 1"
    assert cache.get("key") == "new 1"
    assert factory.calls == 1


def test_a_value_is_not_made_more_than_half_its_life_before_its_end(cache: ServerCache) -> None:
    factory = Factory()
    for _time in range(3):
        found = cache.get_or_set("key", factory, 100, stampede_protection=Protection(early=1e6))
        assert found == "new 1"
    for left, calls in ((51, 1), (49, 2)):
        cache.touch("key", left)
        cache.get_or_set("key", factory, 100, stampede_protection=Protection(early=1e6))
        assert factory.calls == calls


def test_a_tenth_of_the_timeout_is_the_rule(cache: ServerCache) -> None:
    factory = Factory()
    for left, calls in ((100, 1), (11, 1), (9, 2)):
        cache.touch("key", left)
        cache.get_or_set("key", factory, 100, stampede_protection=True)
        assert factory.calls == calls


def test_hits_and_misses_are_counted_once(cache: ServerCache) -> None:
    before = cache.statistics.hits, cache.statistics.misses
    ask(cache, Factory())
    ask(cache, Factory())
    after = cache.statistics.hits, cache.statistics.misses
    assert (after[0] - before[0], after[1] - before[1]) == (2, 1)  # Rereading is a hit, as ever.


@pytest.mark.slow
def test_of_many_who_ask_all_the_time_never_two_make_it(cache: ServerCache) -> None:
    making = threading.Lock()
    made: list[float] = []
    overlaps: list[int] = []
    until = time.monotonic() + 5

    def make() -> int:
        if not making.acquire(blocking=False):
            overlaps.append(len(made))
            return -1
        try:
            time.sleep(0.02)  # What it takes.
            made.append(time.monotonic())
            return len(made)
        finally:
            making.release()

    def keep_asking() -> list[int]:
        found = []
        while time.monotonic() < until:
            found.append(
                cache.get_or_set("key", make, 0.2, stampede_protection={"early": 0.1, "lease": 5})
            )
        return found

    with ThreadPoolExecutor(8) as pool:
        each = [future.result() for future in [pool.submit(keep_asking) for _ in range(8)]]
    assert overlaps == []
    assert len(made) > 10
    for found in each:
        assert found == sorted(found)  # Nobody is given an older value than before.


# By whom, and where


def test_an_alias_protects_all_its_keys_unless_told_otherwise(make_cache: MakeCache) -> None:
    cache = make_cache(OPTIONS={"stampede_protection": SOON})
    factory = Factory()
    cache.set("key", "old", 10)
    assert cache.get_or_set("key", factory, 100, stampede_protection=False) == "old"
    assert cache.get_or_set("key", "no function", 100) == "old"
    assert cache.get_or_set("key", factory, 100) == "new 1"
    assert cache.get_or_set("other", 5, 100) == 5
    assert cache.get_or_set("never", Factory(), None) == "new 1"
    assert cache.ttl("never") is None
    assert cache.get_or_set("none", Factory(), 0) == "new 1"
    assert not cache.has_key("none")


def test_versions_prefixes_and_codecs_are_heeded(make_cache: MakeCache) -> None:
    cache = make_cache(
        OPTIONS={"stampede_protection": SOON, "serializer": "json", "compressor": "zlib"},
        KEY_PREFIX="shop",
    )
    long = "long " * 1000
    cache.set("key", "old", 10, version=2)
    assert cache.get_or_set("key", lambda: long, 100, version=2) == long
    assert cache.strlen("key", version=2) < 100
    assert cache.get("key", version=2) == long
    assert not cache.has_key("key")


def test_the_right_to_make_it_is_a_key_of_the_cache(make_cache: MakeCache) -> None:
    cache = make_cache(KEY_PREFIX="shop")
    with being_made(cache, Factory(hold=True)):
        assert cache.keys() == [LOCK]
        assert 25 < cache.ttl(LOCK) <= 30


def test_without_its_server_a_cache_that_ignores_that_makes_values_at_once(driver: str) -> None:
    options = {"ignore_exceptions": True, "stampede_protection": True}
    cache = BACKENDS[driver](f"redis://127.0.0.1:{free_port()}", {"OPTIONS": options})
    began = time.monotonic()
    assert cache.get_or_set("key", Factory(), 100) == "new 1"

    async def make() -> str:
        return "new"

    assert asyncio.run(cache.aget_or_set("key", make, 100)) == "new"
    assert time.monotonic() - began < 5  # Nobody is waited for: a lease is 10 seconds.


@pytest.mark.parametrize(
    "given", ["yes", 5, {"late": 1}, {"early": 0}, {"lease": -1}, {"early": "5"}, {"lease": True}]
)
def test_protection_that_makes_no_sense_is_refused(cache: ServerCache, given: Any) -> None:
    with pytest.raises(ImproperlyConfigured):
        cache.get_or_set("key", Factory(), stampede_protection=given)


@pytest.mark.parametrize("number", range(1, 6))  # The sixth step is the release.
def test_an_interrupt_between_two_steps_leaves_no_lock(cache: ServerCache, number: int) -> None:
    returns = 0

    def interrupt(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal returns
        if event == "c_return" and frame.f_code.co_name == "run_steps":
            returns += 1  # The generator has yielded its next step, which isn't begun.
            if returns == number:
                raise KeyboardInterrupt

    previous = sys.getprofile()
    sys.setprofile(interrupt)
    try:
        with suppress(KeyboardInterrupt):
            ask(cache, lambda: "value")
    finally:
        sys.setprofile(previous)
    assert cache.has_key(LOCK) is False
