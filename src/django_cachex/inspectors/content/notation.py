"""Values of Python's own types, and labels for those that are not, written for people.

What is plain looks like Python; what cannot be said in Python, because it was not made, stands in
angle brackets. Nothing of it can be taken for JSON that could be saved again: it is shown, not
edited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_cachex.inspectors.pickles import Cut, Opaque, Reference, Tree
from django_cachex.inspectors.pickles.tree import Reason

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
