"""Words for people on a terminal, lines of JSON for programs, and a bar for the patient."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.management.base import OutputWrapper
from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.inspectors.work import Position

WIDTH = 24
"""Characters of a progress bar."""


@dataclass
class Output:
    """Where a command writes to: results to one stream, all else to the other."""

    out: OutputWrapper
    err: OutputWrapper
    as_json: bool = False

    def record(self, **values: Any) -> None:
        """Write one result for programs: an object on one line."""
        self.out.write(json.dumps(values, ensure_ascii=False, default=str))

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write rows under their headers, each column as wide as it needs."""
        lines = [list(headers), *(list(map(plain, row)) for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.out.write("  ".join(cells).rstrip())

    def say(self, text: str) -> None:
        """Write a sentence for people; programs read the results."""
        if self.as_json:
            self.warn(text)
        else:
            self.out.write(plain(text))

    def warn(self, text: str) -> None:
        self.draw(f"{plain(text)}\n")

    def draw(self, text: str) -> None:
        """Write as it stands to whoever looks."""
        self.err.write(text, style_func=str, ending="")
        self.err.flush()

    def result(self, said: str, values: Mapping[str, Any]) -> None:
        """Write what was done, in a sentence or as an object."""
        if self.as_json:
            self.record(**values)
        else:
            self.say(said)

    # Progress, on a terminal only.

    @property
    def shows_progress(self) -> bool:
        return bool(self.err.isatty())

    def progress(self, at: Position, said: str) -> None:
        """Draw how far a search has come, over what was drawn before."""
        if not self.shows_progress:
            return
        bar = ""
        if at.total:
            share = 1.0 if at.complete else min(1.0, at.examined / at.total)
            filled = round(share * WIDTH)
            bar = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {share:4.0%} "
        examined = _("%(count)s examined") % {"count": humane.number(at.examined)}
        self.draw(f"\r\x1b[K{bar}{examined} · {plain(said)}")

    def progress_ends(self) -> None:
        """Take the bar away."""
        if self.shows_progress:
            self.draw("\r\x1b[K")


def plain(text: object) -> str:
    """Return a text without what a terminal would take for commands."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(
        char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in shown
    )


def is_interactive() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()
