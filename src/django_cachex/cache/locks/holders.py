"""Who holds a lock: a token for each thread, or for each task of an event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Protocol


class Local(Protocol):
    """Keeps the tokens that one object holds a lock by, perhaps several times at once."""

    token: bytes | None
    """What whoever asks may release; setting it to None forgets it."""

    @property
    def own(self) -> bytes | None:
        """What whoever asks has acquired."""


class Shared:
    """One token, whoever asks."""

    token: bytes | None = None

    @property
    def own(self) -> bytes | None:
        return self.token


class ThreadLocal(threading.local):
    """A token for each thread."""

    token: bytes | None = None

    @property
    def own(self) -> bytes | None:
        return self.token


class TaskLocal:
    """A token for each task.

    What a task that has ended acquired is released by any other: `asyncio.wait_for`, before Python
    3.12, and `asyncio.gather` acquire in tasks of their own.
    """

    def __init__(self) -> None:
        self._tokens: dict[asyncio.Task[Any] | None, bytes] = {}

    @property
    def own(self) -> bytes | None:
        return self._tokens.get(asyncio.current_task())

    @property
    def token(self) -> bytes | None:
        return self._tokens.get(self._holder())

    @token.setter
    def token(self, token: bytes | None) -> None:
        if token is None:
            self._tokens.pop(self._holder(), None)
        else:
            self._tokens[asyncio.current_task()] = token

    def _holder(self) -> asyncio.Task[Any] | None:
        """Return the running task if it holds anything, else one that has ended and does."""
        running = asyncio.current_task()
        if running in self._tokens:
            return running
        return next((task for task in self._tokens if task and task.done()), running)
