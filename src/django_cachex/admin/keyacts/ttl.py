"""Changing when a key expires."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import humane
from django_cachex.admin.access import EXPIRE
from django_cachex.admin.forms import ExpireForm
from django_cachex.admin.keyacts.base import KeyAct, Subject
from django_cachex.admin.outcomes import ttl_message
from django_cachex.inspectors.edits import Edit, Keep, Outcome, SetTtl


class ChangeTtl(KeyAct):
    opens, applies, act = "expire", "set-ttl", EXPIRE
    offered_in, place = "head", "head"
    label = title = gettext_lazy("Change TTL")
    submit = gettext_lazy("Save TTL")

    def form(self, subject: Subject, data: Any = None) -> ExpireForm:
        form = ExpireForm(data)
        entry = subject.entry
        if entry is not None and entry.description.ttl is not None:
            now = _("Now: %(expires)s.") % {"expires": humane.expiry(entry.description.ttl)}
            form.fields["timeout"].help_text = now
        return form

    def edit(self, subject: Subject, form: forms.Form) -> Edit | Outcome | None:
        ttl = self._ttl(form)
        return None if isinstance(ttl, Keep) else SetTtl(ttl)

    def said(self, subject: Subject, form: forms.Form, outcome: Outcome | None) -> str:
        ttl = self._ttl(form)
        return "" if isinstance(ttl, Keep) else ttl_message(ttl)

    @staticmethod
    def _ttl(form: forms.Form) -> int | Keep:
        assert isinstance(form, ExpireForm)
        return form.ttl
