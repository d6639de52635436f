"""What can be done to all keys that match, in the words of the pages and of the record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.contrib.admin.models import CHANGE, DELETION
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import humane
from django_cachex.admin.access import DELETE, EXPIRE, FLUSH, Act
from django_cachex.admin.sessions import pattern_without_ids
from django_cachex.commands.text import one_line
from django_cachex.inspectors.jobs import Sweep, Work
from django_cachex.inspectors.patterns import Pattern
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import TTL_NONE

Text = str | Promise


@dataclass(frozen=True)
class Deed:
    """Something that can be done to many keys."""

    name: str
    """As URLs and tokens have it."""

    act: Act
    flag: int
    """Of the `LogEntry`."""

    step: Text
    """What the trail calls it."""


DELETING = Deed("delete", DELETE, DELETION, gettext_lazy("Delete all matching"))
EXPIRING = Deed("expire", EXPIRE, CHANGE, gettext_lazy("Expire all matching"))
FLUSHING = Deed("flush", FLUSH, CHANGE, gettext_lazy("Flush"))

ON_MATCHING = {deed.name: deed for deed in (DELETING, EXPIRING)}


def which(query: Query) -> str:
    """Return which keys a query is for, to follow `keys that`."""
    text = one_line(query.pattern.text).replace('"', '\\"')
    named = _('match "%(pattern)s"') if "*" in text else _('contain "%(pattern)s"')
    return " · ".join([named % {"pattern": text}, *filters(query)])


def filters(query: Query) -> list[str]:
    """Return the filters of a query, in words."""
    found = []
    if query.type:
        found.append(_("of the type %(type)s") % {"type": query.type})
    if query.expires_within == TTL_NONE:
        found.append(_("without an expiry"))
    elif query.expires_within is not None:
        span = humane.duration(query.expires_within)
        found.append(_("expiring within %(span)s") % {"span": span})
    if query.larger_than is not None:
        found.append(_("larger than %(size)s") % {"size": humane.size(query.larger_than)})
    if query.idle_for is not None:
        found.append(_("idle for %(span)s") % {"span": humane.duration(query.idle_for)})
    return found


def doing(ttl: int | None, subject: str) -> str:
    """Return what a sweep does to the keys that `which` says, as a heading."""
    return _sentence(
        ttl,
        _("Delete all keys that %(which)s"),
        _("Remove the expiry of all keys that %(which)s"),
        _("Let all keys that %(which)s expire in %(span)s"),
    ) % {"which": subject, "span": span(ttl)}


def question(ttl: int | None, subject: str, alias: str) -> str:
    """Return the question before a sweep."""
    return _sentence(
        ttl,
        _('Delete all keys of "%(alias)s" that %(which)s?'),
        _('Remove the expiry of all keys of "%(alias)s" that %(which)s?'),
        _('Let all keys of "%(alias)s" that %(which)s expire in %(span)s?'),
    ) % {"which": subject, "span": span(ttl), "alias": alias}


def submit(ttl: int | None, count: int, complete: bool) -> str:
    """Return the words of the button that begins a sweep; `count` may be a part only."""
    if not complete:
        return _sentence(
            ttl,
            _("Delete all that match"),
            _("Remove the expiry of all that match"),
            _("Let all that match expire"),
        )
    return _sentence(
        ttl,
        ngettext("Delete %(count)s key", "Delete %(count)s keys", count),
        ngettext(
            "Remove the expiry of %(count)s key", "Remove the expiry of %(count)s keys", count
        ),
        ngettext("Let %(count)s key expire", "Let %(count)s keys expire", count),
    ) % {"count": humane.number(count)}


def consequence(ttl: int | None) -> str:
    """Return what becomes of the keys."""
    return _sentence(
        ttl,
        _("What is deleted is gone for good, unless an application stores it again."),
        _("They stay until something deletes or evicts them."),
        _("Each loses the expiry that it has, and goes %(span)s after its turn."),
    ) % {"span": span(ttl)}


def outcome(sweep: Sweep) -> str:
    """Return what a sweep has done: how many were changed, were gone already, failed."""
    done = _sentence(
        sweep.ttl,
        ngettext("Deleted %(count)s key", "Deleted %(count)s keys", sweep.done),
        ngettext("%(count)s key never expires now", "%(count)s keys never expire now", sweep.done),
        ngettext(
            "%(count)s key expires %(span)s after its turn",
            "%(count)s keys expire %(span)s after their turn",
            sweep.done,
        ),
    ) % {"count": humane.number(sweep.done), "span": span(sweep.ttl)}
    return f"{'; '.join([done, *_others(sweep)])}."


def _others(sweep: Sweep) -> list[str]:
    """Return how many keys were not changed, and why."""
    said = []
    if sweep.gone:
        text = ngettext("%(count)s was already gone", "%(count)s were already gone", sweep.gone)
        said.append(text % {"count": humane.number(sweep.gone)})
    if sweep.failed:
        text = ngettext("%(count)s failed", "%(count)s failed", sweep.failed)
        said.append(text % {"count": humane.number(sweep.failed)})
    if sweep.in_doubt:
        text = ngettext(
            "%(count)s was asked for, outcome unknown",
            "%(count)s were asked for, outcome unknown",
            sweep.in_doubt,
        )
        said.append(text % {"count": humane.number(sweep.in_doubt)})
    return said


def flushed(alias: str) -> Callable[[Work[Sweep]], str]:
    """Return what says how a flush went, for the person and for the record."""

    def said(work: Work[Sweep]) -> str:
        count = work.deed.done
        text = ngettext(
            'Flushed "%(alias)s": %(count)s entry deleted.',
            'Flushed "%(alias)s": %(count)s entries deleted.',
            count,
        )
        if not work.complete:
            text = ngettext(
                'Flushing "%(alias)s": %(count)s entry deleted so far, not all.',
                'Flushing "%(alias)s": %(count)s entries deleted so far, not all.',
                count,
            )
        if work.deed.failed and not count:
            text = _('Not flushed: nothing could be deleted of "%(alias)s".')
        others = _others(replace(work.deed, gone=0))
        rest = f" {'; '.join(others)}." if others else ""
        return text % {"alias": alias, "count": humane.number(count)} + rest

    return said


def swept(query: Query) -> Callable[[Work[Sweep]], str]:
    """Return what says on record how a sweep went: never more than was done."""

    def said(work: Work[Sweep]) -> str:
        # A pattern may hold the id of a session, with or without the name before it.
        pattern = Pattern(pattern_without_ids(query.pattern.text))
        what = doing(work.deed.ttl, which(replace(query, pattern=pattern)))
        ended = _("All were examined.") if work.complete else _("Not yet at the end.")
        return f"{what}. {outcome(work.deed)} {ended}"

    return said


def span(ttl: int | None) -> str:
    """Return a TTL in words."""
    return "" if ttl is None or ttl == TTL_NONE else humane.duration(ttl)


def _sentence(ttl: int | None, delete: str, persist: str, expire: str) -> str:
    """Return the sentence for what a sweep does."""
    if ttl is None:
        return delete
    return persist if ttl == TTL_NONE else expire
