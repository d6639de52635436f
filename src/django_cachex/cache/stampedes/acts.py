"""What making a value takes, done by a thread or on an event loop."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django_cachex.commands.command import Command, Operation

if TYPE_CHECKING:
    from django_cachex.cache.backends import ServerCache


@dataclass(frozen=True, slots=True)
class Compute:
    """Make the value."""


@dataclass(frozen=True, slots=True)
class Store:
    """Send the command that `build` returns for a value: encoding it may take a thread."""

    build: Callable[[Any], Command[Any] | Operation[Any]]
    value: Any


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for somebody else."""

    seconds: float


Act = Compute | Store | Pause | Command[Any] | Operation[Any]
Flow = Generator[Act, Any, Any]
"""What `follow` and `afollow` do, and what becomes of it."""


def follow(flow: Flow, cache: ServerCache, make: Callable[[], Any]) -> Any:
    """Do what `flow` says; return the value, which `make` makes."""
    try:
        act = next(flow)
        while True:
            try:
                result = done(act, cache, make)
            except BaseException as error:  # Whatever it is, the right to make it is let go.
                act = flow.throw(error)
            else:
                act = flow.send(result)
    except StopIteration as stop:
        return stop.value


def done(act: Act, cache: ServerCache, make: Callable[[], Any]) -> Any:
    match act:
        case Compute():
            return make()
        case Store(build, value):
            return cache.run(build(value))
        case Pause(seconds):
            return time.sleep(seconds)
        case _:
            return cache.run(act)


Built = Callable[..., Awaitable[Any]]
"""What calls a function, in a thread where the event loop may not."""


async def afollow(flow: Flow, cache: ServerCache, make: Callable[[], Any], built: Built) -> Any:
    """Do what `follow` does, on the running event loop; `make` may be a coroutine function."""
    try:
        act = next(flow)
        while True:
            try:
                result = await adone(act, cache, make, built)
            except BaseException as error:  # Whatever it is, the right to make it is let go.
                act = flow.throw(error)
            else:
                act = flow.send(result)
    except StopIteration as stop:
        return stop.value


async def adone(act: Act, cache: ServerCache, make: Callable[[], Any], built: Built) -> Any:
    match act:
        case Compute():
            made = make()
            return await made if inspect.isawaitable(made) else made
        case Store(build, value):
            return await cache.arun(await built(build, value))
        case Pause(seconds):
            return await asyncio.sleep(seconds)
        case _:
            return await cache.arun(act)
