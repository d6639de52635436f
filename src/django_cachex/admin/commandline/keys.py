"""Keys, listed."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.admin.access import SEE_KEYS
from django_cachex.admin.commandline.options import (
    add_cache,
    add_search,
    query_of,
)
from django_cachex.admin.commandline.session import DONE, FAILED, Session, Subcommand, failed
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.jobs import Find
from django_cachex.inspectors.types import TTL_NONE, Description

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
            raise failed(f'"{inspector.alias}": {inspector.why_not("can_list")}')
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


def pages(inspector: Inspector, find: Find, limit: int) -> Iterator[list[Description]]:
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


def _write(session: Session, inspector: Inspector, page: list[Description]) -> None:
    output = session.output
    if output.as_json:
        for one in page:
            output.record(**described(inspector, one))
        return
    for one in page:
        size = humane.NOTHING if one.size is None else size_of(one)
        columns = (one.type or humane.NOTHING, humane.expiry(one.ttl), size)
        name = inspector.name(one.key)
        output.say(
            "  ".join(text.ljust(width) for text, width in zip(columns, (7, 20, 14), strict=True))
            + f"  {name}"
        )


def size_of(one: Description) -> str:
    """Return a size in words."""
    count = one.size or 0
    return humane.size(count) if one.unit == Unit.BYTES else humane.elements(count, one.unit)


def described(inspector: Inspector, one: Description) -> dict[str, Any]:
    """Return what is known of a key, for programs: times in seconds, None for never."""
    known = {"key": inspector.name(one.key), "type": one.type, "size": one.size, "unit": one.unit}
    return {**known, **ttl_of(one)}


def ttl_of(one: Description) -> dict[str, Any]:
    if one.ttl is None:
        return {}
    return {"ttl": in_seconds(one.ttl)}


def in_seconds(ttl: int | None) -> float | None:
    """Return a TTL in seconds; None for never, and where it is not known."""
    return None if ttl is None or ttl == TTL_NONE else ttl / 1000
