"""The subcommands `keys`, `get` and `set`."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.management.commands._cachex.context import (
    EXIT_FAILED,
    EXIT_OK,
    CommandContext,
    Subcommand,
    add_cache_argument,
    add_change_options,
    add_expiry_options,
    add_search_arguments,
    command_failed,
    query_from_options,
    ttl_from_options,
)
from django_cachex.admin.messages import added_message
from django_cachex.admin.permissions import ADD, VIEW_KEYS
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import AddValue, EditStatus
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.jobs import FindKeys
from django_cachex.inspectors.types import TTL_NONE, Elements, KeyInfo, KeyValue
from django_cachex.inspectors.values import InvalidValue, parse_value

MAX_BATCH_KEYS = 500
BATCH_SECONDS = 1.0
"""The time in seconds after which the keys found so far are written."""


class KeysSubcommand(Subcommand):
    help = "List all keys, or those that match a pattern."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache_argument(parser)
        add_search_arguments(parser)
        parser.add_argument(
            "--limit", type=int, default=100, help="the maximum number of keys; 0 for all"
        )

    @staticmethod
    def run(context: CommandContext) -> int:
        inspector = context.inspector(context["cache"], VIEW_KEYS)
        if not inspector.can_list:
            raise command_failed(f'"{inspector.alias}": {inspector.unsupported_reason("can_list")}')
        query, total = query_from_options(context, inspector), 0
        find = context.make_find(inspector, query, VIEW_KEYS)
        batches = iter_batches(inspector, find, context["limit"])
        while True:
            page = context.call(inspector, lambda: next(batches, None))
            if page is None:
                break
            total += len(page)
            _write_batch(context, inspector, page)
        if not total:
            context.output.write_text(_("No key found."))
        return EXIT_OK if total else EXIT_FAILED


def iter_batches(inspector: Inspector, find: FindKeys, limit: int) -> Iterator[list[KeyInfo]]:
    """Yield batches of at most `limit` keys with their properties; of all keys if it is 0."""
    token, count = "", 0
    while True:
        want = min(MAX_BATCH_KEYS, limit - count) if limit else MAX_BATCH_KEYS
        listing = find(token, want, time.monotonic() + BATCH_SECONDS)
        keys = listing.keys[: limit - count] if limit else listing.keys
        page = [one for one in inspector.describe(keys) if one.exists] if keys else []
        count += len(page)
        if page:
            yield page
        if listing.complete or listing.token == token or (limit and count >= limit):
            return
        token = listing.token


def _write_batch(context: CommandContext, inspector: Inspector, page: list[KeyInfo]) -> None:
    output = context.output
    if output.as_json:
        for one in page:
            output.write_json(**description_fields(inspector, one))
        return
    for one in page:
        size = formatting.NO_VALUE if one.size is None else format_key_size(one)
        columns = (one.type or formatting.NO_VALUE, formatting.format_ttl(one.ttl), size)
        name = inspector.display_key(one.key)
        output.write_text(
            "  ".join(text.ljust(width) for text, width in zip(columns, (7, 20, 14), strict=True))
            + f"  {name}"
        )


def format_key_size(one: KeyInfo) -> str:
    """Return the size of a key in words."""
    count = one.size or 0
    return (
        formatting.format_size(count)
        if one.unit == Unit.BYTES
        else formatting.format_count(count, one.unit)
    )


def description_fields(inspector: Inspector, one: KeyInfo) -> dict[str, Any]:
    """Return the properties of a key as JSON fields; TTLs are in seconds, None for never."""
    known = {
        "key": inspector.display_key(one.key),
        "type": one.type,
        "size": one.size,
        "unit": one.unit,
    }
    return {**known, **ttl_fields(one)}


def ttl_fields(one: KeyInfo) -> dict[str, Any]:
    if one.ttl is None:
        return {}
    return {"ttl": to_seconds(one.ttl)}


def to_seconds(ttl: int | None) -> float | None:
    """Return a TTL in seconds, or None if the key never expires or the TTL is not known."""
    return None if ttl is None or ttl == TTL_NONE else ttl / 1000


class GetSubcommand(Subcommand):
    help = "Show the value of a key, without executing it."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache_argument(parser)
        parser.add_argument("key", help="the name of the key, as used in application code")
        parser.add_argument(
            "--unsafe",
            action="store_true",
            help="use the backend's get() if needed; this may run code that is stored in the value",
        )

    @staticmethod
    def run(context: CommandContext) -> int:
        inspector = context.inspector(context["cache"], VIEW_KEYS)
        readable = inspector.can_get or (context["unsafe"] and inspector.can_get_unsafely)
        if not readable:
            hint = _(" Use --unsafe to read it anyway.") if inspector.can_get_unsafely else ""
            raise command_failed(
                f'"{inspector.alias}": {inspector.unsupported_reason("can_get")}{hint}'
            )
        stored = context.stored_key(inspector, context["key"], VIEW_KEYS)
        key_value = context.call(inspector, lambda: inspector.read(stored))
        if key_value is None:
            raise command_failed(_('There is no key "%(key)s".') % {"key": context["key"]})
        if context.output.as_json:
            context.output.write_json(
                **description_fields(inspector, key_value.info), **value_fields(key_value)
            )
        else:
            _write_key_value(context, key_value)
        return EXIT_OK


def value_fields(key_value: KeyValue) -> dict[str, Any]:
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


def _write_key_value(context: CommandContext, key_value: KeyValue) -> None:
    output, one = context.output, key_value.info
    label = str(key_value.content.label) if key_value.content is not None else one.type or ""
    output.write_error(f"{label} · {formatting.format_ttl(one.ttl)}")
    if key_value.content is not None:
        output.write_value(key_value.content.formatted.text)
        excerpt = key_value.content.formatted
        if excerpt.shown < excerpt.total:
            output.write_error(
                _("… %(total)s in total") % {"total": formatting.format_number(excerpt.total)}
            )
    elif key_value.elements is not None:
        for cells in element_rows(key_value.elements):
            output.write_text("  ".join(cells))
        if len(key_value.elements.rows) < key_value.elements.total:
            output.write_error(
                _("… %(total)s in total")
                % {"total": formatting.format_number(key_value.elements.total)}
            )
    if key_value.note:
        output.write_error(str(key_value.note))


def element_rows(elements: Elements) -> list[list[str]]:
    """Return the header and the rows of a collection."""
    headers = [str(column) for column in elements.columns]
    rows = [[cell.formatted.text for cell in row.cells] for row in elements.rows]
    if any(row.ttl is not None for row in elements.rows):
        headers.append(_("TTL"))
        for cells, row in zip(rows, elements.rows, strict=True):
            cells.append(formatting.format_ttl(row.ttl))
    return [headers, *rows]


class SetSubcommand(Subcommand):
    help = "Store a value under a key, through the cache's serializer."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache_argument(parser)
        parser.add_argument("key", help="the name of the key, as used in application code")
        parser.add_argument("value", help="the value, or - for standard input")
        parser.add_argument(
            "--as",
            dest="store_as",
            choices=["auto", "text", "json", "integer"],
            default="auto",
            help="auto: a value that starts with { or [ is JSON, anything else is text",
        )
        parser.add_argument("--replace", action="store_true", help="replace the key if it exists")
        add_expiry_options(parser)
        add_change_options(parser)

    @staticmethod
    def run(context: CommandContext) -> int:
        inspector = context.inspector(context["cache"], ADD)
        text = sys.stdin.read() if context["value"] == "-" else context["value"]
        try:
            value = parse_value(text, context["store_as"])
        except InvalidValue as problem:
            raise command_failed(str(problem)) from problem
        context.require_user()
        chosen_ttl = ttl_from_options(context)
        ttl = inspector.default_ttl if chosen_ttl is None else chosen_ttl
        stored = context.stored_key(inspector, context["key"], ADD)
        if context["dry_run"]:
            context.output.write_text(_("Dry run, nothing was stored."))
            return EXIT_OK
        if context["replace"]:
            context.confirm(
                _('Store "%(key)s" and replace it if it exists (1 key)?') % {"key": context["key"]}
            )
        edit = AddValue(value, ttl, context["replace"])
        message = partial(added_message, edit)

        def record(message: log_entries.Message) -> None:
            log_entries.record_keys(
                context.user_id, log_entries.ADDITION, inspector, [stored], message
            )

        result = context.call_change(
            inspector, lambda: inspector.apply(stored, edit), record, message
        )
        if result.status is EditStatus.EXISTS:
            raise command_failed(
                _("A key with this name already exists. To replace it, use --replace.")
            )
        if result.status is not EditStatus.DONE:
            raise command_failed(
                _("Not stored: %(reason)s") % {"reason": result.reason or result.status}
            )
        record(message)
        context.output.write_result(message(), {"key": context["key"], "stored": True})
        return EXIT_OK
