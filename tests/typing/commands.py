"""What type checkers see; checked by mypy, never run."""

from collections.abc import Coroutine
from typing import Any, assert_type

from django_cachex.cache import Client, Pipeline, ValkeyCache
from django_cachex.commands import Request, Steps


def surfaces(cache: ValkeyCache, client: Client, pipe: Pipeline) -> None:
    assert_type(cache.ttl("key"), int | None)
    assert_type(cache.ttl("key", version=2), int | None)
    _coroutine = assert_type(cache.attl("key"), Coroutine[Any, Any, int | None])
    assert_type(client.ttl(b"key"), int | None)
    assert_type(pipe.ttl("key"), Pipeline)
    assert_type(pipe.set("key", 1, timeout=5).get("key").incr("key"), Pipeline)
    assert_type(client.scan(match=b"*", count=10), tuple[int, list[Any]])
    assert_type(client.hscan(b"key"), tuple[int, dict[bytes, Any]])
    assert_type(cache.delete_pattern("a*"), int)
    assert_type(cache.touch("key", None), bool)
    assert_type(client.touch(b"key", None), bool)
    assert_type(cache.get_many(["a"]), dict[Any, Any])
    assert_type(pipe.execute(), list[Any])


async def awaited(cache: ValkeyCache, client: Client) -> None:
    assert_type(await cache.attl("key"), int | None)
    assert_type(await cache.aincr("key"), int)
    assert_type(await client.atype(b"key"), str)
    assert_type(await client.aget(b"key"), Any)


def running(client: Client, request: Request[int], steps: Steps[str]) -> None:
    assert_type(client.run(request), int)
    assert_type(client.run(steps), str)
    assert_type(client.collect([request]), list[Any])


def mistakes(cache: ValkeyCache) -> None:
    cache.ttl()  # type: ignore[call-arg]  # strict mypy says so if this stops being an error
    cache.ttl("key", verison=2)  # type: ignore[call-arg]  # as above
    cache.expire("key", "soon")  # type: ignore[arg-type]  # as above
