"""What all views have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.apps import installed
from django_cachex.admin.components import Action, Cell, Confirm, Heading, Notice, Parts
from django_cachex.admin.deadline import Answer, Asker
from django_cachex.admin.errors import explain, in_doubt, leave_broken_connections, may_be_done
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.links import IN_FORM, Link, Links, parse_object_id, seal, unseal
from django_cachex.admin.permissions import (
    SEE_CACHES,
    SEE_INFO,
    SEE_KEYS,
    SEE_NAMESPACES,
    Act,
    Gate,
    visible_aliases,
)
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.info import Text

T = TypeVar("T")


class Page(TemplateView):
    """One page of the cache admin. Subclasses say what it takes to open it and what is on it."""

    site: AdminSite = None  # type: ignore[assignment]  # given by as_view(site=…)
    act: Act = SEE_CACHES
    title: Text = ""
    """Without names of keys: a host's template may alter it."""

    tabs_label: Text = gettext_lazy("About this cache")

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.gate = Gate(self.site, request)
        self.links = Links(self.site.name)
        self.asker = Asker(limits().timeout)
        self.notices: list[Notice] = []

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.require(self.act)
        return super().dispatch(request, *args, **kwargs)

    def require(
        self, act: Act, inspector: Inspector | None = None, stored: bytes | None = None
    ) -> None:
        """Raise PermissionDenied unless the gate allows an act."""
        if not self.gate.allowed(act, inspector, stored):
            raise PermissionDenied

    # Asking caches.

    def ask(self, inspector: Inspector, question: Callable[[], T]) -> Answer[T]:
        """Return a cache's answer; what went wrong becomes a notice on this page."""
        answer = self.asker.ask(inspector, question)
        if answer.error is not None:
            again = (
                [Action("try-again", _("Try again"), self.here())]
                if self.request.method == "GET"
                else []
            )
            self.notices.append(Notice(explain(inspector, answer.error), "error", again))
        return answer

    # What is on the page.

    def trail(self) -> Sequence[Action]:
        """Return the way from the index to here; the last is this page."""
        return ()

    def heading(self) -> Heading:
        """Return what this page is about."""
        return Heading(self.title)

    def tabs(self) -> Sequence[Action]:
        """Return the pages beside this one, itself among them, within the person's permissions."""
        return ()

    def actions(self) -> Sequence[Action]:
        """Return what can be done from here, within the person's permissions."""
        return ()

    def help(self) -> HelpPanel | None:
        """Return the help panel of this page."""
        return None

    def here(self, **query: str) -> str:
        """Return this page's URL with its state, some of it changed; empty values go."""
        state = {**self.request.GET.dict(), **query}
        given = {name: value for name, value in state.items() if value}
        return f"{self.request.path}?{urlencode(given)}" if given else self.request.path

    def standing_actions(self) -> list[Action]:
        shown = "help" in self.request.GET
        return [
            self.revisit("help", _("Help"), current=shown, help="" if shown else "1"),
            self.revisit("refresh", _("Refresh")),
        ]

    def revisit(self, name: str, label: str, current: bool = False, **query: str) -> Action:
        """Return a control that opens this page again, some of its state changed."""
        return Action(name, label, self.here(**query), current=current)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **self.site.each_context(self.request),
            "title": self.title,
            "parts": Parts(),
            "classes": installed().classes,
            "trail": self._way_here(),
            "heading": self.heading(),
            "tabs": self.tabs(),
            "tabs_label": self.tabs_label,
            "actions": [*self.actions(), *self.standing_actions()],
            "help": self.help() if "help" in self.request.GET else None,
            "help_close": self.revisit("close-help", _("Close help"), help=""),
            "notices": self.notices,
            **super().get_context_data(**kwargs),
        }

    def _way_here(self) -> list[Action]:
        index = [Action("caches", _("Caches"), self.links.caches())] if self._sees_caches() else []
        return [*index, *self.trail()]

    def _sees_caches(self) -> bool:
        return self.gate.allowed(SEE_CACHES)

    # Around a change.

    def confirm(self, confirm: Confirm) -> HttpResponse:
        """Return a page that asks before something is lost."""
        trail = [*self._way_here(), Action("confirm", confirm.step, "")]
        heading = Heading(confirm.question, kind="question")
        context = Page.get_context_data(
            self, confirm=confirm, heading=heading, trail=trail, tabs=(), actions=()
        )
        return self.response_class(self.request, "admin/django_cachex/confirm.html", context)

    def record_in_doubt(
        self,
        error: BaseException | None,
        flag: int,
        keys: Sequence[bytes],
        message: log_entries.Message,
        inspector: Inspector,
    ) -> None:
        """Record an act on some keys, or on a whole cache, that may have been done."""
        if not may_be_done(error):
            return
        leave_broken_connections()
        user_id, said = self.request.user.pk, in_doubt(error, message)
        if keys:
            log_entries.record_keys(user_id, flag, inspector, keys, said)
        else:
            log_entries.record_cache(user_id, flag, inspector, said)

    def say(self, text: Text, level: int = messages.SUCCESS) -> None:
        """Say on the next page what happened on this one."""
        messages.add_message(self.request, level, str(text))

    def go(self, to: Link | str) -> HttpResponse:
        """Redirect; a key whose id is too long for a URL gives way to the list."""
        if isinstance(to, Link) and to.post_id:
            alias, _stored = parse_object_id(to.post_id)
            return HttpResponseRedirect(self.landing(alias))
        return HttpResponseRedirect(str(to))

    def landing(self, alias: str) -> str:
        """Return the nearest page about a cache that this person may see."""
        inspector = inspector_for(alias)
        if self.gate.allowed(SEE_KEYS, inspector):
            return self.links.keys(alias)
        return self.links.caches() if self._sees_caches() else self.links.home()


class CachePage(Page):
    """A page about one cache."""

    inspector: Inspector

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        alias = self.alias()
        if alias is None:
            return self.without_alias()
        try:
            self.inspector = self.find(alias)
        except Http404:
            self.require(self.act)  # Who may see none is not told which there are.
            raise
        self.pass_gate()
        return TemplateView.dispatch(self, request, *args, **kwargs)

    def pass_gate(self) -> None:
        """Raise PermissionDenied unless this person may open this page about this cache."""
        self.require(self.act, self.inspector)

    def alias(self) -> str | None:
        """Return the alias that the request names, the only one, or None."""
        named = self.request.GET.get("cache")
        if named:
            return named
        visible = visible_aliases()
        return visible[0] if len(visible) == 1 else None

    def find(self, alias: str) -> Inspector:
        """Return an alias's inspector; raise Http404 for one that is unknown or hidden."""
        if alias not in visible_aliases():
            raise Http404(_('There is no cache "%(alias)s".') % {"alias": alias})
        return inspector_for(alias)

    @staticmethod
    def visible_aliases() -> list[str]:
        return visible_aliases()

    def without_alias(self) -> HttpResponseBase:
        """Send the person where a cache is chosen, as the request names none."""
        self.require(self.act)
        if self.gate.allowed(SEE_CACHES):
            self.say(_("Choose a cache first."), messages.INFO)
            return HttpResponseRedirect(self.links.caches())
        choices = [
            Action("choose", alias, self.here(cache=alias))
            for alias in visible_aliases()
            if self.gate.allowed(self.act, inspector_for(alias))
        ]
        choose = ChoosePage.as_view(site=self.site, act=self.act, choices=choices)
        return choose(self.request)

    def cache_trail(self) -> list[Action]:
        sees_keys = self.gate.allowed(SEE_KEYS, self.inspector)
        link = self.links.keys(self.inspector.alias) if sees_keys else ""
        return [Action("cache", self.inspector.alias, link)]

    def cache_tabs(self) -> list[Action]:
        """Return the pages about this cache."""
        alias = self.inspector.alias
        pages = (
            ("keys", SEE_KEYS, _("Keys"), self.links.keys(alias)),
            ("namespaces", SEE_NAMESPACES, _("Namespaces"), self.links.namespaces(alias)),
            ("info", SEE_INFO, _("Cache info"), self.links.info(alias)),
            ("history", SEE_CACHES, _("History"), self.links.cache_history(alias)),
        )
        return [
            Action(name, label, link, current=act is self.act)
            for name, act, label, link in pages
            if self.gate.allowed(act, self.inspector)
        ]

    shows_notes = True
    """Whether the page says what is to be known of this kind of cache."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        notes = self.inspector.notes() if self.shows_notes else ()
        self.notices[:0] = [Notice(note) for note in notes]
        if not self.gate.policies(self.inspector).is_certain:
            text = _(
                "A cache that CACHEX_ADMIN protects doesn't respond, so it isn't known "
                "whether it shares this server. Until it responds, keys that look like its "
                "keys are protected here too."
            )
            self.notices.append(Notice(text, "warning"))
        return super().get_context_data(**kwargs)


class KeyedPage(CachePage):
    """A page about one key, whose id is in the URL or, if too long, in the form."""

    stored: bytes

    def pass_gate(self) -> None:
        self.require(self.act, self.inspector, self.stored)

    def alias(self) -> str:
        object_id = unquote(self.kwargs["object_id"])
        if object_id == IN_FORM:
            object_id = self.request.POST.get("id", "")
        try:
            alias, self.stored = parse_object_id(object_id)
        except ValueError as exc:
            raise Http404(str(exc)) from exc
        return alias

    def find(self, alias: str) -> Inspector:
        inspector = super().find(alias)
        if not self.gate.reaches(inspector, self.stored):
            raise Http404(_('That key doesn\'t belong to "%(alias)s".') % {"alias": alias})
        return inspector

    @property
    def key_name(self) -> str:
        return self.inspector.name(self.stored)

    @property
    def said_name(self) -> str:
        return formatting.name(self.key_name)

    def revisit(self, name: str, label: str, current: bool = False, **query: str) -> Action:
        post_id = self.links.key(self.inspector.alias, self.stored).post_id
        return Action(name, label, Link(self.here(**query), post_id), current=current)

    def leave(self) -> HttpResponse:
        """Return to the list: the key is not there."""
        self.say(
            _(
                'There is no key "%(key)s" in "%(alias)s". It was deleted, has expired, or '
                "never existed."
            )
            % {"key": self.said_name, "alias": self.inspector.alias},
            messages.WARNING,
        )
        return self.go(self.landing(self.inspector.alias))

    def key_trail(self) -> list[Action]:
        opens = self.gate.allowed(SEE_KEYS, self.inspector, self.stored)
        link = self.links.key(self.inspector.alias, self.stored) if opens else ""
        return [*self.cache_trail(), Action("key", self.said_name, link)]


class ChoosePage(Page):
    """Which cache? For who may not see the index and asked for a page without naming one."""

    title = gettext_lazy("Choose a cache")
    template_name = "admin/django_cachex/choose.html"
    choices: Sequence[Action] = ()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(choices=self.choices, **kwargs)


class CarryingPage(CachePage):
    """A page about one cache whose forms hold what was done so far."""

    expired: Text = gettext_lazy(
        "That page has expired or belongs to another search. Nothing was changed."
    )
    """Said of a token that is not good here."""

    def bound_to(self, what: str) -> tuple[str, Any, str, str]:
        """Return what a token is good for: an act, a person, a cache, and what is asked of it."""
        raise NotImplementedError

    def sealed(self, what: str, state: Any) -> str:
        return seal(state, *self.bound_to(what))

    def unsealed(self, what: str, token: str) -> Any:
        """Return the state in a token; None for no token, and for one that is not good here."""
        try:
            return unseal(token, *self.bound_to(what)) if token else None
        except ValueError:
            self.notices.append(Notice(self.expired, "warning"))
            return None


def bytes_cell(count: int | None) -> Cell:
    """Return a number of bytes, its exact figure at hand."""
    if count is None:
        return Cell(formatting.NOTHING, kind="number")
    text, exact = formatting.size_with_exact(count)
    return Cell(text, kind="number", exact=exact)
