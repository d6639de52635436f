from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from django_cachex.cache.backends import ServerCache
from django_cachex.commands import AccessDenied, Command, OutOfRangeError, WrongTypeError
from django_cachex.commands.command import parse_none
from tests.cache.conftest import BACKENDS, MakeCache, url
from tests.cache.relay import relay
from tests.servers import Server, valkey


def test_counting_is_exact_to_the_last_bit(cache: ServerCache) -> None:
    cache.set("key", 2**53)
    assert cache.incr("key") == 2**53 + 1
    assert cache.incr("key", 2**62) == 2**62 + 2**53 + 1
    assert cache.decr("key", 2**62) == 2**53 + 1
    assert cache.incr("key", 0) == 2**53 + 1
    assert cache.incr("key", -(2**53) - 2) == -1
    assert type(cache.get("key")) is int


def test_counting_keeps_the_expiry(cache: ServerCache) -> None:
    cache.set("key", 1, 50)
    cache.incr("key")
    left = cache.pttl("key")
    assert left is not None
    assert 45_000 < left <= 50_000


def test_a_missing_key_is_named_and_not_begun(cache: ServerCache) -> None:
    for count in cache.incr, cache.decr:
        with pytest.raises(ValueError, match="'missing'"):
            count("missing")
    assert cache.has_key("missing") is False


@pytest.mark.parametrize("value", ["text", None, True, 1.5, [1], "42", 2**64])
def test_what_is_no_integer_is_a_type_error_and_stays(cache: ServerCache, value: Any) -> None:
    cache.set("key", value)
    with pytest.raises(WrongTypeError) as error:
        cache.incr("key")
    assert isinstance(error.value, TypeError)
    assert cache.get("key") == value


@pytest.mark.parametrize("delta", [2**63, -(2**63) - 1, 10**5000], ids=range(3))
def test_a_delta_past_64_bits_is_out_of_range(cache: ServerCache, delta: int) -> None:
    cache.set("key", 1)
    with pytest.raises(OutOfRangeError):
        cache.incr("key", delta)
    assert cache.get("key") == 1


def test_a_sum_past_64_bits_is_out_of_range(cache: ServerCache) -> None:
    cache.set("key", 2**63 - 1)
    with pytest.raises(OverflowError):
        cache.incr("key")
    assert cache.get("key") == 2**63 - 1


@pytest.mark.parametrize("delta", [1.0, "1", None])
def test_a_delta_must_be_an_integer(cache: ServerCache, delta: Any) -> None:
    cache.set("key", 1)
    with pytest.raises(TypeError):
        cache.incr("key", delta)


def test_counting_takes_one_round_trip(make_cache: MakeCache, valkey_server: Server) -> None:
    with relay(valkey_server.port) as between:
        cache = make_cache(f"redis://127.0.0.1:{between.port}")
        cache.set("key", 1)
        cache.incr("key")  # Perhaps the server learns the script here.
        before = between.turns
        cache.incr("key")
        assert between.turns == before + 1


def test_a_server_that_lost_the_script_learns_it_again(cache: ServerCache) -> None:
    cache.set("key", 1)
    cache.incr("key")
    cache.client.run(Command(("SCRIPT", "FLUSH"), parse_none))
    assert cache.incr("key") == 3


@pytest.fixture
def without_scripts(driver: str) -> Any:
    with valkey() as server:
        admin = BACKENDS[driver](url(server), {}).client
        words = ("ACL", "SETUSER", "plain", "on", ">secret", "~*", "+@all", "-@scripting")
        admin.run(Command(words, parse_none))
        yield BACKENDS[driver](f"redis://plain:secret@{server.address}", {})


def test_where_scripts_are_denied_counting_still_holds(without_scripts: ServerCache) -> None:
    cache = without_scripts
    cache.set("key", 2**53, 50)
    assert cache.incr("key") == 2**53 + 1
    assert cache.ttl("key") == 50
    with pytest.raises(ValueError, match="'missing'"):
        cache.incr("missing")
    assert cache.has_key("missing") is False
    cache.set("text", "x")
    with pytest.raises(WrongTypeError):
        cache.incr("text")
    with pytest.raises(AccessDenied):
        cache.client.run(Command(("EVAL", "return 1", 0), parse_none))


def test_where_scripts_are_denied_no_count_is_lost(without_scripts: ServerCache) -> None:
    cache = without_scripts
    cache.set("key", 0)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _number: cache.incr("key"), range(150)))
    assert cache.get("key") == 150
