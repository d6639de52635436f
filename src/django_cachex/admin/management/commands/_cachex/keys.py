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
    DONE,
    FAILED,
    Session,
    Subcommand,
    add_cache,
    add_changing,
    add_expiry,
    add_search,
    expiry,
    failed,
    query_of,
)
from django_cachex.admin.messages import added_message
from django_cachex.admin.permissions import ADD, SEE_KEYS
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import AddValue, EditStatus
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.jobs import FindKeys
from django_cachex.inspectors.types import TTL_NONE, Elements, KeyInfo, KeyValue
from django_cachex.inspectors.values import InvalidValue, parse_value

AT_ONCE = 500
BUDGET = 1.0
"""Seconds that one search may take before what it found is written."""


class Keys(Subcommand):
    help = "List keys, those that match a pattern or all."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache(parser)
        add_search(parser)
        parser.add_argument("--limit", type=int, default=100, help="how many at most; 0: all")

    @staticmethod
    def run(session: Session) -> int:
        inspector = session.inspector(session["cache"], SEE_KEYS)
        if not inspector.can_list:
            raise failed(f'"{inspector.alias}": {inspector.unsupported_reason("can_list")}')
        query, found = query_of(session, inspector), 0
        find = session.finder(inspector, query, SEE_KEYS)
        batches = pages(inspector, find, session["limit"])
        while True:
            page = session.attempt(inspector, lambda: next(batches, None))
            if page is None:
                break
            found += len(page)
            _write(session, inspector, page)
        if not found:
            session.output.say(_("No key found."))
        return DONE if found else FAILED


def pages(inspector: Inspector, find: FindKeys, limit: int) -> Iterator[list[KeyInfo]]:
    """Yield descriptions of the keys that are found, `limit` of them at most unless that is 0."""
    token, seen = "", 0
    while True:
        want = min(AT_ONCE, limit - seen) if limit else AT_ONCE
        listing = find(token, want, time.monotonic() + BUDGET)
        keys = listing.keys[: limit - seen] if limit else listing.keys
        page = [one for one in inspector.describe(keys) if one.exists] if keys else []
        seen += len(page)
        if page:
            yield page
        if listing.complete or listing.token == token or (limit and seen >= limit):
            return
        token = listing.token


def _write(session: Session, inspector: Inspector, page: list[KeyInfo]) -> None:
    output = session.output
    if output.as_json:
        for one in page:
            output.record(**described(inspector, one))
        return
    for one in page:
        size = formatting.NOTHING if one.size is None else size_of(one)
        columns = (one.type or formatting.NOTHING, formatting.expiry(one.ttl), size)
        name = inspector.display_key(one.key)
        output.say(
            "  ".join(text.ljust(width) for text, width in zip(columns, (7, 20, 14), strict=True))
            + f"  {name}"
        )


def size_of(one: KeyInfo) -> str:
    """Return a size in words."""
    count = one.size or 0
    return (
        formatting.size(count) if one.unit == Unit.BYTES else formatting.elements(count, one.unit)
    )


def described(inspector: Inspector, one: KeyInfo) -> dict[str, Any]:
    """Return what is known of a key, for programs: times in seconds, None for never."""
    known = {
        "key": inspector.display_key(one.key),
        "type": one.type,
        "size": one.size,
        "unit": one.unit,
    }
    return {**known, **ttl_of(one)}


def ttl_of(one: KeyInfo) -> dict[str, Any]:
    if one.ttl is None:
        return {}
    return {"ttl": in_seconds(one.ttl)}


def in_seconds(ttl: int | None) -> float | None:
    """Return a TTL in seconds; None for never, and where it is not known."""
    return None if ttl is None or ttl == TTL_NONE else ttl / 1000


class Get(Subcommand):
    help = "Show what a key holds, without executing it."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache(parser)
        parser.add_argument("key", help="as application code calls it")
        parser.add_argument(
            "--unsafe",
            action="store_true",
            help="ask the backend's own get where there is no other way: it may run what is stored",
        )

    @staticmethod
    def run(session: Session) -> int:
        inspector = session.inspector(session["cache"], SEE_KEYS)
        readable = inspector.can_get or (session["unsafe"] and inspector.can_get_unsafely)
        if not readable:
            hint = _(" Say --unsafe to do it.") if inspector.can_get_unsafely else ""
            raise failed(f'"{inspector.alias}": {inspector.unsupported_reason("can_get")}{hint}')
        stored = session.stored(inspector, session["key"], SEE_KEYS)
        entry = session.attempt(inspector, lambda: inspector.read(stored))
        if entry is None:
            raise failed(_('There is no key "%(key)s".') % {"key": session["key"]})
        if session.output.as_json:
            session.output.record(**described(inspector, entry.info), **shown(entry))
        else:
            _show(session, entry)
        return DONE


def shown(entry: KeyValue) -> dict[str, Any]:
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
            found["ttls"] = [in_seconds(row.ttl) for row in elements.rows]
        return found
    return {"note": str(entry.note)}


def _show(session: Session, entry: KeyValue) -> None:
    output, one = session.output, entry.info
    label = str(entry.content.label) if entry.content is not None else one.type or ""
    output.warn(f"{label} · {formatting.expiry(one.ttl)}")
    if entry.content is not None:
        output.show(entry.content.formatted.text)
        excerpt = entry.content.formatted
        if excerpt.shown < excerpt.total:
            output.warn(_("… %(total)s in all") % {"total": formatting.number(excerpt.total)})
    elif entry.elements is not None:
        for cells in table(entry.elements):
            output.say("  ".join(cells))
        if len(entry.elements.rows) < entry.elements.total:
            output.warn(
                _("… %(total)s in all") % {"total": formatting.number(entry.elements.total)}
            )
    if entry.note:
        output.warn(str(entry.note))


def table(elements: Elements) -> list[list[str]]:
    """Return the columns of a collection, and its rows."""
    headers = [str(column) for column in elements.columns]
    rows = [[cell.formatted.text for cell in row.cells] for row in elements.rows]
    if any(row.ttl is not None for row in elements.rows):
        headers.append(_("TTL"))
        for cells, row in zip(rows, elements.rows, strict=True):
            cells.append(formatting.expiry(row.ttl))
    return [headers, *rows]


class Set(Subcommand):
    help = "Store a value under a key, through the cache's serializer."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_cache(parser)
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
        add_expiry(parser)
        add_changing(parser)

    @staticmethod
    def run(session: Session) -> int:
        inspector = session.inspector(session["cache"], ADD)
        text = sys.stdin.read() if session["value"] == "-" else session["value"]
        try:
            value = parse_value(text, session["store_as"])
        except InvalidValue as problem:
            raise failed(str(problem)) from problem
        session.check_user()
        given = expiry(session)
        ttl = inspector.default_ttl if given is None else given
        stored = session.stored(inspector, session["key"], ADD)
        if session["dry_run"]:
            session.output.say(_("Would be stored: nothing done."))
            return DONE
        if session["replace"]:
            session.agree(
                _('Store "%(key)s", over what it may hold (1 key)?') % {"key": session["key"]}
            )
        edit = AddValue(value, ttl, session["replace"])
        said = partial(added_message, edit)

        def record(message: log_entries.Message) -> None:
            log_entries.record_keys(
                session.user_id, log_entries.ADDITION, inspector, [stored], message
            )

        outcome = session.change(inspector, lambda: inspector.apply(stored, edit), record, said)
        if outcome.status is EditStatus.EXISTS:
            raise failed(_("There is such a key already: --replace overwrites it."))
        if outcome.status is not EditStatus.DONE:
            raise failed(_("Not stored: %(why)s") % {"why": outcome.reason or outcome.status})
        record(said)
        session.output.result(said(), {"key": session["key"], "stored": True})
        return DONE
