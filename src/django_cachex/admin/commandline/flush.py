"""Caches flushed."""

from __future__ import annotations

from argparse import ArgumentParser
from functools import partial

from django.core.management import CommandError
from django.utils.translation import gettext as _

from django_cachex.admin import audit, deeds, humane
from django_cachex.admin.commandline.changes import would
from django_cachex.admin.commandline.options import add_changing
from django_cachex.admin.commandline.session import (
    DONE,
    FAILED,
    USAGE,
    Session,
    Subcommand,
)
from django_cachex.admin.commandline.sweeping import Sweeper
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Find, Position, Sweep, Work


class Flush(Subcommand):
    help = "Delete all entries of caches, after saying what that destroys."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        parser.add_argument("caches", nargs="+", metavar="cache", help="aliases of settings.CACHES")
        add_changing(parser)

    @staticmethod
    def run(session: Session) -> int:
        session.check_user()
        *others, last = [session.inspector(one, deeds.FLUSHING.act) for one in session["caches"]]
        codes = [flush_or_warn(session, inspector) for inspector in others]
        return max([*codes, flush(session, last)])


def flush_or_warn(session: Session, inspector: Inspector) -> int:
    """Flush one cache of several: where it fails, the others have their turn all the same."""
    try:
        return flush(session, inspector)
    except CommandError as error:
        if error.returncode == USAGE:  # Nobody is there to be asked of any.
            raise
        session.output.warn(str(error))
        return FAILED


def flush(session: Session, inspector: Inspector) -> int:
    """Flush one cache; return what the command exits with."""
    if inspector.flushes_in_steps:
        return flush_in_steps(session, inspector)
    plan = session.attempt(inspector, inspector.flush_plan)
    entries = _("not known") if plan.entries is None else humane.number(plan.entries)
    session.output.warn(f"{inspector.alias}: {plan.act}. {plan.scope}")
    if session["dry_run"]:
        session.output.result(
            _("Nothing done. Entries: %(count)s.") % {"count": entries},
            {"cache": inspector.alias, "would": plan.entries},
        )
        return DONE
    session.agree(
        _('Flush "%(alias)s" (entries: %(count)s)?') % {"alias": inspector.alias, "count": entries}
    )

    def record(message: audit.Message) -> None:
        audit.record_cache(session.user_id, audit.CHANGE, inspector, message)

    count = session.change(inspector, inspector.flush, record, partial(said, inspector, None))
    record(partial(said, inspector, count))
    text = said(inspector, count)
    session.output.result(text, {"cache": inspector.alias, "changed": count, "complete": True})
    return DONE


def said(inspector: Inspector, count: int | None) -> str:
    """Return that a cache was flushed."""
    if count is None:
        return _('Flushed "%(alias)s".') % {"alias": inspector.alias}
    return deeds.flushed(inspector.alias)(done(count))


def done(count: int) -> Work[Sweep]:
    """Return a work that is at its end."""
    return Work(Sweep(done=count), Position(complete=True))


def flush_in_steps(session: Session, inspector: Inspector) -> int:
    find: Find = inspector.find_doomed
    sweeper = Sweeper(session, inspector, deeds.FLUSHING, find, deeds.flushed(inspector.alias))
    if session["dry_run"] or not session["yes"]:
        count = sweeper.counted().whole.keys
        plan = session.attempt(inspector, inspector.flush_plan)
        session.output.warn(f"{inspector.alias}: {plan.act}. {plan.scope}")
        if session["dry_run"]:
            session.output.result(would(None, count), {"cache": inspector.alias, "would": count})
            return DONE
        question = _('Flush "%(alias)s" (entries: %(count)s)?')
        session.agree(question % {"alias": inspector.alias, "count": humane.number(count)})
    return sweeper.swept(None)
