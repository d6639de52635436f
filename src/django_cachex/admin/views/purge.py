"""Purge the cached pages of URLs: find their keys in one cache or in all, and delete them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cached_property, partial
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting
from django_cachex.admin.components import (
    Action,
    Alert,
    Button,
    Cell,
    Confirmation,
    EmptyState,
    FormPanel,
    Header,
    Heading,
    JobProgress,
    Row,
    Table,
)
from django_cachex.admin.forms.purge import PurgeForm, get_default_prefixes, join_prefixes
from django_cachex.admin.links import (
    MAX_ID_LENGTH,
    dump_positions,
    load_positions,
    object_id,
    parse_object_id,
)
from django_cachex.admin.page_keys import COMMON_START, PageKey
from django_cachex.admin.permissions import (
    DELETE,
    FIND_PAGES,
    VIEW_KEYS,
    visible_aliases,
)
from django_cachex.admin.purging import (
    MAX_COMPUTED,
    MAX_FOUND_BYTES,
    CachedPage,
    CacheSearch,
    FoundPages,
    PageCaching,
    PageSearch,
    PageTarget,
    add_header_lists,
    can_search_names,
    count_computed,
    get_known_hosts,
)
from django_cachex.admin.views.base import BaseCacheView, BaseView
from django_cachex.admin.views.delete import MAX_LISTED_KEYS, delete_keys
from django_cachex.admin.views.jobs import EXPIRED_TEXT, make_missing_alerts, make_progress
from django_cachex.admin.views.keys_table import make_size_cell, make_ttl_cell
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.jobs import Job, ScanProgress
from django_cachex.inspectors.types import ScanPage

MAX_ADDRESSES_SHOWN = 20

FORM_FIELDS = ("url", "hosts", "prefixes", "more")


class BasePurgeView(BaseView):
    """Base class of the views that search caches for the pages of URLs, and delete them."""

    permission = FIND_PAGES
    title = gettext_lazy("Purge by URL")
    template_name = "admin/django_cachex/purge.html"
    help_page = "purge"
    can_refresh = False

    failed: AbstractSet[Inspector] = frozenset()
    """The caches whose search has failed in this request."""

    def get_inspectors(self) -> Sequence[Inspector]:
        """Return the caches to search."""
        raise NotImplementedError(f"{type(self).__qualname__}.get_inspectors")

    @cached_property
    def inspectors(self) -> Sequence[Inspector]:
        return self.get_inspectors()

    def heading(self) -> Heading:
        return Heading(self.title)

    # The form.

    @cached_property
    def needs_prefixes(self) -> bool:
        return not all(map(can_search_names, self.inspectors))

    def make_form(self, data: Mapping[str, str] | None) -> PurgeForm:
        initial = {
            "hosts": " ".join(get_known_hosts(self.request.get_host())),
            "prefixes": join_prefixes(get_default_prefixes()),
        }
        if data is None:
            return PurgeForm(initial=initial, needs_prefixes=self.needs_prefixes)
        given = {name: data[name] for name in FORM_FIELDS if name in data}
        return PurgeForm({**initial, **given}, needs_prefixes=self.needs_prefixes)

    def get_search_fields(self, form: PurgeForm) -> list[tuple[str, str]]:
        """Return what was entered, as fields of a form or parameters of a URL."""
        data = form.data
        # An empty field for hosts is not the same as a missing one, which has the known hosts.
        return [(name, data[name]) for name in form.fields if data.get(name) or name == "hosts"]

    def make_search_url(self, form: PurgeForm) -> str:
        """Return the URL of a search; of the empty form if it would be too long."""
        kept = [("cache", self.request.GET["cache"])] if "cache" in self.request.GET else []
        url = f"{self.request.path}?{urlencode([*kept, *self.get_search_fields(form)])}"
        return (
            url if len(url) <= MAX_ID_LENGTH else self.current_url(**dict.fromkeys(FORM_FIELDS, ""))
        )

    # Requests.

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not {"url", "more"} & set(request.GET):
            return self.render_form(self.make_form(None))
        form = self.make_form(request.GET.dict())
        return self.render_results(form, {}) if form.is_valid() else self.render_form(form)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.make_form(request.POST.dict())
        if not form.is_valid():
            return self.render_form(form)
        step = request.POST.get("step", "")
        if step in ("delete", "delete-all"):
            return self.delete(form, is_everything=step == "delete-all")
        if step == "continue":
            return self.render_results(form, self.load_jobs(form))
        url = self.make_search_url(form)
        is_complete_url = "url=" in url or "more=" in url
        return self.redirect(url) if is_complete_url else self.render_results(form, {})

    def render_form(self, form: PurgeForm) -> HttpResponse:
        return self.render_to_response(self.get_context_data(panel=self.make_panel(form)))

    def make_panel(self, form: PurgeForm) -> FormPanel:
        error_text = _("Not searched. Please correct the errors below.")
        return FormPanel(form, "find", _("Find cached pages"), error_text=error_text)

    # The search.

    def load_jobs(self, form: PurgeForm) -> dict[str, Job[FoundPages]]:
        """Return the searches so far, by alias; none if the token is not valid here."""
        token = self.request.POST.get("state", "")
        try:
            states, positions = load_positions(token, *self._binding(form)) if token else ((), [])
        except ValueError:
            self.alerts.append(Alert(EXPIRED_TEXT, "warning"))
            return {}
        return {
            alias: Job.from_json(state, position, FoundPages.from_json)
            for (alias, state), position in zip(states, positions, strict=True)
        }

    def dump_jobs(self, form: PurgeForm, searches: Sequence[CacheSearch]) -> str:
        states = [(one.inspector.alias, one.job.to_json()) for one in searches]
        positions = [one.job.progress.token for one in searches]
        return dump_positions(states, positions, *self._binding(form))

    def _binding(self, form: PurgeForm) -> tuple[Any, ...]:
        lines = urlencode(self.get_search_fields(form)).replace("%0D%0A", "%0A")
        entered = sha256(lines.encode()).hexdigest()
        aliases = [one.alias for one in self.inspectors]
        return "purge", self.request.user.pk, self.request.path, aliases, entered

    def run(self, search: PageSearch, jobs: Mapping[str, Job[FoundPages]]) -> list[CacheSearch]:
        """Search each cache for the budget of one request, and describe what was found."""
        room = MAX_FOUND_BYTES // max(1, len(self.inspectors))
        progress = {one.alias: CacheSearch.start(one, room) for one in self.inspectors}
        for alias, job in jobs.items():
            progress[alias] = replace(progress[alias], job=job)
        deadline = time.monotonic() + limits().scan_budget

        def search_cache(inspector: Inspector) -> None:
            find, before = partial(self.scan, inspector, search), progress[inspector.alias]
            for after in before.advance(search, find, deadline):
                progress[inspector.alias] = after  # Keeps the steps before an error.

        results = self.executor.run_all(
            {inspector: partial(search_cache, inspector) for inspector in self.inspectors}
        )
        self.failed = {one for one in results if results[one].error is not None}
        for inspector, result in results.items():
            if result.error is not None:
                self.add_error_alert(inspector, result.error)
        return list(map(self.leave_out_hidden, progress.values()))

    def leave_out_hidden(self, one: CacheSearch) -> CacheSearch:
        """Return a search without pages whose keys were computed, if they belong to others."""
        can_open = partial(self.checker.can_open, one.inspector)
        return replace(one, pages=[page for page in one.pages if can_open(page.stored)])

    def scan(
        self, inspector: Inspector, search: PageSearch, token: str, limit: int, deadline: float
    ) -> ScanPage:
        exclude = self.checker.exclusion_filter(inspector, has_filters=True)
        page = inspector.scan(replace(search.query, exclude=exclude), token, limit, deadline)
        keys = [stored for stored in page.keys if self.checker.can_open(inspector, stored)]
        return replace(page, keys=keys)

    # The results.

    def render_results(self, form: PurgeForm, jobs: Mapping[str, Job[FoundPages]]) -> HttpResponse:
        search = form.search
        self.alerts += [self.make_prefix_alert(target) for target in form.prefix_targets]
        if not search.addresses:
            return self.render_form(form)
        searches = self.run(search, jobs)
        state = self.dump_jobs(form, searches)
        hidden_fields = [*self.get_search_fields(form), ("state", state)]
        rows = self.make_rows(search, searches)
        buttons = self.make_buttons(rows, searches)
        job = self.make_job_progress(searches, hidden_fields)
        self.alerts += self.make_alerts(search, searches)
        entered = PurgeForm(initial=form.data, needs_prefixes=self.needs_prefixes)
        context = self.get_context_data(
            panel=self.make_panel(entered),
            addresses=[*map(str, search.addresses.values())][:MAX_ADDRESSES_SHOWN],
            more_addresses=max(0, len(search.addresses) - MAX_ADDRESSES_SHOWN),
            address_count=len(search.addresses),
            job=job,
            found=format_found(len(rows)) if rows else "",
            table=self.make_table(rows) if rows else None,
            hidden_fields=hidden_fields,
            buttons=buttons,
            empty_state=None if buttons or rows or job else self.make_empty_state(form),
        )
        return self.render_to_response(context)

    def make_job_progress(
        self, searches: Sequence[CacheSearch], fields: Sequence[tuple[str, str]]
    ) -> JobProgress | None:
        """Return the progress of the searches that are not complete, as one."""
        unfinished = [one.inspector for one in searches if not one.job.complete]
        if not unfinished:
            return None
        all_progress = [one.job.progress for one in searches]
        totals = [one.examined if one.complete else one.total for one in all_progress]
        progress = ScanProgress(
            examined=sum(one.examined for one in all_progress),
            total=None if None in totals else sum(one or 0 for one in totals),
        )
        return make_progress(
            format_found(sum(len(select_rows(one.pages)) for one in searches)),
            progress,
            Button(_("Continue"), "continue", "primary"),
            fields,
            auto_continue=any(inspector not in self.failed for inspector in unfinished),
        )

    def make_alerts(self, search: PageSearch, searches: Sequence[CacheSearch]) -> list[Alert]:
        """Return alerts about pages that may be missing from the results."""
        alerts: list[Alert] = []
        for one in searches:
            alias = one.inspector.alias
            alerts += make_missing_alerts(one.job.progress)
            if one.job.task.more:
                text = ngettext(
                    '%(count)s more variant was found in "%(alias)s". Delete the ones below '
                    "first, then search again.",
                    '%(count)s more variants were found in "%(alias)s". Delete the ones below '
                    "first, then search again.",
                    one.job.task.more,
                ) % {"count": formatting.format_number(one.job.task.more), "alias": alias}
                alerts.append(Alert(text, "warning"))
            if not can_search_names(one.inspector):
                alerts.append(Alert(describe_computed(one.inspector, search)))
        return alerts

    def make_rows(self, search: PageSearch, searches: Sequence[CacheSearch]) -> list[Row]:
        return [
            self.make_row(search, one, page, page.stored in deletable)
            for one in searches
            for deletable in [self.find_deletable(one)]
            for page in select_rows(one.pages)
            if one.inspector.can_list  # Otherwise it isn't known which pages exist.
        ]

    def find_deletable(self, one: CacheSearch) -> frozenset[bytes]:
        """Return the keys of the pages that the user may delete."""
        if not self.checker.is_allowed(DELETE, one.inspector):
            return frozenset()
        keys = [page.stored for page in one.pages]
        return frozenset(self.checker.filter_allowed(DELETE, one.inspector, keys))

    def make_row(
        self, search: PageSearch, one: CacheSearch, page: CachedPage, is_deletable: bool
    ) -> Row:
        inspector, key, stored = one.inspector, page.key, page.stored
        address = str(search.addresses.get(key.url_hash, ""))
        can_open = self.checker.is_allowed(VIEW_KEYS, inspector, stored)
        link = self.links.key(inspector.alias, stored) if can_open else None
        cells = [
            Cell(address, link, kind="key"),
            Cell(key.method or _("header list")),
            Cell(format_headers(one.headers.get((key.prefix, key.url_hash)))),
            Cell(key.prefix or formatting.NO_VALUE, kind="code" if key.prefix else ""),
            make_size_cell(page.info),
            make_ttl_cell(page.info),
        ]
        if settings.USE_TZ:
            cells.insert(2, Cell(key.time_zone))
        if settings.USE_I18N:
            cells.insert(2, Cell(key.language))
        if len(self.inspectors) > 1:
            cells.append(Cell(inspector.alias))
        return Row(
            cells,
            value=object_id(inspector.alias, stored) if is_deletable else None,
            label=_('Select "%(name)s"') % {"name": address},
        )

    def make_table(self, rows: Sequence[Row]) -> Table:
        headers = [
            Header(_("Page")),
            Header(_("Method")),
            Header(_("Varies on")),
            Header(_("Key prefix")),
            Header(_("Size"), "number"),
            Header(_("TTL"), "number"),
        ]
        if settings.USE_TZ:
            headers.insert(2, Header(_("Time zone")))
        if settings.USE_I18N:
            headers.insert(2, Header(_("Language")))
        if len(self.inspectors) > 1:
            headers.append(Header(_("Cache")))
        selectable = any(row.value for row in rows)
        return Table(headers, rows, caption=_("Cached pages"), selectable=selectable)

    def make_buttons(self, rows: Sequence[Row], searches: Sequence[CacheSearch]) -> list[Button]:
        count = sum(1 for row in rows if row.value)
        if count:
            text = ngettext("Delete it …", "Delete all %(count)s …", count) % {
                "count": formatting.format_number(count)
            }
            return [
                Button(_("Delete selected …"), "delete", "danger-quiet"),
                Button(text, "delete-all", "danger-quiet"),
            ]
        if any(self.find_deletable(one) for one in searches if not one.inspector.can_list):
            return [Button(_("Delete what may be cached …"), "delete-all", "danger-quiet")]
        return []

    def make_empty_state(self, form: PurgeForm) -> EmptyState:
        """Return that no page is cached, and why that may be so."""
        reasons = [describe_caching(target.path, self.inspectors) for target in form.targets[:1]]
        reasons.append(
            _(
                "Pages aren't cached if the response sets a cookie and varies on cookies, if it "
                "is private, streamed or not a 200, or if the request isn't a GET or a HEAD."
            )
        )
        return EmptyState(_("No cached page at this address"), " ".join(reasons))

    def make_prefix_alert(self, target: PageTarget) -> Alert:
        """Return why the pages of a prefix can't be found, and what can be done."""
        every_page = f"{COMMON_START}*"
        links = [
            Action(
                "purge-everything",
                _('All pages in "%(alias)s"') % {"alias": one.alias},
                self.links.bulk(one.alias, q=every_page),
                "danger",
            )
            for one in self.inspectors
            if can_search_names(one) and self.checker.is_allowed(DELETE, one)
        ]
        return Alert(explain_prefix(target), "warning", links)

    # Deleting.

    def delete(self, form: PurgeForm, is_everything: bool) -> HttpResponse:
        """Delete what was selected, after a confirmation."""
        if "confirmed" in self.request.POST:
            for inspector, keys in self.get_selected().items():
                delete_keys(self, inspector, keys, format_purged(inspector, len(keys)))
            return self.redirect(self.make_search_url(form))
        searches = self.run(form.search, self.load_jobs(form))
        chosen = {inspector.alias: keys for inspector, keys in self.get_selected().items()}
        to_delete = {}
        for one in searches:
            deletable, selected = self.find_deletable(one), chosen.get(one.inspector.alias, ())
            pages = [
                page
                for page in one.pages
                if page.stored in deletable and (is_everything or page.stored in selected)
            ]
            keys = (
                add_header_lists(pages, one.pages)
                if one.found_all
                else [page.stored for page in pages]
            )
            if keys:
                to_delete[one.inspector] = [stored for stored in keys if stored in deletable]
        if not to_delete:
            self.add_message(
                _("Nothing was changed. First, select the pages to delete."), messages.WARNING
            )
            return self.redirect(self.make_search_url(form))
        return self.render_confirmation(self.make_confirmation(form, searches, to_delete))

    def get_selected(self) -> dict[Inspector, list[bytes]]:
        """Return the selected keys that the user may delete, by cache."""
        by_alias = {one.alias: one for one in self.inspectors}
        selected: dict[Inspector, list[bytes]] = {}
        for text in dict.fromkeys(self.request.POST.getlist("selected")):
            try:
                alias, stored = parse_object_id(text)
            except ValueError:
                continue
            inspector = by_alias.get(alias)
            if (
                inspector is not None
                and self.checker.can_open(inspector, stored)
                and self.checker.is_allowed(DELETE, inspector, stored)
            ):
                selected.setdefault(inspector, []).append(stored)
        return selected

    def make_confirmation(
        self,
        form: PurgeForm,
        searches: Sequence[CacheSearch],
        to_delete: Mapping[Inspector, Sequence[bytes]],
    ) -> Confirmation:
        known = {(one.inspector.alias, page.stored): page for one in searches for page in one.pages}
        chosen = [
            known[inspector.alias, stored]
            for inspector, keys in to_delete.items()
            for stored in keys
        ]
        lists = sum(1 for page in chosen if page.key.is_header_list)
        pages = len(chosen) - lists
        caches = ", ".join(f'"{inspector.alias}"' for inspector in to_delete)
        consequences = [
            _("Each page is rendered anew when it is next requested. This can't be undone.")
        ]
        if lists:
            text = ngettext(
                "%(count)s header list is deleted with them.",
                "%(count)s header lists are deleted with them.",
                lists,
            )
            consequences.append(text % {"count": formatting.format_number(lists)})
        names = [describe_page(form.search, page.key) for page in chosen if page.key.method]
        if len(names) > MAX_LISTED_KEYS:
            rest = formatting.format_number(len(names) - MAX_LISTED_KEYS)
            names[MAX_LISTED_KEYS:] = [_("and %(count)s more") % {"count": rest}]
        values = {"count": formatting.format_number(pages or lists), "caches": caches}
        return Confirmation(
            question=ngettext(
                "Delete %(count)s cached page from %(caches)s?",
                "Delete %(count)s cached pages from %(caches)s?",
                pages or lists,
            )
            % values,
            breadcrumb=_("Delete"),
            consequences=consequences,
            button_text=ngettext("Delete %(count)s page", "Delete %(count)s pages", pages or lists)
            % values,
            cancel=Action("cancel", _("Cancel"), self.make_search_url(form)),
            hidden_fields=[
                ("step", "delete"),
                ("confirmed", "1"),
                *self.get_search_fields(form),
                *(
                    ("selected", object_id(inspector.alias, stored))
                    for inspector, keys in to_delete.items()
                    for stored in keys
                ),
            ],
            items=names,
        )


class PurgeView(BasePurgeView, BaseCacheView):
    """Purges pages from one cache."""

    shows_backend_notes = False
    noted_permissions = (DELETE,)

    def get_inspectors(self) -> Sequence[Inspector]:
        return [self.inspector]

    def handle_missing_alias(self) -> HttpResponseBase:
        return self.redirect(self.links.purge())

    def heading(self) -> Heading:
        return Heading(self.inspector.alias, _("purge by URL"))

    def breadcrumbs(self) -> Sequence[Action]:
        return self.cache_breadcrumbs()

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()


class PurgeAllView(BasePurgeView):
    """Purges pages from all caches that can tell which pages they have."""

    def get_inspectors(self) -> Sequence[Inspector]:
        return [
            inspector
            for inspector in map(inspector_for, visible_aliases())
            if inspector.can_list and self.checker.is_allowed(FIND_PAGES, inspector)
        ]

    def breadcrumbs(self) -> Sequence[Action]:
        return [Action("here", self.title, "")]


def select_rows(pages: Sequence[CachedPage]) -> list[CachedPage]:
    """Return the pages to list: variants, and header lists whose pages weren't found."""
    with_pages = {page.key.group for page in pages if page.key.method}
    return [page for page in pages if page.key.method or page.key.group not in with_pages]


def format_headers(headers: Sequence[str] | None) -> str:
    """Return the names of headers as in requests, from how Django stores them."""
    if headers is None:
        return ""
    names = [one_line(name.removeprefix("HTTP_").replace("_", "-").title()) for name in headers]
    return ", ".join(names) or formatting.NO_VALUE


def describe_page(search: PageSearch, key: PageKey) -> str:
    """Return a variant of a page in one line."""
    address = search.addresses.get(key.url_hash, "")
    parts = [key.method, str(address), key.language, key.time_zone, key.prefix]
    return " ".join(part for part in parts if part)


def explain_prefix(target: PageTarget) -> str:
    """Return why the pages of a prefix can't be found."""
    text = _(
        "Keys contain hashes of addresses, so you can't search for all pages below "
        "%(path)s. Enter the addresses as a list, or delete all cached pages."
    )
    return text % {"path": target.path.removesuffix("*")}


def format_found(count: int) -> str:
    text = ngettext("%(count)s cached variant found", "%(count)s cached variants found", count)
    return text % {"count": formatting.format_number(count)}


def format_purged(inspector: Inspector, count: int) -> str:
    text = ngettext(
        'Purged from "%(alias)s": %(count)s key deleted.',
        'Purged from "%(alias)s": %(count)s keys deleted.',
        count,
    )
    return text % {"alias": inspector.alias, "count": formatting.format_number(count)}


def describe_computed(inspector: Inspector, search: PageSearch) -> str:
    """Return which pages are found in a cache that can't search the names of its keys."""
    text = _(
        '"%(alias)s" can\'t search its key names. Only pages in the languages and the '
        "time zone of the settings are found, for requests without the headers that "
        "the pages vary on."
    ) % {"alias": inspector.alias}
    if not inspector.can_list:
        text += " " + _("It can't tell which of them exist.")
    if count_computed(search) > MAX_COMPUTED:
        text += " " + _("Only the first %(most)s header lists are looked up.") % {
            "most": MAX_COMPUTED
        }
    return text


def describe_caching(path: str, inspectors: Sequence[Inspector]) -> str:
    """Return how the page of a path is cached, as far as the site's code tells."""
    caching = PageCaching.of_path(path)
    if not caching.has_view:
        return _("No view of this site matches this path.")
    if not caching.alias:
        return _("Neither the cache middleware nor cache_page was found for the view of this path.")
    if caching.alias in {*visible_aliases()} - {one.alias for one in inspectors}:
        return _('The view of this path is cached in "%(alias)s".') % {"alias": caching.alias}
    return ""
