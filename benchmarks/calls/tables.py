"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figure import row


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column holds names, and whose others hold figures."""
    rule = ["---", *["---:"] * (len(headers) - 1)]
    return "\n".join(map(row, [headers, rule, *rows]))


def bold(text: str, missed: bool) -> str:
    """Return a figure as a table shows it: bold where it misses its goal."""
    return f"**{text}**" if missed else text
