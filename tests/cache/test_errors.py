from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from django_cachex.commands import (
    AccessDenied,
    CachexError,
    Command,
    CommandError,
    ServerTimeout,
    ServerUnavailable,
    WrongTypeError,
)
from django_cachex.commands.command import parse_none
from tests.cache.conftest import BACKENDS, EACH_DRIVER, url
from tests.cache.faults.talker import talker
from tests.servers import valkey


def test_errors_have_one_base() -> None:
    for kind in ServerUnavailable, ServerTimeout, CommandError, AccessDenied:
        assert issubclass(kind, CachexError)
    assert issubclass(ServerTimeout, ServerUnavailable)
    assert issubclass(WrongTypeError, TypeError)
    assert not issubclass(CommandError, ServerUnavailable)


@pytest.mark.parametrize("server", ["valkey", "redis", "redis_62"])
def test_what_a_command_in_a_script_was_refused_for(
    server: str, request: pytest.FixtureRequest
) -> None:
    cache = BACKENDS["redis"](url(request.getfixturevalue(f"{server}_process")), {})
    cache.set("text", "x")
    with pytest.raises(WrongTypeError):
        cache.eval_script("return redis.call('LLEN', KEYS[1])", ["text"])


@EACH_DRIVER
@pytest.mark.parametrize("surface", ["blocking", "awaitable"])
@pytest.mark.parametrize("command", ["AUTH", "PING"])
def test_a_password_is_in_no_error_where_a_command_has_another_name(
    driver: str, surface: str, command: str
) -> None:
    with valkey("--rename-command", command, "hidden") as server:
        place = url(server).replace("://", "://clerk:hunter2@" if command == "AUTH" else "://")
        cache = BACKENDS[driver](place, {})
        ping = Command(("PING", "hunter2"), parse_none)
        ask = {
            "blocking": lambda: cache.client.run(ping),
            "awaitable": lambda: asyncio.run(cache.client.arun(ping)),
        }[surface]
        with pytest.raises(CommandError) as failure:
            ask()
    told = [str(link) for link in chain(failure.value)]
    assert f"unknown command '{command}'" in told[0]
    assert not any("hunter2" in text for text in told)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that a traceback tells of before it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@EACH_DRIVER
def test_an_error_says_whether_anything_was_sent(driver: str) -> None:
    with valkey() as server:
        cache = BACKENDS[driver](url(server), {})
        cache.set("key", 1)
    with pytest.raises(ServerUnavailable) as failure:
        cache.set("key", 2)
    assert not failure.value.sent
    with talker(lambda words: None) as hangs_up:
        cache = BACKENDS[driver](f"{driver}://127.0.0.1:{hangs_up.port}/0", {})
        with pytest.raises(ServerUnavailable) as failure:
            cache.set("key", 1)
    assert failure.value.sent
