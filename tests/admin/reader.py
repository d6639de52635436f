"""Reads a page as a person meets it: its words, links, forms and tables, whatever skin drew it."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

from tests.admin.page_elements import Button, Control, Form, Link, Table

VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
UNREAD = {"script", "style", "template", "title", "option", "textarea"}
INLINE = {"a", "b", "code", "em", "i", "span", "strong", "wbr", "mark"}


def squeezed(text: str) -> str:
    """Return text with each run of white space as one space, as browsers draw it."""
    return " ".join(text.split())


def is_drawing(given: dict[str, str]) -> bool:
    return given.get("aria-hidden") == "true"


class Reader(HTMLParser):
    """Collects what a page says and offers."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.title = ""
        self.heading = ""
        self.sections: list[str] = []
        self.links: list[Link] = []
        self.forms: list[Form] = []
        self.tables: list[Table] = []
        self.labels: dict[str, str] = {}
        self.raw_tags: list[tuple[str, dict[str, str]]] = []
        self._open: list[tuple[str, dict[str, str], int]] = []
        self._opened = Counter[str]()
        """How many elements of each name are open."""
        self._drawings = 0
        """How many open elements are icons, which fonts make of words."""
        self._unread = 0
        """How many open elements have text that is not read with the page."""
        self._form: Form | None = None
        self._buttons_of_later_forms: dict[str, list[Button]] = {}
        self._control: Control | None = None
        self._cell_in_head = False
        self.feed(html)
        self.close()

    # Where the reader is.

    def _since(self, start: int) -> str:
        return squeezed("".join(self.words[start:]))

    # What the parser meets.

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.raw_tags.append((tag, given))
        if tag not in INLINE:
            self.words.append(" ")
        if tag not in VOID:
            self._open.append((tag, given, len(self.words)))
            self._opened[tag] += 1
            self._unread += tag in UNREAD
            self._drawings += is_drawing(given)
        handler = getattr(self, f"start_{tag}", None)
        if handler is not None:
            handler(given)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._opened[tag]:
            return
        while True:
            name, given, start = self._open.pop()
            self._opened[name] -= 1
            self._unread -= name in UNREAD
            self._drawings -= is_drawing(given)
            handler = getattr(self, f"end_{name}", None)
            if handler is not None:
                handler(given, start)
            if name == tag:
                break
        if tag not in INLINE:
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._unread:
            if not self._drawings:
                self.words.append(data)
        elif self._opened["title"]:
            self.title += data
        elif self._opened["textarea"] and self._control is not None:
            self._control.value += data
        elif self._opened["option"] and self._control is not None:
            self._option_text += data

    @property
    def _is_ours(self) -> bool:
        """Whether this is within the page itself, not what its host draws around it."""
        return any("cx" in given.get("class", "").split() for _tag, given, _start in self._open)

    # Links, headings, labels.

    def end_a(self, given: dict[str, str], start: int) -> None:
        if "href" in given:
            self.links.append(Link(self._since(start), given["href"], given.get("data-action", "")))

    def _end_heading(self, given: dict[str, str], start: int) -> None:
        if given.get("id") == "cx-heading":
            self.heading = self._since(start)

    end_h1 = _end_heading

    def end_h2(self, given: dict[str, str], start: int) -> None:
        self._end_heading(given, start)
        if self._is_ours:
            self.sections.append(self._since(start))

    def end_label(self, given: dict[str, str], start: int) -> None:
        self.labels[given.get("for", "")] = self._since(start)

    # Forms.

    def start_form(self, given: dict[str, str]) -> None:
        self._form = Form(given.get("method", "get").lower(), given.get("action", ""))
        self._form.buttons += self._buttons_of_later_forms.pop(given.get("id", ""), [])
        self.forms.append(self._form)

    def end_form(self, given: dict[str, str], start: int) -> None:
        self._form = None

    def _add_control(self, tag: str, given: dict[str, str], value: str) -> Control:
        control = Control(
            tag,
            given.get("type", "text"),
            given.get("name", ""),
            given.get("id", ""),
            value,
            "checked" in given,
            "disabled" in given,
            given.get("aria-label", ""),
        )
        if self._form is not None:
            self._form.controls.append(control)
        return control

    def start_input(self, given: dict[str, str]) -> None:
        if given.get("type") in ("submit", "image"):
            self._add_button(given, given.get("value", ""))
            return
        default = "on" if given.get("type") in ("checkbox", "radio") else ""
        self._add_control("input", given, given.get("value", default))

    def start_textarea(self, given: dict[str, str]) -> None:
        self._control = self._add_control("textarea", given, "")

    def end_textarea(self, given: dict[str, str], start: int) -> None:
        if self._control is not None:
            # Browsers drop the first line feed, and send each as CR LF.
            text = self._control.value.removeprefix("\n")
            self._control.value = text.replace("\r\n", "\n").replace("\n", "\r\n")
        self._control = None

    def start_select(self, given: dict[str, str]) -> None:
        self._control = self._add_control("select", given, "")
        self._option_text = ""
        self._chosen = False

    def start_option(self, given: dict[str, str]) -> None:
        self._option_text = ""

    def end_option(self, given: dict[str, str], start: int) -> None:
        if self._control is None:
            return
        value = given.get("value", squeezed(self._option_text))
        first = not self._control.options
        self._control.options.append(value)
        if "selected" in given or first:
            self._control.value = value

    def end_select(self, given: dict[str, str], start: int) -> None:
        self._control = None

    def end_button(self, given: dict[str, str], start: int) -> None:
        if given.get("type", "submit") == "submit":
            self._add_button(given, self._since(start))

    def _add_button(self, given: dict[str, str], text: str) -> None:
        if self._form is not None:
            action = given.get("formaction", self._form.action)
            name, value = given.get("name", ""), given.get("value", "")
            data_action = given.get("data-action", "")
            button = Button(text, name, value, action, data_action)
            later = self._buttons_of_later_forms.setdefault(given.get("form", ""), [])
            (later if "form" in given else self._form.buttons).append(button)

    # Tables.

    def start_table(self, given: dict[str, str]) -> None:
        self.tables.append(Table())

    def end_th(self, given: dict[str, str], start: int) -> None:
        if self.tables and self._opened["table"]:
            self.tables[-1].headers.append(self._since(start))

    def start_tr(self, given: dict[str, str]) -> None:
        if self.tables and not self._opened["thead"]:
            self.tables[-1].rows.append([])

    def end_td(self, given: dict[str, str], start: int) -> None:
        if self.tables and self.tables[-1].rows:
            self.tables[-1].rows[-1].append(self._since(start))
