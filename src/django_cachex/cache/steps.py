"""Sequences of calls that are written once, as a generator of steps, and run in a thread or on an
event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from inspect import GEN_CLOSED, getgeneratorstate
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


class Step(Protocol):
    """Something to do, in a thread or on an event loop."""

    def run(self) -> Any: ...
    async def arun(self) -> Any: ...


Steps = Generator[Step, Any, T]
"""A generator that yields steps, receives the result of each, and returns a result.

If a step fails, its exception is raised in the generator. An exception that a signal handler raises
between two steps is also raised in the generator. So `try` and `finally` work as if the generator
made the calls itself."""


def run_steps(steps: Steps[T]) -> T:
    """Run `steps` in this thread, and return their result."""
    failure: BaseException | None = None
    while True:
        try:
            step = next(steps) if failure is None else steps.throw(failure)
            while True:
                step = steps.send(step.run())
        except BaseException as error:
            failure = None if getgeneratorstate(steps) == GEN_CLOSED else error
            if failure is None:
                if isinstance(error, StopIteration):
                    return error.value  # type: ignore[no-any-return]  # T
                raise


async def arun_steps(steps: Steps[T]) -> T:
    """Do the same as `run_steps`, on the running event loop."""
    try:
        step = next(steps)
        while True:
            try:
                result = await step.arun()
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T


@dataclass(frozen=True, slots=True)
class Call:
    """Run a command or an operation."""

    executor: Executor
    command: Command[Any] | Operation[Any]

    def run(self) -> Any:
        return self.executor.run(self.command)

    async def arun(self) -> Any:
        return await self.executor.arun(self.command)


@dataclass(frozen=True, slots=True)
class CleanUp(Call):
    """Run a command even if the task is cancelled in the meantime."""

    async def arun(self) -> Any:
        call = self.executor.arun(self.command)
        return await asyncio.shield(asyncio.ensure_future(call))


@dataclass(frozen=True, slots=True)
class CallAll:
    """Make several calls; on an event loop, concurrently.

    The result is a list of their results, with the `CachexError` of each call that failed.
    """

    calls: Sequence[Call]

    def run(self) -> list[Any]:
        return [_outcome(call) for call in self.calls]

    async def arun(self) -> list[Any]:
        if len(self.calls) == 1:
            return [await _aoutcome(self.calls[0])]
        return list(await asyncio.gather(*map(_aoutcome, self.calls)))


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for a number of seconds."""

    seconds: float

    def run(self) -> None:
        time.sleep(self.seconds)

    async def arun(self) -> None:
        await asyncio.sleep(self.seconds)


def _outcome(call: Call) -> Any:
    try:
        return call.run()
    except CachexError as error:
        return error


async def _aoutcome(call: Call) -> Any:
    try:
        return await call.arun()
    except CachexError as error:
        return error
