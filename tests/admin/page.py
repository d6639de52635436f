"""A response, as a person meets it."""

from __future__ import annotations

from tests.admin.parts import Form, Link, Table
from tests.admin.reader import Reader, squeezed


class Page:
    """What was answered: its status, its words and what it offers."""

    def __init__(self, status: int, url: str, html: str, seconds: float = 0.0) -> None:
        self.status = status
        self.url = url
        self.html = html
        self.seconds = seconds
        self._reader = reader = Reader(html)
        self.text = squeezed("".join(reader.words))
        self.title = squeezed(reader.title)
        self.links = reader.links
        self.forms = reader.forms
        self.tags = reader.raw_tags
        for form in self.forms:
            for control in form.controls:
                control.label = reader.labels.get(control.id) or control.label

    @property
    def heading(self) -> str:
        """What the page is about, wherever the skin says it."""
        return self._reader.heading

    @property
    def sections(self) -> list[str]:
        return self._reader.sections

    def table(self, header: str) -> Table:
        """Return the table that has a column of this header, or an empty one."""
        found = [table for table in self._reader.tables if header in table.headers]
        return found[-1] if found else Table([header])

    def column(self, header: str) -> list[str]:
        """Return the cells of the column of this header; none without such a table."""
        return self.table(header).column(header)

    def link(self, text: str) -> Link:
        """Return the last link of this text: what a page adds comes after what its host has."""
        return [link for link in self.links if link.text == text][-1]

    def offers(self, text: str) -> bool:
        """Return whether there is a link or a button of this text."""
        return any(link.text == text for link in self.links) or any(
            button.text == text for form in self.forms for button in form.buttons
        )

    def form(self, button: str) -> Form:
        """Return the last form that has a button of this text."""
        return [form for form in self.forms if any(one.text == button for one in form.buttons)][-1]

    def form_with(self, name: str) -> Form:
        """Return the only form that has a control of this name."""
        [found] = [form for form in self.forms if name in form.names]
        return found
