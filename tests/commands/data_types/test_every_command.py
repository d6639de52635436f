"""What holds for every command on a data type, tried with one call of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import valkey

from django_cachex.cache import Pipeline, ValkeyCache
from django_cachex.cache.backends import ServerCache
from django_cachex.cache.cluster.routing import find_keys
from django_cachex.commands import (
    BlockingCommand,
    CommandError,
    NotSupportedError,
    ServerUnavailable,
    UnknownCommand,
    WrongTypeError,
)
from django_cachex.commands.args import BLOCKING_COMMANDS
from django_cachex.commands.server_versions import COMMAND_VERSIONS
from tests.commands.data_types import (
    test_bitmaps,
    test_hashes,
    test_lists,
    test_sets,
    test_sorted_sets,
    test_streams,
)
from tests.commands.data_types.conftest import cache_on, compatible_with, emptied, has_field_ttls
from tests.commands.data_types.samples import EVERY, GROUPS, RAISES, SAMPLES, commands_of
from tests.commands.data_types.surfaces import Surface
from tests.servers import Server, free_port


@pytest.fixture
def cache(valkey_9_server: Server) -> ServerCache:
    return cache_on(valkey_9_server, "valkey")


@pytest.fixture(scope="module")
def nobody() -> ServerCache:
    """A cache without a server: what is sent fails otherwise."""
    return ValkeyCache(f"redis://127.0.0.1:{free_port()}", {})


@pytest.fixture(scope="module")
def lost() -> ServerCache:
    """A cache that ignores that nobody listens."""
    return ValkeyCache(f"redis://127.0.0.1:{free_port()}", {"OPTIONS": {"ignore_exceptions": True}})


@pytest.fixture(scope="module")
def told(valkey_9_process: Server) -> Iterator[dict[str, Any]]:
    """What the server tells of its commands."""
    with valkey.Valkey(port=valkey_9_process.port) as client:
        yield client.command()


@pytest.mark.parametrize("group", SAMPLES)
def test_every_command_has_a_sample(group: str) -> None:
    assert commands_of(GROUPS[group]) == set(SAMPLES[group])


def test_every_command_has_three_methods_of_one_signature() -> None:
    for name in EVERY:
        one, two = (inspect.signature(getattr(ServerCache, each)) for each in (name, f"a{name}"))
        assert one.parameters == two.parameters
        assert "version" in one.parameters
        assert getattr(Pipeline, name) is getattr(ServerCache, name)
        assert getattr(ServerCache, name).__doc__


LEFT_OUT = {"score_cast_func", "no_values"}
"""Arguments of the drivers that change what a result is made of."""

SAME = {"field": "key", "name": "key"}
"""Theirs have names for keys, and keys for fields."""


LISTS = {"keys", "fields", "values", "sources"}


def arguments_of(function: Any) -> list[tuple[str, Any]]:
    """Return names and defaults, in order, behind the first; a list of keys is left out.

    Some take that list as one argument, some one by one, some both ways.
    """
    found = list(inspect.signature(function).parameters.values())[2:]
    splat = [n for n, one in enumerate(found) if one.kind is one.VAR_POSITIONAL]
    lists = {*splat, *(n - 1 for n in splat if found[n - 1].name in LISTS)}
    chosen = [one for n, one in enumerate(found) if n not in lists]
    return [
        (SAME.get(one.name, one.name), one.default)
        for one in chosen
        if one.name not in {"version", *LEFT_OUT}
    ]


def test_arguments_are_those_of_the_drivers() -> None:
    for name in EVERY:
        theirs = getattr(valkey.Valkey, name, None) or getattr(redis.Redis, name)
        assert arguments_of(getattr(ServerCache, name)) == arguments_of(theirs), name


def test_another_type_is_refused(cache: ServerCache) -> None:
    for group, samples in SAMPLES.items():
        emptied(cache)
        for key in ("a", "b"):
            cache.rpush(key, 1) if group in ("bits", "hyperloglog") else cache.set(key, "text")
        for name, sample in samples.items():
            with pytest.raises(WrongTypeError):
                getattr(cache, name)(*sample.args, **sample.kwargs)


def outcome(call: Any) -> Any:
    try:
        return call()
    except CommandError as error:
        return str(error).split()[0]


def test_a_lost_server_answers_as_an_empty_one(cache: ServerCache, lost: ServerCache) -> None:
    for name, sample in EVERY.items():

        def ask(cache: Any, name: str = name, sample: Any = sample) -> Any:
            return outcome(lambda: getattr(cache, name)(*sample.args, **sample.kwargs))

        if sample.lost is RAISES:
            with pytest.raises(ServerUnavailable, match="The server is unavailable, so"):
                ask(lost)
        elif sample.lost is ...:
            assert ask(lost) == ask(emptied(cache)), name
        else:
            assert ask(lost) == sample.lost, name


UNSENT: dict[str, list[Callable[[Any], Any]]] = {
    "At least one value": [
        *(lambda c: c.lpush("a"), lambda c: c.rpush("a"), lambda c: c.lpushx("a")),
        *(lambda c: c.rpushx("a"), lambda c: c.sadd("a"), lambda c: c.srem("a")),
        *(lambda c: c.smismember("a", []), lambda c: c.zrem("a"), lambda c: c.pfadd("a")),
    ],
    "At least one name": [
        *(lambda c: c.hset("a"), lambda c: c.hset("a", mapping={}), lambda c: c.hdel("a")),
        *(lambda c: c.hmget("a", []), lambda c: c.httl("a"), lambda c: c.xadd("a", {})),
        *(lambda c: c.xdel("a"), lambda c: c.xack("a", "g")),
        lambda c: c.xclaim("a", "g", "me", 0, []),
    ],
    "At least one key": [
        *(lambda c: c.blpop([]), lambda c: c.brpop([]), lambda c: c.xread({})),
        *(lambda c: c.sunion([]), lambda c: c.sinter([]), lambda c: c.sdiff([])),
        *(lambda c: c.sunionstore("d", []), lambda c: c.sinterstore("d", [])),
        *(lambda c: c.sdiffstore("d", []), lambda c: c.pfcount([])),
        *(lambda c: c.zunion([]), lambda c: c.zinter([]), lambda c: c.zdiff([])),
    ],
    "At least one member": [lambda c: c.zadd("a", {})],
    "Expected 3 keys, got 2": [
        lambda c: c.lmpop(3, "a", "b", direction="LEFT"),
        lambda c: c.zmpop(3, ["a", "b"], min=True),
        lambda c: c.sintercard(3, ["a", "b"]),
    ],
    "exactly one of min and max": [lambda c: c.zmpop(1, ["a"])],
    r"0 \(forever\) or more seconds": [
        *(lambda c: c.blpop("a", -1), lambda c: c.blmove("a", "b", float("nan"))),
    ],
    "with a count": [
        lambda c: c.hrandfield("a", withvalues=True),
        lambda c: c.zrandmember("a", withscores=True),
    ],
    "together": [lambda c: c.zrange("a", 0, 1, byscore=True, offset=1)],
    "have an offset and a number": [lambda c: c.zrange("a", 0, 1, offset=1, num=1)],
    "only one of maxlen and minid": [lambda c: c.xadd("a", {"n": 7}, maxlen=1, minid="1-1")],
    "either maxlen or minid": [lambda c: c.xtrim("a")],
    "needs a start": [lambda c: c.bitcount("a", end=1)],
    "with a mode needs both": [lambda c: c.bitpos("a", 0, 9, mode="BIT")],
}


@pytest.mark.parametrize("said", UNSENT)
def test_arguments_that_make_no_command_are_refused_before_they_are_sent(
    nobody: ServerCache, said: str
) -> None:
    for call in UNSENT[said]:
        with pytest.raises(ValueError, match=said):
            call(nobody)


def test_none_is_no_name_time_or_place(nobody: ServerCache) -> None:
    with pytest.raises(TypeError, match="A name must be text, bytes or a number, not NoneType"):
        nobody.hget("a", None)
    with pytest.raises(TypeError, match="hpersist"):
        nobody.hexpire("a", None, "x")
    with pytest.raises((TypeError, ValueError)):
        nobody.zrange("a", None, 1)


def test_so_does_a_transaction(lost: ServerCache) -> None:
    pipe = lost.pipeline(transaction=True).llen("a").hgetall("a").rpush("a", 1)
    assert pipe.execute() == [0, {}, 0]
    with pytest.raises(CommandError, match="no such key"):
        lost.pipeline(transaction=True).lset("a", 0, 1).execute()
    with pytest.raises(ServerUnavailable, match="the counter is unknown"):
        lost.pipeline(transaction=True).hincrby("a", "x").execute()


def test_what_a_replica_may_answer_only_reads(cache: ServerCache, told: dict[str, Any]) -> None:
    for name in EVERY:
        command = EVERY[name].command(cache, name)
        args = [str(word).lower() for word in command.args[:2]]
        known = told.get(" ".join(args)) or told[args[0]]
        reads = "readonly" in known["flags"]
        if command.readonly:
            assert reads or args[0] in ("xinfo", "xpending"), name
        elif reads:
            assert name.endswith("scan") or isinstance(command, BlockingCommand), name


def test_what_reads_is_all_that_may_be_sent_twice(cache: ServerCache) -> None:
    """In between, somebody may push, and LSET meets another element, or read what XGROUP SETID
    would give out once more."""
    for name, sample in EVERY.items():
        command = sample.command(cache, name)
        assert command.idempotent is command.readonly, name


def test_what_waits_says_so(cache: ServerCache) -> None:
    for name, sample in EVERY.items():
        command = sample.command(cache, name)
        waits = command.args[0] in BLOCKING_COMMANDS or "BLOCK" in command.args
        assert isinstance(command, BlockingCommand) is waits, name
        if isinstance(command, BlockingCommand):
            assert command.seconds == 0.01, name


def test_keys_are_found_where_the_server_finds_them(cache: ServerCache) -> None:
    with valkey.Valkey.from_url(cache._location[0]) as client:
        for name in EVERY:
            args = EVERY[name].command(cache, name).args
            found = client.execute_command("COMMAND GETKEYS", *args)
            assert list(find_keys(args)) == [key.encode() for key in found], name


def test_servers_are_four_versions(
    valkey_process: Server,
    valkey_9_process: Server,
    redis_process: Server,
    redis_62_process: Server,
) -> None:
    assert has_field_ttls(valkey_9_process)
    found = [compatible_with(one)[:2] for one in (valkey_process, redis_process, redis_62_process)]
    assert found[0] >= (7, 2)
    assert found[1] >= (7, 0)
    assert found[2] == (6, 2)


def test_what_an_old_server_lacks_is_named(redis_62_process: Server) -> None:
    cache = emptied(cache_on(redis_62_process, "redis"))
    said = {}
    for name, sample in EVERY.items():
        try:
            getattr(cache, name)(*sample.args, **sample.kwargs)
        except UnknownCommand as error:
            said[sample.command(cache, name).args[0]] = str(error)
        except CommandError:
            continue  # It knows the command, and misses a group, or a key.
    assert said == {
        command: f"The server does not support {command}. It requires {since}."
        for command, since in COMMAND_VERSIONS.items()
        if not command.endswith("EXPIRETIME") or command.startswith("H")
    }


def test_so_is_it_for_keys(redis_62_process: Server) -> None:
    cache = emptied(cache_on(redis_62_process, "redis"))
    with pytest.raises(NotSupportedError, match=r"not support EXPIRETIME\. It requires .* 7\.0"):
        cache.expiretime("a")
    with pytest.raises(NotSupportedError, match=r"not support NX of PEXPIRE\. It requires .* 7\.0"):
        cache.expire("a", 5, nx=True)


# The contracts.

CONTRACTS = (
    test_lists.TestLists,
    test_sets.TestSets,
    test_hashes.TestHashes,
    test_sorted_sets.TestSortedSets,
    test_streams.TestStreams,
    test_bitmaps.TestBits,
    test_bitmaps.TestHyperLogLogs,
)


def test_contracts_use_every_argument_of_every_command(valkey_9_process: Server) -> None:
    """`version` is left out: a surface adds it to all calls."""
    used: set[tuple[str, str]] = set()

    def recorded(cache: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bound = inspect.signature(getattr(cache, name)).bind(*args, **kwargs)
        used.update((name, argument) for argument in bound.arguments)
        return getattr(cache, name)(*args, **kwargs)

    cache = cache_on(valkey_9_process, "valkey")
    version = compatible_with(valkey_9_process)
    for contract in CONTRACTS:
        for case in [case for name, case in vars(contract).items() if name.startswith("test_")]:
            surface = Surface(emptied(cache), recorded, version, has_field_ttls=True)
            case(contract(), surface)
    wanted = {
        (name, argument)
        for name in EVERY
        for argument in inspect.signature(getattr(cache, name)).parameters
        if argument != "version"
    }
    assert wanted - used == set()
