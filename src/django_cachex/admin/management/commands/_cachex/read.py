"""The subcommands `caches`, `info`, `namespaces`, `keys` and `get`, which change nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin import formatting
from django_cachex.admin.deadline import CallResult, DeadlineExecutor
from django_cachex.admin.kinds import kind_of_key
from django_cachex.admin.management.commands._cachex.context import (
    EXIT_FAILED,
    EXIT_OK,
    CommandContext,
    command_failed,
    make_find,
    parse_pattern,
)
from django_cachex.admin.messages import short_error
from django_cachex.admin.permissions import (
    VIEW_INFO,
    VIEW_KEYS,
    VIEW_NAMESPACES,
    visible_aliases,
)
from django_cachex.admin.views.keys_table import format_examined, format_values_read
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.info import InfoField, InfoSection, Status, Unit
from django_cachex.inspectors.jobs import FindKeys, ScanProgress
from django_cachex.inspectors.namespaces import (
    ROOT_PATH,
    Branch,
    NamespacePath,
    NamespaceStats,
    Sample,
)
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import TTL_NONE, Elements, KeyInfo, KeyValue, ScanPage

MAX_BATCH_KEYS = 500
BATCH_SECONDS = 1.0
"""The time in seconds after which the keys found so far are written."""


def list_caches(context: CommandContext) -> int:
    inspectors = [inspector_for(alias) for alias in visible_aliases()]
    executor = DeadlineExecutor(limits().timeout)
    results = executor.run_all({inspector: inspector.status for inspector in inspectors})
    if context.output.as_json:
        for inspector in inspectors:
            context.output.write_json(**_status_fields(inspector, results[inspector]))
    else:
        headers = [_("CACHE"), _("LEVEL"), _("KEYS"), _("MEMORY"), _("STATE"), _("BACKEND")]
        rows = [_status_row(inspector, results[inspector]) for inspector in inspectors]
        context.output.write_table([*headers, _("LOCATION")], rows)
    is_down = any(result.error is not None for result in results.values())
    return EXIT_FAILED if is_down else EXIT_OK


def _status_fields(inspector: Inspector, result: CallResult[Status]) -> dict[str, Any]:
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
    state = _("up")
    if result.error is not None:
        state = f"{_('down')}: {short_error(inspector, result.error)}"
    return [
        inspector.alias,
        str(inspector.support),
        formatting.NO_VALUE if status.keys is None else formatting.format_number(status.keys),
        formatting.NO_VALUE if status.memory is None else formatting.format_size(status.memory),
        state,
        inspector.backend,
        inspector.location,
    ]


def show_info(context: CommandContext) -> int:
    inspector = context.inspector(context["cache"], VIEW_INFO)
    write_section = _write_section_json if context.output.as_json else _write_section
    for section in [inspector.configuration(), *context.call(inspector, inspector.info)]:
        headline = [section.headline] if section.headline else []
        write_section(context, section, [*headline, *section.fields])
    return EXIT_OK


def _write_section_json(
    context: CommandContext, section: InfoSection, fields: list[InfoField]
) -> None:
    for field in fields:
        values = {"label": str(field.label), "value": field.value, "unit": str(field.unit)}
        context.output.write_json(section=section.title, **values)
    for row in section.rows:
        cells = zip(section.columns, row, strict=False)
        context.output.write_json(
            section=section.title, **{str(column): field.value for column, field in cells}
        )


def _write_section(context: CommandContext, section: InfoSection, fields: list[InfoField]) -> None:
    output = context.output
    output.write_text(str(section.title))
    for field in fields:
        output.write_text(f"  {field.label}: {_format_field(field)}")
    if section.rows:
        rows = [list(map(_format_field, row)) for row in section.rows]
        output.write_table([str(column) for column in section.columns], rows)
    if section.note:
        output.write_text(f"  {section.note}")


def _format_field(field: InfoField) -> str:
    text, _exact = formatting.format_in_unit(field.value, field.unit)
    return text


def list_namespaces(context: CommandContext) -> int:
    inspector = context.inspector(context["cache"], VIEW_NAMESPACES)
    if not inspector.has_key_names:
        raise command_failed(
            _("This backend stores hashes of its keys, so their names aren't known.")
        )
    under, examines_all = context["under"], context["all"] or not inspector.has_random_order
    find = make_find(inspector, Query(parse_pattern(f"{under}*" if under else "")), VIEW_NAMESPACES)

    def is_enough(progress: ScanProgress) -> bool:
        return not examines_all and progress.examined >= limits().namespace_sample

    job = context.count_keys(inspector, find, under, is_enough)
    accuracy = format_examined(job.progress.examined, job.progress)
    if not job.complete:
        accuracy = f"{accuracy}; {_('a sample; ± is the margin of error of a share')}"
    context.output.write_error(accuracy)
    sample = Sample.of(job, inspector)
    for path, branch in _iter_branches(job.task):
        _write_branch(context, job.task, sample, path, branch)
    return EXIT_OK if job.task.total.keys else EXIT_FAILED


def _iter_branches(
    stats: NamespaceStats, path: NamespacePath = ROOT_PATH
) -> Iterator[tuple[NamespacePath, Branch]]:
    for child, branch in stats.tree.children(path):
        yield child, branch
        yield from _iter_branches(stats, child)


def _write_branch(
    context: CommandContext,
    stats: NamespaceStats,
    sample: Sample,
    path: NamespacePath,
    branch: Branch,
) -> None:
    name, usage = stats.options.pattern(path), branch.usage
    share = sample.memory_share(usage) or sample.key_share(usage.keys)
    memory = sample.scale_up(usage.memory) if stats.keys_with_memory else None
    if context.output.as_json:
        context.output.write_json(
            namespace=name,
            keys=sample.scale_up(usage.keys),
            memory=memory,
            share=round(share.value, 6) if share else None,
            error=round(share.error, 6) if share else None,
            immortal=round(usage.no_expiry / usage.keys, 6),
            at_least=branch.lower_bound,
        )
        return
    columns = (
        formatting.format_number(sample.scale_up(usage.keys)),
        formatting.NO_VALUE if memory is None else formatting.format_size(memory),
        formatting.format_share(share) if share else "",
    )
    cells = (text.rjust(width) for text, width in zip(columns, (12, 10, 14), strict=True))
    context.output.write_text(f"{'  '.join(cells)}  {name}")


def list_keys(context: CommandContext) -> int:
    inspector = context.inspector(context["cache"], VIEW_KEYS)
    context.require(inspector, "can_list")
    query, pages = context.query(inspector), [ScanPage((), "", 0, None)]
    if text := context["value_contains"]:
        require_value_search(inspector)
        query = replace(query, value_contains=text)
    find = remember_page(make_find(inspector, query, VIEW_KEYS), pages)
    total, batches = 0, iter_batches(inspector, find, context["limit"])
    while batch := context.call(inspector, lambda: next(batches, None)):
        total += len(batch)
        for info in batch:
            if context.output.as_json:
                context.output.write_json(**_key_fields(inspector, info))
            else:
                context.output.write_text(_format_key(inspector, info))
    if not total:
        context.output.write_text(_("No key found."))
    if counts := pages[-1].values:
        context.output.write_error(format_values_read(counts))
    return EXIT_OK if total else EXIT_FAILED


def require_value_search(inspector: Inspector) -> None:
    """Raise CommandError if the values of a cache can't be searched."""
    if "value_contains" not in inspector.filters or not inspector.can_get:
        text = _('The values of "%(alias)s" can\'t be searched.')
        raise command_failed(text % {"alias": inspector.alias})


def remember_page(find: FindKeys, pages: list[ScanPage]) -> FindKeys:
    """Return a function that finds the same keys, and keeps the last page in a list."""

    def find_and_remember(token: str, limit: int, deadline: float) -> ScanPage:
        pages[:] = [find(token, limit, deadline)]
        return pages[0]

    return find_and_remember


def iter_batches(inspector: Inspector, find: FindKeys, limit: int) -> Iterator[list[KeyInfo]]:
    """Yield batches of at most `limit` keys with their properties; of all keys if it is 0."""
    token, count = "", 0
    while True:
        want = min(MAX_BATCH_KEYS, limit - count) if limit else MAX_BATCH_KEYS
        page = find(token, want, time.monotonic() + BATCH_SECONDS)
        keys = page.keys[: limit - count] if limit else page.keys
        infos = [info for info in inspector.describe(keys) if info.exists] if keys else []
        count += len(infos)
        if infos:
            yield infos
        if page.complete or page.token == token or (limit and count >= limit):
            return
        token = page.token


def _format_key(inspector: Inspector, info: KeyInfo) -> str:
    """Return the properties of a key in columns."""
    size = formatting.NO_VALUE
    if info.size is not None and info.unit == Unit.BYTES:
        size = formatting.format_size(info.size)
    elif info.size is not None:
        size = formatting.format_count(info.size, info.unit)
    columns = (info.type or formatting.NO_VALUE, formatting.format_ttl(info.ttl), size)
    cells = (text.ljust(width) for text, width in zip(columns, (7, 20, 14), strict=True))
    return f"{'  '.join(cells)}  {inspector.display_key(info.key)}"


def _key_fields(inspector: Inspector, info: KeyInfo) -> dict[str, Any]:
    """Return the properties of a key as JSON fields; TTLs are in seconds, None for never."""
    known = {
        "key": inspector.display_key(info.key),
        "type": info.type,
        "size": info.size,
        "unit": info.unit,
    }
    kind, _name = kind_of_key(inspector, info.key)
    if kind is not None:
        known["kind"] = kind.name
    return known if info.ttl is None else {**known, "ttl": to_seconds(info.ttl)}


def to_seconds(ttl: int | None) -> float | None:
    """Return a TTL in seconds, or None if the key never expires or the TTL is not known."""
    return None if ttl is None or ttl == TTL_NONE else ttl / 1000


def get_value(context: CommandContext) -> int:
    inspector = context.inspector(context["cache"], VIEW_KEYS)
    if not (context["unsafe"] and inspector.can_get_unsafely):
        hint = _(" Use --unsafe to read it anyway.") if inspector.can_get_unsafely else ""
        context.require(inspector, "can_get", hint)
    stored = context.stored_key(inspector, context["key"], VIEW_KEYS)
    key_value = context.call(inspector, lambda: inspector.read(stored))
    if key_value is None:
        raise command_failed(_('There is no key "%(key)s".') % {"key": context["key"]})
    if context.output.as_json:
        fields = _key_fields(inspector, key_value.info)
        context.output.write_json(**fields, **_value_fields(key_value))
    else:
        kind, name = kind_of_key(inspector, stored)
        if kind is not None:
            context.output.write_error(f"{kind.label}: {kind.describe(name)}")
        _write_value(context, key_value)
    return EXIT_OK


def _value_fields(key_value: KeyValue) -> dict[str, Any]:
    """Return the value of a key as JSON fields."""
    if key_value.content is not None:
        content = key_value.content
        text = content.formatted
        return {"is": str(content.label), "text": text.text, "whole": text.shown >= text.total}
    if key_value.elements is not None:
        elements = key_value.elements
        rows = [[cell.formatted.text for cell in row.cells] for row in elements.rows]
        fields = {"elements": rows, "total": elements.total, "whole": len(rows) >= elements.total}
        if any(row.ttl is not None for row in elements.rows):
            fields["ttls"] = [to_seconds(row.ttl) for row in elements.rows]
        return fields
    return {"note": str(key_value.note)}


def _write_value(context: CommandContext, key_value: KeyValue) -> None:
    output, info, content = context.output, key_value.info, key_value.content
    label = str(content.label) if content is not None else info.type or ""
    output.write_error(f"{label} · {formatting.format_ttl(info.ttl)}")
    shown = total = 0
    if content is not None:
        output.write_value(content.formatted.text)
        shown, total = content.formatted.shown, content.formatted.total
    elif key_value.elements is not None:
        for cells in _element_rows(key_value.elements):
            output.write_text("  ".join(cells))
        shown, total = len(key_value.elements.rows), key_value.elements.total
    if shown < total:
        output.write_error(_("… %(total)s in total") % {"total": formatting.format_number(total)})
    if key_value.note:
        output.write_error(str(key_value.note))


def _element_rows(elements: Elements) -> list[list[str]]:
    """Return the header and the rows of a collection."""
    headers = [str(column) for column in elements.columns]
    rows = [[cell.formatted.text for cell in row.cells] for row in elements.rows]
    if any(row.ttl is not None for row in elements.rows):
        headers.append(_("TTL"))
        for cells, row in zip(rows, elements.rows, strict=True):
            cells.append(formatting.format_ttl(row.ttl))
    return [headers, *rows]
