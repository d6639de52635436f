"""A campaign: everything at once while servers hang, networks forget, and others take over.

Every owner has keys of its own and knows what they may hold. Whoever was disturbed goes on with
new ones: what was sent to a server that stood still may yet be done, and what one that was replaced
has confirmed may be lost. No reply may be wrong, or another's. And no call fails later than a
timeout and two seconds after the end.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import pytest

from django_cachex.cache.backends import ServerCache
from django_cachex.commands import CommandError, ServerUnavailable
from tests import servers
from tests.cache.conftest import BACKENDS
from tests.cache.faults.model import Model
from tests.cache.faults.operations import Operation, Owner, aperform, perform
from tests.cache.relay import relay
from tests.cache.test_cluster import CLUSTERS, ask
from tests.cache.test_sentinel import SENTINELS, await_replicas, fleet_of, raw
from tests.servers import Server, wait_until

pytestmark = pytest.mark.slow

SEED = 20_261
TIMEOUT = 1.0
LATEST = TIMEOUT + 2.0
"""Seconds after the end of a disturbance in which all calls must succeed again."""

OPERATIONS = 3_400
"""On each topology, by threads and on a loop: 20,400 in all."""

OPTIONS = {"socket_timeout": TIMEOUT}

Disturb = Callable[[], None]
"""Does something, and returns as soon as it is over."""


@contextmanager
def standing_still(server: Server) -> Iterator[None]:
    """Stop a process as a host that is paused: nothing is closed, and nothing answered."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def pause(server: Server, seconds: float) -> None:
    with standing_still(server):
        time.sleep(seconds)


@dataclass(frozen=True)
class Scene:
    """A cache, and what happens to it, one thing after the other."""

    cache: ServerCache
    disturbances: list[Disturb]
    settle: Callable[[], None] = lambda: None
    """Waits until another disturbance can be borne."""


@contextmanager
def standalone(driver: str) -> Iterator[Scene]:
    with servers.valkey() as server, relay(server.port) as between:
        cache = BACKENDS[driver](f"redis://127.0.0.1:{between.port}/0", {"OPTIONS": OPTIONS})

        def wait(_number: int) -> None:
            with suppress(ServerUnavailable):  # The last silence may not have been noticed yet.
                cache.blpop("nothing", 0.3)

        def silenced() -> None:
            with ThreadPoolExecutor(20) as threads:  # So many connections lie idle then.
                list(threads.map(wait, range(20)))
            between.silence()

        def silenced_and_paused() -> None:
            silenced()
            pause(server, 2.5)

        pauses = [partial(pause, server, seconds) for seconds in (0.3, 10)]
        yield Scene(cache, [silenced, *pauses, silenced, silenced_and_paused])


@contextmanager
def sentinel(driver: str) -> Iterator[Scene]:
    with fleet_of() as fleet, ExitStack() as stack:
        sentinels = [("127.0.0.1", fleet.sentinel.port)]
        options = {**OPTIONS, "sentinels": sentinels}
        cache = SENTINELS[driver](f"redis://{fleet.name}/1", {"OPTIONS": options})

        def replaced() -> None:
            old = fleet.primary
            stack.enter_context(standing_still(old))
            wait_until(lambda: fleet.primary is not old, "another primary")
            with raw(fleet.primary) as new:
                wait_until(lambda: new.info("replication")["role"] == "master", "its new role")

        def settle() -> None:
            stack.close()
            await_replicas(fleet)

        yield Scene(cache, [replaced, replaced, replaced], settle)


@contextmanager
def cluster(driver: str) -> Iterator[Scene]:
    with servers.cluster(replicas=1, patience=3) as nodes, ExitStack() as stack:
        location = [f"redis://{node.address}" for node in nodes]
        cache = CLUSTERS[driver](location, {"OPTIONS": OPTIONS})
        pair = nodes[0], nodes[3]

        def is_primary(node: Server) -> bool:
            return bool(ask(node, "ROLE")[0] == b"master")

        def replaced() -> None:
            old, new = sorted(pair, key=is_primary, reverse=True)
            stack.enter_context(standing_still(old))
            wait_until(lambda: is_primary(new), "another primary", 30)
            others = [node for node in nodes if node is not old]
            for node in others:
                wait_until(lambda node=node: b"state:ok" in ask(node, "CLUSTER", "INFO"), "news")

        def settle() -> None:
            stack.close()
            wait_until(lambda: sum(map(is_primary, pair)) == 1, "the old primary to follow", 30)
            [follower] = [node for node in pair if not is_primary(node)]
            wait_until(lambda: ask(follower, "ROLE")[3] == b"connected", "a replica", 30)

        yield Scene(cache, [replaced, partial(pause, nodes[1], 0.5), replaced], settle)


SCENES = {"standalone": standalone, "sentinel": sentinel, "cluster": cluster}


class Storms:
    """Lets the disturbances of a scene happen, spread over all calls."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._answered = count()
        self._step = OPERATIONS // (len(scene.disturbances) + 1)
        self._due = threading.Semaphore(0)
        self.number = 0
        """Odd while something is amiss."""
        self.ended: list[float] = []
        """When each was over."""
        self.over = False
        self.wrong: list[BaseException] = []

    def answered(self) -> None:
        if next(self._answered) % self._step == self._step - 1:
            self._due.release()

    def rage(self) -> None:
        try:
            for disturb in self._scene.disturbances:
                assert self._due.acquire(timeout=60)
                self.number += 1
                disturb()
                self.ended.append(time.monotonic())
                time.sleep(LATEST + 0.5)
                self._scene.settle()
                self.number += 1
            assert self._due.acquire(timeout=60)
        except BaseException as error:
            self.wrong.append(error)
        self.over = True


class Worker:
    """One owner after the other at work, and when calls failed."""

    def __init__(self, number: int, storms: Storms) -> None:
        self._number = number
        self._storms = storms
        self._begun = 0
        self._renew()
        self.answered = 0
        self.failed: list[float] = []
        self.reasons: list[Exception] = []

    def _renew(self) -> None:
        self._begun += 1
        self._owner = Owner(f"owner{self._number}-{self._begun}", SEED)
        self._model = Model()

    def _begin(self) -> tuple[int, Operation]:
        return self._storms.number, self._owner.next()

    def _fail(self, error: Exception) -> None:
        self.failed.append(time.monotonic())
        self.reasons.append(error)
        self._renew()

    def _end(self, began: int, operation: Operation, returned: object) -> None:
        self.answered += 1
        self._storms.answered()
        self._model.answered(operation.seen(returned))
        if began % 2 or self._storms.number != began:
            self._renew()

    def work(self, cache: ServerCache) -> None:
        while not self._storms.over:
            began, operation = self._begin()
            try:
                returned = perform(cache, operation)
            except (ServerUnavailable, CommandError) as error:
                self._fail(error)
                time.sleep(0.02)
            else:
                self._end(began, operation, returned)
                time.sleep(0.001)

    async def awork(self, cache: ServerCache) -> None:
        while not self._storms.over:
            began, operation = self._begin()
            try:
                returned = await aperform(cache, operation)
            except (ServerUnavailable, CommandError) as error:
                self._fail(error)
                await asyncio.sleep(0.02)
            else:
                self._end(began, operation, returned)
                await asyncio.sleep(0.001)


def work_in_threads(cache: ServerCache, workers: list[Worker]) -> list[BaseException]:
    wrong: list[BaseException] = []

    def work(worker: Worker) -> None:
        try:
            worker.work(cache)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def work_on_a_loop(cache: ServerCache, workers: list[Worker]) -> list[BaseException]:
    async def main() -> list[Any]:
        return await asyncio.gather(
            *(worker.awork(cache) for worker in workers), return_exceptions=True
        )

    return [found for found in asyncio.run(main()) if found is not None]


@pytest.mark.parametrize("work", [work_in_threads, work_on_a_loop], ids=["threads", "loop"])
@pytest.mark.parametrize("scene", SCENES)
def test_calls_succeed_again(
    scene: str, work: Callable[[ServerCache, list[Worker]], list[BaseException]]
) -> None:
    driver = "valkey" if scene == "standalone" else "redis"
    with SCENES[scene](driver) as found:
        storms = Storms(found)
        workers = [Worker(number, storms) for number in range(10)]
        raging = threading.Thread(target=storms.rage)
        raging.start()
        try:
            wrong = work(found.cache, workers)
        finally:
            raging.join()
    assert wrong == []
    assert storms.wrong == []
    assert sum(worker.answered for worker in workers) >= OPERATIONS
    failures = sorted(
        (when, str(reason))
        for worker in workers
        for when, reason in zip(worker.failed, worker.reasons, strict=True)
    )
    assert failures, "there was nothing to survive"
    late = [
        (round(when - end, 2), reason)
        for end, following in zip(storms.ended, [*storms.ended[1:], float("inf")], strict=True)
        for when, reason in failures
        if end + LATEST < when < min(following, end + LATEST + 0.5)
    ]
    assert late == []
