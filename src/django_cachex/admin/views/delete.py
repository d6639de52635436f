"""Delete keys, after a confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting, log_entries
from django_cachex.admin.components import Action, Confirmation, Heading
from django_cachex.admin.links import LinkTarget, object_id
from django_cachex.admin.messages import DELETION_FAILED, error_message, message_and_level
from django_cachex.admin.permissions import DELETE, VIEW_KEYS
from django_cachex.admin.views.base import BaseKeyView, BaseView
from django_cachex.inspectors import Inspector

MAX_LISTED_KEYS = 100
"""The confirmation lists this many keys, and the number of the others."""


class DeleteKeyView(BaseKeyView):
    permission = DELETE
    shows_backend_notes = False
    title = gettext_lazy("Delete key")
    template_name = "admin/django_cachex/confirm.html"
    help_page = "delete"
    can_refresh = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.inspector.can_list:
            answer = self.call_cache(self.inspector, lambda: self.inspector.describe([self.stored]))
            if answer.value and not answer.value[0].exists:
                return self.redirect_missing()
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "confirmed" not in request.POST:
            return self.render_to_response(self.get_context_data())
        text = _('The key "%(key)s" was deleted.') % {"key": self.display_name}
        delete_keys(self, self.inspector, [self.stored], text)
        return self.redirect(self.fallback_url(self.inspector.alias))

    def get_cancel_link(self) -> LinkTarget | str:
        if self.checker.is_allowed(VIEW_KEYS, self.inspector, self.stored):
            return self.links.key(self.inspector.alias, self.stored)
        return self.fallback_url(self.inspector.alias)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        cancel = Action("cancel", _("Cancel"), self.get_cancel_link())
        key_id = [("id", self.request.POST["id"])] if "id" in self.request.POST else []
        question = _('Delete "%(key)s" from "%(alias)s"?') % {
            "key": self.display_name,
            "alias": self.inspector.alias,
        }
        confirmation = replace(
            make_delete_confirmation(self.inspector, [self.stored], [], cancel),
            question=question,
            items=(),
            hidden_fields=[("confirmed", "1"), *key_id],
        )
        return super().get_context_data(
            confirmation=confirmation, heading=Heading(question, kind="question"), **kwargs
        )

    def breadcrumbs(self) -> Sequence[Action]:
        return [*self.key_breadcrumbs(), Action("delete", _("Delete"), "")]


def make_delete_confirmation(
    inspector: Inspector, keys: Sequence[bytes], skipped: Sequence[str], cancel: Action
) -> Confirmation:
    """Return the confirmation for deleting keys.

    Args:
        skipped: the ids of selected keys that can't be deleted.
        cancel: the button that cancels.
    """
    count = len(keys)
    values = {"count": formatting.format_number(count), "alias": inspector.alias}
    names = [
        formatting.format_name(inspector.display_key(stored)) for stored in keys[:MAX_LISTED_KEYS]
    ]
    if count > MAX_LISTED_KEYS:
        names.append(
            _("and %(count)s more") % {"count": formatting.format_number(count - MAX_LISTED_KEYS)}
        )
    return Confirmation(
        question=ngettext(
            'Delete %(count)s key from "%(alias)s"?',
            'Delete %(count)s keys from "%(alias)s"?',
            count,
        )
        % values,
        breadcrumb=_("Delete"),
        consequences=[
            _("This can't be undone.") if count else _("None of the selected keys can be deleted.")
        ],
        button_text=ngettext("Delete %(count)s key", "Delete %(count)s keys", count) % values,
        cancel=cancel,
        hidden_fields=[
            ("action", "delete"),
            ("confirmed", "1"),
            *(("selected", object_id(inspector.alias, stored)) for stored in keys),
        ],
        items=names,
        skipped=[
            _(
                "%(key)s: you don't have permission to delete it, or it doesn't belong to this "
                "cache."
            )
            % {"key": one}
            for one in skipped
        ],
        can_confirm=bool(count),
    )


def delete_keys(
    view: BaseView, inspector: Inspector, keys: Sequence[bytes], success_text: str = ""
) -> None:
    """Delete keys, log it, and add a message: `success_text` if all are deleted, or the numbers."""
    existing = view.executor.run(inspector, lambda: filter_existing(inspector, keys))
    if existing.value is None:
        why = error_message(inspector, existing.error or Exception())
        view.add_message(f"{DELETION_FAILED.not_made} {why}", messages.ERROR)
        return
    answer = view.executor.run(inspector, lambda: inspector.delete_each(keys))
    if answer.value is None:
        error, message = answer.error or Exception(), partial(format_delete_result, len(keys), 0)
        view.log_possible_change(error, log_entries.DELETION, keys, message, inspector)
        why = error_message(inspector, error)
        view.add_message(f"{DELETION_FAILED.choose(error)} {why}", messages.ERROR)
        return
    result, failed = answer.value, dict(answer.value.failures)
    message = partial(format_delete_result, result.done, result.gone, len(failed))
    if result.done and len(keys) > 1 and not inspector.can_list:  # Most may not have existed.
        log_entries.record_cache(view.request.user.pk, inspector, message)
    elif result.done:
        gone = [stored for stored in existing.value if stored not in failed]
        log_entries.record_keys(
            view.request.user.pk, log_entries.DELETION, inspector, gone, message
        )
    if result.done or result.failures:
        text = success_text if success_text and result.done == len(keys) else message()
        view.add_message(*message_and_level(text, result.done, result.failures))
    else:
        view.add_message(message(), messages.WARNING)


def filter_existing(inspector: Inspector, keys: Sequence[bytes]) -> Sequence[bytes]:
    """Return the keys that exist, or all of them if the cache can't tell."""
    if not inspector.can_list:
        return keys
    return [one.key for one in inspector.describe(keys, ("ttl",)) if one.exists]


def format_delete_result(deleted: int, gone: int, failed: int = 0) -> str:
    """Return a message with the numbers of keys deleted, already gone, and not deleted."""
    sentences = []
    if deleted or not (gone or failed):
        text = ngettext("Deleted %(count)s key", "Deleted %(count)s keys", deleted)
        sentences.append(text % {"count": formatting.format_number(deleted)})
    if failed:
        text = ngettext(
            "%(count)s key couldn't be deleted", "%(count)s keys couldn't be deleted", failed
        )
        sentences.append(text % {"count": formatting.format_number(failed)})
    if gone:
        text = ngettext("%(count)s was already gone", "%(count)s were already gone", gone)
        sentences.append(text % {"count": formatting.format_number(gone)})
    text = "; ".join(sentences)
    return f"{text[0].upper()}{text[1:]}."
