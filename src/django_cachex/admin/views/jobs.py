"""What the views of jobs share: their state in a form, their progress, and their report."""

from __future__ import annotations

import csv
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from django.contrib.admin.models import LogEntry
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import bulk, formatting
from django_cachex.admin.bulk import BulkAction, JobRunner, JobState, JobStep
from django_cachex.admin.components import (
    Action,
    Alert,
    Button,
    Card,
    Cell,
    Header,
    JobProgress,
    Row,
    Table,
)
from django_cachex.admin.kinds import kind_name_of
from django_cachex.admin.links import MAX_ID_LENGTH, dump_state, load_state
from django_cachex.admin.log_entries import job_token
from django_cachex.admin.sessions import display_key, session_key_filter
from django_cachex.admin.views.base import BaseCacheView, BaseView
from django_cachex.admin.views.keys_table import format_examined
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.jobs import BulkTask, FindKeys, Job, ScanProgress, advance
from django_cachex.inspectors.namespaces import NamespaceOptions, NamespaceStats

T = TypeVar("T")

EXPIRED_TEXT = gettext_lazy(
    "That page has expired or belongs to another search. Nothing was changed."
)


@dataclass(frozen=True)
class StateTokens:
    """The signed tokens with the state of a job, which a view keeps in a field of its form."""

    view: BaseCacheView
    scope: str
    """What a token is bound to, besides its purpose, the user and the cache."""

    expired_text: Text = EXPIRED_TEXT
    """The alert for an invalid or expired token."""

    def dump(self, purpose: str, state: Any, position: str) -> str:
        return dump_state(state, position, *self._binding(purpose))

    def load(self, purpose: str, token: str, from_json: Callable[[Any, str], T]) -> T | None:
        """Return what `from_json` makes of a token; None if it is empty or not valid here."""
        try:
            return from_json(*load_state(token, *self._binding(purpose))) if token else None
        except ValueError:
            self.view.alerts.append(Alert(self.expired_text, "warning"))
            return None

    def _binding(self, purpose: str) -> tuple[str, Any, str, str]:
        return (purpose, self.view.request.user.pk, self.view.inspector.alias, self.scope)


MAX_SAVED_LENGTH = 64 * 1024
"""The length of a token in a log entry, in characters."""


@dataclass(frozen=True)
class SavedJob:
    """An unfinished job in a log entry, which the user who started it can continue.

    The whole token is encrypted, because others may read the log entry.
    """

    scope: str
    """The scope of the job's `StateTokens`; empty for a flush."""

    state: JobState

    def dump(self, user_id: Any, alias: str) -> str:
        """Return the token; empty if it would be too long. Keys that failed are only counted."""
        job = replace(self.state.job, task=replace(self.state.job.task, failures=()))
        content = [self.scope, JobState(job).to_json(), job.progress.token]
        token = dump_state(None, json.dumps(content), "saved job", user_id, alias)
        return token if len(token) <= MAX_SAVED_LENGTH else ""

    @classmethod
    def of_entry(cls, entry: LogEntry, user_id: Any, alias: str) -> SavedJob | None:
        """Return the job of a log entry; None if this user can't continue it or it has expired."""
        token = job_token(entry)
        try:
            _state, content = load_state(token, "saved job", user_id, alias) if token else ("", "")
        except ValueError:
            return None
        if not content:
            return None
        scope, state, position = json.loads(content)
        return cls(scope, replace(JobState.from_json(state, position), log_entry_id=entry.pk))


@dataclass(frozen=True)
class KeyCount:
    """Counts the keys that a search finds, for the scan budget of each request."""

    view: BaseCacheView
    tokens: StateTokens
    find: FindKeys
    options: NamespaceOptions

    @classmethod
    def of_view(
        cls, view: BaseCacheView, tokens: StateTokens, find: FindKeys, under: str = ""
    ) -> KeyCount:
        """Return a count of the keys of a view's cache whose names start with `under`."""
        mask_key = partial(view.checker.mask_key, view.inspector)
        is_session = session_key_filter(view.inspector)
        separator = limits().namespace_separator
        options = NamespaceOptions(separator, under, is_session, mask_key, kind_name_of)
        return cls(view, tokens, find, options)

    def load(self, token: str) -> Job[NamespaceStats] | None:
        """Return the count in a token; None if it is empty or not valid here."""

        def from_json(state: Any, position: str) -> Job[NamespaceStats]:
            stats_from_json = partial(NamespaceStats.from_json, options=self.options)
            return Job.from_json(state, position, stats_from_json)

        return self.tokens.load("count", token, from_json)

    def make_fields(self, job: Job[NamespaceStats]) -> list[tuple[str, str]]:
        """Return the hidden field with the token of a count."""
        return [("state", self.tokens.dump("count", job.to_json(), job.progress.token))]

    def advance(self, job: Job[NamespaceStats] | None) -> tuple[Job[NamespaceStats], bool]:
        """Continue a count, or start one.

        Returns:
            The count, and whether it made progress.
        """
        inspector = self.view.inspector
        jobs = [job or Job(NamespaceStats(self.options))]

        def count() -> None:
            deadline = time.monotonic() + limits().scan_budget
            for next_job in advance(jobs[0], self.find, inspector, deadline):
                jobs.append(next_job)  # noqa: PERF402  # Keeps the steps before an error.

        result = self.view.call_cache(inspector, count)
        before, after = jobs[0].progress, jobs[-1].progress
        self.view.alerts += make_missing_alerts(after)
        return jobs[-1], result.error is None and after.token != before.token


def make_runner(
    view: BaseView,
    inspector: Inspector,
    action: BulkAction,
    find: FindKeys,
    log_message: Callable[[Job[BulkTask]], str],
    log_subject: Callable[[], str] | None = None,
    scope: str = "",
) -> JobRunner:
    """Return what runs a job for the user of a view, with the scope of its `StateTokens`."""
    mask_key, user_id = partial(view.checker.mask_key, inspector), view.request.user.pk

    def save(state: JobState) -> str:
        return SavedJob(scope, state).dump(user_id, inspector.alias)

    return JobRunner(inspector, user_id, action, find, log_message, mask_key, log_subject, save)


MAX_FAILURES_SHOWN = 20
"""The page lists this many keys that failed. The report has more."""


def make_progress(
    text: str,
    progress: ScanProgress,
    continue_button: Button,
    hidden_fields: Sequence[tuple[str, str]],
    other_buttons: Sequence[Button] = (),
    auto_continue: bool = True,
    resume_url: str = "",
    action_url: str = "",
    leave_note: Text = "",
    continue_link: Action | None = None,
) -> JobProgress:
    """Return the progress of a scan. There is no button to continue it once it is complete.

    Args:
        text: what was done so far.
        progress: the progress of the scan.
        continue_button: the button that continues.
        hidden_fields: the fields with the state.
        auto_continue: whether a script presses the button.
        resume_url: the URL to resume the job after the page was closed.
        action_url: the URL to post to; empty for the current page.
        leave_note: what happens if the user leaves the page, for a job that changes keys.
        continue_link: where the user can continue it then.
    """
    fraction = None
    if progress.total is not None:
        fraction = 1.0 if progress.complete else progress.examined / max(1, progress.total)
    return JobProgress(
        text=f"{text} · {format_examined(progress.examined, progress)}",
        fraction=fraction,
        hidden_fields=hidden_fields,
        continue_button=None if progress.complete else continue_button,
        auto_continue=auto_continue and not progress.complete,
        other_buttons=other_buttons,
        resume_url=resume_url if len(resume_url) <= MAX_ID_LENGTH else "",
        action_url=action_url,
        leave_note="" if progress.complete else leave_note,
        continue_link=continue_link,
    )


LEAVE_NOTE = gettext_lazy(
    "Leaving this page pauses the job. What was done so far is kept. You can continue within a day:"
)


def make_job_progress(
    step: JobStep, token: str, resume_url: str, continue_link: Action, auto_continue: bool
) -> JobProgress:
    """Return the progress of a job. If its last step failed, it does not continue by itself."""
    job = step.job
    report = [Button(_("Download the report"), "report")] if job.task.processed else []
    return make_progress(
        bulk.result_text(job.task).rstrip("."),
        job.progress,
        Button(_("Continue"), "run", "primary"),
        [("state", token)],
        report,
        auto_continue and step.error is None and not step.is_stuck and not has_only_failures(step),
        resume_url,
        leave_note=LEAVE_NOTE,
        continue_link=continue_link,
    )


def has_only_failures(step: JobStep) -> bool:
    """Return whether every change has failed so far. The user then decides whether to continue."""
    task = step.job.task
    return bool(task.failed) and not task.done


def make_step_alerts(step: JobStep) -> list[Alert]:
    """Return alerts about the last step of a job."""
    alerts = []
    if step.was_continued_elsewhere:
        text = _(
            "This job was already continued from another page. It continues here, and only what is "
            "done from now on is counted."
        )
        alerts.append(Alert(text))
    return [*alerts, *make_failure_alerts(step), *make_missing_alerts(step.job.progress)]


def make_failure_alerts(step: JobStep) -> list[Alert]:
    """Return alerts about changes that failed or may have been made.

    The level is an error if nothing else was done.
    """
    job = step.job
    task, alerts = job.task, []
    [(_key, reason), *_rest] = task.failures or ((b"", ""),)
    if has_only_failures(step) and not job.complete:
        text = _("Nothing could be changed so far, because the cache refused. %(reason)s")
        alerts.append(Alert(text % {"reason": reason}, "warning"))
    elif has_only_failures(step):
        text = _("Nothing could be changed, because the cache refused. %(reason)s")
        alerts.append(Alert(text % {"reason": reason}, "error"))
    elif task.failed and job.complete:
        text = ngettext(
            "%(count)s key couldn't be changed. %(reason)s",
            "%(count)s keys couldn't be changed. %(reason)s",
            task.failed,
        )
        what = {"count": formatting.format_number(task.failed), "reason": reason}
        alerts.append(Alert(text % what, "warning"))
    if task.uncertain:
        text = ngettext(
            "%(count)s key may have been changed: the connection was lost before the answer "
            "arrived.",
            "%(count)s keys may have been changed: the connection was lost before the answer "
            "arrived.",
            task.uncertain,
        )
        alerts.append(Alert(text % {"count": formatting.format_number(task.uncertain)}, "warning"))
    return alerts


def make_missing_alerts(progress: ScanProgress) -> list[Alert]:
    """Return alerts about keys that a scan could not include."""
    alerts = []
    if progress.restarted:
        text = _(
            "The server was restarted meanwhile. Positions in it are lost, so the search started "
            "over and examines keys again."
        )
        alerts.append(Alert(text))
    if progress.failed_nodes:
        text = _(
            "%(servers)s didn't answer. The keys stored there are missing here. Select "
            "Continue to try again."
        )
        alerts.append(Alert(text % {"servers": ", ".join(progress.failed_nodes)}, "warning"))
    if progress.unknown:
        text = ngettext(
            "%(count)s key was skipped, because the server doesn't say whether it matches "
            "the filter.",
            "%(count)s keys were skipped, because the server doesn't say whether they match "
            "the filter.",
            progress.unknown,
        )
        alerts.append(
            Alert(text % {"count": formatting.format_number(progress.unknown)}, "warning")
        )
    return alerts


def make_failure_cards(state: JobState, inspector: Inspector) -> list[Card]:
    """Return a card with the keys that failed, if any did."""
    task = state.job.task
    if not task.failures:
        return []
    rows = [
        Row(
            [Cell(formatting.format_name(display_key(inspector, stored)), kind="key"), Cell(reason)]
        )
        for stored, reason in task.failures[:MAX_FAILURES_SHOWN]
    ]
    note = ""
    if task.failed > len(rows):
        note = _("The report lists %(kept)s of %(failed)s failures.") % {
            "kept": formatting.format_number(len(task.failures)),
            "failed": formatting.format_number(task.failed),
        }
    table = Table([Header(_("Key")), Header(_("Reason"))], rows, caption=_("Failed"))
    return [Card(_("Failed"), table=table, note=note)]


FORMULA_CHARACTERS = "=+\\-@＝＋－＠﹦﹢﹣﹫−"
"""Characters that start a formula in a spreadsheet, including the full-width ones."""

FORMULA_START = re.compile(rf"(^|[;|])(?=[\s\"'`]*[{FORMULA_CHARACTERS}])")
"""The start of a formula in a cell, or after a `;`, which some programs take as a separator."""


def make_report(inspector: Inspector, name: str, text: str, job: Job[BulkTask]) -> HttpResponse:
    """Return a CSV file with the numbers of a job and the keys that failed."""
    headers = {"Content-Disposition": f'attachment; filename="cachex-{name}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    task = job.task
    writer = csv.writer(response)

    def write(*cells: object) -> None:
        writer.writerow([escape_csv_cell(str(cell)) for cell in cells])

    write(_("cache"), inspector.alias)
    write(_("action"), text)
    write(_("changed"), task.done)
    write(_("already gone"), task.gone)
    write(_("failed"), task.failed)
    if task.uncertain:
        write(_("result unknown"), task.uncertain)
    write(_("examined"), format_examined(job.progress.examined, job.progress))
    if task.failures:
        write()
        write(_("key"), _("reason"))
    for stored, reason in task.failures:
        write(display_key(inspector, stored), reason)
    return response


def escape_csv_cell(text: str) -> str:
    """Return a text on one line, escaped so that spreadsheets do not take it as a formula."""
    return FORMULA_START.sub(r"\1'", one_line(text))
