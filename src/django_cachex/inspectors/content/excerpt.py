"""The beginning of something long, safe to put on a page."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.functional import Promise, lazy

# So many bytes a line fit a telephone.
LINE = 8

# What a page cannot carry or what would reorder it: control characters other than tab and line
# feed, lone surrogates, marks of writing direction, line separators, the byte order mark.
INVISIBLE = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
UNSHOWABLE = re.compile(f"[{INVISIBLE}]")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Text that encodes to UTF-8, and how much of what there is it shows."""

    text: str
    shown: int
    total: int
    open_ended: bool = False
    """Whether there is more than `total`, and nobody knows how much."""

    @property
    def truncated(self) -> bool:
        return self.shown < self.total or self.open_ended


def visible(text: str) -> str:
    """Return text with characters that do not show as backslash escapes."""
    return UNSHOWABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def beginning(text: str, limit: int, open_ended: bool = False) -> Excerpt:
    """Return the first characters of a text."""
    return Excerpt(visible(text[:limit]), min(len(text), limit), len(text), open_ended)


def bytes_as_text(data: bytes, total: int, limit: int) -> Excerpt:
    """Return the first bytes as UTF-8, backslash escapes where they are not."""
    window = data[:limit]
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    # A character that the window's end cuts in two is left out.
    text = decoder.decode(window, final=len(window) == total)
    return Excerpt(visible(text), len(window), total)


def bytes_as_hex(data: bytes, total: int, limit: int) -> Excerpt:
    window = data[:limit]
    return Excerpt(hex_dump(window), len(window), total)


def hex_dump(data: bytes, start: int = 0) -> str:
    """Return lines of an offset (counted from `start`), eight bytes, and those that print."""
    return "\n".join(
        hex_line(data[offset : offset + LINE], start + offset)
        for offset in range(0, len(data), LINE)
    )


def hex_line(row: bytes, offset: int) -> str:
    printable = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
    return f"{offset:06x}  {row.hex(' '):<23}  {printable}"


def size_text(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    size, units = count / 1000, ["kB", "MB", "GB", "TB", "PB"]
    while round(size, 1) >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{number_format(round(size, 1), decimal_pos=1)} {units[0]}"


def unbroken_text(count: int) -> str:
    return size_text(count).replace(" ", "\N{NO-BREAK SPACE}")


lazy_size_text = lazy(size_text, str)
lazy_unbroken_text = lazy(unbroken_text, str)


def human_size(count: int) -> str | Promise:
    """Return a number of bytes as people write it, in the language active then: "1.2 kB"."""
    return lazy_size_text(count)


def unbroken_size(count: int) -> str | Promise:
    """Return what `human_size` does, for a line that may be broken, but not there."""
    return lazy_unbroken_text(count)
