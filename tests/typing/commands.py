"""What type checkers see; checked by mypy, never run."""

from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, assert_type

from django_cachex.cache import Client, Pipeline, ValkeyCache
from django_cachex.commands import Command, Operation


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
    assert_type(cache.execute_command("GEOPOS", "key", "member"), Any)
    assert_type(pipe.execute_command("ECHO", 1.5), Pipeline)
    assert_type(pipe.execute(), list[Any])


def data_types(cache: ValkeyCache, client: Client, pipe: Pipeline) -> None:
    assert_type(cache.hget("key", "field", version=2), Any)
    assert_type(cache.hgetall("key"), dict[str, Any])
    assert_type(cache.hkeys("key"), list[str])
    assert_type(client.hgetall(b"key"), dict[bytes, Any])
    assert_type(pipe.hget("key", "field"), Pipeline)
    assert_type(pipe.hset("key", mapping={"field": 1}).hgetall("key"), Pipeline)
    assert_type(cache.hset("key", "field", 1), int)
    assert_type(cache.hincrbyfloat("key", "field", 0.5), float)
    assert_type(cache.httl("key", "field"), list[int | None])
    assert_type(cache.rpush("key", 1, "two", version=2), int)
    assert_type(cache.blpop(["a", "b"], timeout=1.5), tuple[Any, Any] | None)
    assert_type(pipe.blpop("key"), Pipeline)
    assert_type(cache.smembers("key"), set[Any])
    assert_type(cache.smismember("key", [1, 2]), list[bool])
    assert_type(cache.zscore("key", "member"), float | None)
    assert_type(cache.zpopmin("key"), list[tuple[Any, float]])
    assert_type(cache.xadd("key", {"field": 1}), str | None)
    assert_type(client.xadd(b"key", {"field": 1}), bytes | None)
    assert_type(cache.xrange("key"), list[tuple[str, dict[str, Any]]])
    assert_type(cache.xread({"key": "$"}, block=0), dict[Any, list[tuple[str, dict[str, Any]]]])
    assert_type(cache.hscan_iter("key"), Iterator[tuple[str, Any]])
    assert_type(cache.azscan_iter("key"), AsyncIterator[tuple[Any, float]])


async def awaited(cache: ValkeyCache, client: Client) -> None:
    assert_type(await cache.attl("key"), int | None)
    assert_type(await cache.aincr("key"), int)
    assert_type(await client.atype(b"key"), str)
    assert_type(await client.aget(b"key"), Any)
    assert_type(await cache.ahget("key", "field"), Any)
    assert_type(await cache.ahgetall("key"), dict[str, Any])
    assert_type(await client.ahkeys(b"key"), list[bytes])
    assert_type(await cache.azadd("key", {"member": 1}, nx=True), Any)
    assert_type(await cache.axack("key", "group", "1-1"), int)


def running(client: Client, request: Command[int], steps: Operation[str]) -> None:
    assert_type(client.run(request), int)
    assert_type(client.run(steps), str)
    assert_type(client.collect([request]), list[Any])


# Each line below is an error, or both checkers say that it is not: neither needs its comment then.


def mistakes(cache: ValkeyCache, pipe: Pipeline) -> None:
    cache.ttl()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    cache.ttl("key", verison=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    cache.expire("key", "soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    cache.hget("key")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    cache.hget("key", "field", verison=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    cache.hget("key", ["field"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    cache.hincrby("key", "field", 0.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pipe.hget("key", field=["field"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pipe.zadd("key", [("member", 1)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pipe.xadd("key", {"field": 1}, maxlem=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def awaited_mistakes(cache: ValkeyCache) -> None:
    await cache.ahget("key")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await cache.ahget("key", feild="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await cache.alrange("key", "first", -1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
