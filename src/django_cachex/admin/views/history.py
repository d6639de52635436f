"""The history of a cache or a key: its log entries."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl

from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.bulk import FLUSH_CACHE, MATCHING_ACTIONS
from django_cachex.admin.components import (
    Action,
    Alert,
    Cell,
    EmptyState,
    Header,
    Heading,
    Row,
    Table,
)
from django_cachex.admin.entry_search import EntryPage, search_entries
from django_cachex.admin.forms.history import HistoryForm
from django_cachex.admin.links import MAX_ID_LENGTH, object_id, parse_object_id
from django_cachex.admin.models import Cache, Key
from django_cachex.admin.permissions import VIEW_CACHES, VIEW_HISTORY, VIEW_KEYS
from django_cachex.admin.sessions import mask_pattern, mask_session_name, session_keys
from django_cachex.admin.views.base import BaseCacheView, BaseKeyView
from django_cachex.admin.views.flush import make_flush_token
from django_cachex.admin.views.jobs import SavedJob, StateTokens
from django_cachex.inspectors.info import Text

MAX_ENTRIES: Final = 100
"""Changes per page."""

SEARCH_SECONDS: Final = 1.0
"""Seconds that one request may spend on searching the log entries."""

ENTRY_ID: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)

ACTIONS: Final[Mapping[int, Text]] = {
    log_entries.ADDITION: gettext_lazy("Added"),
    log_entries.CHANGE: gettext_lazy("Changed"),
    log_entries.DELETION: gettext_lazy("Deleted"),
}


class BaseHistoryView(BaseCacheView):
    """Base class of the pages that list log entries, newest first."""

    title = gettext_lazy("History")
    template_name = "admin/django_cachex/history.html"
    help_page = "history"
    shows_backend_notes = False

    def find_entries(self) -> QuerySet[LogEntry]:
        """Return the query for the entries."""
        raise NotImplementedError(f"{type(self).__qualname__}.find_entries")

    def is_shown(self, entry: LogEntry) -> bool:
        """Return whether the user may see an entry that the query found, and searches for it."""
        raise NotImplementedError(f"{type(self).__qualname__}.is_shown")

    def is_filtered(self) -> bool:
        """Return whether the user searches for some of the changes."""
        return False

    def make_key_headers(self) -> list[Header]:
        """Return the header of the column that says what was changed, if there is one."""
        return []

    def make_key_cells(self, entry: LogEntry) -> list[Cell]:
        """Return the cell below `make_key_headers`."""
        return []

    @cached_property
    def before(self) -> int:
        """The id of the log entry below which this page starts; 0 for the newest."""
        text = self.request.GET.get("before", "")
        if not text or ENTRY_ID.fullmatch(text):
            return int(text or 0)
        text = _("The address of this page isn't valid, so it shows the newest changes.")
        self.alerts.append(Alert(text, "warning"))
        return 0

    @cached_property
    def page(self) -> EntryPage:
        deadline = time.monotonic() + SEARCH_SECONDS
        entries = self.find_entries().select_related("user")
        return search_entries(entries, self.is_shown, self.before, MAX_ENTRIES, deadline)

    def make_table(self) -> Table:
        headers = [
            Header(_("Date and time")),
            Header(_("User")),
            Header(_("Action")),
            *self.make_key_headers(),
            Header(_("What changed")),
        ]
        return Table(headers, [*map(self.make_row, self.page.entries)], caption=_("Changes"))

    def make_row(self, entry: LogEntry) -> Row:
        moment = Cell(
            formatting.format_datetime(entry.action_time),
            kind="moment",
            exact=entry.action_time.isoformat(timespec="seconds"),
        )
        return Row(
            [
                moment,
                Cell(entry.user.get_username()),
                Cell(ACTIONS.get(entry.action_flag, "")),
                *self.make_key_cells(entry),
                Cell(self.get_message(entry), actions=self.make_entry_actions(entry)),
            ]
        )

    def make_entry_actions(self, entry: LogEntry) -> list[Action]:
        """Return links below the message of an entry."""
        return []

    def get_message(self, entry: LogEntry) -> str:
        """Return what changed. Earlier versions wrote ids of sessions to the log."""
        message = log_entries.displayed_message(entry)
        return message if self.checker.is_superuser else mask_pattern(message)

    def get_progress(self) -> str:
        """Return how far the search has come, if it ended at its deadline."""
        page = self.page
        if not page.before or page.is_full:
            return ""
        moment = formatting.format_datetime(page.searched_back_to())
        return _("Changes back to %(moment)s were searched.") % {"moment": moment}

    def make_empty_state(self) -> EmptyState:
        if self.page.before:
            return EmptyState(_("None so far"), _("Older changes haven't been searched yet."))
        if self.is_filtered():
            text = _("All recorded changes were searched. Check the spelling.")
            show_all = self.make_self_link("show-all", _("Show all changes"), key="", user="")
            return EmptyState(_("No change matches"), text, [show_all])
        return EmptyState(_("No changes recorded"))

    def make_pager(self) -> list[Action]:
        newest = self.make_self_link("newest", _("Newest changes"), before="")
        older = self.make_self_link("older", _("Older changes"), before=str(self.page.before))
        return [*([newest] if self.before else []), *([older] if self.page.before else [])]

    def make_notes(self) -> list[str]:
        """Return what this page does not list."""
        return [
            _(
                "Changes made through this admin are recorded here. Changes made by "
                "applications aren't."
            )
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = {
            "table": self.make_table(),
            "progress": self.get_progress(),
            "empty_state": self.make_empty_state(),
            "pager": self.make_pager(),
            "notes": self.make_notes(),
            **kwargs,
        }
        return super().get_context_data(**context)


class CacheHistoryView(BaseHistoryView):
    """The changes of a cache and, for users who may view keys, of its keys."""

    permission = VIEW_CACHES

    def get_alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    def heading(self) -> Heading:
        return Heading(self.inspector.alias, _("history"))

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def breadcrumbs(self) -> Sequence[Action]:
        info = self.links.info(self.inspector.alias)
        return [Action("info", self.inspector.alias, info), Action("history", self.title, "")]

    @cached_property
    def form(self) -> HistoryForm:
        return HistoryForm(self.request.GET, auto_id="cx-history-%s")

    @cached_property
    def search(self) -> Mapping[str, str]:
        """The parts of names to search for; empty texts if the form is not valid."""
        self.form.is_valid()
        return {name: self.form.cleaned_data.get(name, "") for name in self.form.fields}

    def is_filtered(self) -> bool:
        return any(self.search.values())

    @cached_property
    def can_view_keys(self) -> bool:
        return self.checker.is_allowed(VIEW_KEYS, self.inspector)

    # Which entries.

    def find_entries(self) -> QuerySet[LogEntry]:
        if not self.form.is_valid():
            return LogEntry.objects.none()
        alias, types = self.inspector.alias, ContentType.objects.get_for_models(Cache, Key)
        wanted = Q(content_type=types[Cache], object_id=alias)
        if self.can_view_keys:
            prefix = object_id(alias, b"")
            wanted |= Q(content_type=types[Key], object_id__startswith=prefix)
        entries = LogEntry.objects.filter(wanted)
        if self.search["key"]:
            entries = entries.filter(object_repr__icontains=self.search["key"])
        if self.search["user"]:
            users = get_user_model()
            condition = {f"{users.USERNAME_FIELD}__icontains": self.search["user"]}
            entries = entries.filter(user__in=users._default_manager.filter(**condition))
        return entries

    def is_shown(self, entry: LogEntry) -> bool:
        """Check again in Python what the query found: databases differ in upper and lower case.

        Only the name that is shown is searched, so that a search can't tell more of a session's.
        """
        stored = self.get_key(entry)
        if stored is None and entry.object_id != self.inspector.alias:
            return False
        if stored is not None and not self.checker.is_allowed(VIEW_KEYS, self.inspector, stored):
            return False
        return self.search["key"].casefold() in self.get_name(entry).casefold()

    def get_key(self, entry: LogEntry) -> bytes | None:
        """Return the stored key that an entry is about; None if it is about the cache."""
        if entry.object_id == self.inspector.alias:
            return None
        try:
            alias, stored = parse_object_id(entry.object_id or "")
        except ValueError:
            return None
        return stored if alias == self.inspector.alias else None

    def is_session(self, stored: bytes) -> bool:
        sessions = session_keys()
        return sessions is not None and sessions.contains(self.inspector, stored)

    def get_name(self, entry: LogEntry) -> str:
        """Return the name of the key, or what an entry about the cache says was changed."""
        stored = self.get_key(entry)
        if stored is None:
            return mask_pattern(entry.object_repr.removeprefix(f"{self.inspector.alias}: "))
        if self.is_session(stored):
            return mask_session_name(entry.object_repr.removesuffix(f" ({self.inspector.alias})"))
        return self.inspector.display_key(stored)

    # The table.

    def make_key_headers(self) -> list[Header]:
        return [Header(_("Key") if self.can_view_keys else _("Cache"))]

    def make_key_cells(self, entry: LogEntry) -> list[Cell]:
        stored, name = self.get_key(entry), self.get_name(entry)
        if stored is None:
            return [Cell(name)]
        name = formatting.format_name(name)
        if self.is_session(stored) or not self.checker.can_open(self.inspector, stored):
            return [Cell(name, kind="key")]
        is_deletion = entry.action_flag == log_entries.DELETION
        make_link = self.links.history if is_deletion else self.links.key
        link = make_link(self.inspector.alias, stored)
        return [Cell(name, None if link.post_id else link, kind="key")]

    def make_empty_state(self) -> EmptyState:
        if not self.form.is_valid():
            return EmptyState(_("Not searched"), _("Correct what you searched for."))
        return super().make_empty_state()

    def make_entry_actions(self, entry: LogEntry) -> list[Action]:
        """Return the link that continues an unfinished job of this user."""
        job = SavedJob.of_entry(entry, self.request.user.pk, self.inspector.alias)
        url = self.make_job_url(job) if job is not None else ""
        if not url or len(url) > MAX_ID_LENGTH:
            return []
        return [Action("continue", _("Continue"), url)]

    def make_job_url(self, job: SavedJob) -> str:
        """Return the URL of the page that continues a job; empty if the user may not."""
        alias, state = self.inspector.alias, job.state
        name, _space, query = job.scope.partition(" ")
        action = MATCHING_ACTIONS.get(name, FLUSH_CACHE)
        if not self.checker.is_allowed(action.permission, self.inspector):
            return ""
        if action is FLUSH_CACHE:
            token = make_flush_token(state, self.request.user.pk, alias)
            return self.links.flush(cache=alias, state=token)
        tokens = StateTokens(self, job.scope)
        token = tokens.dump("run", state.to_json(), state.job.progress.token)
        return self.links.bulk(alias, **dict(parse_qsl(query, keep_blank_values=True)), run=token)

    def make_notes(self) -> list[str]:
        notes = super().make_notes()
        if not self.can_view_keys:
            notes.append(_("Changes of keys are shown to users who may view keys (view_key)."))
        return notes

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(history_form=self.form, **kwargs)


class KeyHistoryView(BaseHistoryView, BaseKeyView):
    permission = VIEW_HISTORY

    def post(self, *args: Any, **kwargs: Any) -> Any:
        """Show the history of a key whose id is too long for a URL."""
        return self.get(*args, **kwargs)

    def heading(self) -> Heading:
        return Heading(self.display_name, _("history"), kind="key", copy_text=self.key_name)

    @cached_property
    def logged_id(self) -> str:
        return log_entries.logged_object_id(self.inspector, self.stored)

    def find_entries(self) -> QuerySet[LogEntry]:
        key_type = ContentType.objects.get_for_model(Key)
        return LogEntry.objects.filter(content_type=key_type, object_id=self.logged_id)

    def is_shown(self, entry: LogEntry) -> bool:
        return entry.object_id == self.logged_id  # Some databases ignore upper and lower case.

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more = []
        if self.checker.is_allowed(VIEW_CACHES, self.inspector):
            link = self.links.cache_history(self.inspector.alias)
            more.append(Action("cache-history", _("History of the cache"), link))
        return super().get_context_data(more=more, **kwargs)

    def make_notes(self) -> list[str]:
        text = _("Changes of many keys at once are recorded in the history of the cache.")
        return [*super().make_notes(), text]
