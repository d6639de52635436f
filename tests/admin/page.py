"""A response, as a user sees it."""

from __future__ import annotations

from functools import cached_property

from tests.admin.page_elements import Button, Form, Link, Table
from tests.admin.reader import Reader, squeezed


def matches_action(control: Link | Button, action: str, object_name: str) -> bool:
    """Return whether a control has this `data-action`, and is for the named object if given."""
    return control.data_action == action and f" {control.text}".endswith(
        f" {object_name}" if object_name else ""
    )


class Page:
    """A response: its status, text, links, forms and tables, read when a test asks for them."""

    def __init__(self, status: int, url: str, html: str, seconds: float = 0.0) -> None:
        self.status = status
        self.url = url
        self.html = html
        self.seconds = seconds

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.html)

    @cached_property
    def text(self) -> str:
        return squeezed("".join(self._reader.words))

    @property
    def title(self) -> str:
        return squeezed(self._reader.title)

    @property
    def links(self) -> list[Link]:
        return self._reader.links

    @property
    def tags(self) -> list[tuple[str, dict[str, str]]]:
        """The start tags, with their attributes."""
        return self._reader.raw_tags

    @cached_property
    def forms(self) -> list[Form]:
        for form in self._reader.forms:
            for control in form.controls:
                control.label = self._reader.labels.get(control.id) or control.label
        return self._reader.forms

    @property
    def heading(self) -> str:
        """The heading of the page, in any skin."""
        return self._reader.heading

    @property
    def sections(self) -> list[str]:
        return self._reader.sections

    def table(self, header: str) -> Table:
        """Return the last table with this column header, or an empty one."""
        found = [table for table in self._reader.tables if header in table.headers]
        return found[-1] if found else Table([header])

    def column(self, header: str) -> list[str]:
        """Return the cells of the column with this header; none without such a table."""
        return self.table(header).column(header)

    def link(self, action: str, object_name: str = "") -> Link:
        """Return the last link with this `data-action`, for the named object if given."""
        return [link for link in self.links if matches_action(link, action, object_name)][-1]

    def button(self, action: str, object_name: str = "") -> Button:
        """Return the last button with this `data-action`."""
        return self._find_button(action, object_name)[1]

    def form(self, action: str, object_name: str = "") -> Form:
        """Return the last form with a button of this `data-action`."""
        return self._find_button(action, object_name)[0]

    def _find_button(self, action: str, object_name: str) -> tuple[Form, Button]:
        buttons = ((form, button) for form in self.forms for button in form.buttons)
        return [pair for pair in buttons if matches_action(pair[1], action, object_name)][-1]

    def has_action(self, action: str, object_name: str = "") -> bool:
        """Return whether there is a link or a button with this `data-action`."""
        buttons = (button for form in self.forms for button in form.buttons)
        return any(matches_action(one, action, object_name) for one in (*self.links, *buttons))

    def form_with(self, name: str) -> Form:
        """Return the only form with a control of this name."""
        [found] = [form for form in self.forms if name in form.names]
        return found
