"""The ways to run a command, under one set of names: a case is written once and runs on each.

A case calls commands by their plain names. A surface sends them: blocking, awaited, or alone in a
pipeline, always with `version`, if it has one.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from django_cachex.cache.backends import ServerCache
from django_cachex.commands import NotSupportedError

Send = Callable[[Any, str, tuple[Any, ...], dict[str, Any]], Any]

_runner: list[asyncio.Runner] = []


def run(coroutine: Any) -> Any:
    """Await `coroutine` on the loop that all tests of this process share."""
    if not _runner:
        _runner.append(asyncio.Runner())
    return _runner[0].run(coroutine)


def close_loop() -> None:
    while _runner:
        _runner.pop().close()


def blocking(cache: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return getattr(cache, name)(*args, **kwargs)


def awaited(cache: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return run(getattr(cache, f"a{name}")(*args, **kwargs))


def piped(cache: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with cache.pipeline() as pipe:
        assert getattr(pipe, name)(*args, **kwargs) is pipe
        [result] = pipe.execute()
        return result


def awaited_pipe(cache: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    async def main() -> Any:
        async with cache.pipeline() as pipe:
            [result] = await getattr(pipe, name)(*args, **kwargs).aexecute()
            return result

    return run(main())


def transacted(cache: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    [result] = getattr(cache.pipeline(transaction=True), name)(*args, **kwargs).execute()
    return result


SENDS: dict[str, Send] = {
    "blocking": blocking,
    "awaited": awaited,
    "piped": piped,
    "awaited pipe": awaited_pipe,
    "transacted": transacted,
}


@dataclass(frozen=True)
class Surface:
    """Commands of `cache`, sent in one way, to a server of a version."""

    cache: ServerCache
    send: Send
    server: tuple[int, ...]
    """The version of Valkey or Redis that this server is compatible with."""
    version: int | None = None
    has_field_ttls: bool = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.version is not None and takes_version(name):
                kwargs.setdefault("version", self.version)
            return self.send(self.cache, name, args, kwargs)

        return call

    @contextmanager
    def since(self, *server: int) -> Iterator[None]:
        """Run a block that needs so new a server; expect that an older one does not support it."""
        if self.server >= server:
            yield
        else:
            with pytest.raises(NotSupportedError):
                yield

    @contextmanager
    def with_field_ttls(self) -> Iterator[None]:
        """Run a block that needs fields that expire; expect to be told what has them elsewhere."""
        if self.has_field_ttls:
            yield
        else:
            with pytest.raises(NotSupportedError, match=r"H\w+\. It requires Valkey 9.0"):
                yield


def walk(scan: Callable[..., Any], key: str, **options: Any) -> Iterator[Any]:
    """Yield the batches of a walk, from the first cursor to the last."""
    cursor = 0
    while True:
        cursor, batch = scan(key, cursor=cursor, **options)
        yield batch
        if not cursor:
            return


def takes_version(name: str) -> bool:
    return "version" in inspect.signature(getattr(ServerCache, name)).parameters
