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
from django_cachex.admin.bulk import Run, Step
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
from django_cachex.admin.links import LONGEST_ID
from django_cachex.admin.views.base import BaseCacheView
from django_cachex.admin.views.keys_table import format_examined
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Find, Position, Sweep, Work, advance
from django_cachex.inspectors.namespaces import Survey

MAX_FAILURES_SHOWN = 20
"""Keys that failed, of those that the report has."""


def make_progress(
    said: str,
    position: Position,
    go_on: Button,
    hidden: Sequence[tuple[str, str]],
    buttons: Sequence[Button] = (),
    automatic: bool = True,
    resume: str = "",
    action: str = "",
) -> JobProgress:
    """Return work at a position; at its end nothing carries it on."""
    share = None
    if position.total is not None:
        share = 1.0 if position.complete else position.examined / max(1, position.total)
    return JobProgress(
        text=f"{said} · {format_examined(position.examined, position)}",
        fraction=share,
        hidden_fields=hidden,
        continue_button=None if position.complete else go_on,
        auto_continue=automatic and not position.complete,
        other_buttons=buttons,
        resume_url=resume if len(resume) <= LONGEST_ID else "",
        action_url=action,
    )


def make_job_progress(step: Step, token: str, resume: str, automatic: bool) -> JobProgress:
    """Return a run after a step; one that failed waits for the person."""
    work = step.run.work
    report = [Button(_("Download the report"), "report")] if work.deed.turns else []
    return make_progress(
        bulk.outcome(work.deed).rstrip("."),
        work.position,
        Button(_("Continue"), "run", "primary"),
        [("state", token)],
        report,
        automatic and step.error is None and not step.is_stuck and not has_only_failures(step),
        resume,
    )


def has_only_failures(step: Step) -> bool:
    """Return whether the store refuses key after key, so that going on is for a person to say."""
    sweep = step.run.work.deed
    return bool(sweep.failed) and not sweep.done


def make_step_alerts(step: Step) -> list[Alert]:
    """Return what is to be known of a run beside its counts."""
    found = []
    if step.continued:
        text = _(
            "This run had gone on from an earlier page. It continues here, and what is counted "
            "now is what was done since."
        )
        found.append(Alert(text))
    return [*found, *make_failure_alerts(step), *make_missing_alerts(step.run.work.position)]


def make_failure_alerts(step: Step) -> list[Alert]:
    """Return what the store refuses, or may have done: an error where that is all there is."""
    work = step.run.work
    sweep, found = work.deed, []
    [(_key, reason), *_rest] = sweep.failures or ((b"", ""),)
    if has_only_failures(step) and not work.complete:
        text = _("Nothing could be changed so far: the store refuses. %(reason)s")
        found.append(Alert(text % {"reason": reason}, "warning"))
    elif has_only_failures(step):
        text = _("Nothing could be changed: the store refuses. %(reason)s")
        found.append(Alert(text % {"reason": reason}, "error"))
    elif sweep.failed and work.complete:
        text = ngettext(
            "%(count)s key could not be changed. %(reason)s",
            "%(count)s keys could not be changed. %(reason)s",
            sweep.failed,
        )
        what = {"count": formatting.number(sweep.failed), "reason": reason}
        found.append(Alert(text % what, "warning"))
    if sweep.in_doubt:
        text = ngettext(
            "%(count)s key may have been changed: the connection broke after it was asked for.",
            "%(count)s keys may have been changed: the connection broke after they were asked for.",
            sweep.in_doubt,
        )
        found.append(Alert(text % {"count": formatting.number(sweep.in_doubt)}, "warning"))
    return found


def make_missing_alerts(at: Position) -> list[Alert]:
    """Return what is missing among what was found."""
    found = []
    if at.unanswered:
        text = _(
            "%(servers)s did not answer: the keys there are not among these. Continue asks again."
        )
        found.append(Alert(text % {"servers": ", ".join(at.unanswered)}, "warning"))
    if at.unknown:
        text = ngettext(
            "%(count)s key was left alone: the server does not say whether it passes the filter.",
            "%(count)s keys were left alone: the server does not say whether they pass the filter.",
            at.unknown,
        )
        found.append(Alert(text % {"count": formatting.number(at.unknown)}, "warning"))
    return found


def make_failure_cards(run: Run, inspector: Inspector) -> list[Card]:
    """Return the keys that failed, if any did."""
    sweep = run.work.deed
    if not sweep.failures:
        return []
    rows = [
        Row([Cell(formatting.name(inspector.name(stored)), kind="key"), Cell(reason)])
        for stored, reason in sweep.failures[:MAX_FAILURES_SHOWN]
    ]
    note = ""
    if sweep.failed > len(rows):
        note = _("The report has %(kept)s of %(failed)s.") % {
            "kept": formatting.number(len(sweep.failures)),
            "failed": formatting.number(sweep.failed),
        }
    table = Table([Header(_("Key")), Header(_("Reason"))], rows, caption=_("Failed"))
    return [Card(_("Failed"), table=table, note=note)]


def continue_count(
    page: BaseCacheView, work: Work[Survey], find: Find
) -> tuple[Work[Survey], bool]:
    """Go on counting for one budget; return what was counted, and whether that led further."""
    works = [work]

    def count() -> None:
        deadline = time.monotonic() + limits().scan_budget
        for more in advance(work, find, page.inspector, deadline):
            works.append(more)  # noqa: PERF402  # What is there already stays.

    answer = page.call_cache(page.inspector, count)
    after = works[-1]
    page.alerts += make_missing_alerts(after.position)
    came_further = after.position.token != work.position.token
    return after, answer.error is None and came_further


FORMULA_CHARACTERS = "=+\\-@＝＋－＠﹦﹢﹣﹫−"
"""What a spreadsheet takes for the beginning of something to compute, in any width."""

FORMULA_START = re.compile(rf"(^|[;|])(?=[\s\"'`]*[{FORMULA_CHARACTERS}])")
"""Where a cell begins one, or its part where a program takes `;` for the end of a cell."""


def make_report(inspector: Inspector, name: str, said: str, work: Work[Sweep]) -> HttpResponse:
    """Return a table of what was done and of the keys that failed, in CSV."""
    headers = {"Content-Disposition": f'attachment; filename="cachex-{name}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    sweep = work.deed
    writer = csv.writer(response)

    def write(*cells: object) -> None:
        writer.writerow([escape_csv_cell(str(one)) for one in cells])

    write(_("cache"), inspector.alias)
    write(_("what"), said)
    write(_("changed"), sweep.done)
    write(_("already gone"), sweep.gone)
    write(_("failed"), sweep.failed)
    if sweep.in_doubt:
        write(_("outcome unknown"), sweep.in_doubt)
    write(_("examined"), format_examined(work.position.examined, work.position))
    if sweep.failures:
        write()
        write(_("key"), _("reason"))
    for stored, reason in sweep.failures:
        write(inspector.name(stored), reason)
    return response


def escape_csv_cell(text: str) -> str:
    """Return a text on one line, of which no spreadsheet computes anything."""
    return FORMULA_START.sub(r"\1'", one_line(text))
