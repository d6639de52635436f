"""A response, as a person meets it."""

from __future__ import annotations

from tests.admin.page_elements import Button, Form, Link, Table
from tests.admin.reader import Reader, squeezed


def is_one(control: Link | Button, does: str, about: str) -> bool:
    """Return whether a control does this, in the row of what a text names if one is given."""
    return control.does == does and f" {control.text}".endswith(f" {about}" if about else "")


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

    def link(self, does: str, about: str = "") -> Link:
        """Return the last link that does this: to what a text names, where one is given."""
        return [link for link in self.links if is_one(link, does, about)][-1]

    def button(self, does: str, about: str = "") -> Button:
        """Return the last button that does this."""
        return self._pressed(does, about)[1]

    def form(self, does: str, about: str = "") -> Form:
        """Return the last form that has a button that does this."""
        return self._pressed(does, about)[0]

    def _pressed(self, does: str, about: str) -> tuple[Form, Button]:
        buttons = ((form, button) for form in self.forms for button in form.buttons)
        return [pair for pair in buttons if is_one(pair[1], does, about)][-1]

    def offers(self, does: str, about: str = "") -> bool:
        """Return whether there is a link or a button that does this."""
        buttons = (button for form in self.forms for button in form.buttons)
        return any(is_one(one, does, about) for one in (*self.links, *buttons))

    def form_with(self, name: str) -> Form:
        """Return the only form that has a control of this name."""
        [found] = [form for form in self.forms if name in form.names]
        return found
