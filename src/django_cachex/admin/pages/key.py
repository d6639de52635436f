"""Key detail: what a key holds and when it expires, and changing either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import audit
from django_cachex.admin.access import (
    DELETE,
    EDIT,
    EXPIRE,
    SEE_HISTORY,
    SEE_KEYS,
    SEE_VALUE,
    Act,
)
from django_cachex.admin.asking import Answer
from django_cachex.admin.failures import explain
from django_cachex.admin.forms import EditForm, ExpireForm
from django_cachex.admin.helptexts import key_help
from django_cachex.admin.outcomes import refusal, ttl_message, value_message
from django_cachex.admin.pages.base import KeyedPage
from django_cachex.admin.pages.keyfacts import (
    bytes_line,
    cut,
    elements_table,
    size_line,
    summary,
    ttl_lines,
)
from django_cachex.admin.parts import (
    Action,
    FactLine,
    FormBox,
    Notice,
    Topic,
)
from django_cachex.inspectors.edits import Edit, Keep, Result, SetTtl, SetValue
from django_cachex.inspectors.entries import Description, Entry
from django_cachex.inspectors.naming import printable

VIEWS = ("formatted", "text", "hex")


class KeyPage(KeyedPage):
    act = SEE_KEYS
    title = gettext_lazy("Key")
    template_name = "admin/django_cachex/key.html"

    form: forms.Form | None = None
    """A form that was sent and did not go through."""

    conflict = False
    """Whether the key has changed under the form."""

    # Looking.

    @property
    def unsafe(self) -> bool:
        """Whether the value comes from the backend's own `get`, and only on request."""
        return not self.inspector.can_get

    @cached_property
    def mode(self) -> str:
        """What is being done: nothing, `read`, `edit` or `expire`. Reading may need a POST."""
        asked = self.request.POST.get("mode") or self.request.GET.get("mode", "")
        if asked in ("read", "edit") and self.unsafe and self.request.method != "POST":
            return ""
        return asked

    @cached_property
    def answer(self) -> Answer[Entry | None]:
        """What the cache says of the key, asked once; nothing where that takes a request."""
        if not self.gate.allowed(SEE_VALUE, self.inspector, self.stored):
            return self.ask(self.inspector, self._described)
        if self.unsafe and self.mode not in ("read", "edit", "save"):
            return Answer(Entry(Description(self.stored)))
        return self.ask(self.inspector, lambda: self.inspector.read(self.stored))

    def _described(self) -> Entry | None:
        if not self.inspector.can_list:
            return Entry(Description(self.stored))
        [description] = self.inspector.describe([self.stored])
        return Entry(description) if description.exists else None

    @property
    def entry(self) -> Entry | None:
        return self.answer.value

    @property
    def gone(self) -> bool:
        return self.answer.error is None and self.answer.value is None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.gone:
            return self.leave()
        return super().get(request, *args, **kwargs)

    def leave(self) -> HttpResponse:
        """Return to the list: the key is not there."""
        self.say(
            _(
                'There is no key "%(key)s" in "%(alias)s": it was deleted, has expired, or '
                "never was."
            )
            % {"key": self.key_name, "alias": self.inspector.alias},
            messages.WARNING,
        )
        return self.go(self.landing(self.inspector.alias))

    def can(self, act: Act) -> bool:
        return self.gate.allowed(act, self.inspector, self.stored)

    # What is on the page.

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = {
            "heading": self.key_name or _("(empty name)"),
            "key_name": self.key_name,
            "conflict": self.conflict,
        }
        entry = self.entry
        if entry is not None:
            context |= {
                "facts": list(self._facts(entry)),
                "summary": list(summary(entry)),
                "ttl_offers": self._ttl_offers(),
                "value_offers": self._value_offers(),
                **self._value_context(entry),
                **self._form_context(entry),
            }
        return super().get_context_data(**context, **kwargs)

    def _facts(self, entry: Entry) -> Sequence[FactLine]:
        one = entry.description
        lines = [FactLine(_("Type"), one.type)] if one.type else []
        if one.size is not None:
            lines.append(size_line(one))
        if one.memory is not None:
            lines.append(bytes_line(_("Memory"), one.memory))
        return [
            *lines,
            *ttl_lines(one.ttl),
            FactLine(_("Cache"), self.inspector.alias),
            FactLine(_("Stored key"), printable(self.stored), "code"),
        ]

    def _ttl_offers(self) -> list[Action]:
        """Return what can be done to the TTL from here."""
        if self.mode in ("expire", "set-ttl") or not self.can(EXPIRE):
            return []
        return [self._offer("expire", _("Change TTL"))]

    def _value_offers(self) -> list[Action]:
        """Return what can be done to the value from here."""
        offers = []
        if self.unsafe and self.mode not in ("read", "edit") and self.can(SEE_VALUE):
            offers.append(self._offer("read", _("Read value")))
        if self._may_edit() and self.mode != "edit":
            offers.append(self._offer("edit", _("Edit")))
        return offers

    def _offer(self, mode: str, label: str) -> Action:
        """Return a control that opens this page in a mode; reading unsafely takes a POST."""
        here = self.links.key(self.inspector.alias, self.stored)
        by_post = here.post_id or (self.unsafe and mode in ("read", "edit"))
        return Action(label, here, mode, method="post" if by_post else "get")

    def _editable(self) -> bool:
        entry = self.entry
        if entry is None or not self.can(SEE_VALUE):
            return False
        return entry.content is not None and entry.content.editable

    def _value_context(self, entry: Entry) -> dict[str, Any]:
        if not self.can(SEE_VALUE):
            return {"hidden_value": self._why_hidden()}
        if entry.elements is not None:
            return {"elements": elements_table(entry.elements), "value_note": entry.note}
        content = entry.content
        if content is None:
            return {"value_note": entry.note, "unread": self.unsafe and self.mode == ""}
        view = self.request.GET.get("view", "formatted")
        view = view if view in VIEWS else "formatted"
        return {
            "content": content,
            "excerpt": getattr(content, view),
            "views": self._views(view),
            "cut": cut(content, view),
            "value_note": entry.note,
            "why_not": content.why_not if self.can(EDIT) and not content.editable else "",
        }

    def _views(self, current: str) -> list[Action]:
        labels = {"formatted": _("Formatted"), "text": _("Text"), "hex": _("Hex")}
        if self.request.method == "POST":
            return []
        return [
            Action(labels[view], self.here(view=view, mode=""), current=view == current)
            for view in VIEWS
        ]

    def _why_hidden(self) -> str:
        if self.gate.is_secret(self.inspector, self.stored):
            return _("This is a session: only superusers see what it holds.")
        return str(self.inspector.why_not("can_get"))

    # Forms.

    def _form_context(self, entry: Entry) -> dict[str, Any]:
        cancel = Action(_("Cancel"), self.links.key(self.inspector.alias, self.stored))
        hidden = [("id", self.request.POST["id"])] if "id" in self.request.POST else []
        if isinstance(self.form, EditForm) or (self.mode == "edit" and self._may_edit()):
            form = self.form or self.edit_form(entry)
            return {
                "editing": FormBox(
                    form, _("Save"), cancel, _("Edit value"), [*hidden, ("mode", "save")]
                )
            }
        if isinstance(self.form, ExpireForm) or (self.mode == "expire" and self.can(EXPIRE)):
            form = self.form or ExpireForm()
            return {
                "expiring": FormBox(
                    form, _("Save TTL"), cancel, _("Change TTL"), [*hidden, ("mode", "set-ttl")]
                )
            }
        return {}

    def _may_edit(self) -> bool:
        return self.can(EDIT) and self._editable()

    def edit_form(self, entry: Entry, data: Any = None) -> EditForm:
        """Return the form for a value, filled so that sending it back changes nothing."""
        content = entry.content
        initial = {"expected": entry.expected}
        if content is not None:
            initial |= {"value": content.edit_text, "store_as": content.store_as}
        inspector = self.inspector
        return EditForm(
            data,
            initial=initial,
            can_expire=self.can(EXPIRE) or not inspector.can_keep_ttl,
            keeps_ttl=inspector.can_keep_ttl,
        )

    # Changing.

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        changes: dict[str, Callable[[], HttpResponse | None]] = {
            "save": self.save,
            "set-ttl": self.set_ttl,
        }
        if self.mode in changes:
            done = changes[self.mode]()
            if done is not None:
                return done
        if self.gone:
            return self.leave()
        return self.render_to_response(self.get_context_data())

    def save(self) -> HttpResponse | None:
        """Store the submitted value; None where the form must be shown again."""
        self.require(EDIT, self.inspector, self.stored)
        entry = self.entry
        if entry is None:
            return None
        form = self.edit_form(entry, self.request.POST)
        self.form = form
        if not form.is_valid():
            return None
        if not form.has_changed_value() and isinstance(form.ttl, Keep):
            self.say(_("Nothing to save: you changed nothing."), messages.INFO)
            return self.go(self.links.key(self.inspector.alias, self.stored))
        edit = SetValue(form.decoded, form.cleaned_data["expected"], form.ttl)
        return self.apply(edit, value_message(form))

    def set_ttl(self) -> HttpResponse | None:
        """Change when the key expires; None where the form must be shown again."""
        self.require(EXPIRE, self.inspector, self.stored)
        form = ExpireForm(self.request.POST)
        self.form = form
        if not form.is_valid() or isinstance(form.ttl, Keep):
            return None
        return self.apply(SetTtl(form.ttl), ttl_message(form.ttl))

    def apply(self, edit: Edit, message: str) -> HttpResponse | None:
        """Apply an edit, put it on record, and say what became of it."""
        answer = self.asker.ask(self.inspector, lambda: self.inspector.apply(self.stored, edit))
        if answer.value is None:
            why = explain(self.inspector, answer.error or Exception())
            text = _("Perhaps not saved: look at the key again. %(why)s") % {"why": why}
            self.notices.append(Notice(text, "error"))
            return None
        if answer.value.result == Result.DONE:
            user_id = self.request.user.pk
            audit.record_keys(user_id, audit.CHANGE, self.inspector, [self.stored], message)
            self.say(_("Saved. %(what)s") % {"what": message})
            return self.go(self.links.key(self.inspector.alias, self.stored))
        if answer.value.result == Result.GONE:
            self.__dict__.pop("answer", None)
            return self.leave()
        self.notices.append(Notice(refusal(answer.value), "error"))
        if answer.value.result == Result.CHANGED:
            self._show_both()
        return None

    def _show_both(self) -> None:
        """Show what the key holds now beside what the person wrote, which is kept."""
        self.__dict__.pop("answer", None)
        if self.entry is None or self.form is None:
            return
        data = self.request.POST.copy()
        data["expected"] = self.entry.expected
        self.form = self.edit_form(self.entry, data)
        self.conflict = True

    # The frame.

    def trail(self) -> Sequence[Action]:
        return [*self.cache_trail(), Action(self.key_name or _("(empty name)"), "")]

    def actions(self) -> Sequence[Action]:
        alias, stored = self.inspector.alias, self.stored
        delete = [Action(_("Delete"), self.links.delete(alias, stored), "danger")]
        history = [Action(_("History"), self.links.history(alias, stored))]
        return [
            *(delete if self.can(DELETE) else []),
            *(history if self.can(SEE_HISTORY) else []),
        ]

    def standing_actions(self) -> list[Action]:
        if self.request.POST.get("id"):
            key = self.links.key(self.inspector.alias, self.stored)
            return [Action(_("Refresh"), key)]
        return super().standing_actions()

    def here(self, **query: str) -> str:
        if query or self.request.method == "GET":
            return super().here(**query)
        return str(self.links.key(self.inspector.alias, self.stored))

    def help(self) -> Sequence[Topic]:
        return key_help(self.inspector)
