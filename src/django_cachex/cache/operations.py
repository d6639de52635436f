"""Run an operation on several servers, in a thread or on an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from django_cachex.commands.command import Command, Operation
from django_cachex.exceptions import CachexError

T = TypeVar("T")


class Endpoint(Protocol):
    """What answers commands: a server, or servers that act as one."""

    @property
    def address(self) -> str: ...
    def run(self, command: Command[T] | Operation[T]) -> T: ...
    async def arun(self, command: Command[T] | Operation[T]) -> T: ...


@dataclass(frozen=True, slots=True)
class ServerCall:
    """What one server is to be asked."""

    server: Endpoint
    command: Command[Any] | Operation[Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """A time to wait, in seconds."""

    seconds: float


MultiServerOperation = Generator[Sequence[ServerCall] | Pause, list[Any], T]
"""Yields what several servers are to be asked, side by side on an event loop, and receives their
results in order, with a `CachexError` in the place of each result that there is not."""


def run_operation(operation: MultiServerOperation[T]) -> T:
    """Ask what `plan` wants asked, one server after the other; return its result."""
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
    """Ask what `plan` wants asked, on the running event loop; return its result."""
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
    """Go on with `operation`, which have yielded `commands` and wait for their results."""
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
