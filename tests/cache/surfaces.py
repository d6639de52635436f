"""One way to write a case for all forms of a command: blocking, awaited, and queued."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from django_cachex.cache.backends import ServerCache


class Surface:
    """Calls the methods of a cache, in whatever form; the cache itself is `cache`."""

    def __init__(self, cache: ServerCache) -> None:
        self.cache = cache

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self.cache, name)
        return found


class Awaited(Surface):
    """Calls the twins that begin with `a`."""

    def __init__(self, cache: ServerCache, runner: asyncio.Runner) -> None:
        super().__init__(cache)
        self._runner = runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.cache, f"a{name}")

        async def awaited(*args: Any, **options: Any) -> Any:
            return await method(*args, **options)

        return lambda *args, **options: self._runner.run(awaited(*args, **options))


class Queued(Surface):
    """Queues each command in a pipeline, and executes that."""

    transaction = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def queued(*args: Any, **options: Any) -> Any:
            pipe = self.cache.pipeline(self.transaction)
            [result] = getattr(pipe, name)(*args, **options).execute()
            return result

        return queued


class Transacted(Queued):
    """Queues each command in a pipeline that runs as a transaction."""

    transaction = True
