"""Cells that tables of several pages have."""

from __future__ import annotations

from django_cachex.admin import humane
from django_cachex.admin.parts import Cell


def bytes_cell(count: int | None) -> Cell:
    """Return a number of bytes, its exact figure at hand."""
    if count is None:
        return Cell(humane.NOTHING, kind="number")
    text, exact = humane.size_with_exact(count)
    return Cell(text, kind="number", exact=exact)
