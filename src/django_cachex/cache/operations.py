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


class Target(Protocol):
    """What answers commands: a server, or servers that act as one."""

    @property
    def address(self) -> str: ...
    def run(self, command: Command[T] | Operation[T]) -> T: ...
    async def arun(self, command: Command[T] | Operation[T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Part:
    """What one server is to be asked."""

    server: Target
    command: Command[Any] | Operation[Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """A time to wait, in seconds."""

    seconds: float


Plan = Generator[Sequence[Part] | Pause, list[Any], T]
"""Yields what several servers are to be asked, side by side on an event loop, and receives their
results in order, with a `CachexError` in the place of each result that there is not."""


def carry_out(plan: Plan[T]) -> T:
    """Ask what `plan` wants asked, one server after the other; return its result."""
    try:
        wanted = next(plan)
        while True:
            if isinstance(wanted, Pause):
                time.sleep(wanted.seconds)
                wanted = plan.send([])
            else:
                wanted = plan.send([_outcome(part) for part in wanted])
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T


async def acarry_out(plan: Plan[T]) -> T:
    """Ask what `plan` wants asked, on the running event loop; return its result."""
    try:
        wanted = next(plan)
        while True:
            if isinstance(wanted, Pause):
                await asyncio.sleep(wanted.seconds)
                wanted = plan.send([])
            else:
                wanted = plan.send(await _outcomes(wanted))
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # T


def _outcome(part: Part) -> Any:
    try:
        return part.server.run(part.command)
    except CachexError as error:
        return error


async def _outcomes(parts: Sequence[Part]) -> list[Any]:
    if len(parts) == 1:
        return [await _aoutcome(parts[0])]
    return list(await asyncio.gather(*map(_aoutcome, parts)))


async def _aoutcome(part: Part) -> Any:
    try:
        return await part.server.arun(part.command)
    except CachexError as error:
        return error


def resumed(operation: Operation[T], commands: Sequence[Command[Any]]) -> Operation[T]:
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
