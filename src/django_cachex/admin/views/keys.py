"""The key browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting
from django_cachex.admin.apps import installed
from django_cachex.admin.components import (
    Action,
    Empty,
    Heading,
    Live,
    Notice,
    Option,
    Parts,
    Row,
    Select,
    Table,
)
from django_cachex.admin.forms.search import FILTERS, Filter, Found, Search, find
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.links import parse_object_id
from django_cachex.admin.permissions import ADD, DELETE, SEE_KEYS
from django_cachex.admin.views import keys_table
from django_cachex.admin.views.base import CachePage
from django_cachex.admin.views.bulk import offers
from django_cachex.admin.views.caches import BADGES
from django_cachex.admin.views.delete import delete_confirm, delete_keys
from django_cachex.admin.views.keys_table import (
    COLUMNS,
    KeyRows,
    Sorting,
    available,
    fit_a_form,
    how_far,
    progress,
    shown_text,
)
from django_cachex.conf import PAGE_SIZES
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.query import Scope
from django_cachex.inspectors.types import Description, Listing


def plain_selects(search: Search) -> list[Select]:
    """Return what stands beside the search box."""
    types = [Option("", _("any"), not search.type)]
    types += [Option(name, name, name == search.type) for name in search.inspector.types]
    sizes = [Option(str(size), str(size), size == search.size) for size in PAGE_SIZES]
    type_select = [Select("type", _("Type"), types)] if search.inspector.can_type else []
    return [*type_select, Select("size", _("Page size"), sizes)]


def more_selects(search: Search) -> list[Select]:
    """Return the filters beneath it."""
    known = [
        _filter(name, one, search.given.get(name, ""))
        for name, one in FILTERS.items()
        if one.field in search.inspector.filters
    ]
    scopes = search.gate.scopes(search.inspector)
    return [*_scope(search, scopes), *known]


def _scope(search: Search, scopes: Sequence[Scope]) -> list[Select]:
    if len(scopes) < 2:
        return []
    version = search.inspector.cache.version
    texts = {
        Scope.VERSION: _("this version (%(version)s)") % {"version": version},
        Scope.VERSIONS: _("all versions"),
        Scope.STORE: _("the whole database"),
    }
    options = [
        Option("" if scope is Scope.VERSION else scope, texts[scope], scope is search.scope)
        for scope in scopes
    ]
    return [Select("scope", _("Keys of"), options)]


def _filter(name: str, one: Filter, given: str) -> Select:
    values = one.values if not given or given in one.values else (*one.values, given)
    options = [Option(value, one.text(value), value == given) for value in values]
    return Select(name, one.label, [Option("", _("any"), not given), *options])


def column_options(inspector: Inspector, shown: Sequence[str]) -> list[Option]:
    """Return the columns to choose from; none where there is no choice."""
    names = available(inspector)
    if len(names) < 2:
        return []
    return [Option(name, COLUMNS[name].label, name in shown) for name in names]


def scope_warning(search: Search) -> str:
    """Return what to know of the keys of other scopes; nothing of one's own."""
    if search.scope is Scope.STORE:
        return _(
            "These are all keys in the database, including keys of other caches and other "
            "applications. Keys are shown as they are stored."
        )
    if search.scope is Scope.VERSIONS:
        return _(
            "These are the keys of all versions of this cache. Keys are shown as they are stored."
        )
    return ""


def left_out(search: Search, count: int) -> str:
    """Return how many keys were left out because nobody knows whether they pass the filters."""
    filters = ", ".join(f'"{FILTERS[name].label}"' for name in search.given)
    text = _(
        "%(count)s keys are not shown, because the server doesn't say whether they match "
        "%(filters)s."
    )
    return text % {"count": formatting.number(count), "filters": filters}


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
        return keys_table.chosen(self.request, self.inspector)

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
            return format_html("{} · {}", shown_text(shown), _("the key with exactly this name"))
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
            notices.append(Notice(left_out(search, listing.unknown), "warning"))
        if listing.unanswered:
            text = _("%(servers)s did not answer. The keys stored there are missing here.")
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
                    "Each request searches only for a short time. Select Continue to go on "
                    "from here."
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
            return Empty(_("This search is too long"), search.problem, [clear])
        if search.narrows:
            count = formatting.number(found.examined)
            return Empty(
                _("No key matches, all %(count)s examined") % {"count": count},
                _("Check the spelling. Searches are case-sensitive, and * matches any text."),
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
            _("There are no keys with this cache's prefix and version."),
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
            "%(count)s key can't be selected, because the names on this page are too long "
            "for one form.",
            "%(count)s keys can't be selected, because the names on this page are too long "
            "for one form.",
            len(beyond),
        )
        if any(row.cells[0].post_id for row in carrying[fit:]):
            text += " " + _("To open a key with a very long name, search for part of the name.")
        self.notices.append(Notice(text % {"count": formatting.number(len(beyond))}, "warning"))
        rows = [without_id(row) if id(row) in beyond else row for row in table.rows]
        return replace(table, rows=rows)


def without_id(row: Row) -> Row:
    """Return a row without its box, and without a link that carries more than a URL can."""
    name, *others = row.cells
    return replace(
        row, value=None, cells=[replace(name, link=None) if name.post_id else name, *others]
    )


class KeysPage(FoundKeys):
    act = SEE_KEYS
    title = gettext_lazy("Keys")
    template_name = "admin/django_cachex/keys.html"
    found_template = "admin/django_cachex/found.html"

    # Looking.

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "columns" in request.GET:
            response = HttpResponseRedirect(self.here())
            keys_table.remember(response, request, request.GET.getlist("columns"))
            return response
        text, inspector = request.GET.get("q", ""), self.inspector
        if text and not inspector.can_list and self.opens_by_name():
            return self.go(self.links.key(inspector.alias, inspector.locate(text)))
        if self.search.shown is not None and inspector.can_list:
            return self.render_to_response(self._live_context())
        return super().get(request, *args, **kwargs)

    def get_template_names(self) -> list[str]:
        is_part = self.search.shown is not None and self.inspector.can_list
        return [self.found_template] if is_part else super().get_template_names()

    def opens_by_name(self) -> bool:
        """Whether a key can be opened by whoever knows its name."""
        inspector = self.inspector
        return inspector.can_get or inspector.can_get_unsafely or inspector.can_delete

    def heading(self) -> Heading:
        badge = BADGES[self.inspector.support]
        return Heading(self.inspector.alias, _("keys"), badge=badge)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        search = self.search
        self.notices += search.notices
        context: dict[str, Any] = {
            "alias": self.inspector.alias,
            "search": search,
            "can_list": self.inspector.can_list,
            "can_search": self.inspector.can_list or self.opens_by_name(),
        }
        if self.inspector.can_list:
            context |= self._form_context(search)
            context |= self.found_context(search)
        else:
            title = _("This backend cannot list its keys")
            nothing = _("There is nothing to browse")
            context["empty"] = Empty(
                title if self.opens_by_name() else nothing,
                str(self.inspector.why_not("can_list")),
            )
        return super().get_context_data(**context, **kwargs)

    def _form_context(self, search: Search) -> dict[str, Any]:
        warning = scope_warning(search)
        if warning:
            self.notices.append(Notice(warning, "warning"))
        more = more_selects(search)
        state = {**self.request.GET.dict(), "token": "", **dict.fromkeys((*ONCE, "help"), "")}
        return {
            "selects": plain_selects(search),
            "more_selects": more,
            "more_open": any(select.is_set for select in more),
            "column_options": column_options(self.inspector, self.columns),
            "state": [(name, value) for name, value in state.items() if value],
        }

    def _live_context(self) -> dict[str, Any]:
        """Return what is drawn for a script that adds it to a page."""
        own = {"parts": Parts(), "classes": installed().classes}
        context = self.found_context(self.search)
        context["found_notices"] = [*self.notices, *context.get("found_notices", ())]
        return own | context

    # The frame.

    def trail(self) -> Sequence[Action]:
        return [Action("cache", self.inspector.alias, self.links.keys(self.inspector.alias))]

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def actions(self) -> Sequence[Action]:
        add = [Action("add", _("Add key"), self.links.add(self.inspector.alias), "primary")]
        return add if self.gate.allowed(ADD, self.inspector) else []

    def help(self) -> HelpPanel:
        return HelpPanel("keys", self.inspector)

    # Deleting the selected.

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get("action") != "delete":
            self.say(_("No action selected. Nothing was changed."), messages.WARNING)
            return self.go(self.here())
        allowed, refused = self._selected()
        if not allowed and not refused:
            self.say(_("Select the keys to delete first. Nothing was changed."), messages.WARNING)
            return self.go(self.here())
        if "confirmed" in request.POST and allowed:
            delete_keys(self, self.inspector, allowed)
            return self.go(self.here())
        back = Action("cancel", _("Cancel, keep them"), self.here())
        return self.confirm(delete_confirm(self.inspector, allowed, refused, back))

    def _selected(self) -> tuple[list[bytes], list[str]]:
        """Return the selected keys that may be deleted, and the names of those that may not."""
        allowed, refused = [], []
        for given in dict.fromkeys(self.request.POST.getlist("selected")):
            try:
                alias, stored = parse_object_id(given)
            except ValueError:
                continue
            ours = alias == self.inspector.alias and self.gate.reaches(self.inspector, stored)
            if ours and self.gate.allowed(DELETE, self.inspector, stored):
                allowed.append(stored)
            else:
                refused.append(given[:100])
        return allowed, refused
