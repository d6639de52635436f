"""What a run has done, as a file."""

from __future__ import annotations

import csv

from django.http import HttpResponse
from django.utils.translation import gettext as _

from django_cachex.admin.pages.keycells import how_far
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.work import Sweep, Work

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of something to compute."""


def report(inspector: Inspector, name: str, said: str, work: Work[Sweep]) -> HttpResponse:
    """Return a table of what was done and of the keys that failed, in CSV."""
    headers = {"Content-Disposition": f'attachment; filename="cachex-{name}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    sweep = work.deed
    write = csv.writer(response).writerow
    write([_("cache"), cell(inspector.alias)])
    write([_("what"), cell(said)])
    write([_("changed"), sweep.done])
    write([_("already gone"), sweep.gone])
    write([_("failed"), sweep.failed])
    write([_("examined"), how_far(work.position.examined, work.position)])
    if sweep.failures:
        write([])
        write([_("key"), _("reason")])
    for stored, reason in sweep.failures:
        write([cell(inspector.name(stored)), cell(reason)])
    return response


def cell(text: str) -> str:
    """Return a text that no spreadsheet computes."""
    return f"'{text}" if text.startswith(FORMULA) else text
