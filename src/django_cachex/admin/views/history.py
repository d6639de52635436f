"""The history of a cache or a key: its log entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.components import (
    Action,
    Cell,
    EmptyState,
    Header,
    Heading,
    Row,
    Table,
)
from django_cachex.admin.models import Cache, Key
from django_cachex.admin.permissions import VIEW_CACHES, VIEW_HISTORY, PermissionChecker
from django_cachex.admin.sessions import mask_pattern
from django_cachex.admin.views.base import BaseCacheView, BaseKeyView

MAX_ENTRIES = 100


def make_history_context(
    checker: PermissionChecker, model: type[models.Model], object_id: str
) -> dict[str, Any]:
    """Return the context of a history page: the latest `MAX_ENTRIES` log entries of an object."""

    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(model), object_id=object_id
    ).select_related("user")[:MAX_ENTRIES]
    headers = (Header(_("Date and time")), Header(_("User")), Header(_("What changed")))
    rows = []
    for entry in entries:
        message = log_entries.displayed_message(entry)
        if not checker.is_superuser:  # Earlier versions wrote ids of sessions to the log.
            message = mask_pattern(message)
        moment = Cell(
            formatting.format_datetime(entry.action_time),
            exact=entry.action_time.isoformat(timespec="seconds"),
        )
        rows.append(Row([moment, Cell(entry.user.get_username()), Cell(message)]))
    text = _(
        "Changes made through this admin are recorded here. Changes made by applications aren't."
    )
    empty_state = EmptyState(_("No changes recorded"), text)
    return {"table": Table(headers, rows, caption=_("Changes")), "empty_state": empty_state}


class CacheHistoryView(BaseCacheView):
    permission = VIEW_CACHES
    title = gettext_lazy("History")
    template_name = "admin/django_cachex/history.html"
    help_page = "history"
    shows_backend_notes = False

    def get_alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    def heading(self) -> Heading:
        return Heading(self.inspector.alias, _("history"))

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def breadcrumbs(self) -> Sequence[Action]:
        info = self.links.info(self.inspector.alias)
        return [Action("info", self.inspector.alias, info), Action("history", self.title, "")]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        history = make_history_context(self.checker, Cache, self.inspector.alias)
        return super().get_context_data(**history, **kwargs)


class KeyHistoryView(BaseKeyView):
    permission = VIEW_HISTORY
    title = gettext_lazy("History")
    template_name = "admin/django_cachex/history.html"
    help_page = "history"
    shows_backend_notes = False

    def post(self, *args: Any, **kwargs: Any) -> Any:
        """Show the history of a key whose id is too long for a URL."""
        return self.get(*args, **kwargs)

    def heading(self) -> Heading:
        return Heading(self.display_name, _("history"), kind="key", copy_text=self.key_name)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        object_id = log_entries.logged_object_id(self.inspector, self.stored)
        history = make_history_context(self.checker, Key, object_id)
        return super().get_context_data(**history, **kwargs)
