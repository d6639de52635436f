"""Both drivers against a real Redis, whose version and error texts are others than Valkey's."""

from __future__ import annotations

import asyncio

import pytest

from django_cachex.commands import Command, OutOfRangeError, UnknownCommand, WrongTypeError
from django_cachex.commands.command import parse_none
from tests.cache.conftest import BACKENDS, EACH_DRIVER, url
from tests.servers import Server


@EACH_DRIVER
def test_what_depends_on_the_server_holds_on_redis(driver: str, redis_server: Server) -> None:
    cache = BACKENDS[driver](url(redis_server), {"KEY_PREFIX": "p"})
    assert "redis_version" in cache.client.info("server")
    assert "server_name" not in cache.client.info("server")
    cache.set_many({"n": 2**53, "text": "x", "list": [1]}, 100)
    assert cache.incr("n") == 2**53 + 1
    cache.set("n", 2**63 - 1)
    with pytest.raises(OutOfRangeError):
        cache.incr("n")
    with pytest.raises(WrongTypeError):
        cache.incr("text")
    with pytest.raises(ValueError, match="missing"):
        cache.incr("missing")
    with pytest.raises(UnknownCommand):
        cache.client.run(Command(("NOSUCH",), parse_none))
    with pytest.raises(ValueError, match="missing"):
        cache.incr_version("missing")
    assert cache.incr_version("text") == 2
    pipe = cache.pipeline(transaction=True)
    assert pipe.get("list").ttl("list").memory_usage("missing").execute() == [[1], 100, None]
    assert asyncio.run(cache.aget_many(["list"])) == {"list": [1]}
    cache.client.set(b"stranger", b"x")
    cache.clear()
    assert cache.client.scan(count=100) == (0, [b"stranger"])
    cache.flush_db()
    assert cache.client.dbsize() == 0
