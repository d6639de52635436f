"""Cache info: what a cache is configured as, and what its server says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.utils import unquote
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.components import (
    Action,
    Card,
    Cell,
    FactLine,
    Header,
    Heading,
    Row,
    Table,
)
from django_cachex.admin.help import HelpPanel
from django_cachex.admin.permissions import ADD, SEE_INFO
from django_cachex.admin.views.base import CachePage
from django_cachex.admin.views.caches import BADGES
from django_cachex.inspectors.info import Fact, Section, Unit


class InfoPage(CachePage):
    act = SEE_INFO
    title = gettext_lazy("Cache info")
    template_name = "admin/django_cachex/info.html"

    def alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    def trail(self) -> Sequence[Action]:
        return [*self.cache_trail(), Action("info", _("Info"), "")]

    def heading(self) -> Heading:
        badge = BADGES[self.inspector.support]
        return Heading(self.inspector.alias, _("info"), badge=badge)

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def actions(self) -> Sequence[Action]:
        add = [Action("add", _("Add key"), self.links.add(self.inspector.alias))]
        return add if self.gate.allowed(ADD, self.inspector) else []

    def help(self) -> HelpPanel:
        return HelpPanel("info", self.inspector)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sections = self.ask(self.inspector, self.inspector.info).value or ()
        return super().get_context_data(
            cards=[card(section) for section in (self.inspector.configuration(), *sections)],
            **kwargs,
        )


def card(section: Section) -> Card:
    """Return a section in words for people."""
    return Card(
        section.title,
        [fact_line(fact) for fact in section.facts],
        fact_line(section.headline) if section.headline else None,
        _table(section) if section.columns else None,
        section.note,
    )


def fact_line(fact: Fact) -> FactLine:
    """Return a fact in words for people; a share of a maximum also as a part of one."""
    text, exact = formatting.amount(fact.value, fact.unit)
    if fact.of:
        whole, _exact = formatting.amount(fact.of, fact.unit)
        text = _("%(part)s of %(whole)s") % {"part": text, "whole": whole}
        return FactLine(fact.label, text, exact=exact, share=min(1.0, fact.value / fact.of))
    return FactLine(fact.label, text, "code" if fact.unit == Unit.CODE else "", exact)


def _table(section: Section) -> Table:
    rows = []
    for facts in section.rows:
        lines = [(fact, *formatting.amount(fact.value, fact.unit)) for fact in facts]
        rows.append(Row([Cell(text, kind=_kind(fact), exact=exact) for fact, text, exact in lines]))
    kinds = [_kind(fact) for fact in section.rows[0]] if section.rows else []
    kinds += [""] * (len(section.columns) - len(kinds))
    headers = [Header(text, kind) for text, kind in zip(section.columns, kinds, strict=True)]
    return Table(headers, rows, caption=section.title)


def _kind(fact: Fact) -> str:
    return "" if fact.unit in (Unit.TEXT, Unit.CODE) else "number"
