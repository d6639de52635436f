"""Flushing caches: what exactly would be destroyed, then the deed, on record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.admin import audit, humane
from django_cachex.admin.access import FLUSH
from django_cachex.admin.asking import Answer
from django_cachex.admin.deeds import FLUSHING, flushed
from django_cachex.admin.failures import explain
from django_cachex.admin.outcomes import told
from django_cachex.admin.pages.base import Page
from django_cachex.admin.parts import Action, Cell, Confirm, Header, Row, Table
from django_cachex.admin.policies import closed_by_flush, closed_text
from django_cachex.admin.runs import Run, Runner, Step, begin
from django_cachex.admin.sessions import session_keys
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import FlushPlan, Status


@dataclass(frozen=True)
class Plan:
    """What a flush would do to a cache that is up."""

    status: Status
    flush: FlushPlan


def flush_confirm(page: Page, inspectors: Sequence[Inspector]) -> Confirm:
    """Return the question before caches are flushed, with what each would lose."""
    able = [inspector for inspector in inspectors if page.gate.allowed(FLUSH, inspector)]
    plans = page.asker.ask_all({inspector: _planner(inspector) for inspector in able})
    ready = [inspector for inspector in able if plans[inspector].value is not None]
    return Confirm(
        question=_question(ready),
        step=_("Flush"),
        consequences=(),
        table=_table(
            (inspector, plan, page.gate.neighbours(inspector))
            for inspector in ready
            if (plan := plans[inspector].value) is not None
        ),
        submit=_label(ready),
        back=Action("cancel", _("Cancel, keep everything"), page.links.caches()),
        hidden=[
            ("action", "flush"),
            ("confirmed", "1"),
            *(("selected", inspector.alias) for inspector in ready),
        ],
        refused=list(_refusals(inspectors, plans)),
        possible=bool(ready),
    )


def _refusals(
    inspectors: Sequence[Inspector], plans: Mapping[Inspector, Answer[Plan]]
) -> Iterable[str]:
    for inspector in inspectors:
        error = plans[inspector].error if inspector in plans else None
        if error is not None:
            yield explain(inspector, error)
        elif not inspector.can_flush:
            why = {"alias": inspector.alias, "why": inspector.why_not("can_flush")}
            yield _('"%(alias)s" cannot be flushed. %(why)s') % why
        elif closed_by_flush(inspector):
            yield closed_text(inspector)
        elif inspector not in plans:
            yield _('You may not flush "%(alias)s".') % {"alias": inspector.alias}


def flush_all(page: Page, inspectors: Sequence[Inspector]) -> list[Flushing]:
    """Flush those caches that answer; return those that take more steps than this one.

    All are asked side by side before the first goes.
    """
    answers = page.asker.ask_all({inspector: inspector.status for inspector in inspectors})
    unfinished = []
    for inspector in inspectors:
        error = answers[inspector].error
        if error is not None:
            why = {"why": explain(inspector, error)}
            page.say(_("Not flushed. %(why)s") % why, messages.ERROR)
        elif not page.gate.allowed(FLUSH, inspector):
            text = _('You may not flush "%(alias)s".') % {"alias": inspector.alias}
            page.say(closed_text(inspector) if closed_by_flush(inspector) else text, messages.ERROR)
        elif inspector.flushes_in_steps:
            unfinished += flush_on(page, inspector)
        else:
            flush(page, inspector)
    return unfinished


def flush_on(page: Page, inspector: Inspector) -> list[Flushing]:
    """Begin to flush a cache; return it with its run unless that was all, or failed."""
    flushing = Flushing(inspector, begin(None))
    step = flushing.step(page)
    if step.error is not None:
        why = {"why": explain(inspector, step.error)}
        page.say(_("Not flushed, or not completely. %(why)s") % why, messages.ERROR)
        return []
    if not step.run.work.complete:
        return [Flushing(inspector, step.run)]
    sweep = step.run.work.deed
    page.say(*told(Flushing(inspector, step.run).said(), sweep.done, sweep.failures))
    return []


@dataclass(frozen=True)
class Flushing:
    """A cache that is flushed in steps, and how far that has come."""

    inspector: Inspector
    run: Run

    def step(self, page: Page) -> Step:
        """Return the run after one more budget."""
        runner = Runner(
            self.inspector,
            page.request.user.pk,
            FLUSHING,
            self.inspector.find_doomed,
            flushed(self.inspector.alias),
        )
        return runner.step(self.run, page.ask)

    def said(self) -> str:
        return flushed(self.inspector.alias)(self.run.work)


def flush(page: Page, inspector: Inspector) -> None:
    """Flush one cache by one command, however long that takes."""
    try:
        count = inspector.flush()
    except Exception as error:  # One cache's failure does not keep the others from flushing.
        page.record_in_doubt(error, audit.CHANGE, [], partial(_flushed, inspector, None), inspector)
        why = {"why": explain(inspector, error)}
        page.say(_("Not flushed, or not completely. %(why)s") % why, messages.ERROR)
        return
    said = partial(_flushed, inspector, count)
    audit.record_cache(page.request.user.pk, audit.CHANGE, inspector, said)
    page.say(said())


def _flushed(inspector: Inspector, count: int | None) -> str:
    if count is None:
        return _('Flushed "%(alias)s".') % {"alias": inspector.alias}
    return ngettext(
        'Flushed "%(alias)s": %(count)s entry deleted.',
        'Flushed "%(alias)s": %(count)s entries deleted.',
        count,
    ) % {"alias": inspector.alias, "count": humane.number(count)}


def grouped(inspectors: Iterable[Inspector]) -> dict[Hashable, list[Inspector]]:
    """Return the caches by the store that they keep their entries in."""
    groups: dict[Hashable, list[Inspector]] = defaultdict(list)
    for inspector in inspectors:
        groups[inspector.store].append(inspector)
    return groups


def _question(inspectors: Sequence[Inspector]) -> str:
    if not inspectors:
        return _("Nothing here can be flushed")
    if len(inspectors) == 1:
        return _('Flush "%(alias)s"?') % {"alias": inspectors[0].alias}
    return _("Flush %(count)s caches?") % {"count": len(inspectors)}


def _label(inspectors: Sequence[Inspector]) -> str:
    if len(inspectors) == 1:
        return _('Flush "%(alias)s"') % {"alias": inspectors[0].alias}
    return _("Flush %(count)s caches") % {"count": len(inspectors)}


def _planner(inspector: Inspector) -> Callable[[], Plan]:
    """Return the question what a flush would do, which only a cache that is up can answer."""
    return lambda: Plan(inspector.status(), inspector.flush_plan())


def _table(plans: Iterable[tuple[Inspector, Plan, Sequence[Inspector]]]) -> Table:
    """Return what goes, how much of it and whose, and by which command, for each cache."""
    headers = (Header(_("Cache")), Header(_("What is deleted")), Header(_("Entries"), "number"))
    rows = [
        Row(
            [
                Cell(inspector.alias, kind="name"),
                Cell(
                    _scope(inspector, plan.flush, sharing),
                    kind="scope",  # It may hold a path, which a telephone has to break.
                    lines=[_runs(plan.flush)],
                ),
                _entries_cell(plan),
            ]
        )
        for inspector, plan, sharing in plans
    ]
    return Table(headers, rows, caption=_("What is deleted"))


def _runs(plan: FlushPlan) -> str:
    return _("This runs %(act)s.") % {"act": plan.act}


def _entries_cell(plan: Plan) -> Cell:
    """Return about how many entries go: counted, or at most all that are there."""
    text = _("not known")
    if plan.flush.entries is not None:
        text = _("about %(count)s") % {"count": humane.number(plan.flush.entries)}
    elif plan.status.keys is not None:
        text = _("at most %(count)s") % {"count": humane.number(plan.status.keys)}
    return Cell(text, kind="number")


def _scope(inspector: Inspector, plan: FlushPlan, others: Sequence[Inspector]) -> str:
    """Return what a flush deletes, and which other caches lose their entries with it."""
    losing = ", ".join(f'"{other.alias}"' for other in others if inspector.flushes(other))
    text = str(plan.scope)
    if losing:
        text += " " + _("Among them those of %(names)s.") % {"names": losing}
    if inspector.alias == settings.SESSION_CACHE_ALIAS and session_keys() is not None:
        text += " " + _("Sessions are kept here: people may have to log in again.")
    return text
