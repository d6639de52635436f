"""What the parts are drawn with in tests: of each part an example with nothing, and full ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.template import Template

from django_cachex.admin.collapsible import Fold
from django_cachex.admin.components import (
    Badge,
    Bar,
    Bars,
    Button,
    Card,
    Cell,
    CollectionBox,
    Confirm,
    Empty,
    FactLine,
    FormBox,
    Header,
    Heading,
    Notice,
    Row,
    Table,
    ValueBox,
    Working,
)
from django_cachex.admin.forms.elements import FindForm
from django_cachex.inspectors.types import CommandLine
from tests.unfold.samples import LONG, Samples

Context = dict[str, Any]

BADGE_KINDS = ("", "good", "warning", "bad", "strong")
NOTICE_KINDS = ("info", "warning", "error")


class Examples(Samples):
    """Contexts of the parts: a method for each."""

    def of(self, part: str) -> list[Context]:
        """Return the contexts to draw a part with. Raise AttributeError for one without."""
        return list(getattr(self, part)())

    def actions(self) -> Iterable[Context]:
        yield {"actions": []}
        yield {"actions": self.links(), "label": self.say("Actions")}

    def badge(self) -> Iterable[Context]:
        yield {"badge": Badge(self.say("up"))}
        for kind in BADGE_KINDS:
            yield {"badge": self.badge_of(kind)}

    def bars(self) -> Iterable[Context]:
        yield {"bars": Bars(self.say("Memory"), [])}
        yield self._only(self.shares())

    def card(self) -> Iterable[Context]:
        yield {"card": Card(self.say("Clients"))}
        headline = FactLine(self.say("of reads hit"), self.say("97 %"), exact=self.say("96.9 %"))
        facts, note = self.some_facts(), self.say("Since the start.")
        yield {"card": Card(self.say("Reads"), facts, headline, self.a_table(), note)}
        yield {"card": Card(self.say("Some of the keys"), items=self.links()[2:])}

    def choices(self) -> Iterable[Context]:
        yield {"choices": []}
        yield {"choices": self.links()}

    def commands(self) -> Iterable[Context]:
        line = CommandLine(self.say("valkey-cli"), self.say("GET user:1"))
        yield {"command_lines": [line]}

    def columns(self) -> Iterable[Context]:
        yield {"column_options": []}
        state = [("q", self.say("user:*"))]
        yield {"state": state, "column_options": self.a_select("columns").options}

    def confirm(self) -> Iterable[Context]:
        question, step = self.say("Delete 1 key?"), self.say("Delete")
        back, submit = self.action("Cancel"), self.say("Delete 1 key")
        nothing: list[str] = []
        yield {"confirm": Confirm(question, step, nothing, submit, back, possible=False)}
        yield {
            "confirm": Confirm(
                *(question, step, [self.say("It is gone for good.")], submit, back),
                hidden=[("post", self.say("yes"))],
                items=[self.say("user:1"), self.say("user:2")],
                table=self.a_table(),
                refused=[self.say("user:3: not yours")],
            )
        }

    def copy(self) -> Iterable[Context]:
        yield {"text": "", "copies": "name"}
        yield {"text": self.say("user:1"), "copies": "name"}
        yield {"text": self.say("user:1"), "copies": "command", "what": self.say("Python")}

    def elements(self) -> Iterable[Context]:
        yield {"collection": self.a_collection(), "key_link": "/key/1/"}
        box = FormBox(self.new_form(), "save", self.say("Save"))
        yield {
            "collection": self.a_collection(full=True),
            "elements_box": box,
            "row_box": box,
            "key_link": "/key/1/",
            "groups": {"show": self.action("Hide"), "table": self.a_table()},
        }
        table = self.a_table(selectable=True, form="cx-rows")
        opened = replace(table, rows=[replace(row, opens=True) for row in table.rows])
        yield {
            "collection": replace(self.a_collection(), table=opened, empty=None),
            "row_box": box,
            "row_shown": True,
            "key_link": LONG,
            "groups": {"show": self.action("Show"), "none": self.say("There is none.")},
        }

    def a_collection(self, full: bool = False) -> CollectionBox:
        title, empty = self.say("Elements"), Empty(self.say("Nothing matches"))
        find = self._only(self.find())["collection"].form
        if not full:
            return CollectionBox(title, find, empty=empty)
        return CollectionBox(
            title,
            find,
            hidden=[("order", self.say("last"))],
            orders=self.links(),
            offers=self._only(self.offers())["offers"],
            notes=[self.say("Only a part.")],
            progress=self.say("1 to 2 of 5 shown"),
            table=self.a_table(),
            pager=self.links(),
            rows_form="cx-rows",
            is_found=True,
            reset=self.action("Show all"),
        )

    def theirs(self) -> Iterable[Context]:
        title, notes = self.say("Current value"), [self.say("text")]
        yield {"theirs": ValueBox(title, text="")}
        yield {"theirs": ValueBox(title, notes=notes, text=self.say("theirs"))}

    def find(self) -> Iterable[Context]:
        for type in ("list", "hash"):
            yield {"collection": CollectionBox("", FindForm(type)), "key_link": "/key/1/"}
        wrong = FindForm("zset", {"low": "many"})
        box = CollectionBox(
            *("", wrong, [("sort", self.say("name"))], self.links()),
            is_found=True,
            reset=self.action("Show all"),
        )
        yield {"collection": box, "key_link": LONG}

    def acts(self) -> Iterable[Context]:
        yield {"acts": []}
        about = self.say("user:1")
        yield {
            "acts": [
                self.action("Edit", about=about),
                self.action("Edit", link=LONG, about=about, fields=[("element", about)]),
                self.action("Remove", method="post", value=self.say("0 1"), about=about),
            ]
        }

    def rows(self) -> Iterable[Context]:
        yield {"collection": CollectionBox("", None, rows_form="cx-rows"), "key_link": "/key/1/"}
        yield {"collection": CollectionBox("", None, rows_form="cx-rows"), "key_link": LONG}

    def empty(self) -> Iterable[Context]:
        yield {"empty": Empty(self.say("No key matches"))}
        actions = [self.action("Clear the search")]
        yield {"empty": Empty(self.say("No key matches"), self.say("Look again."), actions)}

    def facts(self) -> Iterable[Context]:
        yield {"facts": []}
        yield {"facts": self.some_facts()}

    def field(self) -> Iterable[Context]:
        for form in (self.new_form(), self.refused_form()):
            yield from ({"field": field} for field in form.visible_fields())

    def filters(self) -> Iterable[Context]:
        yield {"filters": [], "label": self.say("Support Level")}
        yield {"filters": self.links(), "label": self.say("Support Level")}

    def folds(self) -> Iterable[Context]:
        yield {"folds": []}
        inner = [Fold(self.say('"a": 1')), Fold(self.say('"b": {'), [Fold(self.say("2"))], 1)]
        yield {"folds": [Fold(self.say("{")), Fold(self.say('"c": ['), inner, 50)]}

    def form(self) -> Iterable[Context]:
        yield {"box": FormBox(self.new_form(), "save", self.say("Save"))}
        title, hidden = self.say("New value"), [("mode", self.say("edit"))]
        refused = self.refused_form()
        cancel = self.action("Cancel")
        yield {"box": FormBox(refused, "save", self.say("Save"), cancel, title, hidden)}
        conflict = self.refused_form()
        conflict.add_error(None, self.say("Changed meanwhile."))
        notes, preview = [self.say("It stays.")], self.say("It would go.")
        submit = self.say("Save")
        yield {"box": FormBox(refused, "save", submit, notes=notes, previews=True, preview=preview)}
        theirs = ValueBox(self.say("Current value"), text=self.say("theirs"))
        yield {"box": FormBox(refused, "save", submit, theirs=theirs)}
        cancel = self.action("Cancel", link=LONG)
        yield {"box": FormBox(conflict, "save", self.say("Save"), cancel, title, hidden)}

    def frame(self) -> Iterable[Context]:
        yield {"heading": Heading("")}
        yield {
            **self._only(self.trail()),
            **self._only(self.heading()),
            **self._only(self.tabs()),
            **self._only(self.actions()),
        }

    @staticmethod
    def _only(contexts: Iterable[Context]) -> Context:
        """Return the last, which is a full one."""
        return list(contexts)[-1]

    def heading(self) -> Iterable[Context]:
        yield {"heading": Heading(self.say("Caches"))}
        yield {"heading": Heading(self.say("user:1"), self.say("history"), "key")}
        yield {"heading": Heading(self.say("Delete 1 key?"), kind="question")}
        badge, summary = self.badge_of("strong"), self.say("A hash of 5 fields.")
        full = Heading(self.say("default"), self.say("keys"), "", badge, summary, self.say("it"))
        yield {"heading": full, **self._only(self.tabs())}

    def help(self) -> Iterable[Context]:
        yield {"help": {"template": Template("")}, "help_close": self.action("Close help")}
        topic = Template('<div class="cx-topic"><h2>{{ help.title }}</h2></div>')
        panel = {"template": topic, "title": self.say("This page")}
        yield {"help": panel, "help_close": self.action("Close help")}

    def items(self) -> Iterable[Context]:
        yield {"items": []}
        yield {"items": [*self.links()[2:], self.action("session", link="")]}

    def link(self) -> Iterable[Context]:
        yield {"action": self.action()}
        yield from ({"action": action} for action in self.links())
        yield from ({"action": action, "class": "cx-more"} for action in self.links())
        yield {"action": self.action(), "focus": True}

    def notice(self) -> Iterable[Context]:
        for kind in NOTICE_KINDS:
            yield {"notice": Notice(self.say("It is down."), kind)}
            yield {"notice": Notice(self.say("It is down."), kind, self.links())}

    def offers(self) -> Iterable[Context]:
        yield {"offers": []}
        yield {
            "offers": [
                self.action("Edit", kind="primary", method="post", value="edit"),
                self.action("Edit", link=LONG, method="post", value="edit"),
                self.action("Read value", value="read", fields=[("view", self.say("hex"))]),
            ]
        }

    def pager(self) -> Iterable[Context]:
        yield {"pager": []}
        yield {"pager": self.links()}

    def search(self) -> Iterable[Context]:
        yield {"alias": self.say("default"), "search": {"text": ""}}
        given = {"alias": self.say("default"), "search": {"text": self.say("user:*")}}
        yield given | {"can_list": False}
        selects = [self.a_select("type"), self.a_select("size")]
        yield given | {"can_list": True, "selects": selects}
        more = {"more_selects": [self.a_select("scope")], "more_open": True}
        yield given | {"can_list": True, "selects": selects} | more

    def select(self) -> Iterable[Context]:
        yield {"select": self.a_select("type")}

    def shares(self) -> Iterable[Context]:
        rows = [
            Bar(self.say("user:*"), self.say("40 % ± 2"), 0.4, 0.02, "/key/"),
            Bar(self.say("in none"), self.say("60 %"), 0.6),
        ]
        yield {"bars": Bars(self.say("Memory"), rows, self.say("A sample."))}

    def stop(self) -> Iterable[Context]:
        yield {}

    def style(self) -> Iterable[Context]:
        yield {}

    def submit(self) -> Iterable[Context]:
        for kind in ("", "primary", "danger-quiet"):
            yield {"kind": kind, "name": "action", "value": "flush", "text": self.say("Flush")}

    def table(self) -> Iterable[Context]:
        yield {"table": Table([], [])}
        yield {"table": self.a_table()}
        yield {"table": self.a_table(selectable=True, compact=True)}
        cells = [Cell(self.say("12 B"), kind="number", order=self.say("12"))]
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
        yield Cell(kind="acts", actions=self._only(self.acts())["acts"])
        yield Cell(text, exact=self.say("240 s"), expires=240_000)
        yield Cell(badge=self.badge_of("bad"))

    def tabs(self) -> Iterable[Context]:
        yield {"tabs": []}
        yield {"tabs": self.links(), "tabs_label": self.say("About this cache")}

    def trail(self) -> Iterable[Context]:
        yield {"trail": []}
        here = self.action("user:1", link="")
        yield {"trail": [self.action("Caches"), self.action("default", link=""), here]}
        yield {"trail": [self.action("Caches"), self.action("long", link=LONG), here]}

    def unread(self) -> Iterable[Context]:
        yield {"value_offers": []}
        yield {"value_offers": self._only(self.offers())["offers"]}

    def value(self) -> Iterable[Context]:
        title = self.say("Value")
        yield {"value": ValueBox(title)}
        yield {"value": ValueBox(title, text="")}
        given: dict[str, Any] = {
            "views": self.links(),
            "offers": self._only(self.offers())["offers"],
            "notes": [self.say("Only a part.")],
            "cut": self.say("The first 5,000 bytes."),
            "more": self.links(),
            "why_not": self.say("It is a tuple."),
        }
        yield {"value": ValueBox(title, text=self.say("[1,"), rest=self.say("2]"), **given)}
        yield {"value": ValueBox(title, folds=self._only(self.folds())["folds"], **given)}

    def wrong(self) -> Iterable[Context]:
        yield {}

    def working(self) -> Iterable[Context]:
        yield {"working": Working(self.say("5 deleted"))}
        buttons = [Button(self.say("Delete 5 keys …"), "ask", "danger-quiet")]
        yield {
            "working": Working(
                self.say("5 deleted"),
                0.25,
                [("state", self.say("token"))],
                "/flushing/",
                Button(self.say("Continue"), "run", "primary"),
                True,
                buttons,
                "/?run=token",
            )
        }
