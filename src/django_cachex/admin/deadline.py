"""Run calls to caches under one deadline."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import connections

from django_cachex.commands.text import one_line
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.masking import mask_for_settings

T = TypeVar("T")

logger = logging.getLogger("django_cachex.admin")


class NoAnswer(Exception):
    """The page's time was over before the cache answered."""


class NotAsked(NoAnswer):
    """The page's time was over before the cache was asked."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What a cache said, or the exception that it raised."""

    value: T | None = None
    error: Exception | None = None


def described(error: Exception, inspector: Inspector) -> str:
    """Return what an error says, without passwords, and the way to it, the place itself first."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    way = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{mask_for_settings(f'{type(error).__name__}: {error}', inspector.params)} [{way}]"


class Asker:
    """Asks inspectors until the deadline; those whose servers may hang, in threads of their own.

    What goes wrong is logged at `level`: who asks again and again says less.
    """

    def __init__(self, seconds: float, level: int = logging.WARNING) -> None:
        self.seconds = seconds
        self._level = level
        self._deadline = time.monotonic() + seconds

    def ask(self, inspector: Inspector, question: Callable[[], T]) -> Answer[T]:
        """Return the answer of one cache."""
        return self.ask_all({inspector: question})[inspector]

    def ask_here(self, inspector: Inspector, question: Callable[[], T]) -> Answer[T]:
        """Return the answer of one cache on this thread, to which another store of it belongs."""
        if time.monotonic() >= self._deadline:
            return Answer(error=NotAsked())
        return self._isolated(inspector, question)

    def ask_all(self, questions: Mapping[Inspector, Callable[[], T]]) -> dict[Inspector, Answer[T]]:
        """Return the answers of many caches, asked side by side."""
        # After the deadline nothing is begun: what nobody waits for must not change anything.
        on_time = time.monotonic() < self._deadline
        waiting = {
            inspector: self._start(inspector, question) if on_time else None
            for inspector, question in questions.items()
            if inspector.may_block
        }
        return {
            inspector: self._wait(waiting[inspector])
            if inspector in waiting
            else self._isolated(inspector, question)
            for inspector, question in questions.items()
        }

    def _wait(self, future: Future[Answer[T]] | None) -> Answer[T]:
        if future is None:
            return Answer(error=NotAsked())
        try:
            return future.result(max(0.0, self._deadline - time.monotonic()))
        except TimeoutError:
            return Answer(error=NoAnswer())

    def _isolated(self, inspector: Inspector, question: Callable[[], T]) -> Answer[T]:
        """The one place where an error of any kind is kept from the rest of a page, and logged."""
        try:
            return Answer(question())
        except Exception as error:
            logger.log(
                self._level, "%s", one_line(f"{inspector.alias}: {described(error, inspector)}")
            )
            return Answer(error=error)

    def _start(self, inspector: Inspector, question: Callable[[], T]) -> Future[Answer[T]]:
        """Ask in a daemon thread: one that hangs past the deadline holds up no page and no exit."""
        future: Future[Answer[T]] = Future()
        context = contextvars.copy_context()

        def answer() -> None:
            try:
                future.set_result(context.run(self._isolated, inspector, question))
            finally:
                # A project's permissions may have asked its database, in this thread.
                connections.close_all()

        threading.Thread(target=answer, daemon=True).start()
        return future
