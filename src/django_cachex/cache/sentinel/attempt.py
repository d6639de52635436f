"""Doing again, on the new primary, what the old one refused as a replica."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from django_cachex.cache.topologies import resumed
from django_cachex.commands.exceptions import CachexError, CommandError, ReadOnlyError
from django_cachex.commands.request import Request, Steps

T = TypeVar("T")


class Refused(ReadOnlyError):
    """A server that is a replica by now refused; nothing was changed on it before."""


class Attempt(Generic[T]):
    """An operation in steps that may go on, on another server, where this one is read-only."""

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self._requests: Sequence[Request[Any]] | None = None

    def first(self) -> Steps[T]:
        """Do what the steps do; raise `Refused` where all could go on with `second`."""
        steps = self._steps
        try:
            requests = next(steps)
            while True:
                self._requests = requests
                try:
                    results = yield requests
                except ReadOnlyError as error:
                    if len(risky(requests)) <= 1:
                        raise Refused(*error.args) from error
                    requests = steps.throw(error)
                    break
                except CachexError as error:
                    requests = steps.throw(error)
                    if len(self._requests) > 1 or not isinstance(error, CommandError):
                        break
                else:
                    self._look_for_refusals(requests, results)
                    requests = steps.send(results)
                    break
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]  # T
        return (yield from resumed(steps, requests))

    def second(self) -> Steps[T]:
        """Go on with the step that was refused."""
        return resumed(self._steps, self._requests or ())

    def _look_for_refusals(self, requests: Sequence[Request[Any]], results: list[Any]) -> None:
        refused = {n for n, result in enumerate(results) if isinstance(result, ReadOnlyError)}
        if refused and refused.issuperset(risky(requests)):
            raise Refused(*results[min(refused)].args)


def risky(requests: Sequence[Request[Any]]) -> list[int]:
    """Return the numbers of those requests that must not be run twice."""
    return [number for number, request in enumerate(requests) if not request.idempotent]
