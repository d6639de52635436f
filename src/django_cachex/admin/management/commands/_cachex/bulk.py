"""The subcommands `delete`, `expire` and `flush`."""

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
from django_cachex.admin.bulk import (
    BulkAction,
    CurrentBatch,
    JobState,
    add_uncertain,
    new_job_state,
)
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
from django_cachex.admin.views.keys_table import format_examined
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import BulkTask, FindKeys, Job, ScanProgress, advance
from django_cachex.inspectors.namespaces import NamespaceOptions, NamespaceStats
from django_cachex.inspectors.query import Query


def format_key_count(count: int) -> str:
    """Return a number of keys in words."""
    text = ngettext("%(count)s key", "%(count)s keys", count)
    return text % {"count": formatting.format_number(count)}


@dataclass(frozen=True)
class BulkCommand:
    """Runs one bulk action to its end."""

    context: CommandContext
    inspector: Inspector
    action: BulkAction
    find: FindKeys
    log_message: Callable[[Job[BulkTask]], str]

    def count(self) -> NamespaceStats:
        """Count the keys that would be changed; on a terminal, show a progress bar."""
        job: Job[NamespaceStats] = Job(
            NamespaceStats(NamespaceOptions(limits().namespace_separator))
        )
        output = self.context.output
        try:
            while not job.complete:
                before = job.progress.token
                for after in self.iter_steps(job):
                    job = after
                    output.show_progress(job.progress, format_key_count(job.task.total.keys))
                if job.progress.token == before:
                    break
        finally:
            output.clear_progress()
        return job.task

    def iter_steps(self, job: Job[Any]) -> Any:
        """Yield the job after each batch of one scan budget.

        Raises:
            CommandError: the cache failed.
        """
        deadline = time.monotonic() + limits().scan_budget
        batches = advance(job, self.find, self.inspector, deadline)
        while True:
            after = self.context.call(self.inspector, lambda: next(batches, None))
            if after is None:
                return
            yield after

    def run(self, ttl: int | None) -> int:
        """Change all keys that are found; return the exit code."""
        state = self.start_log(new_job_state(ttl))
        problem = ""
        try:
            while not state.job.complete and not problem:
                before = state
                state, problem = self.step(state)
                if not problem and state.job.progress.token == before.job.progress.token:
                    problem = self._unanswered_text(state)
        except KeyboardInterrupt:
            problem = _("Stopped.")
        finally:
            self.context.output.clear_progress()
        return self.write_summary(state, problem)

    def step(self, state: JobState) -> tuple[JobState, str]:
        """Run the job for one scan budget and record it; return its state and an error message."""
        job, problem, batch = state.job, "", CurrentBatch(self.find)
        deadline = time.monotonic() + limits().scan_budget
        try:
            for job in advance(state.job, batch.find, self.inspector, deadline):
                batch.key_count = 0
                self.context.output.show_progress(
                    job.progress, format_key_count(job.task.processed)
                )
        except (Exception, KeyboardInterrupt) as error:
            # What was done before the error is recorded and reported.
            stopped = isinstance(error, KeyboardInterrupt)
            problem = _("Stopped.") if stopped else short_error(self.inspector, error)
            if may_have_succeeded(error):
                job = add_uncertain(job, batch.key_count)
                close_broken_connections()
        return self.update_log(state, job), problem

    @staticmethod
    def _unanswered_text(state: JobState) -> str:
        silent = ", ".join(state.job.progress.failed_nodes)
        return "" if state.job.complete else _("%(servers)s didn't answer.") % {"servers": silent}

    def start_log(self, state: JobState) -> JobState:
        message = partial(self.log_message, state.job)
        if self.context.user_id is None:
            log_entries.log_without_user(self.inspector, "begins:", message)
            return state
        log_entry_id = log_entries.create_log_entry(
            self.context.user_id, self.action.log_flag, self.inspector, message
        )
        return replace(state, log_entry_id=log_entry_id)

    def update_log(self, state: JobState, job: Job[BulkTask]) -> JobState:
        if state.log_entry_id:
            before, after = partial(self.log_message, state.job), partial(self.log_message, job)
            user = self.context.user_id
            log_entries.update_log_entry(user, state.log_entry_id, self.inspector, before, after)
        return replace(state, job=job)

    def write_summary(self, state: JobState, problem: str) -> int:
        """Write what was done; return the exit code."""
        job, output = state.job, self.context.output
        task = job.task
        if not state.log_entry_id:
            log_entries.log_without_user(self.inspector, "ends:", partial(self.log_message, job))
        values = {
            "cache": self.inspector.alias,
            "changed": task.done,
            "gone": task.gone,
            "failed": task.failed,
            "complete": job.complete,
        }
        output.write_result(self.log_message(job), values)
        for stored, reason in task.failures:
            output.write_error(f"{self.inspector.display_key(stored)}: {reason}")
        if problem:
            output.write_error(
                f"{problem} ({format_examined(job.progress.examined, job.progress)})"
            )
        failed = problem or task.failed or not job.complete or not task.processed
        return EXIT_FAILED if failed else EXIT_OK


def add_key_arguments(parser: ArgumentParser) -> None:
    add_cache_argument(parser)
    parser.add_argument("keys", nargs="*", help="the names of keys, as used in application code")
    parser.add_argument("--pattern", default="", help="all keys that match; * matches anything")
    parser.add_argument("--type", default="", help="with --pattern, only keys of this type")


class DeleteSubcommand(Subcommand):
    help = "Delete keys, by name or by pattern."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_key_arguments(parser)
        add_change_options(parser)

    @staticmethod
    def run(context: CommandContext) -> int:
        return run_change(context, bulk.DELETE_MATCHING, None)


class ExpireSubcommand(Subcommand):
    help = "Set or remove the TTL of keys, by name or by pattern."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_key_arguments(parser)
        add_expiry_options(parser, required=True)
        add_change_options(parser)

    @staticmethod
    def run(context: CommandContext) -> int:
        return run_change(context, bulk.EXPIRE_MATCHING, ttl_from_options(context))


def run_change(context: CommandContext, action: BulkAction, ttl: int | None) -> int:
    """Change the keys that the options select; return the exit code."""
    inspector = context.inspector(context["cache"], action.permission)
    names, pattern = context["keys"], context["pattern"]
    if bool(names) == bool(pattern):
        raise usage_error(_("Give either keys or a --pattern that isn't empty."))
    context.require_user()
    if pattern:
        return change_matching_keys(context, inspector, action, ttl)
    return change_named_keys(context, inspector, action, ttl)


def change_named_keys(
    context: CommandContext, inspector: Inspector, action: BulkAction, ttl: int | None
) -> int:
    stored = list(
        dict.fromkeys(
            context.stored_key(inspector, key, action.permission) for key in context["keys"]
        )
    )
    count = len(stored)
    if context["dry_run"]:
        context.output.write_text(dry_run_text(ttl, count))
        return EXIT_OK
    context.confirm(confirm_keys_text(ttl, count, inspector.alias))

    def record(message: log_entries.Message) -> None:
        log_entries.record_keys(context.user_id, action.log_flag, inspector, stored, message)

    asked_for = BulkTask(ttl, done=count)
    task = context.call_change(
        inspector,
        lambda: BulkTask(ttl).process(inspector, stored),
        record,
        lambda: bulk.result_text(asked_for),
    )
    if task.done:
        record(lambda: bulk.result_text(task))
    values = {"changed": task.done, "gone": task.gone, "failed": task.failed}
    context.output.write_result(bulk.result_text(task), values)
    for key, reason in task.failures:
        context.output.write_error(f"{inspector.display_key(key)}: {reason}")
    return EXIT_OK if task.done and not task.failed else EXIT_FAILED


def change_matching_keys(
    context: CommandContext, inspector: Inspector, action: BulkAction, ttl: int | None
) -> int:
    if not inspector.can_list:
        raise command_failed(f'"{inspector.alias}": {inspector.unsupported_reason("can_list")}')
    query = Query(parse_pattern(context["pattern"]), type=known_type(context, inspector))
    find = context.make_find(inspector, query, action.permission)
    command = BulkCommand(context, inspector, action, find, bulk.make_bulk_log_message(query))
    if context["dry_run"] or not context["yes"]:
        count = command.count().total.keys
        if context["dry_run"] or not count:
            context.output.write_result(
                dry_run_text(ttl, count), {"cache": inspector.alias, "would": count}
            )
            return EXIT_OK if count else EXIT_FAILED
        question = bulk.confirm_text(ttl, bulk.describe_query(query), inspector.alias)
        context.confirm(f"{question} {format_key_count(count)}.")
    return command.run(ttl)


def known_type(context: CommandContext, inspector: Inspector) -> str:
    type: str = context["type"]
    if type and type not in inspector.types:
        raise usage_error(_('"%(given)s" isn\'t a key type of this cache.') % {"given": type})
    return type


def confirm_keys_text(ttl: int | None, count: int, alias: str) -> str:
    """Return the question that asks to confirm a change of keys given by name."""
    return f'{bulk.button_text(ttl, count, complete=True)} ("{alias}")?'


def dry_run_text(ttl: int | None, count: int) -> str:
    """Return what would be done without `--dry-run`."""
    text = _("Dry run, nothing was changed: %(action)s.")
    return text % {"action": bulk.button_text(ttl, count, complete=True)}


class FlushSubcommand(Subcommand):
    help = "Delete all entries of caches, after showing what will be deleted."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        parser.add_argument("caches", nargs="+", metavar="cache", help="aliases in settings.CACHES")
        add_change_options(parser)

    @staticmethod
    def run(context: CommandContext) -> int:
        context.require_user()
        *others, last = [
            context.inspector(one, bulk.FLUSH_CACHE.permission) for one in context["caches"]
        ]
        codes = [flush_or_warn(context, inspector) for inspector in others]
        return max([*codes, run_flush(context, last)])


def flush_or_warn(context: CommandContext, inspector: Inspector) -> int:
    """Flush one of several caches; an error is written and does not stop the others."""
    try:
        return run_flush(context, inspector)
    except CommandError as error:
        if error.returncode == EXIT_USAGE:  # The user can't be asked about the others either.
            raise
        context.output.write_error(str(error))
        return EXIT_FAILED


def run_flush(context: CommandContext, inspector: Inspector) -> int:
    """Flush one cache; return the exit code."""
    if inspector.flushes_in_steps:
        return flush_in_steps(context, inspector)
    preview = context.call(inspector, inspector.preview_flush)
    entries = _("unknown") if preview.entries is None else formatting.format_number(preview.entries)
    context.output.write_error(f"{inspector.alias}: {preview.command}. {preview.scope}")
    if context["dry_run"]:
        context.output.write_result(
            _("Dry run, nothing was deleted. Entries: %(count)s.") % {"count": entries},
            {"cache": inspector.alias, "would": preview.entries},
        )
        return EXIT_OK
    context.confirm(
        _('Flush "%(alias)s" (entries: %(count)s)?') % {"alias": inspector.alias, "count": entries}
    )

    def record(message: log_entries.Message) -> None:
        log_entries.record_cache(context.user_id, log_entries.CHANGE, inspector, message)

    count = context.call_change(
        inspector, inspector.flush, record, partial(flush_message, inspector, None)
    )
    record(partial(flush_message, inspector, count))
    text = flush_message(inspector, count)
    context.output.write_result(
        text, {"cache": inspector.alias, "changed": count, "complete": True}
    )
    return EXIT_OK


def flush_message(inspector: Inspector, count: int | None) -> str:
    """Return the message that a cache was flushed."""
    if count is None:
        return _('Flushed "%(alias)s".') % {"alias": inspector.alias}
    return bulk.make_flush_log_message(inspector.alias)(finished_job(count))


def finished_job(count: int) -> Job[BulkTask]:
    """Return a job that has deleted a number of keys and has ended."""
    return Job(BulkTask(done=count), ScanProgress(complete=True))


def flush_in_steps(context: CommandContext, inspector: Inspector) -> int:
    find: FindKeys = inspector.scan_for_flush
    command = BulkCommand(
        context, inspector, bulk.FLUSH_CACHE, find, bulk.make_flush_log_message(inspector.alias)
    )
    if context["dry_run"] or not context["yes"]:
        count = command.count().total.keys
        preview = context.call(inspector, inspector.preview_flush)
        context.output.write_error(f"{inspector.alias}: {preview.command}. {preview.scope}")
        if context["dry_run"]:
            context.output.write_result(
                dry_run_text(None, count), {"cache": inspector.alias, "would": count}
            )
            return EXIT_OK
        question = _('Flush "%(alias)s" (entries: %(count)s)?')
        context.confirm(
            question % {"alias": inspector.alias, "count": formatting.format_number(count)}
        )
    return command.run(None)
