"""Base classes of the views."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.apps import app_config
from django_cachex.admin.components import (
    Action,
    Alert,
    Cell,
    ComponentTemplates,
    Confirmation,
    EmptyState,
    Header,
    Heading,
    Row,
    Table,
)
from django_cachex.admin.deadline import (
    CallResult,
    DeadlineExecutor,
    close_broken_connections,
    may_have_succeeded,
)
from django_cachex.admin.forms.search import list_filters
from django_cachex.admin.fragments import default_fragments_alias
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.links import (
    ID_IN_FORM,
    LIST_FILTERS,
    MAX_URL_LENGTH,
    Links,
    LinkTarget,
    parse_object_id,
)
from django_cachex.admin.messages import error_message, unknown_result_message
from django_cachex.admin.permissions import (
    ADD,
    DELETE,
    EDIT,
    EXPIRE,
    FIND_PAGES,
    VIEW_CACHES,
    VIEW_FRAGMENTS,
    VIEW_HEALTH,
    VIEW_HISTORY,
    VIEW_INFO,
    VIEW_KEYS,
    VIEW_NAMESPACES,
    VIEW_SESSIONS,
    Permission,
    PermissionChecker,
    alias_allows,
    visible_aliases,
)
from django_cachex.admin.sessions import is_session_cache
from django_cachex.admin.states import SUPPORT_BADGES, make_state_cell
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.info import Text

T = TypeVar("T")


class BaseView(TemplateView):
    """Base class of the views, which extend a page of the host's admin site.

    Subclasses set the permission that opens the page, and override what is shown on it.
    """

    site: AdminSite = None  # type: ignore[assignment]  # given by as_view(site=…)
    permission: Permission = VIEW_CACHES
    """The permission that opens the page."""

    title: Text = ""
    """The title. It contains no names of keys, because the host's template may change its case."""

    help_page = ""
    """The name of the template of the help panel in `help/`, without its suffix."""

    tabs_label: Text = gettext_lazy("About this cache")

    can_refresh = True
    """Whether the page shows what may change. A form or a confirmation would lose the input."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.checker = PermissionChecker(self.site, request)
        self.links = Links(self.site.name)
        self.executor = DeadlineExecutor(limits().timeout)
        self.alerts: list[Alert] = []

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return self.prepare() or super().dispatch(request, *args, **kwargs)
        except PermissionDenied as denied:
            return DeniedView.as_view(site=self.site, reason=str(denied))(request)

    def prepare(self) -> HttpResponseBase | None:
        """Check the permission. Return what to send in place of the page, if anything."""
        self.check_permission(self.permission)
        return None

    def check_permission(
        self,
        permission: Permission,
        inspector: Inspector | None = None,
        stored: bytes | None = None,
    ) -> None:
        """Raise PermissionDenied unless the user has a permission, on a cache or a key if given."""
        if not self.checker.is_allowed(permission, inspector, stored):
            raise PermissionDenied(self.describe_refusal(permission))

    def describe_refusal(self, permission: Permission) -> str:
        """Return why the user may not do something, without a word on the cache or the key."""
        names = [f'"{name}"' for name in self.checker.missing_permissions(permission)]
        if not names:
            return _("This isn't allowed here.")
        text = ngettext(
            "This needs the permission %(names)s, which you don't have.",
            "This needs the permissions %(names)s, which you don't have.",
            len(names),
        )
        return text % {"names": get_text_list(names, _("and"))}

    def call_cache(self, inspector: Inspector, function: Callable[[], T]) -> CallResult[T]:
        """Call a function of a cache within the deadline of this request.

        An error is returned with the result, and becomes an alert on this page.
        """
        result = self.executor.run(inspector, function)
        if result.error is not None:
            self.add_error_alert(inspector, result.error)
        return result

    def add_error_alert(self, inspector: Inspector, error: Exception) -> None:
        """Show why a call to a cache failed, unless the page says so already."""
        try_again = (
            [Action("try-again", _("Try again"), self.current_url())]
            if self.request.method == "GET"
            else []
        )
        alert = Alert(error_message(inspector, error), "error", try_again)
        if alert not in self.alerts:
            self.alerts.append(alert)

    # The content of the page.

    def breadcrumbs(self) -> Sequence[Action]:
        """Return the breadcrumbs below the index. The last one is this page."""
        return ()

    def heading(self) -> Heading:
        return Heading(self.title)

    def tabs(self) -> Sequence[Action]:
        """Return links to related pages, including this one, that the user may open."""
        return ()

    def actions(self) -> Sequence[Action]:
        """Return the links of the action bar that the user may use."""
        return ()

    def help(self) -> HelpPanel | None:
        """Return the help panel of this page."""
        return HelpPanel(self.help_page) if self.help_page else None

    def current_url(self, **query: str) -> str:
        """Return the URL of this page with some parameters changed. Empty ones are removed."""
        state = {**self.request.GET.dict(), **query}
        params = {name: value for name, value in state.items() if value}
        return f"{self.request.path}?{urlencode(params)}" if params else self.request.path

    def get_history_url(self) -> str:
        """Return the URL of the page that takes the place of this one in the browser's history.

        Back can't return to the answer to a POST request without sending the form again.
        """
        return self.request.get_full_path()

    def default_actions(self) -> list[Action]:
        is_help_open = "help" in self.request.GET
        actions = [
            self.make_self_link(
                "help", _("Help"), current=is_help_open, help="" if is_help_open else "1"
            )
        ]
        if self.can_refresh:
            actions.append(self.make_self_link("refresh", _("Refresh")))
        return actions

    def make_self_link(self, name: str, label: str, current: bool = False, **query: str) -> Action:
        """Return a link to this page with some parameters changed."""
        return Action(name, label, self.current_url(**query), "quiet", current)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **self.site.each_context(self.request),
            "title": self.title,
            "components": ComponentTemplates(),
            "classes": app_config().classes,
            "breadcrumbs": self._full_breadcrumbs(),
            "heading": self.heading(),
            "tabs": self.tabs(),
            "tabs_label": self.tabs_label,
            # What destroys something stands apart, at the end.
            "actions": sorted(
                [*self.actions(), *self.default_actions()],
                key=lambda action: action.kind == "danger",
            ),
            "help": self.help() if "help" in self.request.GET else None,
            "help_close": self.make_self_link("close-help", _("Close help"), help=""),
            "alerts": self.alerts,
            "history_url": self.get_history_url() if self.request.method == "POST" else "",
            **super().get_context_data(**kwargs),
        }

    def _full_breadcrumbs(self) -> list[Action]:
        home = Action("home", _("Home"), self.links.home())
        url = self._get_index_url()
        index = [Action("caches", _("Caches"), url)] if url else []
        return [home, *index, *self.breadcrumbs()]

    def _get_index_url(self) -> str:
        """Return the URL of the list of caches that the user may open, if any."""
        if self._can_view_caches():
            return self.links.caches()
        if len(visible_aliases()) < 2:  # The only cache is opened at once.
            return ""
        if self.checker.is_allowed(VIEW_KEYS):
            return self.links.keys("")
        return self.links.add("") if self.checker.is_allowed(ADD) else ""

    def _can_view_caches(self) -> bool:
        return self.checker.is_allowed(VIEW_CACHES)

    # Changes.

    def render_confirmation(self, confirmation: Confirmation) -> HttpResponse:
        """Render the page that asks the user to confirm a change."""
        breadcrumbs = [*self._full_breadcrumbs(), Action("confirm", confirmation.breadcrumb, "")]
        heading = Heading(confirmation.question, kind="question")
        context = BaseView.get_context_data(
            self,
            confirmation=confirmation,
            heading=heading,
            breadcrumbs=breadcrumbs,
            tabs=(),
            actions=(),
            help=None,
        )
        return self.response_class(self.request, "admin/django_cachex/confirm.html", context)

    def log_possible_change(
        self,
        error: BaseException | None,
        flag: int,
        keys: Sequence[bytes],
        message: log_entries.Message,
        inspector: Inspector,
    ) -> None:
        """Log a change of some keys, or of a whole cache, that failed but may have been made.

        For instance, the connection may have been lost after the command was sent.
        """
        if not may_have_succeeded(error):
            return
        close_broken_connections()
        user_id, message = self.request.user.pk, unknown_result_message(error, message)
        if keys:
            log_entries.record_keys(user_id, flag, inspector, keys, message)
        else:
            log_entries.record_cache(user_id, inspector, message)

    def add_message(self, text: Text, level: int = messages.SUCCESS) -> None:
        """Add a message for the next page."""
        messages.add_message(self.request, level, str(text))

    def redirect(self, to: LinkTarget | str) -> HttpResponse:
        """Redirect to a page, or to the list of keys if the key's id is too long for a URL."""
        if isinstance(to, LinkTarget) and to.post_id:
            alias, _stored = parse_object_id(to.post_id)
            return HttpResponseRedirect(self.fallback_url(alias))
        return HttpResponseRedirect(str(to))

    def fallback_url(self, alias: str) -> str:
        """Return the URL of the page about a cache, or above it, that the user may open."""
        inspector = inspector_for(alias)
        if self.checker.is_allowed(VIEW_KEYS, inspector):
            return self.links.return_to_keys(alias)
        return self.links.caches() if self._can_view_caches() else self.links.home()


class BaseCacheView(BaseView):
    """Base class of the views of one cache."""

    inspector: Inspector

    def prepare(self) -> HttpResponseBase | None:
        alias = self.get_alias()
        if alias is None:
            return self.handle_missing_alias()
        try:
            self.inspector = self.get_inspector(alias)
        except Http404:
            self.check_permission(self.permission)  # Do not reveal which aliases exist.
            raise
        self.check_access()
        self.links = replace(
            self.links, list_alias=alias, list_filters=list_filters(self.get_list_params())
        )
        return None

    def check_access(self) -> None:
        """Raise PermissionDenied unless the user may open this page."""
        self.check_permission(self.permission, self.inspector)

    def get_alias(self) -> str | None:
        """Return the requested alias, or the only visible one; None if there are several."""
        requested = self.request.GET.get("cache")
        if requested:
            return requested
        visible = visible_aliases()
        return visible[0] if len(visible) == 1 else None

    def get_list_params(self) -> Mapping[str, str]:
        """Return the parameters of the list of keys that this page was opened from."""
        return dict(parse_qsl(self.request.GET.get(LIST_FILTERS, "")[:MAX_URL_LENGTH]))

    def get_inspector(self, alias: str) -> Inspector:
        """Return the inspector of an alias. Raise Http404 if it is unknown or hidden."""
        if alias not in visible_aliases():
            raise Http404(_('There is no cache "%(alias)s".') % {"alias": alias})
        return inspector_for(alias)

    def handle_missing_alias(self) -> HttpResponseBase:
        """Let the user choose a cache, because the request has no alias."""
        self.check_permission(self.permission)
        if self.checker.is_allowed(VIEW_CACHES):
            self.add_message(_("Choose a cache first."), messages.INFO)
            return HttpResponseRedirect(self.links.caches())
        return ChooseCacheView.as_view(site=self.site, permission=self.permission)(self.request)

    def breadcrumbs(self) -> Sequence[Action]:
        return [*self.cache_breadcrumbs(), Action("here", self.title, "")]

    def help(self) -> HelpPanel | None:
        return HelpPanel(self.help_page, self.inspector) if self.help_page else None

    def cache_breadcrumbs(self) -> list[Action]:
        can_view_keys = self.checker.is_allowed(VIEW_KEYS, self.inspector)
        link = self.links.return_to_keys(self.inspector.alias) if can_view_keys else ""
        return [Action("cache", self.inspector.alias, link)]

    def cache_tabs(self) -> list[Action]:
        """Return links to the pages of this cache."""
        alias, links = self.inspector.alias, self.links
        pages = (
            ("keys", VIEW_KEYS, _("Keys"), links.keys(alias)),
            ("namespaces", VIEW_NAMESPACES, _("Namespaces"), links.namespaces(alias)),
            ("purge", FIND_PAGES, _("Purge by URL"), links.purge(alias)),
            ("fragments", VIEW_FRAGMENTS, _("Fragments"), links.fragments(alias)),
            ("sessions", VIEW_SESSIONS, _("Sessions"), links.sessions()),
            ("info", VIEW_INFO, _("Cache info"), links.info(alias)),
            ("health", VIEW_HEALTH, _("Health"), links.health(alias)),
            ("history", VIEW_CACHES, _("History"), links.cache_history(alias)),
        )
        elsewhere = {
            "fragments": alias != default_fragments_alias(),
            "sessions": not is_session_cache(alias),
        }
        return [
            Action(name, label, link, current=permission is self.permission)
            for name, permission, label, link in pages
            if self.checker.is_allowed(permission, self.inspector) and not elsewhere.get(name)
        ]

    noted_permissions: Sequence[Permission] = ()
    """The operations whose controls a user may look for: a note says what they need."""

    def make_permission_note(self) -> str:
        """Return which permissions the user lacks for operations that this cache supports."""
        needs = {
            EDIT: _("changing them needs the permission %(names)s"),
            DELETE: _("deleting them needs the permission %(names)s"),
            ADD: _("adding keys needs the permission %(names)s"),
            EXPIRE: _("changing a TTL needs the permission %(names)s"),
        }
        missing = {one: self.checker.missing_permissions(one) for one in self.noted_permissions}
        clauses = [
            needs[one] % {"names": get_text_list([f'"{name}"' for name in names], _("and"))}
            for one, names in missing.items()
            if names and alias_allows(one, self.inspector)
        ]
        return _("You may view keys; %(needs)s.") % {"needs": "; ".join(clauses)} if clauses else ""

    shows_backend_notes = True
    """Whether the page shows the inspector's notes about the backend."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        notes = self.inspector.notes() if self.shows_backend_notes else ()
        self.alerts[:0] = [Alert(note) for note in notes]
        if not self.checker.policies(self.inspector).knows_restricted_caches:
            text = _(
                "A cache that CACHEX_ADMIN protects doesn't answer. Because it may use this "
                "server, keys that could belong to it are protected here until it answers."
            )
            self.alerts.append(Alert(text, "warning"))
        return super().get_context_data(permission_note=self.make_permission_note(), **kwargs)


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


class BaseKeyView(BaseCacheView):
    """Base class of the views of one key.

    Its id is in the URL or, if it is too long for that, in the submitted form.
    """

    stored: bytes

    def check_access(self) -> None:
        self.check_permission(self.permission, self.inspector, self.stored)

    def get_alias(self) -> str:
        object_id = unquote(self.kwargs["object_id"])
        if object_id == ID_IN_FORM:
            object_id = self.request.POST.get("id", "")
        try:
            alias, self.stored = parse_object_id(object_id)
        except ValueError as exc:
            raise Http404(str(exc)) from exc
        return alias

    def get_inspector(self, alias: str) -> Inspector:
        inspector = super().get_inspector(alias)
        if not self.checker.can_open(inspector, self.stored):
            raise Http404(_('That key doesn\'t belong to "%(alias)s".') % {"alias": alias})
        return inspector

    def get_history_url(self) -> str:
        if self.links.key(self.inspector.alias, self.stored).post_id:
            return self.fallback_url(self.inspector.alias)
        return super().get_history_url()

    @property
    def key_name(self) -> str:
        return self.inspector.display_key(self.stored)

    @property
    def display_name(self) -> str:
        return formatting.format_name(self.key_name)

    def make_self_link(self, name: str, label: str, current: bool = False, **query: str) -> Action:
        post_id = self.links.key(self.inspector.alias, self.stored).post_id
        link = LinkTarget(self.current_url(**query), post_id)
        return Action(name, label, link, "quiet", current)

    def redirect_missing(self) -> HttpResponse:
        """Redirect to the list of keys, because the key does not exist."""
        text = _(
            'There is no key "%(key)s" in "%(alias)s". It was deleted, has expired, or '
            "never existed."
        ) % {"key": self.display_name, "alias": self.inspector.alias}
        history = self.links.history(self.inspector.alias, self.stored)
        is_allowed = self.checker.is_allowed(VIEW_HISTORY, self.inspector, self.stored)
        if is_allowed and not history.post_id:
            text = format_html(
                '{} <a href="{}" data-action="key-history">{}</a>',
                text,
                history,
                _("See its history"),
            )
        self.add_message(text, messages.WARNING)
        return self.redirect(self.fallback_url(self.inspector.alias))

    def breadcrumbs(self) -> Sequence[Action]:
        return [*self.key_breadcrumbs(), Action("here", self.title, "")]

    def key_breadcrumbs(self) -> list[Action]:
        can_view = self.checker.is_allowed(VIEW_KEYS, self.inspector, self.stored)
        link = self.links.key(self.inspector.alias, self.stored) if can_view else ""
        return [*self.cache_breadcrumbs(), Action("key", self.display_name, link)]


class DeniedView(BaseView):
    """Says which permission is missing. It is the answer of a view that the user may not open."""

    title = gettext_lazy("Permission denied")
    template_name = "admin/django_cachex/denied.html"
    reason = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self.render_to_response(self.get_context_data(), status=HTTPStatus.FORBIDDEN)

    def breadcrumbs(self) -> Sequence[Action]:
        return [Action("here", self.title, "")]

    def default_actions(self) -> list[Action]:
        return []

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        back = Action("back", _("Home"), self.links.home())
        empty_state = EmptyState(self.reason, actions=[back])
        return super().get_context_data(empty_state=empty_state, **kwargs)


def make_bytes_cell(count: int | None, sort_key: str = "") -> Cell:
    """Return a cell with a number of bytes and its exact figure."""
    if count is None:
        return Cell(formatting.NO_VALUE, kind="number")
    text, exact = formatting.format_size_with_exact(count)
    return Cell(text, kind="number", exact=exact, sort_key=sort_key)
