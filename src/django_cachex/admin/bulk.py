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
from django_cachex.admin.deadline import Answer, NotAsked
from django_cachex.admin.errors import leave_broken_connections, may_be_done
from django_cachex.admin.permissions import DELETE, EXPIRE, FLUSH, Act
from django_cachex.admin.sessions import pattern_without_ids
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Find, Position, Sweep, Work, advance
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import TTL_NONE, Listing

Text = str | Promise


@dataclass(frozen=True)
class Deed:
    """Something that can be done to many keys."""

    name: str
    """As URLs and tokens have it."""

    act: Act
    flag: int
    """Of the `LogEntry`."""

    step: Text
    """What the trail calls it."""


DELETING = Deed("delete", DELETE, DELETION, gettext_lazy("Delete all matching"))
EXPIRING = Deed("expire", EXPIRE, CHANGE, gettext_lazy("Expire all matching"))
FLUSHING = Deed("flush", FLUSH, CHANGE, gettext_lazy("Flush"))

ON_MATCHING = {deed.name: deed for deed in (DELETING, EXPIRING)}


def which(query: Query) -> str:
    """Return which keys a query is for, to follow `keys that`."""
    text = one_line(query.pattern.text).replace('"', '\\"')
    named = _('match "%(pattern)s"') if "*" in text else _('contain "%(pattern)s"')
    return " · ".join([named % {"pattern": text}, *filters(query)])


def filters(query: Query) -> list[str]:
    """Return the filters of a query, in words."""
    found = []
    if query.type:
        found.append(_("of type %(type)s") % {"type": query.type})
    if query.expires_within == TTL_NONE:
        found.append(_("without an expiry"))
    elif query.expires_within is not None:
        span = formatting.duration(query.expires_within)
        found.append(_("expiring within %(span)s") % {"span": span})
    if query.larger_than is not None:
        found.append(_("larger than %(size)s") % {"size": formatting.size(query.larger_than)})
    if query.idle_for is not None:
        found.append(_("idle for %(span)s") % {"span": formatting.duration(query.idle_for)})
    return found


def doing(ttl: int | None, subject: str) -> str:
    """Return what a sweep does to the keys that `which` says, as a heading."""
    return _sentence(
        ttl,
        _("Delete all keys that %(which)s"),
        _("Remove the expiry of all keys that %(which)s"),
        _("Set all keys that %(which)s to expire in %(span)s"),
    ) % {"which": subject, "span": span(ttl)}


def question(ttl: int | None, subject: str, alias: str) -> str:
    """Return the question before a sweep."""
    return _sentence(
        ttl,
        _('Delete all keys in "%(alias)s" that %(which)s?'),
        _('Remove the expiry of all keys in "%(alias)s" that %(which)s?'),
        _('Set all keys in "%(alias)s" that %(which)s to expire in %(span)s?'),
    ) % {"which": subject, "span": span(ttl), "alias": alias}


def submit(ttl: int | None, count: int, complete: bool) -> str:
    """Return the words of the button that begins a sweep; `count` may be a part only."""
    if not complete:
        return _sentence(
            ttl,
            _("Delete all matching keys"),
            _("Remove the expiry of all matching keys"),
            _("Set all matching keys to expire"),
        )
    return _sentence(
        ttl,
        ngettext("Delete %(count)s key", "Delete %(count)s keys", count),
        ngettext(
            "Remove the expiry of %(count)s key", "Remove the expiry of %(count)s keys", count
        ),
        ngettext("Set %(count)s key to expire", "Set %(count)s keys to expire", count),
    ) % {"count": formatting.number(count)}


def consequence(ttl: int | None) -> str:
    """Return what becomes of the keys."""
    return _sentence(
        ttl,
        _("This can't be undone. Deleted keys come back only if an application stores them again."),
        _("The keys will stay until they are deleted or evicted."),
        _("Any current expiry is replaced. Each key expires %(span)s after it is changed."),
    ) % {"span": span(ttl)}


def outcome(sweep: Sweep) -> str:
    """Return what a sweep has done: how many were changed, were gone already, failed."""
    done = _sentence(
        sweep.ttl,
        ngettext("Deleted %(count)s key", "Deleted %(count)s keys", sweep.done),
        ngettext(
            "Removed the expiry of %(count)s key",
            "Removed the expiry of %(count)s keys",
            sweep.done,
        ),
        ngettext(
            "Set %(count)s key to expire after %(span)s",
            "Set %(count)s keys to expire after %(span)s",
            sweep.done,
        ),
    ) % {"count": formatting.number(sweep.done), "span": span(sweep.ttl)}
    return f"{'; '.join([done, *_others(sweep)])}."


def _others(sweep: Sweep) -> list[str]:
    """Return how many keys were not changed, and why."""
    said = []
    if sweep.gone:
        text = ngettext("%(count)s was already gone", "%(count)s were already gone", sweep.gone)
        said.append(text % {"count": formatting.number(sweep.gone)})
    if sweep.failed:
        text = ngettext("%(count)s failed", "%(count)s failed", sweep.failed)
        said.append(text % {"count": formatting.number(sweep.failed)})
    if sweep.in_doubt:
        text = ngettext(
            "result unknown for %(count)s",
            "result unknown for %(count)s",
            sweep.in_doubt,
        )
        said.append(text % {"count": formatting.number(sweep.in_doubt)})
    return said


def flushed(alias: str) -> Callable[[Work[Sweep]], str]:
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
                'Flushing "%(alias)s" (not finished): %(count)s entry deleted so far.',
                'Flushing "%(alias)s" (not finished): %(count)s entries deleted so far.',
                count,
            )
        if work.deed.failed and not count:
            text = _('Not flushed: no entries of "%(alias)s" could be deleted.')
        others = _others(replace(work.deed, gone=0))
        rest = f" {'; '.join(others)}." if others else ""
        return text % {"alias": alias, "count": formatting.number(count)} + rest

    return said


def swept(query: Query) -> Callable[[Work[Sweep]], str]:
    """Return what says on record how a sweep went: never more than was done."""

    def said(work: Work[Sweep]) -> str:
        # A pattern may hold the id of a session, with or without the name before it.
        pattern = Pattern(pattern_without_ids(query.pattern.text))
        what = doing(work.deed.ttl, which(replace(query, pattern=pattern)))
        ended = (
            _("All keys were examined.")
            if work.complete
            else _("Not all keys have been examined yet.")
        )
        return f"{what}. {outcome(work.deed)} {ended}"

    return said


def span(ttl: int | None) -> str:
    """Return a TTL in words."""
    return "" if ttl is None or ttl == TTL_NONE else formatting.duration(ttl)


def _sentence(ttl: int | None, delete: str, persist: str, expire: str) -> str:
    """Return the sentence for what a sweep does."""
    if ttl is None:
        return delete
    return persist if ttl == TTL_NONE else expire


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
        continued = run.entry != NEW and not log_entries.is_on_record(run.entry, self._message(run))
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
        if log_entries.go_on_record(self.user_id, run.entry, self.inspector, before, now):
            return after
        # Somebody else carried the same run on meanwhile: this step is put on record by itself.
        alone = Run(replace(work, deed=difference(run.work.deed, work.deed)))
        return self._begun(alone)

    def _begun(self, run: Run) -> Run:
        said = self._message(run)
        entry = log_entries.begin_record(self.user_id, self.deed.flag, self.inspector, said)
        return replace(run, entry=entry)

    def _message(self, run: Run) -> log_entries.Message:
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
