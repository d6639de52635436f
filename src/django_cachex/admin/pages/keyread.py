"""A key as one request asks for it: what is to be done, and what the cache says of it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict

from django_cachex.admin.access import SEE_KEYS, SEE_VALUE, Act
from django_cachex.admin.asking import Answer
from django_cachex.admin.keyacts import APPLYING, OPENING, KeyAct, Subject
from django_cachex.admin.keywindows import STATE, window_of
from django_cachex.admin.links import Link
from django_cachex.admin.pages.base import KeyedPage
from django_cachex.admin.sessions import masked
from django_cachex.inspectors.patterns import Pattern
from django_cachex.inspectors.query import InvalidWindow
from django_cachex.inspectors.types import Description, Element, Entry
from django_cachex.inspectors.values import Content

READ = "read"
"""The mode that has the value read where that may run something."""


class KeyRead(KeyedPage):
    """A page that has read its key, and knows which act is being done."""

    act = SEE_KEYS

    @property
    def unsafe(self) -> bool:
        """Whether the value comes from the backend's own `get`, and only on request."""
        return not self.inspector.can_get

    @cached_property
    def mode(self) -> str:
        """What is being done: nothing, `read`, or what opens or applies one of the acts.

        A link does no more than open a form, and none whose filling may run something.
        """
        if self.request.method == "POST":
            return self.request.POST.get("mode", "")
        asked = self.request.GET.get("mode", "")
        act = OPENING.get(asked)
        return asked if act is not None and not (self.unsafe and act.reads_value) else ""

    @property
    def asked(self) -> KeyAct[Any] | None:
        """The act that is being done, its form open or sent."""
        return OPENING.get(self.mode) or APPLYING.get(self.mode)

    @property
    def element(self) -> str:
        """The row that the act is about, by its id; empty for the whole key."""
        return self.given.get("element", "")

    @property
    def given(self) -> QueryDict:
        """What the request asks for."""
        return self.request.POST if self.request.method == "POST" else self.request.GET

    @property
    def subject(self) -> Subject:
        """What an act is told of this key."""
        allowed = self.gate.allowed
        return Subject(
            self.inspector, self.stored, self.entry, self.can, allowed, self.element, self.row
        )

    @cached_property
    def row(self) -> Element | None:
        """The row that the act is about, in full; None where it is not there."""
        entry = self.entry
        type = entry.description.type if entry is not None and entry.elements else None
        if not (type and self.element and self.can(SEE_VALUE)):
            return None
        element = self.element
        ask = self.inspector.element
        answer = self.ask(self.inspector, lambda: ask(self.stored, type, element))
        self.row_unknown = answer.error is not None
        return answer.value

    row_unknown = False
    """Whether the cache did not say what became of that row."""

    @cached_property
    def window_state(self) -> dict[str, str]:
        """What the request says of the part of the key that is shown."""
        found = {name: self.given.get(name) or self.request.GET.get(name, "") for name in STATE}
        return {name: value for name, value in found.items() if value}

    @property
    def part(self) -> Link:
        """Where the part of the key is that is shown."""
        return self.links.key(self.inspector.alias, self.stored, **self.window_state)

    window_problem = ""
    """Why the beginning is shown in place of what was asked for."""

    @property
    def is_open(self) -> bool:
        """Whether the form of an act is on the page."""
        asked = self.asked
        return asked is not None and bool(asked.opens) and asked.offered(self.subject)

    @property
    def reads(self) -> bool:
        """Whether the value is asked for although that may run something."""
        return self.mode == READ or (self.asked is not None and self.asked.reads_value)

    in_brief = False
    """Whether it is enough to know what can be said of the key without its value."""

    @cached_property
    def answer(self) -> Answer[Entry | None]:
        """What the cache says of the key, asked once; nothing where that takes a request."""
        if self.gate.is_secret(self.inspector, self.stored):
            # Whether there is such a session is a secret, too.
            return Answer(Entry(Description(self.stored)))
        if not self.can(SEE_VALUE) or (self.in_brief and self.inspector.can_list):
            return self.ask(self.inspector, self._described)
        if self.unsafe and not self.reads:
            return Answer(Entry(Description(self.stored)))
        if not self.inspector.can_window:
            return self.ask(self.inspector, lambda: self.inspector.read(self.stored))
        return self.ask(self.inspector, self._read)

    def _read(self) -> Entry | None:
        """Read the part that was asked for, or the beginning where there is no such part."""
        shown = self.given.get("shown", "")
        window = window_of({**self.window_state, "shown": shown})
        try:
            return self.inspector.read(self.stored, window)
        except InvalidWindow as problem:
            self.window_problem = str(problem)
            match = "" if Pattern(window.match).problem else window.match
            return self.inspector.read(self.stored, replace(window, at="", match=match))

    def _described(self) -> Entry | None:
        if not self.inspector.can_list:
            return Entry(Description(self.stored))
        [description] = self.inspector.describe([self.stored])
        return Entry(description) if description.exists else None

    def forget_answer(self) -> None:
        """Ask again, as the key has changed or a page needs all of it."""
        self.in_brief = False
        for name in ("answer", "row"):
            self.__dict__.pop(name, None)

    @property
    def entry(self) -> Entry | None:
        return self.answer.value

    @property
    def content(self) -> Content | None:
        """The value, for who may see it and where it is a single one."""
        entry = self.entry
        return entry.content if entry is not None and self.can(SEE_VALUE) else None

    @property
    def gone(self) -> bool:
        return self.answer.error is None and self.answer.value is None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.gone:
            return self.leave()
        return super().get(request, *args, **kwargs)

    def can(self, act: Act) -> bool:
        return self.gate.allowed(act, self.inspector, self.stored)

    @property
    def link(self) -> Link:
        """Where this key is."""
        return self.links.key(self.inspector.alias, self.stored)

    @property
    def key_name(self) -> str:
        name = super().key_name
        return masked(name) if self.gate.is_secret(self.inspector, self.stored) else name
