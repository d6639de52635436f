"""Changes to many keys, in steps: each under a deadline, and each on record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django_cachex.admin import audit
from django_cachex.admin.asking import Answer, NotAsked
from django_cachex.admin.deeds import Deed
from django_cachex.admin.failures import leave_broken_connections, may_be_done
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Find, Position, Sweep, Work, advance
from django_cachex.inspectors.types import Listing

Ask = Callable[[Inspector, Callable[[], None]], Answer[None]]
"""Puts a question to a cache under a page's deadline."""

NEW = 0
"""Stands for the `LogEntry` of a run that has not begun."""


@dataclass(frozen=True)
class Run:
    """A sweep, and the `LogEntry` that says what it has done."""

    work: Work[Sweep]
    entry: int = NEW

    def state(self) -> list[Any]:
        return [self.entry, self.work.state()]

    @classmethod
    def of_state(cls, state: list[Any]) -> Run:
        entry, work = state
        return cls(Work.of_state(work, Sweep.of_state), entry)

    def afresh(self) -> Run:
        """Return the run with nothing done: what others did is theirs to claim."""
        return Run(replace(self.work, deed=Sweep(self.work.deed.ttl)))


@dataclass(frozen=True)
class Step:
    """A run after one more step, and what kept it from going on."""

    run: Run
    error: Exception | None = None
    continued: bool = False
    """Whether the counts begin anew, as the run had gone on elsewhere."""

    is_stuck: bool = False
    """Whether it has not come further: another step would not, either, for now."""


class Batch:
    """The keys that a run is at, between finding them and hearing what became of them."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._over = False
        self.keys = 0
        """How many have been asked to be changed."""

    def find(self, token: str, want: int, deadline: float) -> Listing:
        """Find keys, which are changed next; raise NotAsked where nobody waits for it any more."""
        listing = self._find(token, want, deadline)
        self.keys = len(listing.keys)
        if self._over:
            raise NotAsked
        return listing

    def given_up(self) -> int:
        """Let nothing more be changed; return how many keys are under way."""
        self._over = True
        return self.keys


def doubting(work: Work[Sweep], keys: int) -> Work[Sweep]:
    """Return a work with so many more keys of which nobody knows what became."""
    return replace(work, deed=replace(work.deed, in_doubt=work.deed.in_doubt + keys))


@dataclass(frozen=True)
class Runner:
    """What it takes to carry a run on."""

    inspector: Inspector
    user_id: Any
    deed: Deed
    find: Find
    said: Callable[[Work[Sweep]], str]
    """Says on record how the work went."""

    def step(self, run: Run, ask: Ask) -> Step:
        """Carry a run on for one budget. What was done is on record, whatever happens then."""
        continued = run.entry != NEW and not audit.is_on_record(run.entry, self._message(run))
        if continued or run.entry == NEW:
            run = self._begun(run.afresh())
        works = [run.work]
        batch = Batch(self.find)
        answer = ask(self.inspector, lambda: self._carry_on(works, batch))
        in_flight = batch.given_up()  # Before `works`: what is done meanwhile counts as in doubt.
        after = works[-1]
        if may_be_done(answer.error):
            after = doubting(after, in_flight)
            leave_broken_connections()
        is_stuck = after.position.token == run.work.position.token and not after.complete
        return Step(self._recorded(run, after), answer.error, continued, is_stuck)

    def _carry_on(self, works: list[Work[Sweep]], batch: Batch) -> None:
        """Append the work after each batch: the page may stop to wait before this is over."""
        deadline = time.monotonic() + limits().scan_budget
        for work in advance(works[-1], batch.find, self.inspector, deadline):
            works.append(work)
            batch.keys = 0

    def _recorded(self, run: Run, work: Work[Sweep]) -> Run:
        after = replace(run, work=work)
        before, now = self._message(run), self._message(after)
        if audit.go_on_record(self.user_id, run.entry, self.inspector, before, now):
            return after
        # Somebody else carried the same run on meanwhile: this step is put on record by itself.
        alone = Run(replace(work, deed=difference(run.work.deed, work.deed)))
        return self._begun(alone)

    def _begun(self, run: Run) -> Run:
        said = self._message(run)
        entry = audit.begin_record(self.user_id, self.deed.flag, self.inspector, said)
        return replace(run, entry=entry)

    def _message(self, run: Run) -> audit.Message:
        return partial(self.said, run.work)


def difference(before: Sweep, after: Sweep) -> Sweep:
    """Return what was done between two states of a sweep."""
    return Sweep(
        after.ttl,
        after.done - before.done,
        after.gone - before.gone,
        after.failed - before.failed,
        after.failures[len(before.failures) :],
        after.in_doubt - before.in_doubt,
    )


def begin(ttl: int | None) -> Run:
    """Return a run that has not begun."""
    return Run(Work(Sweep(ttl), Position()))
