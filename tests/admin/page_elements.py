"""The elements of a page: links, tables, and forms with their controls and buttons."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Link:
    text: str
    url: str
    data_action: str = ""
    """The value of `data-action`."""


@dataclass
class Control:
    """A field of a form."""

    tag: str
    type: str
    name: str
    id: str
    value: str
    checked: bool = False
    disabled: bool = False
    label: str = ""
    options: list[str] = field(default_factory=list)

    @property
    def sent(self) -> bool:
        """Whether a browser submits it if the user does not change it."""
        ticked = self.type not in ("checkbox", "radio") or self.checked
        return bool(self.name) and not self.disabled and ticked


@dataclass
class Button:
    text: str
    name: str
    value: str
    action: str
    """The URL to submit to: the form's, or the button's own."""

    data_action: str = ""
    """The value of `data-action`."""


@dataclass
class Form:
    method: str
    action: str
    controls: list[Control] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    def data(self) -> dict[str, list[str]]:
        """Return what a browser submits if the user changes nothing."""
        sent: dict[str, list[str]] = {}
        for control in self.controls:
            if control.sent:
                sent.setdefault(control.name, []).append(control.value)
        return sent

    def control(self, name: str) -> Control:
        """Return the only control with a name or label."""
        [found] = [one for one in self.controls if name in (one.name, one.label)]
        return found

    @property
    def names(self) -> set[str]:
        return {control.name for control in self.controls}


@dataclass
class Table:
    headers: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    def column(self, header: str) -> list[str]:
        """Return the cells below a header, in order."""
        place = self.headers.index(header)
        return [row[place] for row in self.rows]

    def row(self, header: str, text: str) -> dict[str, str]:
        """Return the only row whose cell below a header begins with a text, by header."""
        place = self.headers.index(header)
        [found] = [row for row in self.rows if f"{row[place]} ".startswith(f"{text} ")]
        return dict(zip(self.headers, found, strict=True))
