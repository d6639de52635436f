"""What was counted of the keys that match, before anything is done to them."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.admin import deeds, humane
from django_cachex.admin.access import SEE_KEYS, Gate
from django_cachex.admin.links import Links
from django_cachex.admin.pages.base import CachePage
from django_cachex.admin.pages.cells import bytes_cell
from django_cachex.admin.pages.keycells import how_far
from django_cachex.admin.parts import Action, Card, Cell, FactLine, Header, Row, Table
from django_cachex.admin.sessions import masked
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import Work
from django_cachex.inspectors.namespaces import Survey
from django_cachex.inspectors.query import Query, Scope

MOST_NAMESPACES = 10


OF_THE_PAGE = ("token", "size", "sort", "columns", "live", "begun", "help", "cache")
"""Parameters of the key browser that do not say which keys are meant."""


def offers(page: CachePage, query: Query) -> list[Action]:
    """Return what can be done to all keys that a search finds, within the person's permissions."""
    if not query.pattern.text or query.scope is not Scope.VERSION:
        return []
    given = page.request.GET.dict()
    search = {name: text for name, text in given.items() if name not in OF_THE_PAGE}
    return [
        Action(
            f"{deed.name}-matching",
            deed.step,
            page.links.matching(page.inspector.alias, act=deed.name, **search),
            kind,
        )
        for deed, kind in ((deeds.EXPIRING, ""), (deeds.DELETING, "danger"))
        if page.gate.allowed(deed.act, page.inspector)
    ]


def matched_progress(work: Work[Survey]) -> str:
    """Return how many keys match."""
    found = work.deed.whole.keys
    text = ngettext("%(count)s key matches", "%(count)s keys match", found)
    if not work.complete:
        text = ngettext("%(count)s key matches so far", "%(count)s keys match so far", found)
    return text % {"count": humane.number(found)}


def counted_progress(found: int) -> str:
    """Return how many keys of a cache were counted."""
    text = ngettext("%(count)s key counted", "%(count)s keys counted", found)
    return text % {"count": humane.number(found)}


def matched_cards(survey: Survey, inspector: Inspector, gate: Gate, links: Links) -> list[Card]:
    """Return what they are, which namespaces they are of, and some of them by name."""
    if not survey.whole.keys:
        return []
    cards = [Card(_("What matches"), facts(survey, inspector))]
    namespaces = survey.tree.under(())[:MOST_NAMESPACES]
    if namespaces:
        cards.append(Card(_("Namespaces"), table=namespace_table(survey, inspector)))
    names = [named(stored, inspector, gate, links) for stored in survey.sample]
    title = _("All of them") if len(names) == survey.whole.keys else _("Some of them")
    return [*cards, Card(title, items=names)]


def facts(survey: Survey, inspector: Inspector) -> list[FactLine]:
    """Return the figures of the keys that match."""
    whole = survey.whole
    found = [FactLine(_("Keys"), humane.number(whole.keys))]
    if survey.weighed:
        text, exact = humane.size_with_exact(whole.memory)
        found.append(FactLine(memory_label(inspector), text, exact=exact))
    if survey.timed:
        found.append(FactLine(_("Never expire"), humane.number(whole.immortal)))
    if survey.sessions:
        note = _("Whoever they belong to has to log in again without them.")
        found.append(FactLine(_("Sessions"), humane.number(survey.sessions), note=note))
    if survey.locks:
        note = _("Their names say so: something may be held by them at this moment.")
        found.append(FactLine(_("Look like locks"), humane.number(survey.locks), note=note))
    return found


def memory_label(inspector: Inspector) -> str:
    return _("Memory") if "memory" in inspector.figures else _("Size of values")


def namespace_table(survey: Survey, inspector: Inspector) -> Table:
    """Return the heaviest namespaces of the keys that match."""
    separator = limits().namespace_separator
    rows = [
        Row(
            [
                Cell(f"{path[-1]}{separator}*", kind="key"),
                Cell(humane.number(branch.weight.keys), kind="number"),
                *([bytes_cell(branch.weight.memory)] if survey.weighed else []),
            ]
        )
        for path, branch in survey.tree.under(())[:MOST_NAMESPACES]
    ]
    headers = [
        Header(_("Namespace")),
        Header(_("Keys"), "number"),
        *([Header(memory_label(inspector), "number")] if survey.weighed else []),
    ]
    return Table(headers, rows, caption=_("Namespaces"), compact=True)


def named(stored: bytes, inspector: Inspector, gate: Gate, links: Links) -> Action:
    """Return a key by its name, with a link where the person may open it."""
    name = inspector.name(stored)
    if gate.is_secret(inspector, stored):
        return Action("open", humane.name(masked(name)), "")
    opens = gate.allowed(SEE_KEYS, inspector, stored)
    return Action("open", humane.name(name), links.key(inspector.alias, stored) if opens else "")


def consequences(work: Work[Survey], ttl: int | None) -> Sequence[str]:
    """Return what the person should know before it is done."""
    survey = work.deed
    how = how_far(work.position.examined, work.position)
    said = [f"{matched_progress(work)}, {how}.", deeds.consequence(ttl)]
    if not work.complete:
        said.append(_("Those that are found on the way are treated alike."))
    if survey.sessions:
        text = ngettext(
            "%(count)s session is among them: somebody will have to log in again.",
            "%(count)s sessions are among them: people will have to log in again.",
            survey.sessions,
        )
        said.append(text % {"count": humane.number(survey.sessions)})
    if survey.locks:
        text = ngettext(
            "%(count)s of them looks like a lock: what it guards may be in use.",
            "%(count)s of them look like locks: what they guard may be in use.",
            survey.locks,
        )
        said.append(text % {"count": humane.number(survey.locks)})
    return said
