"""The driver's lock, whose commands go our way: over our connections, to the right server."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from django_cachex.cache.drivers import Driver
from django_cachex.commands.args import encode_arg
from django_cachex.commands.cache_api import px_args
from django_cachex.commands.command import Command, parse_raw
from django_cachex.commands.exceptions import CachexError, LockError, LockLost
from django_cachex.commands.scripts import Script

Send = Callable[[Any], Any]
"""Sends a command, or the steps of an operation; returns the result, or what is awaited for it."""


class Client:
    """All that the driver's lock asks of its client, whose own connections would be as many more.

    So a lock finds the primary of a service and the node of a cluster as all commands do.
    """

    def __init__(self, send: Send) -> None:
        self.send = send

    def set(self, name: bytes, token: bytes, nx: bool, px: int | None) -> Any:
        return self.send(Command(("SET", name, token, *px_args(px), "NX"), bool))

    def get(self, name: bytes) -> Any:
        return self.send(Command(("GET", name), parse_raw))

    def get_encoder(self) -> Client:
        return self

    def encode(self, token: Any) -> bytes | int:
        return encode_arg(token)


class Registered:
    """One of the lock's scripts, as the driver's client would have registered it."""

    def __init__(self, source: str) -> None:
        self._script = Script(source)

    def __call__(self, keys: Sequence[bytes], args: Sequence[Any], client: Client) -> Any:
        return client.send(self._script.operation(keys, args))


def on_our_way(kind: Any) -> Any:
    """Return the driver's lock with our scripts: it keeps those of all locks on its class."""

    class OnOurWay(kind):  # type: ignore[misc]  # The drivers are not all typed.
        lua_release = Registered(kind.LUA_RELEASE_SCRIPT)
        lua_extend = Registered(kind.LUA_EXTEND_SCRIPT)
        lua_reacquire = Registered(kind.LUA_REACQUIRE_SCRIPT)

    return OnOurWay


# Whoever is interrupted while the server answers does not know whether the lock is taken: it would
# stay so until it expires, or for good.


@functools.cache
def blocking_lock(driver: Driver) -> Any:
    """Return the driver's lock, which is given back where taking it was interrupted."""

    class BlockingLock(on_our_way(import_module(f"{driver.name}.lock").Lock)):  # type: ignore[misc]  # as above
        def do_acquire(self, token: bytes) -> bool:
            try:
                return bool(super().do_acquire(token))
            except BaseException:
                with suppress(CachexError, driver.errors.LockError):
                    self.do_release(token)
                raise

    return BlockingLock


@functools.cache
def awaitable_lock(driver: Driver) -> Any:
    """Return the driver's lock for event loops, which is given back as `blocking_lock` is."""

    class AwaitableLock(on_our_way(import_module(f"{driver.name}.asyncio.lock").Lock)):  # type: ignore[misc]  # as above
        async def do_acquire(self, token: bytes) -> bool:
            try:
                return bool(await super().do_acquire(token))
            except BaseException:
                with suppress(CachexError, driver.errors.LockError):
                    await asyncio.shield(asyncio.ensure_future(self.do_release(token)))
                raise

    return AwaitableLock


@contextmanager
def translated(driver: Driver, key: Any) -> Iterator[None]:
    """Raise our error for one that the driver's lock raises."""
    try:
        yield
    except driver.errors.LockNotOwnedError as error:
        raise LockLost(f"The lock “{key}” was lost: it expired, or somebody deleted it.") from error
    except driver.errors.LockError as error:
        raise LockError(f"The lock “{key}”: {error}") from error
