"""Servers that answer, but not what was hoped for: full, read-only, or not ready."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from django_cachex.cache.connection.errors import is_rejected_by_replica
from django_cachex.commands import Command, ServerUnavailable
from django_cachex.commands.command import parse_raw
from django_cachex.exceptions import OutOfMemoryError, ReadOnlyError
from tests.cache.conftest import EACH_DRIVER
from tests.cache.faults.callers import WHO, Caller
from tests.cache.faults.conftest import PLAIN, MakeCaller, Route, name_of
from tests.cache.faults.endpoints import Endpoint
from tests.cache.faults.talker import talker
from tests.servers import Server, valkey, wait_until

CALLS = [("get", ("key",)), ("delete", ("key",)), ("incr", ("key",)), ("set_many", ({"k": 1},))]


@pytest.fixture(params=PLAIN)
def route(request: pytest.FixtureRequest) -> Route:
    """What a server refuses does not depend on TLS."""
    chosen: Route = request.param
    return chosen


@pytest.fixture(scope="module")
def second_process() -> Iterator[Server]:
    """A server whose settings these tests change."""
    with valkey() as server:
        yield server


@pytest.fixture
def second(second_process: Server) -> Iterator[Endpoint]:
    endpoint = Endpoint(second_process, second_process.port)
    with endpoint.control() as control:
        control.flushall()
        yield endpoint
        control.replicaof("NO", "ONE")
        control.config_set("maxmemory", 0)


@pytest.fixture
def lodger(make_caller: MakeCaller, route: Route, second: Endpoint) -> Caller:
    return make_caller(route.surface, second.url())


def test_a_full_server_refuses_and_the_connection_is_kept(lodger: Caller, second: Endpoint) -> None:
    lodger.call("set_many", {"text": "old", "number": 1})
    before = lodger.run(WHO)
    with second.control() as control:
        control.config_set("maxmemory", 1)
    for name, arguments in [("set", ("text", "x")), ("add", ("new", "x")), ("incr", ("number",))]:
        with pytest.raises(OutOfMemoryError):
            lodger.call(name, *arguments)
    assert lodger.call("set_many", {"text": "x", "new": "y"}) == ["text", "new"]
    assert lodger.call("get_many", ["text", "number", "new"]) == {"text": "old", "number": 1}
    with pytest.raises(OutOfMemoryError):
        lodger.cache.pipeline().set("text", "x").get("number").execute()
    assert lodger.call("touch", "text", 50) is True
    assert lodger.call("delete", "text") is True
    assert lodger.run(WHO) == before
    with second.control() as control:
        control.config_set("maxmemory", 0)
    assert lodger.call("incr", "number") == 2


def test_a_primary_that_becomes_a_replica_is_left(lodger: Caller, second: Endpoint) -> None:
    lodger.call("set", "key", 1)
    before = lodger.run(WHO)
    with second.control() as control:
        control.replicaof("127.0.0.1", 1)
    assert lodger.call("get", "key") == 1
    calls = [("set", ("key", 2)), ("add", ("x", 2)), ("incr", ("key",)), ("set_many", ({"x": 1},))]
    for name, arguments in [*calls, ("delete", ("key",)), ("touch", ("key", 50))]:
        with pytest.raises(ReadOnlyError):
            lodger.call(name, *arguments)
    assert lodger.run(WHO) > before, "after a failover the name leads elsewhere"
    with second.control() as control:
        control.replicaof("NO", "ONE")
    lodger.call("set", "key", 2)
    assert lodger.call("get", "key") == 2
    lodger.settle()
    assert len(second.connections(name_of(lodger))) == 1


async def test_tasks_that_share_a_connection_to_a_new_replica(
    make_caller: MakeCaller, second: Endpoint
) -> None:
    """One is refused; the others on that connection are answered, and it closes."""
    caller = make_caller("awaited", second.url(), socket_timeout=1)
    cache = caller.cache

    async def refused() -> None:
        with pytest.raises(ReadOnlyError):
            await cache.aset("key", 2)

    async def reads() -> None:
        for _ in range(20):
            assert await cache.aget("key") == 1

    await cache.aset("key", 1)
    with second.control() as control:
        control.replicaof("127.0.0.1", 1)
    for _ in range(5):
        await asyncio.gather(*(work() for _ in range(10) for work in (refused, reads)))
    assert await cache.aget("key") == 1
    name = name_of(caller)
    await asyncio.to_thread(
        wait_until, lambda: len(second.connections(name)) == 1, "retired connections to go", 1
    )


def test_a_server_that_still_loads_is_unavailable(make_caller: MakeCaller, route: Route) -> None:
    loading = [True]

    def answer(words: list[bytes]) -> bytes:
        if loading[0]:
            return b"-LOADING Valkey is loading the dataset in memory\r\n"
        return b":1\r\n" if words[0] in (b"UNLINK", b"EVALSHA") else b"$1\r\n7\r\n"

    with talker(answer) as server:
        caller = make_caller(route.surface, f"redis://127.0.0.1:{server.port}")
        for _ in range(3):
            for name, arguments in CALLS:
                with pytest.raises(ServerUnavailable, match="loading"):
                    caller.call(name, *arguments)
        loading[0] = False
        assert caller.call("get", "key") == 7
        assert caller.call("delete", "key") is True


@EACH_DRIVER
def test_a_server_that_loads_while_one_connects(make_caller: MakeCaller, route: Route) -> None:
    refusal = b"-LOADING Valkey is loading the dataset in memory\r\n"
    with talker(lambda words: b"$1\r\n7\r\n", handshake=lambda words: refusal) as server:
        caller = make_caller(route.surface, f"redis://127.0.0.1:{server.port}/1")
        for name, arguments in [("get", ("key",)), ("incr", ("key",))]:
            with pytest.raises(ServerUnavailable, match=r"(?i)loading"):
                caller.call(name, *arguments)


def test_a_server_with_too_many_clients(
    make_caller: MakeCaller, route: Route, second: Endpoint
) -> None:
    caller = make_caller(route.surface, second.url())
    with second.control() as control:
        allowed = control.config_get("maxclients")["maxclients"]
        control.config_set("maxclients", 1)
        try:
            with pytest.raises(ServerUnavailable):
                caller.call("get", "key")
        finally:
            control.config_set("maxclients", allowed)
    assert caller.call("get", "key") is None


def test_a_refusal_in_the_midst_of_many_replies(lodger: Caller) -> None:
    """The others are read: the next call finds nothing left over."""
    lodger.call("set", "text", "x")
    words = [("GET", b":1:text"), ("LPUSH", b":1:text", 1), ("GET",), ("GET", b":1:none")]
    before = lodger.run(WHO)
    found = lodger.cache.client.collect([Command(one, parse_raw) for one in words])
    assert [type(one).__name__ for one in found] == [
        "bytes",
        "WrongTypeError",
        "CommandError",
        "NoneType",
    ]
    assert lodger.run(WHO) == before


def test_what_was_refused_in_part_is_sent_again_if_it_reads_nothing_of_its_own() -> None:
    read = Command(("GET", "key"), parse_raw, readonly=True)
    write = Command(("SET", "key", "value"), parse_raw, idempotent=True)
    refusal = ReadOnlyError("READONLY")
    assert is_rejected_by_replica([read, write, write], [b"old", refusal, refusal])
    assert is_rejected_by_replica([write, read, write], [b"OK", b"value", refusal])
    assert not is_rejected_by_replica([read, write, write], [b"old", b"OK", refusal])
