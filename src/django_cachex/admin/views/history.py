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
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.models import Cache, Key
from django_cachex.admin.permissions import VIEW_CACHES, VIEW_HISTORY
from django_cachex.admin.sessions import mask_pattern
from django_cachex.admin.views.base import BaseCacheView, BaseKeyView

MAX_ENTRIES = 100


class BaseHistoryView(BaseCacheView):
    """Base class of the history views, which list the latest `MAX_ENTRIES` log entries."""

    title = gettext_lazy("History")
    template_name = "admin/django_cachex/history.html"
    model: type[models.Model]
    shows_backend_notes = False

    def get_object_id(self) -> str:
        raise NotImplementedError

    def help(self) -> HelpPanel:
        return HelpPanel("history")

    def _format_change(self, entry: LogEntry) -> str:
        """Return the message of a log entry, without ids of sessions.

        Earlier versions wrote them to the log.
        """
        message = log_entries.displayed_message(entry)
        return message if self.checker.is_superuser else mask_pattern(message)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        entries = LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(self.model),
            object_id=self.get_object_id(),
        ).select_related("user")[:MAX_ENTRIES]
        headers = (Header(_("Date and time")), Header(_("User")), Header(_("What changed")))
        rows = [
            Row(
                [
                    Cell(
                        formatting.format_datetime(entry.action_time),
                        exact=entry.action_time.isoformat(timespec="seconds"),
                    ),
                    Cell(entry.user.get_username()),
                    Cell(self._format_change(entry)),
                ]
            )
            for entry in entries
        ]
        empty = EmptyState(
            _("No changes recorded"),
            _(
                "Changes made through this admin are recorded here. Changes made by applications "
                "aren't."
            ),
        )
        return super().get_context_data(
            table=Table(headers, rows, caption=_("Changes")),
            empty=empty,
            **kwargs,
        )


class CacheHistoryView(BaseHistoryView):
    permission = VIEW_CACHES
    model = Cache

    def get_alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    def get_object_id(self) -> str:
        return self.inspector.alias

    def heading(self) -> Heading:
        return Heading(self.inspector.alias, _("history"))

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def breadcrumbs(self) -> Sequence[Action]:
        info = self.links.info(self.inspector.alias)
        return [Action("info", self.inspector.alias, info), Action("history", _("History"), "")]


class KeyHistoryView(BaseKeyView, BaseHistoryView):
    permission = VIEW_HISTORY
    model = Key

    def post(self, *args: Any, **kwargs: Any) -> Any:
        """Show the history of a key whose id is too long for a URL."""
        return self.get(*args, **kwargs)

    def get_object_id(self) -> str:
        return log_entries.logged_object_id(self.inspector, self.stored)

    def heading(self) -> Heading:
        return Heading(self.display_name, _("history"), kind="key", copy_text=self.key_name)

    def breadcrumbs(self) -> Sequence[Action]:
        return [*self.key_breadcrumbs(), Action("history", _("History"), "")]
