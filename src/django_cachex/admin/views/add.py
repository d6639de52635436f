"""Add key: a name, a value, how to store it and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import log_entries
from django_cachex.admin.components import Action, FormBox, Heading
from django_cachex.admin.errors import explain
from django_cachex.admin.forms.base import AddForm
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.messages import added_message, refusal
from django_cachex.admin.permissions import ADD, REPLACE, SEE_KEYS
from django_cachex.admin.views.base import CachePage
from django_cachex.inspectors.edits import AddKey, AddValue, Keep, Outcome, Result
from django_cachex.inspectors.keys import encode_text, printable


def new_key(form: AddForm, ttl: int) -> AddValue | AddKey:
    """Return the edit that a valid form asks for."""
    replace = bool(form.cleaned_data.get("replace"))
    if form.chosen_type == "string":
        return AddValue(form.decoded, ttl, replace)
    return AddKey(form.chosen_type, form.decoded, ttl, replace)


class AddPage(CachePage):
    act = ADD
    title = gettext_lazy("Add key")
    template_name = "admin/django_cachex/add.html"

    form: AddForm | None = None

    def new_form(self, data: Any = None) -> AddForm:
        return AddForm(
            data,
            initial={name: self.request.GET.get(name, "") for name in ("key", "type")},
            default_ttl=self.inspector.default_ttl,
            can_replace=self.gate.allowed(REPLACE, self.inspector),
            types=self.inspector.addable,
        )

    def heading(self) -> Heading:
        return Heading(_('Add key to "%(alias)s"') % {"alias": self.inspector.alias})

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        box = FormBox(
            self.form or self.new_form(),
            "add",
            _("Add key"),
            Action("cancel", _("Cancel"), self.landing(self.inspector.alias)),
        )
        return super().get_context_data(box=box, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.form = form = self.new_form(request.POST)
        if form.is_valid():
            done = self.store(form)
            if done is not None:
                return done
        return self.render_to_response(self.get_context_data())

    def store(self, form: AddForm) -> HttpResponse | None:
        """Store the new key; None where the form must be shown again."""
        inspector, name = self.inspector, form.cleaned_data["key"]
        stored = inspector.locate(name)
        replace = bool(form.cleaned_data.get("replace"))
        self.require(REPLACE if replace else ADD, inspector, stored)
        ttl = inspector.default_ttl if isinstance(form.ttl, Keep) else form.ttl
        edit = new_key(form, ttl)
        answer = self.asker.ask(inspector, lambda: inspector.apply(stored, edit))
        if answer.value is None:
            message = partial(added_message, edit)
            self.record_in_doubt(answer.error, log_entries.ADDITION, [stored], message, inspector)
            why = {"why": explain(inspector, answer.error or Exception())}
            form.add_error(
                None,
                _("The key may not have been stored. Check it before you try again. %(why)s") % why,
            )
            return None
        if answer.value.result != Result.DONE:
            self._refuse(form, answer.value)
            return None
        self._report(name, stored, edit)
        return self.go(self._after(stored))

    def _refuse(self, form: AddForm, outcome: Outcome) -> None:
        if outcome.result != Result.EXISTS:
            form.add_error(None, refusal(outcome))
            return
        text = _("A key with this name already exists.")
        if "replace" in form.fields:
            text += " " + _('To overwrite it, select "Replace the key if it exists".')
        form.add_error("key", text)

    def _report(self, name: str, stored: bytes, edit: AddValue | AddKey) -> None:
        message = partial(added_message, edit)
        user_id, flag = (
            self.request.user.pk,
            log_entries.CHANGE if edit.replace else log_entries.ADDITION,
        )
        log_entries.record_keys(user_id, flag, self.inspector, [stored], message)
        what = {"key": printable(encode_text(name)), "what": message()}
        self.say(_('Key "%(key)s". %(what)s') % what)

    def _after(self, stored: bytes) -> Any:
        """Return where to go: to the key, or to another form for who may only add."""
        if self.gate.allowed(SEE_KEYS, self.inspector, stored):
            return self.links.key(self.inspector.alias, stored)
        return self.links.add(self.inspector.alias)

    def trail(self) -> Sequence[Action]:
        return [*self.cache_trail(), Action("add", _("Add key"), "")]

    def help(self) -> HelpPanel:
        return HelpPanel("add", self.inspector)
