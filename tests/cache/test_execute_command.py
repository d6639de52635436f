"""Commands that have no method, sent by their names."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from django_cachex.cache import ValkeyClusterCache
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.cluster.routing import key_slot
from django_cachex.commands import CommandError, UnknownCommand, WrongTypeError
from tests.cache.conftest import MakeCache, url
from tests.servers import Server


def test_keys_and_values_are_sent_as_they_are(cache: ServerCache) -> None:
    assert cache.execute_command("SET", "key", "värde") == b"OK"
    assert cache.execute_command("GET", b"key") == "värde".encode()
    assert cache.execute_command("GET", cache.make_key("key")) is None
    assert cache.get("key") is None
    cache.rpush("list", {"id": 1})
    assert cache.execute_command("LLEN", cache.make_key("list")) == 1


def test_names_may_have_several_words_and_be_in_lower_case(cache: ServerCache) -> None:
    cache.execute_command("set", "key", 5)
    assert cache.execute_command("object encoding", "key") == b"int"
    assert cache.execute_command("object", "encoding", "key") == b"int"


@pytest.mark.parametrize("arg", [b"\xff", "\udcff", 7, -(2**63), 2**64, 1.5])
def test_arguments_of_every_kind_reach_the_server(cache: ServerCache, arg: Any) -> None:
    expected = arg if isinstance(arg, bytes) else str(arg).encode("utf-8", "surrogateescape")
    assert cache.execute_command("ECHO", arg) == expected
    assert asyncio.run(cache.aexecute_command("ECHO", arg)) == expected


def test_it_is_awaited_and_queued(cache: ServerCache) -> None:
    assert asyncio.run(cache.aexecute_command("SADD", "key", "a", "b")) == 2
    pipe = cache.pipeline()
    assert pipe.execute_command("SREM", "key", "a") is pipe
    assert pipe.execute_command("SMEMBERS", "key").execute() == [1, [b"b"]]
    pipe = cache.pipeline(transaction=True).execute_command("SCARD", "key")
    assert asyncio.run(pipe.aexecute()) == [1]


def test_a_client_has_it_too(cache: ServerCache) -> None:
    assert cache.client.execute_command("LPUSH", "key", 1) == 1


def test_errors_are_those_of_other_methods(cache: ServerCache) -> None:
    cache.execute_command("SET", "key", "text")
    with pytest.raises(WrongTypeError):
        cache.execute_command("LPUSH", "key", 1)
    with pytest.raises(UnknownCommand):
        asyncio.run(cache.aexecute_command("NOSUCH", "key"))
    with pytest.raises(CommandError, match="wrong number of arguments"):
        cache.execute_command("GET")


REFUSED = """SUBSCRIBE, psubscribe, MONITOR, MULTI, exec, WATCH, SELECT, AUTH, HELLO, RESET, QUIT,
READONLY, ASKING, SYNC, CLIENT REPLY, client tracking, CLIENT SETNAME, SCRIPT DEBUG"""


@pytest.mark.parametrize("name", REFUSED.replace("\n", " ").split(", "))
def test_what_changes_a_connection_is_refused(cache: ServerCache, name: str) -> None:
    command, *subcommand = name.split()
    spelled: list[tuple[Any, ...]] = [(name, "x"), (command, *subcommand, 1)]
    spelled.append((command, *(word.encode() for word in subcommand), b"1"))
    for words in spelled:
        for refuse in (cache.execute_command, cache.pipeline().execute_command):
            with pytest.raises(ValueError, match=f"^{name.upper()} changes the state"):
                refuse(*words)


def test_what_does_not_change_it_is_sent(cache: ServerCache) -> None:
    assert isinstance(cache.execute_command("CLIENT ID"), int)
    assert cache.execute_command("SCRIPT", "EXISTS", "0" * 40) == [0]
    with pytest.raises(CommandError):
        cache.execute_command("CLIENT")


@pytest.mark.parametrize("words", [("SET", "key", None), ("SET", "key", True), ("GET", ["key"])])
def test_arguments_that_cannot_be_sent_are_refused(
    cache: ServerCache, words: tuple[Any, ...]
) -> None:
    with pytest.raises(TypeError, match="must be text, bytes or a number, not"):
        cache.execute_command(*words)


@pytest.mark.parametrize("name", ["", " ", b"GET", 5])
def test_the_name_must_be_text(cache: ServerCache, name: Any) -> None:
    with pytest.raises(TypeError, match="The name of a command must be text"):
        cache.execute_command(name, "key")


WAITS = {
    ("BLPOP", "a", "b", 1.5): 1.5,
    ("XREAD", b"BLOCK", b"1500", b"STREAMS", "s", "$"): 1.5,
    ("XREAD", "block", 0, "streams", "s", "$"): float("inf"),
    ("BLMOVE", "a", "b", "LEFT", "LEFT", 2): 2,
    ("BLMPOP", 3, 1, "a", "LEFT"): 3,
    ("WAIT", 1, 500): 0.5,
    ("XREAD", "BLOCK", 250, "STREAMS", "a", "$"): 0.25,
    ("XREADGROUP", "GROUP", "g", "c", "BLOCK", b"250", "STREAMS", "a", ">"): 0.25,
    ("XREAD", "STREAMS", "a", "$"): None,
    ("BLPOP",): None,
    ("BLPOP", "a", "soon"): None,
    ("LPOP", "a", 5): None,
}


def test_commands_that_wait_are_known(cache: ServerCache) -> None:
    commands = {words: cache._execute_command(*words) for words in WAITS}
    assert {words: getattr(one, "seconds", None) for words, one in commands.items()} == WAITS
    assert not any(one.readonly or one.idempotent for one in commands.values())


async def test_a_wait_may_be_longer_than_the_timeout(make_cache: MakeCache) -> None:
    cache = make_cache(OPTIONS={"socket_timeout": 0.2})
    assert cache.execute_command("BLPOP", "nothing", 0.4) is None
    await cache.aget("key")
    start = time.monotonic()
    waiting = asyncio.ensure_future(cache.aexecute_command("BLPOP", "nothing", 0.4))
    await asyncio.sleep(0.05)
    await cache.aget("key")
    took = time.monotonic() - start
    assert await waiting is None
    assert took < 0.3


def test_in_a_cluster_the_node_of_the_keys_answers(cluster_of_valkeys: Server) -> None:
    cache = ValkeyClusterCache(url(cluster_of_valkeys), {})
    for key in ("a", "b", "c", "d"):
        assert cache.execute_command("SET", key, key) == b"OK"
        assert asyncio.run(cache.aexecute_command("OBJECT", "ENCODING", key)) == b"embstr"
    assert len({key_slot(key) * 3 // 16384 for key in ("a", "b", "c", "d")}) > 1
    assert cache.execute_command("MGET", "a", "b", "c") == [b"a", b"b", b"c"]
    assert cache.execute_command("DBSIZE") >= 4
    assert cache.pipeline().execute_command("GET", "a").execute() == [b"a"]


@pytest.mark.parametrize(
    "command", [("XREAD", "COUNT", "1"), ("ZUNION", "two", "a", "b"), ("ZUNION",)]
)
def test_in_a_cluster_an_error_says_that_the_keys_are_not_found(
    command: tuple[str, ...], cluster_of_valkeys: Server
) -> None:
    cache = ValkeyClusterCache(url(cluster_of_valkeys), {})
    with pytest.raises(ValueError, match=f"The keys of {command[0]} can't be found"):
        cache.execute_command(*command)


def test_in_a_cluster_the_keys_of_streams_are_found(cluster_of_valkeys: Server) -> None:
    cache = ValkeyClusterCache(url(cluster_of_valkeys), {})
    for key in ("stream:a", "stream:b", "stream:c", "stream:d"):
        cache.execute_command("XADD", key, "*", "field", key)
        [[name, _entries]] = cache.execute_command("XREAD", "streams", key, "0")
        assert name == key.encode()
