"""Display a value as text, up to a length."""

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

from django_cachex.inspectors.values.nodes import Cut, Opaque, Reason, Reference, Tree

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


WIDTH = 88
INDENT = "    "


def notation(tree: Tree) -> str:
    """Return a tree as text: on one line if it fits, else one element a line."""
    write = WRITERS.get(type(tree))
    return write(tree) if write else repr(tree)


def enclosed(opening: str, parts: Iterable[str], closing: str) -> str:
    parts = list(parts)
    line = f"{opening}{', '.join(parts)}{closing}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    rows = ",\n".join(parts).replace("\n", f"\n{INDENT}")
    return f"{opening}\n{INDENT}{rows},\n{closing}"


def pair(key: Tree, value: Tree) -> str:
    # What is missing of a dict stands for pairs.
    return notation(key) if type(key) is Cut else f"{notation(key)}: {notation(value)}"


def of_list(tree: list[Tree]) -> str:
    return enclosed("[", map(notation, tree), "]")


def of_tuple(tree: tuple[Tree, ...]) -> str:
    return f"({notation(tree[0])},)" if len(tree) == 1 else enclosed("(", map(notation, tree), ")")


def of_dict(tree: dict[Tree, Tree]) -> str:
    return enclosed("{", (pair(key, value) for key, value in tree.items()), "}")


def of_set(tree: set[Tree]) -> str:
    # Sorted, because the order of texts in a set differs from process to process.
    return enclosed("{", sorted(map(notation, tree)), "}") if tree else "set()"


def of_frozenset(tree: frozenset[Tree]) -> str:
    return f"frozenset({of_set(set(tree)) if tree else ''})"


def of_date(tree: date) -> str:
    return f"datetime.date('{tree.isoformat()}')"


def of_time(tree: datetime | time) -> str:
    fold = ", fold=1" if tree.fold else ""
    return f"datetime.{type(tree).__name__}('{tree.isoformat()}'{fold})"


def of_decimal(tree: Decimal) -> str:
    return f"decimal.Decimal('{tree}')"


def of_uuid(tree: UUID) -> str:
    return f"uuid.UUID('{tree}')"


def of_reference(tree: Reference) -> str:
    return f"<{tree.name}>"


def of_opaque(tree: Opaque) -> str:
    """Write a call: arguments, then what is appended to and set on its outcome, then its state."""
    parts = [notation(argument) for argument in tree.args]
    parts += [
        f"{name if name.isidentifier() else repr(name)}={notation(value)}"
        for name, value in tree.keywords.items()
    ]
    if tree.items:
        parts.append(of_list(list(tree.items)))
    if tree.pairs:
        parts.append(enclosed("{", (pair(key, value) for key, value in tree.pairs), "}"))
    call = enclosed(f"{tree.name}(", parts, ")")
    return "".join([call, *(f" {_('with')} {notation(state)}" for state in tree.states)])


def of_cut(tree: Cut) -> str:
    match tree.reason:
        case Reason.RECURSIVE:
            said = _("itself again")
        case Reason.DEPTH:
            said = _("deeper levels")
        case Reason.NODES:
            said = ngettext("%(count)s more", "%(count)s more", tree.count)
        case Reason.SIZE:
            said = ngettext("%(count)s more byte", "%(count)s more bytes", tree.count)
        case Reason.DAMAGE:
            said = _("nothing")
    return f"<{said % {'count': f'{tree.count:,}'}}>"


WRITERS: dict[type, Callable[[Any], str]] = {
    list: of_list,
    tuple: of_tuple,
    dict: of_dict,
    set: of_set,
    frozenset: of_frozenset,
    date: of_date,
    datetime: of_time,
    time: of_time,
    Decimal: of_decimal,
    UUID: of_uuid,
    Reference: of_reference,
    Opaque: of_opaque,
    Cut: of_cut,
}
