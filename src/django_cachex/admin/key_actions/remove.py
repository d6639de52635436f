"""Removing one element of a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin.forms.elements import ChangeForm
from django_cachex.admin.key_actions.base import KeyContext
from django_cachex.admin.key_actions.elements import RowAction, format_element_name, key_gone_note
from django_cachex.admin.messages import REMOVAL_FAILED
from django_cachex.inspectors.edits import Edit, EditResult, ElementRef, RemoveElements
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.types import Element


class RemoveElementAction(RowAction[ChangeForm]):
    """Remove an element. Its form is a question."""

    form_class = ChangeForm
    failure_texts = REMOVAL_FAILED
    kind = "danger"
    label = submit_label = gettext_lazy("Remove")
    overwrite_label = gettext_lazy("Remove the current version")
    keep_label = gettext_lazy("Keep it")
    success_text = "%(what)s"
    done: Text
    """What was done, for the log and the page."""

    def link_params(self, row: Element) -> dict[str, str]:
        return {**super().link_params(row), "expected": row.expected}

    def form_title(self, context: KeyContext) -> str:
        name = format_element_name(context.row) if context.row is not None else "…"
        return str(self.title) % {"name": name}

    def describe_row(self, row: Element) -> dict[str, Any]:
        return {"expected": row.expected}

    def notes(self, context: KeyContext) -> Sequence[Text]:
        if context.length != 1 or context.type == "stream":
            return []
        return [_("No elements will be left, so the key will be deleted too.")]

    def edit(self, context: KeyContext, form: ChangeForm) -> Edit:
        chosen = ElementRef(context.element, form.cleaned_data["expected"])
        return RemoveElements(context.type, (chosen,))

    def expected_after_conflict(self, context: KeyContext, result: EditResult) -> str:
        return context.row.expected if context.row is not None else ""

    def log_message(self, context: KeyContext, form: ChangeForm, result: EditResult | None) -> str:
        return str(self.done) % {"name": context.element_row.name} + key_gone_note(result)
