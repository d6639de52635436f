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
from django_cachex.admin.components import Button, Card, Cell, Header, Notice, Row, Table, Working
from django_cachex.admin.links import LONGEST_ID
from django_cachex.admin.views.base import CachePage
from django_cachex.admin.views.keys_table import how_far
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Find, Position, Sweep, Work, advance
from django_cachex.inspectors.namespaces import Survey

MOST_FAILURES = 20
"""Keys that failed, of those that the report has."""


def working(
    said: str,
    position: Position,
    go_on: Button,
    hidden: Sequence[tuple[str, str]],
    buttons: Sequence[Button] = (),
    automatic: bool = True,
    resume: str = "",
    action: str = "",
) -> Working:
    """Return work at a position; at its end nothing carries it on."""
    share = None
    if position.total is not None:
        share = 1.0 if position.complete else position.examined / max(1, position.total)
    return Working(
        progress=f"{said} · {how_far(position.examined, position)}",
        share=share,
        hidden=hidden,
        go_on=None if position.complete else go_on,
        automatic=automatic and not position.complete,
        buttons=buttons,
        resume=resume if len(resume) <= LONGEST_ID else "",
        action=action,
    )


def running(step: Step, token: str, resume: str, automatic: bool) -> Working:
    """Return a run after a step; one that failed waits for the person."""
    work = step.run.work
    report = [Button(_("Download the report"), "report")] if work.deed.turns else []
    return working(
        bulk.outcome(work.deed).rstrip("."),
        work.position,
        Button(_("Continue"), "run", "primary"),
        [("state", token)],
        report,
        automatic and step.error is None and not step.is_stuck and not is_refused(step),
        resume,
    )


def is_refused(step: Step) -> bool:
    """Return whether the store refuses key after key, so that going on is for a person to say."""
    sweep = step.run.work.deed
    return bool(sweep.failed) and not sweep.done


def step_notices(step: Step) -> list[Notice]:
    """Return what is to be known of a run beside its counts."""
    found = []
    if step.continued:
        text = _(
            "This run was already continued from another page. It continues here, and the counts "
            "cover only what is done from here on."
        )
        found.append(Notice(text))
    return [*found, *refusals(step), *about(step.run.work.position)]


def refusals(step: Step) -> list[Notice]:
    """Return what the store refuses, or may have done: an error where that is all there is."""
    work = step.run.work
    sweep, found = work.deed, []
    [(_key, reason), *_rest] = sweep.failures or ((b"", ""),)
    if is_refused(step) and not work.complete:
        text = _("Nothing could be changed so far, because the cache refused. %(reason)s")
        found.append(Notice(text % {"reason": reason}, "warning"))
    elif is_refused(step):
        text = _("Nothing could be changed, because the cache refused. %(reason)s")
        found.append(Notice(text % {"reason": reason}, "error"))
    elif sweep.failed and work.complete:
        text = ngettext(
            "%(count)s key could not be changed. %(reason)s",
            "%(count)s keys could not be changed. %(reason)s",
            sweep.failed,
        )
        what = {"count": formatting.number(sweep.failed), "reason": reason}
        found.append(Notice(text % what, "warning"))
    if sweep.in_doubt:
        text = ngettext(
            "%(count)s key may have been changed: the connection was lost before the answer "
            "arrived.",
            "%(count)s keys may have been changed: the connection was lost before the answer "
            "arrived.",
            sweep.in_doubt,
        )
        found.append(Notice(text % {"count": formatting.number(sweep.in_doubt)}, "warning"))
    return found


def about(at: Position) -> list[Notice]:
    """Return what is missing among what was found."""
    found = []
    if at.unanswered:
        text = _(
            "%(servers)s did not answer. The keys stored there are missing here. Select "
            "Continue to try again."
        )
        found.append(Notice(text % {"servers": ", ".join(at.unanswered)}, "warning"))
    if at.unknown:
        text = ngettext(
            "%(count)s key was skipped, because the server doesn't say whether it matches "
            "the filter.",
            "%(count)s keys were skipped, because the server doesn't say whether they match "
            "the filter.",
            at.unknown,
        )
        found.append(Notice(text % {"count": formatting.number(at.unknown)}, "warning"))
    return found


def run_cards(run: Run, inspector: Inspector) -> list[Card]:
    """Return the keys that failed, if any did."""
    sweep = run.work.deed
    if not sweep.failures:
        return []
    rows = [
        Row([Cell(formatting.name(inspector.name(stored)), kind="key"), Cell(reason)])
        for stored, reason in sweep.failures[:MOST_FAILURES]
    ]
    note = ""
    if sweep.failed > len(rows):
        note = _("The report lists %(kept)s of %(failed)s failures.") % {
            "kept": formatting.number(len(sweep.failures)),
            "failed": formatting.number(sweep.failed),
        }
    table = Table([Header(_("Key")), Header(_("Reason"))], rows, caption=_("Failed"))
    return [Card(_("Failed"), table=table, note=note)]


def count_on(page: CachePage, work: Work[Survey], find: Find) -> tuple[Work[Survey], bool]:
    """Go on counting for one budget; return what was counted, and whether that led further."""
    works = [work]

    def count() -> None:
        deadline = time.monotonic() + limits().scan_budget
        for more in advance(work, find, page.inspector, deadline):
            works.append(more)  # noqa: PERF402  # What is there already stays.

    answer = page.ask(page.inspector, count)
    after = works[-1]
    page.notices += about(after.position)
    came_further = after.position.token != work.position.token
    return after, answer.error is None and came_further


SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫−"
"""What a spreadsheet takes for the beginning of something to compute, in any width."""

FORMULA = re.compile(rf"(^|[;|])(?=[\s\"'`]*[{SIGNS}])")
"""Where a cell begins one, or its part where a program takes `;` for the end of a cell."""


def report(inspector: Inspector, name: str, said: str, work: Work[Sweep]) -> HttpResponse:
    """Return a table of what was done and of the keys that failed, in CSV."""
    headers = {"Content-Disposition": f'attachment; filename="cachex-{name}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    sweep = work.deed
    writer = csv.writer(response)

    def write(*cells: object) -> None:
        writer.writerow([cell(str(one)) for one in cells])

    write(_("cache"), inspector.alias)
    write(_("what"), said)
    write(_("changed"), sweep.done)
    write(_("already gone"), sweep.gone)
    write(_("failed"), sweep.failed)
    if sweep.in_doubt:
        write(_("outcome unknown"), sweep.in_doubt)
    write(_("examined"), how_far(work.position.examined, work.position))
    if sweep.failures:
        write()
        write(_("key"), _("reason"))
    for stored, reason in sweep.failures:
        write(inspector.name(stored), reason)
    return response


def cell(text: str) -> str:
    """Return a text on one line, of which no spreadsheet computes anything."""
    return FORMULA.sub(r"\1'", one_line(text))
