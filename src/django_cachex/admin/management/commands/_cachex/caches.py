"""The subcommands `caches`, `info` and `namespaces`."""

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
from django_cachex.admin.views.keys_table import format_examined
from django_cachex.admin.views.namespaces import format_share
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


class CachesSubcommand(Subcommand):
    help = "List the caches in settings.CACHES and whether they are up."

    @staticmethod
    def run(context: CommandContext) -> int:
        inspectors = [inspector_for(alias) for alias in visible_aliases()]
        executor = DeadlineExecutor(limits().timeout)
        results = executor.run_all({inspector: inspector.status for inspector in inspectors})
        if context.output.as_json:
            for inspector in inspectors:
                context.output.write_json(**status_fields(inspector, results[inspector]))
        else:
            headers = [_("CACHE"), _("LEVEL"), _("KEYS"), _("MEMORY"), _("STATE"), _("BACKEND")]
            rows = [_status_row(inspector, results[inspector]) for inspector in inspectors]
            context.output.write_table([*headers, _("LOCATION")], rows)
        is_down = any(result.error is not None for result in results.values())
        return EXIT_FAILED if is_down else EXIT_OK


def status_fields(inspector: Inspector, result: CallResult[Status]) -> dict[str, Any]:
    """Return the status of a cache as JSON fields."""
    status = result.value or Status()
    return {
        "cache": inspector.alias,
        "backend": inspector.backend,
        "location": inspector.location,
        "support": str(inspector.support),
        "keys": status.keys,
        "memory": status.memory,
        "latency": status.latency,
        "up": result.error is None,
        "error": None if result.error is None else short_error(inspector, result.error),
    }


def _status_row(inspector: Inspector, result: CallResult[Status]) -> list[str]:
    status = result.value or Status()
    state = _("up") if result.error is None else _("down")
    if result.error is not None:
        state = f"{state}: {short_error(inspector, result.error)}"
    return [
        inspector.alias,
        str(inspector.support),
        formatting.NO_VALUE if status.keys is None else formatting.format_number(status.keys),
        formatting.NO_VALUE if status.memory is None else formatting.format_size(status.memory),
        state,
        inspector.backend,
        inspector.location,
    ]


class InfoSubcommand(Subcommand):
    help = "Show the configuration of a cache and information from its server."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache_argument(parser)

    @staticmethod
    def run(context: CommandContext) -> int:
        inspector = context.inspector(context["cache"], VIEW_INFO)
        sections = [inspector.configuration(), *context.call(inspector, inspector.info)]
        for section in sections:
            if context.output.as_json:
                _write_section_json(context, section)
            else:
                _write_section(context, section)
        return EXIT_OK


def _iter_facts(section: InfoSection) -> list[InfoField]:
    return [*([section.headline] if section.headline else []), *section.fields]


def _write_section_json(context: CommandContext, section: InfoSection) -> None:
    for field in _iter_facts(section):
        context.output.write_json(section=section.title, **_fact_fields(field))
    for row in section.rows:
        values = zip(section.columns, row, strict=False)
        context.output.write_json(
            section=section.title, **{str(column): field.value for column, field in values}
        )


def _write_section(context: CommandContext, section: InfoSection) -> None:
    output = context.output
    output.write_text(str(section.title))
    for field in _iter_facts(section):
        output.write_text(f"  {field.label}: {_format_fact(field)}")
    if section.rows:
        rows = [[_format_fact(field) for field in row] for row in section.rows]
        output.write_table([str(column) for column in section.columns], rows)
    if section.note:
        output.write_text(f"  {section.note}")


def _format_fact(field: InfoField) -> str:
    text, _exact = formatting.format_unit(field.value, field.unit)
    return text


def _fact_fields(field: InfoField) -> dict[str, Any]:
    return {"label": str(field.label), "value": field.value, "unit": str(field.unit)}


class NamespacesSubcommand(Subcommand):
    help = "Count keys by the parts of their names, in a sample or in all keys."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache_argument(parser)
        parser.add_argument("--under", default="", help="only keys that start with this")
        parser.add_argument("--all", action="store_true", help="count every key, not a sample")

    @staticmethod
    def run(context: CommandContext) -> int:
        inspector = context.inspector(context["cache"], VIEW_NAMESPACES)
        if not inspector.has_key_names:
            raise command_failed(
                _("This backend stores hashes of its keys, so their names aren't known.")
            )
        job = _count_namespaces(context, inspector)
        _write_accuracy(context, inspector, job)
        sample = _sample(inspector, job)
        for path, branch in _flatten_branches(job.task):
            _write_branch(context, job.task, sample, path, branch)
        return EXIT_OK if job.task.total.keys else EXIT_FAILED


def _count_namespaces(context: CommandContext, inspector: Inspector) -> Job[NamespaceStats]:
    """Count the keys of each namespace, in all keys or in a sample."""
    under = context["under"]
    query = Query(parse_pattern(f"{under}*" if under else ""))
    find = context.make_find(inspector, query, VIEW_NAMESPACES)
    job = Job(NamespaceStats(NamespaceOptions(limits().namespace_separator, under)))
    output = context.output
    try:
        while not job.complete and (context["all"] or not _has_enough_samples(inspector, job)):
            before = job.progress.token
            batches = advance(job, find, inspector, time.monotonic() + limits().scan_budget)
            for job in context.call(inspector, lambda: list(batches)):  # noqa: B023  # called at once
                output.show_progress(job.progress, format_key_count(job.task.total.keys))
            if job.progress.token == before:
                break
    finally:
        output.clear_progress()
    return job


def _has_enough_samples(inspector: Inspector, job: Job[NamespaceStats]) -> bool:
    return inspector.has_random_order and job.progress.examined >= limits().namespace_sample


def _sample(inspector: Inspector, job: Job[NamespaceStats]) -> Sample:
    at = job.progress
    if job.complete or not inspector.has_random_order or not at.total:
        return Sample(job.task.total)
    return Sample(job.task.total, min(1.0, at.examined / at.total))


def _write_accuracy(
    context: CommandContext, inspector: Inspector, job: Job[NamespaceStats]
) -> None:
    text = format_examined(job.progress.examined, job.progress)
    if not job.complete:
        text = f"{text}; {_('a sample; ± is the margin of error of a share')}"
    context.output.write_error(text)


def _flatten_branches(
    stats: NamespaceStats, path: NamespacePath = ()
) -> list[tuple[NamespacePath, Branch]]:
    branches = []
    for one, branch in stats.tree.children(path):
        branches += [(one, branch), *_flatten_branches(stats, one)]
    return branches


def _write_branch(
    context: CommandContext,
    stats: NamespaceStats,
    sample: Sample,
    path: NamespacePath,
    branch: Branch,
) -> None:
    separator = stats.options.separator
    name = stats.options.prefix + "".join(part + separator for part in path) + "*"
    weight = branch.usage
    share = sample.memory_share(weight) or sample.key_share(weight.keys)
    if context.output.as_json:
        context.output.write_json(
            namespace=name,
            keys=sample.scale_up(weight.keys),
            memory=sample.scale_up(weight.memory) if stats.keys_with_memory else None,
            share=round(share.value, 6) if share else None,
            error=round(share.error, 6) if share else None,
            immortal=round(weight.no_expiry / weight.keys, 6),
            at_least=branch.lower_bound,
        )
        return
    columns = (
        formatting.format_number(sample.scale_up(weight.keys)),
        formatting.format_size(sample.scale_up(weight.memory))
        if stats.keys_with_memory
        else formatting.NO_VALUE,
        format_share(share) if share else "",
    )
    widths = (12, 10, 14)
    cells = (text.rjust(width) for text, width in zip(columns, widths, strict=True))
    context.output.write_text(f"{'  '.join(cells)}  {name}")
