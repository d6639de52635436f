"""Caches, and their namespaces."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin import formatting
from django_cachex.admin.deadline import CallResult, DeadlineExecutor
from django_cachex.admin.errors import short_error
from django_cachex.admin.management.commands._cachex.bulk import format_key_count
from django_cachex.admin.management.commands._cachex.context import (
    EXIT_FAILED,
    EXIT_OK,
    CommandContext,
    Subcommand,
    add_cache_argument,
    command_failed,
    parse_pattern,
)
from django_cachex.admin.permissions import VIEW_INFO, VIEW_NAMESPACES, visible_aliases
from django_cachex.admin.views.keys_table import how_far
from django_cachex.admin.views.namespaces import percent
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.info import Fact, Section, Status
from django_cachex.inspectors.jobs import Work, advance
from django_cachex.inspectors.namespaces import Branch, Path, Sample, Sorting, Survey
from django_cachex.inspectors.query import Query


class Caches(Subcommand):
    help = "List the caches of settings.CACHES, and whether they answer."

    @staticmethod
    def run(session: CommandContext) -> int:
        inspectors = [inspector_for(alias) for alias in visible_aliases()]
        asker = DeadlineExecutor(limits().timeout)
        answers = asker.run_all({inspector: inspector.status for inspector in inspectors})
        if session.output.as_json:
            for inspector in inspectors:
                session.output.write_json(**status_fields(inspector, answers[inspector]))
        else:
            headers = [_("CACHE"), _("LEVEL"), _("KEYS"), _("MEMORY"), _("STATE"), _("BACKEND")]
            rows = [_status_row(inspector, answers[inspector]) for inspector in inspectors]
            session.output.write_table([*headers, _("LOCATION")], rows)
        is_down = any(answer.error is not None for answer in answers.values())
        return EXIT_FAILED if is_down else EXIT_OK


def status_fields(inspector: Inspector, answer: CallResult[Status]) -> dict[str, Any]:
    """Return what is known of a cache, for programs."""
    status = answer.value or Status()
    return {
        "cache": inspector.alias,
        "backend": inspector.backend,
        "location": inspector.location,
        "support": str(inspector.support),
        "keys": status.keys,
        "memory": status.memory,
        "latency": status.latency,
        "up": answer.error is None,
        "error": None if answer.error is None else short_error(inspector, answer.error),
    }


def _status_row(inspector: Inspector, answer: CallResult[Status]) -> list[str]:
    status = answer.value or Status()
    state = _("up") if answer.error is None else _("down")
    if answer.error is not None:
        state = f"{state}: {short_error(inspector, answer.error)}"
    return [
        inspector.alias,
        str(inspector.support),
        formatting.NO_VALUE if status.keys is None else formatting.format_number(status.keys),
        formatting.NO_VALUE if status.memory is None else formatting.format_size(status.memory),
        state,
        inspector.backend,
        inspector.location,
    ]


class Info(Subcommand):
    help = "Show what a cache is configured as and what its server says of itself."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache_argument(parser)

    @staticmethod
    def run(session: CommandContext) -> int:
        inspector = session.inspector(session["cache"], VIEW_INFO)
        sections = [inspector.configuration(), *session.call(inspector, inspector.info)]
        for section in sections:
            if session.output.as_json:
                _write_section_json(session, section)
            else:
                _write_section(session, section)
        return EXIT_OK


def _iter_facts(section: Section) -> list[Fact]:
    return [*([section.headline] if section.headline else []), *section.facts]


def _write_section_json(session: CommandContext, section: Section) -> None:
    for fact in _iter_facts(section):
        session.output.write_json(section=section.title, **_fact_fields(fact))
    for row in section.rows:
        values = zip(section.columns, row, strict=False)
        session.output.write_json(
            section=section.title, **{str(column): fact.value for column, fact in values}
        )


def _write_section(session: CommandContext, section: Section) -> None:
    output = session.output
    output.write_text(str(section.title))
    for fact in _iter_facts(section):
        output.write_text(f"  {fact.label}: {_format_fact(fact)}")
    if section.rows:
        rows = [[_format_fact(fact) for fact in row] for row in section.rows]
        output.write_table([str(column) for column in section.columns], rows)
    if section.note:
        output.write_text(f"  {section.note}")


def _format_fact(fact: Fact) -> str:
    text, _exact = formatting.format_unit(fact.value, fact.unit)
    return text


def _fact_fields(fact: Fact) -> dict[str, Any]:
    return {"label": str(fact.label), "value": fact.value, "unit": str(fact.unit)}


class Namespaces(Subcommand):
    help = "Count keys by the parts of their names: a sample, or all."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache_argument(parser)
        parser.add_argument("--under", default="", help="only names that begin so")
        parser.add_argument("--all", action="store_true", help="count every key, not a sample")

    @staticmethod
    def run(session: CommandContext) -> int:
        inspector = session.inspector(session["cache"], VIEW_NAMESPACES)
        if not inspector.names_are_known:
            raise command_failed(
                _("This store knows its keys by a hash: their names cannot be told.")
            )
        work = _count_namespaces(session, inspector)
        _write_accuracy(session, inspector, work)
        sample = _sample(inspector, work)
        for path, branch in _flatten_branches(work.deed):
            _write_branch(session, work.deed, sample, path, branch)
        return EXIT_OK if work.deed.whole.keys else EXIT_FAILED


def _count_namespaces(session: CommandContext, inspector: Inspector) -> Work[Survey]:
    """Return the survey of all keys, or of as many as make a sample."""
    under = session["under"]
    query = Query(parse_pattern(f"{under}*" if under else ""))
    find = session.make_find(inspector, query, VIEW_NAMESPACES)
    work = Work(Survey(Sorting(limits().namespace_separator, under)))
    output = session.output
    try:
        while not work.complete and (session["all"] or not _has_enough_samples(inspector, work)):
            before = work.position.token
            batches = advance(work, find, inspector, time.monotonic() + limits().scan_budget)
            for work in session.call(inspector, lambda: list(batches)):  # noqa: B023  # at once
                output.show_progress(work.position, format_key_count(work.deed.whole.keys))
            if work.position.token == before:
                break
    finally:
        output.clear_progress()
    return work


def _has_enough_samples(inspector: Inspector, work: Work[Survey]) -> bool:
    return inspector.scans_at_random and work.position.examined >= limits().namespace_sample


def _sample(inspector: Inspector, work: Work[Survey]) -> Sample:
    at = work.position
    if work.complete or not inspector.scans_at_random or not at.total:
        return Sample(work.deed.whole)
    return Sample(work.deed.whole, min(1.0, at.examined / at.total))


def _write_accuracy(session: CommandContext, inspector: Inspector, work: Work[Survey]) -> None:
    text = how_far(work.position.examined, work.position)
    if not work.complete:
        text = f"{text}; {_('a sample: ± is how far a share may be off')}"
    session.output.write_error(text)


def _flatten_branches(survey: Survey, path: Path = ()) -> list[tuple[Path, Branch]]:
    found = []
    for one, branch in survey.tree.under(path):
        found += [(one, branch), *_flatten_branches(survey, one)]
    return found


def _write_branch(
    session: CommandContext, survey: Survey, sample: Sample, path: Path, branch: Branch
) -> None:
    separator = survey.sorting.separator
    name = survey.sorting.under + "".join(part + separator for part in path) + "*"
    weight = branch.weight
    share = sample.of_memory(weight) or sample.of_keys(weight.keys)
    if session.output.as_json:
        session.output.write_json(
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
        formatting.format_number(sample.expected(weight.keys)),
        formatting.format_size(sample.expected(weight.memory))
        if survey.weighed
        else formatting.NO_VALUE,
        percent(share) if share else "",
    )
    widths = (12, 10, 14)
    cells = (text.rjust(width) for text, width in zip(columns, widths, strict=True))
    session.output.write_text(f"{'  '.join(cells)}  {name}")
