"""A dead server costs one timeout, not one for each call."""

from __future__ import annotations

import time

import pytest

from django_cachex.cache import Client
from django_cachex.cache.connection.circuit_breaker import (
    ATTEMPT_TIMEOUT,
    MAX_PAUSE,
    MIN_PAUSE,
    CircuitBreaker,
)
from django_cachex.commands import AccessDenied, ServerTimeout, ServerUnavailable
from tests.cache.conftest import BACKENDS, EACH_DRIVER, url
from tests.servers import Server, free_port, silent, valkey, wait_until

CALLS = 200
TIMEOUT = 0.3


@EACH_DRIVER
def test_a_silent_server_costs_one_timeout(driver: str) -> None:
    with silent() as port:
        cache = BACKENDS[driver](
            f"redis://127.0.0.1:{port}", {"OPTIONS": {"socket_timeout": TIMEOUT, "protocol": 2}}
        )
        began = time.monotonic()
        for _ in range(CALLS):
            with pytest.raises(ServerTimeout):
                cache.get("key")
        # One for the connection's handshake, and those of the attempts after each pause.
        assert time.monotonic() - began < 4 * TIMEOUT


@EACH_DRIVER
async def test_a_silent_server_costs_one_timeout_on_an_event_loop(driver: str) -> None:
    with silent() as port:
        cache = BACKENDS[driver](
            f"redis://127.0.0.1:{port}", {"OPTIONS": {"socket_timeout": TIMEOUT}}
        )
        began = time.monotonic()
        for _ in range(CALLS):
            with pytest.raises(ServerTimeout):
                await cache.aget("key")
        assert time.monotonic() - began < 4 * TIMEOUT


@EACH_DRIVER
def test_a_server_that_refuses_is_left_alone_after_some_failures(driver: str) -> None:
    cache = BACKENDS[driver](f"redis://127.0.0.1:{free_port()}", {})
    for _ in range(10):
        with pytest.raises(ServerUnavailable) as caught:
            cache.get("key")
    assert "will be tried again in" in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_server_that_is_back_is_found_after_the_pause(driver: str) -> None:
    port = free_port()
    cache = BACKENDS[driver](f"redis://127.0.0.1:{port}", {})
    for _ in range(5):
        with pytest.raises(ServerUnavailable):
            cache.get("key")

    def answers() -> bool:
        try:
            return cache.get("key", "nothing") == "nothing"
        except ServerUnavailable:
            return False

    with valkey(port=port):
        wait_until(answers, "the breaker to close", 10 * MIN_PAUSE)
        for number in range(5):
            cache.set("key", number)
            assert cache.get("key") == number


@EACH_DRIVER
def test_a_server_that_refuses_the_credentials_is_there(driver: str) -> None:
    port = free_port()
    cache = BACKENDS[driver](f"redis://127.0.0.1:{port}", {})
    for _ in range(5):
        with pytest.raises(ServerUnavailable):
            cache.get("key")

    def is_asked() -> bool:
        try:
            cache.get("key")
        except AccessDenied:
            return True
        except ServerUnavailable:
            return False
        return False

    with valkey("--requirepass", "secret", port=port):
        wait_until(is_asked, "the breaker to let a call through", 10 * MIN_PAUSE)
        for _ in range(3):
            assert is_asked()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which stands still unless a test moves it."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_pauses_grow_and_an_answer_forgets_them(clock: list[float]) -> None:
    """They begin when an attempt ends, and stay short: that is how late a server is found."""
    breaker = CircuitBreaker()
    breaker.record_failure(ServerTimeout("late"))
    pauses = []
    for _ in range(4):
        pauses.append(breaker.retry_at - clock[0])
        clock[0] = breaker.retry_at
        breaker.check("here")  # The attempt, which takes its time.
        clock[0] += 3
        with pytest.raises(ServerTimeout, match="is being tried again"):
            breaker.check("here")  # Everybody else, meanwhile.
        breaker.record_failure(ServerTimeout("late"))
        with pytest.raises(ServerTimeout, match="will be tried again in"):
            breaker.check("here")
    assert pauses == [0.5, 1, 1, 1]
    breaker.reset()
    assert not breaker.retry_at
    assert not breaker.failures


def test_an_attempt_of_which_nobody_hears_the_end_is_followed_by_another(
    clock: list[float],
) -> None:
    breaker = CircuitBreaker()
    breaker.record_failure(ServerTimeout("late"))
    clock[0] = breaker.retry_at
    breaker.check("here")
    breaker.end_attempt()  # It was cancelled, say.
    with pytest.raises(ServerTimeout):
        breaker.check("here")
    clock[0] += MAX_PAUSE
    breaker.check("here")
    clock[0] += ATTEMPT_TIMEOUT
    breaker.check("here")


def test_a_clock_that_jumped_does_not_leave_a_server_alone(clock: list[float]) -> None:
    """Clocks are frozen in tests, at any time; then they are what they were before."""
    breaker = CircuitBreaker()
    clock[0] = 1_800_000_000
    breaker.record_failure(ServerTimeout("late"))
    clock[0] = 1000
    breaker.check("here")


def test_an_old_connection_that_is_silent_leaves_the_server_its_chance() -> None:
    breaker = CircuitBreaker()
    breaker.record_failure(ServerTimeout("late"), reused=True)
    assert not breaker.retry_at
    breaker.record_failure(ServerTimeout("late"), reused=True)
    breaker.record_failure(ServerTimeout("late"), reused=True)
    breaker.check("here")  # Three are enough; the next call is the attempt.
    with pytest.raises(ServerTimeout):
        breaker.check("here")


@pytest.mark.parametrize("by", ["option", "admin"])
def test_it_can_be_switched_off(driver: str, by: str) -> None:
    location = f"redis://127.0.0.1:{free_port()}"
    cache = BACKENDS[driver](location, {"OPTIONS": {"breaker": False}})
    client = cache.client if by == "option" else Client.from_settings(driver, location)
    for _ in range(10):
        with pytest.raises(ServerUnavailable) as caught:
            client.ping()
    assert "tried again" not in str(caught.value)


def test_one_server_does_not_break_another(driver: str, valkey_server: Server) -> None:
    dead = BACKENDS[driver](f"redis://127.0.0.1:{free_port()}", {})
    alive = BACKENDS[driver](url(valkey_server), {})
    for _ in range(5):
        with pytest.raises(ServerUnavailable):
            dead.get("key")
        assert alive.get("key") is None
