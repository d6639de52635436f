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
    Confirmation,
    Header,
    Heading,
    Row,
    Table,
)
from django_cachex.admin.deadline import Answer
from django_cachex.admin.errors import explain
from django_cachex.admin.helptexts import flushing_help
from django_cachex.admin.links import seal, unseal
from django_cachex.admin.messages import told
from django_cachex.admin.permissions import FLUSH, closed_by_flush, closed_text, visible_aliases
from django_cachex.admin.sessions import session_keys
from django_cachex.admin.views.base import BaseView
from django_cachex.admin.views.progress import make_failure_cards, make_progress, make_step_alerts
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.info import FlushPlan, Status


@dataclass(frozen=True)
class PlannedFlush:
    """What a flush would do to a cache that is up."""

    status: Status
    flush: FlushPlan


def make_flush_confirmation(page: BaseView, inspectors: Sequence[Inspector]) -> Confirmation:
    """Return the question before caches are flushed, with what each would lose."""
    able = [inspector for inspector in inspectors if page.checker.allowed(FLUSH, inspector)]
    plans = page.executor.ask_all({inspector: _make_planner(inspector) for inspector in able})
    ready = [inspector for inspector in able if plans[inspector].value is not None]
    return Confirmation(
        question=_get_question(ready),
        breadcrumb=_("Flush"),
        consequences=(),
        table=_make_table(
            (inspector, plan, page.checker.neighbours(inspector))
            for inspector in ready
            if (plan := plans[inspector].value) is not None
        ),
        button_text=_get_button_text(ready),
        cancel=Action("cancel", _("Cancel, keep everything"), page.links.caches()),
        hidden_fields=[
            ("action", "flush"),
            ("confirmed", "1"),
            *(("selected", inspector.alias) for inspector in ready),
        ],
        skipped=list(_iter_refusals(inspectors, plans)),
        can_confirm=bool(ready),
    )


def _iter_refusals(
    inspectors: Sequence[Inspector], plans: Mapping[Inspector, Answer[PlannedFlush]]
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


def flush_caches(page: BaseView, inspectors: Sequence[Inspector]) -> list[FlushJob]:
    """Flush those caches that answer; return those that take more steps than this one.

    All are asked side by side before the first goes.
    """
    answers = page.executor.ask_all({inspector: inspector.status for inspector in inspectors})
    unfinished = []
    for inspector in inspectors:
        error = answers[inspector].error
        if error is not None:
            why = {"why": explain(inspector, error)}
            page.add_message(_("Not flushed. %(why)s") % why, messages.ERROR)
        elif not page.checker.allowed(FLUSH, inspector):
            text = _('You may not flush "%(alias)s".') % {"alias": inspector.alias}
            page.add_message(
                closed_text(inspector) if closed_by_flush(inspector) else text, messages.ERROR
            )
        elif inspector.flushes_in_steps:
            unfinished += start_flush_job(page, inspector)
        else:
            flush_cache(page, inspector)
    return unfinished


def start_flush_job(page: BaseView, inspector: Inspector) -> list[FlushJob]:
    """Begin to flush a cache; return it with its run unless that was all, or failed."""
    flushing = FlushJob(inspector, begin(None))
    step = flushing.run_step(page)
    if step.error is not None:
        why = {"why": explain(inspector, step.error)}
        page.add_message(_("Not flushed, or not completely. %(why)s") % why, messages.ERROR)
        return []
    if not step.run.work.complete:
        return [FlushJob(inspector, step.run)]
    sweep = step.run.work.deed
    page.add_message(*told(FlushJob(inspector, step.run).get_message(), sweep.done, sweep.failures))
    return []


@dataclass(frozen=True)
class FlushJob:
    """A cache that is flushed in steps, and how far that has come."""

    inspector: Inspector
    run: Run

    def run_step(self, page: BaseView) -> Step:
        """Return the run after one more budget."""
        runner = Runner(
            self.inspector,
            page.request.user.pk,
            FLUSHING,
            self.inspector.find_doomed,
            flushed(self.inspector.alias),
        )
        return runner.step(self.run, page.call_cache)

    def get_message(self) -> str:
        return flushed(self.inspector.alias)(self.run.work)


def flush_cache(page: BaseView, inspector: Inspector) -> None:
    """Flush one cache by one command, however long that takes."""
    try:
        count = inspector.flush()
    except Exception as error:  # One cache's failure does not keep the others from flushing.
        page.log_possible_change(
            error, log_entries.CHANGE, [], partial(_format_flushed, inspector, None), inspector
        )
        why = {"why": explain(inspector, error)}
        page.add_message(_("Not flushed, or not completely. %(why)s") % why, messages.ERROR)
        return
    said = partial(_format_flushed, inspector, count)
    log_entries.record_cache(page.request.user.pk, log_entries.CHANGE, inspector, said)
    page.add_message(said())


def _format_flushed(inspector: Inspector, count: int | None) -> str:
    if count is None:
        return _('Flushed "%(alias)s".') % {"alias": inspector.alias}
    return ngettext(
        'Flushed "%(alias)s": %(count)s entry deleted.',
        'Flushed "%(alias)s": %(count)s entries deleted.',
        count,
    ) % {"alias": inspector.alias, "count": formatting.number(count)}


def group_by_storage(inspectors: Iterable[Inspector]) -> dict[Hashable, list[Inspector]]:
    """Return the caches by the store that they keep their entries in."""
    groups: dict[Hashable, list[Inspector]] = defaultdict(list)
    for inspector in inspectors:
        groups[inspector.store].append(inspector)
    return groups


def _get_question(inspectors: Sequence[Inspector]) -> str:
    if not inspectors:
        return _("Nothing here can be flushed")
    if len(inspectors) == 1:
        return _('Flush "%(alias)s"?') % {"alias": inspectors[0].alias}
    return _("Flush %(count)s caches?") % {"count": len(inspectors)}


def _get_button_text(inspectors: Sequence[Inspector]) -> str:
    if len(inspectors) == 1:
        return _('Flush "%(alias)s"') % {"alias": inspectors[0].alias}
    return _("Flush %(count)s caches") % {"count": len(inspectors)}


def _make_planner(inspector: Inspector) -> Callable[[], PlannedFlush]:
    """Return the question what a flush would do, which only a cache that is up can answer."""
    return lambda: PlannedFlush(inspector.status(), inspector.flush_plan())


def _make_table(plans: Iterable[tuple[Inspector, PlannedFlush, Sequence[Inspector]]]) -> Table:
    """Return what goes, how much of it and whose, and by which command, for each cache."""
    headers = (Header(_("Cache")), Header(_("What is deleted")), Header(_("Entries"), "number"))
    rows = [
        Row(
            [
                Cell(inspector.alias, kind="name"),
                Cell(
                    _format_scope(inspector, plan.flush, sharing),
                    kind="scope",  # It may hold a path, which a telephone has to break.
                    lines=[_format_command(plan.flush)],
                ),
                _make_entries_cell(plan),
            ]
        )
        for inspector, plan, sharing in plans
    ]
    return Table(headers, rows, caption=_("What is deleted"))


def _format_command(plan: FlushPlan) -> str:
    return _("This runs %(act)s.") % {"act": plan.act}


def _make_entries_cell(plan: PlannedFlush) -> Cell:
    """Return about how many entries go: counted, or at most all that are there."""
    text = _("not known")
    if plan.flush.entries is not None:
        text = _("about %(count)s") % {"count": formatting.number(plan.flush.entries)}
    elif plan.status.keys is not None:
        text = _("at most %(count)s") % {"count": formatting.number(plan.status.keys)}
    return Cell(text, kind="number")


def _format_scope(inspector: Inspector, plan: FlushPlan, others: Sequence[Inspector]) -> str:
    """Return what a flush deletes, and which other caches lose their entries with it."""
    losing = ", ".join(f'"{other.alias}"' for other in others if inspector.flushes(other))
    text = str(plan.scope)
    if losing:
        text += " " + _("Among them those of %(names)s.") % {"names": losing}
    if inspector.alias == settings.SESSION_CACHE_ALIAS and session_keys() is not None:
        text += " " + _("Sessions are kept here: people may have to log in again.")
    return text


FLUSH_PURPOSE = "flush run"


class FlushView(BaseView):
    """One cache after the other, each from the state that the page carries."""

    permission = FLUSH
    title = gettext_lazy("Flush")
    template_name = "admin/django_cachex/job.html"

    @classmethod
    def render_started(cls, page: BaseView, flushes: Sequence[FlushJob]) -> HttpResponse:
        """Return this page, reached from another that has taken the first step."""
        self = cls(site=page.site)
        self.setup(page.request)
        return self.render_jobs(flushes, Step(flushes[0].run))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Lead to the caches: without what a page carries there is nothing to go on with."""
        return self.redirect(self.links.caches())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        flushes = self.load_jobs()
        unfinished = [one for one in flushes if not one.run.work.complete]
        if not unfinished:
            return self.redirect(self.links.caches())
        [current, *_others] = unfinished
        self.check_permission(FLUSH, current.inspector)
        step = current.run_step(self)
        after = [FlushJob(one.inspector, step.run) if one is current else one for one in flushes]
        return self.render_jobs(after, step)

    def load_jobs(self) -> list[FlushJob]:
        """Return the flushes that the page carries; those that are not good here are left out."""
        given = self.request.POST
        found = []
        for alias, token in zip(given.getlist("cache"), given.getlist("state"), strict=False):
            if alias not in visible_aliases():
                continue
            try:
                state = unseal(token, FLUSH_PURPOSE, self.request.user.pk, alias)
            except ValueError:
                self.add_message(_("That page has expired: nothing was changed."))
                continue
            found.append(FlushJob(inspector_for(alias), Run.of_state(state)))
        return found

    def render_jobs(self, flushes: Sequence[FlushJob], step: Step) -> HttpResponse:
        """Show how far the flushes have come after a step of one of them."""
        self.alerts += make_step_alerts(step)
        unfinished = [one for one in flushes if not one.run.work.complete]
        current = unfinished[0] if unfinished else flushes[-1]
        failed = step.error is not None or step.is_stuck
        context = self.get_context_data(
            make_progress=make_progress(
                current.get_message().rstrip("."),
                current.run.work.position,
                Button(_("Continue"), "run", "primary"),
                [pair for one in flushes for pair in self.make_hidden_fields(one)],
                automatic=not failed,
                action=self.links.flushing(),
            ),
            summaries=[one.get_message() for one in flushes if one is not current],
            cards=[card for one in flushes for card in make_failure_cards(one.run, one.inspector)],
            heading=self.make_heading(flushes),
            # No link may lead back here: it would leave the run behind.
            actions=(),
            help=flushing_help(),
            help_close="",
            next_actions=[Action("back", _("Back to the caches"), self.links.caches())],
        )
        return self.render_to_response(context)

    def make_hidden_fields(self, one: FlushJob) -> list[tuple[str, str]]:
        alias = one.inspector.alias
        token = seal(one.run.state(), FLUSH_PURPOSE, self.request.user.pk, alias)
        return [("cache", alias), ("state", token)]

    def make_heading(self, flushes: Sequence[FlushJob]) -> Heading:
        if len(flushes) == 1:
            alias = flushes[0].inspector.alias
            return Heading(_('Flush "%(alias)s"') % {"alias": alias}, kind="question")
        text = ngettext("Flush %(count)s cache", "Flush %(count)s caches", len(flushes))
        return Heading(text % {"count": len(flushes)}, kind="question")

    def breadcrumbs(self) -> Sequence[Action]:
        return [Action("flush", _("Flush"), "")]
