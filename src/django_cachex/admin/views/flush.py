"""Flush caches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.bulk import FLUSH_CACHE, JobState, JobStep, flush_job_text, flushed_text
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
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.links import dump_state, load_state
from django_cachex.admin.messages import describe_error, error_message, message_and_level
from django_cachex.admin.permissions import (
    FLUSH,
    flush_affects_restricted,
    flush_refused_text,
    visible_aliases,
)
from django_cachex.admin.sessions import session_keys
from django_cachex.admin.views.base import BaseView
from django_cachex.admin.views.jobs import (
    LEAVE_NOTE,
    make_failure_cards,
    make_progress,
    make_runner,
    make_step_alerts,
)
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.info import FlushPreview, Status

FlushJobs = Mapping[Inspector, JobState]
"""The jobs of caches that are flushed in several requests, in their order."""

FlushPlan = tuple[Status, FlushPreview]
"""The state of a cache that is up, and what a flush would delete."""


def make_flush_confirmation(view: BaseView, inspectors: Sequence[Inspector]) -> Confirmation:
    """Return the confirmation for flushing caches, with what would be deleted from each."""
    flushable = [inspector for inspector in inspectors if view.checker.is_allowed(FLUSH, inspector)]
    plans = view.executor.run_all(
        {inspector: partial(_get_plan, inspector) for inspector in flushable}
    )
    available = {inspector: plan.value for inspector, plan in plans.items() if plan.value}
    return Confirmation(
        question=_get_question([*available]),
        breadcrumb=_("Flush"),
        consequences=(),
        table=_make_preview_table(view, available),
        button_text=_get_button_text([*available]),
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
    inspectors: Sequence[Inspector], plans: Mapping[Inspector, CallResult[FlushPlan]]
) -> Iterable[str]:
    for inspector in inspectors:
        error = plans[inspector].error if inspector in plans else None
        if error is not None:
            yield describe_error(inspector, error)
        elif not inspector.can_flush:
            params = {"alias": inspector.alias, "why": inspector.unsupported_reason("can_flush")}
            yield _('"%(alias)s" can\'t be flushed. %(why)s') % params
        elif flush_affects_restricted(inspector) or inspector not in plans:
            yield _get_refusal(inspector)


def flush_caches(view: BaseView, inspectors: Sequence[Inspector]) -> FlushJobs:
    """Flush the caches that are up. Return the jobs of those that take more than one request.

    The states of all are requested in parallel before the first cache is flushed.
    """
    answers = view.executor.run_all({inspector: inspector.status for inspector in inspectors})
    unfinished = {}
    for inspector in inspectors:
        error = answers[inspector].error
        if error is not None:
            params = {"why": error_message(inspector, error)}
            view.add_message(_("Not flushed. %(why)s") % params, messages.ERROR)
        elif not view.checker.is_allowed(FLUSH, inspector):
            view.add_message(_get_refusal(inspector), messages.ERROR)
        elif not inspector.flushes_in_steps:
            flush_cache(view, inspector)
        elif (state := start_flush_job(view, inspector)) is not None:
            unfinished[inspector] = state
    return unfinished


def _get_refusal(inspector: Inspector) -> str:
    """Return why the user may not flush a cache."""
    if flush_affects_restricted(inspector):
        return flush_refused_text(inspector)
    return _('You don\'t have permission to flush "%(alias)s".') % {"alias": inspector.alias}


def start_flush_job(view: BaseView, inspector: Inspector) -> JobState | None:
    """Run the first step of a flush. Return its state, or None if it is complete or failed."""
    step = run_flush_step(view, inspector, JobState.new(None))
    if step.error is not None:
        params = {"why": error_message(inspector, step.error)}
        view.add_message(_("Not flushed, or not completely. %(why)s") % params, messages.ERROR)
        return None
    if not step.job.complete:
        return step.state
    task, text = step.job.task, flush_job_text(inspector.alias, step.job)
    view.add_message(*message_and_level(text, task.done, task.failures))
    return None


def run_flush_step(view: BaseView, inspector: Inspector, state: JobState) -> JobStep:
    """Continue the job for the time budget of one request."""
    message = partial(flush_job_text, inspector.alias)
    runner = make_runner(view, inspector, FLUSH_CACHE, inspector.scan_for_flush, message)
    return runner.step(state, view.call_cache)


def flush_cache(view: BaseView, inspector: Inspector) -> None:
    """Flush a cache with one command, without a deadline."""
    try:
        count = inspector.flush()
    except Exception as error:  # The other caches are still flushed.
        view.log_possible_change(
            error, log_entries.CHANGE, [], partial(flushed_text, inspector.alias, None), inspector
        )
        params = {"why": error_message(inspector, error)}
        view.add_message(_("Not flushed, or not completely. %(why)s") % params, messages.ERROR)
        return
    message = partial(flushed_text, inspector.alias, count)
    log_entries.record_cache(view.request.user.pk, inspector, message)
    view.add_message(message())


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


def _get_plan(inspector: Inspector) -> FlushPlan:
    return inspector.status(), inspector.preview_flush()


def _make_preview_table(view: BaseView, plans: Mapping[Inspector, FlushPlan]) -> Table:
    """Return a table of what is deleted from each cache, how much, and by which command."""
    headers = (Header(_("Cache")), Header(_("What is deleted")), Header(_("Entries"), "number"))
    rows = []
    for inspector, (status, preview) in plans.items():
        others = view.checker.caches_sharing_store(inspector)
        command = _("This runs %(command)s.") % {"command": preview.command}
        # May contain a path, which narrow screens must break.
        scope = Cell(_format_scope(inspector, preview, others), kind="scope", lines=[command])
        entries = Cell(_format_entries(status, preview), kind="number")
        rows.append(Row([Cell(inspector.alias, kind="name"), scope, entries]))
    return Table(headers, rows, caption=_("What is deleted"))


def _format_entries(status: Status, preview: FlushPreview) -> str:
    """Return the approximate number of entries to delete, or an upper limit."""
    if preview.entries is not None:
        return _("about %(count)s") % {"count": formatting.format_number(preview.entries)}
    if status.keys is not None:
        return _("at most %(count)s") % {"count": formatting.format_number(status.keys)}
    return _("unknown")


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


def make_flush_token(state: JobState, user_id: Any, alias: str) -> str:
    """Return the token with the state of a flush."""
    return dump_state(state.to_json(), state.job.progress.token, FLUSH_PURPOSE, user_id, alias)


class FlushView(BaseView):
    """Flushes one cache after another, in steps. The page holds the state of each in its form."""

    permission = FLUSH
    title = gettext_lazy("Flush")
    template_name = "admin/django_cachex/job.html"

    @classmethod
    def render_started(cls, view: BaseView, jobs: FlushJobs) -> HttpResponse:
        """Render this page from the view that ran the first step."""
        self = cls(site=view.site)
        self.setup(view.request)
        return self.render_jobs(jobs, JobStep(next(iter(jobs.values()))), auto_continue=True)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the job in the URL, which the user can continue, or redirect to the caches."""
        jobs = self.load_jobs(request.GET)
        if not jobs:
            return self.redirect(self.links.caches())
        for inspector in jobs:
            self.check_permission(FLUSH, inspector)
        return self.render_jobs(jobs, JobStep(next(iter(jobs.values()))), auto_continue=False)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        jobs = self.load_jobs(request.POST)
        unfinished = [inspector for inspector, state in jobs.items() if not state.job.complete]
        if not unfinished:
            return self.redirect(self.links.caches())
        self.check_permission(FLUSH, unfinished[0])
        step = run_flush_step(self, unfinished[0], jobs[unfinished[0]])
        return self.render_jobs({**jobs, unfinished[0]: step.state}, step, auto_continue=True)

    def load_jobs(self, data: QueryDict) -> FlushJobs:
        """Return the jobs in the form or in the URL, without those whose token is invalid."""
        jobs = {}
        for alias, token in zip(data.getlist("cache"), data.getlist("state"), strict=False):
            if alias not in visible_aliases():
                continue
            try:
                state = load_state(token, FLUSH_PURPOSE, self.request.user.pk, alias)
                jobs[inspector_for(alias)] = JobState.from_json(*state)
            except ValueError:
                self.add_message(_("That page has expired. Nothing was changed."))
        return jobs

    def render_jobs(self, jobs: FlushJobs, step: JobStep, auto_continue: bool) -> HttpResponse:
        """Render the progress of the jobs after a step of one of them."""
        self.alerts += make_step_alerts(step)
        unfinished = [inspector for inspector, state in jobs.items() if not state.job.complete]
        current = unfinished[0] if unfinished else [*jobs][-1]
        failed = step.error is not None or step.is_stuck
        texts = {one: flush_job_text(one.alias, state.job) for one, state in jobs.items()}
        context = self.get_context_data(
            job=make_progress(
                texts[current].rstrip("."),
                jobs[current].job.progress,
                Button(_("Continue"), "run", "primary"),
                [pair for one, state in jobs.items() for pair in self.make_fields(one, state)],
                auto_continue=auto_continue and not failed,
                action_url=self.links.flush(),
                leave_note=LEAVE_NOTE,
                continue_link=Action(
                    "continue-later",
                    _("History of the cache"),
                    self.links.cache_history(current.alias),
                ),
            ),
            summaries=[text for inspector, text in texts.items() if inspector is not current],
            cards=[card for one, state in jobs.items() for card in make_failure_cards(state, one)],
            heading=self.make_heading([*jobs]),
            # A link to this page would lose the state of the jobs.
            actions=(),
            help=HelpPanel("flush"),
            help_close="",
            next_actions=[Action("back", _("Back to the caches"), self.links.caches())],
        )
        return self.render_to_response(context)

    def make_fields(self, inspector: Inspector, state: JobState) -> list[tuple[str, str]]:
        """Return the hidden fields with the state of a job."""
        token = make_flush_token(state, self.request.user.pk, inspector.alias)
        return [("cache", inspector.alias), ("state", token)]

    def make_heading(self, inspectors: Sequence[Inspector]) -> Heading:
        if len(inspectors) == 1:
            text = _('Flush "%(alias)s"') % {"alias": inspectors[0].alias}
            return Heading(text, kind="question")
        count = len(inspectors)
        text = ngettext("Flush %(count)s cache", "Flush %(count)s caches", count)
        return Heading(text % {"count": count}, kind="question")

    def get_history_url(self) -> str:
        return self.links.caches()

    def breadcrumbs(self) -> Sequence[Action]:
        return [Action("flush", _("Flush"), "")]
