"""The index: every cache of `settings.CACHES`, and flushing some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.components import (
    Action,
    Badge,
    Cell,
    Empty,
    Header,
    Notice,
    Row,
    Table,
)
from django_cachex.admin.deadline import Answer
from django_cachex.admin.errors import reason
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.permissions import FLUSH, SEE_CACHES, SEE_INFO, SEE_KEYS, visible_aliases
from django_cachex.admin.views.base import Page, bytes_cell
from django_cachex.admin.views.flush import FlushingPage, flush_all, flush_confirm, grouped
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.base import Support
from django_cachex.inspectors.info import Status

BADGES = {
    Support.CACHEX: Badge(
        "cachex", "strong", gettext_lazy("Full support: a django-cachex backend.")
    ),
    Support.WRAPPED: Badge(
        "wrapped",
        "",
        gettext_lazy("Wrapped support: a Django backend, with the features that it allows."),
    ),
    Support.LIMITED: Badge(
        "limited", "warning", gettext_lazy("Limited support: only keys whose exact name you know.")
    ),
}


class CachesPage(Page):
    act = SEE_CACHES
    title = gettext_lazy("Caches")
    tabs_label = gettext_lazy("Support level")
    template_name = "admin/django_cachex/caches.html"

    @cached_property
    def inspectors(self) -> list[Inspector]:
        """The caches that policy shows to this person."""
        every = (inspector_for(alias) for alias in visible_aliases())
        return [inspector for inspector in every if self.gate.allowed(SEE_CACHES, inspector)]

    # Looking.

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = self._filtered()
        statuses = self.asker.ask_all({inspector: inspector.status for inspector in shown})
        can_flush = any(self.gate.allowed(FLUSH, inspector) for inspector in shown)
        return super().get_context_data(
            table=self._table(shown, statuses, can_flush),
            empty=Empty(
                _("No caches to show"),
                _("settings.CACHES has no caches with this support level that you may see."),
                [Action("show-all", _("Show all"), self.links.caches())],
            ),
            footnotes=list(self._footnotes(shown, statuses)),
            flush=can_flush,
            **kwargs,
        )

    def _filtered(self) -> list[Inspector]:
        support = self.request.GET.get("support", "")
        if not support:
            return self.inspectors
        if support not in list(Support):
            text = _('There is no support level "%(given)s". All caches are shown.')
            self.notices.append(Notice(text % {"given": support[:50]}, "warning"))
            return self.inspectors
        return [inspector for inspector in self.inspectors if inspector.support == support]

    def tabs(self) -> Sequence[Action]:
        chosen = self.request.GET.get("support", "")
        chosen = chosen if chosen in list(Support) else ""
        counts = dict.fromkeys(Support, 0)
        for inspector in self.inspectors:
            counts[inspector.support] += 1
        every = _("All %(count)s") % {"count": len(self.inspectors)}
        return [
            Action("show-all", every, self.here(support=""), current=not chosen),
            *(
                Action(
                    f"show-{support}",
                    f"{support} {count}",
                    self.here(support=support),
                    current=chosen == support,
                )
                for support, count in counts.items()
            ),
        ]

    def _table(
        self,
        inspectors: Sequence[Inspector],
        statuses: dict[Inspector, Answer[Status]],
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
                self._cells(inspector, statuses[inspector]),
                value=inspector.alias if self.gate.allowed(FLUSH, inspector) else None,
                label=_('Select "%(alias)s"') % {"alias": inspector.alias},
            )
            for inspector in inspectors
        ]
        return Table(headers, rows, caption=_("Configured caches"), selectable=selectable)

    def _cells(self, inspector: Inspector, answer: Answer[Status]) -> list[Cell]:
        status = answer.value or Status()
        return [
            self._name_cell(inspector),
            Cell(inspector.backend, kind="code"),
            Cell(inspector.location or formatting.NOTHING, kind="code"),
            Cell(badge=BADGES[inspector.support]),
            Cell(
                formatting.NOTHING if status.keys is None else formatting.number(status.keys),
                kind="number",
            ),
            bytes_cell(status.memory),
            state_cell(inspector, answer),
        ]

    def _name_cell(self, inspector: Inspector) -> Cell:
        info = self.links.info(inspector.alias)
        sees_keys = self.gate.allowed(SEE_KEYS, inspector)
        sees_info = self.gate.allowed(SEE_INFO, inspector)
        link = self.links.keys(inspector.alias) if sees_keys else info if sees_info else None
        more = [Action("info", _("info"), info)] if sees_keys and sees_info else []
        return Cell(inspector.alias, link, actions=more, kind="name")

    @staticmethod
    def _footnotes(
        inspectors: Sequence[Inspector], statuses: dict[Inspector, Answer[Status]]
    ) -> Iterable[str]:
        counted = [
            inspector
            for inspector in inspectors
            if (answer := statuses[inspector].value) is not None and answer.keys is not None
        ]
        if counted:
            yield _(
                "Keys: all entries at that location, including other prefixes and versions. "
                "Memory: the whole server."
            )
        for group in grouped(counted).values():
            if len(group) > 1:
                names = ", ".join(inspector.alias for inspector in group)
                yield _("%(names)s share one location, so their figures are the same.") % {
                    "names": names
                }

    def actions(self) -> Sequence[Action]:
        return ()

    def help(self) -> HelpPanel:
        return HelpPanel("caches")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        chosen = set(request.POST.getlist("selected"))
        inspectors = [inspector for inspector in self.inspectors if inspector.alias in chosen]
        if request.POST.get("action") != "flush":
            self.say(_("No action selected. Nothing was changed."), messages.WARNING)
        elif not inspectors:
            self.say(_("Select the caches to flush first. Nothing was changed."), messages.WARNING)
        elif "confirmed" not in request.POST:
            return self.confirm(flush_confirm(self, inspectors))
        elif unfinished := flush_all(self, inspectors):
            return FlushingPage.begun(self, unfinished)
        return self.go(self.links.caches())


def state_cell(inspector: Inspector, answer: Answer[Status]) -> Cell:
    """Return how a cache is: a word in a shape, and the reason where it is down."""
    if answer.error is not None:
        return Cell(badge=Badge(_("down"), "bad"), lines=[reason(inspector, answer.error)])
    if answer.value is None or not inspector.can_info:
        return Cell(badge=Badge(_("unknown")))
    latency = answer.value.latency
    took = [] if latency is None else [f"{formatting.number(latency * 1000, 1)} ms"]
    return Cell(badge=Badge(_("up"), "good"), lines=took)
