"""What a run has done, as a file."""

from __future__ import annotations

import csv
import re

from django.http import HttpResponse
from django.utils.translation import gettext as _

from django_cachex.admin.pages.keycells import how_far
from django_cachex.commands.text import one_line
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Sweep, Work

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
