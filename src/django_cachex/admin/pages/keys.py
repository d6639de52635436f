"""The key browser: finding keys, and deleting the selected ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin.access import ADD, DELETE, SEE_KEYS
from django_cachex.admin.apps import installed
from django_cachex.admin.helptexts import keys_help
from django_cachex.admin.links import parse_object_id
from django_cachex.admin.pages import columns, keysearch
from django_cachex.admin.pages.caches import BADGES
from django_cachex.admin.pages.delete import delete_confirm, delete_keys
from django_cachex.admin.pages.keysfound import ONCE, FoundKeys
from django_cachex.admin.parts import Action, Empty, Heading, Notice, Parts, Topic
from django_cachex.admin.searching import Search


class KeysPage(FoundKeys):
    act = SEE_KEYS
    title = gettext_lazy("Keys")
    template_name = "admin/django_cachex/keys.html"
    found_template = "admin/django_cachex/found.html"

    # Looking.

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "columns" in request.GET:
            response = HttpResponseRedirect(self.here())
            columns.remember(response, request, request.GET.getlist("columns"))
            return response
        text, inspector = request.GET.get("q", ""), self.inspector
        if text and not inspector.can_list and self.opens_by_name():
            return self.go(self.links.key(inspector.alias, inspector.locate(text)))
        if self.search.shown is not None and inspector.can_list:
            return self.render_to_response(self._live_context())
        return super().get(request, *args, **kwargs)

    def get_template_names(self) -> list[str]:
        is_part = self.search.shown is not None and self.inspector.can_list
        return [self.found_template] if is_part else super().get_template_names()

    def opens_by_name(self) -> bool:
        """Whether a key can be opened by whoever knows its name."""
        inspector = self.inspector
        return inspector.can_get or inspector.can_get_unsafely or inspector.can_delete

    def heading(self) -> Heading:
        badge = BADGES[self.inspector.support]
        return Heading(self.inspector.alias, _("keys"), badge=badge)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        search = self.search
        self.notices += search.notices
        context: dict[str, Any] = {
            "alias": self.inspector.alias,
            "search": search,
            "can_list": self.inspector.can_list,
            "can_search": self.inspector.can_list or self.opens_by_name(),
        }
        if self.inspector.can_list:
            context |= self._form_context(search)
            context |= self.found_context(search)
        else:
            title = _("This backend cannot list its keys")
            nothing = _("There is nothing to browse")
            context["empty"] = Empty(
                title if self.opens_by_name() else nothing,
                str(self.inspector.why_not("can_list")),
            )
        return super().get_context_data(**context, **kwargs)

    def _form_context(self, search: Search) -> dict[str, Any]:
        warning = keysearch.scope_warning(search)
        if warning:
            self.notices.append(Notice(warning, "warning"))
        more = keysearch.more_selects(search)
        state = {**self.request.GET.dict(), "token": "", **dict.fromkeys((*ONCE, "help"), "")}
        return {
            "selects": keysearch.plain_selects(search),
            "more_selects": more,
            "more_open": any(select.is_set for select in more),
            "column_options": keysearch.column_options(self.inspector, self.columns),
            "state": [(name, value) for name, value in state.items() if value],
        }

    def _live_context(self) -> dict[str, Any]:
        """Return what is drawn for a script that adds it to a page."""
        own = {"parts": Parts(), "classes": installed().classes}
        context = self.found_context(self.search)
        context["found_notices"] = [*self.notices, *context.get("found_notices", ())]
        return own | context

    # The frame.

    def trail(self) -> Sequence[Action]:
        return [Action("cache", self.inspector.alias, self.links.keys(self.inspector.alias))]

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def actions(self) -> Sequence[Action]:
        add = [Action("add", _("Add key"), self.links.add(self.inspector.alias), "primary")]
        return add if self.gate.allowed(ADD, self.inspector) else []

    def help(self) -> Sequence[Topic]:
        return keys_help(self.inspector)

    # Deleting the selected.

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get("action") != "delete":
            self.say(_("Nothing done: choose an action."), messages.WARNING)
            return self.go(self.here())
        allowed, refused = self._selected()
        if not allowed and not refused:
            self.say(_("Nothing done: select the keys to delete first."), messages.WARNING)
            return self.go(self.here())
        if "confirmed" in request.POST and allowed:
            delete_keys(self, self.inspector, allowed)
            return self.go(self.here())
        back = Action("cancel", _("Cancel, keep them"), self.here())
        return self.confirm(delete_confirm(self.inspector, allowed, refused, back))

    def _selected(self) -> tuple[list[bytes], list[str]]:
        """Return the selected keys that may be deleted, and the names of those that may not."""
        allowed, refused = [], []
        for given in dict.fromkeys(self.request.POST.getlist("selected")):
            try:
                alias, stored = parse_object_id(given)
            except ValueError:
                continue
            ours = alias == self.inspector.alias and self.gate.reaches(self.inspector, stored)
            if ours and self.gate.allowed(DELETE, self.inspector, stored):
                allowed.append(stored)
            else:
                refused.append(given[:100])
        return allowed, refused
