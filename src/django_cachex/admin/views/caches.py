"""The index of caches, and flushing the selected ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.components import (
    Action,
    Alert,
    Cell,
    EmptyState,
    Header,
    Row,
    Table,
)
from django_cachex.admin.deadline import CallResult
from django_cachex.admin.permissions import (
    FIND_PAGES,
    FLUSH,
    VIEW_CACHES,
    VIEW_INFO,
    VIEW_KEYS,
    visible_aliases,
)
from django_cachex.admin.sessions import is_session_cache
from django_cachex.admin.states import SUPPORT_BADGES, make_state_cell, make_support_badge
from django_cachex.admin.views.base import BaseView, make_bytes_cell
from django_cachex.admin.views.flush import (
    FlushView,
    flush_caches,
    group_by_storage,
    make_flush_confirmation,
)
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.base import Support
from django_cachex.inspectors.info import Status


class CachesView(BaseView):
    """Lists the caches with their state, and flushes the selected ones."""

    permission = VIEW_CACHES
    title = gettext_lazy("Caches")
    tabs_label = gettext_lazy("Support level")
    template_name = "admin/django_cachex/caches.html"
    help_page = "caches"

    @cached_property
    def inspectors(self) -> list[Inspector]:
        """The caches that the user may see."""
        all_inspectors = (inspector_for(alias) for alias in visible_aliases())
        return [
            inspector
            for inspector in all_inspectors
            if self.checker.is_allowed(VIEW_CACHES, inspector)
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        inspectors = self._filter_by_support()
        statuses = self.executor.run_all({inspector: inspector.status for inspector in inspectors})
        can_flush = any(self.checker.is_allowed(FLUSH, inspector) for inspector in inspectors)
        return super().get_context_data(
            table=self._make_table(inspectors, statuses, can_flush),
            empty_state=EmptyState(
                _("No caches to show"),
                _("None of the caches that you can see has this support level."),
                [Action("show-all", _("Show all"), self.links.caches())],
            ),
            legend=[
                badge
                for level, badge in SUPPORT_BADGES.items()
                if any(inspector.support is level for inspector in inspectors)
            ],
            footnotes=list(self._iter_footnotes(inspectors, statuses)),
            can_flush=can_flush,
            **kwargs,
        )

    def _filter_by_support(self) -> list[Inspector]:
        support = self.request.GET.get("support", "")
        if not support:
            return self.inspectors
        if support not in list(Support):
            text = _('There is no support level "%(given)s". All caches are shown.')
            self.alerts.append(Alert(text % {"given": support[:50]}, "warning"))
            return self.inspectors
        return [inspector for inspector in self.inspectors if inspector.support == support]

    def tabs(self) -> Sequence[Action]:
        selected = self.request.GET.get("support", "")
        selected = selected if selected in list(Support) else ""
        counts = dict.fromkeys(Support, 0)
        for inspector in self.inspectors:
            counts[inspector.support] += 1
        all_inspectors = _("All %(count)s") % {"count": len(self.inspectors)}
        return [
            Action("show-all", all_inspectors, self.current_url(support=""), current=not selected),
            *(
                Action(
                    f"show-{support}",
                    f"{support} {count}",
                    self.current_url(support=support),
                    current=selected == support,
                )
                for support, count in counts.items()
            ),
        ]

    def actions(self) -> Sequence[Action]:
        actions = [Action("health", _("Health"), self.links.health_of_all())]
        if self.checker.is_allowed(FIND_PAGES):
            actions.insert(0, Action("purge", _("Purge by URL"), self.links.purge()))
        return actions

    def _make_table(
        self,
        inspectors: Sequence[Inspector],
        statuses: dict[Inspector, CallResult[Status]],
        selectable: bool,
    ) -> Table:
        headers = (
            Header(_("Cache Name")),
            Header(_("Backend")),
            Header(_("Location")),
            Header(_("Support Level")),
            Header(_("Keys"), "number"),
            Header(_("Memory"), "number"),
            Header(_("State")),
        )
        rows = [
            Row(
                self._make_cells(inspector, statuses[inspector]),
                value=inspector.alias if self.checker.is_allowed(FLUSH, inspector) else None,
                label=_('Select "%(alias)s"') % {"alias": inspector.alias},
            )
            for inspector in inspectors
        ]
        return Table(headers, rows, caption=_("Configured caches"), selectable=selectable)

    def _make_cells(self, inspector: Inspector, result: CallResult[Status]) -> list[Cell]:
        status = result.value or Status()
        return [
            self._make_name_cell(inspector),
            Cell(inspector.backend, kind="code"),
            Cell(inspector.location or formatting.NO_VALUE, kind="code"),
            Cell(badge=make_support_badge(inspector)),
            Cell(
                formatting.NO_VALUE
                if status.keys is None
                else formatting.format_number(status.keys),
                kind="number",
            ),
            make_bytes_cell(status.memory),
            make_state_cell(inspector, result),
        ]

    def _make_name_cell(self, inspector: Inspector) -> Cell:
        info = self.links.info(inspector.alias)
        can_view_keys = self.checker.is_allowed(VIEW_KEYS, inspector)
        can_view_info = self.checker.is_allowed(VIEW_INFO, inspector)
        link = None
        if can_view_keys or can_view_info:
            link = self.links.keys(inspector.alias) if can_view_keys else info
        actions = [Action("info", _("info"), info)] if can_view_keys and can_view_info else []
        if can_view_keys and is_session_cache(inspector.alias):
            actions.append(Action("sessions", _("sessions"), self.links.sessions()))
        return Cell(inspector.alias, link, actions=actions, kind="name")

    @staticmethod
    def _iter_footnotes(
        inspectors: Sequence[Inspector], statuses: dict[Inspector, CallResult[Status]]
    ) -> Iterable[str]:
        counted_caches = [
            inspector
            for inspector in inspectors
            if (result := statuses[inspector].value) is not None and result.keys is not None
        ]
        if counted_caches:
            yield _(
                "The number of keys includes all keys at the location, also those with other "
                "prefixes and versions. The memory is that of the whole server."
            )
        for group in group_by_storage(counted_caches).values():
            if len(group) > 1:
                names = ", ".join(inspector.alias for inspector in group)
                yield _("%(names)s share one location, so their figures are the same.") % {
                    "names": names
                }
        if any(result.value and result.value.memory is None for result in statuses.values()):
            text = _('"%(sign)s": the backend doesn\'t report this figure, or not fast enough.')
            yield text % {"sign": formatting.NO_VALUE}

    def get_selected(self, params: QueryDict) -> list[Inspector]:
        """Return the selected caches that the user may see."""
        selected = set(params.getlist("selected"))
        return [inspector for inspector in self.inspectors if inspector.alias in selected]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        inspectors = self.get_selected(request.GET)
        if inspectors and request.GET.get("action") == "flush":
            return self.render_confirmation(make_flush_confirmation(self, inspectors))
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        inspectors = self.get_selected(request.POST)
        if request.POST.get("action") != "flush":
            self.add_message(_("Nothing was changed. No action was selected."), messages.WARNING)
        elif not inspectors:
            self.add_message(
                _("Nothing was changed. First, select the caches to flush."), messages.WARNING
            )
        elif "confirmed" not in request.POST:
            return self.redirect(self.links.flush_question([one.alias for one in inspectors]))
        elif unfinished := flush_caches(self, inspectors):
            return FlushView.render_started(self, unfinished)
        return self.redirect(self.links.caches())
