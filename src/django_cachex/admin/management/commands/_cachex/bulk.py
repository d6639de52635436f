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
from django_cachex.admin.bulk import BulkAction, CurrentBatch, JobState, add_in_doubt, new_job
from django_cachex.admin.errors import close_broken_connections, may_have_succeeded, short_error
from django_cachex.admin.management.commands._cachex.context import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    CommandContext,
    Subcommand,
    add_cache_argument,
    add_change_options,
    add_expiry_options,
    command_failed,
    parse_pattern,
    ttl_from_options,
    usage_error,
)
from django_cachex.admin.views.keys_table import how_far
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Find, Position, Sweep, Work, advance
from django_cachex.inspectors.namespaces import Sorting, Survey
from django_cachex.inspectors.query import Query


def format_key_count(count: int) -> str:
    """Return a number of keys, for the end of a progress bar."""
    text = ngettext("%(count)s key", "%(count)s keys", count)
    return text % {"count": formatting.format_number(count)}


@dataclass(frozen=True)
class BulkCommand:
    """Carries one sweep through."""

    session: CommandContext
    inspector: Inspector
    action: BulkAction
    find: Find
    log_message: Callable[[Work[Sweep]], str]

    def count(self) -> Survey:
        """Return what all keys are that are found; on a terminal a bar shows how far that is."""
        work: Work[Survey] = Work(Survey(Sorting(limits().namespace_separator)))
        output = self.session.output
        try:
            while not work.complete:
                before = work.position.token
                for after in self.iter_steps(work):
                    work = after
                    output.show_progress(work.position, format_key_count(work.deed.whole.keys))
                if work.position.token == before:
                    break
        finally:
            output.clear_progress()
        return work.deed

    def iter_steps(self, work: Work[Any]) -> Any:
        """Yield a work after each batch of one budget; CommandError where the cache fails."""
        deadline = time.monotonic() + limits().scan_budget
        batches = advance(work, self.find, self.inspector, deadline)
        while True:
            after = self.session.call(self.inspector, lambda: next(batches, None))
            if after is None:
                return
            yield after

    def run(self, ttl: int | None) -> int:
        """Do it to all keys that are found; return what the command exits with."""
        run = self.start_log(new_job(ttl))
        problem = ""
        try:
            while not run.job.complete and not problem:
                before = run
                run, problem = self.step(run)
                if not problem and run.job.position.token == before.job.position.token:
                    problem = self._unanswered_text(run)
        except KeyboardInterrupt:
            problem = _("Stopped.")
        finally:
            self.session.output.clear_progress()
        return self.write_summary(run, problem)

    def step(self, run: JobState) -> tuple[JobState, str]:
        """Return a run after one budget, on record, and what went wrong, if it did."""
        work, problem, batch = run.job, "", CurrentBatch(self.find)
        deadline = time.monotonic() + limits().scan_budget
        try:
            for work in advance(run.job, batch.find, self.inspector, deadline):
                batch.keys = 0
                self.session.output.show_progress(work.position, format_key_count(work.deed.turns))
        except (Exception, KeyboardInterrupt) as error:
            # What was done before it is recorded and reported.
            stopped = isinstance(error, KeyboardInterrupt)
            problem = _("Stopped.") if stopped else short_error(self.inspector, error)
            if may_have_succeeded(error):
                work = add_in_doubt(work, batch.keys)
                close_broken_connections()
        return self.update_log(run, work), problem

    @staticmethod
    def _unanswered_text(run: JobState) -> str:
        silent = ", ".join(run.job.position.unanswered)
        return "" if run.job.complete else _("%(servers)s did not answer.") % {"servers": silent}

    def start_log(self, run: JobState) -> JobState:
        said = partial(self.log_message, run.job)
        if self.session.user_id is None:
            log_entries.log_without_user(self.inspector, "begins:", said)
            return run
        entry = log_entries.create_log_entry(
            self.session.user_id, self.action.log_flag, self.inspector, said
        )
        return replace(run, log_entry=entry)

    def update_log(self, run: JobState, work: Work[Sweep]) -> JobState:
        if run.log_entry:
            before, after = partial(self.log_message, run.job), partial(self.log_message, work)
            user = self.session.user_id
            log_entries.update_log_entry(user, run.log_entry, self.inspector, before, after)
        return replace(run, job=work)

    def write_summary(self, run: JobState, problem: str) -> int:
        """Say what was done; return what the command exits with."""
        work, output = run.job, self.session.output
        sweep = work.deed
        if not run.log_entry:
            log_entries.log_without_user(self.inspector, "ends:", partial(self.log_message, work))
        values = {
            "cache": self.inspector.alias,
            "changed": sweep.done,
            "gone": sweep.gone,
            "failed": sweep.failed,
            "complete": work.complete,
        }
        output.write_result(self.log_message(work), values)
        for stored, why in sweep.failures:
            output.write_error(f"{self.inspector.name(stored)}: {why}")
        if problem:
            output.write_error(f"{problem} ({how_far(work.position.examined, work.position)})")
        failed = problem or sweep.failed or not work.complete or not sweep.turns
        return EXIT_FAILED if failed else EXIT_OK


def add_key_arguments(parser: ArgumentParser) -> None:
    add_cache_argument(parser)
    parser.add_argument("keys", nargs="*", help="as application code calls them")
    parser.add_argument("--pattern", default="", help="all keys that match; * stands for anything")
    parser.add_argument("--type", default="", help="of those that match, only keys of this type")


class Delete(Subcommand):
    help = "Delete keys, by name or by pattern."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_key_arguments(parser)
        add_change_options(parser)

    @staticmethod
    def run(session: CommandContext) -> int:
        return run_change(session, bulk.DELETE_MATCHING, None)


class Expire(Subcommand):
    help = "Let keys expire, or never, by name or by pattern."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_key_arguments(parser)
        add_expiry_options(parser, required=True)
        add_change_options(parser)

    @staticmethod
    def run(session: CommandContext) -> int:
        return run_change(session, bulk.EXPIRE_MATCHING, ttl_from_options(session))


def run_change(session: CommandContext, deed: BulkAction, ttl: int | None) -> int:
    """Do something to the keys that the options name; return what the command exits with."""
    inspector = session.inspector(session["cache"], deed.permission)
    named, pattern = session["keys"], session["pattern"]
    if bool(named) == bool(pattern):
        raise usage_error(_("Name some keys, or give a --pattern that is not empty."))
    session.require_user()
    if pattern:
        return change_matching_keys(session, inspector, deed, ttl)
    return change_named_keys(session, inspector, deed, ttl)


def change_named_keys(
    session: CommandContext, inspector: Inspector, deed: BulkAction, ttl: int | None
) -> int:
    stored = list(
        dict.fromkeys(
            session.stored_key(inspector, key, deed.permission) for key in session["keys"]
        )
    )
    count = len(stored)
    if session["dry_run"]:
        session.output.write_text(dry_run_text(ttl, count))
        return EXIT_OK
    session.confirm(confirm_text(ttl, count, inspector.alias))

    def record(message: log_entries.Message) -> None:
        log_entries.record_keys(session.user_id, deed.log_flag, inspector, stored, message)

    asked_for = Sweep(ttl, done=count)
    sweep = session.call_change(
        inspector,
        lambda: Sweep(ttl).take(inspector, stored),
        record,
        lambda: bulk.result_text(asked_for),
    )
    if sweep.done:
        record(lambda: bulk.result_text(sweep))
    values = {"changed": sweep.done, "gone": sweep.gone, "failed": sweep.failed}
    session.output.write_result(bulk.result_text(sweep), values)
    for key, why in sweep.failures:
        session.output.write_error(f"{inspector.name(key)}: {why}")
    return EXIT_OK if sweep.done and not sweep.failed else EXIT_FAILED


def change_matching_keys(
    session: CommandContext, inspector: Inspector, deed: BulkAction, ttl: int | None
) -> int:
    if not inspector.can_list:
        raise command_failed(f'"{inspector.alias}": {inspector.why_not("can_list")}')
    query = Query(parse_pattern(session["pattern"]), type=known_type(session, inspector))
    find = session.make_find(inspector, query, deed.permission)
    sweeper = BulkCommand(session, inspector, deed, find, bulk.bulk_log_message(query))
    if session["dry_run"] or not session["yes"]:
        count = sweeper.count().whole.keys
        if session["dry_run"] or not count:
            session.output.write_result(
                dry_run_text(ttl, count), {"cache": inspector.alias, "would": count}
            )
            return EXIT_OK if count else EXIT_FAILED
        question = bulk.confirm_text(ttl, bulk.describe_query(query), inspector.alias)
        session.confirm(f"{question} {format_key_count(count)}.")
    return sweeper.run(ttl)


def known_type(session: CommandContext, inspector: Inspector) -> str:
    type: str = session["type"]
    if type and type not in inspector.types:
        raise usage_error(_('There is no key type "%(given)s" here.') % {"given": type})
    return type


def confirm_text(ttl: int | None, count: int, alias: str) -> str:
    """Return the question before some named keys are changed."""
    return f'{bulk.button_text(ttl, count, complete=True)} ("{alias}")?'


def dry_run_text(ttl: int | None, count: int) -> str:
    """Return what would be done."""
    text = _("Nothing done. It would be: %(what)s.")
    return text % {"what": bulk.button_text(ttl, count, complete=True)}


class Flush(Subcommand):
    help = "Delete all entries of caches, after saying what that destroys."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        parser.add_argument("caches", nargs="+", metavar="cache", help="aliases of settings.CACHES")
        add_change_options(parser)

    @staticmethod
    def run(session: CommandContext) -> int:
        session.require_user()
        *others, last = [
            session.inspector(one, bulk.FLUSH_CACHE.permission) for one in session["caches"]
        ]
        codes = [flush_or_warn(session, inspector) for inspector in others]
        return max([*codes, flush(session, last)])


def flush_or_warn(session: CommandContext, inspector: Inspector) -> int:
    """Flush one cache of several: where it fails, the others have their turn all the same."""
    try:
        return flush(session, inspector)
    except CommandError as error:
        if error.returncode == EXIT_USAGE:  # Nobody is there to be asked of any.
            raise
        session.output.write_error(str(error))
        return EXIT_FAILED


def flush(session: CommandContext, inspector: Inspector) -> int:
    """Flush one cache; return what the command exits with."""
    if inspector.flushes_in_steps:
        return flush_in_steps(session, inspector)
    plan = session.call(inspector, inspector.flush_plan)
    entries = _("not known") if plan.entries is None else formatting.format_number(plan.entries)
    session.output.write_error(f"{inspector.alias}: {plan.act}. {plan.scope}")
    if session["dry_run"]:
        session.output.write_result(
            _("Nothing done. Entries: %(count)s.") % {"count": entries},
            {"cache": inspector.alias, "would": plan.entries},
        )
        return EXIT_OK
    session.confirm(
        _('Flush "%(alias)s" (entries: %(count)s)?') % {"alias": inspector.alias, "count": entries}
    )

    def record(message: log_entries.Message) -> None:
        log_entries.record_cache(session.user_id, log_entries.CHANGE, inspector, message)

    count = session.call_change(
        inspector, inspector.flush, record, partial(flush_message, inspector, None)
    )
    record(partial(flush_message, inspector, count))
    text = flush_message(inspector, count)
    session.output.write_result(
        text, {"cache": inspector.alias, "changed": count, "complete": True}
    )
    return EXIT_OK


def flush_message(inspector: Inspector, count: int | None) -> str:
    """Return that a cache was flushed."""
    if count is None:
        return _('Flushed "%(alias)s".') % {"alias": inspector.alias}
    return bulk.flush_log_message(inspector.alias)(finished_job(count))


def finished_job(count: int) -> Work[Sweep]:
    """Return a work that is at its end."""
    return Work(Sweep(done=count), Position(complete=True))


def flush_in_steps(session: CommandContext, inspector: Inspector) -> int:
    find: Find = inspector.find_doomed
    sweeper = BulkCommand(
        session, inspector, bulk.FLUSH_CACHE, find, bulk.flush_log_message(inspector.alias)
    )
    if session["dry_run"] or not session["yes"]:
        count = sweeper.count().whole.keys
        plan = session.call(inspector, inspector.flush_plan)
        session.output.write_error(f"{inspector.alias}: {plan.act}. {plan.scope}")
        if session["dry_run"]:
            session.output.write_result(
                dry_run_text(None, count), {"cache": inspector.alias, "would": count}
            )
            return EXIT_OK
        question = _('Flush "%(alias)s" (entries: %(count)s)?')
        session.confirm(
            question % {"alias": inspector.alias, "count": formatting.format_number(count)}
        )
    return sweeper.run(None)
