"""The subcommands `set`, `delete`, `expire` and `flush`, which change a cache."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from django.core.management import CommandError
from django.utils.translation import gettext as _

from django_cachex.admin import bulk, formatting, log_entries
from django_cachex.admin.bulk import BulkAction, JobRunner, JobState, JobStep
from django_cachex.admin.deadline import CallResult
from django_cachex.admin.management.commands._cachex.context import (
    EXIT_FAILED,
    EXIT_OK,
    EXIT_USAGE,
    Change,
    CommandContext,
    command_failed,
    format_key_count,
    make_find,
    usage_error,
)
from django_cachex.admin.messages import added_message, short_error
from django_cachex.admin.permissions import ADD
from django_cachex.admin.views.keys_table import format_examined
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import AddValue, EditStatus, ExpireCondition
from django_cachex.inspectors.info import FlushPreview
from django_cachex.inspectors.jobs import BulkTask, Job
from django_cachex.inspectors.types import ScanPage
from django_cachex.inspectors.values import InvalidValue, parse_value


class Interrupted(Exception):
    """The user pressed Ctrl-C. A call to a cache that was interrupted may have been carried out."""


def run_call(inspector: Inspector, call: Callable[[], None]) -> CallResult[None]:
    """Return the result of a call that runs on this thread, without a deadline."""
    try:
        call()
    except KeyboardInterrupt:
        return CallResult(error=Interrupted())
    except Exception as error:  # What was done before the error is recorded and reported.
        return CallResult(error=error)
    return CallResult()


def run_job(context: CommandContext, runner: JobRunner, task: BulkTask) -> int:
    """Run a job to its end; return the exit code."""
    output, step = context.output, JobStep(JobState(Job(task)))
    try:
        while not (step.job.complete or step.error or step.is_stuck):
            step = runner.step(step.state, run_call)
            output.show_progress(step.job.progress, format_key_count(step.job.task.processed))
    except KeyboardInterrupt:
        step = JobStep(step.state, Interrupted())
    finally:
        output.clear_progress()
    return write_summary(context, runner, step)


def describe_problem(inspector: Inspector, step: JobStep) -> str:
    """Return why a job ended before it was complete; an empty text if it is complete."""
    if step.error is not None:
        stopped = isinstance(step.error, Interrupted)
        return _("Stopped.") if stopped else short_error(inspector, step.error)
    if step.is_stuck:
        servers = ", ".join(step.job.progress.failed_nodes)
        return _("%(servers)s didn't answer.") % {"servers": servers}
    return ""


def write_summary(context: CommandContext, runner: JobRunner, step: JobStep) -> int:
    """Write what a job has done; return the exit code."""
    inspector, job, task = runner.inspector, step.job, step.job.task
    if context.user_id is None:
        log_entries.log_without_user(inspector, "ends:", partial(runner.log_message, job))
    values = {
        "cache": inspector.alias,
        "changed": task.done,
        "gone": task.gone,
        "failed": task.failed,
        "complete": job.complete,
        **unchanged_values(task),
    }
    context.output.write_result(runner.log_message(job), values)
    write_failures(context, inspector, task)
    problem = describe_problem(inspector, step)
    if problem:
        examined = format_examined(job.progress.examined, job.progress)
        context.output.write_error(f"{problem} ({examined})")
    failed = problem or task.failed or not job.complete or not task.processed
    return EXIT_FAILED if failed else EXIT_OK


def write_failures(context: CommandContext, inspector: Inspector, task: BulkTask) -> None:
    for stored, reason in task.failures:
        context.output.write_error(f"{inspector.display_key(stored)}: {reason}")


def unchanged_values(task: BulkTask) -> dict[str, int]:
    """Return the number of keys that don't meet the condition as JSON, if there is one."""
    has_condition = task.condition is not ExpireCondition.ALWAYS
    return {"unchanged": task.unchanged} if has_condition else {}


def delete_keys(context: CommandContext) -> int:
    return change_keys(context, bulk.DELETE_MATCHING, BulkTask())


def expire_keys(context: CommandContext) -> int:
    condition = ExpireCondition(context["only"] or ExpireCondition.ALWAYS)
    if context["never"] and context["only"]:
        raise usage_error(_("--only requires --in."))
    return change_keys(context, bulk.EXPIRE_MATCHING, BulkTask(context.ttl(), condition=condition))


def change_keys(context: CommandContext, action: BulkAction, task: BulkTask) -> int:
    """Change the keys that the options select; return the exit code."""
    inspector = context.inspector(context["cache"], action.permission)
    is_search = bool(context["pattern"] or context["kind"])
    if bool(context["keys"]) == is_search:
        raise usage_error(_("Give either keys, or a --pattern or --kind that isn't empty."))
    change = change_matching_keys if is_search else change_named_keys
    return change(context, inspector, action, task)


def change_named_keys(
    context: CommandContext, inspector: Inspector, action: BulkAction, task: BulkTask
) -> int:
    keys = [context.stored_key(inspector, key, action.permission) for key in context["keys"]]
    stored = list(dict.fromkeys(keys))
    count = len(context.call(inspector, lambda: select_keys(inspector, task, stored)))
    if context["dry_run"]:
        context.output.write_text(dry_run_text(task.ttl, count))
        return EXIT_OK
    question = bulk.button_text(task.ttl, count, complete=True)
    context.confirm(f'{question} ("{inspector.alias}")?')
    record = partial(log_entries.record_keys, context.user_id, action.log_flag, inspector, stored)
    requested_change = Change(record, lambda: bulk.result_text(replace(task, done=count)))
    done = context.call(inspector, lambda: task.process(inspector, stored), requested_change)
    if done.done:
        record(lambda: bulk.result_text(done))
    values = {"changed": done.done, "gone": done.gone, "failed": done.failed}
    context.output.write_result(bulk.result_text(done), {**values, **unchanged_values(done)})
    write_failures(context, inspector, done)
    return EXIT_OK if done.done and not done.failed else EXIT_FAILED


def select_keys(inspector: Inspector, task: BulkTask, keys: Sequence[bytes]) -> Sequence[bytes]:
    """Return the keys that meet the condition of a task; all of them if it has none."""
    if task.condition is ExpireCondition.ALWAYS or task.ttl is None:
        return keys
    return task.condition.select(inspector.describe(keys, ("ttl",)), task.ttl)


def change_matching_keys(
    context: CommandContext, inspector: Inspector, action: BulkAction, task: BulkTask
) -> int:
    context.require(inspector, "can_list")
    query = context.query(inspector)
    find = make_find(inspector, query, action.permission)

    def find_selected(token: str, limit: int, deadline: float) -> ScanPage:
        page = find(token, limit, deadline)
        return replace(page, keys=select_keys(inspector, task, page.keys))

    if context["dry_run"] or not context["yes"]:
        count = context.count_keys(inspector, find_selected).task.total.keys
        if context["dry_run"] or not count:
            values = {"cache": inspector.alias, "would_change": count}
            context.output.write_result(dry_run_text(task.ttl, count), values)
            return EXIT_OK if count else EXIT_FAILED
        subject = bulk.describe_query(query, task.condition)
        question = bulk.confirm_text(task.ttl, subject, inspector.alias)
        context.confirm(f"{question} {format_key_count(count)}.")
    message = partial(bulk.bulk_job_text, query)
    log_subject = partial(bulk.keys_text, query)
    runner = JobRunner(inspector, context.user_id, action, find, message, log_subject=log_subject)
    return run_job(context, runner, task)


def dry_run_text(ttl: int | None, count: int) -> str:
    """Return what would be done without `--dry-run`."""
    text = _("Dry run, nothing was changed: %(action)s.")
    return text % {"action": bulk.button_text(ttl, count, complete=True)}


def flush_caches(context: CommandContext) -> int:
    inspectors = [context.inspector(one, bulk.FLUSH_CACHE.permission) for one in context["caches"]]
    *others, last = inspectors
    codes = [flush_or_warn(context, inspector) for inspector in others]
    return max([*codes, flush_cache(context, last)])


def flush_or_warn(context: CommandContext, inspector: Inspector) -> int:
    """Flush one of several caches; an error is written and does not stop the others."""
    try:
        return flush_cache(context, inspector)
    except CommandError as error:
        if error.returncode == EXIT_USAGE:  # The user can't be asked about the others either.
            raise
        context.output.write_error(str(error))
        return EXIT_FAILED


def flush_cache(context: CommandContext, inspector: Inspector) -> int:
    """Flush one cache; return the exit code."""
    if inspector.flushes_in_steps:
        return flush_in_steps(context, inspector)
    preview = write_flush_preview(context, inspector)
    entries = _("unknown") if preview.entries is None else formatting.format_number(preview.entries)
    if context["dry_run"]:
        text = _("Dry run, nothing was deleted. Entries: %(count)s.") % {"count": entries}
        values = {"cache": inspector.alias, "would_change": preview.entries}
        context.output.write_result(text, values)
        return EXIT_OK
    confirm_flush(context, inspector, entries)
    record = partial(log_entries.record_cache, context.user_id, inspector)
    requested_change = Change(record, partial(bulk.flushed_text, inspector.alias, None))
    count = context.call(inspector, inspector.flush, requested_change)
    record(partial(bulk.flushed_text, inspector.alias, count))
    context.output.write_result(
        bulk.flushed_text(inspector.alias, count),
        {"cache": inspector.alias, "changed": count, "complete": True},
    )
    return EXIT_OK


def flush_in_steps(context: CommandContext, inspector: Inspector) -> int:
    find = inspector.scan_for_flush
    if context["dry_run"] or not context["yes"]:
        count = context.count_keys(inspector, find).task.total.keys
        write_flush_preview(context, inspector)
        if context["dry_run"]:
            values = {"cache": inspector.alias, "would_change": count}
            context.output.write_result(dry_run_text(None, count), values)
            return EXIT_OK
        confirm_flush(context, inspector, formatting.format_number(count))
    message = partial(bulk.flush_job_text, inspector.alias)
    runner = JobRunner(inspector, context.user_id, bulk.FLUSH_CACHE, find, message)
    return run_job(context, runner, BulkTask())


def write_flush_preview(context: CommandContext, inspector: Inspector) -> FlushPreview:
    """Write what a flush would delete."""
    preview = context.call(inspector, inspector.preview_flush)
    context.output.write_error(f"{inspector.alias}: {preview.command}. {preview.scope}")
    return preview


def confirm_flush(context: CommandContext, inspector: Inspector, entries: str) -> None:
    question = _('Flush "%(alias)s" (entries: %(count)s)?')
    context.confirm(question % {"alias": inspector.alias, "count": entries})


def set_value(context: CommandContext) -> int:
    inspector = context.inspector(context["cache"], ADD)
    text = sys.stdin.read() if context["value"] == "-" else context["value"]
    try:
        value = parse_value(text, context["store_as"])
    except InvalidValue as problem:
        raise command_failed(str(problem)) from problem
    ttl = context.ttl()
    stored = context.stored_key(inspector, context["key"], ADD)
    if context["dry_run"]:
        context.output.write_text(_("Dry run, nothing was stored."))
        return EXIT_OK
    if context["replace"]:
        question = _('Store "%(key)s" and replace it if it exists (1 key)?')
        context.confirm(question % {"key": context["key"]})
    edit = AddValue(value, inspector.default_ttl if ttl is None else ttl, context["replace"])
    message = partial(added_message, edit)
    record = partial(
        log_entries.record_keys, context.user_id, log_entries.ADDITION, inspector, [stored]
    )
    change = Change(record, message)
    result = context.call(inspector, lambda: inspector.apply(stored, edit), change)
    if result.status is EditStatus.EXISTS:
        raise command_failed(
            _("A key with this name already exists. To replace it, use --replace.")
        )
    if result.status is not EditStatus.DONE:
        reason = result.reason or result.status
        raise command_failed(_("Not stored: %(reason)s") % {"reason": reason})
    record(message)
    context.output.write_result(message(), {"key": context["key"], "stored": True})
    return EXIT_OK
