"""Text of servers and strangers, made safe to stand on one line of a page, a log or a terminal."""

from __future__ import annotations


def one_line(text: object) -> str:
    """Return a text on one line: what does not print is written with backslashes.

    That goes for line breaks of every kind, for what a terminal takes for commands (ESC and the
    C1 controls), and for what reorders text, such as bidirectional overrides.
    """
    line = str(text)
    if line.isprintable():
        return line
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in line
    )
