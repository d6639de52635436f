"""The key browser: finding keys, and deleting the selected ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import humane
from django_cachex.admin.access import ADD, DELETE, SEE_KEYS
from django_cachex.admin.helptexts import keys_help
from django_cachex.admin.links import object_id, parse_object_id
from django_cachex.admin.pages.base import CachePage
from django_cachex.admin.pages.caches import BADGES
from django_cachex.admin.pages.delete import delete_confirm, delete_keys
from django_cachex.admin.pages.keycells import (
    examined_so_far,
    fit_a_form,
    how_far,
    progress,
    size_cell,
    ttl_cell,
)
from django_cachex.admin.pages.matched import offers
from django_cachex.admin.parts import (
    Action,
    Cell,
    Empty,
    Header,
    Heading,
    Notice,
    Row,
    Table,
    Topic,
)
from django_cachex.admin.searching import Search
from django_cachex.admin.sessions import masked
from django_cachex.admin.tokens import Place
from django_cachex.inspectors.entries import Description, Listing
from django_cachex.inspectors.limits import PAGE_SIZES, limits


@dataclass(frozen=True)
class Found:
    """A page of keys with what is known of them."""

    listing: Listing | None
    """None where the search failed after the exact key was found."""

    descriptions: Sequence[Description]


def with_exact(exact: Description | None, others: list[Description]) -> list[Description]:
    return others if exact is None else [exact, *others]


class KeysPage(CachePage):
    act = SEE_KEYS
    title = gettext_lazy("Keys")
    template_name = "admin/django_cachex/keys.html"

    @cached_property
    def search(self) -> Search:
        """What this request asks for."""
        return Search.read(self.request.GET, self.inspector, self.request.user.pk)

    # Looking.

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        text = request.GET.get("q", "")
        if text and not self.inspector.can_list and self.opens_by_name():
            inspector = self.inspector
            return self.go(self.links.key(inspector.alias, inspector.locate(text)))
        return super().get(request, *args, **kwargs)

    def opens_by_name(self) -> bool:
        """Whether a key can be opened by whoever knows its name."""
        inspector = self.inspector
        return inspector.can_get or inspector.can_get_unsafely or inspector.can_delete

    def find_exact(self, search: Search) -> Description | None:
        """Return the key whose whole name was typed, on the first page, if there is one."""
        [one] = self.inspector.describe([self.inspector.locate(search.text)])
        return one if one.exists and search.type in ("", one.type) else None

    def find_keys(self, search: Search, exact: Description | None) -> Found:
        """Return a page of keys: those that match, the one of exactly that name first."""
        # What was typed is most likely what was meant: the search for more can wait for a Next.
        budget = 0 if exact else limits().scan_budget
        listing = self.inspector.scan(
            search.query,
            search.place.token,
            search.size,
            time.monotonic() + budget,
        )
        others = [key for key in listing.keys if exact is None or key != exact.key]
        described = self.inspector.describe(others) if others else []
        return Found(listing, with_exact(exact, [one for one in described if one.exists]))

    def found(self, search: Search) -> Found | None:
        """Return what both questions found; the search may fail and the exact key be there."""
        exact = None
        if search.query.pattern.is_exact_candidate and not search.place.token:
            answer = self.ask(self.inspector, lambda: self.find_exact(search))
            if answer.error is not None:
                return None
            exact = answer.value
        found = self.ask(self.inspector, lambda: self.find_keys(search, exact)).value
        if found is None and exact is not None:
            return Found(None, [exact])
        return found

    def visible(self, found: Found, search: Search) -> Sequence[Description]:
        """Return the keys to show: to most people no search finds sessions, letter by letter."""
        if not search.narrows:
            return found.descriptions
        return [
            one for one in found.descriptions if not self.gate.is_secret(self.inspector, one.key)
        ]

    def heading(self) -> Heading:
        badge = BADGES[self.inspector.support]
        return Heading(self.inspector.alias, _("keys"), badge=badge)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        search = self.search
        self.notices += search.notices
        context: dict[str, Any] = {
            "alias": self.inspector.alias,
            "search": search,
            "sizes": PAGE_SIZES,
            "types": self.inspector.types if self.inspector.can_type else (),
            "can_list": self.inspector.can_list,
            "can_search": self.inspector.can_list or self.opens_by_name(),
        }
        if self.inspector.can_list:
            if search.narrows:  # No search finds sessions letter by letter.
                self.inspector.unlisted = self.gate.secrets_of(self.inspector)
            found = self.found(search)
            if found is not None:
                context |= self._found_context(search, found)
        else:
            title = _("This backend cannot list its keys")
            nothing = _("There is nothing to browse")
            context["empty"] = Empty(
                title if self.opens_by_name() else nothing,
                str(self.inspector.why_not("can_list")),
            )
        return super().get_context_data(**context, **kwargs)

    def _found_context(self, search: Search, found: Found) -> dict[str, Any]:
        shown = self.visible(found, search)
        selectable = self.gate.allowed(DELETE, self.inspector)
        context = {
            "table": self._table(shown, selectable) if shown else None,
            "delete": selectable and bool(shown),
            "matching": offers(self, search.query) if shown else [],
        }
        if found.listing is None:
            return context
        examined = examined_so_far(search.place, found.listing)
        forward = self._forward(search, found.listing, examined)
        pager = [Action(_("First"), self.here(token=""))] if search.place.token else []
        if forward and shown:
            text = _("Next %(count)s") % {"count": search.size}
            pager.append(Action(text, forward, "primary"))
        return context | {
            "progress": progress(len(shown), examined, found.listing),
            "empty": self._empty(search, found.listing, examined, forward),
            "pager": pager,
        }

    def _forward(self, search: Search, listing: Listing, examined: int) -> str:
        """Return where the listing goes on, or nothing at its end."""
        if listing.complete:
            return ""
        place = Place(listing.token, examined)
        return self.here(token=search.sign(place))

    def _empty(self, search: Search, listing: Listing, examined: int, forward: str) -> Empty:
        """Return why no key is shown: four different reasons, and what to do in each."""
        if forward:
            return Empty(
                _("None so far, %(how_far)s") % {"how_far": how_far(examined, listing)},
                _(
                    "The search stops after a while so that it holds nobody up; it goes on from "
                    "where it is."
                ),
                [Action(_("Continue"), forward, "primary")],
            )
        first = [Action(_("First page"), self.here(token=""))] if search.place.token else []
        if search.narrows:
            return Empty(
                _("No key matches, all %(count)s examined") % {"count": humane.number(examined)},
                _("Check the spelling: * stands for anything, and upper and lower case differ."),
                [*first, Action(_("Clear the search"), self.links.keys(self.inspector.alias))],
            )
        if search.place.token:
            return Empty(_("No more keys"), "", first)
        add = [Action(_("Add key"), self.links.add(self.inspector.alias), "primary")]
        can_add = self.gate.allowed(ADD, self.inspector)
        return Empty(
            _("This cache is empty"),
            _("It holds no key with this cache's prefix and version."),
            add if can_add else [],
        )

    def _table(self, shown: Sequence[Description], selectable: bool) -> Table:
        inspector = self.inspector
        headers = [
            Header(_("Key")),
            *([Header(_("Type"))] if inspector.can_type else []),
            *([Header(_("TTL"), "number")] if inspector.can_ttl else []),
            Header(_("Size"), "number"),
        ]
        rows = self._within_form([self._row(one) for one in shown])
        return Table(headers, rows, caption=_("Keys"), selectable=selectable, compact=True)

    def _within_form(self, rows: list[Row]) -> list[Row]:
        """Take the boxes from rows beyond what one form can send, and say so."""
        values = [row.value for row in rows if row.value is not None]
        beyond = set(values[fit_a_form(values) :])
        if beyond:
            text = ngettext(
                "%(count)s key has no box to select it by: the names fill more than one form.",
                "%(count)s keys have no box to select them by: the names fill more than one form.",
                len(beyond),
            )
            self.notices.append(
                Notice(text % {"count": humane.number(len(beyond))}, "warning"),
            )
        return [replace(row, value=None) if row.value in beyond else row for row in rows]

    def _row(self, one: Description) -> Row:
        inspector = self.inspector
        secret = self.gate.is_secret(inspector, one.key)
        name = masked(inspector.name(one.key)) if secret else inspector.name(one.key)
        opens = not secret and self.gate.allowed(SEE_KEYS, inspector, one.key)
        link = self.links.key(inspector.alias, one.key) if opens else None
        deletable = self.gate.allowed(DELETE, inspector, one.key)
        return Row(
            [
                Cell(name or _("(empty name)"), link, kind="key"),
                *([Cell(one.type or humane.NOTHING, kind="type")] if inspector.can_type else []),
                *([ttl_cell(one.ttl)] if inspector.can_ttl else []),
                size_cell(one),
            ],
            value=object_id(inspector.alias, one.key) if deletable else None,
            label=_('Select "%(name)s"') % {"name": name},
        )

    # The frame.

    def trail(self) -> Sequence[Action]:
        return [Action(self.inspector.alias, self.links.keys(self.inspector.alias))]

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def actions(self) -> Sequence[Action]:
        add = [Action(_("Add key"), self.links.add(self.inspector.alias), "primary")]
        return add if self.gate.allowed(ADD, self.inspector) else []

    def help(self) -> Sequence[Topic]:
        return keys_help(self.inspector)

    # Deleting the selected.

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get("action") != "delete":
            self.say(_("Nothing done: choose an action."), messages.WARNING)
            return self.go(self.here())
        allowed, refused = self._selected()
        if not allowed and not refused:
            self.say(_("Nothing done: select the keys to delete first."), messages.WARNING)
            return self.go(self.here())
        if "confirmed" in request.POST and allowed:
            delete_keys(self, self.inspector, allowed)
            return self.go(self.here())
        back = Action(_("Cancel, keep them"), self.here())
        return self.confirm(delete_confirm(self.inspector, allowed, refused, back))

    def _selected(self) -> tuple[list[bytes], list[str]]:
        """Return the selected keys that may be deleted, and the names of those that may not."""
        allowed, refused = [], []
        for given in dict.fromkeys(self.request.POST.getlist("selected")):
            try:
                alias, stored = parse_object_id(given)
            except ValueError:
                continue
            ours = alias == self.inspector.alias and self.inspector.owns(stored)
            if ours and self.gate.allowed(DELETE, self.inspector, stored):
                allowed.append(stored)
            else:
                refused.append(given[:100])
        return allowed, refused
