"""Who holds a lock: a token for each thread, or for each task of an event loop."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, Protocol
from weakref import WeakKeyDictionary


class Local(Protocol):
    """Keeps the token of whoever asks; None where that one holds nothing."""

    token: bytes | None


class ThreadLocal(threading.local):
    """The token of the running thread."""

    token: bytes | None = None


class TaskLocal:
    """The token of the running task."""

    def __init__(self) -> None:
        self._tokens: WeakKeyDictionary[Any, bytes | None] = WeakKeyDictionary()

    @property
    def token(self) -> bytes | None:
        return self._tokens.get(asyncio.current_task())

    @token.setter
    def token(self, token: bytes | None) -> None:
        self._tokens[asyncio.current_task()] = token


def shared() -> Local:
    """Return what keeps one token, whoever asks."""
    return SimpleNamespace(token=None)
