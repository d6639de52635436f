from __future__ import annotations

import pytest

from django_cachex.cache import Client
from django_cachex.cache.backends import ServerCache
from django_cachex.commands import (
    AccessDenied,
    CachexError,
    CommandError,
    OutOfMemoryError,
    ReadOnlyError,
    Request,
    ServerTimeout,
    ServerUnavailable,
    UnknownCommand,
    WrongTypeError,
)
from django_cachex.commands.request import done, unread
from tests.cache.conftest import BACKENDS, url
from tests.servers import valkey, wait_until


def test_errors_have_one_base() -> None:
    for kind in ServerUnavailable, ServerTimeout, CommandError, AccessDenied:
        assert issubclass(kind, CachexError)
    assert issubclass(ServerTimeout, ServerUnavailable)
    assert issubclass(WrongTypeError, TypeError)
    assert not issubclass(CommandError, ServerUnavailable)


def test_an_unknown_command(cache: ServerCache) -> None:
    with pytest.raises(UnknownCommand):
        cache.client.run(Request(("NOSUCH",), unread))


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
        admin.run(Request(words, done))
        client = Client.from_settings(driver, f"redis://one:secret@{server.address}")
        with pytest.raises(AccessDenied, match="memory"):
            client.memory_usage(b"key")
        assert client.ttl(b"key") == -2


def test_a_full_server(driver: str) -> None:
    with valkey() as server:
        cache = BACKENDS[driver](url(server), {})
        cache.client.run(Request(("CONFIG", "SET", "maxmemory", "1"), done))
        with pytest.raises(OutOfMemoryError):
            cache.set("key", 1)
        assert cache.get("key") is None


def test_a_replica_takes_no_writes_and_is_let_go(driver: str) -> None:
    who = Request(("CLIENT", "ID"), unread)
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
