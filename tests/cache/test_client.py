from __future__ import annotations

import asyncio

import pytest

from django_cachex.cache import Client
from django_cachex.commands import (
    Command,
    Operation,
    ServerTimeout,
    UnknownCommand,
    WrongTypeError,
)
from django_cachex.commands.command import parse_none, parse_raw
from tests.cache.conftest import EACH_DRIVER, url
from tests.servers import Server


@pytest.fixture
def client(driver: str, valkey_server: Server) -> Client:
    return Client.from_settings(driver, url(valkey_server))


def test_keys_and_values_are_raw(client: Client) -> None:
    client.set(b"\xff", b"\x80\x00")
    assert client.get(b"\xff") == b"\x80\x00"
    assert client.get(b"missing", b"default") == b"default"
    assert client.ttl(b"\xff") is None
    assert client.scan() == (0, [b"\xff"])
    assert client.scan(match=b"[a-z]*") == (0, [])


@EACH_DRIVER
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


@EACH_DRIVER
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
