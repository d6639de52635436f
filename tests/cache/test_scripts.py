"""Scripts of the caller's: blocking, on an event loop, and in a pipeline, from one set of cases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from django_cachex.cache import RedisClusterCache, ValkeyClusterCache
from django_cachex.cache.backends import ServerCache
from django_cachex.commands import (
    Command,
    CommandError,
    CrossSlotError,
    Script,
    ServerUnavailable,
    WrongTypeError,
)
from django_cachex.commands.command import parse_none
from tests.cache.conftest import BACKENDS, MakeCache, url
from tests.cache.relay import relay
from tests.servers import Server, free_port

Evaluate = Callable[..., Any]

ECHO = "return {KEYS[1], ARGV[1], ARGV[2], ARGV[3]}"


@pytest.fixture(params=["blocking", "async", "pipeline"])
def evaluate(cache: ServerCache, request: pytest.FixtureRequest) -> Evaluate:
    def awaited(*args: Any, **options: Any) -> Any:
        return asyncio.run(cache.aeval_script(*args, **options))

    def queued(*args: Any, **options: Any) -> Any:
        [result] = cache.pipeline().eval_script(*args, **options).execute()
        return result

    ways = {"blocking": cache.eval_script, "async": awaited, "pipeline": queued}
    return ways[request.param]


def test_keys_are_made_and_arguments_go_as_they_are(evaluate: Evaluate) -> None:
    assert evaluate(ECHO, ["a"], [b"\xff", 7, 1.5]) == [b":1:a", b"\xff", b"7", b"1.5"]
    assert evaluate("return KEYS", ["a", "b"], version=3) == [b":3:a", b":3:b"]
    assert evaluate("return #KEYS + #ARGV") == 0


def test_values_are_encoded_and_come_after_the_arguments(
    evaluate: Evaluate, cache: ServerCache
) -> None:
    script = "return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])"
    assert evaluate(script, ["a"], [60_000], values=[{"x": (1,)}]) == b"OK"
    assert cache.get("a") == {"x": (1,)}
    assert cache.ttl("a") == 60


def test_a_reply_is_decoded_on_request_at_any_depth(evaluate: Evaluate, cache: ServerCache) -> None:
    cache.set_many({"a": [1], "b": "text", "n": 5})
    script = "return {{redis.call('MGET', unpack(KEYS))}, 7}"
    found = evaluate(script, ["a", "missing", "b", "n"], decode=True)
    assert found == [[[[1], None, "text", 5]], 7]
    assert evaluate("return false", decode=True) is None


def test_what_the_script_raises_is_raised(evaluate: Evaluate, cache: ServerCache) -> None:
    cache.set("a", "text")
    with pytest.raises(WrongTypeError):
        evaluate("return redis.call('LLEN', KEYS[1])", ["a"])
    with pytest.raises(CommandError, match="not today"):
        evaluate("return redis.error_reply('ERR not today')")


@pytest.mark.parametrize("wrong", [{"keys": "a"}, {"args": b"a"}, {"values": "a"}])
def test_one_text_is_not_taken_for_a_list_of_letters(
    evaluate: Evaluate, wrong: dict[str, Any]
) -> None:
    with pytest.raises(TypeError, match=r"Write \w+=\["):
        evaluate("return 1", **wrong)


def test_a_script_goes_in_full_once(make_cache: MakeCache, valkey_server: Server) -> None:
    script = Script("return tonumber(ARGV[1]) + 1 -- unlike any other")
    with relay(valkey_server.port) as between:
        cache = make_cache(f"redis://127.0.0.1:{between.port}")
        cache.client.run(Command(("SCRIPT", "FLUSH"), parse_none))
        turns = []
        for number in range(3):
            before = between.turns
            assert cache.eval_script(script, args=[number]) == number + 1
            turns.append(between.turns - before)
    assert turns == [2, 1, 1]


def test_a_script_knows_its_digest(cache: ServerCache) -> None:
    script = Script("return 'ü'")
    loaded = cache.client.run(Command(("SCRIPT", "LOAD", script.source), bytes.decode))
    assert script.digest == loaded
    assert script == Script("return 'ü'")


def test_without_its_server_a_script_answers_nothing_if_failures_are_ignored(driver: str) -> None:
    location = f"redis://127.0.0.1:{free_port()}"
    ignoring = BACKENDS[driver](location, {"OPTIONS": {"ignore_exceptions": True}})
    assert ignoring.eval_script("return 1", ["a"], decode=True) is None
    with pytest.raises(ServerUnavailable):
        BACKENDS[driver](location, {}).eval_script("return 1", ["a"])


def test_in_a_cluster_a_script_goes_where_its_keys_are(
    driver: str, cluster_of_valkeys: Server
) -> None:
    kind = {"valkey": ValkeyClusterCache, "redis": RedisClusterCache}[driver]
    cache = kind(url(cluster_of_valkeys), {})
    add = "return redis.call('INCRBY', KEYS[1], ARGV[1]) + redis.call('INCRBY', KEYS[2], ARGV[1])"
    for number in range(5):
        pair = [f"{{{number}}}a", f"{{{number}}}b"]
        cache.set_many(dict.fromkeys(pair, number))
        assert cache.eval_script(add, pair, [1]) == 2 * number + 2
        assert asyncio.run(cache.aeval_script(add, pair, [1])) == 2 * number + 4
        assert cache.pipeline().eval_script(add, pair, [1]).execute() == [2 * number + 6]
    with pytest.raises(CrossSlotError):
        cache.eval_script(add, ["a", "b"], [1])
    assert cache.get_many(["a", "b"]) == {}
