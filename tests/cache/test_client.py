from __future__ import annotations

import asyncio

import pytest

from django_cachex.cache import Client
from django_cachex.commands import (
    Command,
    CommandError,
    Operation,
    ServerTimeout,
    UnknownCommand,
    WrongTypeError,
)
from django_cachex.commands.command import parse_none, parse_raw
from tests.cache.conftest import url
from tests.servers import Server


@pytest.fixture
def client(driver: str, valkey_server: Server) -> Client:
    return Client.from_settings(driver, url(valkey_server))


def send(client: Client, *words: bytes | str | int) -> object:
    return client.run(Command(words, parse_raw))


def test_keys_and_values_are_raw(client: Client) -> None:
    client.set(b"\xff", b"\x80\x00")
    assert client.get(b"\xff") == b"\x80\x00"
    assert client.get(b"missing", b"default") == b"default"
    assert client.ttl(b"\xff") is None
    assert client.scan() == (0, [b"\xff"])
    assert client.scan(match=b"[a-z]*") == (0, [])


def test_life_and_names_of_keys(client: Client) -> None:
    client.set(b"key", b"value")
    assert client.ttl(b"missing") == client.pttl(b"missing") == -2
    assert client.ttl(b"key") is client.pttl(b"key") is None
    assert client.expire(b"key", 100) is True
    assert client.ttl(b"key") == 100
    assert client.pexpire(b"key", 5000) is True
    assert 0 < (client.pttl(b"key") or 0) <= 5000
    assert client.persist(b"key") is True
    assert client.persist(b"key") is False
    with pytest.raises(TypeError, match="persist"):
        client.expire(b"key", None)  # type: ignore[arg-type]  # what is tested
    assert client.type(b"key") == "string"
    assert client.type(b"missing") == "none"
    assert client.copy(b"key", b"copy") is True
    assert client.copy(b"key", b"copy") is False
    assert client.copy(b"key", b"copy", replace=True) is True
    assert client.renamenx(b"key", b"copy") is False
    assert client.rename(b"key", b"renamed") is True
    assert client.exists(b"key", b"copy", b"renamed") == 2
    assert client.unlink(b"copy", b"renamed", b"missing") == 2
    with pytest.raises(CommandError, match="no such key"):
        client.rename(b"key", b"renamed")


def test_the_place_of_keys(client: Client) -> None:
    client.set(b"key", b"x" * 100)
    assert (client.memory_usage(b"key") or 0) > 100
    assert (client.memory_usage(b"key", samples=5) or 0) > 100
    assert client.memory_usage(b"missing") is None
    assert client.object_encoding(b"key") == "raw"
    assert client.strlen(b"key") == 100
    assert client.strlen(b"missing") == 0
    assert client.getrange(b"key", 0, 9) == b"x" * 10
    assert client.getrange(b"missing", 0, 9) == b""


def test_first_pages_of_collections(client: Client) -> None:
    send(client, "RPUSH", b"list", b"a", b"b", b"c")
    send(client, "HSET", b"hash", b"field", b"\xff")
    send(client, "SADD", b"set", b"member")
    send(client, "ZADD", b"zset", b"1.5", b"low", b"inf", b"high")
    send(client, "XADD", b"stream", b"1-1", b"name", b"value")
    assert (client.llen(b"list"), client.lrange(b"list", 0, 1)) == (3, [b"a", b"b"])
    assert (client.hlen(b"hash"), client.hscan(b"hash")) == (1, (0, {b"field": b"\xff"}))
    assert client.hscan(b"hash", match=b"x*", count=10) == (0, {})
    assert (client.scard(b"set"), client.sscan(b"set")) == (1, (0, [b"member"]))
    assert client.zcard(b"zset") == 2
    assert client.zrange(b"zset", 0, -1) == [b"low", b"high"]
    scored = [(b"high", float("inf")), (b"low", 1.5)]
    assert client.zrange(b"zset", 0, -1, desc=True, withscores=True) == scored
    assert client.xlen(b"stream") == 1
    assert client.xrange(b"stream", count=5) == [(b"1-1", {b"name": b"value"})]
    assert client.xrange(b"stream", min="(1-1") == []
    assert client.scan(count=100, _type="zset") == (0, [b"zset"])


@pytest.mark.parametrize("word", [1.5, -7, "ü", b"\xff", 2**63 - 1, ""])
def test_words_of_every_kind_reach_the_server(client: Client, word: bytes | str | float) -> None:
    sent = word if isinstance(word, bytes) else str(word).encode()
    echo = Command(("ECHO", word), parse_raw)
    assert client.run(echo) == sent
    assert asyncio.run(client.arun(echo)) == sent


def test_the_server_and_its_database(client: Client) -> None:
    client.set(b"key", b"x")
    assert client.ping() is True
    assert client.dbsize() == 1
    info = client.info()
    assert info["server_name"] == "valkey"
    assert "connected_clients" in info
    assert "connected_clients" not in client.info("memory", "server")
    assert client.flush_db() is None
    assert client.dbsize() == 0


def test_collect_puts_refusals_in_place(client: Client) -> None:
    client.set(b"key", b"7")
    results = client.collect(
        [
            Command(("GET", b"key"), int),
            Command(("LLEN", b"key"), int),
            Command(("NOSUCH", b"key"), int),
            client._ttl(b"key"),
        ]
    )
    assert results[0] == 7
    assert isinstance(results[1], WrongTypeError)
    assert isinstance(results[2], UnknownCommand)
    assert results[3] is None


def test_steps_share_one_connection_so_that_watching_works(client: Client) -> None:
    client.set(b"key", b"old")

    def exchange(new: bytes) -> Operation[bytes | None]:
        [_watching, old] = yield [
            Command(("WATCH", b"key"), parse_none),
            Command(("GET", b"key"), parse_raw),
        ]
        if new == b"meddle":
            client.set(b"key", b"meddled")
        *_queued, executed = yield [
            Command(("MULTI",), parse_none),
            Command(("SET", b"key", new), parse_raw),
            Command(("EXEC",), parse_raw),
        ]
        return None if executed is None else old

    assert client.run(exchange(b"new")) == b"old"
    assert client.get(b"key") == b"new"
    assert client.run(exchange(b"meddle")) is None
    assert client.get(b"key") == b"meddled"
    assert asyncio.run(client.arun(exchange(b"newer"))) == b"meddled"


def test_a_refusal_inside_a_transaction_comes_as_an_error_of_ours(client: Client) -> None:
    client.set(b"key", b"text")
    requests = [Command(words, parse_raw) for words in (("MULTI",), ("LLEN", b"key"), ("EXEC",))]
    [_multi, _queued, [refusal]] = client.collect(requests)
    assert isinstance(refusal, WrongTypeError)


def test_equal_settings_share_their_connections(driver: str, valkey_server: Server) -> None:
    location = url(valkey_server)
    one = Client.from_settings(driver, location, {"socket_timeout": 3}, socket_connect_timeout=1)
    two = Client.from_settings(driver, [location], {"socket_timeout": 3}, socket_connect_timeout=1)
    other = Client.from_settings(driver, location, {"socket_timeout": 4}, socket_connect_timeout=1)
    assert one.server is two.server
    assert one.server is not other.server


def test_overrides_win_over_options_and_the_url(driver: str, valkey_server: Server) -> None:
    client = Client.from_settings(
        driver,
        f"{url(valkey_server)}?socket_timeout=30&client_name=mine",
        {
            "socket_timeout": 20,
            "serializer": "nowhere.Serializer",
            "pool_class": "nowhere.Pool",
            "timeout": 5,
            "MAX_ENTRIES": 10,
            "CULL_FREQUENCY": 2,
        },
        socket_timeout=0.2,
    )
    assert client.run(Command(("CLIENT", "GETNAME"), parse_raw)) == b"mine"
    with pytest.raises(ServerTimeout):
        client.run(Command(("BLPOP", b"nothing", 5), parse_raw))
