"""One hook around every exchange with a server, for tracing tools.

Tools that patch the driver's client see nothing of a cache, which goes around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from django_cachex.commands.command import Command

Wrapper = Callable[[Sequence[Command[Any]], str], AbstractContextManager[Any]]
"""Is called with the commands of one write and the server's address (`host:port/db`), and returns
a context manager, entered before the write and left after the last reply, with the exception if
there is one. On an event loop other tasks run in between."""

wrappers: tuple[Wrapper, ...] = ()


def install(wrapper: Wrapper) -> None:
    """Have `wrapper` around every exchange of this process from now on; the first is outermost."""
    global wrappers
    wrappers = (*wrappers, wrapper)


def remove(wrapper: Wrapper) -> None:
    """Undo `install`; raise ValueError where it was not installed."""
    global wrappers
    rest = list(wrappers)
    rest.remove(wrapper)
    wrappers = tuple(rest)


@contextmanager
def trace(commands: Sequence[Command[Any]], address: str) -> Iterator[None]:
    """Enter all installed wrappers."""
    with ExitStack() as stack:
        for wrapper in wrappers:
            stack.enter_context(wrapper(commands, address))
        yield
