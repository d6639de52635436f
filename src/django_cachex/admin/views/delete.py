"""Deleting keys: one question with its consequences, then the deed, on record."""

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
from django_cachex.admin.components import Action, Confirm, Heading
from django_cachex.admin.errors import explain
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.links import Link, object_id
from django_cachex.admin.messages import told
from django_cachex.admin.permissions import DELETE, SEE_KEYS
from django_cachex.admin.views.base import KeyedPage, Page
from django_cachex.inspectors import Inspector

MOST_NAMED = 100
"""So many keys are named before a deletion; of the rest the number is."""


class DeletePage(KeyedPage):
    act = DELETE
    shows_notes = False
    title = gettext_lazy("Delete key")
    template_name = "admin/django_cachex/confirm.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.inspector.can_list:
            answer = self.ask(self.inspector, lambda: self.inspector.describe([self.stored]))
            if answer.value and not answer.value[0].exists:
                return self.leave()
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "confirmed" not in request.POST:
            return self.render_to_response(self.get_context_data())
        delete_keys(self, self.inspector, [self.stored])
        return self.go(self.landing(self.inspector.alias))

    def back(self) -> Link | str:
        if self.gate.allowed(SEE_KEYS, self.inspector, self.stored):
            return self.links.key(self.inspector.alias, self.stored)
        return self.landing(self.inspector.alias)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        back = Action("cancel", _("Cancel, keep it"), self.back())
        carried = [("id", self.request.POST["id"])] if "id" in self.request.POST else []
        question = _('Delete "%(key)s" from "%(alias)s"?') % {
            "key": self.said_name,
            "alias": self.inspector.alias,
        }
        confirm = replace(
            delete_confirm(self.inspector, [self.stored], [], back),
            question=question,
            items=(),
            hidden=[("confirmed", "1"), *carried],
        )
        return super().get_context_data(
            confirm=confirm, heading=Heading(question, kind="question"), **kwargs
        )

    def trail(self) -> Sequence[Action]:
        return [*self.key_trail(), Action("delete", _("Delete"), "")]

    def help(self) -> HelpPanel:
        return HelpPanel("delete")


def delete_confirm(
    inspector: Inspector, keys: Sequence[bytes], refused: Sequence[str], back: Action
) -> Confirm:
    """Return the question before keys are deleted."""
    count = len(keys)
    values = {"count": formatting.number(count), "alias": inspector.alias}
    names = [formatting.name(inspector.name(stored)) for stored in keys[:MOST_NAMED]]
    if count > MOST_NAMED:
        names.append(_("and %(count)s more") % {"count": formatting.number(count - MOST_NAMED)})
    return Confirm(
        question=ngettext(
            'Delete %(count)s key from "%(alias)s"?',
            'Delete %(count)s keys from "%(alias)s"?',
            count,
        )
        % values,
        step=_("Delete"),
        consequences=[
            _(
                "This can't be undone. Deleted keys come back only if an application stores them "
                "again."
            )
            if count
            else _("None of the selected keys can be deleted.")
        ],
        submit=ngettext("Delete %(count)s key", "Delete %(count)s keys", count) % values,
        back=back,
        hidden=[
            ("action", "delete"),
            ("confirmed", "1"),
            *(("selected", object_id(inspector.alias, stored)) for stored in keys),
        ],
        items=names,
        refused=[
            _(
                "%(key)s: you don't have permission to delete it, or it doesn't belong to this "
                "cache."
            )
            % {"key": one}
            for one in refused
        ],
        possible=bool(count),
    )


def delete_keys(page: Page, inspector: Inspector, keys: Sequence[bytes]) -> None:
    """Delete keys, put it on record and say what happened, with numbers."""
    known = page.asker.ask(inspector, lambda: present(inspector, keys))
    if known.value is None:
        page.say(not_deleted(explain(inspector, known.error or Exception())), messages.ERROR)
        return
    answer = page.asker.ask(inspector, lambda: inspector.delete_each(keys))
    if answer.value is None:
        said = partial(deleted_text, len(keys), 0)
        page.record_in_doubt(answer.error, log_entries.DELETION, keys, said, inspector)
        page.say(not_deleted(explain(inspector, answer.error or Exception())), messages.ERROR)
        return
    tally, refused = answer.value, dict(answer.value.failures)
    said = partial(deleted_text, tally.done, tally.gone, len(refused))
    if tally.done:
        gone = [stored for stored in known.value if stored not in refused]
        log_entries.record_keys(page.request.user.pk, log_entries.DELETION, inspector, gone, said)
    if tally.done or tally.failures:
        page.say(*told(said(), tally.done, tally.failures))
    else:
        page.say(said(), messages.WARNING)


def not_deleted(why: str) -> str:
    """Return that nobody knows whether keys were deleted."""
    return _("The deletion may be incomplete. Check before you try again. %(why)s") % {"why": why}


def present(inspector: Inspector, keys: Sequence[bytes]) -> Sequence[bytes]:
    """Return those of some keys that are there, as far as the cache can tell."""
    if not inspector.can_list:
        return keys
    return [one.key for one in inspector.describe(keys, ("ttl",)) if one.exists]


def deleted_text(deleted: int, gone: int, failed: int = 0) -> str:
    """Return what a deletion did: how many went, how many had gone before or stayed."""
    said = []
    if deleted or not (gone or failed):
        text = ngettext("Deleted %(count)s key", "Deleted %(count)s keys", deleted)
        said.append(text % {"count": formatting.number(deleted)})
    if failed:
        text = ngettext(
            "%(count)s key could not be deleted", "%(count)s keys could not be deleted", failed
        )
        said.append(text % {"count": formatting.number(failed)})
    if gone:
        text = ngettext("%(count)s was already gone", "%(count)s were already gone", gone)
        said.append(text % {"count": formatting.number(gone)})
    whole = "; ".join(said)
    return f"{whole[0].upper()}{whole[1:]}."
