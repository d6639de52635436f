"""Caches on whatever server Sentinel says is the primary."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest
import valkey
from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache import RedisSentinelCache, ValkeySentinelCache
from django_cachex.cache.backends import ServerCache
from django_cachex.commands import CachexError, ReadOnlyError, ServerUnavailable
from tests import servers
from tests.cache.conftest import EACH_DRIVER, Certificate
from tests.servers import Fleet, Server, wait_until

SENTINELS: dict[str, type[ServerCache]] = {
    "valkey": ValkeySentinelCache,
    "redis": RedisSentinelCache,
}

MakeCache = Callable[..., ServerCache]

numbers = itertools.count()


def raw(server: Server, **options: Any) -> valkey.Valkey:
    return valkey.Valkey(port=server.port, **options)


def replicate(fleet: Fleet) -> None:
    """Wait until all replicas have what was written so far."""
    with raw(fleet.primary, db=15) as primary:
        primary.incr("written")  # WAIT looks after the writes of its own connection.
        count = len(fleet.servers) - 1
        wait_until(lambda: primary.wait(count, 100) == count, "a replica")


def await_replicas(fleet: Fleet) -> None:
    """Wait until the sentinel knows all replicas, no failover is going on, and they follow."""
    with raw(fleet.sentinel) as sentinel:

        def settled() -> bool:
            found = sentinel.sentinel_slaves(fleet.name)
            up = {one["port"] for one in found if one["flags"] == "slave"}
            return up == {server.port for server in fleet.replicas}

        wait_until(settled, "a replica")
    replicate(fleet)


@contextmanager
def fleet_of(*options: str, **settings: Any) -> Iterator[Fleet]:
    with servers.sentinel(*options, **settings) as fleet:
        await_replicas(fleet)
        yield fleet


@pytest.fixture(scope="module")
def lasting_fleet() -> Iterator[Fleet]:
    with fleet_of() as fleet:
        yield fleet


@pytest.fixture
def fleet(lasting_fleet: Fleet) -> Fleet:
    """A primary and two replicas, empty, of which tests may make another one the primary."""
    await_replicas(lasting_fleet)
    with raw(lasting_fleet.primary) as primary:
        primary.flushall()
    replicate(lasting_fleet)
    return lasting_fleet


@pytest.fixture
def make_cache(driver: str) -> MakeCache:
    def make(fleet: Fleet, database: int = 1, **options: Any) -> ServerCache:
        options.setdefault("sentinels", [("127.0.0.1", fleet.sentinel.port)])
        # Equal options would share connections, to what was a replica in another test.
        options.setdefault("client_name", f"test-{next(numbers)}")
        location = f"redis://{fleet.name}/{database}"
        return SENTINELS[driver](location, {"OPTIONS": {**options}})

    return make


@EACH_DRIVER
def test_the_primary_is_found(make_cache: MakeCache, fleet: Fleet) -> None:
    cache = make_cache(fleet)
    cache.set_many({"one": 1, "two": [2]})
    assert cache.get_many(["one", "two", "three"]) == {"one": 1, "two": [2]}
    assert asyncio.run(cache.aget("two")) == [2]
    with raw(fleet.primary, db=1) as primary:
        assert sorted(primary.keys()) == [b":1:one", b":1:two"]


async def test_locks_semaphores_and_scripts_are_those_of_the_primary(
    make_cache: MakeCache, fleet: Fleet
) -> None:
    cache = make_cache(fleet, read_replicas=True)
    with cache.lock("lock", timeout=30) as lock, cache.semaphore("room", 2) as room:
        assert lock.owned() is cache.lock("lock").locked() is True
        assert room.in_use() == 1
        with raw(fleet.primary, db=1) as primary:
            assert sorted(primary.keys()) == [b":1:lock", b":1:room"]
    assert cache.eval_script("return redis.call('SET', KEYS[1], 'x')", ["key"]) == b"OK"

    async with cache.alock("lock", timeout=30) as lock, cache.asemaphore("room", 2) as room:
        assert await lock.owned() is True
        assert await room.in_use() == 1


def promote(fleet: Fleet) -> Server:
    """Let Sentinel make another server the primary, and make the old one a replica at once."""
    old = fleet.primary
    with raw(fleet.sentinel) as sentinel:
        wait_until(lambda: _failover(sentinel, fleet.name), "a failover")
    wait_until(lambda: fleet.primary is not old, "another primary")
    with raw(fleet.primary) as new:
        wait_until(lambda: new.info("replication")["role"] == "master", "another primary")
    with raw(old) as client:
        # Sentinel would, and it would close all connections, so that nobody had to see READONLY.
        client.replicaof("127.0.0.1", str(fleet.primary.port))
    return old


def _failover(sentinel: valkey.Valkey, name: str) -> bool:
    try:
        return bool(sentinel.sentinel_failover(name))
    except valkey.ResponseError:
        return False  # No replica is good enough yet, or one failover is going on.


# What is done on a demoted primary, and what `key`, 1 before, and `other`, 1 too, are then.
WRITES: list[tuple[Callable[[ServerCache], Any], dict[str, int]]] = [
    (lambda cache: cache.set("key", 5), {"key": 5, "other": 1}),
    (lambda cache: cache.incr("key"), {"key": 2, "other": 1}),
    (lambda cache: cache.touch("key", 50), {"key": 1, "other": 1}),
    (lambda cache: cache.set_many({"key": 5, "other": 6}), {"key": 5, "other": 6}),
    (lambda cache: cache.delete_many(["other"]), {"key": 1}),
    (lambda cache: cache.pipeline().incr("key").execute(), {"key": 2, "other": 1}),
    (lambda cache: cache.aset("key", 5), {"key": 5, "other": 1}),
    (lambda cache: cache.aincr("key"), {"key": 2, "other": 1}),
    (lambda cache: cache.aset_many({"key": 5}), {"key": 5, "other": 1}),
]


def test_a_demoted_primary_is_left_for_the_new_one(make_cache: MakeCache, fleet: Fleet) -> None:
    caches = [make_cache(fleet, database) for database in range(len(WRITES))]
    with asyncio.Runner() as runner:
        for cache in caches:
            cache.set("key", 1)
            runner.run(cache.aset("other", 1))
        await_replicas(fleet)
        promote(fleet)
        for cache, (write, _left) in zip(caches, WRITES, strict=True):
            done = write(cache)
            if asyncio.iscoroutine(done):
                runner.run(done)
    found = []
    for database in range(len(WRITES)):
        with raw(fleet.primary, db=database) as primary:
            found.append({key[3:].decode(): int(primary.get(key)) for key in primary.keys("*")})
    assert found == [left for _write, left in WRITES]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["blpop", "ablpop"])
def test_a_wait_goes_on_at_the_new_primary(make_cache: MakeCache, fleet: Fleet, name: str) -> None:
    cache = make_cache(fleet)

    def wait() -> Any:
        found = getattr(cache, name)("queue", 30)
        return asyncio.run(found) if asyncio.iscoroutine(found) else found

    def waits() -> bool:
        with raw(fleet.primary) as primary:
            return bool(primary.info("clients")["blocked_clients"])

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(wait)
        wait_until(waits, "somebody who waits")
        promote(fleet)
        wait_until(waits, "somebody who waits at the new primary")
        assert cache.rpush("queue", [1]) == 1
        assert waiting.result(20) == ("queue", [1])


def options_of(fleet: Fleet) -> dict[str, Any]:
    return {"sentinels": [("127.0.0.1", fleet.sentinel.port)]}


def test_a_primary_that_died_is_replaced(make_cache: MakeCache) -> None:
    with fleet_of() as fleet, asyncio.Runner() as runner:
        cache, awaited = (make_cache(fleet, breaker=False) for _ in range(2))
        cache.set("key", "kept")
        runner.run(awaited.aset("other", "kept"))
        replicate(fleet)
        fleet.primary.process.kill()
        wait_until(lambda: reads(partial(cache.get, "key")), "another primary")
        wait_until(lambda: reads(lambda: runner.run(awaited.aget("other"))), "another primary")
        assert (cache.get("key"), runner.run(awaited.aget("other"))) == ("kept", "kept")
        cache.set("key", "new")
        assert runner.run(awaited.aget("key")) == "new"


def reads(get: Callable[[], Any]) -> bool:
    try:
        return get() is not None
    except ServerUnavailable:
        return False


def stopped_until_replaced(fleet: Fleet, call: Callable[[], Any]) -> float:
    """Stop the primary as a host that is paused, and call all the time.

    Return how many seconds after another one was there a call succeeded.
    """
    old = fleet.primary
    old.process.send_signal(signal.SIGSTOP)
    try:
        replaced = None
        while True:
            if replaced is None and fleet.primary is not old:
                replaced = time.monotonic()
            try:
                call()
                return time.monotonic() - (replaced or time.monotonic())
            except ServerUnavailable:
                assert replaced is None or time.monotonic() - replaced < 15
                time.sleep(0.05)
    finally:
        old.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
def test_a_primary_that_stands_still_is_replaced_under_many_connections(
    make_cache: MakeCache, awaited: bool
) -> None:
    with fleet_of() as fleet:
        cache = make_cache(fleet, socket_timeout=0.5)
        cache.set("key", 1)
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda _number: cache.blpop("nothing", 0.5), range(6)))
        with asyncio.Runner() as runner:
            runner.run(cache.aset("key", 1))
            call = (
                (lambda: runner.run(cache.aset("key", 2)))
                if awaited
                else partial(cache.set, "key", 2)
            )
            assert stopped_until_replaced(fleet, call) < 0.5 + 2
        for number in range(6):
            cache.set("key", number)


def calls(server: Server, command: str) -> int:
    with raw(server) as client:
        statistics = client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})
    return int(statistics["calls"])


def test_replicas_are_read_from_where_that_is_asked_for(
    make_cache: MakeCache, fleet: Fleet
) -> None:
    cache = make_cache(fleet, read_replicas=True)
    cache.set("key", 1)
    replicate(fleet)
    before = [calls(server, "get") for server in (fleet.primary, *fleet.replicas)]
    assert cache.get("key") == 1
    assert asyncio.run(cache.aget("key")) == 1
    at_primary, *at_replicas = (calls(server, "get") for server in (fleet.primary, *fleet.replicas))
    assert at_primary == before[0]
    assert sum(at_replicas) == sum(before[1:]) + 2


def test_what_was_just_written_is_read_from_the_primary(
    make_cache: MakeCache, fleet: Fleet
) -> None:
    cache = make_cache(fleet, read_replicas=True)
    before = calls(fleet.primary, "get")
    assert cache.get_or_set("key", 1) == 1
    assert asyncio.run(cache.aget_or_set("other", 2)) == 2
    assert calls(fleet.primary, "get") == before + 2


def test_what_no_replica_answers_is_read_from_the_primary(make_cache: MakeCache) -> None:
    with fleet_of(replicas=1) as fleet:
        cache = make_cache(fleet, read_replicas=True)
        cache.set("key", 1)
        assert cache.get("missing") is None  # Connects to the replica.
        [replica] = fleet.replicas
        replica.process.kill()
        assert cache.get("key") == 1
        assert asyncio.run(cache.aget("key")) == 1


def test_a_sentinel_that_is_down_is_passed_over(make_cache: MakeCache, fleet: Fleet) -> None:
    listed = [("127.0.0.1", servers.free_port()), ("127.0.0.1", fleet.sentinel.port)]
    cache = make_cache(fleet, sentinels=listed)
    cache.set("key", 1)
    assert asyncio.run(cache.aget("key")) == 1


@EACH_DRIVER
def test_without_a_sentinel_the_error_names_service_and_sentinels(
    make_cache: MakeCache, fleet: Fleet
) -> None:
    port = servers.free_port()
    cache = make_cache(fleet, sentinels=[("127.0.0.1", port)])
    with pytest.raises(ServerUnavailable, match=rf"mymaster(?s:.)*127\.0\.0\.1:{port}"):
        cache.get("key")
    with pytest.raises(ServerUnavailable, match=rf"mymaster(?s:.)*127\.0\.0\.1:{port}"):
        asyncio.run(cache.aget("key"))


@EACH_DRIVER
def test_a_service_that_no_sentinel_knows_is_named(driver: str, fleet: Fleet) -> None:
    cache = SENTINELS[driver]("redis://nobody/0", {"OPTIONS": options_of(fleet)})
    with pytest.raises(ServerUnavailable, match=r"nobody. .* doesn.t know this service"):
        cache.get("key")


def test_services_of_one_name_are_kept_apart(make_cache: MakeCache, fleet: Fleet) -> None:
    """Where there are no replicas, the primary is read from."""
    with servers.sentinel(replicas=0) as other:
        here, there = make_cache(fleet), make_cache(other, read_replicas=True)
        here.set("key", "here")
        there.set("key", "there")
        assert (here.get("key"), there.get("key")) == ("here", "there")
        assert here.client.server.address != there.client.server.address


def test_names_of_services_keep_their_capitals(driver: str, fleet: Fleet) -> None:
    with raw(fleet.sentinel) as sentinel:
        sentinel.sentinel_monitor("MyMaster", "127.0.0.1", fleet.primary.port, 1)
        cache = SENTINELS[driver]("redis://MyMaster/0", {"OPTIONS": options_of(fleet)})
        cache.set("key", 1)
        assert cache.get("key") == 1
        sentinel.sentinel_remove("MyMaster")


@EACH_DRIVER
def test_sentinels_and_servers_have_credentials_of_their_own(driver: str) -> None:
    with ExitStack() as stack:
        fleet = stack.enter_context(
            servers.sentinel(
                *("--requirepass", "theirs", "--masterauth", "theirs"),
                directives=["sentinel auth-pass mymaster theirs", "requirepass watching"],
                replicas=0,
            )
        )
        options = {**options_of(fleet), "sentinel_kwargs": {"password": "watching"}}
        cache = SENTINELS[driver]("redis://:theirs@mymaster/3", {"OPTIONS": options})
        cache.set("key", 1)
        assert asyncio.run(cache.aget("key")) == 1
        with raw(fleet.servers[0], db=3, password="theirs") as primary:
            assert primary.keys() == [b":1:key"]
        wrong = {**options, "sentinel_kwargs": {"password": "wrong"}}
        with pytest.raises(CachexError) as caught:
            SENTINELS[driver]("redis://:theirs@mymaster/3", {"OPTIONS": wrong}).get("key")
        assert "theirs" not in str(caught.value)


@EACH_DRIVER
def test_tls_reaches_sentinels_and_servers(driver: str, certificate: Certificate) -> None:
    program = servers.redis_server()
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with servers.sentinel(replicas=0, program=program, tls=certificate) as fleet:
        options = {**options_of(fleet), "ssl_ca_certs": certificate[0]}
        cache = SENTINELS[driver]("rediss://mymaster/1", {"OPTIONS": options})
        cache.set("key", 1)
        assert asyncio.run(cache.aget("key")) == 1
        with pytest.raises(ServerUnavailable, match=r"(?i)certificate|ssl"):
            SENTINELS[driver]("rediss://mymaster/1", {"OPTIONS": options_of(fleet)}).get("key")
        plain = {**options, "sentinel_kwargs": {"ssl": False}}
        with pytest.raises(ServerUnavailable):
            SENTINELS[driver]("rediss://mymaster/1", {"OPTIONS": plain}).get("key")


class FakeSentinel(socketserver.BaseRequestHandler):
    """A sentinel whose picture of the world is out of date: no real one can be kept in the dark."""

    address = replicas = b""

    def handle(self) -> None:
        while received := self.request.recv(65536):
            for command in received.upper().split(b"*")[1:]:
                known = {b"GET-MASTER-ADDR-BY-NAME": self.address, b"REPLICAS": self.replicas}
                replies = [reply for question, reply in known.items() if question in command]
                self.request.sendall(replies[0] if replies else b"+OK\r\n")


def array(*texts: str) -> bytes:
    return b"*%d\r\n" % len(texts) + b"".join(
        b"$%d\r\n%b\r\n" % (len(text), text.encode()) for text in texts
    )


@contextmanager
def sentinel_saying(port: int) -> Iterator[int]:
    """Run a sentinel that calls the server at `port` the primary; yield its own port.

    Where it says a replica is, nobody listens.
    """
    dead = ["ip", "127.0.0.1", "port", str(servers.free_port()), "flags", "slave"]
    replies = {"address": array("127.0.0.1", str(port)), "replicas": b"*1\r\n" + array(*dead)}
    handler = type("Stale", (FakeSentinel,), replies)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@EACH_DRIVER
def test_a_sentinel_that_takes_a_replica_for_the_primary_is_not_believed(
    make_cache: MakeCache, fleet: Fleet
) -> None:
    for call in (lambda c: c.set("key", 1)), (lambda c: asyncio.run(c.aset("key", 1))):
        with sentinel_saying(fleet.replicas[0].port) as stale:
            listed = [("127.0.0.1", stale), ("127.0.0.1", fleet.sentinel.port)]
            cache = make_cache(fleet, sentinels=listed)
            with pytest.raises(ServerUnavailable, match="is a replica"):
                call(cache)
            call(cache)  # The other sentinel was asked.


def test_a_replica_that_is_gone_unnoticed_is_done_without(
    make_cache: MakeCache, fleet: Fleet
) -> None:
    with sentinel_saying(fleet.primary.port) as stale:
        sentinels = [("127.0.0.1", stale)]
        cache = make_cache(fleet, sentinels=sentinels, read_replicas=True)
        cache.set("key", 1)
        assert cache.get("key") == 1
        assert asyncio.run(cache.aget("key")) == 1


@EACH_DRIVER
def test_a_primary_that_stays_read_only_is_asked_twice_and_no_more(
    make_cache: MakeCache, fleet: Fleet
) -> None:
    """As where the sentinels have not noticed yet, and ROLE may not be asked for."""
    replica = fleet.replicas[0]
    with raw(replica) as client, sentinel_saying(replica.port) as stale:
        client.acl_setuser(
            "norole", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-role"]
        )
        cache = make_cache(fleet, sentinels=[("127.0.0.1", stale)], username="norole", password="x")
        with pytest.raises(ReadOnlyError):
            cache.set("key", 1)
        with pytest.raises(ReadOnlyError):
            cache.set_many({"key": 1})
        with pytest.raises(ReadOnlyError):
            asyncio.run(cache.aset("key", 1))
        assert cache.get("key") is None
        client.acl_deluser("norole")


@pytest.mark.parametrize(
    ("location", "options"),
    [
        ("redis://mymaster/0", {}),
        ("redis://mymaster/0", {"sentinels": []}),
        ("redis://mymaster/0", {"sentinels": "127.0.0.1:26379"}),
        ("redis://mymaster/0", {"sentinels": [("127.0.0.1", "port")]}),
        ("redis://mymaster:6379/0", {"sentinels": [("127.0.0.1", 26379)]}),
        ("redis:///0", {"sentinels": [("127.0.0.1", 26379)]}),
        (["redis://a/0", "redis://b/0"], {"sentinels": [("127.0.0.1", 26379)]}),
    ],
)
def test_what_cannot_work_is_refused(driver: str, location: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"LOCATION|sentinels"):
        SENTINELS[driver](location, {"OPTIONS": options}).get("key")
