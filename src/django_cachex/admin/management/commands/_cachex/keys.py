"""Keys and their values."""

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
from django_cachex.inspectors.edits import AddValue, Result
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.jobs import Find
from django_cachex.inspectors.types import TTL_NONE, Description, Elements, Entry
from django_cachex.inspectors.values import InvalidValue, encode

BATCH_SIZE = 500
BATCH_SECONDS = 1.0
"""Seconds that one search may take before what it found is written."""


class Keys(Subcommand):
    help = "List keys, those that match a pattern or all."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache_argument(parser)
        add_search_arguments(parser)
        parser.add_argument("--limit", type=int, default=100, help="how many at most; 0: all")

    @staticmethod
    def run(session: CommandContext) -> int:
        inspector = session.inspector(session["cache"], VIEW_KEYS)
        if not inspector.can_list:
            raise command_failed(f'"{inspector.alias}": {inspector.why_not("can_list")}')
        query, found = query_from_options(session, inspector), 0
        find = session.make_find(inspector, query, VIEW_KEYS)
        batches = iter_batches(inspector, find, session["limit"])
        while True:
            page = session.call(inspector, lambda: next(batches, None))
            if page is None:
                break
            found += len(page)
            _write_batch(session, inspector, page)
        if not found:
            session.output.write_text(_("No key found."))
        return EXIT_OK if found else EXIT_FAILED


def iter_batches(inspector: Inspector, find: Find, limit: int) -> Iterator[list[Description]]:
    """Yield descriptions of the keys that are found, `limit` of them at most unless that is 0."""
    token, seen = "", 0
    while True:
        want = min(BATCH_SIZE, limit - seen) if limit else BATCH_SIZE
        listing = find(token, want, time.monotonic() + BATCH_SECONDS)
        keys = listing.keys[: limit - seen] if limit else listing.keys
        page = [one for one in inspector.describe(keys) if one.exists] if keys else []
        seen += len(page)
        if page:
            yield page
        if listing.complete or listing.token == token or (limit and seen >= limit):
            return
        token = listing.token


def _write_batch(session: CommandContext, inspector: Inspector, page: list[Description]) -> None:
    output = session.output
    if output.as_json:
        for one in page:
            output.write_json(**description_fields(inspector, one))
        return
    for one in page:
        size = formatting.NO_VALUE if one.size is None else size_text(one)
        columns = (one.type or formatting.NO_VALUE, formatting.format_ttl(one.ttl), size)
        name = inspector.name(one.key)
        output.write_text(
            "  ".join(text.ljust(width) for text, width in zip(columns, (7, 20, 14), strict=True))
            + f"  {name}"
        )


def size_text(one: Description) -> str:
    """Return a size in words."""
    count = one.size or 0
    return (
        formatting.format_size(count)
        if one.unit == Unit.BYTES
        else formatting.format_count(count, one.unit)
    )


def description_fields(inspector: Inspector, one: Description) -> dict[str, Any]:
    """Return what is known of a key, for programs: times in seconds, None for never."""
    known = {"key": inspector.name(one.key), "type": one.type, "size": one.size, "unit": one.unit}
    return {**known, **ttl_fields(one)}


def ttl_fields(one: Description) -> dict[str, Any]:
    if one.ttl is None:
        return {}
    return {"ttl": to_seconds(one.ttl)}


def to_seconds(ttl: int | None) -> float | None:
    """Return a TTL in seconds; None for never, and where it is not known."""
    return None if ttl is None or ttl == TTL_NONE else ttl / 1000


class Get(Subcommand):
    help = "Show what a key holds, without executing it."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache_argument(parser)
        parser.add_argument("key", help="as application code calls it")
        parser.add_argument(
            "--unsafe",
            action="store_true",
            help="ask the backend's own get where there is no other way: it may run what is stored",
        )

    @staticmethod
    def run(session: CommandContext) -> int:
        inspector = session.inspector(session["cache"], VIEW_KEYS)
        readable = inspector.can_get or (session["unsafe"] and inspector.can_get_unsafely)
        if not readable:
            hint = _(" Say --unsafe to do it.") if inspector.can_get_unsafely else ""
            raise command_failed(f'"{inspector.alias}": {inspector.why_not("can_get")}{hint}')
        stored = session.stored_key(inspector, session["key"], VIEW_KEYS)
        entry = session.call(inspector, lambda: inspector.read(stored))
        if entry is None:
            raise command_failed(_('There is no key "%(key)s".') % {"key": session["key"]})
        if session.output.as_json:
            session.output.write_json(
                **description_fields(inspector, entry.description), **value_fields(entry)
            )
        else:
            _write_entry(session, entry)
        return EXIT_OK


def value_fields(entry: Entry) -> dict[str, Any]:
    """Return what a key holds, as text, for programs."""
    if entry.content is not None:
        content = entry.content
        text = content.formatted
        return {"is": str(content.label), "text": text.text, "whole": text.shown >= text.total}
    if entry.elements is not None:
        elements = entry.elements
        rows = [[cell.formatted.text for cell in row.cells] for row in elements.rows]
        found = {"elements": rows, "total": elements.total, "whole": len(rows) >= elements.total}
        if any(row.ttl is not None for row in elements.rows):
            found["ttls"] = [to_seconds(row.ttl) for row in elements.rows]
        return found
    return {"note": str(entry.note)}


def _write_entry(session: CommandContext, entry: Entry) -> None:
    output, one = session.output, entry.description
    label = str(entry.content.label) if entry.content is not None else one.type or ""
    output.write_error(f"{label} · {formatting.format_ttl(one.ttl)}")
    if entry.content is not None:
        output.write_value(entry.content.formatted.text)
        excerpt = entry.content.formatted
        if excerpt.shown < excerpt.total:
            output.write_error(
                _("… %(total)s in all") % {"total": formatting.format_number(excerpt.total)}
            )
    elif entry.elements is not None:
        for cells in element_rows(entry.elements):
            output.write_text("  ".join(cells))
        if len(entry.elements.rows) < entry.elements.total:
            output.write_error(
                _("… %(total)s in all") % {"total": formatting.format_number(entry.elements.total)}
            )
    if entry.note:
        output.write_error(str(entry.note))


def element_rows(elements: Elements) -> list[list[str]]:
    """Return the columns of a collection, and its rows."""
    headers = [str(column) for column in elements.columns]
    rows = [[cell.formatted.text for cell in row.cells] for row in elements.rows]
    if any(row.ttl is not None for row in elements.rows):
        headers.append(_("TTL"))
        for cells, row in zip(rows, elements.rows, strict=True):
            cells.append(formatting.format_ttl(row.ttl))
    return [headers, *rows]


class Set(Subcommand):
    help = "Store a value under a key, through the cache's serializer."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache_argument(parser)
        parser.add_argument("key", help="as application code calls it")
        parser.add_argument("value", help="the value, or - for standard input")
        parser.add_argument(
            "--as",
            dest="store_as",
            choices=["auto", "text", "json", "integer"],
            default="auto",
            help="auto: what starts with { or [ is JSON, anything else text",
        )
        parser.add_argument("--replace", action="store_true", help="overwrite a key that exists")
        add_expiry_options(parser)
        add_change_options(parser)

    @staticmethod
    def run(session: CommandContext) -> int:
        inspector = session.inspector(session["cache"], ADD)
        text = sys.stdin.read() if session["value"] == "-" else session["value"]
        try:
            value = encode(text, session["store_as"])
        except InvalidValue as problem:
            raise command_failed(str(problem)) from problem
        session.require_user()
        given = ttl_from_options(session)
        ttl = inspector.default_ttl if given is None else given
        stored = session.stored_key(inspector, session["key"], ADD)
        if session["dry_run"]:
            session.output.write_text(_("Would be stored: nothing done."))
            return EXIT_OK
        if session["replace"]:
            session.confirm(
                _('Store "%(key)s", over what it may hold (1 key)?') % {"key": session["key"]}
            )
        edit = AddValue(value, ttl, session["replace"])
        said = partial(added_message, edit)

        def record(message: log_entries.Message) -> None:
            log_entries.record_keys(
                session.user_id, log_entries.ADDITION, inspector, [stored], message
            )

        outcome = session.call_change(
            inspector, lambda: inspector.apply(stored, edit), record, said
        )
        if outcome.result is Result.EXISTS:
            raise command_failed(_("There is such a key already: --replace overwrites it."))
        if outcome.result is not Result.DONE:
            raise command_failed(
                _("Not stored: %(why)s") % {"why": outcome.reason or outcome.result}
            )
        record(said)
        session.output.write_result(said(), {"key": session["key"], "stored": True})
        return EXIT_OK
