"""Key detail, looking: what a key holds, how much, until when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin.access import DELETE, EDIT, SEE_HISTORY, SEE_VALUE
from django_cachex.admin.keyacts import ACTS, KeyAct, Place
from django_cachex.admin.keyhelp import key_help
from django_cachex.admin.pages.download import downloads
from django_cachex.admin.pages.keyelements import KeyElements
from django_cachex.admin.pages.keyfacts import key_facts, summary
from django_cachex.admin.pages.keyread import READ
from django_cachex.admin.pages.keyvalue import ValueView
from django_cachex.admin.parts import Action, Heading, Topic, ValueBox
from django_cachex.inspectors.types import CommandLine, Entry
from django_cachex.inspectors.values import Content


class KeyView(KeyElements):
    """What there is to see of one key; `KeyPage` adds what can be changed."""

    title = gettext_lazy("Key")
    template_name = "admin/django_cachex/key.html"

    # What is on the page.

    def heading(self) -> Heading:
        said = summary(self.entry) if self.entry is not None else ""
        return Heading(self.said_name, kind="key", summary=said, copied=self.key_name)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = {}
        entry = self.entry
        if entry is not None:
            context |= {
                "facts": key_facts(self.inspector, entry, masked=not self.can(SEE_HISTORY)),
                "head_offers": self.offers("head"),
                "command_lines": self._command_lines(entry),
                **self._value_context(entry),
            }
        return super().get_context_data(**context, **kwargs)

    def _command_lines(self, entry: Entry) -> Sequence[CommandLine]:
        if not self.can(SEE_VALUE):
            return ()
        return self.inspector.command_lines(self.stored, entry.description.type)

    def offers(self, spot: Place) -> list[Action]:
        """Return the controls of a spot on the page, within the person's permissions."""
        if self.is_open:  # Whoever left would lose what they have written.
            return []
        return [self._offer(act) for act in self._offered(spot)]

    def _offered(self, spot: Place) -> list[KeyAct[Any]]:
        acts = [act for act in ACTS if act.opens and act.offered_in == spot]
        return [act for act in acts if act.offered(self.subject)]

    def _value_offers(self) -> list[Action]:
        """Return what can be done to the value from here."""
        if self.unsafe and not self.reads and self.can(SEE_VALUE):
            return [Action(READ, _("Read value"), self.link, "primary", method="post", value=READ)]
        return self.offers("value")

    def _offer(self, act: KeyAct[Any]) -> Action:
        """Return a control that opens an act's form; one that reads unsafely takes a POST."""
        by_post = self.link.post_id or (self.unsafe and act.reads_value)
        method = "post" if by_post else "get"
        state = list(self.window_state.items())
        return Action(
            act.opens, act.label, self.link, act.kind, method=method, value=act.opens, fields=state
        )

    def element_offers(self) -> list[Action]:
        return self.offers("elements")

    def _value_context(self, entry: Entry) -> dict[str, Any]:
        if not self.can(SEE_VALUE):
            return {"hidden_value": self._why_hidden()}
        if entry.elements is not None:
            return self.collection_context(entry, entry.elements)
        if self.unsafe and not self.reads:
            return {"unread": True, "value_offers": self._value_offers()}
        content = entry.content
        if content is not None:
            return {"value": self._value_box(entry, content)}
        return {"value": ValueBox(_("Value"), notes=[entry.note])} if entry.note else {}

    def _value_box(self, entry: Entry, content: Content) -> ValueBox:
        look = ValueView(content, self.given.get("view", ""), self._look, self.inspector.can_window)
        text, rest = look.halves()
        in_form = self.is_open and self.asked is not None and self.asked.place == "value"
        why_not = content.why_not if self.can(EDIT) and content.why_not not in content.notes else ""
        return ValueBox(
            _("What it holds now") if in_form else _("Value"),
            [] if in_form else look.views(),
            self._value_offers(),
            [note for note in (entry.note, *content.notes) if note],
            text,
            rest,
            look.folds(),
            look.cut(),
            [] if in_form else [*look.more(), *self._decoded_download(entry)],
            why_not,
        )

    def _decoded_download(self, entry: Entry) -> list[Action]:
        """Return the link to the value as it was decoded, beside the one to its stored bytes."""
        labels = {"json": _("Download as JSON"), "text": _("Download as text")}
        rest = downloads(self.gate, self.inspector, self.stored, entry)[1:]
        return [self._download(f"download-{form}", form, labels[form]) for form in rest]

    def _look(
        self, name: str, label: str, current: bool = False, at: str = "", **asked: str
    ) -> Action:
        """Return a control that shows the value in another way."""
        if self.link.post_id:
            return Action(name, label, self.link, current=current, fields=list(asked.items()))
        state = {"mode": "", "shown": "", **asked}
        return Action(name, label, f"{self.here(**state)}{f'#{at}' if at else ''}", current=current)

    def _why_hidden(self) -> str:
        if self.gate.is_secret(self.inspector, self.stored):
            return _("This is a session: only superusers see what it holds.")
        return str(self.inspector.why_not("can_get"))

    # The frame.

    def trail(self) -> Sequence[Action]:
        return [*self.cache_trail(), Action("key", self.said_name, "")]

    def actions(self) -> Sequence[Action]:
        alias, stored = self.inspector.alias, self.stored
        delete = [Action("delete", _("Delete"), self.links.delete(alias, stored), "danger")]
        history = [Action("history", _("History"), self.links.history(alias, stored))]
        entry = self.entry
        forms = downloads(self.gate, self.inspector, self.stored, entry) if entry else []
        return [
            *map(self._bar_link, self._offered("bar")),
            *(self._download("download", form, _("Download")) for form in forms[:1]),
            *(delete if self.can(DELETE) else []),
            *(history if self.can(SEE_HISTORY) else []),
        ]

    def _download(self, name: str, form: str, label: str) -> Action:
        return Action(name, label, self.links.download(self.inspector.alias, self.stored, form))

    def _bar_link(self, act: KeyAct[Any]) -> Action:
        """Return the link of the action bar that opens an act's form."""
        link = self.links.key(self.inspector.alias, self.stored, mode=act.opens)
        return Action(act.opens, act.label, link, act.kind, act is self.asked, value=act.opens)

    def here(self, **query: str) -> str:
        if query or self.request.method == "GET":
            return super().here(**query)
        return str(self.link)

    def help(self) -> Sequence[Topic]:
        return key_help(self.inspector)
