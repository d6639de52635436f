"""Delete, expire and flush."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.core.management import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.admin import bulk, formatting, log_entries
from django_cachex.admin.bulk import Batch, Deed, Run, begin, doubting
from django_cachex.admin.errors import leave_broken_connections, may_be_done, reason
from django_cachex.admin.management.commands._cachex.context import (
    DONE,
    FAILED,
    USAGE,
    Session,
    Subcommand,
    add_cache,
    add_changing,
    add_expiry,
    expiry,
    failed,
    pattern_of,
    usage,
)
from django_cachex.admin.views.keys_table import how_far
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import BulkTask, FindKeys, Job, ScanProgress, advance
from django_cachex.inspectors.namespaces import NamespaceOptions, NamespaceStats
from django_cachex.inspectors.query import Query


def keys_counted(count: int) -> str:
    """Return a number of keys, for the end of a progress bar."""
    text = ngettext("%(count)s key", "%(count)s keys", count)
    return text % {"count": formatting.number(count)}


@dataclass(frozen=True)
class Sweeper:
    """Carries one sweep through."""

    session: Session
    inspector: Inspector
    deed: Deed
    find: FindKeys
    said: Callable[[Job[BulkTask]], str]

    def counted(self) -> NamespaceStats:
        """Return what all keys are that are found; on a terminal a bar shows how far that is."""
        work: Job[NamespaceStats] = Job(
            NamespaceStats(NamespaceOptions(limits().namespace_separator))
        )
        output = self.session.output
        try:
            while not work.complete:
                before = work.progress.token
                for after in self.steps(work):
                    work = after
                    output.progress(work.progress, keys_counted(work.task.total.keys))
                if work.progress.token == before:
                    break
        finally:
            output.progress_ends()
        return work.task

    def steps(self, work: Job[Any]) -> Any:
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
                if not problem and run.work.progress.token == before.work.progress.token:
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
                self.session.output.progress(work.progress, keys_counted(work.task.processed))
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
        silent = ", ".join(run.work.progress.failed_nodes)
        return "" if run.work.complete else _("%(servers)s did not answer.") % {"servers": silent}

    def begun(self, run: Run) -> Run:
        said = partial(self.said, run.work)
        if self.session.user_id is None:
            log_entries.log(self.inspector, "begins:", said)
            return run
        entry = log_entries.begin_record(self.session.user_id, self.deed.flag, self.inspector, said)
        return replace(run, entry=entry)

    def recorded(self, run: Run, work: Job[BulkTask]) -> Run:
        if run.entry:
            before, after = partial(self.said, run.work), partial(self.said, work)
            user = self.session.user_id
            log_entries.go_on_record(user, run.entry, self.inspector, before, after)
        return replace(run, work=work)

    def report(self, run: Run, problem: str) -> int:
        """Say what was done; return what the command exits with."""
        work, output = run.work, self.session.output
        sweep = work.task
        if not run.entry:
            log_entries.log(self.inspector, "ends:", partial(self.said, work))
        values = {
            "cache": self.inspector.alias,
            "changed": sweep.done,
            "gone": sweep.gone,
            "failed": sweep.failed,
            "complete": work.complete,
        }
        output.result(self.said(work), values)
        for stored, why in sweep.failures:
            output.warn(f"{self.inspector.display_key(stored)}: {why}")
        if problem:
            output.warn(f"{problem} ({how_far(work.progress.examined, work.progress)})")
        failed = problem or sweep.failed or not work.complete or not sweep.processed
        return FAILED if failed else DONE


def add_keys(parser: ArgumentParser) -> None:
    add_cache(parser)
    parser.add_argument("keys", nargs="*", help="as application code calls them")
    parser.add_argument("--pattern", default="", help="all keys that match; * stands for anything")
    parser.add_argument("--type", default="", help="of those that match, only keys of this type")


class Delete(Subcommand):
    help = "Delete keys, by name or by pattern."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_keys(parser)
        add_changing(parser)

    @staticmethod
    def run(session: Session) -> int:
        return change(session, bulk.DELETING, None)


class Expire(Subcommand):
    help = "Let keys expire, or never, by name or by pattern."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_keys(parser)
        add_expiry(parser, required=True)
        add_changing(parser)

    @staticmethod
    def run(session: Session) -> int:
        return change(session, bulk.EXPIRING, expiry(session))


def change(session: Session, deed: Deed, ttl: int | None) -> int:
    """Do something to the keys that the options name; return what the command exits with."""
    inspector = session.inspector(session["cache"], deed.act)
    named, pattern = session["keys"], session["pattern"]
    if bool(named) == bool(pattern):
        raise usage(_("Name some keys, or give a --pattern that is not empty."))
    session.check_user()
    if pattern:
        return change_matching(session, inspector, deed, ttl)
    return change_named(session, inspector, deed, ttl)


def change_named(session: Session, inspector: Inspector, deed: Deed, ttl: int | None) -> int:
    stored = list(
        dict.fromkeys(session.stored(inspector, key, deed.act) for key in session["keys"])
    )
    count = len(stored)
    if session["dry_run"]:
        session.output.say(would(ttl, count))
        return DONE
    session.agree(asked(ttl, count, inspector.alias))

    def record(message: log_entries.Message) -> None:
        log_entries.record_keys(session.user_id, deed.flag, inspector, stored, message)

    asked_for = BulkTask(ttl, done=count)
    sweep = session.change(
        inspector,
        lambda: BulkTask(ttl).process(inspector, stored),
        record,
        lambda: bulk.outcome(asked_for),
    )
    if sweep.done:
        record(lambda: bulk.outcome(sweep))
    values = {"changed": sweep.done, "gone": sweep.gone, "failed": sweep.failed}
    session.output.result(bulk.outcome(sweep), values)
    for key, why in sweep.failures:
        session.output.warn(f"{inspector.display_key(key)}: {why}")
    return DONE if sweep.done and not sweep.failed else FAILED


def change_matching(session: Session, inspector: Inspector, deed: Deed, ttl: int | None) -> int:
    if not inspector.can_list:
        raise failed(f'"{inspector.alias}": {inspector.unsupported_reason("can_list")}')
    query = Query(pattern_of(session["pattern"]), type=known_type(session, inspector))
    find = session.finder(inspector, query, deed.act)
    sweeper = Sweeper(session, inspector, deed, find, bulk.swept(query))
    if session["dry_run"] or not session["yes"]:
        count = sweeper.counted().total.keys
        if session["dry_run"] or not count:
            session.output.result(would(ttl, count), {"cache": inspector.alias, "would": count})
            return DONE if count else FAILED
        session.agree(
            f"{bulk.question(ttl, bulk.which(query), inspector.alias)} {keys_counted(count)}."
        )
    return sweeper.swept(ttl)


def known_type(session: Session, inspector: Inspector) -> str:
    type: str = session["type"]
    if type and type not in inspector.types:
        raise usage(_('There is no key type "%(given)s" here.') % {"given": type})
    return type


def asked(ttl: int | None, count: int, alias: str) -> str:
    """Return the question before some named keys are changed."""
    return f'{bulk.submit(ttl, count, complete=True)} ("{alias}")?'


def would(ttl: int | None, count: int) -> str:
    """Return what would be done."""
    text = _("Nothing done. It would be: %(what)s.")
    return text % {"what": bulk.submit(ttl, count, complete=True)}


class Flush(Subcommand):
    help = "Delete all entries of caches, after saying what that destroys."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        parser.add_argument("caches", nargs="+", metavar="cache", help="aliases of settings.CACHES")
        add_changing(parser)

    @staticmethod
    def run(session: Session) -> int:
        session.check_user()
        *others, last = [session.inspector(one, bulk.FLUSHING.act) for one in session["caches"]]
        codes = [flush_or_warn(session, inspector) for inspector in others]
        return max([*codes, flush(session, last)])


def flush_or_warn(session: Session, inspector: Inspector) -> int:
    """Flush one cache of several: where it fails, the others have their turn all the same."""
    try:
        return flush(session, inspector)
    except CommandError as error:
        if error.returncode == USAGE:  # Nobody is there to be asked of any.
            raise
        session.output.warn(str(error))
        return FAILED


def flush(session: Session, inspector: Inspector) -> int:
    """Flush one cache; return what the command exits with."""
    if inspector.flushes_in_steps:
        return flush_in_steps(session, inspector)
    plan = session.attempt(inspector, inspector.preview_flush)
    entries = _("not known") if plan.entries is None else formatting.number(plan.entries)
    session.output.warn(f"{inspector.alias}: {plan.command}. {plan.scope}")
    if session["dry_run"]:
        session.output.result(
            _("Nothing done. Entries: %(count)s.") % {"count": entries},
            {"cache": inspector.alias, "would": plan.entries},
        )
        return DONE
    session.agree(
        _('Flush "%(alias)s" (entries: %(count)s)?') % {"alias": inspector.alias, "count": entries}
    )

    def record(message: log_entries.Message) -> None:
        log_entries.record_cache(session.user_id, log_entries.CHANGE, inspector, message)

    count = session.change(inspector, inspector.flush, record, partial(said, inspector, None))
    record(partial(said, inspector, count))
    text = said(inspector, count)
    session.output.result(text, {"cache": inspector.alias, "changed": count, "complete": True})
    return DONE


def said(inspector: Inspector, count: int | None) -> str:
    """Return that a cache was flushed."""
    if count is None:
        return _('Flushed "%(alias)s".') % {"alias": inspector.alias}
    return bulk.flushed(inspector.alias)(done(count))


def done(count: int) -> Job[BulkTask]:
    """Return a work that is at its end."""
    return Job(BulkTask(done=count), ScanProgress(complete=True))


def flush_in_steps(session: Session, inspector: Inspector) -> int:
    find: FindKeys = inspector.scan_for_flush
    sweeper = Sweeper(session, inspector, bulk.FLUSHING, find, bulk.flushed(inspector.alias))
    if session["dry_run"] or not session["yes"]:
        count = sweeper.counted().total.keys
        plan = session.attempt(inspector, inspector.preview_flush)
        session.output.warn(f"{inspector.alias}: {plan.command}. {plan.scope}")
        if session["dry_run"]:
            session.output.result(would(None, count), {"cache": inspector.alias, "would": count})
            return DONE
        question = _('Flush "%(alias)s" (entries: %(count)s)?')
        session.agree(question % {"alias": inspector.alias, "count": formatting.number(count)})
    return sweeper.swept(None)
