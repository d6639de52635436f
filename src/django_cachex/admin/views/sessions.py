"""The sessions that a cache stores: how many there are and, for superusers, those of a user."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.models import DELETION
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.components import (
    Action,
    Alert,
    Button,
    Cell,
    Confirmation,
    EmptyState,
    Header,
    Heading,
    Row,
    Table,
)
from django_cachex.admin.forms.history import search_input
from django_cachex.admin.links import dump_positions, load_positions
from django_cachex.admin.messages import error_message
from django_cachex.admin.permissions import DELETE, VIEW_SESSIONS
from django_cachex.admin.sessions import mask_session_name, session_key_prefix
from django_cachex.admin.states import make_support_badge
from django_cachex.admin.user_sessions import (
    MAX_FOUND,
    SessionSearch,
    UserSession,
    can_end,
    end_session,
    find_sessions,
    find_user_by_id,
    find_users,
    format_ended,
    has_copies_elsewhere,
    id_in_sessions,
    own_session_key,
    read_sessions,
    session_query,
)
from django_cachex.admin.views.base import BaseCacheView, BaseView
from django_cachex.admin.views.jobs import make_missing_alerts, make_progress
from django_cachex.admin.views.keys_table import format_values_read
from django_cachex.conf import limits
from django_cachex.inspectors.values import fingerprint
from django_cachex.inspectors.values.display import format_value, preview_text

MAX_FIELDS_SHOWN = 12
MAX_FIELD_CHARS = 80

PAGE_EXPIRED = gettext_lazy("That page has expired. Nothing was changed. The search starts again.")


class UserForm(forms.Form):
    """Whose sessions to find."""

    of = forms.CharField(
        label=gettext_lazy("User name, e-mail address or ID"),
        max_length=200,
        required=False,
        widget=search_input(),
    )


class NoSessionsView(BaseView):
    """Says that sessions aren't stored in a cache."""

    permission = VIEW_SESSIONS
    title = gettext_lazy("Sessions")
    template_name = "admin/django_cachex/sessions.html"
    help_page = "sessions"

    def breadcrumbs(self) -> Sequence[Action]:
        return [Action("here", self.title, "")]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        text = _("SESSION_ENGINE is %(engine)s, which doesn't use a cache in settings.CACHES.")
        empty_state = EmptyState(
            _("Sessions aren't stored in a cache"), text % {"engine": settings.SESSION_ENGINE}
        )
        return super().get_context_data(empty_state=empty_state, **kwargs)


class SessionsView(BaseCacheView):
    """Counts sessions, finds those of a user, and ends them after a confirmation."""

    permission = VIEW_SESSIONS
    title = gettext_lazy("Sessions")
    template_name = "admin/django_cachex/sessions.html"
    help_page = "sessions"
    shows_backend_notes = False

    is_unreachable = False
    """Whether the search failed, which an alert explains."""

    def prepare(self) -> HttpResponseBase | None:
        if session_key_prefix() is None:
            return NoSessionsView.as_view(site=self.site)(self.request)
        return super().prepare()

    def get_alias(self) -> str:
        return settings.SESSION_CACHE_ALIAS

    # Whose sessions.

    @cached_property
    def users(self) -> Sequence[Any]:
        """The users that the request names. Only superusers can look for them."""
        if not self.checker.is_superuser:
            return []
        if user_id := self.request.GET.get("user", ""):
            user = find_user_by_id(user_id)
            return [user] if user else []
        text = self.request.GET.get("of", "").strip()
        return find_users(text) if text else []

    @property
    def names_user(self) -> bool:
        asked = self.request.GET.get("user", "") or self.request.GET.get("of", "").strip()
        return self.checker.is_superuser and bool(asked)

    @property
    def user_id(self) -> str:
        """The primary key of the user as sessions store it; empty to count all sessions."""
        return id_in_sessions(self.users[0]) if len(self.users) == 1 else ""

    # The search and its state.

    def _binding(self, purpose: str) -> tuple[Any, ...]:
        return ("sessions", purpose, self.request.user.pk, self.inspector.alias, self.user_id)

    def dump(self, search: SessionSearch) -> str:
        return dump_positions(search.to_json(), search.positions, *self._binding("search"))

    def load(self, token: str) -> SessionSearch:
        """Return the search in a token, or a new one if it is empty or not valid here."""
        if token:
            try:
                state, positions = load_positions(token, *self._binding("search"))
                return SessionSearch.from_json(state, positions)
            except ValueError:
                self.alerts.append(Alert(PAGE_EXPIRED, "warning"))
        return SessionSearch(self.user_id)

    def advance(self, search: SessionSearch) -> SessionSearch:
        hidden = self.checker.policies(self.inspector).hidden_key_filter
        query = session_query(self.inspector, hidden)
        find = partial(find_sessions, search, self.inspector, query, limits().scan_budget)
        result = self.call_cache(self.inspector, find)
        self.is_unreachable = result.error is not None
        return result.value or search

    # The page.

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(
            user_form=UserForm({"of": self.request.GET.get("of", "")}, label_suffix="")
            if self.checker.is_superuser
            else None,
            **kwargs,
        )

    def render_search(self, search: SessionSearch) -> HttpResponse:
        """Continue the search and show what was found so far."""
        after = self.advance(search)
        if self.is_unreachable and not after.progress.examined:
            return self.render()
        self.alerts += make_missing_alerts(after.progress)
        shown = self.read_found(after)
        made_progress = after.progress.token != search.progress.token
        job = make_progress(
            self.format_found(after, len(shown)),
            after.progress,
            Button(_("Continue"), "continue"),
            [("state", self.dump(after))],
            auto_continue=made_progress and not after.is_full,
        )
        is_empty = after.progress.complete and not shown and bool(self.user_id)
        return self.render(
            job=job,
            state=self.dump(after),
            table=self.make_table(shown) if shown else None,
            end_buttons=self.make_end_buttons(shown),
            notes=self.make_notes(after),
            empty_state=self.make_nothing_found() if is_empty else None,
        )

    def render(self, **context: Any) -> HttpResponse:
        return self.render_to_response(self.get_context_data(**context))

    def read_found(self, search: SessionSearch) -> Sequence[UserSession]:
        read = partial(read_sessions, self.inspector, search.found, search.user_id)
        return self.call_cache(self.inspector, read).value or [] if search.found else []

    def format_found(self, search: SessionSearch, shown: int) -> str:
        number = formatting.format_number
        if not self.user_id:
            text = ngettext("%(count)s session", "%(count)s sessions", search.count)
            return text % {"count": number(search.count)}
        text = ngettext(
            '%(count)s session of "%(user)s" found', '%(count)s sessions of "%(user)s" found', shown
        ) % {"count": number(shown), "user": self.users[0]}
        return f"{text} · {format_values_read(search.values)}"

    def make_notes(self, search: SessionSearch) -> list[str]:
        notes = []
        if search.is_full:
            text = _(
                "At most %(most)s sessions are shown. To see others, end these and search again."
            )
            notes.append(text % {"most": MAX_FOUND})
        if self.user_id and has_copies_elsewhere():
            notes.append(
                _(
                    "This session engine also keeps sessions in a store of its own, such as a "
                    "database. Ending a session deletes both copies. A session that is no longer "
                    "in the cache isn't found here."
                )
            )
        if self.user_id and not can_end(self.inspector):
            notes.append(
                _(
                    "Sessions can't be ended here: this cache stores hashes of its keys, so "
                    "their IDs aren't known, and copies outside the cache would remain."
                )
            )
        return notes

    def make_nothing_found(self) -> EmptyState:
        return EmptyState(
            _("This user has no session in this cache"),
            _("All sessions were examined."),
            [Action("back", _("All sessions"), self.links.sessions(), "primary")],
        )

    @cached_property
    def own_key(self) -> bytes | None:
        return own_session_key(self.inspector, self.request)

    def make_table(self, sessions: Sequence[UserSession]) -> Table:
        headers = [
            Header(_("Session")),
            Header(_("Last saved")),
            Header(_("Expires")),
            Header(_("Contents")),
        ]
        rows = [
            Row(
                self._make_cells(session),
                value=fingerprint(session.stored),
                label=_('Select "%(name)s"') % {"name": self.mask_name(session.stored)},
            )
            for session in sessions
        ]
        caption = _("Sessions of this user")
        return Table(headers, rows, caption=caption, selectable=self.may_end)

    def mask_name(self, stored: bytes) -> str:
        return mask_session_name(self.inspector.display_key(stored))

    def _make_cells(self, session: UserSession) -> list[Cell]:
        own = [_("your own")] if session.stored == self.own_key else []
        saved = formatting.NO_VALUE
        if session.saved is not None:
            saved = _("%(span)s ago") % {"span": formatting.format_duration(session.saved)}
        names = list(session.fields)
        lines = [format_field(name, session.fields[name]) for name in names[:MAX_FIELDS_SHOWN]]
        if len(names) > MAX_FIELDS_SHOWN:
            lines.append(_("and %(count)s more") % {"count": len(names) - MAX_FIELDS_SHOWN})
        fields = ngettext("%(count)s field", "%(count)s fields", len(names))
        return [
            Cell(self.mask_name(session.stored), kind="code", lines=own),
            Cell(saved),
            Cell(formatting.format_ttl(session.ttl), expires=session.ttl),
            Cell(fields % {"count": formatting.format_number(len(names))}, lines=lines),
        ]

    # Ending sessions.

    @property
    def may_end(self) -> bool:
        return (
            self.checker.is_superuser
            and self.checker.is_allowed(DELETE, self.inspector)
            and can_end(self.inspector)
        )

    def make_end_buttons(self, shown: Sequence[UserSession]) -> list[Button]:
        if not shown or not self.may_end:
            return []
        count = formatting.format_number(len(shown))
        all_text = ngettext("End this session …", "End all %(count)s …", len(shown))
        buttons = [
            Button(_("End selected …"), "end-selected", "danger-quiet"),
            Button(all_text % {"count": count}, "end-all", "danger-quiet"),
        ]
        is_own = [session.stored == self.own_key for session in shown]
        if any(is_own) and not all(is_own):
            buttons.append(Button(_("End all but my own …"), "end-others", "danger-quiet"))
        return buttons

    def choose(self, search: SessionSearch, action: str) -> list[bytes]:
        """Return the sessions that a button is about."""
        chosen = set(self.request.POST.getlist("selected"))
        return [
            stored
            for stored in search.found
            if action == "end-all"
            or (action == "end-others" and stored != self.own_key)
            or (action == "end-selected" and fingerprint(stored) in chosen)
        ]

    def ask(self, keys: Sequence[bytes]) -> HttpResponse:
        """Ask whether to end some sessions."""
        count = len(keys)
        consequences = [
            ngettext(
                "Its user is logged out, and its data is lost.",
                "Their user is logged out, and their data is lost.",
                count,
            )
        ]
        if self.own_key in keys:
            consequences.append(
                _("One of them is your own session: you will be logged out.")
                if count > 1
                else _("This is your own session: you will be logged out.")
            )
        positions = [stored.decode("utf-8", "surrogatepass") for stored in keys]
        question = ngettext(
            'End %(count)s session of "%(user)s"?', 'End %(count)s sessions of "%(user)s"?', count
        )
        number = {"count": formatting.format_number(count), "user": self.users[0]}
        button = ngettext("End %(count)s session", "End %(count)s sessions", count)
        return self.render_confirmation(
            Confirmation(
                question=question % number,
                breadcrumb=_("End"),
                consequences=consequences,
                button_text=button % number,
                cancel=Action("cancel", _("Cancel"), self.current_url()),
                hidden_fields=[
                    ("action", "end"),
                    ("state", dump_positions(None, positions, *self._binding("end"))),
                ],
                items=[self.mask_name(stored) for stored in keys],
            )
        )

    def end(self, keys: Sequence[bytes]) -> HttpResponse:
        """End those of the sessions that still belong to the user, and record it."""
        read = partial(read_sessions, self.inspector, keys, self.user_id)
        result = self.call_cache(self.inspector, read)
        if result.value is None:
            return self.render_search(SessionSearch(self.user_id))
        theirs = [session.stored for session in result.value]
        is_own = self.own_key in theirs
        ended = self.end_each(self.checker.filter_allowed(DELETE, self.inspector, theirs))
        self.record(ended, len(keys), len(theirs))
        if is_own and self.own_key in ended:
            logout(self.request)
            return self.redirect(self.links.home())
        return self.redirect(self.current_url())

    def end_each(self, keys: Sequence[bytes]) -> Sequence[bytes]:
        """End sessions until one fails. Returns those that are gone.

        The engine answers in this thread, with the cache's own timeouts. It may ignore errors of
        the cache, so the cache is asked afterwards.
        """
        tried: list[bytes] = []
        try:
            for stored in keys:
                tried.append(stored)
                end_session(self.inspector, stored)
        except Exception as error:  # Of any session engine.
            self.report_failure(error, tried[-1:])
        describe = partial(self.inspector.describe, tried, ("ttl",))
        result = self.executor.run(self.inspector, describe)
        if result.value is None:
            self.report_failure(result.error or Exception(), tried)
            return []
        return [info.key for info in result.value if not info.exists]

    def report_failure(self, error: Exception, keys: Sequence[bytes]) -> None:
        """Add a message with the reason, and log that these sessions may have been ended."""
        message = partial(format_ended, len(keys), str(self.users[0]))
        self.log_possible_change(error, DELETION, keys, message, self.inspector)
        self.add_message(error_message(self.inspector, error), messages.ERROR)

    def record(self, ended: Sequence[bytes], asked: int, existing: int) -> None:
        """Log which sessions were ended, and add a message with the numbers."""
        user, number = str(self.users[0]), formatting.format_number
        if ended:
            message = partial(format_ended, len(ended), user)
            log_entries.record_keys(self.request.user.pk, DELETION, self.inspector, ended, message)
            self.add_message(message())
        failed, gone = existing - len(ended), asked - existing
        if failed:
            text = ngettext(
                "%(count)s session couldn't be ended.",
                "%(count)s sessions couldn't be ended.",
                failed,
            )
            self.add_message(text % {"count": number(failed)}, messages.ERROR)
        if gone:
            text = ngettext(
                "%(count)s session was already gone.",
                "%(count)s sessions were already gone.",
                gone,
            )
            self.add_message(text % {"count": number(gone)}, messages.WARNING)

    # Requests.

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.respond(SessionSearch(self.user_id))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        action, token = request.POST.get("action", ""), request.POST.get("state", "")
        if action == "end":
            return self.confirm_end(token)
        search = self.load(token)
        if action.startswith("end-") and self.user_id and self.may_end:
            chosen = self.choose(search, action)
            if chosen:
                return self.ask(chosen)
            self.alerts.append(
                Alert(_("Nothing was changed. First, select the sessions to end."), "warning")
            )
        return self.respond(search)

    def confirm_end(self, token: str) -> HttpResponse:
        """End the sessions in the token of a confirmation."""
        try:
            _state, keys = load_positions(token, *self._binding("end"))
        except ValueError:
            keys = []
        if keys and self.user_id and self.may_end:
            return self.end([key.encode("utf-8", "surrogatepass") for key in keys])
        self.add_message(PAGE_EXPIRED, messages.WARNING)
        return self.redirect(self.current_url())

    def respond(self, search: SessionSearch) -> HttpResponse:
        if not self.inspector.can_list:
            reason = str(self.inspector.unsupported_reason("can_list"))
            return self.render(
                empty_state=EmptyState(_("This backend cannot list its keys"), reason)
            )
        if self.names_user and not self.users:
            back = Action("back", _("All sessions"), self.links.sessions())
            text = _("Check the spelling. User names are compared exactly.")
            return self.render(empty_state=EmptyState(_("There is no such user"), text, [back]))
        if len(self.users) > 1:
            choices = [
                Action("choose-user", str(user), self.links.sessions(user=user.pk))
                for user in self.users
            ]
            return self.render(user_choices=choices)
        return self.render_search(search)

    # Around the content.

    def heading(self) -> Heading:
        suffix = _("sessions")
        if len(self.users) == 1:
            suffix = _("sessions of %(user)s") % {"user": self.users[0]}
        return Heading(self.inspector.alias, suffix, badge=make_support_badge(self.inspector))

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()


def format_field(name: Any, value: Any) -> str:
    """Return a field of a session on one line."""
    text = value if type(value) is str else format_value(value)
    line = " ".join(f"{name if type(name) is str else format_value(name)}: {text}".split())
    short = preview_text(line, MAX_FIELD_CHARS)
    return f"{short.text}…" if short.truncated else short.text
