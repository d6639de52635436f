"""The view that adds a key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import log_entries
from django_cachex.admin.components import Action, Alert, FormPanel, Heading
from django_cachex.admin.forms.base import AddForm
from django_cachex.admin.messages import (
    SAVE_FAILED,
    added_message,
    added_notice,
    failure_message,
)
from django_cachex.admin.permissions import ADD, REPLACE, VIEW_KEYS, PermissionChecker
from django_cachex.admin.views.base import BaseCacheView
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import (
    AddValue,
    CreateCollection,
    EditResult,
    EditStatus,
    KeepTTL,
)
from django_cachex.inspectors.keys import display_text, encode_text


def make_edit(form: AddForm, ttl: int) -> AddValue | CreateCollection:
    """Return the edit for a valid form."""
    replace = bool(form.cleaned_data.get("replace"))
    if form.selected_type == "string":
        return AddValue(form.parsed_value, ttl, replace)
    return CreateCollection(form.selected_type, form.parsed_value, ttl, replace)


def make_add_form(
    checker: PermissionChecker, inspector: Inspector, data: Any, initial: Mapping[str, str]
) -> AddForm:
    """Return the form that adds a key to a cache."""
    return AddForm(
        data,
        initial=initial,
        default_ttl=inspector.default_ttl,
        can_replace=checker.is_allowed(REPLACE, inspector),
        types=inspector.creatable_types,
    )


def make_add_panel(form: AddForm, cancel_url: str) -> FormPanel:
    """Return the form that adds a key, with its buttons."""
    return FormPanel(
        form,
        "add",
        _("Add key"),
        Action("cancel", _("Cancel"), cancel_url),
        has_preview=True,
        preview=form.preview(),
    )


class AddKeyView(BaseCacheView):
    permission = ADD
    title = gettext_lazy("Add key")
    template_name = "admin/django_cachex/add.html"
    help_page = "add"
    can_refresh = False

    form: AddForm | None = None

    def make_form(self, data: Any = None) -> AddForm:
        initial = {name: self.request.GET.get(name, "") for name in ("key", "type")}
        return make_add_form(self.checker, self.inspector, data, initial)

    def heading(self) -> Heading:
        return Heading(_('Add key to "%(alias)s"') % {"alias": self.inspector.alias})

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        form = self.form or self.make_form()
        panel = make_add_panel(form, self.fallback_url(self.inspector.alias))
        return super().get_context_data(form_panel=panel, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.form = form = self.make_form(request.POST)
        if form.is_valid() and "preview" not in request.POST:
            response = self.store_key(form)
            if response is not None:
                return response
        return self.render_to_response(self.get_context_data())

    def store_key(self, form: AddForm) -> HttpResponse | None:
        """Store the new key. Return None if the form must be shown again, with its errors."""
        inspector, name = self.inspector, form.cleaned_data["key"]
        stored = inspector.make_key(name)
        replace = bool(form.cleaned_data.get("replace"))
        self.check_permission(REPLACE if replace else ADD, inspector, stored)
        ttl = inspector.default_ttl if isinstance(form.ttl, KeepTTL) else form.ttl
        edit = make_edit(form, ttl)
        call = self.executor.run(inspector, lambda: inspector.apply(stored, edit))
        if call.value is None:
            message = partial(added_message, edit)
            error = call.error or Exception()
            self.log_possible_change(error, log_entries.ADDITION, [stored], message, inspector)
            self.alerts.append(Alert(SAVE_FAILED.choose(error), "error"))
            self.add_error_alert(inspector, error)
            return None
        if call.value.status != EditStatus.DONE:
            self._add_refusal_errors(form, call.value)
            return None
        self._log_and_notify(name, stored, edit)
        return self.redirect(self._get_success_url(stored))

    def _add_refusal_errors(self, form: AddForm, result: EditResult) -> None:
        if result.status != EditStatus.EXISTS:
            form.add_error(None, failure_message(result))
            return
        text = _("A key with this name already exists.")
        if "replace" in form.fields:
            text += " " + _('To replace it, select "Replace the key if it exists".')
        form.add_error("key", text)

    def _log_and_notify(self, name: str, stored: bytes, edit: AddValue | CreateCollection) -> None:
        message = partial(added_message, edit)
        user_id, flag = (
            self.request.user.pk,
            log_entries.CHANGE if edit.replace else log_entries.ADDITION,
        )
        log_entries.record_keys(user_id, flag, self.inspector, [stored], message)
        self.add_message(added_notice(edit, display_text(encode_text(name))))

    def _get_success_url(self, stored: bytes) -> Any:
        """Return the key's page, or an empty form for users who may only add keys."""
        if self.checker.is_allowed(VIEW_KEYS, self.inspector, stored):
            return self.links.key(self.inspector.alias, stored)
        return self.links.add(self.inspector.alias)
