"""Many keys: counted, asked about, then changed in steps, each on record."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.admin import audit, humane
from django_cachex.admin.commandline.session import DONE, FAILED, Session
from django_cachex.admin.deeds import Deed
from django_cachex.admin.failures import leave_broken_connections, may_be_done, reason
from django_cachex.admin.pages.keycells import how_far
from django_cachex.admin.runs import Batch, Run, begin, doubting
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Find, Sweep, Work, advance
from django_cachex.inspectors.namespaces import Sorting, Survey


def keys_counted(count: int) -> str:
    """Return a number of keys, for the end of a progress bar."""
    text = ngettext("%(count)s key", "%(count)s keys", count)
    return text % {"count": humane.number(count)}


@dataclass(frozen=True)
class Sweeper:
    """Carries one sweep through."""

    session: Session
    inspector: Inspector
    deed: Deed
    find: Find
    said: Callable[[Work[Sweep]], str]

    def counted(self) -> Survey:
        """Return what all keys are that are found; on a terminal a bar shows how far that is."""
        work: Work[Survey] = Work(Survey(Sorting(limits().namespace_separator)))
        output = self.session.output
        try:
            while not work.complete:
                before = work.position.token
                for after in self.steps(work):
                    work = after
                    output.progress(work.position, keys_counted(work.deed.whole.keys))
                if work.position.token == before:
                    break
        finally:
            output.progress_ends()
        return work.deed

    def steps(self, work: Work[Any]) -> Any:
        """Yield a work after each batch of one budget; CommandError where the cache fails."""
        deadline = time.monotonic() + limits().scan_budget
        batches = advance(work, self.find, self.inspector, deadline)
        while True:
            after = self.session.attempt(self.inspector, lambda: next(batches, None))
            if after is None:
                return
            yield after

    def swept(self, ttl: int | None) -> int:
        """Do it to all keys that are found; return what the command exits with."""
        run = self.begun(begin(ttl))
        problem = ""
        try:
            while not run.work.complete and not problem:
                before = run
                run, problem = self.step(run)
                if not problem and run.work.position.token == before.work.position.token:
                    problem = self._unanswered(run)
        except KeyboardInterrupt:
            problem = _("Stopped.")
        finally:
            self.session.output.progress_ends()
        return self.report(run, problem)

    def step(self, run: Run) -> tuple[Run, str]:
        """Return a run after one budget, on record, and what went wrong, if it did."""
        work, problem, batch = run.work, "", Batch(self.find)
        deadline = time.monotonic() + limits().scan_budget
        try:
            for work in advance(run.work, batch.find, self.inspector, deadline):
                batch.keys = 0
                self.session.output.progress(work.position, keys_counted(work.deed.turns))
        except (Exception, KeyboardInterrupt) as error:
            # What was done before it is recorded and reported.
            stopped = isinstance(error, KeyboardInterrupt)
            problem = _("Stopped.") if stopped else reason(self.inspector, error)
            if may_be_done(error):
                work = doubting(work, batch.keys)
                leave_broken_connections()
        return self.recorded(run, work), problem

    @staticmethod
    def _unanswered(run: Run) -> str:
        silent = ", ".join(run.work.position.unanswered)
        return "" if run.work.complete else _("%(servers)s did not answer.") % {"servers": silent}

    def begun(self, run: Run) -> Run:
        said = partial(self.said, run.work)
        if self.session.user_id is None:
            audit.log(self.inspector, "begins:", said)
            return run
        entry = audit.begin_record(self.session.user_id, self.deed.flag, self.inspector, said)
        return replace(run, entry=entry)

    def recorded(self, run: Run, work: Work[Sweep]) -> Run:
        if run.entry:
            before, after = partial(self.said, run.work), partial(self.said, work)
            user = self.session.user_id
            audit.go_on_record(user, run.entry, self.inspector, before, after)
        return replace(run, work=work)

    def report(self, run: Run, problem: str) -> int:
        """Say what was done; return what the command exits with."""
        work, output = run.work, self.session.output
        sweep = work.deed
        if not run.entry:
            audit.log(self.inspector, "ends:", partial(self.said, work))
        values = {
            "cache": self.inspector.alias,
            "changed": sweep.done,
            "gone": sweep.gone,
            "failed": sweep.failed,
            "complete": work.complete,
        }
        output.result(self.said(work), values)
        for stored, why in sweep.failures:
            output.warn(f"{self.inspector.name(stored)}: {why}")
        if problem:
            output.warn(f"{problem} ({how_far(work.position.examined, work.position)})")
        failed = problem or sweep.failed or not work.complete or not sweep.turns
        return FAILED if failed else DONE
