"""Text of servers and strangers, made safe to stand on one line of a page, a log or a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import combining, is_normalized

INVISIBLE_CHARS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
"""What Python takes for printable, and nobody sees: fillers and variation selectors."""

MAX_MARKS = 30
"""What Unicode's stream-safe format lets stand on one letter."""


def one_line(text: object) -> str:
    """Return a text on one line: what cannot be seen as what it is is written with backslashes.

    That goes for line breaks of every kind, for what a terminal takes for commands (ESC and the
    C1 controls), for what reorders text, such as bidirectional overrides, for what is invisible,
    and for what another character looks the same as (see `NFC` of Unicode). A lone surrogate that
    stands for a byte, as `surrogateescape` makes them, is written as that byte.
    """
    line = str(text)
    if line.isascii() and line.isprintable():
        return line
    if line.isprintable() and is_normalized("NFC", line) and not _needs_escaping(line):
        return line
    return "".join(_escape_chars(line))


def _needs_escaping(line: str) -> bool:
    return INVISIBLE_CHARS.search(line) is not None or combining(line[0]) > 0


def _escape_chars(line: str) -> Iterator[str]:
    """Return each character, or how it is written where it would not be seen as what it is."""
    cluster = ""
    for char in line:
        if char.isascii():
            cluster = char if char.isprintable() else ""
            yield cluster or _escape_char(char)
            continue
        mark = combining(char) > 0
        if not mark and is_normalized("NFC", cluster + char):
            cluster = ""
        if _is_misleading(char, mark, cluster):
            yield _escape_char(char)
            cluster = ""
        else:
            yield char
            cluster += char


def _is_misleading(char: str, mark: bool, cluster: str) -> bool:
    """Return whether a character would not be seen, or be taken for one with what precedes it."""
    if not char.isprintable() or INVISIBLE_CHARS.match(char):
        return True
    if mark and not 0 < len(cluster) < MAX_MARKS:
        return True
    return not is_normalized("NFC", cluster + char)


def _escape_char(char: str) -> str:
    """Return a character with a backslash: `\\xff` is a byte, or one of ASCII's controls."""
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if 0x80 <= code <= 0xFF:
        return f"\\u{code:04x}"
    return char.encode("unicode_escape").decode()
