"""Delete, expire or flush many keys in steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.contrib.admin.models import CHANGE, DELETION
from django.utils.functional import Promise
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
from django_cachex.inspectors.jobs import Find, Position, Sweep, Work, advance
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import TTL_NONE, Listing

Text = str | Promise


@dataclass(frozen=True)
class BulkAction:
    """Something that can be done to many keys."""

    name: str
    """As URLs and tokens have it."""

    permission: Permission
    log_flag: int
    """Of the `LogEntry`."""

    breadcrumb: Text
    """What the trail calls it."""


DELETE_MATCHING = BulkAction("delete", DELETE, DELETION, gettext_lazy("Delete all matching"))
EXPIRE_MATCHING = BulkAction("expire", EXPIRE, CHANGE, gettext_lazy("Expire all matching"))
FLUSH_CACHE = BulkAction("flush", FLUSH, CHANGE, gettext_lazy("Flush"))

MATCHING_ACTIONS = {deed.name: deed for deed in (DELETE_MATCHING, EXPIRE_MATCHING)}


def describe_query(query: Query) -> str:
    """Return which keys a query is for, to follow `keys that`."""
    text = one_line(query.pattern.text).replace('"', '\\"')
    named = _('match "%(pattern)s"') if "*" in text else _('contain "%(pattern)s"')
    return " · ".join([named % {"pattern": text}, *describe_filters(query)])


def describe_filters(query: Query) -> list[str]:
    """Return the filters of a query, in words."""
    found = []
    if query.type:
        found.append(_("of the type %(type)s") % {"type": query.type})
    if query.expires_within == TTL_NONE:
        found.append(_("without an expiry"))
    elif query.expires_within is not None:
        span = formatting.format_duration(query.expires_within)
        found.append(_("expiring within %(span)s") % {"span": span})
    if query.larger_than is not None:
        found.append(
            _("larger than %(size)s") % {"size": formatting.format_size(query.larger_than)}
        )
    if query.idle_for is not None:
        found.append(_("idle for %(span)s") % {"span": formatting.format_duration(query.idle_for)})
    return found


def action_title(ttl: int | None, subject: str) -> str:
    """Return what a sweep does to the keys that `which` says, as a heading."""
    return _choose_text(
        ttl,
        _("Delete all keys that %(which)s"),
        _("Remove the expiry of all keys that %(which)s"),
        _("Let all keys that %(which)s expire in %(span)s"),
    ) % {"which": subject, "span": format_span(ttl)}


def confirm_text(ttl: int | None, subject: str, alias: str) -> str:
    """Return the question before a sweep."""
    return _choose_text(
        ttl,
        _('Delete all keys of "%(alias)s" that %(which)s?'),
        _('Remove the expiry of all keys of "%(alias)s" that %(which)s?'),
        _('Let all keys of "%(alias)s" that %(which)s expire in %(span)s?'),
    ) % {"which": subject, "span": format_span(ttl), "alias": alias}


def button_text(ttl: int | None, count: int, complete: bool) -> str:
    """Return the words of the button that begins a sweep; `count` may be a part only."""
    if not complete:
        return _choose_text(
            ttl,
            _("Delete all that match"),
            _("Remove the expiry of all that match"),
            _("Let all that match expire"),
        )
    return _choose_text(
        ttl,
        ngettext("Delete %(count)s key", "Delete %(count)s keys", count),
        ngettext(
            "Remove the expiry of %(count)s key", "Remove the expiry of %(count)s keys", count
        ),
        ngettext("Let %(count)s key expire", "Let %(count)s keys expire", count),
    ) % {"count": formatting.format_number(count)}


def consequence_text(ttl: int | None) -> str:
    """Return what becomes of the keys."""
    return _choose_text(
        ttl,
        _("What is deleted is gone for good, unless an application stores it again."),
        _("They stay until something deletes or evicts them."),
        _("Each loses the expiry that it has, and goes %(span)s after its turn."),
    ) % {"span": format_span(ttl)}


def result_text(sweep: Sweep) -> str:
    """Return what a sweep has done: how many were changed, were gone already, failed."""
    done = _choose_text(
        sweep.ttl,
        ngettext("Deleted %(count)s key", "Deleted %(count)s keys", sweep.done),
        ngettext("%(count)s key never expires now", "%(count)s keys never expire now", sweep.done),
        ngettext(
            "%(count)s key expires %(span)s after its turn",
            "%(count)s keys expire %(span)s after their turn",
            sweep.done,
        ),
    ) % {"count": formatting.format_number(sweep.done), "span": format_span(sweep.ttl)}
    return f"{'; '.join([done, *_unchanged_texts(sweep)])}."


def _unchanged_texts(sweep: Sweep) -> list[str]:
    """Return how many keys were not changed, and why."""
    said = []
    if sweep.gone:
        text = ngettext("%(count)s was already gone", "%(count)s were already gone", sweep.gone)
        said.append(text % {"count": formatting.format_number(sweep.gone)})
    if sweep.failed:
        text = ngettext("%(count)s failed", "%(count)s failed", sweep.failed)
        said.append(text % {"count": formatting.format_number(sweep.failed)})
    if sweep.in_doubt:
        text = ngettext(
            "%(count)s was asked for, outcome unknown",
            "%(count)s were asked for, outcome unknown",
            sweep.in_doubt,
        )
        said.append(text % {"count": formatting.format_number(sweep.in_doubt)})
    return said


def flush_log_message(alias: str) -> Callable[[Work[Sweep]], str]:
    """Return what says how a flush went, for the person and for the record."""

    def said(work: Work[Sweep]) -> str:
        count = work.deed.done
        text = ngettext(
            'Flushed "%(alias)s": %(count)s entry deleted.',
            'Flushed "%(alias)s": %(count)s entries deleted.',
            count,
        )
        if not work.complete:
            text = ngettext(
                'Flushing "%(alias)s": %(count)s entry deleted so far, not all.',
                'Flushing "%(alias)s": %(count)s entries deleted so far, not all.',
                count,
            )
        if work.deed.failed and not count:
            text = _('Not flushed: nothing could be deleted of "%(alias)s".')
        others = _unchanged_texts(replace(work.deed, gone=0))
        rest = f" {'; '.join(others)}." if others else ""
        return text % {"alias": alias, "count": formatting.format_number(count)} + rest

    return said


def bulk_log_message(query: Query) -> Callable[[Work[Sweep]], str]:
    """Return what says on record how a sweep went: never more than was done."""

    def said(work: Work[Sweep]) -> str:
        # A pattern may hold the id of a session, with or without the name before it.
        pattern = Pattern(mask_pattern(query.pattern.text))
        what = action_title(work.deed.ttl, describe_query(replace(query, pattern=pattern)))
        ended = _("All were examined.") if work.complete else _("Not yet at the end.")
        return f"{what}. {result_text(work.deed)} {ended}"

    return said


def format_span(ttl: int | None) -> str:
    """Return a TTL in words."""
    return "" if ttl is None or ttl == TTL_NONE else formatting.format_duration(ttl)


def _choose_text(ttl: int | None, delete: str, persist: str, expire: str) -> str:
    """Return the sentence for what a sweep does."""
    if ttl is None:
        return delete
    return persist if ttl == TTL_NONE else expire


RunWithDeadline = Callable[[Inspector, Callable[[], None]], CallResult[None]]
"""Puts a question to a cache under a page's deadline."""

NO_ENTRY = 0
"""Stands for the `LogEntry` of a run that has not begun."""


@dataclass(frozen=True)
class JobState:
    """A sweep, and the `LogEntry` that says what it has done."""

    job: Work[Sweep]
    log_entry: int = NO_ENTRY

    def state(self) -> list[Any]:
        return [self.log_entry, self.job.state()]

    @classmethod
    def from_state(cls, state: list[Any]) -> JobState:
        entry, work = state
        return cls(Work.of_state(work, Sweep.of_state), entry)

    def reset(self) -> JobState:
        """Return the run with nothing done: what others did is theirs to claim."""
        return JobState(replace(self.job, deed=Sweep(self.job.deed.ttl)))


@dataclass(frozen=True)
class JobStep:
    """A run after one more step, and what kept it from going on."""

    state: JobState
    error: Exception | None = None
    is_restarted: bool = False
    """Whether the counts begin anew, as the run had gone on elsewhere."""

    is_stuck: bool = False
    """Whether it has not come further: another step would not, either, for now."""


class CurrentBatch:
    """The keys that a run is at, between finding them and hearing what became of them."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._is_abandoned = False
        self.keys = 0
        """How many have been asked to be changed."""

    def find(self, token: str, want: int, deadline: float) -> Listing:
        """Find keys, which are changed next; raise NotAsked where nobody waits for it any more."""
        listing = self._find(token, want, deadline)
        self.keys = len(listing.keys)
        if self._is_abandoned:
            raise NotStarted
        return listing

    def abandon(self) -> int:
        """Let nothing more be changed; return how many keys are under way."""
        self._is_abandoned = True
        return self.keys


def add_in_doubt(work: Work[Sweep], keys: int) -> Work[Sweep]:
    """Return a work with so many more keys of which nobody knows what became."""
    return replace(work, deed=replace(work.deed, in_doubt=work.deed.in_doubt + keys))


@dataclass(frozen=True)
class JobRunner:
    """What it takes to carry a run on."""

    inspector: Inspector
    user_id: Any
    action: BulkAction
    find: Find
    log_message: Callable[[Work[Sweep]], str]
    """Says on record how the work went."""

    def step(self, run: JobState, ask: RunWithDeadline) -> JobStep:
        """Carry a run on for one budget. What was done is on record, whatever happens then."""
        continued = run.log_entry != NO_ENTRY and not log_entries.matches_log_entry(
            run.log_entry, self._message(run)
        )
        if continued or run.log_entry == NO_ENTRY:
            run = self._create_log_entry(run.reset())
        works = [run.job]
        batch = CurrentBatch(self.find)
        answer = ask(self.inspector, lambda: self._advance(works, batch))
        in_flight = batch.abandon()  # Before `works`: what is done meanwhile counts as in doubt.
        after = works[-1]
        if may_have_succeeded(answer.error):
            after = add_in_doubt(after, in_flight)
            close_broken_connections()
        is_stuck = after.position.token == run.job.position.token and not after.complete
        return JobStep(self._update_log_entry(run, after), answer.error, continued, is_stuck)

    def _advance(self, works: list[Work[Sweep]], batch: CurrentBatch) -> None:
        """Append the work after each batch: the page may stop to wait before this is over."""
        deadline = time.monotonic() + limits().scan_budget
        for work in advance(works[-1], batch.find, self.inspector, deadline):
            works.append(work)
            batch.keys = 0

    def _update_log_entry(self, run: JobState, work: Work[Sweep]) -> JobState:
        after = replace(run, job=work)
        before, now = self._message(run), self._message(after)
        if log_entries.update_log_entry(self.user_id, run.log_entry, self.inspector, before, now):
            return after
        # Somebody else carried the same run on meanwhile: this step is put on record by itself.
        alone = JobState(replace(work, deed=counts_between(run.job.deed, work.deed)))
        return self._create_log_entry(alone)

    def _create_log_entry(self, run: JobState) -> JobState:
        said = self._message(run)
        entry = log_entries.create_log_entry(
            self.user_id, self.action.log_flag, self.inspector, said
        )
        return replace(run, log_entry=entry)

    def _message(self, run: JobState) -> log_entries.Message:
        return partial(self.log_message, run.job)


def counts_between(before: Sweep, after: Sweep) -> Sweep:
    """Return what was done between two states of a sweep."""
    return Sweep(
        after.ttl,
        after.done - before.done,
        after.gone - before.gone,
        after.failed - before.failed,
        after.failures[len(before.failures) :],
        after.in_doubt - before.in_doubt,
    )


def new_job(ttl: int | None) -> JobState:
    """Return a run that has not begun."""
    return JobState(Work(Sweep(ttl), Position()))
