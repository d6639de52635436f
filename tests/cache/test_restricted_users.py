"""Users, and servers, without commands that Django's own backend does without."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import valkey
from django.core.cache.backends.redis import RedisCache as DjangosCache

from django_cachex.cache import RedisClusterCache, ValkeyClusterCache
from django_cachex.cache.backends import ServerCache
from django_cachex.commands import AccessDenied
from tests import servers
from tests.cache.conftest import BACKENDS
from tests.servers import Server

MakeUser = Callable[..., str]

numbers = itertools.count()

DJANGOS = ("get", "set", "del", "exists", "expire", "persist", "incrby", "mget", "mset")
"""The commands by which Django's backend does all but clear(), in a transaction: MULTI and EXEC."""


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    with servers.valkey() as server:
        yield server


@pytest.fixture
def make_user(own_server: Server) -> Iterator[MakeUser]:
    """Make a user of an empty server, whose password is new to all caches; return the URL."""
    with valkey.Valkey(port=own_server.port) as client:

        def make(*rules: str, keys: str = "~*") -> str:
            secret = f"p{next(numbers)}"
            words = ("reset", "on", f">{secret}", keys, "&*", *rules)
            client.execute_command("ACL", "SETUSER", "u", *words)
            client.flushall()
            client.config_resetstat()
            return f"redis://u:{secret}@{own_server.address}/0"

        make.client = client  # type: ignore[attr-defined]
        yield make


def calls(make_user: MakeUser, command: str) -> tuple[int, int]:
    """Return how often a command was run, and how often it was refused."""
    found = make_user.client.info("commandstats").get(f"cmdstat_{command}")  # type: ignore[attr-defined]
    return (found["calls"], found["rejected_calls"]) if found else (0, 0)


def deleted(cache: ServerCache, delete: Callable[[ServerCache], Any]) -> Any:
    cache.set_many({"a": 1, "b": 2})
    outcome = delete(cache)
    assert not cache.has_key("a")
    return outcome


DELETES: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "delete": (lambda c: c.delete("a"), True),
    "delete_many": (lambda c: c.delete_many(["a", "b"]), None),
    "unlink": (lambda c: c.unlink("a", "b", "c"), 2),
    "set for no time": (lambda c: c.set("a", 1, 0), None),
    "set_many for no time": (lambda c: c.set_many({"a": 1, "b": 2}, 0), []),
    "touch for no time": (lambda c: c.touch("a", 0), True),
    "clear": (lambda c: c.clear(), None),
    "delete_pattern": (lambda c: c.delete_pattern("*"), 2),
    "pipeline": (lambda c: c.pipeline().get("a").delete("a").get("b").execute(), [1, True, 2]),
    "transaction": (
        lambda c: c.pipeline(transaction=True).get("a").delete("a").get("b").execute(),
        [1, True, 2],
    ),
    "adelete": (lambda c: asyncio.run(c.adelete("a")), True),
    "adelete_many": (lambda c: asyncio.run(c.adelete_many(["a", "b"])), None),
    "aclear": (lambda c: asyncio.run(c.aclear()), None),
    "apipeline": (
        lambda c: asyncio.run(c.pipeline(transaction=True).delete("a").aexecute()),
        [True],
    ),
}


@pytest.mark.parametrize("name", DELETES)
def test_a_user_without_unlink_deletes(driver: str, make_user: MakeUser, name: str) -> None:
    cache = BACKENDS[driver](make_user("+@all", "-unlink"), {})
    delete, expected = DELETES[name]
    assert deleted(cache, delete) == expected
    refused = calls(make_user, "unlink")
    assert refused[0] == 0
    assert refused[1] > 0
    for again in delete, DELETES["delete"][0], DELETES["transaction"][0]:
        deleted(cache, again)
    assert calls(make_user, "unlink") == refused  # It is remembered.


@pytest.mark.parametrize("program", [servers.valkey_server(), servers.redis_server()])
def test_a_server_without_unlink(driver: str, program: str | None) -> None:
    if program is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    with servers.valkey("--rename-command", "UNLINK", "", program=program) as server:
        cache = BACKENDS[driver](f"redis://{server.address}", {})
        assert deleted(cache, lambda cache: cache.delete("a")) is True
        deleted(cache, lambda cache: cache.clear())


def test_a_server_that_has_unlink_is_sent_nothing_else(driver: str, make_user: MakeUser) -> None:
    cache = BACKENDS[driver](make_user("+@all", keys="~:1:own*"), {})
    cache.set("own", 1)
    for _ in range(2):
        with pytest.raises(AccessDenied, match="key"):
            cache.delete("of-others")
        with pytest.raises(AccessDenied, match="key"):
            cache.delete_many(["own", "of-others"])
    assert cache.delete("own")
    assert calls(make_user, "unlink")[0] == 1
    assert calls(make_user, "del") == (0, 0)


def test_a_user_who_may_not_delete_at_all_is_told(driver: str, make_user: MakeUser) -> None:
    cache = BACKENDS[driver](make_user("+@all", "-unlink", "-del"), {})
    for _ in range(2):
        with pytest.raises(AccessDenied, match="'del'"):
            cache.delete("a")
    with pytest.raises(AccessDenied, match="'del'"):
        cache.pipeline(transaction=True).delete("a").execute()


def test_in_a_cluster_each_node_is_found_out_about(driver: str, cluster_of_valkeys: Server) -> None:
    kind = {"valkey": ValkeyClusterCache, "redis": RedisClusterCache}[driver]
    with ExitStack() as stack:
        first = stack.enter_context(valkey.Valkey(port=cluster_of_valkeys.port))
        for place in first.execute_command("CLUSTER NODES"):
            port = int(place.rpartition(":")[2])
            node = stack.enter_context(valkey.Valkey(port=port))
            rules = ("on", ">p", "~*", "+@all", "-unlink")
            node.execute_command("ACL", "SETUSER", f"of-{driver}", *rules)
            stack.callback(node.execute_command, "ACL", "DELUSER", f"of-{driver}")
        cache = kind(f"redis://of-{driver}:p@{cluster_of_valkeys.address}", {})
        keys = [f"key:{number}" for number in range(50)]
        for delete in (lambda: cache.delete_many(keys), cache.clear):
            cache.set_many(dict.fromkeys(keys, 1))
            delete()
            assert cache.get_many(keys) == {}


WORK: list[Callable[[Any], Any]] = [
    lambda c: c.set("a", 1, 60),
    lambda c: c.add("a", 2),
    lambda c: c.add("b", 2, 60),
    lambda c: c.get("a"),
    lambda c: c.get_many(["a", "b", "c"]),
    lambda c: c.has_key("a"),
    lambda c: c.incr("a", 4),
    lambda c: c.decr("a"),
    lambda c: c.touch("a", 90),
    lambda c: c.touch("a", None),
    lambda c: c.touch("b", 50),
    lambda c: c.touch("nothing", 5),
    lambda c: c.set_many({"d": 4, "e": 5}, 60),
    lambda c: c.get_or_set("f", lambda: 7),
    lambda c: c.incr_version("f"),
    lambda c: c.get("f", version=2),
    lambda c: c.get("f"),
    lambda c: c.delete("d"),
    lambda c: c.delete("d"),
    lambda c: c.delete_many(["e", "a"]),
    lambda c: c.get_many(["a", "d", "e"]),
    lambda c: c.set("b", 1, 0),
    lambda c: c.get("b"),
]


def test_with_what_djangos_backend_needs_all_of_its_methods_work(
    driver: str, make_user: MakeUser
) -> None:
    rules = [f"+{name}" for name in (*DJANGOS, "multi", "exec")]
    location = make_user("-@all", *rules)
    theirs = [work(cache) for cache in [DjangosCache(location, {})] for work in WORK]
    cache = BACKENDS[driver](make_user("-@all", *rules), {})
    assert [work(cache) for work in WORK] == theirs
    with pytest.raises(ValueError, match="not found"):
        cache.incr("nothing")
    with pytest.raises(ValueError, match="not found"):
        cache.incr_version("nothing")
    # A look for the own keys; FLUSHDB, which Django's sends, would delete those of others, too.
    with pytest.raises(AccessDenied, match="'scan'"):
        cache.clear()


async def test_so_do_they_on_an_event_loop(driver: str, make_user: MakeUser) -> None:
    cache = BACKENDS[driver](make_user("-@all", *[f"+{name}" for name in DJANGOS]), {})
    await cache.aset("a", 1, 60)
    assert await cache.aincr("a") == 2
    assert await cache.atouch("a", 90) is True
    assert await cache.aincr_version("a") == 2
    assert await cache.aget("a", version=2) == 2
    assert await cache.adelete("a", version=2) is True
    assert await cache.aset_many({"b": 1}) == []
    assert await cache.adelete_many(["b"]) is None


def test_a_time_that_expire_does_not_have_is_refused(driver: str, make_user: MakeUser) -> None:
    cache = BACKENDS[driver](make_user("+@all", "-pexpire"), {})
    cache.set("key", 1)
    assert cache.touch("key", 1000)
    assert cache.expire("key", 500, lt=True)
    for change in (lambda: cache.touch("key", 1.5), lambda: cache.pexpire("key", 1500)):
        with pytest.raises(AccessDenied, match="'pexpire'"):
            change()
    assert 490 < (cache.ttl("key") or 0) <= 500


def test_a_moved_entry_keeps_its_expiry_if_that_may_be_asked_for(
    driver: str, make_user: MakeUser
) -> None:
    cache = BACKENDS[driver](make_user("+@all", "-rename"), {})
    cache.set("key", 1, 1000)
    assert cache.incr_version("key") == 2
    assert 990 < (cache.ttl("key", version=2) or 0) <= 1000
    assert not cache.has_key("key")
