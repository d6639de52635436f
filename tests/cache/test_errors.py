from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import valkey as valkey_driver

from django_cachex.cache import Client, ValkeyClusterCache
from django_cachex.cache.backends import ServerCache
from django_cachex.commands import (
    AccessDenied,
    CachexError,
    Command,
    CommandError,
    OutOfMemoryError,
    ReadOnlyError,
    ServerTimeout,
    ServerUnavailable,
    UnknownCommand,
    WrongTypeError,
)
from django_cachex.commands.command import parse_none, parse_raw
from tests.cache.conftest import BACKENDS, url
from tests.cache.faults.talker import talker
from tests.servers import cluster, valkey, wait_until


def test_errors_have_one_base() -> None:
    for kind in ServerUnavailable, ServerTimeout, CommandError, AccessDenied:
        assert issubclass(kind, CachexError)
    assert issubclass(ServerTimeout, ServerUnavailable)
    assert issubclass(WrongTypeError, TypeError)
    assert not issubclass(CommandError, ServerUnavailable)


def test_an_unknown_command(cache: ServerCache) -> None:
    with pytest.raises(UnknownCommand):
        cache.client.run(Command(("NOSUCH",), parse_raw))


@pytest.mark.parametrize("server", ["valkey", "redis", "redis_62"])
def test_what_a_command_in_a_script_was_refused_for(
    server: str, request: pytest.FixtureRequest
) -> None:
    cache = BACKENDS["redis"](url(request.getfixturevalue(f"{server}_process")), {})
    cache.set("text", "x")
    with pytest.raises(WrongTypeError):
        cache.eval_script("return redis.call('LLEN', KEYS[1])", ["text"])


def test_a_command_that_access_rules_deny(driver: str) -> None:
    with valkey() as server:
        admin = Client.from_settings(driver, url(server))
        words = ("ACL", "SETUSER", "one", "on", ">secret", "~*", "+@all", "-memory")
        admin.run(Command(words, parse_none))
        client = Client.from_settings(driver, f"redis://one:secret@{server.address}")
        with pytest.raises(AccessDenied, match="memory"):
            client.memory_usage(b"key")
        assert client.ttl(b"key") == -2


def test_a_full_server(driver: str) -> None:
    with valkey() as server:
        cache = BACKENDS[driver](url(server), {})
        cache.client.run(Command(("CONFIG", "SET", "maxmemory", "1"), parse_none))
        with pytest.raises(OutOfMemoryError):
            cache.set("key", 1)
        assert cache.get("key") is None


def test_a_replica_takes_no_writes_and_is_let_go(driver: str) -> None:
    who = Command(("CLIENT", "ID"), parse_raw)
    with (
        valkey("--repl-diskless-sync-delay", "0") as primary,
        valkey("--replicaof", f"127.0.0.1 {primary.port}") as replica,
    ):
        cache = BACKENDS[driver](url(replica), {})
        wait_until(
            lambda: cache.client.info("replication")["master_link_status"] == "up", "the replica"
        )
        before = cache.client.run(who)
        with pytest.raises(ReadOnlyError):
            cache.set("key", 1)
        assert cache.client.run(who) != before
        cache = BACKENDS[driver]([url(primary), url(replica)], {})
        cache.set("key", 1)
        wait_until(lambda: cache.get("key") == 1, "the replication")


@pytest.mark.parametrize("surface", ["blocking", "awaitable"])
@pytest.mark.parametrize("command", ["AUTH", "PING"])
def test_a_password_is_in_no_error_where_a_command_has_another_name(
    driver: str, surface: str, command: str
) -> None:
    with valkey("--rename-command", command, "hidden") as server:
        place = url(server).replace("://", "://clerk:hunter2@" if command == "AUTH" else "://")
        cache = BACKENDS[driver](place, {})
        ping = Command(("PING", "hunter2"), parse_none)
        ask = {
            "blocking": lambda: cache.client.run(ping),
            "awaitable": lambda: asyncio.run(cache.client.arun(ping)),
        }[surface]
        with pytest.raises(CommandError) as failure:
            ask()
    told = [str(link) for link in chain(failure.value)]
    assert f"unknown command '{command}'" in told[0]
    assert not any("hunter2" in text for text in told)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that a traceback tells of before it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def test_an_error_says_whether_anything_was_sent(driver: str) -> None:
    with valkey() as server:
        cache = BACKENDS[driver](url(server), {})
        cache.set("key", 1)
    with pytest.raises(ServerUnavailable) as failure:
        cache.set("key", 2)
    assert not failure.value.sent
    with talker(lambda words: None) as hangs_up:
        cache = BACKENDS[driver](f"{driver}://127.0.0.1:{hangs_up.port}/0", {})
        with pytest.raises(ServerUnavailable) as failure:
            cache.set("key", 1)
    assert failure.value.sent


def test_a_cluster_of_which_one_node_is_gone_may_have_done_its_part() -> None:
    with cluster() as nodes:
        cache = ValkeyClusterCache([url(node) for node in nodes], {})
        keys = [f"key:{number}" for number in range(30)]
        cache.set_many(dict.fromkeys(keys, 1))
        nodes[1].stop()
        with pytest.raises(ServerUnavailable) as failure:
            cache.delete_many(keys)
        assert failure.value.sent
        for node in (nodes[0], nodes[2]):
            with valkey_driver.Valkey(port=node.port) as client:
                assert client.dbsize() == 0
