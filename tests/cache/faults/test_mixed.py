"""Everything at once, from many threads and tasks, while connections die at random.

Every owner has keys of its own and knows what they may hold: no reply may be wrong, none another's,
and what a call said it did is seen by the next.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from django_cachex.cache.backends import ServerCache
from django_cachex.commands import ServerTimeout, ServerUnavailable
from tests.cache.faults.conftest import MakeCaller, name_of
from tests.cache.faults.endpoints import Endpoint
from tests.cache.faults.model import Model, get
from tests.cache.faults.operations import Operation, Owner, aperform, perform
from tests.cache.relay import Relay, relay
from tests.servers import Server, wait_until

SEED = 20_261
CALM, WILD = 1 / 40, 1 / 200
"""How likely a call is to bring a disaster about, with a few calls at once and with many."""

OPERATIONS = [
    pytest.param(3_000, id="short"),
    pytest.param(50_000, id="full", marks=pytest.mark.slow),
]


class Disasters:
    """Kills a connection on the server, or cuts one or all in the relay, whenever it is asked."""

    def __init__(self, endpoint: Endpoint, between: Relay, name: str) -> None:
        self._endpoint = endpoint
        self._between = between
        self._name = name
        self._random = random.Random(SEED)
        self._asked = threading.Semaphore(0)
        self._over = False
        self._thread = threading.Thread(target=self._work)
        self.happened: Counter[str] = Counter()

    def ask(self) -> None:
        self._asked.release()

    def _work(self) -> None:
        with self._endpoint.control() as control:
            while self._asked.acquire() and not self._over:
                kind = self._random.choice(("kill", "cut", "cut in a reply", "cut all"))
                self.happened[kind] += 1
                links = [link for link in list(self._between.links) if link.near.fileno() >= 0]
                if kind == "kill":
                    ids = [c["id"] for c in control.client_list() if c["name"] == self._name]
                    for one in ids[:1]:
                        control.client_kill_filter(_id=one)
                elif kind == "cut all":
                    self._between.cut()
                elif links:
                    link = self._random.choice(links)
                    if kind == "cut":
                        link.cut(resets=self._random.random() < 0.5)
                    else:
                        link.left = self._random.randint(1, 100)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over = True
            self._asked.release()
            self._thread.join()


class Worker:
    """One owner at work, and what became of its calls."""

    def __init__(self, number: int, likelihood: float, ask: Callable[[], None]) -> None:
        self._random = random.Random(SEED + number)
        self._likelihood = likelihood
        self._ask = ask
        self.owner = Owner(f"owner{number}", SEED)
        self.model = Model()
        self.answered = self.failed = 0

    def _begin(self) -> Operation:
        if self._random.random() < self._likelihood:
            self._ask()
        return self.owner.next()

    def _fail(self, operation: Operation, error: ServerUnavailable) -> None:
        assert not isinstance(error, ServerTimeout), "whoever is hung up on is told at once"
        self.failed += 1
        self.model.unknown(operation.effects)

    def _end(self, operation: Operation, returned: object) -> None:
        self.answered += 1
        self.model.answered(operation.seen(returned))

    def work(self, cache: ServerCache, count: int) -> None:
        for _ in range(count):
            operation = self._begin()
            try:
                returned = perform(cache, operation)
            except ServerUnavailable as error:
                self._fail(operation, error)
            else:
                self._end(operation, returned)

    async def awork(self, cache: ServerCache, count: int) -> None:
        for _ in range(count):
            operation = self._begin()
            try:
                returned = await aperform(cache, operation)
            except ServerUnavailable as error:
                self._fail(operation, error)
            else:
                self._end(operation, returned)

    def check(self, cache: ServerCache) -> None:
        """Compare what is stored, in calm, with the model."""
        found = cache.get_many(self.owner.keys)
        self.model.answered((key, get, found.get(key)) for key in self.owner.keys)


@pytest.fixture
def endpoint(valkey_server: Server) -> Endpoint:
    return Endpoint(valkey_server, valkey_server.port)


@pytest.mark.parametrize("operations", OPERATIONS)
def test_threads(make_caller: MakeCaller, endpoint: Endpoint, operations: int) -> None:
    with relay(endpoint.port) as between:
        caller = make_caller("blocking", endpoint.url(between.port), max_connections=12)
        disasters = Disasters(endpoint, between, name_of(caller))
        workers = [Worker(number, CALM, disasters.ask) for number in range(16)]
        wrong: list[BaseException] = []

        def work(worker: Worker) -> None:
            try:
                worker.work(caller.cache, operations // len(workers))
            except BaseException as error:
                wrong.append(error)

        with disasters.at_work():
            threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert wrong == []
        conclude(caller.cache, workers, disasters, operations)
        wait_until(lambda: len(endpoint.connections(name_of(caller))) <= 12, "the limit to hold")


@pytest.mark.parametrize("operations", OPERATIONS)
def test_tasks(make_caller: MakeCaller, endpoint: Endpoint, operations: int) -> None:
    with relay(endpoint.port) as between:
        caller = make_caller("awaited", endpoint.url(between.port))
        disasters = Disasters(endpoint, between, name_of(caller))
        workers = [Worker(number, WILD, disasters.ask) for number in range(200)]

        async def main() -> None:
            share = operations // len(workers)
            async with asyncio.TaskGroup() as group:
                for worker in workers:
                    group.create_task(worker.awork(caller.cache, share))

        with disasters.at_work():
            asyncio.run(main())
        conclude(caller.cache, workers, disasters, operations)


def conclude(
    cache: ServerCache, workers: list[Worker], disasters: Disasters, operations: int
) -> None:
    """Check what is stored, and that there was something to survive."""
    for worker in workers:
        worker.check(cache)
    answered = sum(worker.answered for worker in workers)
    failed = sum(worker.failed for worker in workers)
    assert answered + failed >= operations * 0.95
    assert answered > failed > 0
    assert disasters.happened.total() >= 5, disasters.happened
