"""Caches, and their namespaces."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin import formatting
from django_cachex.admin.deadline import Answer, Asker
from django_cachex.admin.errors import reason
from django_cachex.admin.management.commands._cachex.bulk import keys_counted
from django_cachex.admin.management.commands._cachex.context import (
    DONE,
    FAILED,
    Session,
    Subcommand,
    add_cache,
    failed,
    pattern_of,
)
from django_cachex.admin.permissions import SEE_INFO, SEE_NAMESPACES, visible_aliases
from django_cachex.admin.views.keys_table import how_far
from django_cachex.admin.views.namespaces import percent
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.info import InfoField, InfoSection, Status
from django_cachex.inspectors.jobs import Job, advance
from django_cachex.inspectors.namespaces import (
    Branch,
    NamespaceOptions,
    NamespacePath,
    NamespaceStats,
    Sample,
)
from django_cachex.inspectors.query import Query


class Caches(Subcommand):
    help = "List the caches of settings.CACHES, and whether they answer."

    @staticmethod
    def run(session: Session) -> int:
        inspectors = [inspector_for(alias) for alias in visible_aliases()]
        asker = Asker(limits().timeout)
        answers = asker.ask_all({inspector: inspector.status for inspector in inspectors})
        if session.output.as_json:
            for inspector in inspectors:
                session.output.record(**as_values(inspector, answers[inspector]))
        else:
            headers = [_("CACHE"), _("LEVEL"), _("KEYS"), _("MEMORY"), _("STATE"), _("BACKEND")]
            rows = [_row(inspector, answers[inspector]) for inspector in inspectors]
            session.output.table([*headers, _("LOCATION")], rows)
        is_down = any(answer.error is not None for answer in answers.values())
        return FAILED if is_down else DONE


def as_values(inspector: Inspector, answer: Answer[Status]) -> dict[str, Any]:
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
        "error": None if answer.error is None else reason(inspector, answer.error),
    }


def _row(inspector: Inspector, answer: Answer[Status]) -> list[str]:
    status = answer.value or Status()
    state = _("up") if answer.error is None else _("down")
    if answer.error is not None:
        state = f"{state}: {reason(inspector, answer.error)}"
    return [
        inspector.alias,
        str(inspector.support),
        formatting.NOTHING if status.keys is None else formatting.number(status.keys),
        formatting.NOTHING if status.memory is None else formatting.size(status.memory),
        state,
        inspector.backend,
        inspector.location,
    ]


class Info(Subcommand):
    help = "Show what a cache is configured as and what its server says of itself."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache(parser)

    @staticmethod
    def run(session: Session) -> int:
        inspector = session.inspector(session["cache"], SEE_INFO)
        sections = [inspector.configuration(), *session.attempt(inspector, inspector.info)]
        for section in sections:
            if session.output.as_json:
                _record_section(session, section)
            else:
                _say_section(session, section)
        return DONE


def _facts(section: InfoSection) -> list[InfoField]:
    return [*([section.headline] if section.headline else []), *section.fields]


def _record_section(session: Session, section: InfoSection) -> None:
    for fact in _facts(section):
        session.output.record(section=section.title, **_as_values(fact))
    for row in section.rows:
        values = zip(section.columns, row, strict=False)
        session.output.record(
            section=section.title, **{str(column): fact.value for column, fact in values}
        )


def _say_section(session: Session, section: InfoSection) -> None:
    output = session.output
    output.say(str(section.title))
    for fact in _facts(section):
        output.say(f"  {fact.label}: {_in_words(fact)}")
    if section.rows:
        rows = [[_in_words(fact) for fact in row] for row in section.rows]
        output.table([str(column) for column in section.columns], rows)
    if section.note:
        output.say(f"  {section.note}")


def _in_words(fact: InfoField) -> str:
    text, _exact = formatting.amount(fact.value, fact.unit)
    return text


def _as_values(fact: InfoField) -> dict[str, Any]:
    return {"label": str(fact.label), "value": fact.value, "unit": str(fact.unit)}


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
        if not inspector.has_key_names:
            raise failed(_("This store knows its keys by a hash: their names cannot be told."))
        work = _counted(session, inspector)
        _say_how_sure(session, inspector, work)
        sample = _sample(inspector, work)
        for path, branch in _listed(work.task):
            _write_branch(session, work.task, sample, path, branch)
        return DONE if work.task.total.keys else FAILED


def _counted(session: Session, inspector: Inspector) -> Job[NamespaceStats]:
    """Return the survey of all keys, or of as many as make a sample."""
    under = session["under"]
    query = Query(pattern_of(f"{under}*" if under else ""))
    find = session.finder(inspector, query, SEE_NAMESPACES)
    work = Job(NamespaceStats(NamespaceOptions(limits().namespace_separator, under)))
    output = session.output
    try:
        while not work.complete and (session["all"] or not _is_enough(inspector, work)):
            before = work.progress.token
            batches = advance(work, find, inspector, time.monotonic() + limits().scan_budget)
            for work in session.attempt(inspector, lambda: list(batches)):  # noqa: B023  # at once
                output.progress(work.progress, keys_counted(work.task.total.keys))
            if work.progress.token == before:
                break
    finally:
        output.progress_ends()
    return work


def _is_enough(inspector: Inspector, work: Job[NamespaceStats]) -> bool:
    return inspector.has_random_order and work.progress.examined >= limits().namespace_sample


def _sample(inspector: Inspector, work: Job[NamespaceStats]) -> Sample:
    at = work.progress
    if work.complete or not inspector.has_random_order or not at.total:
        return Sample(work.task.total)
    return Sample(work.task.total, min(1.0, at.examined / at.total))


def _say_how_sure(session: Session, inspector: Inspector, work: Job[NamespaceStats]) -> None:
    text = how_far(work.progress.examined, work.progress)
    if not work.complete:
        text = f"{text}; {_('a sample: ± is how far a share may be off')}"
    session.output.warn(text)


def _listed(survey: NamespaceStats, path: NamespacePath = ()) -> list[tuple[NamespacePath, Branch]]:
    found = []
    for one, branch in survey.tree.children(path):
        found += [(one, branch), *_listed(survey, one)]
    return found


def _write_branch(
    session: Session, survey: NamespaceStats, sample: Sample, path: NamespacePath, branch: Branch
) -> None:
    separator = survey.options.separator
    name = survey.options.prefix + "".join(part + separator for part in path) + "*"
    weight = branch.usage
    share = sample.memory_share(weight) or sample.key_share(weight.keys)
    if session.output.as_json:
        session.output.record(
            namespace=name,
            keys=sample.scale_up(weight.keys),
            memory=sample.scale_up(weight.memory) if survey.keys_with_memory else None,
            share=round(share.value, 6) if share else None,
            error=round(share.error, 6) if share else None,
            immortal=round(weight.no_expiry / weight.keys, 6),
            at_least=branch.lower_bound,
        )
        return
    columns = (
        formatting.number(sample.scale_up(weight.keys)),
        formatting.size(sample.scale_up(weight.memory))
        if survey.keys_with_memory
        else formatting.NOTHING,
        percent(share) if share else "",
    )
    widths = (12, 10, 14)
    cells = (text.rjust(width) for text, width in zip(columns, widths, strict=True))
    session.output.say(f"{'  '.join(cells)}  {name}")
