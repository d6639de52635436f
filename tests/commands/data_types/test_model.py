"""Random sequences of commands leave on a server what they leave in a model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from django_cachex.cache.backends import ServerCache
from tests.commands.data_types.conftest import cache_on, emptied
from tests.commands.data_types.model import Model
from tests.commands.data_types.surfaces import run
from tests.servers import Server

Operation = tuple[str, tuple[Any, ...], dict[str, Any]]

values = st.sampled_from([0, 1, -7, 2**62, "", "a", "1", "é"])
some_values = st.lists(values, min_size=1, max_size=4)
members = st.integers(0, 5)
scores = st.integers(-4, 4).map(lambda number: number / 2)
fields = st.sampled_from(["x", "y", "z"])
counts = st.integers(1, 3)
places = st.integers(-4, 4)
ends = st.sampled_from(["LEFT", "RIGHT"])
flags = st.sampled_from([(), ("nx",), ("xx",), ("gt",), ("lt",), ("xx", "gt"), ("xx", "lt")])


def keys(kind: str) -> Any:
    return st.sampled_from([f"{kind}{number}" for number in range(3)])


lists, sets, hashes, zsets = map(keys, ("list", "set", "hash", "zset"))


def call(name: str, *arguments: Any, splat: Any = None, **named: Any) -> Any:
    """Return calls of a command with these arguments, and those of a list at the end."""
    more = st.just([]) if splat is None else splat
    return st.tuples(
        st.just(name),
        st.tuples(st.tuples(*arguments), more).map(lambda both: (*both[0], *both[1])),
        st.fixed_dictionaries(named),
    )


def flagged(chosen: tuple[str, ...], ch: bool) -> dict[str, bool]:
    return {**dict.fromkeys(chosen, True), **({"ch": True} if ch else {})}


operations: Any = st.one_of(
    call("rpush", lists, splat=some_values),
    call("lpush", lists, splat=some_values),
    call("lpushx", lists, splat=some_values),
    call("lpop", lists, counts),
    call("rpop", lists, counts),
    call("lrem", lists, st.integers(-2, 2), values),
    call("ltrim", lists, places, places),
    call("linsert", lists, st.sampled_from(["BEFORE", "AFTER"]), values, values),
    call("lmove", lists, lists, ends, ends),
    call("lrange", lists, places, places),
    call("sadd", sets, splat=some_values),
    call("srem", sets, splat=some_values),
    call("smove", sets, sets, values),
    call("sunionstore", sets, st.lists(sets, min_size=1, max_size=3)),
    call("sinterstore", sets, st.lists(sets, min_size=1, max_size=3)),
    call("sdiffstore", sets, st.lists(sets, min_size=1, max_size=3)),
    call("hset", hashes, mapping=st.dictionaries(fields, values, min_size=1)),
    call("hsetnx", hashes, fields, values),
    call("hdel", hashes, splat=st.lists(fields, min_size=1)),
    st.tuples(
        st.just("zadd"),
        st.tuples(zsets, st.dictionaries(members, scores, min_size=1, max_size=4)),
        st.builds(flagged, flags, st.booleans()),
    ),
    call("zincrby", zsets, scores, members),
    call("zrem", zsets, splat=st.lists(members, min_size=1)),
    call("zpopmin", zsets, counts),
    call("zpopmax", zsets, counts),
    call("zremrangebyrank", zsets, places, places),
    call("zremrangebyscore", zsets, scores, scores),
    call("zunionstore", zsets, st.lists(zsets, min_size=1, max_size=3)),
    call("zdiffstore", zsets, st.lists(zsets, min_size=1, max_size=3)),
)


@pytest.fixture(scope="module")
def cache(valkey_process: Server) -> ServerCache:
    return cache_on(valkey_process, "valkey")


def left(cache: ServerCache) -> list[Any]:
    """Return what is in every collection."""
    pipe = cache.pipeline()
    for number in range(3):
        pipe.lrange(f"list{number}", 0, -1).smembers(f"set{number}").hgetall(f"hash{number}")
        pipe.zrange(f"zset{number}", 0, -1, withscores=True)
    return pipe.execute()


def modelled(model: Model) -> list[Any]:
    return [
        found
        for number in range(3)
        for found in (
            model.lists.get(f"list{number}", []),
            model.smembers(f"set{number}"),
            model.hgetall(f"hash{number}"),
            model.ranked(f"zset{number}"),
        )
    ]


def compare(cache: ServerCache, sequence: list[Operation]) -> None:
    """Run `sequence` in one pipeline, which shows each result; compare what it leaves, too."""
    emptied(cache)
    model, pipe, expected = Model(), cache.pipeline(), []
    for name, args, kwargs in sequence:
        getattr(pipe, name)(*args, **kwargs)
        expected.append(getattr(model, name)(*args, **kwargs))
        model.tidy()
    assert pipe.execute() == expected
    assert left(cache) == modelled(model)


quickly = settings(
    max_examples=80,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow],
)


@quickly
@given(sequence=st.lists(operations, min_size=30, max_size=60))
def test_a_sequence_leaves_what_the_model_says(
    cache: ServerCache, sequence: list[Operation]
) -> None:
    compare(cache, sequence)


@pytest.mark.slow
@settings(parent=quickly, max_examples=2_000)
@given(sequence=st.lists(operations, min_size=30, max_size=120))
def test_many_sequences_leave_what_the_model_says(
    cache: ServerCache, sequence: list[Operation]
) -> None:
    compare(cache, sequence)


@pytest.mark.slow
@settings(parent=quickly, max_examples=200)
@given(sequence=st.lists(operations, min_size=30, max_size=60))
def test_so_do_they_one_by_one_on_an_event_loop(
    cache: ServerCache, sequence: list[Operation]
) -> None:
    emptied(cache)
    model = Model()

    async def main() -> None:
        for name, args, kwargs in sequence:
            result = await getattr(cache, f"a{name}")(*args, **kwargs)
            assert result == getattr(model, name)(*args, **kwargs)
            model.tidy()

    run(main())
    assert left(cache) == modelled(model)
