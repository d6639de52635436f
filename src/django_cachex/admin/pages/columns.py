"""The columns of the key browser: which there are, which a person has chosen, and their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from django_cachex.admin import humane
from django_cachex.admin.pages.cells import bytes_cell
from django_cachex.admin.pages.keycells import size_cell, ttl_cell
from django_cachex.admin.parts import Cell
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.types import TTL_NONE, Description

COOKIE: Final = "cachex_columns"
COOKIE_AGE: Final = 365 * 24 * 3600
"""Seconds."""

BETWEEN: Final = "."
NONE: Final = "none"

LAST: Final = "9" * 20
"""What sorts after every figure."""


def padded(figure: int | None) -> str:
    """Return what sorts as the figure does; nothing for what is not known."""
    return "" if figure is None else f"{figure:020}"


def _ttl_order(one: Description) -> str:
    return LAST if one.ttl == TTL_NONE else padded(one.ttl)


def _size_order(one: Description) -> str:
    """Bytes and elements are not compared: one kind comes after the other."""
    order = padded(one.size)
    return order and f"{0 if one.unit == Unit.BYTES else 1}{order}"


def _memory_cell(one: Description) -> Cell:
    return bytes_cell(one.memory)


def _idle_cell(one: Description) -> Cell:
    if one.idle is None:
        return Cell(humane.NOTHING, kind="number")
    # Servers tell whole seconds.
    return Cell(humane.duration(one.idle) if one.idle else _("used just now"), kind="number")


@dataclass(frozen=True)
class Column:
    """One figure of a key."""

    label: Text
    cell: Callable[[Description], Cell]
    order: Callable[[Description], str]
    """Return a text that sorts as the figure does; empty for what is not known, and comes last."""

    kind: str = "number"


COLUMNS: Final[Mapping[str, Column]] = {
    "type": Column(
        _("Type"),
        lambda one: Cell(one.type or humane.NOTHING, kind="type"),
        lambda one: one.type or "",
        kind="",
    ),
    "ttl": Column(_("TTL"), lambda one: ttl_cell(one.ttl), _ttl_order),
    "memory": Column(
        _("Memory"), lambda one: bytes_cell(one.memory), lambda one: padded(one.memory)
    ),
    "size": Column(_("Size"), size_cell, _size_order),
    "idle": Column(_("Idle"), _idle_cell, lambda one: padded(one.idle)),
    "encoding": Column(
        _("Encoding"),
        lambda one: Cell(one.encoding or humane.NOTHING, kind="type"),
        lambda one: one.encoding or "",
        kind="",
    ),
}

DEFAULT: Final = ("type", "ttl", "size")


def available(inspector: Inspector) -> list[str]:
    """Return the columns that a cache can fill, in their order on the page."""
    known = {"size", *inspector.figures}
    known |= {"type"} if inspector.can_type else set()
    known |= {"ttl"} if inspector.can_ttl else set()
    return [name for name in COLUMNS if name in known]


def chosen(request: HttpRequest, inspector: Inspector) -> list[str]:
    """Return the columns that this person wants to see of this cache."""
    remembered = request.COOKIES.get(COOKIE)
    wanted = DEFAULT if remembered is None else remembered.split(BETWEEN)
    return [name for name in available(inspector) if name in wanted]


def remember(response: HttpResponse, request: HttpRequest, given: Sequence[str]) -> None:
    """Have the browser remember columns, of all caches; names that are none are dropped."""
    names = [name for name in COLUMNS if name in given]
    response.set_cookie(
        COOKIE,
        BETWEEN.join(names) or NONE,
        max_age=COOKIE_AGE,
        path=request.path,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
