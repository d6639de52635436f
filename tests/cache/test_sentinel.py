"""Caches on whatever server Sentinel says is the primary."""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import valkey
from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache import RedisSentinelCache, ValkeySentinelCache
from django_cachex.cache.backends import ServerCache
from django_cachex.commands import CachexError, ReadOnlyError, ServerUnavailable
from tests import servers
from tests.cache.certificates import certificate
from tests.servers import Fleet, Server, wait_until

SENTINELS: dict[str, type[ServerCache]] = {
    "valkey": ValkeySentinelCache,
    "redis": RedisSentinelCache,
}

MakeCache = Callable[..., ServerCache]


def raw(server: Server, **options: Any) -> valkey.Valkey:
    return valkey.Valkey(port=server.port, **options)


def await_replicas(fleet: Fleet) -> None:
    """Wait until the sentinel knows all replicas, and they follow."""
    with raw(fleet.sentinel) as sentinel:

        def known() -> bool:
            found = sentinel.sentinel_slaves(fleet.name)
            up = [one for one in found if one["flags"] == "slave"]
            return len(up) == len(fleet.servers) - 1

        wait_until(known, "a replica")
    with raw(fleet.primary) as primary:
        wait_until(lambda: primary.wait(len(fleet.servers) - 1, 0) > 0, "a replica")


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
    with raw(lasting_fleet.primary) as primary:
        primary.flushall()
        primary.wait(2, 5000)
    return lasting_fleet


@pytest.fixture
def make_cache(driver: str) -> MakeCache:
    def make(fleet: Fleet, database: int = 1, **options: Any) -> ServerCache:
        options.setdefault("sentinels", [("127.0.0.1", fleet.sentinel.port)])
        location = f"redis://{fleet.name}/{database}"
        return SENTINELS[driver](location, {"OPTIONS": {**options}})

    return make


def test_the_primary_is_found(make_cache: MakeCache, fleet: Fleet) -> None:
    cache = make_cache(fleet)
    cache.set_many({"one": 1, "two": [2]})
    assert cache.get_many(["one", "two", "three"]) == {"one": 1, "two": [2]}
    assert asyncio.run(cache.aget("two")) == [2]
    with raw(fleet.primary, db=1) as primary:
        assert sorted(primary.keys()) == [b":1:one", b":1:two"]


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


WRITES: dict[str, Callable[[ServerCache], Any]] = {
    "set": lambda cache: cache.set("key", 5),
    "incr": lambda cache: cache.incr("key"),
    "touch": lambda cache: cache.touch("key", 50),
    "set_many": lambda cache: cache.set_many({"key": 5, "other": 6}),
    "delete_many": lambda cache: cache.delete_many(["other"]),
    "pipeline": lambda cache: cache.pipeline().incr("key").execute(),
}


@pytest.fixture
def demoted(make_cache: MakeCache, fleet: Fleet) -> ServerCache:
    """A cache whose connections, one of them on a loop, lead to what has become a replica."""
    cache = make_cache(fleet)
    cache.set_many({"key": 1, "other": 1})
    with raw(fleet.primary) as primary:
        primary.wait(2, 5000)
    promote(fleet)
    return cache


@pytest.mark.parametrize("write", WRITES)
def test_a_demoted_primary_is_left_for_the_new_one(
    demoted: ServerCache, fleet: Fleet, write: str
) -> None:
    WRITES[write](demoted)
    with raw(fleet.primary, db=1) as primary:
        found = {key: primary.get(f":1:{key}") for key in ("key", "other")}
        assert (
            found
            == {
                "set": {"key": b"5", "other": b"1"},
                "incr": {"key": b"2", "other": b"1"},
                "touch": {"key": b"1", "other": b"1"},
                "set_many": {"key": b"5", "other": b"6"},
                "delete_many": {"key": b"1", "other": None},
                "pipeline": {"key": b"2", "other": b"1"},
            }[write]
        )


def options_of(fleet: Fleet) -> dict[str, Any]:
    return {"sentinels": [("127.0.0.1", fleet.sentinel.port)]}


@pytest.mark.parametrize("write", ["aset", "aincr", "aset_many"])
def test_a_demoted_primary_is_left_on_an_event_loop(
    make_cache: MakeCache, fleet: Fleet, write: str
) -> None:
    cache = make_cache(fleet)

    async def around() -> dict[str, Any]:
        await cache.aset("key", 1)
        with raw(fleet.primary) as primary:
            primary.wait(2, 5000)
        await asyncio.to_thread(promote, fleet)
        if write == "aset":
            await cache.aset("key", 2)
        elif write == "aincr":
            await cache.aincr("key")
        else:
            await cache.aset_many({"key": 2})
        return await cache.aget_many(["key"])

    assert asyncio.run(around()) == {"key": 2}


def test_a_primary_that_died_is_replaced_under_the_cache(make_cache: MakeCache) -> None:
    with fleet_of() as fleet:
        cache = make_cache(fleet, breaker=False)
        cache.set("key", "kept")
        with raw(fleet.primary) as primary:
            primary.wait(2, 5000)
        fleet.primary.process.kill()
        wait_until(lambda: reads(cache), "another primary")
        assert cache.get("key") == "kept"
        cache.set("key", "new")
        assert cache.get("key") == "new"


def reads(cache: ServerCache) -> bool:
    try:
        return cache.get("key") is not None
    except ServerUnavailable:
        return False


def test_a_primary_that_died_is_replaced_under_an_event_loop(make_cache: MakeCache) -> None:
    async def around(fleet: Fleet) -> Any:
        cache = make_cache(fleet, breaker=False)
        await cache.aset("key", "kept")
        with raw(fleet.primary) as primary:
            primary.wait(2, 5000)
        fleet.primary.process.kill()
        async with asyncio.timeout(15):
            while True:
                try:
                    return await cache.aget("key")
                except ServerUnavailable:
                    await asyncio.sleep(0.02)

    with fleet_of() as fleet:
        assert asyncio.run(around(fleet)) == "kept"


def calls(server: Server, command: str) -> int:
    with raw(server) as client:
        statistics = client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})
    return int(statistics["calls"])


def test_replicas_are_read_from_where_that_is_asked_for(
    make_cache: MakeCache, fleet: Fleet
) -> None:
    cache = make_cache(fleet, read_replicas=True)
    cache.set("key", 1)
    with raw(fleet.primary) as primary:
        assert primary.wait(2, 5000) == 2
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


def test_without_replicas_reads_go_to_the_primary(make_cache: MakeCache) -> None:
    with servers.sentinel(replicas=0) as fleet:
        cache = make_cache(fleet, read_replicas=True)
        cache.set("key", 1)
        assert cache.get("key") == 1


def test_a_sentinel_that_is_down_is_passed_over(make_cache: MakeCache, fleet: Fleet) -> None:
    listed = [("127.0.0.1", servers.free_port()), ("127.0.0.1", fleet.sentinel.port)]
    cache = make_cache(fleet, sentinels=listed)
    cache.set("key", 1)
    assert asyncio.run(cache.aget("key")) == 1


def test_without_a_sentinel_the_error_names_service_and_sentinels(
    make_cache: MakeCache, fleet: Fleet
) -> None:
    port = servers.free_port()
    cache = make_cache(fleet, sentinels=[("127.0.0.1", port)])
    with pytest.raises(ServerUnavailable, match=rf"mymaster(?s:.)*127\.0\.0\.1:{port}"):
        cache.get("key")
    with pytest.raises(ServerUnavailable, match=rf"mymaster(?s:.)*127\.0\.0\.1:{port}"):
        asyncio.run(cache.aget("key"))


def test_a_service_that_no_sentinel_knows_is_named(driver: str, fleet: Fleet) -> None:
    cache = SENTINELS[driver]("redis://nobody/0", {"OPTIONS": options_of(fleet)})
    with pytest.raises(ServerUnavailable, match=r"nobody: .* does not know it"):
        cache.get("key")


def test_services_of_one_name_are_kept_apart(make_cache: MakeCache, fleet: Fleet) -> None:
    with servers.sentinel(replicas=0) as other:
        here, there = make_cache(fleet), make_cache(other)
        here.set("key", "here")
        there.set("key", "there")
        assert (here.get("key"), there.get("key")) == ("here", "there")
        assert here.client.server.address != there.client.server.address


def test_names_of_services_keep_their_capitals(driver: str) -> None:
    with servers.sentinel(replicas=0, name="MyMaster") as fleet:
        cache = SENTINELS[driver]("redis://MyMaster/0", {"OPTIONS": options_of(fleet)})
        cache.set("key", 1)
        assert cache.get("key") == 1


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


def test_tls_reaches_sentinels_and_servers(driver: str, tmp_path: Path) -> None:
    program = servers.redis_server()
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    files = certificate(tmp_path)
    with servers.sentinel(replicas=0, program=program, tls=files) as fleet:
        options = {**options_of(fleet), "ssl_ca_certs": files[0]}
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

    address = b""

    def handle(self) -> None:
        while received := self.request.recv(65536):
            for command in received.upper().split(b"*")[1:]:
                known = b"SENTINEL" in command
                self.request.sendall(self.address if known else b"+OK\r\n")


@contextmanager
def sentinel_saying(port: int) -> Iterator[int]:
    """Run a sentinel that calls the server at `port` the primary; yield its own port."""
    reply = b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n" % (len(str(port)), port)
    handler = type("Stale", (FakeSentinel,), {"address": reply})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_sentinel_that_takes_a_replica_for_the_primary_is_not_believed(
    make_cache: MakeCache, fleet: Fleet
) -> None:
    with sentinel_saying(fleet.replicas[0].port) as stale:
        listed = [("127.0.0.1", stale), ("127.0.0.1", fleet.sentinel.port)]
        cache = make_cache(fleet, sentinels=listed)
        with pytest.raises(ServerUnavailable, match="is a replica"):
            cache.set("key", 1)
        cache.set("key", 1)  # The other sentinel was asked.
    with sentinel_saying(fleet.replicas[0].port) as stale:
        listed = [("127.0.0.1", stale), ("127.0.0.1", fleet.sentinel.port)]
        cache = make_cache(fleet, sentinels=listed)
        with pytest.raises(ServerUnavailable, match="is a replica"):
            asyncio.run(cache.aset("key", 1))
        asyncio.run(cache.aset("key", 1))


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
