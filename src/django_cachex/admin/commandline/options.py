"""Options that several subcommands have."""

from __future__ import annotations

from argparse import ArgumentParser

from django.utils.translation import gettext as _

from django_cachex.admin.commandline.session import Session, usage
from django_cachex.admin.forms import LONGEST_TIMEOUT
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.patterns import Pattern
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import TTL_NONE


def add_cache(parser: ArgumentParser) -> None:
    parser.add_argument("cache", help="an alias of settings.CACHES")


def add_search(parser: ArgumentParser) -> None:
    parser.add_argument(
        "pattern", nargs="?", default="", help="* stands for anything; text without * for a part"
    )
    parser.add_argument("--type", default="", help="only keys of this type")


def add_changing(parser: ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")
    parser.add_argument("--user", default="", help="whose name is put on record")


def add_expiry(parser: ArgumentParser, required: bool = False) -> None:
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument("--in", dest="seconds", type=int, help="seconds to live")
    group.add_argument("--never", action="store_true", help="live until deleted")


def expiry(session: Session) -> int | None:
    """Return the TTL in milliseconds, `NEVER`, or None where nothing was said."""
    if session["never"]:
        return TTL_NONE
    seconds: int | None = session["seconds"]
    if seconds is None:
        return None
    if not 1 <= seconds <= LONGEST_TIMEOUT:
        raise usage(_("--in takes 1 second to %(most)s.") % {"most": LONGEST_TIMEOUT})
    return seconds * 1000


def query_of(session: Session, inspector: Inspector) -> Query:
    """Return the search that the options say."""
    type = session["type"]
    if type and type not in inspector.types:
        known = ", ".join(inspector.types) or _("none")
        text = _('There is no key type "%(given)s" here; there are: %(known)s.')
        raise usage(text % {"given": type, "known": known})
    return Query(pattern_of(session["pattern"]), type=type)


def pattern_of(text: str) -> Pattern:
    """Return the pattern that was typed."""
    pattern = Pattern(text)
    if pattern.problem:
        raise usage(pattern.problem)
    return pattern
