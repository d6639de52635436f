"""The template fragments in a cache."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from django import forms
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting
from django_cachex.admin.components import (
    Action,
    Alert,
    Button,
    Cell,
    EmptyState,
    FormPanel,
    Header,
    Heading,
    JobProgress,
    Row,
    Table,
)
from django_cachex.admin.fragments import (
    FRAGMENT_PREFIX,
    Fragment,
    default_fragments_alias,
    find_fragments,
    get_fragment_name,
)
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.permissions import DELETE, VIEW_FRAGMENTS, visible_aliases
from django_cachex.admin.sessions import session_key_filter
from django_cachex.admin.states import make_support_badge
from django_cachex.admin.views.base import BaseCacheView, make_bytes_cell
from django_cachex.admin.views.bulk import get_memory_label
from django_cachex.admin.views.jobs import KeyCount, StateTokens, make_progress
from django_cachex.admin.views.namespaces import EXPIRED_TEXT
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.jobs import Job
from django_cachex.inspectors.namespaces import NO_USAGE, NamespaceOptions, NamespaceStats, Usage
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import ScanPage

MAX_ROWS = 500
MAX_NAME_LENGTH = 200
MAX_VALUE_LENGTH = 1000

FRAGMENT_PARAM = "fragment"
"""The parameter with the id of the fragment of which one variant is purged."""


class VariantForm(forms.Form):
    """The values that a fragment varies on."""

    def __init__(self, fragment: Fragment, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        for number, expression in enumerate(fragment.vary_on):
            self.fields[f"value-{number}"] = forms.CharField(
                label=expression, required=False, strip=False, max_length=MAX_VALUE_LENGTH
            )

    @property
    def values(self) -> list[str]:
        return list(self.cleaned_data.values())


class FragmentsView(BaseCacheView):
    """Lists the fragments that templates declare, with the number of variants in a cache."""

    permission = VIEW_FRAGMENTS
    title = gettext_lazy("Fragments")
    template_name = "admin/django_cachex/fragments.html"

    def get_alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    @cached_property
    def declared(self) -> Sequence[Fragment]:
        """The fragments of all templates."""
        return find_fragments()

    @cached_property
    def fragments(self) -> Sequence[Fragment]:
        """The fragments that may be stored in this cache."""
        return [one for one in self.declared if one.alias in (self.inspector.alias, None)]

    @property
    def can_count(self) -> bool:
        return self.inspector.can_list and self.inspector.has_key_names

    # Counting.

    def scan_keys(self, token: str, limit: int, deadline: float) -> ScanPage:
        exclude = self.checker.exclusion_filter(self.inspector, has_filters=True)
        query = Query(Pattern(f"{FRAGMENT_PREFIX}*"), exclude=exclude)
        return self.inspector.scan(query, token, limit, deadline)

    @cached_property
    def key_count(self) -> KeyCount:
        """The count by fragment. Those that no template declares are counted together."""
        # The state of the page has these names in it, so they are limited.
        names = frozenset(
            fragment.name
            for fragment in self.fragments[:MAX_ROWS]
            if len(fragment.name) <= MAX_NAME_LENGTH
        )

        def fragment_of(key: str) -> str:
            name = get_fragment_name(key)
            return name if name in names else ""

        options = NamespaceOptions(
            prefix=FRAGMENT_PREFIX,
            is_session=session_key_filter(self.inspector),
            mask_key=partial(self.checker.mask_key, self.inspector),
            kind_of=fragment_of,
        )
        tokens = StateTokens(self, json.dumps(["fragments"]), EXPIRED_TEXT)
        return KeyCount(self, tokens, self.scan_keys, options)

    # The content of the page.

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        usages: Mapping[str, Usage] | None = None
        context: dict[str, Any] = {}
        if self.can_count and "form_panel" not in kwargs:
            job, can_continue = self.key_count.advance(
                self.key_count.load(self.request.POST.get("state", ""))
            )
            if job.progress.examined or job.complete:
                usages = job.task.kinds
                context["job"] = self._make_progress(job, can_continue)
        if self.fragments or usages:
            context["table"] = self._make_table(usages)
        else:
            context["empty_state"] = self._make_empty_state()
        if len(self.fragments) > MAX_ROWS:
            text = _("Only the first %(count)s fragments are shown.")
            self.alerts.append(Alert(text % {"count": formatting.format_number(MAX_ROWS)}))
        fragment = self._find_requested()
        if fragment is not None and "form_panel" not in kwargs:
            context["form_panel"] = self._make_form_panel(fragment, VariantForm(fragment))
        return super().get_context_data(
            **{"other_caches": self._link_other_caches(), **context, **kwargs}
        )

    def _make_progress(self, job: Job[NamespaceStats], can_continue: bool) -> JobProgress:
        count = job.task.total.keys
        text = ngettext("%(count)s variant cached", "%(count)s variants cached", count)
        return make_progress(
            text % {"count": formatting.format_number(count)},
            job.progress,
            Button(_("Continue counting"), "count"),
            self.key_count.make_fields(job),
            auto_continue=can_continue,
        )

    def _make_table(self, usages: Mapping[str, Usage] | None) -> Table:
        counted = (
            []
            if usages is None
            else [
                Header(_("Variants"), "number"),
                Header(get_memory_label(self.inspector), "number"),
            ]
        )
        headers = [
            Header(_("Fragment")),
            Header(_("Varies on")),
            Header(_("Timeout")),
            *counted,
            Header(_("Actions")),
        ]
        rows = [self._make_row(fragment, usages) for fragment in self.fragments[:MAX_ROWS]]
        others = (usages or {}).get("", NO_USAGE)
        if others.keys:
            rows.append(self._make_others_row(others))
        return Table(headers, rows, caption=_("Fragments"))

    def _make_row(self, fragment: Fragment, usages: Mapping[str, Usage] | None) -> Row:
        link = self.links.keys(self.inspector.alias, q=fragment.pattern)
        counted = (
            []
            if usages is None
            else self._make_count_cells(usages.get(fragment.name, NO_USAGE), link)
        )
        lines = [fragment.place]
        longer = self._list_longer_names(fragment)
        if longer:
            text = _("Its pattern also matches: %(names)s.")
            lines.append(text % {"names": ", ".join(longer)})
        return Row(
            [
                Cell(fragment.name, kind="key", lines=lines),
                Cell(", ".join(fragment.vary_on) or formatting.NO_VALUE, kind="code"),
                Cell(fragment.timeout, kind="code"),
                *counted,
                Cell(kind="row-actions", actions=self._list_actions(fragment, bool(longer))),
            ]
        )

    def _make_others_row(self, usage: Usage) -> Row:
        link = self.links.keys(self.inspector.alias, kind="fragment")
        lines = [_("No template of this site declares them.")]
        return Row(
            [
                Cell(_("other fragments"), lines=lines),
                Cell(),
                Cell(),
                *self._make_count_cells(usage, link),
                Cell(kind="row-actions"),
            ]
        )

    @staticmethod
    def _make_count_cells(usage: Usage, link: str) -> list[Cell]:
        keys = Cell(formatting.format_number(usage.keys), link if usage.keys else None, "number")
        return [keys, make_bytes_cell(usage.memory)]

    def _list_longer_names(self, fragment: Fragment) -> list[str]:
        """Return the names of other fragments whose keys the pattern of this one matches."""
        start = f"{fragment.name}."
        return sorted({one.name for one in self.declared if one.name.startswith(start)})

    def _list_actions(self, fragment: Fragment, is_ambiguous: bool) -> list[Action]:
        """Return the links that purge one or all variants, if the user may do that.

        All variants are found by a pattern, so the name of another fragment must not match it.
        """
        alias = self.inspector.alias
        if not self.checker.is_allowed(DELETE, self.inspector):
            return []
        one = self.current_url(**{FRAGMENT_PARAM: fragment.id})
        if not fragment.vary_on:
            stored = self.inspector.make_key(fragment.make_key(()))
            return [
                Action(
                    "purge-variant",
                    _("Purge"),
                    self.links.delete(alias, stored),
                    "danger",
                    object_name=fragment.name,
                )
            ]
        actions = [Action("purge-variant", _("Purge one variant"), one, object_name=fragment.name)]
        if self.can_count and not is_ambiguous and "*" not in fragment.name:
            url = self.links.bulk(alias, action="delete", q=fragment.pattern)
            actions.append(
                Action("purge-all", _("Purge all"), url, "danger", object_name=fragment.name)
            )
        return actions

    def _link_other_caches(self) -> list[Action]:
        """Return links to the other caches in which templates store fragments."""
        aliases = {one.alias for one in self.declared if one.alias}
        aliases |= {default_fragments_alias()}
        allowed = [
            alias
            for alias in sorted(aliases - {self.inspector.alias})
            if alias in visible_aliases()
            and self.checker.is_allowed(VIEW_FRAGMENTS, inspector_for(alias))
        ]
        return [Action("fragments", alias, self.links.fragments(alias)) for alias in allowed]

    def _make_empty_state(self) -> EmptyState:
        return EmptyState(
            _("No fragments"),
            _('No template of this site uses the tag "cache" with this cache.'),
        )

    # Purging one variant.

    def _find_requested(self) -> Fragment | None:
        """Return the fragment of which one variant is to be purged, if the user may do that."""
        wanted = self.request.GET.get(FRAGMENT_PARAM, "")
        found = (one for one in self.fragments if one.id == wanted and one.vary_on)
        is_allowed = self.checker.is_allowed(DELETE, self.inspector)
        return next(found, None) if wanted and is_allowed else None

    def _make_form_panel(self, fragment: Fragment, form: VariantForm) -> FormPanel:
        return FormPanel(
            form,
            "find-variant",
            _("Find this variant"),
            Action("cancel", _("Cancel"), self.current_url(**{FRAGMENT_PARAM: ""})),
            _('Purge one variant of "%(name)s"') % {"name": fragment.name},
            [("mode", "find")],
            [
                _(
                    "Enter the values that %(place)s varies on, as the template would show them, "
                    "such as 7, en, True or None."
                )
                % {"place": fragment.place}
            ],
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        fragment = self._find_requested()
        if request.POST.get("mode") != "find" or fragment is None:
            return self.render_to_response(self.get_context_data())
        self.check_permission(DELETE, self.inspector)
        form = VariantForm(fragment, request.POST)
        if form.is_valid():
            stored = self.inspector.make_key(fragment.make_key(form.values))
            if self.checker.can_open(self.inspector, stored) and self._may_exist(stored):
                return self.redirect(self.links.delete(self.inspector.alias, stored))
            form.add_error(None, _("No variant with these values is cached."))
        panel = self._make_form_panel(fragment, form)
        return self.render_to_response(self.get_context_data(form_panel=panel))

    def _may_exist(self, stored: bytes) -> bool:
        """Return whether a variant is cached; also if the cache can't tell."""
        if not self.inspector.can_list:
            return True
        infos = self.call_cache(self.inspector, lambda: self.inspector.describe([stored])).value
        return infos is not None and infos[0].exists

    # Around the content.

    def heading(self) -> Heading:
        badge = make_support_badge(self.inspector)
        return Heading(self.inspector.alias, _("fragments"), badge=badge)

    def breadcrumbs(self) -> Sequence[Action]:
        return [*self.cache_breadcrumbs(), Action("fragments", _("Fragments"), "")]

    def help(self) -> HelpPanel:
        return HelpPanel("fragments", self.inspector)

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()
