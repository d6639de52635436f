from __future__ import annotations

import asyncio
import pickle

import pytest

from django_cachex.cache import Pipeline
from django_cachex.cache.backends import ServerCache
from django_cachex.commands import Command, CommandError, WrongTypeError
from django_cachex.commands.command import parse_raw
from tests.cache.conftest import MakeCache
from tests.cache.relay import relay
from tests.servers import Server


@pytest.fixture(params=[False, True], ids=["plain", "transaction"])
def pipe(cache: ServerCache, request: pytest.FixtureRequest) -> Pipeline:
    return cache.pipeline(transaction=request.param)


def test_commands_return_the_pipeline_and_results_come_in_order(
    cache: ServerCache, pipe: Pipeline
) -> None:
    queued = pipe.set("a", [1], 60).get("a").get("missing", "default").ttl("a").add("a", 2)
    assert queued is pipe
    assert len(pipe) == 5
    assert pipe.execute() == [None, [1], "default", 60, False]
    assert len(pipe) == 0
    assert cache.get("a") == [1]


def test_counting_is_queued_too(cache: ServerCache, pipe: Pipeline) -> None:
    cache.set("n", 2**53)
    assert pipe.incr("n").decr("n", 3).execute() == [2**53 + 1, 2**53 - 2]
    with pytest.raises(ValueError, match="'missing'"):
        pipe.incr("missing").execute()


def test_it_is_one_round_trip(make_cache: MakeCache, valkey_server: Server) -> None:
    with relay(valkey_server.port) as between:
        cache = make_cache(f"redis://127.0.0.1:{between.port}")
        cache.has_key("first")
        for transaction in False, True:
            before = between.turns
            cache.pipeline(transaction).set("a", 1).get("a").touch("a", 5).execute()
            assert between.turns == before + 1


def test_it_is_usable_again_after_an_error(cache: ServerCache, pipe: Pipeline) -> None:
    cache.set("text", "x")
    with pytest.raises(WrongTypeError) as error:
        pipe.set("a", 1).llen("text").get("a").execute()
    assert error.value.__notes__ == ["Command 2 of 3: LLEN"]
    assert cache.get("a") == 1
    assert pipe.get("a").execute() == [1]


def test_an_aborted_transaction_raises_what_aborted_it(cache: ServerCache) -> None:
    pipe = cache.pipeline(transaction=True)
    pipe.set("a", 1)
    pipe._run(Command(("GET",), parse_raw))
    with pytest.raises(CommandError, match="wrong number of arguments"):
        pipe.execute()
    assert cache.has_key("a") is False
    assert pipe.set("a", 2).get("a").execute() == [None, 2]


def test_a_value_that_cannot_be_pickled_queues_nothing(cache: ServerCache, pipe: Pipeline) -> None:
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pipe.set("a", lambda: None)
    assert len(pipe) == 0


def test_leaving_the_block_forgets_what_is_queued(cache: ServerCache, pipe: Pipeline) -> None:
    with pipe:
        pipe.set("a", 1)
    assert pipe.execute() == []
    assert cache.has_key("a") is False


def test_an_empty_pipeline_is_true(pipe: Pipeline) -> None:
    assert pipe


def test_what_needs_answers_in_between_cannot_be_queued(pipe: Pipeline) -> None:
    with pytest.raises(TypeError, match="several commands"):
        pipe.touch("key", None)
    assert len(pipe) == 0


def test_a_pipeline_of_a_client_takes_stored_keys_and_raw_bytes(cache: ServerCache) -> None:
    cache.set("a", 1)
    pipe = cache.client.pipeline()
    assert pipe.get(b":1:a").ttl(b":1:a").type(b":1:a").execute() == [b"1", 300, "string"]


async def test_a_pipeline_executes_on_an_event_loop(cache: ServerCache, pipe: Pipeline) -> None:
    async with pipe:
        pipe.set("a", 1).get("a")
        assert await pipe.aexecute() == [None, 1]


def test_queueing_awaits_nothing(pipe: Pipeline) -> None:
    with pytest.raises(TypeError, match="aexecute"):
        asyncio.run(pipe.attl("a"))
