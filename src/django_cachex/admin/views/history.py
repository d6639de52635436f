"""Who changed what, and when: the log entries of a cache or a key."""

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
from django_cachex.admin.components import Action, Cell, Empty, Header, Heading, Row, Table
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.models import Cache, Key
from django_cachex.admin.permissions import SEE_CACHES, SEE_HISTORY
from django_cachex.admin.sessions import pattern_without_ids
from django_cachex.admin.views.base import CachePage, KeyedPage

MOST_SHOWN = 100


class HistoryPage(CachePage):
    """The entries of one object; subclasses say of which."""

    title = gettext_lazy("History")
    template_name = "admin/django_cachex/history.html"
    model: type[models.Model]
    shows_notes = False

    def object_id(self) -> str:
        raise NotImplementedError

    def help(self) -> HelpPanel:
        return HelpPanel("history")

    def _what_changed(self, entry: LogEntry) -> str:
        """Return what an entry says; earlier versions wrote the ids of sessions down."""
        said = entry.get_change_message()
        return said if self.gate.is_superuser else pattern_without_ids(said)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        entries = LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(self.model), object_id=self.object_id()
        ).select_related("user")[:MOST_SHOWN]
        headers = (Header(_("Date and time")), Header(_("User")), Header(_("What changed")))
        rows = [
            Row(
                [
                    Cell(
                        formatting.moment(entry.action_time),
                        exact=entry.action_time.isoformat(timespec="seconds"),
                    ),
                    Cell(entry.user.get_username()),
                    Cell(self._what_changed(entry)),
                ]
            )
            for entry in entries
        ]
        empty = Empty(
            _("No changes recorded"),
            _(
                "Changes made through this admin are recorded here. Changes made by applications "
                "are not."
            ),
        )
        return super().get_context_data(
            table=Table(headers, rows, caption=_("Changes")),
            empty=empty,
            **kwargs,
        )


class CacheHistoryPage(HistoryPage):
    act = SEE_CACHES
    model = Cache

    def alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    def object_id(self) -> str:
        return self.inspector.alias

    def heading(self) -> Heading:
        return Heading(self.inspector.alias, _("history"))

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def trail(self) -> Sequence[Action]:
        info = self.links.info(self.inspector.alias)
        return [Action("info", self.inspector.alias, info), Action("history", _("History"), "")]


class KeyHistoryPage(KeyedPage, HistoryPage):
    act = SEE_HISTORY
    model = Key

    def post(self, *args: Any, **kwargs: Any) -> Any:
        """Show the history of a key whose id does not fit a URL."""
        return self.get(*args, **kwargs)

    def object_id(self) -> str:
        return log_entries.record_id(self.inspector, self.stored)

    def heading(self) -> Heading:
        return Heading(self.said_name, _("history"), kind="key", copied=self.key_name)

    def trail(self) -> Sequence[Action]:
        return [*self.key_trail(), Action("history", _("History"), "")]
