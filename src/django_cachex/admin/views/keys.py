"""The key browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting
from django_cachex.admin.apps import app_config
from django_cachex.admin.bulk import MAX_LINK_CHARS, describe_query
from django_cachex.admin.components import (
    Action,
    Alert,
    ComponentTemplates,
    EmptyState,
    Heading,
    Row,
    Table,
)
from django_cachex.admin.forms.search import (
    CONTAINS_PARAM,
    FILTERS,
    MAX_PAGE_TOKEN_LENGTH,
    MAX_VALUE_TEXT_LENGTH,
    VALUE_PARAM,
    Search,
    SearchResult,
    explain_no_match,
    run_search,
)
from django_cachex.admin.kinds import list_kinds
from django_cachex.admin.links import MAX_URL_LENGTH, dump_state, load_state, parse_object_id
from django_cachex.admin.permissions import ADD, DELETE, EDIT, VIEW_KEYS
from django_cachex.admin.states import make_support_badge
from django_cachex.admin.views import keys_table
from django_cachex.admin.views.base import BaseCacheView
from django_cachex.admin.views.bulk import get_bulk_note, make_bulk_links
from django_cachex.admin.views.delete import delete_keys, make_delete_confirmation
from django_cachex.admin.views.keys_table import (
    KEY_COLUMNS,
    KIND_COLUMN,
    KeysTable,
    SortOrder,
    count_values_that_fit,
    format_examined,
    format_examined_database,
    format_shown,
    format_values_read,
    get_available_columns,
)
from django_cachex.admin.views.selection import (
    forget_selection,
    remember_selection,
    select_remembered,
)
from django_cachex.conf import PAGE_SIZES
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.query import Scope
from django_cachex.inspectors.types import KeyInfo


class SearchForm(forms.Form):
    """The fields of a search beside its text. `Search` parses what they send."""

    MAIN_FIELDS = ("type", "size")
    """The fields beside the search box. The others are under *More filters*."""

    def __init__(self, search: Search) -> None:
        super().__init__()
        inspector = search.inspector
        if inspector.has_key_names:
            kinds = list_kinds(search.checker.allowed_kinds())
            names = [("", _("any")), *((kind.name, str(kind.label)) for kind in kinds)]
            self._add("kind", _("Kind"), names, search.kind.name if search.kind else "")
        if inspector.can_type:
            types = [("", _("any")), *((name, name) for name in inspector.types)]
            self._add("type", _("Type"), types, search.type)
        self._add("size", _("Page size"), [(str(n), str(n)) for n in PAGE_SIZES], str(search.size))
        scopes = search.checker.allowed_scopes(inspector)
        if len(scopes) > 1:
            version = {"version": inspector.cache.version}
            choices = {
                Scope.VERSION: ("", _("this version (%(version)s)") % version),
                Scope.VERSIONS: (Scope.VERSIONS, _("all versions")),
                Scope.STORE: (Scope.STORE, _("the whole database")),
            }
            selected = choices[search.scope][0]
            self._add("scope", _("Scope"), [choices[scope] for scope in scopes], selected)
        for name, one in FILTERS.items():
            if one.field in inspector.filters:
                selected = search.filters.get(name, "")
                values = dict.fromkeys([*one.values, *([selected] if selected else [])])
                texts = [("", _("any")), *((value, one.format(value)) for value in values)]
                self._add(name, one.label, texts, selected)
        if search.can_search_values:
            self.fields[VALUE_PARAM] = forms.CharField(
                label=_("Value contains"),
                max_length=MAX_VALUE_TEXT_LENGTH,
                initial=search.value_text,
            )

    def _add(
        self, name: str, label: Text, choices: Sequence[tuple[str, str]], selected: str
    ) -> None:
        self.fields[name] = forms.ChoiceField(label=str(label), choices=choices, initial=selected)

    @property
    def main_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name in self.MAIN_FIELDS]

    @property
    def filter_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in (*self.MAIN_FIELDS, VALUE_PARAM)]

    @property
    def value_field(self) -> forms.BoundField | None:
        """The field for the text that values contain."""
        return self[VALUE_PARAM] if VALUE_PARAM in self.fields else None

    @property
    def has_filters(self) -> bool:
        """Whether a field under *More filters* is set."""
        value = [self.value_field] if self.value_field else []
        return any(field.value() for field in (*self.filter_fields, *value))


def make_column_choices(inspector: Inspector, shown: Sequence[str]) -> list[tuple[str, Text, bool]]:
    """Return the columns with their labels and whether they are shown; none if there is one."""
    names = get_available_columns(inspector)
    choices = [(name, KEY_COLUMNS[name].label, name in shown) for name in names]
    return choices if len(choices) > 1 else []


def get_scope_warning(search: Search) -> str:
    """Return a warning about the keys of a scope other than the cache's own version."""
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


def format_skipped(search: Search, count: int) -> str:
    """Return how many keys were skipped because it is unknown whether they match the filters."""
    filters = ", ".join(f'"{FILTERS[name].label}"' for name in search.filters)
    text = ngettext(
        "%(count)s key isn't shown, because the server doesn't say whether it matches %(filters)s.",
        "%(count)s keys aren't shown, because the server doesn't say whether they match "
        "%(filters)s.",
        count,
    )
    return text % {"count": formatting.format_number(count), "filters": filters}


SELECTION = "selection"
"""The purpose of the tokens with the ids of the selected keys."""

TRANSIENT_PARAMS = ("live", "columns", "selected")
"""Parameters that the links of the page do not keep."""


class KeysView(BaseCacheView):
    """Searches the keys of a cache, and deletes the selected ones."""

    permission = VIEW_KEYS
    title = gettext_lazy("Keys")
    template_name = "admin/django_cachex/keys.html"
    help_page = "keys"
    results_template = "admin/django_cachex/results.html"
    noted_permissions = (EDIT, DELETE, ADD)

    @cached_property
    def search(self) -> Search:
        return Search.from_params(self.request.GET, self.inspector, self.checker)

    @cached_property
    def columns(self) -> Sequence[str]:
        """The columns that the user selected."""
        return keys_table.get_selected_columns(self.request, self.inspector)

    def get_list_params(self) -> Mapping[str, str]:
        """Return the parameters of this page. A live search adds to the page that it began on."""
        if not self.inspector.can_list:
            return {}
        params = self.request.GET.dict()
        if self.search.live_count is None and len(params.get("token", "")) <= MAX_PAGE_TOKEN_LENGTH:
            return params
        return {**params, "token": self.search.page_token}

    def current_url(self, **query: str) -> str:
        return super().current_url(**{**dict.fromkeys(TRANSIENT_PARAMS, ""), **query})

    def get_results_context(self, search: Search) -> dict[str, Any]:
        columns = [name for name in self.columns if name != KIND_COLUMN]
        result = self.call_cache(self.inspector, lambda: run_search(search, columns)).value
        if result is None:
            return {}
        # An inspector may ignore `Query.exclude`.
        is_excluded = search.query.is_excluded
        shown = [one for one in result.descriptions if not is_excluded(one.key)]
        rows = KeysTable(
            self.inspector,
            self.checker,
            self.links,
            self.columns,
            search.scope,
            SortOrder.read(search.sort, self.columns),
            self.current_url,
        )
        return {
            "table": self._make_table(rows, shown) if shown else None,
            "sort_note": rows.sort_note,
            "can_delete": rows.selectable and bool(shown),
            "bulk_links": make_bulk_links(self, search.query) if shown and result.listing else [],
            "bulk_note": get_bulk_note(self, search.query) if shown else "",
            "result_alerts": self._make_result_alerts(search, result),
            "progress": self._format_progress(search, result),
            "live_search": self._make_live_search(search, result),
            "pager": self._make_pager(search, result),
            "empty_state": self._make_empty_state(search, result),
        }

    def _count_shown(self, search: Search, result: SearchResult) -> int:
        return (search.live_count or 0) + len(result.descriptions)

    def _format_progress(self, search: Search, result: SearchResult) -> str:
        shown, listing = self._count_shown(search, result), result.listing
        if listing is None:
            exact_name = _("the key with exactly this name")
            return format_html("{} · {}", format_shown(shown), exact_name) if shown else ""
        is_empty = listing.complete and not shown and result.examined
        lists_everything = not (search.has_filters or search.is_continued or search.error)
        examined = (
            format_examined_database(result.examined)
            if is_empty and lists_everything
            else format_examined(result.examined, listing)
        )
        texts = [examined, *([format_values_read(listing.values)] if listing.values else [])]
        return format_html("{} · {}", format_shown(shown), " · ".join(texts))

    def _make_live_search(self, search: Search, result: SearchResult) -> dict[str, Any]:
        """Return what the live search script needs to continue in the background."""
        shown = self._count_shown(search, result)
        return {
            "next_url": self.current_url(token=result.token) if result.token else "",
            "shown": shown,
            "size": search.size,
            "examined": result.examined,
            "total": result.listing.total if result.listing else None,
            "auto_continue": result.auto_continue and not self._must_ask(result),
            "is_full": shown >= search.size,
        }

    def _must_ask(self, result: SearchResult) -> bool:
        """Return whether the search may only go on if the user wants it, as it is expensive."""
        limit, listing = self.inspector.max_keys_unasked, result.listing
        if limit is None or listing is None or not result.token:
            return False
        return listing.total is not None and listing.total > limit

    def _make_pager(self, search: Search, result: SearchResult) -> list[Action]:
        pager = []
        if not search.is_first_page:
            pager.append(Action("first-page", _("First"), self.current_url(token="")))
        previous = search.previous_token
        if previous is not None:
            url = self.current_url(token=previous)
            pager.append(Action("previous-page", _("Previous"), url))
        if result.token and self._count_shown(search, result):
            text = _("Next %(count)s") % {"count": search.size}
            url = self.current_url(token=result.token)
            pager.append(Action("next-page", text, url, "primary"))
        if result.listing is None and not search.error:
            text = _("Show all keys that %(which)s") % {
                "which": describe_query(search.query, max_chars=MAX_LINK_CHARS)
            }
            url = self.current_url(**{CONTAINS_PARAM: search.text})
            pager.append(Action("contains", text, url, "primary"))
        return pager

    def _make_result_alerts(self, search: Search, result: SearchResult) -> list[Alert]:
        """Return alerts about keys that are missing from the results."""
        listing, alerts = result.listing, []
        if listing is None:
            return []
        if self._must_ask(result) and self._count_shown(search, result) < search.size:
            text = _(
                "The search continues only when you ask for it, because it is expensive for "
                "a server with so many keys: for each page, the server walks through all "
                "earlier keys again."
            )
            alerts.append(Alert(text))
        if listing.unknown:
            alerts.append(Alert(format_skipped(search, listing.unknown), "warning"))
        if listing.failed_nodes:
            text = _("%(servers)s didn't answer. The keys stored there are missing here.")
            servers = ", ".join(listing.failed_nodes)
            try_again = [Action("try-again", _("Try again"), self.current_url())]
            alerts.append(Alert(text % {"servers": servers}, "error", try_again))
        return alerts

    def _make_empty_state(self, search: Search, result: SearchResult) -> EmptyState:
        """Return why no key is shown, and what to do."""
        alias = self.inspector.alias
        if result.token and result.listing is not None:
            so_far = {"how_far": format_examined(result.examined, result.listing)}
            url = self.current_url(token=result.token)
            return EmptyState(
                _("None so far, %(how_far)s") % so_far,
                _(
                    "Each request searches only for a short time. Select Continue to go on "
                    "from here."
                ),
                [Action("continue", _("Continue"), url, "primary")],
            )
        clear = Action("clear-search", _("Clear the search"), self.links.keys(alias))
        if search.error:
            return EmptyState(_("This search is too long"), search.error, [clear])
        first_page = Action("first-page", _("First page"), self.current_url(token=""))
        first_pages = [first_page] if search.is_continued else []
        if search.has_filters:
            title = ngettext(
                "No key matches, %(count)s examined",
                "No key matches, all %(count)s examined",
                result.examined,
            )
            return EmptyState(
                title % {"count": formatting.format_number(result.examined)},
                explain_no_match(search.query),
                [*first_pages, clear],
            )
        if search.is_continued:
            return EmptyState(_("No more keys"), "", first_pages)
        add = Action("add", _("Add key"), self.links.add(alias), "primary")
        return EmptyState(
            _("This cache is empty"),
            _("There are no keys with this cache's prefix and version."),
            [add] if self.checker.is_allowed(ADD, self.inspector) else [],
        )

    def _make_table(self, rows: KeysTable, shown: Sequence[KeyInfo]) -> Table:
        return select_remembered(self._limit_to_form(rows.build(shown)), self.request)

    def _limit_to_form(self, table: Table) -> Table:
        """Remove checkboxes that exceed the limits for one form, and add an alert about it."""
        rows_with_id = [row for row in table.rows if row.value or row.cells[0].post_id]
        fit = count_values_that_fit([row.value or row.cells[0].post_id for row in rows_with_id])
        removed = {id(row) for row in rows_with_id[fit:]}
        if not removed:
            return table
        text = ngettext(
            "%(count)s key can't be selected, because the names on this page are too long "
            "for one form.",
            "%(count)s keys can't be selected, because the names on this page are too long "
            "for one form.",
            len(removed),
        )
        if any(row.cells[0].post_id for row in rows_with_id[fit:]):
            text += " " + _("To open a key with a very long name, search for part of the name.")
        self.alerts.append(
            Alert(text % {"count": formatting.format_number(len(removed))}, "warning")
        )
        rows = [remove_id(row) if id(row) in removed else row for row in table.rows]
        return replace(table, rows=rows)

    # Requests.

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "columns" in request.GET:
            redirect = HttpResponseRedirect(self.current_url())
            keys_table.remember_columns(redirect, request, request.GET.getlist("columns"))
            return redirect
        if "selected" in request.GET:
            return self.ask_selected(request.GET["selected"])
        text, inspector = request.GET.get("q", ""), self.inspector
        if text and not inspector.can_list and self.can_open_by_name():
            return self.redirect(self.links.key(inspector.alias, inspector.make_key(text)))
        is_live = self.search.live_count is not None and inspector.can_list
        return self._render_keys(
            self._get_live_context() if is_live else self.get_context_data(**kwargs)
        )

    def _render_keys(self, context: dict[str, Any]) -> HttpResponse:
        response = self.render_to_response(context)
        live_search = context.get("live_search", {})
        if live_search.get("is_full") or not live_search.get("auto_continue"):
            forget_selection(response, self.request)  # A script adds no more rows to this page.
        return response

    def get_template_names(self) -> list[str]:
        is_live = self.search.live_count is not None and self.inspector.can_list
        return [self.results_template] if is_live else super().get_template_names()

    def can_open_by_name(self) -> bool:
        """Return whether a key can be opened by its exact name."""
        inspector = self.inspector
        return inspector.can_get or inspector.can_get_unsafely or inspector.can_delete

    def heading(self) -> Heading:
        badge = make_support_badge(self.inspector)
        return Heading(self.inspector.alias, _("keys"), badge=badge)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        search = self.search
        self.alerts += search.alerts
        context: dict[str, Any] = {
            "alias": self.inspector.alias,
            "search": search,
            "can_list": self.inspector.can_list,
            "can_search": self.inspector.can_list or self.can_open_by_name(),
        }
        if self.inspector.can_list:
            context |= self._get_form_context(search)
            context |= self.get_results_context(search)
        else:
            title = _("This backend cannot list its keys")
            nothing = _("There is nothing to browse")
            context["empty_state"] = EmptyState(
                title if self.can_open_by_name() else nothing,
                str(self.inspector.unsupported_reason("can_list")),
            )
        return super().get_context_data(**context, **kwargs)

    def _get_form_context(self, search: Search) -> dict[str, Any]:
        warning = get_scope_warning(search)
        if warning:
            self.alerts.append(Alert(warning, "warning"))
        state = {
            **self.request.GET.dict(),
            "token": "",
            **dict.fromkeys((*TRANSIENT_PARAMS, "help"), ""),
        }
        return {
            "search_form": SearchForm(search),
            "column_choices": make_column_choices(self.inspector, self.columns),
            "kept_params": [(name, value) for name, value in state.items() if value],
        }

    def _get_live_context(self) -> dict[str, Any]:
        """Return the context of the results alone, for the live search script."""
        base_context = {"components": ComponentTemplates(), "classes": app_config().classes}
        context = self.get_results_context(self.search)
        context["result_alerts"] = [*self.alerts, *context.get("result_alerts", ())]
        return base_context | context

    # Around the content.

    def breadcrumbs(self) -> Sequence[Action]:
        return self.cache_breadcrumbs()

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def actions(self) -> Sequence[Action]:
        add = [Action("add", _("Add key"), self.links.add(self.inspector.alias), "primary")]
        return add if self.checker.is_allowed(ADD, self.inspector) else []

    # Deleting selected keys.

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get("action") != "delete":
            self.add_message(_("Nothing was changed. No action was selected."), messages.WARNING)
            return self.redirect(self.current_url())
        ids = request.POST.getlist("selected")
        allowed, refused = self._check_selected(ids)
        if not allowed and not refused:
            self.add_message(
                _("Nothing was changed. First, select the keys to delete."), messages.WARNING
            )
            return self.redirect(self.current_url())
        if "confirmed" in request.POST and allowed:
            delete_keys(self, self.inspector, allowed)
            return self.redirect(self.current_url())
        token = dump_state(None, "\n".join(ids), *self._selection_binding())
        url = self.current_url(selected=token)
        fits = len(url) <= MAX_URL_LENGTH
        response = self.redirect(url) if fits else self.render_question(allowed, refused)
        remember_selection(response, request, ids)
        return response

    def ask_selected(self, token: str) -> HttpResponse:
        """Ask whether to delete the selected keys, whose ids are in a token."""
        try:
            _state, ids = load_state(token, *self._selection_binding())
        except ValueError:
            self.add_message(_("That page has expired. Nothing was changed."), messages.WARNING)
            return self.redirect(self.current_url())
        return self.render_question(*self._check_selected(ids.split("\n")))

    def render_question(self, allowed: Sequence[bytes], refused: Sequence[str]) -> HttpResponse:
        back = Action("cancel", _("Cancel"), self.current_url())
        return self.render_confirmation(
            make_delete_confirmation(self.inspector, allowed, refused, back)
        )

    def _selection_binding(self) -> tuple[Any, ...]:
        return SELECTION, self.request.user.pk, self.inspector.alias

    def _check_selected(self, ids: Sequence[str]) -> tuple[list[bytes], list[str]]:
        """Return the selected keys that the user may delete, and the names of the others."""
        allowed, refused = [], []
        for object_id in dict.fromkeys(ids):
            try:
                alias, stored = parse_object_id(object_id)
            except ValueError:
                continue
            is_ours = alias == self.inspector.alias and self.checker.can_open(
                self.inspector, stored
            )
            if is_ours and self.checker.is_allowed(DELETE, self.inspector, stored):
                allowed.append(stored)
            else:
                refused.append(object_id[:100])
        return allowed, refused


def remove_id(row: Row) -> Row:
    """Return a row without its checkbox, and without a link whose id is too long for a URL."""
    name, *others = row.cells
    return replace(
        row, value=None, cells=[replace(name, link=None) if name.post_id else name, *others]
    )
