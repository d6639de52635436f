"""The progress of bulk jobs."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Sequence

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.admin import bulk, formatting
from django_cachex.admin.bulk import JobState, JobStep
from django_cachex.admin.components import (
    Alert,
    Button,
    Card,
    Cell,
    Header,
    JobProgress,
    Row,
    Table,
)
from django_cachex.admin.links import MAX_ID_LENGTH
from django_cachex.admin.views.base import BaseCacheView
from django_cachex.admin.views.keys_table import format_examined
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import BulkTask, FindKeys, Job, ScanProgress, advance
from django_cachex.inspectors.namespaces import NamespaceStats

MAX_FAILURES_SHOWN = 20
"""The page lists this many keys that failed. The report has more."""


def make_progress(
    text: str,
    position: ScanProgress,
    continue_button: Button,
    hidden_fields: Sequence[tuple[str, str]],
    other_buttons: Sequence[Button] = (),
    auto_continue: bool = True,
    resume_url: str = "",
    action_url: str = "",
) -> JobProgress:
    """Return the progress of a scan. There is no button to continue it once it is complete.

    Args:
        text: what was done so far.
        position: the position of the scan.
        continue_button: the button that continues.
        hidden_fields: the fields with the state.
        auto_continue: whether a script presses the button.
        resume_url: the URL to resume the job after the page was closed.
        action_url: the URL to post to; empty for the current page.
    """
    fraction = None
    if position.total is not None:
        fraction = 1.0 if position.complete else position.examined / max(1, position.total)
    return JobProgress(
        text=f"{text} · {format_examined(position.examined, position)}",
        fraction=fraction,
        hidden_fields=hidden_fields,
        continue_button=None if position.complete else continue_button,
        auto_continue=auto_continue and not position.complete,
        other_buttons=other_buttons,
        resume_url=resume_url if len(resume_url) <= MAX_ID_LENGTH else "",
        action_url=action_url,
    )


def make_job_progress(
    step: JobStep, token: str, resume_url: str, auto_continue: bool
) -> JobProgress:
    """Return the progress of a job. If its last step failed, it does not continue by itself."""
    work = step.job_state.job
    report = [Button(_("Download the report"), "report")] if work.task.processed else []
    return make_progress(
        bulk.result_text(work.task).rstrip("."),
        work.progress,
        Button(_("Continue"), "run", "primary"),
        [("state", token)],
        report,
        auto_continue and step.error is None and not step.is_stuck and not has_only_failures(step),
        resume_url,
    )


def has_only_failures(step: JobStep) -> bool:
    """Return whether every change has failed so far. The user then decides whether to continue."""
    task = step.job_state.job.task
    return bool(task.failed) and not task.done


def make_step_alerts(step: JobStep) -> list[Alert]:
    """Return alerts about the last step of a job."""
    alerts = []
    if step.was_continued_elsewhere:
        text = _(
            "This run was already continued from another page. It continues here, and the counts "
            "cover only what is done from here on."
        )
        alerts.append(Alert(text))
    return [*alerts, *make_failure_alerts(step), *make_missing_alerts(step.job_state.job.progress)]


def make_failure_alerts(step: JobStep) -> list[Alert]:
    """Return alerts about changes that failed or may have been made.

    The level is an error if nothing else was done.
    """
    work = step.job_state.job
    task, alerts = work.task, []
    [(_key, reason), *_rest] = task.failures or ((b"", ""),)
    if has_only_failures(step) and not work.complete:
        text = _("Nothing could be changed so far, because the cache refused. %(reason)s")
        alerts.append(Alert(text % {"reason": reason}, "warning"))
    elif has_only_failures(step):
        text = _("Nothing could be changed, because the cache refused. %(reason)s")
        alerts.append(Alert(text % {"reason": reason}, "error"))
    elif task.failed and work.complete:
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


def make_missing_alerts(position: ScanProgress) -> list[Alert]:
    """Return alerts about keys that a scan could not include."""
    alerts = []
    if position.failed_nodes:
        text = _(
            "%(servers)s didn't answer. The keys stored there are missing here. Select "
            "Continue to try again."
        )
        alerts.append(Alert(text % {"servers": ", ".join(position.failed_nodes)}, "warning"))
    if position.unknown:
        text = ngettext(
            "%(count)s key was skipped, because the server doesn't say whether it matches "
            "the filter.",
            "%(count)s keys were skipped, because the server doesn't say whether they match "
            "the filter.",
            position.unknown,
        )
        alerts.append(
            Alert(text % {"count": formatting.format_number(position.unknown)}, "warning")
        )
    return alerts


def make_failure_cards(run: JobState, inspector: Inspector) -> list[Card]:
    """Return a card with the keys that failed, if any did."""
    task = run.job.task
    if not task.failures:
        return []
    rows = [
        Row([Cell(formatting.format_name(inspector.display_key(stored)), kind="key"), Cell(reason)])
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


def continue_count(
    view: BaseCacheView, work: Job[NamespaceStats], find: FindKeys
) -> tuple[Job[NamespaceStats], bool]:
    """Continue a count for the time budget of one request.

    Returns:
        The count, and whether it made progress.
    """
    works = [work]

    def count() -> None:
        deadline = time.monotonic() + limits().scan_budget
        for next_work in advance(work, find, view.inspector, deadline):
            works.append(next_work)  # noqa: PERF402  # Keeps the steps before an error.

    result = view.call_cache(view.inspector, count)
    after = works[-1]
    view.alerts += make_missing_alerts(after.progress)
    made_progress = after.progress.token != work.progress.token
    return after, result.error is None and made_progress


FORMULA_CHARACTERS = "=+\\-@＝＋－＠﹦﹢﹣﹫−"
"""Characters that start a formula in a spreadsheet, including the full-width ones."""

FORMULA_START = re.compile(rf"(^|[;|])(?=[\s\"'`]*[{FORMULA_CHARACTERS}])")
"""The start of a formula in a cell, or after a `;`, which some programs take as a separator."""


def make_report(inspector: Inspector, name: str, text: str, work: Job[BulkTask]) -> HttpResponse:
    """Return a CSV file with the numbers of a job and the keys that failed."""
    headers = {"Content-Disposition": f'attachment; filename="cachex-{name}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    task = work.task
    writer = csv.writer(response)

    def write(*cells: object) -> None:
        writer.writerow([escape_csv_cell(str(cell)) for cell in cells])

    write(_("cache"), inspector.alias)
    write(_("what"), text)
    write(_("changed"), task.done)
    write(_("already gone"), task.gone)
    write(_("failed"), task.failed)
    if task.uncertain:
        write(_("outcome unknown"), task.uncertain)
    write(_("examined"), format_examined(work.progress.examined, work.progress))
    if task.failures:
        write()
        write(_("key"), _("reason"))
    for stored, reason in task.failures:
        write(inspector.display_key(stored), reason)
    return response


def escape_csv_cell(text: str) -> str:
    """Return a text on one line, escaped so that spreadsheets do not take it as a formula."""
    return FORMULA_START.sub(r"\1'", one_line(text))
