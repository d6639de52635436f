"""The list of caches for users who may not open the index."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin.components import Cell, Header, Row, Table
from django_cachex.admin.permissions import visible_aliases
from django_cachex.admin.views.base import BaseView
from django_cachex.admin.views.caches import SUPPORT_BADGES, make_state_cell
from django_cachex.inspectors import inspector_for


class ChooseCacheView(BaseView):
    """Lets users choose a cache for the page that they requested, which is this view's URL.

    They see whether a cache answers, as they would on that page. Backends, locations, figures and
    the reasons of errors need the permission to view caches.
    """

    title = gettext_lazy("Caches")
    template_name = "admin/django_cachex/choose.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        inspectors = [
            inspector
            for inspector in map(inspector_for, visible_aliases())
            if self.checker.is_allowed(self.permission, inspector)
        ]
        statuses = self.executor.run_all({inspector: inspector.status for inspector in inspectors})
        rows = [
            Row(
                [
                    Cell(inspector.alias, self.current_url(cache=inspector.alias), kind="name"),
                    Cell(badge=SUPPORT_BADGES[inspector.support]),
                    replace(make_state_cell(inspector, statuses[inspector]), lines=()),
                ]
            )
            for inspector in inspectors
        ]
        headers = Header(_("Cache Name")), Header(_("Support Level")), Header(_("State"))
        table = Table(headers, rows, caption=_("Configured caches"))
        return super().get_context_data(table=table, **kwargs)
