"""Keys deleted or given an expiry, by name or by pattern."""

from __future__ import annotations

from argparse import ArgumentParser

from django.utils.translation import gettext as _

from django_cachex.admin import audit, deeds
from django_cachex.admin.commandline.options import (
    add_cache,
    add_changing,
    add_expiry,
    expiry,
    pattern_of,
)
from django_cachex.admin.commandline.session import DONE, FAILED, Session, Subcommand, failed, usage
from django_cachex.admin.commandline.sweeping import Sweeper, keys_counted
from django_cachex.admin.deeds import Deed
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Sweep
from django_cachex.inspectors.query import Query


def add_keys(parser: ArgumentParser) -> None:
    add_cache(parser)
    parser.add_argument("keys", nargs="*", help="as application code calls them")
    parser.add_argument("--pattern", default="", help="all keys that match; * stands for anything")
    parser.add_argument("--type", default="", help="of those that match, only keys of this type")


class Delete(Subcommand):
    help = "Delete keys, by name or by pattern."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_keys(parser)
        add_changing(parser)

    @staticmethod
    def run(session: Session) -> int:
        return change(session, deeds.DELETING, None)


class Expire(Subcommand):
    help = "Let keys expire, or never, by name or by pattern."

    @staticmethod
    def add_arguments(parser: ArgumentParser) -> None:
        add_keys(parser)
        add_expiry(parser, required=True)
        add_changing(parser)

    @staticmethod
    def run(session: Session) -> int:
        return change(session, deeds.EXPIRING, expiry(session))


def change(session: Session, deed: Deed, ttl: int | None) -> int:
    """Do something to the keys that the options name; return what the command exits with."""
    inspector = session.inspector(session["cache"], deed.act)
    named, pattern = session["keys"], session["pattern"]
    if bool(named) == bool(pattern):
        raise usage(_("Name some keys, or give a --pattern that is not empty."))
    session.check_user()
    if pattern:
        return change_matching(session, inspector, deed, ttl)
    return change_named(session, inspector, deed, ttl)


def change_named(session: Session, inspector: Inspector, deed: Deed, ttl: int | None) -> int:
    stored = list(
        dict.fromkeys(session.stored(inspector, key, deed.act) for key in session["keys"])
    )
    count = len(stored)
    if session["dry_run"]:
        session.output.say(would(ttl, count))
        return DONE
    session.agree(asked(ttl, count, inspector.alias))

    def record(message: audit.Message) -> None:
        audit.record_keys(session.user_id, deed.flag, inspector, stored, message)

    asked_for = Sweep(ttl, done=count)
    sweep = session.change(
        inspector,
        lambda: Sweep(ttl).take(inspector, stored),
        record,
        lambda: deeds.outcome(asked_for),
    )
    if sweep.done:
        record(lambda: deeds.outcome(sweep))
    values = {"changed": sweep.done, "gone": sweep.gone, "failed": sweep.failed}
    session.output.result(deeds.outcome(sweep), values)
    for key, why in sweep.failures:
        session.output.warn(f"{inspector.name(key)}: {why}")
    return DONE if sweep.done and not sweep.failed else FAILED


def change_matching(session: Session, inspector: Inspector, deed: Deed, ttl: int | None) -> int:
    if not inspector.can_list:
        raise failed(f'"{inspector.alias}": {inspector.why_not("can_list")}')
    query = Query(pattern_of(session["pattern"]), type=known_type(session, inspector))
    find = session.finder(inspector, query, deed.act)
    sweeper = Sweeper(session, inspector, deed, find, deeds.swept(query))
    if session["dry_run"] or not session["yes"]:
        count = sweeper.counted().whole.keys
        if session["dry_run"] or not count:
            session.output.result(would(ttl, count), {"cache": inspector.alias, "would": count})
            return DONE if count else FAILED
        session.agree(
            f"{deeds.question(ttl, deeds.which(query), inspector.alias)} {keys_counted(count)}."
        )
    return sweeper.swept(ttl)


def known_type(session: Session, inspector: Inspector) -> str:
    type: str = session["type"]
    if type and type not in inspector.types:
        raise usage(_('There is no key type "%(given)s" here.') % {"given": type})
    return type


def asked(ttl: int | None, count: int, alias: str) -> str:
    """Return the question before some named keys are changed."""
    return f'{deeds.submit(ttl, count, complete=True)} ("{alias}")?'


def would(ttl: int | None, count: int) -> str:
    """Return what would be done."""
    text = _("Nothing done. It would be: %(what)s.")
    return text % {"what": deeds.submit(ttl, count, complete=True)}
