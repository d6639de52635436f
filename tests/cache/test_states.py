"""What a server cannot do at the moment is a miss where failures are ignored; mistakes are not."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
import valkey

from django_cachex.cache import ignore_exceptions
from django_cachex.cache.backends import ServerCache
from django_cachex.commands import (
    AccessDenied,
    CachexError,
    OutOfMemoryError,
    ReadOnlyError,
    ServerStateError,
    ServerUnavailable,
    SlotUnavailable,
    WrongTypeError,
)
from tests import servers
from tests.cache.conftest import BACKENDS, url
from tests.servers import wait_until


@contextmanager
def full() -> Iterator[str]:
    with servers.valkey("--maxmemory", "1") as server:
        yield url(server)


@contextmanager
def replica() -> Iterator[str]:
    with servers.valkey("--replicaof", f"127.0.0.1 {servers.free_port()}") as server:
        yield url(server)


@contextmanager
def stale_replica() -> Iterator[str]:
    options = ("--replica-serve-stale-data", "no")
    with servers.valkey(*options, "--replicaof", f"127.0.0.1 {servers.free_port()}") as server:
        yield url(server)


@contextmanager
def alone() -> Iterator[str]:
    with servers.valkey("--min-replicas-to-write", "1") as server:
        yield url(server)


@contextmanager
def cannot_save() -> Iterator[str]:
    with servers.valkey() as server, valkey.Valkey(port=server.port) as client:
        (server.folder / "dump.rdb").mkdir()
        client.set("key", 1)
        client.config_set("save", "3600 1")
        client.bgsave()
        wait_until(lambda: client.info()["rdb_last_bgsave_status"] == "err", "a failure to save")
        yield url(server)


@contextmanager
def busy() -> Iterator[str]:
    with servers.valkey("--busy-reply-threshold", "10") as server, ExitStack() as stack:
        client, other = (stack.enter_context(valkey.Valkey(port=server.port)) for _ in range(2))

        def run() -> None:
            with suppress(valkey.ValkeyError):
                client.eval("while true do end", 0)

        def is_busy() -> bool:
            try:
                return not other.ping()
            except valkey.ValkeyError:
                return True

        thread = threading.Thread(target=run)
        thread.start()
        wait_until(is_busy, "a busy script")
        yield url(server)
        other.script_kill()
        thread.join()


@contextmanager
def loading() -> Iterator[str]:
    with servers.valkey() as first, valkey.Valkey(port=first.port) as client:
        client.mset({f"key:{number}": "x" * 2048 for number in range(500)})
        client.config_set("rdbcompression", "no")
        client.save()
        slowly = ("--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024")
        with servers.valkey("--dir", str(first.folder), *slowly) as server:
            yield url(server)


@contextmanager
def without_slots() -> Iterator[str]:
    port = servers.free_port_of_a_node()
    with servers.valkey("--cluster-enabled", "yes", port=port) as server:
        yield url(server)


STATES: dict[str, tuple[Any, type[CachexError]]] = {
    "OOM": (full, OutOfMemoryError),
    "READONLY": (replica, ReadOnlyError),
    "MASTERDOWN": (stale_replica, ServerUnavailable),
    "NOREPLICAS": (alone, ServerStateError),
    "MISCONF": (cannot_save, ServerStateError),
    "BUSY": (busy, ServerStateError),
    "LOADING": (loading, ServerUnavailable),
    "CLUSTERDOWN": (without_slots, SlotUnavailable),
}

CALLS: list[tuple[Callable[[ServerCache], Any], Any]] = [
    (lambda cache: cache.set("key", 1), None),
    (lambda cache: cache.add("key", 1), False),
    (lambda cache: cache.set_many({"a": 1, "b": 2}), ["a", "b"]),
    (lambda cache: cache.get_or_set("key", lambda: 7), 7),
    (lambda cache: cache.pipeline().set("key", 1).get("key").execute(), [None, None]),
    (
        lambda cache: cache.pipeline(transaction=True).set("key", 1).get("key").execute(),
        [None, None],
    ),
    (lambda cache: asyncio.run(cache.aset("key", 1)), None),
    (lambda cache: asyncio.run(cache.aset_many({"a": 1})), ["a"]),
]


@pytest.mark.parametrize("state", STATES)
def test_a_state_of_the_server_is_a_miss_and_is_logged(
    state: str, driver: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        ignore_exceptions,
        "_ignored_errors_log",
        ignore_exceptions.RateLimitedLogger(ignore_exceptions._ignored_errors_log._message),
    )
    caplog.set_level(logging.WARNING, "django_cachex.cache")
    put, kind = STATES[state]
    with put() as location:
        options = {"socket_timeout": 10, "breaker": False}
        strict = BACKENDS[driver](location, {"OPTIONS": options})
        reads = state == "MASTERDOWN"  # What writes is told that this is a replica.
        with pytest.raises(kind, match=state):
            strict.get("key") if reads else strict.set("key", 1)
        with pytest.raises(kind, match=state):
            asyncio.run(strict.aget("key") if reads else strict.aset("key", 1))
        cache = BACKENDS[driver](location, {"OPTIONS": {**options, "ignore_exceptions": True}})
        before = cache.statistics.errors
        for call, missed in CALLS:
            assert call(cache) == missed
        assert cache.statistics.errors - before >= len(CALLS)
    # A slow machine has asyncio log, too.
    [said] = [one.getMessage() for one in caplog.records if one.name == "django_cachex.cache"]
    assert said.startswith("1 errors ignored")
    assert ("READONLY" if reads else state) in said


def test_mistakes_are_raised_whatever_is_ignored(driver: str) -> None:
    options = {"ignore_exceptions": True, "ignore_counter_exceptions": True}
    with servers.valkey("--requirepass", "right") as server:
        with valkey.Valkey(port=server.port, password="right") as client:
            client.execute_command("ACL", "SETUSER", "u", "on", ">p", "~*", "+@all", "-get")

        def cache(credentials: str) -> ServerCache:
            location = f"redis://{credentials}{server.address}"
            return BACKENDS[driver](location, {"OPTIONS": options})

        for credentials, said in (
            ("", "uthentication required"),
            (":wrong@", "WRONGPASS|invalid"),
            ("u:p@", "get"),
        ):
            with pytest.raises(AccessDenied, match=said):
                cache(credentials).get("key")
        right = cache(":right@")
        right.set("key", "text")
        with pytest.raises(WrongTypeError):
            right.incr("key")
        with pytest.raises(WrongTypeError):
            right.llen("key")
        with pytest.raises(TypeError):
            right.set("key", 1, timeout="soon")
