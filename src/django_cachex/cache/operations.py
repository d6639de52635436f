"""Operations on several servers, which run in a thread or on an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from django_cachex.commands.command import Command, Operation
from django_cachex.exceptions import CachexError

T = TypeVar("T")


class Executor(Protocol):
    """An object that runs commands: a server, a client or a cache."""

    def run(self, command: Command[T] | Operation[T]) -> T: ...
    async def arun(self, command: Command[T] | Operation[T]) -> T: ...


class Endpoint(Executor, Protocol):
    """A server, or several servers that act as one."""

    @property
    def address(self) -> str: ...


@dataclass(frozen=True, slots=True)
class ServerCall:
    """A command or an operation for one server."""

    server: Executor
    command: Command[Any] | Operation[Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for a number of seconds."""

    seconds: float


MultiServerOperation = Generator[Sequence[ServerCall] | Pause, list[Any], T]
"""A generator that yields the next calls, and receives their results in the same order.

On an event loop, the calls run concurrently. If a call fails, its result is the `CachexError`."""


def run_operation(operation: MultiServerOperation[T]) -> T:
    """Run an operation in this thread, one call after the other, and return its result."""
    try:
        step = next(operation)
        while True:
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                step = operation.send([])
            else:
                step = operation.send([_call(call) for call in step])
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T


async def arun_operation(operation: MultiServerOperation[T]) -> T:
    """Run an operation on the running event loop, and return its result."""
    try:
        step = next(operation)
        while True:
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
                step = operation.send([])
            else:
                step = operation.send(await _acall_all(step))
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T


def _call(call: ServerCall) -> Any:
    try:
        return call.server.run(call.command)
    except CachexError as error:
        return error


async def _acall_all(calls: Sequence[ServerCall]) -> list[Any]:
    if len(calls) == 1:
        return [await _acall(calls[0])]
    return list(await asyncio.gather(*map(_acall, calls)))


async def _acall(call: ServerCall) -> Any:
    try:
        return await call.server.arun(call.command)
    except CachexError as error:
        return error


def resume(operation: Operation[T], commands: Sequence[Command[Any]]) -> Operation[T]:
    """Continue an operation that has yielded `commands` and waits for their results."""
    try:
        while True:
            try:
                results = yield commands
            except CachexError as error:
                commands = operation.throw(error)
            else:
                commands = operation.send(results)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T
