"""Delete, expire or flush many keys in steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.contrib.admin.models import CHANGE, DELETION
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.deadline import CallResult, NotStarted
from django_cachex.admin.errors import close_broken_connections, may_have_succeeded
from django_cachex.admin.permissions import DELETE, EXPIRE, FLUSH, Permission
from django_cachex.admin.sessions import mask_pattern
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.jobs import BulkTask, FindKeys, Job, ScanProgress, advance
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import TTL_NONE, ScanPage


@dataclass(frozen=True)
class BulkAction:
    """An action on many keys."""

    name: str
    """The name in URLs and tokens."""

    permission: Permission
    log_flag: int
    """The action flag of its `LogEntry`."""

    breadcrumb: Text
    """The text of its breadcrumb."""


DELETE_MATCHING = BulkAction("delete", DELETE, DELETION, gettext_lazy("Delete all matching keys"))
EXPIRE_MATCHING = BulkAction(
    "expire", EXPIRE, CHANGE, gettext_lazy("Change TTL of all matching keys")
)
FLUSH_CACHE = BulkAction("flush", FLUSH, CHANGE, gettext_lazy("Flush"))

MATCHING_ACTIONS = {action.name: action for action in (DELETE_MATCHING, EXPIRE_MATCHING)}


def describe_query(query: Query) -> str:
    """Return the query in words, to follow `keys that` in a sentence."""
    text = one_line(query.pattern.text).replace('"', '\\"')
    condition = _('match "%(pattern)s"') if "*" in text else _('contain "%(pattern)s"')
    return get_text_list([condition % {"pattern": text}, *describe_filters(query)], _("and"))


def describe_filters(query: Query) -> list[str]:
    """Return the filters of a query, each as a clause to follow `keys that`."""
    texts = []
    if query.type:
        texts.append(_("are of type %(type)s") % {"type": query.type})
    if query.expires_within == TTL_NONE:
        texts.append(_("never expire"))
    elif query.expires_within is not None:
        span = formatting.format_duration(query.expires_within)
        texts.append(_("expire within %(span)s") % {"span": span})
    if query.larger_than is not None:
        texts.append(
            _("are larger than %(size)s") % {"size": formatting.format_size(query.larger_than)}
        )
    if query.idle_for is not None:
        span = formatting.format_duration(query.idle_for)
        texts.append(_("have been idle for at least %(span)s") % {"span": span})
    return texts


def action_title(ttl: int | None, keys_text: str) -> str:
    """Return the heading of a bulk action.

    Args:
        ttl: None to delete, `TTL_NONE` to remove the TTL, else the new TTL in milliseconds.
        keys_text: the keys, as `describe_query` describes them.
    """
    return _choose_text(
        ttl,
        _("Delete all keys that %(which)s"),
        _("Remove the TTL of all keys that %(which)s"),
        _("Set all keys that %(which)s to expire in %(span)s"),
    ) % {"which": keys_text, "span": format_span(ttl)}


def confirm_text(ttl: int | None, keys_text: str, alias: str) -> str:
    """Return the question that asks to confirm a bulk action."""
    return _choose_text(
        ttl,
        _('Delete all keys in "%(alias)s" that %(which)s?'),
        _('Remove the TTL of all keys in "%(alias)s" that %(which)s?'),
        _('Set all keys in "%(alias)s" that %(which)s to expire in %(span)s?'),
    ) % {"which": keys_text, "span": format_span(ttl), "alias": alias}


def button_text(ttl: int | None, count: int, complete: bool) -> str:
    """Return the label of the button that starts a bulk action.

    Args:
        ttl: as in `action_title`.
        count: the number of keys found so far.
        complete: whether that is all of them; otherwise the label has no number.
    """
    if not complete:
        return _choose_text(
            ttl,
            _("Delete all matching keys"),
            _("Remove the TTL of all matching keys"),
            _("Set all matching keys to expire"),
        )
    return _choose_text(
        ttl,
        ngettext("Delete %(count)s key", "Delete %(count)s keys", count),
        ngettext("Remove the TTL of %(count)s key", "Remove the TTL of %(count)s keys", count),
        ngettext("Set %(count)s key to expire", "Set %(count)s keys to expire", count),
    ) % {"count": formatting.format_number(count)}


def consequence_text(ttl: int | None) -> str:
    """Return the consequences of a bulk action for the keys."""
    return _choose_text(
        ttl,
        _("This can't be undone."),
        _("The keys will stay until they are deleted or evicted."),
        _("Any current TTL is replaced. Each key expires %(span)s after it is changed."),
    ) % {"span": format_span(ttl)}


def result_text(task: BulkTask) -> str:
    """Return how many keys were changed, were already gone, and failed."""
    done = _choose_text(
        task.ttl,
        ngettext("Deleted %(count)s key", "Deleted %(count)s keys", task.done),
        ngettext(
            "The TTL of %(count)s key was removed",
            "The TTL of %(count)s keys was removed",
            task.done,
        ),
        ngettext(
            "%(count)s key was set to expire after %(span)s",
            "%(count)s keys were set to expire after %(span)s",
            task.done,
        ),
    ) % {"count": formatting.format_number(task.done), "span": format_span(task.ttl)}
    return f"{'; '.join([done, *_unchanged_texts(task)])}."


def _unchanged_texts(task: BulkTask) -> list[str]:
    """Return how many keys were not changed, for each reason."""
    texts = []
    if task.gone:
        text = ngettext("%(count)s was already gone", "%(count)s were already gone", task.gone)
        texts.append(text % {"count": formatting.format_number(task.gone)})
    if task.failed:
        text = ngettext("%(count)s failed", "%(count)s failed", task.failed)
        texts.append(text % {"count": formatting.format_number(task.failed)})
    if task.uncertain:
        text = ngettext(
            "result unknown for %(count)s",
            "result unknown for %(count)s",
            task.uncertain,
        )
        texts.append(text % {"count": formatting.format_number(task.uncertain)})
    return texts


def make_flush_log_message(alias: str) -> Callable[[Job[BulkTask]], str]:
    """Return a function that builds the message about a flush, for the page and the log."""

    def build_message(job: Job[BulkTask]) -> str:
        count = job.task.done
        text = ngettext(
            'Flushed "%(alias)s": %(count)s entry deleted.',
            'Flushed "%(alias)s": %(count)s entries deleted.',
            count,
        )
        if not job.complete:
            text = ngettext(
                'Flushing "%(alias)s" (not finished): %(count)s entry deleted so far.',
                'Flushing "%(alias)s" (not finished): %(count)s entries deleted so far.',
                count,
            )
        if job.task.failed and not count:
            text = _('Not flushed: no entries of "%(alias)s" could be deleted.')
        others = _unchanged_texts(replace(job.task, gone=0))
        rest = f" {'; '.join(others)}." if others else ""
        return text % {"alias": alias, "count": formatting.format_number(count)} + rest

    return build_message


def make_bulk_log_message(query: Query) -> Callable[[Job[BulkTask]], str]:
    """Return a function that builds the log message about a bulk action, as far as it has run."""

    def build_message(job: Job[BulkTask]) -> str:
        # A pattern may contain a session id, with or without the session key prefix.
        pattern = Pattern(mask_pattern(query.pattern.text))
        title = action_title(job.task.ttl, describe_query(replace(query, pattern=pattern)))
        progress = (
            _("All keys were examined.")
            if job.complete
            else _("Not all keys have been examined yet.")
        )
        return f"{title}. {result_text(job.task)} {progress}"

    return build_message


def format_span(ttl: int | None) -> str:
    """Return a TTL in words; nothing if keys are deleted or never expire."""
    return "" if ttl is None or ttl == TTL_NONE else formatting.format_duration(ttl)


def _choose_text(ttl: int | None, delete: str, persist: str, expire: str) -> str:
    """Return the text for the action that a TTL stands for."""
    if ttl is None:
        return delete
    return persist if ttl == TTL_NONE else expire


RunWithDeadline = Callable[[Inspector, Callable[[], None]], CallResult[None]]
"""Runs a call to a cache under a page's deadline."""

NO_ENTRY = 0
"""The `log_entry_id` of a job that has not started."""


@dataclass(frozen=True)
class JobState:
    """A bulk job and the ID of the `LogEntry` that records what it has done."""

    job: Job[BulkTask]
    log_entry_id: int = NO_ENTRY

    def to_json(self) -> list[Any]:
        """Return the state as values that JSON can represent."""
        return [self.log_entry_id, self.job.to_json()]

    @classmethod
    def from_json(cls, data: list[Any]) -> JobState:
        log_entry_id, job = data
        return cls(Job.from_json(job, BulkTask.from_json), log_entry_id)

    def reset(self) -> JobState:
        """Return the job with its counts reset, so that it reports only what it does itself."""
        return JobState(replace(self.job, task=BulkTask(self.job.task.ttl)))


@dataclass(frozen=True)
class JobStep:
    """A job after one step, and the error that stopped the step."""

    job_state: JobState
    error: Exception | None = None
    was_continued_elsewhere: bool = False
    """Whether the counts were reset because the job had been continued elsewhere."""

    is_stuck: bool = False
    """Whether the step made no progress, so that another one would not help for now."""


class CurrentBatch:
    """Tracks the keys that have been found and whose results are not known yet."""

    def __init__(self, find: FindKeys) -> None:
        self._find = find
        self._is_abandoned = False
        self.key_count = 0
        """The number of keys that are being changed."""

    def find(self, token: str, limit: int, deadline: float) -> ScanPage:
        """Return the next keys to change; raise NotStarted if the batch was abandoned."""
        page = self._find(token, limit, deadline)
        self.key_count = len(page.keys)
        if self._is_abandoned:
            raise NotStarted
        return page

    def abandon(self) -> int:
        """Prevent further changes; return the number of keys that are being changed."""
        self._is_abandoned = True
        return self.key_count


def add_uncertain(job: Job[BulkTask], key_count: int) -> Job[BulkTask]:
    """Return a job with more keys of which it is unknown whether they were changed."""
    return replace(job, task=replace(job.task, uncertain=job.task.uncertain + key_count))


@dataclass(frozen=True)
class JobRunner:
    """Runs the steps of a bulk job and records them."""

    inspector: Inspector
    user_id: Any
    action: BulkAction
    find: FindKeys
    log_message: Callable[[Job[BulkTask]], str]
    """Builds the log message about the job."""

    def step(self, state: JobState, run: RunWithDeadline) -> JobStep:
        """Run the job for one scan budget, and record what was done whatever happens.

        Args:
            state: the job so far.
            run: runs a call under the page's deadline.
        """
        was_continued_elsewhere = (
            state.log_entry_id != NO_ENTRY
            and not log_entries.matches_log_entry(state.log_entry_id, self._message(state))
        )
        if was_continued_elsewhere or state.log_entry_id == NO_ENTRY:
            state = self._create_log_entry(state.reset())
        snapshots = [state.job]
        batch = CurrentBatch(self.find)
        result = run(self.inspector, lambda: self._advance(snapshots, batch))
        # Abandon the batch first, so that keys changed from now on count as uncertain.
        uncertain = batch.abandon()
        after = snapshots[-1]
        if may_have_succeeded(result.error):
            after = add_uncertain(after, uncertain)
            close_broken_connections()
        is_stuck = after.progress.token == state.job.progress.token and not after.complete
        return JobStep(
            self._update_log_entry(state, after), result.error, was_continued_elsewhere, is_stuck
        )

    def _advance(self, snapshots: list[Job[BulkTask]], batch: CurrentBatch) -> None:
        """Append the job after each batch; the page may stop waiting before this ends."""
        deadline = time.monotonic() + limits().scan_budget
        for job in advance(snapshots[-1], batch.find, self.inspector, deadline):
            snapshots.append(job)
            batch.key_count = 0

    def _update_log_entry(self, state: JobState, job: Job[BulkTask]) -> JobState:
        after = replace(state, job=job)
        before, now = self._message(state), self._message(after)
        if log_entries.update_log_entry(
            self.user_id, state.log_entry_id, self.inspector, before, now
        ):
            return after
        # The same job was continued elsewhere meanwhile, so this step gets an entry of its own.
        step_only = JobState(replace(job, task=counts_between(state.job.task, job.task)))
        return self._create_log_entry(step_only)

    def _create_log_entry(self, state: JobState) -> JobState:
        message = self._message(state)
        log_entry_id = log_entries.create_log_entry(
            self.user_id, self.action.log_flag, self.inspector, message
        )
        return replace(state, log_entry_id=log_entry_id)

    def _message(self, state: JobState) -> log_entries.Message:
        return partial(self.log_message, state.job)


def counts_between(before: BulkTask, after: BulkTask) -> BulkTask:
    """Return the counts of what was done between two states of a bulk action."""
    return BulkTask(
        after.ttl,
        after.done - before.done,
        after.gone - before.gone,
        after.failed - before.failed,
        after.failures[len(before.failures) :],
        after.uncertain - before.uncertain,
    )


def new_job_state(ttl: int | None) -> JobState:
    """Return a job that has not started."""
    return JobState(Job(BulkTask(ttl), ScanProgress()))
