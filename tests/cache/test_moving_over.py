"""Calls of django-redis and django-valkey do the same here, or docs/migration.md says otherwise."""

from __future__ import annotations

import inspect
import math
import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import CacheHandler
from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.cache.backends import ServerCache
from tests.servers import Server, free_port

BACKENDS = {
    "django_redis": "django_redis.cache.RedisCache",
    "django_valkey": "django_valkey.cache.ValkeyCache",
}
EACH_PACKAGE = pytest.mark.parametrize("package", BACKENDS)

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


def call(*args: Any, **kwargs: Any) -> Arguments:
    return args, kwargs


LATER = 2**33
"""A timestamp in the future, in seconds."""

CALLS: dict[str, list[Arguments]] = {
    "add": [call("text", 1), call("new", 1, 60), call("new", [1], timeout=None)],
    "clear": [call()],
    "close": [call()],
    "decr": [call("number"), call("number", 2), call("nothing"), call("text")],
    "decr_version": [call("text"), call("nothing")],
    "delete": [call("text"), call("nothing"), call("text", version=2)],
    "delete_many": [call(["text", "number", "nothing"]), call([])],
    "delete_pattern": [call("t*"), call("*", itersize=10), call("nothing*"), call("se?")],
    "expire": [
        *(call("text", 60), call("nothing", 60), call("text", timedelta(hours=1))),
        *(call("text", DEFAULT_TIMEOUT), call("text", 0)),
    ],
    "expire_at": [call("text", LATER), call("nothing", LATER), call("text", 1)],
    "get": [call("text"), call("nothing"), call("nothing", 5), call("number", version=2)],
    "get_many": [call(["text", "number", "nothing"]), call([])],
    "get_or_set": [call("text", 1), call("new", lambda: [1], 60), call("new", 5)],
    "has_key": [call("text"), call("nothing")],
    "hdel": [call("hash", "a"), call("hash", "nothing"), call("nothing", "a")],
    "hexists": [call("hash", "a"), call("hash", "nothing")],
    "hkeys": [call("hash"), call("nothing")],
    "hlen": [call("hash"), call("nothing")],
    "hset": [
        *(call("hash", "a", 5), call("new", "a", [1]), call("new", mapping={"a": 1, "b": "two"})),
    ],
    "incr": [
        *(call("number"), call("number", 10), call("number", -7), call("nothing")),
        *(call("text"), call("large"), call("nothing", ignore_key_check=True)),
    ],
    "incr_version": [call("text"), call("number", 2), call("nothing")],
    "iter_keys": [call("*"), call("t*"), call("se?"), call("*", 10)],
    "keys": [call("*"), call("t*"), call("se?"), call("nothing")],
    "make_key": [call("key"), call("key", 2)],
    "mget": [call(["text"])],
    "mset": [call({"new": 1})],
    "persist": [call("number"), call("forever"), call("nothing")],
    "pexpire": [call("text", 60_000), call("nothing", 60_000), call("text", DEFAULT_TIMEOUT)],
    "pexpire_at": [call("text", LATER * 1000), call("nothing", LATER * 1000)],
    "pttl": [call("forever"), call("nothing")],
    "sadd": [call("set", "c", 1), call("new", "a", 2.5, None, (1,))],
    "scard": [call("set"), call("nothing")],
    "sdiff": [call("set", "other"), call("set", "nothing")],
    "sdiffstore": [call("new", "set", "other")],
    "set": [
        *(call("new", 1), call("new", "x", 60), call("new", [1, None], timeout=None)),
        *(call("new", 1, nx=True), call("text", 1, nx=True), call("text", 1, xx=True)),
        *(call("text", 1, 0), call("text", 1, -1), call("new", 1, version=2)),
        *(call("new", value, 60) for value in (True, 2**80, 1.5, b"bytes", {"a": (1, {2})})),
    ],
    "set_many": [call({"new": 1, "text": "other"}), call({"new": 1}, 60, version=2), call({})],
    "sinter": [call("set", "other"), call("set", "nothing")],
    "sinterstore": [call("new", "set", "other")],
    "sismember": [call("set", "a"), call("set", 1), call("set", "nothing")],
    "smembers": [call("set"), call("nothing")],
    "smismember": [call("set", "a", "nothing")],
    "smove": [call("set", "other", "a"), call("set", "other", "nothing")],
    "spop": [call("single"), call("nothing"), call("set", 5), call("nothing", 2)],
    "srandmember": [call("single"), call("nothing"), call("set", 5), call("nothing", 2)],
    "srem": [call("set", "a", 1, "nothing"), call("nothing", "a")],
    "sscan": [call("set"), call("set", match="a")],
    "sscan_iter": [call("set"), call("set", count=100), call("set", match="a")],
    "sunion": [call("set", "other"), call("nothing")],
    "sunionstore": [call("new", "set", "other")],
    "touch": [
        *(call("text"), call("text", 60), call("number", None), call("text", 0)),
        *(call("nothing"), call("forever", None)),
    ],
    "ttl": [call("number"), call("forever"), call("nothing")],
    "zadd": [
        *(call("board", {"Ana": 5, "new": 1}), call("board", {"Ana": 5}, nx=True)),
        *(call("board", {"Ana": 9}, ch=True), call("board", {"Ana": 1}, incr=True)),
    ],
    "zcard": [call("board"), call("nothing")],
    "zcount": [call("board", 0, 2), call("board", "-inf", "(3")],
    "zincrby": [call("board", 2, "Ana"), call("new", 1.5, "x")],
    "zpopmax": [call("board"), call("nothing"), call("board", 2)],
    "zpopmin": [call("board"), call("nothing"), call("board", 2)],
    "zrange": [
        *(call("board", 0, -1), call("board", 0, 1, withscores=True)),
        *(call("board", 0, -1, desc=True), call("board", 0, 1, score_cast_func=int)),
    ],
    "zrangebyscore": [call("board", 0, 2)],
    "zrank": [call("board", "Ben"), call("board", "nothing"), call("board", "Ben", withscore=True)],
    "zrem": [call("board", "Ana", "nothing")],
    "zremrangebyscore": [call("board", 0, 2)],
    "zrevrange": [call("board", 0, 1)],
    "zrevrangebyscore": [call("board", 2, 0)],
    "zscore": [call("board", "Ana"), call("board", "nothing")],
}
"""Calls of each method of the two packages that uses the server."""

OTHERS = {
    # Django's own.
    *("get_backend_timeout", "make_and_validate_key", "validate_key"),
    # They make a lock, a pattern or a client, and are in the table.
    *("connect", "decode", "disconnect", "do_close_clients", "encode", "get_client", "get_lock"),
    *("get_client_class", "get_client_with_index", "get_next_client_index", "lock"),
    "make_pattern",
}

LARGE = 2**63 - 1


def fill(cache: Any) -> None:
    """Store what `CALLS` use, as their package stores it."""
    cache.set_many({"text": "Ana", "large": LARGE, "table": [1], "set1": 1})
    cache.set("number", 5, 60)
    cache.set("forever", "x", None)
    cache.sadd("set", 1, "a", "b")
    cache.sadd("other", 1, "c")
    cache.sadd("single", "a")
    cache.hset("hash", "a", 1)
    cache.hset("hash", "b", "two")
    if hasattr(cache, "zadd"):
        cache.zadd("board", {"Ana": 1, "Ben": 2.5, "Cy": 3})


@pytest.fixture
def make_theirs() -> Iterator[Callable[..., Any]]:
    """Make caches of a package; arguments are those of OPTIONS."""
    made: list[Any] = []

    def make(package: str, address: str, **options: Any) -> Any:
        scheme = package.removeprefix("django_")
        settings = {"BACKEND": BACKENDS[package], "LOCATION": f"{scheme}://{address}/0"}
        cache = CacheHandler({"default": {**settings, "OPTIONS": options}})["default"]
        made.append(cache)
        return cache

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Of django-valkey's own hashes.
        yield make
        for cache in made:
            disconnect = getattr(cache.client, "do_close_clients", cache.client.disconnect)
            disconnect()


def make_ours(package: str, address: str, **options: Any) -> ServerCache:
    name = package.removeprefix("django_")
    module = import_module("django_cachex.cache")
    backend: type[ServerCache] = getattr(module, f"{name.capitalize()}Cache")
    return backend(f"{name}://{address}/0", {"OPTIONS": options})


def outcome(cache: Any, name: str, arguments: Arguments) -> Any:
    """Return the result of a call, or the name of a builtin exception that it raises."""
    args, kwargs = arguments
    try:
        result = getattr(cache, name)(*args, **kwargs)
        result = list(result) if inspect.isgenerator(result) else result
    except Exception as error:
        kinds = (ValueError, TypeError, AttributeError, Exception)
        return next(kind for kind in kinds if isinstance(error, kind))
    is_unordered = name in ("keys", "iter_keys", "sscan_iter", "srandmember", "hkeys")
    return sorted(result, key=repr) if is_unordered and isinstance(result, list) else result


def dump(client: Any) -> dict[bytes, Any]:
    """Return the stored values of a server, and the magnitude of the time to live of each."""
    readers: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"set": client.smembers,
        b"hash": client.hgetall,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    return {
        key: (readers[client.type(key)](key), magnitude(client.pttl(key)))
        for key in client.keys("*")
    }


def magnitude(ttl: int) -> int:
    return round(math.log2(ttl)) if ttl > 0 else ttl


def parameters(cache: Any, name: str, arguments: Arguments) -> set[str]:
    """Return the names of the arguments of a call."""
    method = getattr(cache.client, name, None) or getattr(cache, name)
    args, kwargs = arguments
    try:
        return set(inspect.signature(method).bind(*args, **kwargs).arguments)
    except TypeError:
        return set(kwargs)


PAGE = Path(__file__).parents[2] / "docs" / "migration.md"


ROW = re.compile(r"`(?:cache\.)?(?:client\.)?(\w+)(?:\(([^`]*)\))?`")


def first_column(section: str) -> list[str]:
    """Return the first cells of the first table in a section of the page."""
    text = PAGE.read_text().partition(f"## {section}\n")[2].partition("\n\n##")[0]
    lines = text.partition("\n|")[2].partition("\n\n")[0].splitlines()[2:]
    return [line.split(" | ")[0] for line in lines]


def documented() -> list[tuple[str, frozenset[str]]]:
    """Return the calls in the table of methods: their names and arguments."""
    return [
        (name, frozenset(re.findall(r"(?:^|, )(\w+)", given)))
        for cell in first_column("Methods")
        for name, given in ROW.findall(cell)
    ]


def signature_differs(package: str, name: str) -> bool:
    """Return whether a method doesn't exist here, or has other arguments."""
    theirs = getattr(import_module(f"{package}.client").DefaultClient, name, None)
    ours = getattr(ServerCache, name, None) if hasattr(ServerCache, name) else None
    if theirs is None or ours is None:
        return ours is None
    names = [[*inspect.signature(method).parameters] for method in (theirs, ours)]
    given, accepted = ([each for each in one if each not in ("self", "client")] for one in names)
    return accepted[: len(given)] != given


@EACH_PACKAGE
def test_every_method_of_theirs_is_called(package: str) -> None:
    kinds = (
        getattr(import_module(f"{package}.cache"), BACKENDS[package].rpartition(".")[2]),
        import_module(f"{package}.client").DefaultClient,
    )
    theirs = {name for kind in kinds for name, _ in inspect.getmembers(kind, callable)}
    public = {name for name in theirs if not name.startswith("_")}
    asynchronous = {name for name in public if name.startswith("a") and name[1:] in public}
    assert len(public) > 60
    assert public - asynchronous - CALLS.keys() - OTHERS == set()


def compare(theirs: Any, ours: ServerCache) -> Iterator[tuple[str, set[str], Any]]:
    """Make each call with both. Yield those that differ: name, arguments, results and data."""
    client = theirs.client.get_client()
    for name, calls in CALLS.items():
        for arguments in calls if hasattr(theirs, name) else []:
            results = []
            for cache in (theirs, ours):
                client.flushdb()
                fill(theirs)
                results.append((outcome(cache, name, arguments), dump(client)))
            if results[0] != results[1]:
                yield name, parameters(theirs, name, arguments), (arguments, *results)


def test_calls_differ_as_documented(make_theirs: Callable[..., Any], valkey_server: Server) -> None:
    # Both packages use Python's default protocol; the bytes of members are compared.
    serializer = ("pickle", {"protocol": pickle.DEFAULT_PROTOCOL})
    differing = []
    for package in BACKENDS:
        theirs = make_theirs(package, valkey_server.address)
        ours = make_ours(package, valkey_server.address, serializer=serializer)
        differing.extend(compare(theirs, ours))
    rows = documented()
    undocumented = [
        (name, details)
        for name, given, details in differing
        if not any(row == name and arguments <= given for row, arguments in rows)
    ]
    assert not undocumented
    outdated = [
        (row, arguments)
        for row, arguments in rows
        if not any(row == name and arguments <= given for name, given, _ in differing)
        and not any(signature_differs(package, row) for package in BACKENDS)
    ]
    assert not outdated


def test_a_lost_server_is_ignored_as_documented(make_theirs: Callable[..., Any]) -> None:
    address = f"127.0.0.1:{free_port()}"
    differing = set()
    for package in BACKENDS:
        theirs = make_theirs(package, address, IGNORE_EXCEPTIONS=True)
        ours = make_ours(package, address, ignore_exceptions="all")
        for name, [arguments, *_] in CALLS.items():
            if hasattr(theirs, name) and hasattr(ours, name):
                expected, found = (outcome(one, name, arguments) for one in (theirs, ours))
                assert isinstance(expected, type) or not isinstance(found, type), name
                # Nothing in place of None is not a difference, except for counters.
                is_counter = name.startswith(("incr", "decr"))
                if not isinstance(expected, type) and expected != found:
                    differing |= {name} if is_counter or expected or found else set()
    assert differing == set(re.findall(r"`(\w+)`", " ".join(first_column("Ignored exceptions"))))
