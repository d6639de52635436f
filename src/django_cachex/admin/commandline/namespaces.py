"""Namespaces of a cache's keys, counted."""

from __future__ import annotations

import time
from argparse import ArgumentParser

from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.admin.access import SEE_NAMESPACES
from django_cachex.admin.commandline.options import add_cache, pattern_of
from django_cachex.admin.commandline.session import DONE, FAILED, Session, Subcommand, failed
from django_cachex.admin.commandline.sweeping import keys_counted
from django_cachex.admin.pages.keycells import how_far
from django_cachex.admin.pages.surveyed import percent
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Work, advance
from django_cachex.inspectors.namespaces import Branch, Path, Sample, Sorting, Survey
from django_cachex.inspectors.query import Query


class Namespaces(Subcommand):
    help = "Count keys by the parts of their names: a sample, or all."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache(parser)
        parser.add_argument("--under", default="", help="only names that begin so")
        parser.add_argument("--all", action="store_true", help="count every key, not a sample")

    @staticmethod
    def run(session: Session) -> int:
        inspector = session.inspector(session["cache"], SEE_NAMESPACES)
        if not inspector.names_are_known:
            raise failed(_("This store knows its keys by a hash: their names cannot be told."))
        work = _counted(session, inspector)
        _say_how_sure(session, inspector, work)
        sample = _sample(inspector, work)
        for path, branch in _listed(work.deed):
            _write_branch(session, work.deed, sample, path, branch)
        return DONE if work.deed.whole.keys else FAILED


def _counted(session: Session, inspector: Inspector) -> Work[Survey]:
    """Return the survey of all keys, or of as many as make a sample."""
    under = session["under"]
    query = Query(pattern_of(f"{under}*" if under else ""))
    find = session.finder(inspector, query, SEE_NAMESPACES)
    work = Work(Survey(Sorting(limits().namespace_separator, under)))
    output = session.output
    try:
        while not work.complete and (session["all"] or not _is_enough(inspector, work)):
            before = work.position.token
            batches = advance(work, find, inspector, time.monotonic() + limits().scan_budget)
            for work in session.attempt(inspector, lambda: list(batches)):  # noqa: B023  # at once
                output.progress(work.position, keys_counted(work.deed.whole.keys))
            if work.position.token == before:
                break
    finally:
        output.progress_ends()
    return work


def _is_enough(inspector: Inspector, work: Work[Survey]) -> bool:
    return inspector.scans_at_random and work.position.examined >= limits().namespace_sample


def _sample(inspector: Inspector, work: Work[Survey]) -> Sample:
    at = work.position
    if work.complete or not inspector.scans_at_random or not at.total:
        return Sample(work.deed.whole)
    return Sample(work.deed.whole, min(1.0, at.examined / at.total))


def _say_how_sure(session: Session, inspector: Inspector, work: Work[Survey]) -> None:
    text = how_far(work.position.examined, work.position)
    if not work.complete:
        text = f"{text}; {_('a sample: ± is how far a share may be off')}"
    session.output.warn(text)


def _listed(survey: Survey, path: Path = ()) -> list[tuple[Path, Branch]]:
    found = []
    for one, branch in survey.tree.under(path):
        found += [(one, branch), *_listed(survey, one)]
    return found


def _write_branch(
    session: Session, survey: Survey, sample: Sample, path: Path, branch: Branch
) -> None:
    separator = survey.sorting.separator
    name = survey.sorting.under + "".join(part + separator for part in path) + "*"
    weight = branch.weight
    share = sample.of_memory(weight) or sample.of_keys(weight.keys)
    if session.output.as_json:
        session.output.record(
            namespace=name,
            keys=sample.expected(weight.keys),
            memory=sample.expected(weight.memory) if survey.weighed else None,
            share=round(share.value, 6) if share else None,
            error=round(share.error, 6) if share else None,
            immortal=round(weight.immortal / weight.keys, 6),
            at_least=branch.late,
        )
        return
    columns = (
        humane.number(sample.expected(weight.keys)),
        humane.size(sample.expected(weight.memory)) if survey.weighed else humane.NOTHING,
        percent(share) if share else "",
    )
    widths = (12, 10, 14)
    cells = (text.rjust(width) for text, width in zip(columns, widths, strict=True))
    session.output.say(f"{'  '.join(cells)}  {name}")
