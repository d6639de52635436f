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
from django_cachex.admin.bulk import (
    FLUSH_CACHE,
    JobRunner,
    JobState,
    JobStep,
    make_flush_log_message,
    new_job_state,
)
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
from django_cachex.admin.deadline import CallResult
from django_cachex.admin.errors import describe_error, error_message
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.links import dump_state, load_state
from django_cachex.admin.messages import message_and_level
from django_cachex.admin.permissions import (
    FLUSH,
    flush_affects_restricted,
    flush_refused_text,
    visible_aliases,
)
from django_cachex.admin.sessions import session_keys
from django_cachex.admin.views.base import BaseView
from django_cachex.admin.views.progress import make_failure_cards, make_progress, make_step_alerts
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.info import FlushPreview, Status


@dataclass(frozen=True)
class PlannedFlush:
    """The preview of a flush, of a cache that is up."""

    status: Status
    flush: FlushPreview


def make_flush_confirmation(view: BaseView, inspectors: Sequence[Inspector]) -> Confirmation:
    """Return the confirmation for flushing caches, with what would be deleted from each."""
    flushable = [inspector for inspector in inspectors if view.checker.is_allowed(FLUSH, inspector)]
    plans = view.executor.run_all({inspector: _make_planner(inspector) for inspector in flushable})
    available = [inspector for inspector in flushable if plans[inspector].value is not None]
    return Confirmation(
        question=_get_question(available),
        breadcrumb=_("Flush"),
        consequences=(),
        table=_make_preview_table(
            (inspector, plan, view.checker.caches_sharing_store(inspector))
            for inspector in available
            if (plan := plans[inspector].value) is not None
        ),
        button_text=_get_button_text(available),
        cancel=Action("cancel", _("Cancel"), view.links.caches()),
        hidden_fields=[
            ("action", "flush"),
            ("confirmed", "1"),
            *(("selected", inspector.alias) for inspector in available),
        ],
        skipped=list(_iter_refusals(inspectors, plans)),
        can_confirm=bool(available),
    )


def _iter_refusals(
    inspectors: Sequence[Inspector], plans: Mapping[Inspector, CallResult[PlannedFlush]]
) -> Iterable[str]:
    for inspector in inspectors:
        error = plans[inspector].error if inspector in plans else None
        if error is not None:
            yield describe_error(inspector, error)
        elif not inspector.can_flush:
            params = {"alias": inspector.alias, "why": inspector.unsupported_reason("can_flush")}
            yield _('"%(alias)s" can\'t be flushed. %(why)s') % params
        elif flush_affects_restricted(inspector):
            yield flush_refused_text(inspector)
        elif inspector not in plans:
            yield _('You don\'t have permission to flush "%(alias)s".') % {"alias": inspector.alias}


def flush_caches(view: BaseView, inspectors: Sequence[Inspector]) -> list[FlushJob]:
    """Flush the caches that are up. Return the jobs of those that take more than one request.

    The states of all are requested in parallel before the first cache is flushed.
    """
    answers = view.executor.run_all({inspector: inspector.status for inspector in inspectors})
    unfinished = []
    for inspector in inspectors:
        error = answers[inspector].error
        if error is not None:
            params = {"why": error_message(inspector, error)}
            view.add_message(_("Not flushed. %(why)s") % params, messages.ERROR)
        elif not view.checker.is_allowed(FLUSH, inspector):
            text = _('You don\'t have permission to flush "%(alias)s".') % {
                "alias": inspector.alias
            }
            view.add_message(
                flush_refused_text(inspector) if flush_affects_restricted(inspector) else text,
                messages.ERROR,
            )
        elif inspector.flushes_in_steps:
            unfinished += start_flush_job(view, inspector)
        else:
            flush_cache(view, inspector)
    return unfinished


def start_flush_job(view: BaseView, inspector: Inspector) -> list[FlushJob]:
    """Run the first step of a flush. Return its job, or nothing if it is complete or failed."""
    job = FlushJob(inspector, new_job_state(None))
    step = job.run_step(view)
    if step.error is not None:
        params = {"why": error_message(inspector, step.error)}
        view.add_message(_("Not flushed, or not completely. %(why)s") % params, messages.ERROR)
        return []
    if not step.job_state.job.complete:
        return [FlushJob(inspector, step.job_state)]
    task = step.job_state.job.task
    view.add_message(
        *message_and_level(
            FlushJob(inspector, step.job_state).get_message(), task.done, task.failures
        )
    )
    return []


@dataclass(frozen=True)
class FlushJob:
    """The state of flushing a cache in several requests."""

    inspector: Inspector
    run: JobState

    def run_step(self, view: BaseView) -> JobStep:
        """Continue the job for the time budget of one request."""
        runner = JobRunner(
            self.inspector,
            view.request.user.pk,
            FLUSH_CACHE,
            self.inspector.scan_for_flush,
            make_flush_log_message(self.inspector.alias),
        )
        return runner.step(self.run, view.call_cache)

    def get_message(self) -> str:
        return make_flush_log_message(self.inspector.alias)(self.run.job)


def flush_cache(view: BaseView, inspector: Inspector) -> None:
    """Flush a cache with one command, without a deadline."""
    try:
        count = inspector.flush()
    except Exception as error:  # The other caches are still flushed.
        view.log_possible_change(
            error, log_entries.CHANGE, [], partial(_format_flushed, inspector, None), inspector
        )
        params = {"why": error_message(inspector, error)}
        view.add_message(_("Not flushed, or not completely. %(why)s") % params, messages.ERROR)
        return
    message = partial(_format_flushed, inspector, count)
    log_entries.record_cache(view.request.user.pk, log_entries.CHANGE, inspector, message)
    view.add_message(message())


def _format_flushed(inspector: Inspector, count: int | None) -> str:
    if count is None:
        return _('Flushed "%(alias)s".') % {"alias": inspector.alias}
    return ngettext(
        'Flushed "%(alias)s": %(count)s entry deleted.',
        'Flushed "%(alias)s": %(count)s entries deleted.',
        count,
    ) % {"alias": inspector.alias, "count": formatting.format_number(count)}


def group_by_storage(inspectors: Iterable[Inspector]) -> dict[Hashable, list[Inspector]]:
    """Group caches by the storage that they share."""
    groups: dict[Hashable, list[Inspector]] = defaultdict(list)
    for inspector in inspectors:
        groups[inspector.configured_store_id].append(inspector)
    return groups


def _get_question(inspectors: Sequence[Inspector]) -> str:
    if not inspectors:
        return _("None of these caches can be flushed")
    if len(inspectors) == 1:
        return _('Flush "%(alias)s"?') % {"alias": inspectors[0].alias}
    return _("Flush %(count)s caches?") % {"count": len(inspectors)}


def _get_button_text(inspectors: Sequence[Inspector]) -> str:
    if len(inspectors) == 1:
        return _('Flush "%(alias)s"') % {"alias": inspectors[0].alias}
    return _("Flush %(count)s caches") % {"count": len(inspectors)}


def _make_planner(inspector: Inspector) -> Callable[[], PlannedFlush]:
    """Return a function that gets the state of a cache and the preview of a flush."""
    return lambda: PlannedFlush(inspector.status(), inspector.preview_flush())


def _make_preview_table(
    plans: Iterable[tuple[Inspector, PlannedFlush, Sequence[Inspector]]],
) -> Table:
    """Return a table of what is deleted from each cache, how much, and by which command."""
    headers = (Header(_("Cache")), Header(_("What is deleted")), Header(_("Entries"), "number"))
    rows = [
        Row(
            [
                Cell(inspector.alias, kind="name"),
                Cell(
                    _format_scope(inspector, plan.flush, sharing),
                    kind="scope",  # May contain a path, which narrow screens must break.
                    lines=[_format_command(plan.flush)],
                ),
                _make_entries_cell(plan),
            ]
        )
        for inspector, plan, sharing in plans
    ]
    return Table(headers, rows, caption=_("What is deleted"))


def _format_command(plan: FlushPreview) -> str:
    return _("This runs %(command)s.") % {"command": plan.command}


def _make_entries_cell(plan: PlannedFlush) -> Cell:
    """Return the approximate number of entries to delete, or an upper limit."""
    text = _("unknown")
    if plan.flush.entries is not None:
        text = _("about %(count)s") % {"count": formatting.format_number(plan.flush.entries)}
    elif plan.status.keys is not None:
        text = _("at most %(count)s") % {"count": formatting.format_number(plan.status.keys)}
    return Cell(text, kind="number")


def _format_scope(inspector: Inspector, plan: FlushPreview, others: Sequence[Inspector]) -> str:
    """Return what a flush deletes, and which other caches lose entries."""
    losing = ", ".join(f'"{other.alias}"' for other in others if inspector.flush_affects(other))
    text = str(plan.scope)
    if losing:
        text += " " + _("This includes the entries of %(names)s.") % {"names": losing}
    if inspector.alias == settings.SESSION_CACHE_ALIAS and session_keys() is not None:
        text += " " + _("Sessions are stored here, so users may have to log in again.")
    return text


FLUSH_PURPOSE = "flush run"
"""The purpose of the tokens that hold the state of a flush."""


class FlushView(BaseView):
    """Flushes one cache after another, in steps. The page holds the state of each in its form."""

    permission = FLUSH
    title = gettext_lazy("Flush")
    template_name = "admin/django_cachex/job.html"

    @classmethod
    def render_started(cls, view: BaseView, jobs: Sequence[FlushJob]) -> HttpResponse:
        """Render this page from the view that ran the first step."""
        self = cls(site=view.site)
        self.setup(view.request)
        return self.render_jobs(jobs, JobStep(jobs[0].run))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Redirect to the caches, because the state of the jobs is only in the form."""
        return self.redirect(self.links.caches())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        jobs = self.load_jobs()
        unfinished = [job for job in jobs if not job.run.job.complete]
        if not unfinished:
            return self.redirect(self.links.caches())
        [current, *_others] = unfinished
        self.check_permission(FLUSH, current.inspector)
        step = current.run_step(self)
        updated = [
            FlushJob(job.inspector, step.job_state) if job is current else job for job in jobs
        ]
        return self.render_jobs(updated, step)

    def load_jobs(self) -> list[FlushJob]:
        """Return the jobs in the submitted form, without those whose token is invalid."""
        data = self.request.POST
        jobs = []
        for alias, token in zip(data.getlist("cache"), data.getlist("state"), strict=False):
            if alias not in visible_aliases():
                continue
            try:
                state = load_state(token, FLUSH_PURPOSE, self.request.user.pk, alias)
            except ValueError:
                self.add_message(_("That page has expired. Nothing was changed."))
                continue
            jobs.append(FlushJob(inspector_for(alias), JobState.from_json(state)))
        return jobs

    def render_jobs(self, jobs: Sequence[FlushJob], step: JobStep) -> HttpResponse:
        """Render the progress of the jobs after a step of one of them."""
        self.alerts += make_step_alerts(step)
        unfinished = [job for job in jobs if not job.run.job.complete]
        current = unfinished[0] if unfinished else jobs[-1]
        failed = step.error is not None or step.is_stuck
        context = self.get_context_data(
            job=make_progress(
                current.get_message().rstrip("."),
                current.run.job.progress,
                Button(_("Continue"), "run", "primary"),
                [pair for job in jobs for pair in self.make_hidden_fields(job)],
                auto_continue=not failed,
                action_url=self.links.flush(),
            ),
            summaries=[job.get_message() for job in jobs if job is not current],
            cards=[card for job in jobs for card in make_failure_cards(job.run, job.inspector)],
            heading=self.make_heading(jobs),
            # A link to this page would lose the state of the jobs.
            actions=(),
            help=HelpPanel("flush"),
            help_close="",
            next_actions=[Action("back", _("Back to the caches"), self.links.caches())],
        )
        return self.render_to_response(context)

    def make_hidden_fields(self, job: FlushJob) -> list[tuple[str, str]]:
        alias = job.inspector.alias
        token = dump_state(job.run.to_json(), FLUSH_PURPOSE, self.request.user.pk, alias)
        return [("cache", alias), ("state", token)]

    def make_heading(self, jobs: Sequence[FlushJob]) -> Heading:
        if len(jobs) == 1:
            alias = jobs[0].inspector.alias
            return Heading(_('Flush "%(alias)s"') % {"alias": alias}, kind="question")
        text = ngettext("Flush %(count)s cache", "Flush %(count)s caches", len(jobs))
        return Heading(text % {"count": len(jobs)}, kind="question")

    def breadcrumbs(self) -> Sequence[Action]:
        return [Action("flush", _("Flush"), "")]
