"""Changing when a key expires."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import humane
from django_cachex.admin.access import EXPIRE
from django_cachex.admin.keyacts.base import KeyAct, Subject
from django_cachex.admin.outcomes import ttl_message
from django_cachex.admin.ttlforms import TtlForm
from django_cachex.inspectors.edits import Edit, ExpireAt, ExtendTtl, Outcome, SetTtl


class ChangeTtl(KeyAct[TtlForm]):
    opens, applies, act = "expire", "set-ttl", EXPIRE
    offered_in, place = "head", "head"
    in_brief = True
    previews = True
    label = title = gettext_lazy("Change TTL")
    submit = gettext_lazy("Save TTL")

    def form(self, subject: Subject, data: Any = None) -> TtlForm:
        ttl = subject.entry.description.ttl if subject.entry is not None else None
        return TtlForm(data, ttl=ttl, can_extend=subject.inspector.can_extend)

    def edit(self, subject: Subject, form: TtlForm) -> Edit | Outcome | None:
        return form.edit

    def preview(self, subject: Subject, form: TtlForm) -> str:
        return form.preview()

    def said(self, subject: Subject, form: TtlForm, outcome: Outcome | None) -> str:
        match form.edit:
            case SetTtl(ttl=ttl):
                return ttl_message(ttl)
            case ExpireAt(moment=moment):
                when = datetime.fromtimestamp(moment / 1000, UTC)
                return _("TTL set: it expires at %(moment)s.") % {"moment": humane.moment(when)}
            case ExtendTtl(by=by):
                return _("TTL lengthened by %(added)s.") % {"added": humane.duration(by)}
