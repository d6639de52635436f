"""Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figure import table_row


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column contains names and whose others contain figures."""
    rule = ["---", *["---:"] * (len(headers) - 1)]
    return "\n".join(map(table_row, [headers, rule, *rows]))


def bold(text: str, missed: bool) -> str:
    """Format a figure, bold if it misses its goal."""
    return f"**{text}**" if missed else text
