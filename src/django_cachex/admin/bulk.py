"""Delete, expire or flush many keys in steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.contrib.admin.models import CHANGE, DELETION
from django.utils.text import Truncator, get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.deadline import (
    CallResult,
    NotStarted,
    close_broken_connections,
    may_have_succeeded,
)
from django_cachex.admin.permissions import DELETE, EXPIRE, FLUSH, Permission
from django_cachex.admin.sessions import mask_pattern
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import ExpireCondition
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.jobs import BulkTask, FindKeys, Job, advance
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import TTL_NONE, ScanPage


@dataclass(frozen=True)
class BulkAction:
    """An action on many keys."""

    name: str
    """The name in URLs and tokens."""

    permission: Permission
    log_flag: int
    """The action flag of the `LogEntry` of each key, if it is about selected keys."""

    breadcrumb: Text
    """The text of its breadcrumb."""

    link_text: Text = ""
    """The text of a link to it, with the keys as `describe_query` describes them."""


DELETE_MATCHING = BulkAction(
    "delete",
    DELETE,
    DELETION,
    gettext_lazy("Delete all matching keys"),
    gettext_lazy("Delete all that %(which)s"),
)
EXPIRE_MATCHING = BulkAction(
    "expire",
    EXPIRE,
    CHANGE,
    gettext_lazy("Change TTL of all matching keys"),
    gettext_lazy("Change TTL of all that %(which)s"),
)
FLUSH_CACHE = BulkAction("flush", FLUSH, CHANGE, gettext_lazy("Flush"))

MATCHING_ACTIONS = {action.name: action for action in (DELETE_MATCHING, EXPIRE_MATCHING)}


MAX_LINK_CHARS = 40
"""How much of a pattern the text of a link shows."""


def link_text(action: BulkAction, query: Query) -> str:
    """Return the text of a link to a bulk action, which says which keys it acts on."""
    return action.link_text % {"which": describe_query(query, max_chars=MAX_LINK_CHARS)}


def describe_query(
    query: Query,
    condition: ExpireCondition = ExpireCondition.ALWAYS,
    max_chars: int | None = None,
) -> str:
    """Return the query in words, to follow `keys that` in a sentence.

    Args:
        query: the query.
        condition: the condition of a new TTL.
        max_chars: the maximum length of the pattern; the end of a longer one is left out.
    """
    text = one_line(query.pattern.text)
    clause = _('match "%(pattern)s"') if "*" in text else _('contain "%(pattern)s"')
    if max_chars is not None:
        text = Truncator(text).chars(max_chars)
    text = text.replace('"', '\\"')
    clauses = [*([clause % {"pattern": text}] if text else []), *describe_filters(query)]
    if condition is not ExpireCondition.ALWAYS:
        clauses.append(describe_condition(condition))
    return get_text_list(clauses, _("and"))


def describe_condition(condition: ExpireCondition) -> str:
    """Return a condition as a clause to follow `keys that`."""
    if condition is ExpireCondition.PERSISTENT:
        return _("have no TTL")
    if condition is ExpireCondition.SHORTER:
        return _("have a shorter TTL")
    return _("have a longer TTL or none")


def describe_filters(query: Query) -> list[str]:
    """Return the filters of a query, each as a clause to follow `keys that`."""
    texts = []
    if query.pattern.group is not None:
        texts.append(_("are of the kind %(kind)s") % {"kind": query.pattern.group.label})
    if query.type:
        texts.append(_("are of type %(type)s") % {"type": query.type})
    texts += _describe_ttl_filters(query)
    if query.larger_than is not None:
        texts.append(
            _("are larger than %(size)s") % {"size": formatting.format_size(query.larger_than)}
        )
    if query.idle_for is not None:
        span = formatting.format_duration(query.idle_for)
        texts.append(_("have been idle for at least %(span)s") % {"span": span})
    if query.value_contains:
        text = one_line(query.value_contains).replace('"', '\\"')
        texts.append(_('contain "%(text)s" in their value') % {"text": text})
    return texts


def _describe_ttl_filters(query: Query) -> list[str]:
    texts = []
    if query.expires_within == TTL_NONE:
        texts.append(_("never expire"))
    elif query.expires_within is not None:
        span = formatting.format_duration(query.expires_within)
        texts.append(_("expire within %(span)s") % {"span": span})
    if query.expires_after is not None:
        span = formatting.format_duration(query.expires_after)
        texts.append(_("expire after more than %(span)s") % {"span": span})
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
        _("Set an expiry of %(span)s on all keys that %(which)s"),
    ) % {"which": keys_text, "span": format_span(ttl)}


def confirm_text(ttl: int | None, keys_text: str, alias: str) -> str:
    """Return the question that asks to confirm a bulk action."""
    return _choose_text(
        ttl,
        _('Delete all keys in "%(alias)s" that %(which)s?'),
        _('Remove the TTL of all keys in "%(alias)s" that %(which)s?'),
        _('Set an expiry of %(span)s on all keys in "%(alias)s" that %(which)s?'),
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
            _("Set an expiry of %(span)s on all matching keys"),
        ) % {"span": format_span(ttl)}
    return _choose_text(
        ttl,
        ngettext("Delete %(count)s key", "Delete %(count)s keys", count),
        ngettext("Remove the TTL of %(count)s key", "Remove the TTL of %(count)s keys", count),
        ngettext(
            "Set an expiry of %(span)s on %(count)s key",
            "Set an expiry of %(span)s on %(count)s keys",
            count,
        ),
    ) % {"count": formatting.format_number(count), "span": format_span(ttl)}


def consequence_text(ttl: int | None, condition: ExpireCondition = ExpireCondition.ALWAYS) -> str:
    """Return the consequences of a bulk action for the keys."""
    if condition is not ExpireCondition.ALWAYS:
        return _(
            "Each of them expires %(span)s after it is changed. All other keys keep their TTL."
        ) % {"span": format_span(ttl)}
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
            "Removed the TTL of %(count)s key",
            "Removed the TTL of %(count)s keys",
            task.done,
        ),
        ngettext(
            "Expiry of %(span)s set on %(count)s key",
            "Expiry of %(span)s set on %(count)s keys",
            task.done,
        ),
    ) % {"count": formatting.format_number(task.done), "span": format_span(task.ttl)}
    return f"{'; '.join([done, *_unchanged_texts(task)])}."


def _unchanged_texts(task: BulkTask) -> list[str]:
    """Return how many keys were not changed, for each reason."""
    texts = []
    if task.unchanged:
        text = ngettext("%(count)s keeps its TTL", "%(count)s keep their TTL", task.unchanged)
        texts.append(text % {"count": formatting.format_number(task.unchanged)})
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


def flushed_text(alias: str, count: int | None) -> str:
    """Return that a cache was flushed, and how many entries were deleted if that is known."""
    if count is None:
        return _('Flushed "%(alias)s".') % {"alias": alias}
    return ngettext(
        'Flushed "%(alias)s": %(count)s entry deleted.',
        'Flushed "%(alias)s": %(count)s entries deleted.',
        count,
    ) % {"alias": alias, "count": formatting.format_number(count)}


def flush_job_text(alias: str, job: Job[BulkTask]) -> str:
    """Return what a flush in steps has done so far, for the page and the log."""
    count = job.task.done
    text = flushed_text(alias, count)
    if not job.complete:
        text = ngettext(
            'Flushing "%(alias)s" (not finished): %(count)s entry deleted so far.',
            'Flushing "%(alias)s" (not finished): %(count)s entries deleted so far.',
            count,
        ) % {"alias": alias, "count": formatting.format_number(count)}
    if job.task.failed and not count:
        text = _('Not flushed: no entries of "%(alias)s" could be deleted.') % {"alias": alias}
    others = _unchanged_texts(replace(job.task, gone=0))
    return f"{text} {'; '.join(others)}." if others else text


def mask_query(query: Query) -> Query:
    """Return a query for the log: its pattern may be a session id, also without the prefix."""
    return replace(query, pattern=replace(query.pattern, text=mask_pattern(query.pattern.text)))


def keys_text(query: Query) -> str:
    """Return the keys that a query finds, to follow the name of a cache in the log."""
    text = one_line(mask_query(query).pattern.text) or "*"
    keys = _('keys "%(pattern)s"') % {"pattern": text if "*" in text else f"*{text}*"}
    filters = describe_filters(query)
    if not filters:
        return keys
    clauses = get_text_list(filters, _("and"))
    return _("%(keys)s that %(clauses)s") % {"keys": keys, "clauses": clauses}


def bulk_job_text(query: Query, job: Job[BulkTask]) -> str:
    """Return what a bulk action has done so far, for the log."""
    subject = describe_query(mask_query(query), job.task.condition)
    title = action_title(job.task.ttl, subject)
    progress = (
        _("All keys were examined.") if job.complete else _("Not all keys have been examined yet.")
    )
    return f"{title}. {result_text(job.task)} {progress}"


def format_span(ttl: int | None) -> str:
    """Return a TTL in words; nothing if keys are deleted or never expire."""
    return "" if ttl is None or ttl == TTL_NONE else formatting.format_duration(ttl)


def _choose_text(ttl: int | None, delete: str, persist: str, expire: str) -> str:
    """Return the text for the action that a TTL stands for."""
    if ttl is None:
        return delete
    return persist if ttl == TTL_NONE else expire


RunCall = Callable[[Inspector, Callable[[], None]], CallResult[None]]
"""Runs a call to a cache, with or without a deadline, and returns its result or its error."""


@dataclass(frozen=True)
class JobState:
    """A bulk job and the ID of the `LogEntry` that records what it has done."""

    job: Job[BulkTask]
    log_entry_id: int | None = None
    """None if the job has not started."""

    @classmethod
    def new(cls, ttl: int | None, condition: ExpireCondition = ExpireCondition.ALWAYS) -> JobState:
        """Return a job that has not started."""
        return cls(Job(BulkTask(ttl, condition=condition)))

    def to_json(self) -> list[Any]:
        """Return the state as values that JSON can represent, without the position."""
        return [self.log_entry_id, self.job.to_json()]

    @classmethod
    def from_json(cls, data: list[Any], position: str) -> JobState:
        log_entry_id, job = data
        return cls(Job.from_json(job, position, BulkTask.from_json), log_entry_id)


@dataclass(frozen=True)
class JobStep:
    """A job after one step, and the error that stopped the step."""

    state: JobState
    error: Exception | None = None
    was_continued_elsewhere: bool = False
    """Whether the counts were reset because the job had been continued elsewhere."""

    is_stuck: bool = False
    """Whether the step made no progress, so that another one would not help for now."""

    @property
    def job(self) -> Job[BulkTask]:
        return self.state.job


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


@dataclass(frozen=True)
class JobRunner:
    """Runs the steps of a bulk job and records them."""

    inspector: Inspector
    user_id: Any
    """The user; None to record the job in the logger only."""

    action: BulkAction
    find: FindKeys
    log_message: Callable[[Job[BulkTask]], str]
    """Builds the log message about the job."""

    mask_key: Callable[[bytes], bytes] = bytes
    """Returns a stored key as the user may know it, because the user can read the state."""

    log_subject: log_entries.Message | None = None
    """Builds the keys that the job changes, for the log; None for the whole cache."""

    save: Callable[[JobState], str] | None = None
    """Makes the token from which the user can continue the job, for the log."""

    def step(self, state: JobState, run: RunCall) -> JobStep:
        """Run the job for one scan budget, and record what was done whatever happens.

        Args:
            state: the job so far.
            run: runs a call to the cache.
        """
        is_recorded = state.log_entry_id is not None and log_entries.is_job_entry(
            state.log_entry_id, state.job.task.counts
        )
        was_continued_elsewhere = state.log_entry_id is not None and not is_recorded
        if not is_recorded:
            state = self._record(replace(state.job, task=state.job.task.without_counts()))
        jobs = [state.job]
        batch = CurrentBatch(self.find)
        result = run(self.inspector, lambda: self._advance(jobs, batch))
        # Abandon the batch first, so that keys changed from now on count as uncertain.
        uncertain = batch.abandon()
        task = jobs[-1].task.mask_failures(self.mask_key)
        if may_have_succeeded(result.error):
            task = replace(task, uncertain=task.uncertain + uncertain)
            close_broken_connections()
        after = replace(jobs[-1], task=task)
        is_stuck = after.progress.token == state.job.progress.token and not after.complete
        return JobStep(
            self._update_record(state, after), result.error, was_continued_elsewhere, is_stuck
        )

    def _advance(self, jobs: list[Job[BulkTask]], batch: CurrentBatch) -> None:
        """Append the job after each batch; the page may stop waiting before this ends."""
        deadline = time.monotonic() + limits().scan_budget
        for job in advance(jobs[-1], batch.find, self.inspector, deadline):
            jobs.append(job)
            batch.key_count = 0

    def _record(self, job: Job[BulkTask]) -> JobState:
        """Return the job with a `LogEntry` of its own."""
        entry_id = log_entries.record_job(
            self.user_id,
            self.inspector,
            partial(self.log_message, job),
            _counts_to_continue(job),
            self.log_subject,
            self._make_token(job),
        )
        return JobState(job, entry_id)

    def _make_token(self, job: Job[BulkTask]) -> str:
        return "" if self.save is None or job.complete else self.save(JobState(job))

    def _update_record(self, before: JobState, job: Job[BulkTask]) -> JobState:
        is_updated = log_entries.update_job(
            self.user_id,
            before.log_entry_id or 0,
            self.inspector,
            partial(self.log_message, job),
            before.job.task.counts,
            _counts_to_continue(job),
            self._make_token(job),
        )
        if is_updated:
            return replace(before, job=job)
        # The same job was continued elsewhere meanwhile, so this step gets an entry of its own.
        return self._record(replace(job, task=job.task.since(before.job.task)))


def _counts_to_continue(job: Job[BulkTask]) -> list[int] | None:
    return None if job.complete else job.task.counts
