"""Example contexts for the component templates: empty and full ones for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django import forms
from django.template import Template

from django_cachex.admin.components import (
    Alert,
    Badge,
    Bar,
    BarChart,
    Button,
    Card,
    Cell,
    Confirmation,
    EmptyState,
    FindingPanel,
    FormPanel,
    Header,
    Heading,
    JobProgress,
    LabeledValue,
    Row,
    Shortcuts,
    Table,
)
from django_cachex.admin.formatting import CollapsibleBlock
from django_cachex.admin.forms.elements import ElementSearchForm
from django_cachex.admin.forms.history import HistoryForm
from django_cachex.inspectors.types import Snippet
from tests.unfold.samples import LONG, Samples

Context = dict[str, Any]

BADGE_KINDS = ("", "good", "warning", "bad", "strong")
NOTICE_KINDS = ("info", "warning", "error")


class Examples(Samples):
    """Contexts of the component templates: a method for each."""

    def of(self, component: str) -> list[Context]:
        """Return the contexts of a component. Raise AttributeError if there are none."""
        return list(getattr(self, component)())

    def actions(self) -> Iterable[Context]:
        yield {"actions": []}
        yield {"actions": self.links(), "label": self.say("Actions")}

    def badge(self) -> Iterable[Context]:
        yield {"badge": Badge(self.say("up"))}
        for kind in BADGE_KINDS:
            yield {"badge": self.make_badge(kind)}

    def badge_label(self) -> Iterable[Context]:
        yield from self.badge()

    def chart_card(self) -> Iterable[Context]:
        yield {"bar_chart": BarChart(self.say("Memory"), [])}
        yield self._last(self.bar_chart())

    def card(self) -> Iterable[Context]:
        yield {"card": Card(self.say("Clients"))}
        headline = LabeledValue(
            self.say("of reads hit"), self.say("97 %"), exact=self.say("96.9 %")
        )
        facts, note = self.make_values(), self.say("Since the start.")
        yield {"card": Card(self.say("Reads"), facts, headline, self.make_table(), note)}
        yield {"card": Card(self.say("Some of the keys"), links=self.links()[2:])}

    def snippets(self) -> Iterable[Context]:
        line = Snippet(self.say("valkey-cli"), self.say("GET user:1"))
        yield {"snippets": [line]}

    def checked_rules(self) -> Iterable[Context]:
        yield {"items": []}
        items = [self.say("Evictions"), self.say("INFO is denied: Low hit rate")]
        yield {"items": items, "title": self.say("2 not checked"), "name": "unchecked"}

    def column_chooser(self) -> Iterable[Context]:
        yield {"column_choices": []}
        params = [("q", self.say("user:*"))]
        columns = [("ttl", self.say("TTL"), True), ("size", self.say("Size"), False)]
        yield {"kept_params": params, "column_choices": columns}

    def confirmation(self) -> Iterable[Context]:
        question, step = self.say("Delete 1 key?"), self.say("Delete")
        back, submit = self.action("Cancel"), self.say("Delete 1 key")
        nothing: list[str] = []
        yield {
            "confirmation": Confirmation(question, step, nothing, submit, back, can_confirm=False)
        }
        yield {
            "confirmation": Confirmation(
                *(question, step, [self.say("It is gone for good.")], submit, back),
                hidden_fields=[("post", self.say("yes"))],
                items=[self.say("user:1"), self.say("user:2")],
                table=self.make_table(),
                skipped=[self.say("user:3: not yours")],
            )
        }

    def copy_button(self) -> Iterable[Context]:
        yield {"text": "", "copies": "name"}
        yield {"text": self.say("user:1"), "copies": "name"}
        yield {"text": self.say("user:1"), "copies": "command", "what": self.say("Python")}

    def finding(self) -> Iterable[Context]:
        texts = ("23 % never expire.", "The cache grows.", "Find the code that stores them.")
        for severity, kind in (("critical", "bad"), ("warning", "warning")):
            badge = Badge(self.say(severity), kind)
            given = ("keys-without-expiry", severity, self.say("Keys without expiry"), badge)
            yield {"finding": FindingPanel(*given, *map(self.say, texts))}
        links = self.links()
        yield {"finding": FindingPanel(*given, *map(self.say, texts), links[:1], links[2:3])}

    def form_cancel(self) -> Iterable[Context]:
        yield {"panel": FormPanel(self.make_form(), "save", self.say("Save"))}
        for link in ("/key/1/", LONG):
            cancel = self.action("Cancel", link=link)
            yield {"panel": FormPanel(forms.Form(), "remove", self.say("Remove"), cancel)}

    def elements_panel(self) -> Iterable[Context]:
        yield {"elements_panel": self.make_elements_panel(), "key_link": "/key/1/"}
        box = FormPanel(self.make_form(), "save", self.say("Save"))
        yield {
            "elements_panel": self.make_elements_panel(full=True),
            "elements_form": box,
            "row_form": box,
            "key_link": "/key/1/",
            "groups": {"show": self.action("Hide"), "table": self.make_table()},
        }
        table = self.make_table(selectable=True, form_id="cx-rows")
        rows = [replace(row, is_open=True, has_focus=True, selected=True) for row in table.rows]
        opened = replace(table, rows=rows)
        yield {
            "elements_panel": self.make_elements_panel() | {"table": opened},
            "row_form": box,
            "is_row_shown": True,
            "key_link": LONG,
            "groups": {"show": self.action("Show"), "none": self.say("There is none.")},
        }

    def make_elements_panel(self, full: bool = False) -> Context:
        find = self._last(self.element_search())["elements_panel"]["form"]
        if not full:
            return {"form": find, "empty_state": EmptyState(self.say("Nothing matches"))}
        return {
            "form": find,
            "hidden_fields": [("order", self.say("last"))],
            "order_links": self.links(),
            "buttons": self._last(self.buttons())["buttons"],
            "notes": [self.say("Only a part.")],
            "progress": self.say("1 to 2 of 5 shown"),
            "table": self.make_table(),
            "pager": self.links(),
            "remove_form_id": "cx-rows",
            "is_filtered": True,
            "reset_link": self.action("Show all"),
        }

    def current_value(self) -> Iterable[Context]:
        yield {"current_value": {"label": self.say("text"), "formatted": {"text": ""}}}
        text = self.say("theirs")
        yield {"current_value": {"label": self.say("text"), "formatted": {"text": text}}}

    def element_search(self) -> Iterable[Context]:
        for type in ("list", "hash"):
            yield {
                "elements_panel": {"form": ElementSearchForm(type)},
                "key_link": "/key/1/",
            }
        box = {
            "form": ElementSearchForm("zset", {"low": "many"}),
            "hidden_fields": [("sort", self.say("name"))],
            "order_links": self.links(),
            "is_filtered": True,
            "reset_link": self.action("Show all"),
        }
        yield {"elements_panel": box, "key_link": LONG}

    def remove_button(self) -> Iterable[Context]:
        yield {
            "elements_panel": {"remove_form_id": "cx-rows"},
            "key_link": "/key/1/",
        }
        yield {
            "elements_panel": {"remove_form_id": "cx-rows"},
            "key_link": LONG,
        }

    def empty_state(self) -> Iterable[Context]:
        yield {"empty_state": EmptyState(self.say("No key matches"))}
        actions = [self.action("Clear the search")]
        yield {
            "empty_state": EmptyState(self.say("No key matches"), self.say("Look again."), actions)
        }

    def labeled_values(self) -> Iterable[Context]:
        yield {"values": []}
        yield {"values": self.make_values()}

    def form_field(self) -> Iterable[Context]:
        for form in (self.make_form(), self.make_invalid_form()):
            yield from ({"field": field} for field in form.visible_fields())

    def link_group(self) -> Iterable[Context]:
        yield {"links": [], "label": self.say("Support Level")}
        yield {"links": self.links(), "label": self.say("Support Level")}

    def collapsible(self) -> Iterable[Context]:
        yield {"blocks": []}
        inner = [
            CollapsibleBlock(self.say('"a": 1')),
            CollapsibleBlock(self.say('"b": {'), [CollapsibleBlock(self.say("2"))], 1),
        ]
        yield {
            "blocks": [
                CollapsibleBlock(self.say("{")),
                CollapsibleBlock(self.say('"c": ['), inner, 50),
            ]
        }

    def form_panel(self) -> Iterable[Context]:
        yield {"panel": FormPanel(self.make_form(), "save", self.say("Save"))}
        yield {
            "panel": FormPanel(
                *(self.make_invalid_form(), "find", self.say("Find")),
                action_url="/key/",
                error_text=self.say("Not searched."),
            )
        }
        title, hidden = self.say("New value"), [("mode", self.say("edit"))]
        refused = self.make_invalid_form()
        cancel = self.action("Cancel")
        yield {"panel": FormPanel(refused, "save", self.say("Save"), cancel, title, hidden)}
        conflict = self.make_invalid_form()
        conflict.add_error(None, self.say("Changed meanwhile."))
        notes, preview = [self.say("It stays.")], self.say("It would go.")
        submit = self.say("Save")
        yield {
            "panel": FormPanel(
                refused, "save", submit, notes=notes, has_preview=True, preview=preview
            )
        }
        theirs: Any = self._last(self.current_value())["current_value"]
        yield {"panel": FormPanel(refused, "save", submit, current_value=theirs)}
        cancel = self.action("Cancel", link=LONG)
        yield {"panel": FormPanel(conflict, "save", self.say("Save"), cancel, title, hidden)}
        question = FormPanel(forms.Form(), "remove", self.say("Remove"), cancel, kind="danger")
        yield {"panel": question}

    def form_fields(self) -> Iterable[Context]:
        yield from self.form_panel()

    def shortcuts(self) -> Iterable[Context]:
        buttons = [Button(self.say("+1 hour"), "+1h")]
        yield {"shortcuts": Shortcuts(self.say("Shortcuts"), "timeout", buttons)}

    def history_search(self) -> Iterable[Context]:
        yield {"form": HistoryForm({})}
        yield {"form": HistoryForm({"key": "x" * 1000})}

    def layout(self) -> Iterable[Context]:
        yield {"heading": Heading("")}
        yield {
            **self._last(self.breadcrumbs()),
            **self._last(self.heading()),
            **self._last(self.tabs()),
            **self._last(self.actions()),
        }

    @staticmethod
    def _last(contexts: Iterable[Context]) -> Context:
        """Return the last context, which is a full one."""
        return list(contexts)[-1]

    def heading(self) -> Iterable[Context]:
        yield {"heading": Heading(self.say("Caches"))}
        yield {"heading": Heading(self.say("user:1"), self.say("history"), "key")}
        yield {"heading": Heading(self.say("Delete 1 key?"), kind="question")}
        badge, summary = self.make_badge("strong"), self.say("A hash of 5 fields.")
        full = Heading(self.say("default"), self.say("keys"), "", badge, summary, self.say("it"))
        yield {"heading": full, **self._last(self.tabs())}

    def help(self) -> Iterable[Context]:
        yield {"help": {"template": Template("")}, "help_close": self.action("Close help")}
        topic = Template('<div class="cx-topic"><h2>{{ help.title }}</h2></div>')
        panel = {"template": topic, "title": self.say("This page")}
        yield {"help": panel, "help_close": self.action("Close help")}

    def key_links(self) -> Iterable[Context]:
        yield {"links": []}
        yield {"links": [*self.links()[2:], self.action("session", link="")]}

    def link(self) -> Iterable[Context]:
        yield {"action": self.action()}
        yield from ({"action": action} for action in self.links())
        yield from ({"action": action, "class": "cx-more"} for action in self.links())
        yield {"action": self.action(), "focus": True}

    def alert(self) -> Iterable[Context]:
        for kind in NOTICE_KINDS:
            yield {"alert": Alert(self.say("It is down."), kind)}
            yield {"alert": Alert(self.say("It is down."), kind, self.links())}

    def buttons(self) -> Iterable[Context]:
        yield {"buttons": []}
        yield {
            "buttons": [
                self.action("Edit", kind="primary", method="post", value="edit"),
                self.action("Edit", link=LONG, method="post", value="edit"),
                self.action("Read value", value="read", fields=[("view", self.say("hex"))]),
            ]
        }

    def pager(self) -> Iterable[Context]:
        yield {"pager": []}
        yield {"pager": self.links()}

    def key_search(self) -> Iterable[Context]:
        yield {"alias": self.say("default"), "search": {"text": ""}}
        given = {"alias": self.say("default"), "search": {"text": self.say("user:*")}}
        yield given | {"can_list": False}
        main = {"main_fields": list(self.make_search_form("type", "size"))}
        yield given | {"can_list": True, "search_form": main}
        more = {"filter_fields": list(self.make_search_form("scope")), "has_filters": True}
        yield given | {"can_list": True, "search_form": main | more}

    def select(self) -> Iterable[Context]:
        yield {"field": self.make_search_form("type")["type"], "selected": "set"}

    def bar_chart(self) -> Iterable[Context]:
        rows = [
            Bar(self.say("user:*"), self.say("40 % ± 2"), 0.4, 0.02, "/key/", "key"),
            Bar(self.say("in none"), self.say("60 %"), 0.6),
        ]
        yield {"bar_chart": BarChart(self.say("Memory"), rows, self.say("A sample."))}

    def stop_button(self) -> Iterable[Context]:
        yield {}

    def stylesheet(self) -> Iterable[Context]:
        yield {}

    def submit_button(self) -> Iterable[Context]:
        for kind in ("", "primary", "danger-quiet"):
            yield {"kind": kind, "name": "action", "value": "flush", "text": self.say("Flush")}

    def table(self) -> Iterable[Context]:
        yield {"table": Table([], [])}
        yield {"table": self.make_table()}
        yield {"table": self.make_table(selectable=True, compact=True)}
        cells = [Cell(self.say("12 B"), kind="number", sort_key=self.say("12"))]
        for kind in ("ascending", "descending", ""):
            header = Header(self.say("Size"), "number", "/key/?sort=size", kind)
            yield {"table": Table([header], [Row(cells)])}
        for cell in self.cells():
            yield {"table": Table([Header(self.say("Key"))], [Row([cell])])}

    def cells(self) -> Iterable[Cell]:
        """Yield cells of every kind."""
        yield Cell()
        text, more = self.say("user:1.a"), [self.action("info", link="/cache/")]
        for kind in ("key", "code", "number", "value", ""):
            yield Cell(text, kind=kind, lines=[self.say("cut"), self.say("off")])
        yield Cell(text, "/key/1/", actions=more)
        yield Cell(text, LONG)
        about = self.say("user:1")
        edit = self.action("Edit", object_name=about)
        long = self.action("Edit", link=LONG, object_name=about, fields=[("element", about)])
        remove = self.action("Remove", kind="danger", object_name=about)
        yield Cell(kind="row-actions", actions=[edit, long, remove])
        yield Cell(text, exact=self.say("240 s"), expires=240_000)
        yield Cell(badge=self.make_badge("bad"))

    def tabs(self) -> Iterable[Context]:
        yield {"tabs": []}
        yield {"tabs": self.links(), "tabs_label": self.say("About this cache")}

    def breadcrumbs(self) -> Iterable[Context]:
        yield {"breadcrumbs": []}
        here = self.action("user:1", link="")
        yield {"breadcrumbs": [self.action("Caches"), self.action("default", link=""), here]}
        yield {"breadcrumbs": [self.action("Caches"), self.action("long", link=LONG), here]}

    def unread_value(self) -> Iterable[Context]:
        yield {"value_buttons": []}
        yield {"value_buttons": self._last(self.buttons())["buttons"]}

    def value_panel(self) -> Iterable[Context]:
        yield {"value_panel": {}}
        yield {"value_panel": {"preview": {"total": 0}, "texts": ("", ""), "is_editing": True}}
        given: dict[str, Any] = {
            "view_links": self.links(),
            "buttons": self._last(self.buttons())["buttons"],
            "notes": [self.say("Only a part.")],
            "truncated_note": self.say("The first 5,000 bytes."),
            "more_links": self.links(),
            "not_editable_reason": self.say("It is a tuple."),
        }
        yield {"value_panel": {**given, "texts": (self.say("[1,"), self.say("2]"))}}
        yield {"value_panel": {**given, "blocks": self._last(self.collapsible())["blocks"]}}

    def error_summary(self) -> Iterable[Context]:
        yield {}

    def job_progress(self) -> Iterable[Context]:
        yield {"job": JobProgress(self.say("5 deleted"))}
        buttons = [Button(self.say("Delete 5 keys …"), "ask", "danger-quiet")]
        yield {
            "job": JobProgress(
                self.say("5 deleted"),
                0.25,
                [("state", self.say("token"))],
                "/flushing/",
                Button(self.say("Continue"), "run", "primary"),
                True,
                buttons,
                "/?run=token",
                self.say("Leaving pauses it."),
                self.action("History"),
            )
        }
