"""What a search of the key browser has found: a table, how far it came, and the ways on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.admin import humane
from django_cachex.admin.access import ADD
from django_cachex.admin.finding import Found, find
from django_cachex.admin.pages import columns, keysearch
from django_cachex.admin.pages.base import CachePage
from django_cachex.admin.pages.keycells import fit_a_form, how_far, progress, shown_text
from django_cachex.admin.pages.keyrows import KeyRows, Sorting
from django_cachex.admin.pages.matched import offers
from django_cachex.admin.parts import Action, Empty, Live, Notice, Row, Table
from django_cachex.admin.searching import Search
from django_cachex.inspectors.types import Description, Listing

ONCE = ("live", "begun", "columns")
"""Parameters that no link of the page keeps."""


class FoundKeys(CachePage):
    """The part of the key browser that a search fills."""

    @cached_property
    def search(self) -> Search:
        """What this request asks for."""
        return Search.read(self.request.GET, self.inspector, self.gate)

    @cached_property
    def columns(self) -> Sequence[str]:
        """The columns that this person has chosen."""
        return columns.chosen(self.request, self.inspector)

    def here(self, **query: str) -> str:
        return super().here(**{**dict.fromkeys(ONCE, ""), **query})

    def found_context(self, search: Search) -> dict[str, Any]:
        found = self.ask(self.inspector, lambda: find(search, self.columns)).value
        if found is None:
            return {}
        shown = self._visible(search, found.descriptions)
        rows = KeyRows(
            self.inspector,
            self.gate,
            self.links,
            self.columns,
            search.scope,
            Sorting.read(search.sort, self.columns),
            self.here,
        )
        return {
            "table": self._within_form(rows.table(shown)) if shown else None,
            "sorted_by": rows.sorted_by,
            "delete": rows.selectable and bool(shown),
            "matching": offers(self, search.query) if shown and not search.problem else [],
            "found_notices": self._about(search, found.listing),
            "progress": self._progress(search, found),
            "live": self._live(search, found),
            "pager": self._pager(search, found),
            "empty": self._empty(search, found),
        }

    def _visible(
        self, search: Search, descriptions: Sequence[Description]
    ) -> Sequence[Description]:
        """Return the keys to show, whatever an inspector makes of `Query.exclude`."""
        query = search.query
        return [one for one in descriptions if not query.excludes(one.key)]

    def _shown(self, search: Search, found: Found) -> int:
        return (search.shown or 0) + len(found.descriptions)

    def _progress(self, search: Search, found: Found) -> str:
        shown = self._shown(search, found)
        if found.listing is None and not shown:
            return ""
        if found.listing is None:
            return format_html("{} · {}", shown_text(shown), _("the key of exactly this name"))
        return progress(shown, found.examined, found.listing)

    def _live(self, search: Search, found: Found) -> Live:
        shown = self._shown(search, found)
        begun = "1" if self._has_begun(search) else ""
        return Live(
            forward=self.here(token=found.token, begun=begun) if found.token else "",
            shown=shown,
            size=search.size,
            examined=found.examined,
            total=found.listing.total if found.listing else None,
            goes_on=found.goes_on_by_itself and shown < search.size,
        )

    def _has_begun(self, search: Search) -> bool:
        """Whether there is a page before the one that the person sees."""
        return search.is_continued if search.shown is None else "begun" in self.request.GET

    def _pager(self, search: Search, found: Found) -> list[Action]:
        pager = (
            [Action("first-page", _("First"), self.here(token=""))]
            if self._has_begun(search)
            else []
        )
        if found.token and self._shown(search, found):
            next_page = _("Next %(count)s") % {"count": search.size}
            text = _("Search for more") if found.listing is None else next_page
            pager.append(Action("next-page", text, self.here(token=found.token), "primary"))
        return pager

    def _about(self, search: Search, listing: Listing | None) -> list[Notice]:
        """Return what is missing among what was found."""
        if listing is None:
            return []
        notices = []
        if listing.unknown:
            notices.append(Notice(keysearch.left_out(search, listing.unknown), "warning"))
        if listing.unanswered:
            text = _("%(servers)s does not answer: its keys are missing here.")
            servers = ", ".join(listing.unanswered)
            again = [Action("try-again", _("Try again"), self.here())]
            notices.append(Notice(text % {"servers": servers}, "error", again))
        return notices

    def _empty(self, search: Search, found: Found) -> Empty:
        """Return why no key is shown: four different reasons, and what to do in each."""
        if found.token and found.listing is not None:
            return Empty(
                _("None so far, %(how_far)s") % {"how_far": how_far(found.examined, found.listing)},
                _(
                    "The search stops after a while so that it holds nobody up; it goes on from "
                    "where it is."
                ),
                [Action("continue", _("Continue"), self.here(token=found.token), "primary")],
            )
        first = (
            [Action("first-page", _("First page"), self.here(token=""))]
            if search.is_continued
            else []
        )
        if search.problem:
            clear = Action(
                "clear-search", _("Clear the search"), self.links.keys(self.inspector.alias)
            )
            return Empty(_("This is too long to search for"), search.problem, [clear])
        if search.narrows:
            count = humane.number(found.examined)
            return Empty(
                _("No key matches, all %(count)s examined") % {"count": count},
                _("Check the spelling: * stands for anything, and upper and lower case differ."),
                [
                    *first,
                    Action(
                        "clear-search", _("Clear the search"), self.links.keys(self.inspector.alias)
                    ),
                ],
            )
        if search.is_continued:
            return Empty(_("No more keys"), "", first)
        add = [Action("add", _("Add key"), self.links.add(self.inspector.alias), "primary")]
        can_add = self.gate.allowed(ADD, self.inspector)
        return Empty(
            _("This cache is empty"),
            _("It holds no key with this cache's prefix and version."),
            add if can_add else [],
        )

    def _within_form(self, table: Table) -> Table:
        """Take the ids from rows beyond what one form can send, and say so."""
        carrying = [row for row in table.rows if row.value or row.cells[0].post_id]
        fit = fit_a_form([row.value or row.cells[0].post_id for row in carrying])
        beyond = {id(row) for row in carrying[fit:]}
        if not beyond:
            return table
        text = ngettext(
            "%(count)s key has no box to select it by: the names fill more than one form.",
            "%(count)s keys have no box to select them by: the names fill more than one form.",
            len(beyond),
        )
        if any(row.cells[0].post_id for row in carrying[fit:]):
            text += " " + _("To open one whose name is very long, search for a part of it.")
        self.notices.append(Notice(text % {"count": humane.number(len(beyond))}, "warning"))
        rows = [without_id(row) if id(row) in beyond else row for row in table.rows]
        return replace(table, rows=rows)


def without_id(row: Row) -> Row:
    """Return a row without its box, and without a link that carries more than a URL can."""
    name, *others = row.cells
    return replace(
        row, value=None, cells=[replace(name, link=None) if name.post_id else name, *others]
    )
