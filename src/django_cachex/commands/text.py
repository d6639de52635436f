"""Make untrusted text safe to display on one line of a page, a log or a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import combining, is_normalized

INVISIBLE_CHARS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
"""Invisible characters that Python considers printable: fillers and variation selectors."""

MAX_MARKS = 30
"""How many combining marks a letter can have in Unicode's stream-safe format."""


def one_line(text: object) -> str:
    """Return a text on one line, with backslash escapes for characters that could mislead readers.

    These are line breaks of any kind, control characters of terminals (ESC and the C1 controls),
    characters that change the order of text, such as bidirectional overrides, invisible characters,
    and characters that look like others (see Unicode's NFC). A lone surrogate that stands for a
    byte, as `surrogateescape` creates it, is written as that byte.
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
    """Yield each character, or its escape if it could mislead readers."""
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
    """Return whether a character is invisible, or looks like a part of those before it."""
    if not char.isprintable() or INVISIBLE_CHARS.match(char):
        return True
    if mark and not 0 < len(cluster) < MAX_MARKS:
        return True
    return not is_normalized("NFC", cluster + char)


def _escape_char(char: str) -> str:
    """Return the backslash escape of a character; `\\xff` stands for a byte or ASCII control."""
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if 0x80 <= code <= 0xFF:
        return f"\\u{code:04x}"
    return char.encode("unicode_escape").decode()
