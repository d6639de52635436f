"""Template tags and filters of the components."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from django import template
from django.forms import BoundField
from django.template import Context
from django.utils.safestring import SafeString, mark_safe

from django_cachex.admin.components import Action, Cell, Row, Table
from django_cachex.admin.formatting import NO_VALUE
from django_cachex.admin.links import LinkTarget

register = template.Library()

BREAK_POSITIONS = re.compile(r"(?<=[.:/@?])(?=[^\W\d])")


@register.filter
def add_class(field: BoundField, classes: str) -> SafeString:
    """Render a form field with extra CSS classes on its widget."""
    own = field.field.widget.attrs.get("class", "")
    return field.as_widget(attrs={"class": f"{own} {classes}".strip()})


@register.filter
def add_line_breaks(text: object) -> SafeString:
    """Insert `<wbr>` after the punctuation of a path or URL, so that narrow columns can break it.

    The text is still copied unchanged.
    """
    pieces = BREAK_POSITIONS.split(str(text))
    return mark_safe("<wbr>".join([escape(piece) for piece in pieces]))


@register.simple_tag(takes_context=True)
def table_rows(context: Context, table: Table) -> SafeString:
    """Render the rows of a table.

    Tables have hundreds of cells. Like Django's change list, they are rendered in Python, which
    takes a tenth of the time of a template.
    """
    # Narrow screens show the header of a cell beside it, unless the table is compact.
    headers = [escape(str(header.text)) for header in table.headers]
    labels = ["" if table.compact else f' data-label="{header}"' for header in headers]
    return mark_safe("\n".join([_render_row(context, table, row, labels) for row in table.rows]))


def _render_row(context: Context, table: Table, row: Row, labels: Sequence[str]) -> str:
    cells = [
        _render_cell(context, table, cell, label)
        for cell, label in zip(row.cells, labels, strict=True)
    ]
    if table.selectable:
        cells.insert(0, f'<td class="cx-select-cell">{_render_checkbox(context, table, row)}</td>')
    focus = ' tabindex="-1" autofocus' if row.has_focus else ""
    html = f"<tr{focus}>{''.join(cells)}</tr>"
    if not row.is_open or not context.get("row_form"):
        return html
    form = _render_component(context, "form_panel", panel=context["row_form"])
    return (
        f'{html}<tr class="cx-row-form"><td colspan="{table.column_count}">'
        f'<div class="cx-form-row">{form}</div></td></tr>'
    )


def _render_checkbox(context: Context, table: Table, row: Row) -> str:
    if row.value is None:
        return ""
    classes = escape(context["classes"].get("checkbox", ""))
    css = f' class="{classes}"' if classes else ""
    form = _render_form_attribute(table)
    return (
        f'<input{css} type="checkbox" name="selected"{form}'
        f' value="{escape(row.value)}" aria-label="{escape(str(row.label))}"'
        f"{' checked' if row.selected else ''}>"
    )


def _render_form_attribute(table: Table) -> str:
    return f' form="{escape(table.form_id)}"' if table.form_id else ""


def _render_cell(context: Context, table: Table, cell: Cell, label: str) -> str:
    html = ["<td"]
    if cell.kind:
        html.append(f' class="cx-{cell.kind}"')
    if cell.text in ("", NO_VALUE) and not (cell.badge or cell.lines or cell.actions):
        html.append(" data-empty")
    if cell.sort_key:
        html.append(f' data-order="{escape(cell.sort_key)}"')
    html += [label, ">", _render_content(context, cell)]
    if cell.lines or (cell.actions and cell.kind != "row-actions"):
        html.append(_render_more(cell))
    html.append("</td>")
    return "".join(html)


def _render_content(context: Context, cell: Cell) -> str:
    if cell.badge:
        return _render_component(context, "badge", badge=cell.badge)
    if cell.kind == "row-actions":
        actions = "\n".join([_render_row_action(context, action) for action in cell.actions])
        return f'<span class="cx-row-action-list">{actions}</span>'
    text = escape(str(cell.text))
    if cell.exact:
        expires = "" if cell.expires is None else f' data-expires="{cell.expires}"'
        exact = escape(cell.exact)
        hidden = f'<span class="cx-visually-hidden"> ({exact})</span>'
        text = f'<bdi title="{exact}"{expires}>{text}{hidden}</bdi>'
        return _render_link(cell, text) if cell.link else text
    if cell.link:
        return _render_link(cell, text)
    if cell.kind == "value":
        return f'<span class="cx-preserve-spaces" dir="ltr">{text}</span>'
    if cell.kind == "code":
        return f'<bdi dir="ltr">{add_line_breaks(cell.text)}</bdi>'
    return f'<bdi dir="ltr">{text}</bdi>' if cell.kind == "key" else f"<bdi>{text}</bdi>"


def _render_link(cell: Cell, text: str) -> str:
    """Render the link of a cell, or its button if the key's id is too long for a URL."""
    url = escape(str(cell.link))
    direction = ' dir="ltr"' if cell.kind == "key" else ""
    if not (isinstance(cell.link, LinkTarget) and cell.link.post_id):
        return f'<a data-action="open" href="{url}"{direction}>{text}</a>'
    return (
        f'<button class="cx-link" type="submit" data-action="open" name="id" '
        f'value="{escape(cell.link.post_id)}" formaction="{url}"{direction}>{text}</button>'
    )


def _render_more(cell: Cell) -> str:
    """Render the links and lines below the text of a cell."""
    links = [
        f'<a class="cx-more" data-action="{escape(action.name)}" '
        f'href="{escape(str(action.link))}">{escape(str(action.label))}</a>'
        for action in cell.actions
    ]
    lines = [
        f'<span class="cx-detail"><bdi>{escape(str(line))}</bdi></span>' for line in cell.lines
    ]
    return "\n".join(["", *links, *lines])


def _render_row_action(context: Context, action: Action) -> str:
    if action.post_id:
        return _render_component(context, "link", action=action, **{"class": "cx-row-action"})
    object_name = f'<span class="cx-visually-hidden"> {escape(str(action.object_name))}</span>'
    content, name = f"{escape(str(action.label))}{object_name}", escape(action.name)
    attributes = f'data-action="{name}" href="{escape(str(action.link))}"'
    if action.kind == "danger":
        return f'<a class="cx-row-action cx-remove" {attributes}>{content}</a>'
    return f'<a class="cx-row-action" {attributes}>{content}</a>'


def _render_component(context: Context, name: str, **values: Any) -> str:
    """Render a component of the installed skin, as `{% include %}` does."""
    engine = context.template.engine  # type: ignore[union-attr]  # It is being rendered.
    with context.push(**values):
        return engine.get_template(context["components"][name]).render(context)
