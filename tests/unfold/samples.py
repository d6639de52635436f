"""Data that several component examples share: links, tables, values and forms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms

from django_cachex.admin.components import (
    Action,
    Badge,
    Cell,
    Header,
    LabeledValue,
    Row,
    Table,
)
from django_cachex.admin.links import LinkTarget

LONG = LinkTarget("/key/-/change/", "default:c2hvcDoxOmxvbmc")
"""A link to a key whose id is too long for a URL."""

WIDGETS: dict[str, type[forms.Widget]] = {
    "text": forms.TextInput,
    "number": forms.NumberInput,
    "textarea": forms.Textarea,
    "select": forms.Select,
    "checkbox": forms.CheckboxInput,
}


@dataclass(frozen=True)
class Samples:
    """Data of components. All text goes through `say`."""

    say: Callable[[str], str]

    def action(self, label: str = "Add key", **given: Any) -> Action:
        name = label.lower().replace(" ", "-")
        return Action(name, self.say(label), **{"link": "/key/add/", **given})

    def links(self) -> list[Action]:
        return [
            self.action("Search", kind="primary"),
            self.action("Delete", kind="danger"),
            self.action("Help", kind="quiet"),
            self.action("Help", current=True),
            self.action("Open key", link=LONG),
            self.action("Hex", link=LONG, value="read", fields=[("view", self.say("hex"))]),
        ]

    def make_search_form(self, *names: str) -> forms.Form:
        """Return a form of drop-down fields with these names."""
        form = forms.Form()
        choices = [(value, self.say(value or "any")) for value in ("", "set", "hash")]
        for name in names:
            form.fields[name] = forms.ChoiceField(
                label=self.say("Type"), choices=choices, initial="set"
            )
        return form

    def make_badge(self, kind: str) -> Badge:
        return Badge(self.say("up"), kind, self.say("It answers."))

    def make_table(self, **given: Any) -> Table:
        headers = [Header(self.say("Key")), Header(self.say("Size"), "number")]
        cells = [Cell(self.say("user:1"), "/key/1/", "key"), Cell(self.say("5"), None, "number")]
        rows = [Row(cells, self.say("1"), self.say('Select "user:1"')), Row(cells)]
        return Table(headers, rows, **{"caption": self.say("Keys"), **given})

    def make_values(self) -> list[LabeledValue]:
        return [
            LabeledValue(self.say("Type"), self.say("hash")),
            LabeledValue(self.say("Stored key"), self.say("shop:1:user.1"), "code"),
            LabeledValue(self.say("Used"), self.say("5 MB"), "", self.say("5,000,000 bytes"), 0.5),
            LabeledValue(self.say("TTL"), self.say("4 min"), expires=240_000, note=self.say("s")),
            LabeledValue(self.say("Age"), self.say("1 min"), exact=self.say("60 s"), expires=1),
        ]

    def make_form(self, data: dict[str, str] | None = None, help_text: str = "") -> forms.Form:
        """Return a form with a field of each widget."""
        form = forms.Form(data, auto_id="id_%s")
        for name, widget in WIDGETS.items():
            label = self.say(f"The {name}")
            form.fields[name] = forms.CharField(label=label, widget=widget, help_text=help_text)
        form.fields["select"].widget.choices = [(self.say("a"), self.say("An option"))]
        form.fields["token"] = forms.CharField(
            initial=self.say("token"), required=False, widget=forms.HiddenInput
        )
        return form

    def make_invalid_form(self) -> forms.Form:
        """Return a form with an error in each field."""
        form = self.make_form({name: self.say("given") for name in WIDGETS}, self.say("Any text."))
        for name in WIDGETS:
            form.add_error(name, self.say("Wrong."))
        return form
