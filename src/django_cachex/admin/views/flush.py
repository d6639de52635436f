"""Flush caches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.bulk import FLUSHING, Run, Runner, Step, begin, flushed
from django_cachex.admin.components import (
    Action,
    Button,
    Cell,
    Confirm,
    Header,
    Heading,
    Row,
    Table,
)
from django_cachex.admin.deadline import Answer
from django_cachex.admin.errors import explain
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.links import seal, unseal
from django_cachex.admin.messages import told
from django_cachex.admin.permissions import FLUSH, closed_by_flush, closed_text, visible_aliases
from django_cachex.admin.sessions import session_keys
from django_cachex.admin.views.base import Page
from django_cachex.admin.views.progress import run_cards, step_notices, working
from django_cachex.inspectors import Inspector, inspector_for
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
            yield _('"%(alias)s" can\'t be flushed. %(why)s') % why
        elif closed_by_flush(inspector):
            yield closed_text(inspector)
        elif inspector not in plans:
            yield _('You don\'t have permission to flush "%(alias)s".') % {"alias": inspector.alias}


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
            text = _('You don\'t have permission to flush "%(alias)s".') % {
                "alias": inspector.alias
            }
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
        page.record_in_doubt(
            error, log_entries.CHANGE, [], partial(_flushed, inspector, None), inspector
        )
        why = {"why": explain(inspector, error)}
        page.say(_("Not flushed, or not completely. %(why)s") % why, messages.ERROR)
        return
    said = partial(_flushed, inspector, count)
    log_entries.record_cache(page.request.user.pk, log_entries.CHANGE, inspector, said)
    page.say(said())


def _flushed(inspector: Inspector, count: int | None) -> str:
    if count is None:
        return _('Flushed "%(alias)s".') % {"alias": inspector.alias}
    return ngettext(
        'Flushed "%(alias)s": %(count)s entry deleted.',
        'Flushed "%(alias)s": %(count)s entries deleted.',
        count,
    ) % {"alias": inspector.alias, "count": formatting.number(count)}


def grouped(inspectors: Iterable[Inspector]) -> dict[Hashable, list[Inspector]]:
    """Return the caches by the store that they keep their entries in."""
    groups: dict[Hashable, list[Inspector]] = defaultdict(list)
    for inspector in inspectors:
        groups[inspector.store].append(inspector)
    return groups


def _question(inspectors: Sequence[Inspector]) -> str:
    if not inspectors:
        return _("None of these caches can be flushed")
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
    text = _("unknown")
    if plan.flush.entries is not None:
        text = _("about %(count)s") % {"count": formatting.number(plan.flush.entries)}
    elif plan.status.keys is not None:
        text = _("at most %(count)s") % {"count": formatting.number(plan.status.keys)}
    return Cell(text, kind="number")


def _scope(inspector: Inspector, plan: FlushPlan, others: Sequence[Inspector]) -> str:
    """Return what a flush deletes, and which other caches lose their entries with it."""
    losing = ", ".join(f'"{other.alias}"' for other in others if inspector.flushes(other))
    text = str(plan.scope)
    if losing:
        text += " " + _("This includes the entries of %(names)s.") % {"names": losing}
    if inspector.alias == settings.SESSION_CACHE_ALIAS and session_keys() is not None:
        text += " " + _("Sessions are stored here, so users may have to log in again.")
    return text


RUN = "flush run"


class FlushingPage(Page):
    """One cache after the other, each from the state that the page carries."""

    act = FLUSH
    title = gettext_lazy("Flush")
    template_name = "admin/django_cachex/working.html"

    @classmethod
    def begun(cls, page: Page, flushes: Sequence[Flushing]) -> HttpResponse:
        """Return this page, reached from another that has taken the first step."""
        self = cls(site=page.site)
        self.setup(page.request)
        return self.shown(flushes, Step(flushes[0].run))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Lead to the caches: without what a page carries there is nothing to go on with."""
        return self.go(self.links.caches())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        flushes = self.carried()
        unfinished = [one for one in flushes if not one.run.work.complete]
        if not unfinished:
            return self.go(self.links.caches())
        [current, *_others] = unfinished
        self.require(FLUSH, current.inspector)
        step = current.step(self)
        after = [Flushing(one.inspector, step.run) if one is current else one for one in flushes]
        return self.shown(after, step)

    def carried(self) -> list[Flushing]:
        """Return the flushes that the page carries; those that are not good here are left out."""
        given = self.request.POST
        found = []
        for alias, token in zip(given.getlist("cache"), given.getlist("state"), strict=False):
            if alias not in visible_aliases():
                continue
            try:
                state = unseal(token, RUN, self.request.user.pk, alias)
            except ValueError:
                self.say(_("That page has expired. Nothing was changed."))
                continue
            found.append(Flushing(inspector_for(alias), Run.of_state(state)))
        return found

    def shown(self, flushes: Sequence[Flushing], step: Step) -> HttpResponse:
        """Show how far the flushes have come after a step of one of them."""
        self.notices += step_notices(step)
        unfinished = [one for one in flushes if not one.run.work.complete]
        current = unfinished[0] if unfinished else flushes[-1]
        failed = step.error is not None or step.is_stuck
        context = self.get_context_data(
            working=working(
                current.said().rstrip("."),
                current.run.work.position,
                Button(_("Continue"), "run", "primary"),
                [pair for one in flushes for pair in self.hidden(one)],
                automatic=not failed,
                action=self.links.flushing(),
            ),
            said=[one.said() for one in flushes if one is not current],
            cards=[card for one in flushes for card in run_cards(one.run, one.inspector)],
            heading=self.heading_of(flushes),
            # No link may lead back here: it would leave the run behind.
            actions=(),
            help=HelpPanel("flush"),
            help_close="",
            after=[Action("back", _("Back to the caches"), self.links.caches())],
        )
        return self.render_to_response(context)

    def hidden(self, one: Flushing) -> list[tuple[str, str]]:
        alias = one.inspector.alias
        token = seal(one.run.state(), RUN, self.request.user.pk, alias)
        return [("cache", alias), ("state", token)]

    def heading_of(self, flushes: Sequence[Flushing]) -> Heading:
        if len(flushes) == 1:
            alias = flushes[0].inspector.alias
            return Heading(_('Flush "%(alias)s"') % {"alias": alias}, kind="question")
        text = ngettext("Flush %(count)s cache", "Flush %(count)s caches", len(flushes))
        return Heading(text % {"count": len(flushes)}, kind="question")

    def trail(self) -> Sequence[Action]:
        return [Action("flush", _("Flush"), "")]
