"""Format values as text, up to a maximum length."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.formats import number_format
from django.utils.functional import Promise, lazy
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.inspectors.values.tree import (
    Reference,
    Tree,
    Truncated,
    TruncationReason,
    UnresolvedObject,
)

# Fits the width of a phone.
HEX_BYTES_PER_LINE = 8

# Translates unprintable bytes to dots.
DOTS = bytes(byte if 32 <= byte < 127 else ord(".") for byte in range(256))

# Characters that a page can't contain or that reorder it: control characters other than tab and
# line feed, lone surrogates, bidirectional marks, line separators, and the byte order mark.
UNPRINTABLE_RANGE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
)
UNPRINTABLE = re.compile(f"[{UNPRINTABLE_RANGE}]")


@dataclass(frozen=True, slots=True)
class Preview:
    """The start of a text that can be encoded as UTF-8, and how much of it is shown."""

    text: str
    shown: int
    total: int
    open_ended: bool = False
    """Whether there is more than `total` and it is unknown how much."""

    @property
    def truncated(self) -> bool:
        return self.shown < self.total or self.open_ended


def escape_unprintable(text: str) -> str:
    """Replace unprintable characters with backslash escapes."""
    return UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def preview_text(text: str, limit: int, open_ended: bool = False) -> Preview:
    """Return the first characters of a text."""
    return Preview(escape_unprintable(text[:limit]), min(len(text), limit), len(text), open_ended)


def preview_bytes(data: bytes, total: int, limit: int) -> Preview:
    """Return the first bytes as UTF-8, with backslash escapes."""
    start = data[:limit]
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    # An incomplete character at the end is left out.
    text = decoder.decode(start, final=len(start) == total)
    return Preview(escape_unprintable(text), len(start), total)


def hex_dump(data: bytes, start: int = 0) -> str:
    """Return lines with the offset (counted from `start`), eight bytes and ASCII characters."""
    return "\n".join(
        format_hex_line(data[offset : offset + HEX_BYTES_PER_LINE], start + offset)
        for offset in range(0, len(data), HEX_BYTES_PER_LINE)
    )


def format_hex_line(row: bytes, offset: int) -> str:
    return f"{offset:06x}  {row.hex(' '):<23}  {row.translate(DOTS).decode()}"


def format_byte_count(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    size, units = count / 1000, ["kB", "MB", "GB", "TB", "PB"]
    while round(size, 1) >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{number_format(round(size, 1), decimal_pos=1)} {units[0]}"


def format_nbsp_size(count: int) -> str:
    return format_byte_count(count).replace(" ", "\N{NO-BREAK SPACE}")


lazy_size = lazy(format_byte_count, str)
lazy_nbsp_size = lazy(format_nbsp_size, str)


def human_size(count: int) -> str | Promise:
    """Return a size in bytes as lazy, localized text, such as "1.2 kB"."""
    return lazy_size(count)


def nbsp_size(count: int) -> str | Promise:
    """Return the same as `human_size` with a no-break space."""
    return lazy_nbsp_size(count)


LINE_WIDTH = 88
INDENT = "    "


def format_value(tree: Tree) -> str:
    """Format a tree as text: on one line if it fits, otherwise with one element per line."""
    write = FORMATTERS.get(type(tree))
    return write(tree) if write else repr(tree)


def format_sequence(opening: str, items: Iterable[str], closing: str) -> str:
    items = list(items)
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) <= LINE_WIDTH and "\n" not in line:
        return line
    rows = ",\n".join(items).replace("\n", f"\n{INDENT}")
    return f"{opening}\n{INDENT}{rows},\n{closing}"


def format_pair(key: Tree, value: Tree) -> str:
    # A truncated dict ends with one placeholder instead of a pair.
    return (
        format_value(key)
        if type(key) is Truncated
        else f"{format_value(key)}: {format_value(value)}"
    )


def format_pairs(pairs: Iterable[tuple[Tree, Tree]]) -> str:
    return format_sequence("{", (format_pair(key, value) for key, value in pairs), "}")


def format_tuple(tree: tuple[Tree, ...]) -> str:
    return (
        f"({format_value(tree[0])},)"
        if len(tree) == 1
        else format_sequence("(", map(format_value, tree), ")")
    )


def format_set(tree: set[Tree]) -> str:
    # Sorted, because the order of text in a set differs between processes.
    return format_sequence("{", sorted(map(format_value, tree)), "}") if tree else "set()"


def format_time(tree: datetime | time) -> str:
    fold = ", fold=1" if tree.fold else ""
    return f"datetime.{type(tree).__name__}('{tree.isoformat()}'{fold})"


def format_unresolved(tree: UnresolvedObject) -> str:
    """Format an object as a call: its arguments, items and attributes, followed by its state."""
    arguments = [format_value(argument) for argument in tree.args]
    arguments += [
        f"{name if name.isidentifier() else repr(name)}={format_value(value)}"
        for name, value in tree.keywords.items()
    ]
    if tree.items:
        arguments.append(format_value(list(tree.items)))
    if tree.pairs:
        arguments.append(format_pairs(tree.pairs))
    call = format_sequence(f"{tree.name}(", arguments, ")")
    return "".join([call, *(f" {_('with')} {format_value(state)}" for state in tree.states)])


def format_truncated(tree: Truncated) -> str:
    match tree.reason:
        case TruncationReason.RECURSIVE:
            text = _("itself again")
        case TruncationReason.DEPTH:
            text = _("deeper levels")
        case TruncationReason.NODES:
            text = ngettext("%(count)s more", "%(count)s more", tree.count)
        case TruncationReason.SIZE:
            text = ngettext("%(count)s more byte", "%(count)s more bytes", tree.count)
        case TruncationReason.DAMAGE:
            text = _("nothing")
    return f"<{text % {'count': f'{tree.count:,}'}}>"


FORMATTERS: dict[type, Callable[[Any], str]] = {
    list: lambda tree: format_sequence("[", map(format_value, tree), "]"),
    tuple: format_tuple,
    dict: lambda tree: format_pairs(tree.items()),
    set: format_set,
    frozenset: lambda tree: f"frozenset({format_set(set(tree)) if tree else ''})",
    date: lambda tree: f"datetime.date('{tree.isoformat()}')",
    datetime: format_time,
    time: format_time,
    Decimal: lambda tree: f"decimal.Decimal('{tree}')",
    UUID: lambda tree: f"uuid.UUID('{tree}')",
    Reference: lambda tree: f"<{tree.name}>",
    UnresolvedObject: format_unresolved,
    Truncated: format_truncated,
}
