"""Words for people on a terminal, lines of JSON for programs, and a bar for the patient."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.management.base import OutputWrapper
from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.commands.text import one_line
from django_cachex.inspectors.jobs import Position

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
        line = json.dumps(values, ensure_ascii=False, default=str)
        if not line.isprintable():
            line = "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)
        self.out.write(line)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write rows under their headers, each column as wide as it needs."""
        lines = [list(map(one_line, row)) for row in (headers, *rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self.out.write("  ".join(cells).rstrip())

    def say(self, text: str) -> None:
        """Write a sentence for people; programs read the results."""
        if self.as_json:
            self.warn(text)
        else:
            self.out.write(one_line(text))

    def show(self, text: str) -> None:
        """Write a value for people: it may have several lines."""
        self.out.write(plain(text))

    def warn(self, text: str) -> None:
        self.draw(f"{one_line(text)}\n")

    def ask(self, question: str) -> None:
        """Write a question, which is answered on its line."""
        self.draw(f"{one_line(question)} [y/N] ")

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
        self.draw(f"\r\x1b[K{bar}{examined} · {one_line(said)}")

    def progress_ends(self) -> None:
        """Take the bar away."""
        if self.shows_progress:
            self.draw("\r\x1b[K")


def plain(text: str) -> str:
    """Return a text of several lines without what a terminal would take for commands."""
    return re.sub(r"[^\n\t]+", lambda part: one_line(part[0]), text)


def is_interactive() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()
