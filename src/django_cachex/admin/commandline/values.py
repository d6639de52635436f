"""Values, read and written."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin import audit, humane
from django_cachex.admin.access import ADD, SEE_KEYS
from django_cachex.admin.commandline.keys import described, in_seconds
from django_cachex.admin.commandline.options import (
    add_cache,
    add_changing,
    add_expiry,
    expiry,
)
from django_cachex.admin.commandline.session import DONE, Session, Subcommand, failed
from django_cachex.admin.outcomes import added_message
from django_cachex.inspectors.edits import AddValue, Result
from django_cachex.inspectors.types import Elements, Entry
from django_cachex.inspectors.values import InvalidValue, encode


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
            raise failed(f'"{inspector.alias}": {inspector.why_not("can_get")}{hint}')
        stored = session.stored(inspector, session["key"], SEE_KEYS)
        entry = session.attempt(inspector, lambda: inspector.read(stored))
        if entry is None:
            raise failed(_('There is no key "%(key)s".') % {"key": session["key"]})
        if session.output.as_json:
            session.output.record(**described(inspector, entry.description), **shown(entry))
        else:
            _show(session, entry)
        return DONE


def shown(entry: Entry) -> dict[str, Any]:
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


def _show(session: Session, entry: Entry) -> None:
    output, one = session.output, entry.description
    label = str(entry.content.label) if entry.content is not None else one.type or ""
    output.warn(f"{label} · {humane.expiry(one.ttl)}")
    if entry.content is not None:
        output.show(entry.content.formatted.text)
        excerpt = entry.content.formatted
        if excerpt.shown < excerpt.total:
            output.warn(_("… %(total)s in all") % {"total": humane.number(excerpt.total)})
    elif entry.elements is not None:
        for cells in table(entry.elements):
            output.say("  ".join(cells))
        if len(entry.elements.rows) < entry.elements.total:
            output.warn(_("… %(total)s in all") % {"total": humane.number(entry.elements.total)})
    if entry.note:
        output.warn(str(entry.note))


def table(elements: Elements) -> list[list[str]]:
    """Return the columns of a collection, and its rows."""
    headers = [str(column) for column in elements.columns]
    rows = [[cell.formatted.text for cell in row.cells] for row in elements.rows]
    if any(row.ttl is not None for row in elements.rows):
        headers.append(_("TTL"))
        for cells, row in zip(rows, elements.rows, strict=True):
            cells.append(humane.expiry(row.ttl))
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
            value = encode(text, session["store_as"])
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

        def record(message: audit.Message) -> None:
            audit.record_keys(session.user_id, audit.ADDITION, inspector, [stored], message)

        outcome = session.change(inspector, lambda: inspector.apply(stored, edit), record, said)
        if outcome.result is Result.EXISTS:
            raise failed(_("There is such a key already: --replace overwrites it."))
        if outcome.result is not Result.DONE:
            raise failed(_("Not stored: %(why)s") % {"why": outcome.reason or outcome.result})
        record(said)
        session.output.result(said(), {"key": session["key"], "stored": True})
        return DONE
