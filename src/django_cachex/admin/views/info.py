"""Cache info: the configuration of a cache, and the statistics of its server."""

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
    Header,
    Heading,
    LabeledValue,
    Row,
    Table,
)
from django_cachex.admin.permissions import ADD, VIEW_INFO
from django_cachex.admin.states import make_support_badge
from django_cachex.admin.views.base import BaseCacheView
from django_cachex.inspectors.info import InfoField, InfoSection, Unit


class InfoView(BaseCacheView):
    permission = VIEW_INFO
    title = gettext_lazy("Cache info")
    template_name = "admin/django_cachex/info.html"
    help_page = "info"

    def get_alias(self) -> str:
        return unquote(self.kwargs["object_id"])

    def heading(self) -> Heading:
        badge = make_support_badge(self.inspector)
        return Heading(self.inspector.alias, _("info"), badge=badge)

    def tabs(self) -> Sequence[Action]:
        return self.cache_tabs()

    def actions(self) -> Sequence[Action]:
        add = [Action("add", _("Add key"), self.links.add(self.inspector.alias))]
        return add if self.checker.is_allowed(ADD, self.inspector) else []

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        sections = self.call_cache(self.inspector, self.inspector.info).value or ()
        return super().get_context_data(
            cards=[make_card(section) for section in (self.inspector.configuration(), *sections)],
            **kwargs,
        )


def make_card(section: InfoSection) -> Card:
    """Return a section of the inspector's information, formatted for the page."""
    return Card(
        section.title,
        [make_labeled_value(field) for field in section.fields],
        make_labeled_value(section.headline) if section.headline else None,
        _make_section_table(section) if section.columns else None,
        section.note,
    )


def make_labeled_value(field: InfoField) -> LabeledValue:
    """Return one of the inspector's figures, formatted for the page.

    A figure that has a maximum is shown as a meter, too.
    """
    text, exact = formatting.format_in_unit(field.value, field.unit)
    if field.maximum:
        whole, _exact = formatting.format_in_unit(field.maximum, field.unit)
        text = _("%(part)s of %(whole)s") % {"part": text, "whole": whole}
        return LabeledValue(
            field.label, text, exact=exact, fraction=min(1.0, field.value / field.maximum)
        )
    return LabeledValue(field.label, text, "code" if field.unit == Unit.CODE else "", exact)


def _make_section_table(section: InfoSection) -> Table:
    rows = [Row([_make_cell(field) for field in fields]) for fields in section.rows]
    kinds = [cell.kind for cell in rows[0].cells] if rows else [""] * len(section.columns)
    headers = [Header(text, kind) for text, kind in zip(section.columns, kinds, strict=True)]
    return Table(headers, rows, caption=section.title)


def _make_cell(field: InfoField) -> Cell:
    text, exact = formatting.format_in_unit(field.value, field.unit)
    return Cell(text, kind="" if field.unit in (Unit.TEXT, Unit.CODE) else "number", exact=exact)
