"""A hook for tracing tools, which wraps every exchange with a server.

Tools that patch the driver's client don't see the commands of a cache, which doesn't use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from django_cachex.commands.command import Command

Wrapper = Callable[[Sequence[Command[Any]], str], AbstractContextManager[Any]]
"""Called with the commands of one exchange and the server's address (`host:port/db`).

It returns a context manager, which is entered before the commands are sent, and exited after the
last reply has arrived or an exception was raised. On an event loop, other tasks run in between."""

wrappers: tuple[Wrapper, ...] = ()


def install(wrapper: Wrapper) -> None:
    """Wrap every exchange of this process with `wrapper`. The first one is the outermost."""
    global wrappers
    wrappers = (*wrappers, wrapper)


def remove(wrapper: Wrapper) -> None:
    """Undo `install`; raise ValueError if `wrapper` was not installed."""
    global wrappers
    remaining = list(wrappers)
    remaining.remove(wrapper)
    wrappers = tuple(remaining)


@contextmanager
def trace(commands: Sequence[Command[Any]], address: str) -> Iterator[None]:
    """Run the block inside of all installed wrappers."""
    with ExitStack() as stack:
        for wrapper in wrappers:
            stack.enter_context(wrapper(commands, address))
        yield
