"""The table of the key browser: rows with the columns that are shown, in the order asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.admin.access import DELETE, SEE_KEYS, Act, Gate
from django_cachex.admin.links import Links, object_id
from django_cachex.admin.pages.columns import COLUMNS, DEFAULT
from django_cachex.admin.parts import Cell, Header, Row, Table
from django_cachex.admin.sessions import masked
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.keys import printable
from django_cachex.inspectors.query import Scope
from django_cachex.inspectors.types import Description

ASCENDING, DESCENDING = "ascending", "descending"
KEY = "key"


@dataclass(frozen=True)
class Sorting:
    """By which column the rows of a page are sorted."""

    name: str = ""
    """`key`, the name of a column, or empty for the order in which they were found."""

    is_reversed: bool = False

    @classmethod
    def read(cls, given: str, columns: Sequence[str]) -> Sorting:
        """Return the sorting in a parameter; none for a column that is not shown."""
        name = given.removeprefix("-")
        return cls(name, given.startswith("-")) if name in (KEY, *columns) else cls()

    def state(self, name: str) -> str:
        """Return how a column is sorted, as `aria-sort` says it; nothing if it is not."""
        if name != self.name:
            return ""
        return DESCENDING if self.is_reversed else ASCENDING

    def next(self, name: str) -> str:
        """Return the parameter that a press on a column's head leads to."""
        first = "" if name == KEY or COLUMNS[name].kind != "number" else "-"  # Largest first.
        if name != self.name:
            return f"{first}{name}"
        return name if self.is_reversed else f"-{name}"


@dataclass(frozen=True)
class KeyRows:
    """What it takes to draw keys as a table."""

    inspector: Inspector
    gate: Gate
    links: Links
    columns: Sequence[str]
    scope: Scope
    sorting: Sorting
    here: Callable[..., str]
    """The page's URL with another `sort`."""

    @property
    def selectable(self) -> bool:
        return self.gate.allowed(DELETE, self.inspector)

    @property
    def sorted_by(self) -> str:
        """Return what the order of the rows means, which is not that of the cache."""
        name = self.sorting.name
        if not name:
            return ""
        # A script says the same of another column.
        text = _("Sorted by %s: only the keys on this page, not all that match.")
        return text % (self._key_label() if name == KEY else COLUMNS[name].label)

    def _key_label(self) -> str:
        return _("Key") if self.scope is Scope.VERSION else _("Stored key")

    def table(self, shown: Sequence[Description]) -> Table:
        """Return the table of some keys."""
        headers = [self._header(KEY, self._key_label(), "")]
        headers += [
            self._header(one, COLUMNS[one].label, COLUMNS[one].kind) for one in self.columns
        ]
        opened, deletable = self._those(SEE_KEYS, shown), self._those(DELETE, shown)
        return Table(
            headers,
            self._sorted([self._row(one, opened, deletable) for one in shown]),
            caption=_("Keys"),
            selectable=self.selectable,
            compact=set(self.columns) <= set(DEFAULT),  # Any others need their names beside them.
        )

    def _header(self, name: str, label: object, kind: str) -> Header:
        link = self.here(sort=self.sorting.next(name))
        return Header(str(label), kind, link=link, sorted=self.sorting.state(name))

    def _sorted(self, rows: list[Row]) -> list[Row]:
        if not self.sorting.name:
            return rows
        place = [KEY, *self.columns].index(self.sorting.name)

        def order(row: Row) -> str:
            cell = row.cells[place]
            return cell.order if place else str(cell.text)

        known = [row for row in rows if order(row)]
        known.sort(key=order, reverse=self.sorting.is_reversed)
        return known + [row for row in rows if not order(row)]

    def _those(self, act: Act, shown: Sequence[Description]) -> Set[bytes]:
        """Return the keys that an act is allowed on, of those that are this cache's."""
        if not self.gate.allowed(act, self.inspector):
            return frozenset()
        keys = [one.key for one in shown]
        return frozenset(self.gate.those_allowed(act, self.inspector, keys))

    def _row(self, one: Description, opened: Set[bytes], deletable: Set[bytes]) -> Row:
        owner = self._owner(one.key)
        is_ours = owner is self.inspector
        secret = self.gate.is_secret(self.inspector, one.key)
        name = humane.name(masked(self._name(one.key)) if secret else self._name(one.key))
        opens = not secret and (one.key in opened if is_ours else self._opens(owner, one.key))
        link = self.links.key(owner.alias, one.key) if owner and opens else None
        has_box = is_ours and one.key in deletable
        value = object_id(self.inspector.alias, one.key) if has_box else None
        lines = [] if is_ours else [_said_of(owner)]
        figures = (COLUMNS[column] for column in self.columns)
        return Row(
            [
                Cell(name, link, kind="key", lines=lines),
                *(replace(figure.cell(one), order=figure.order(one)) for figure in figures),
            ],
            value=value,
            label=_('Select "%(name)s"') % {"name": name},
        )

    def _owner(self, stored: bytes) -> Inspector | None:
        """Return the cache through which a key can be opened, if there is one."""
        if self.gate.reaches(self.inspector, stored):
            return self.inspector
        others = self.gate.neighbours(self.inspector)
        return next((one for one in others if one.owns(stored)), None)

    def _opens(self, owner: Inspector | None, stored: bytes) -> bool:
        return owner is not None and self.gate.allowed(SEE_KEYS, owner, stored)

    def _name(self, stored: bytes) -> str:
        return self.inspector.name(stored) if self.scope is Scope.VERSION else printable(stored)


def _said_of(owner: Inspector | None) -> str:
    """Return whose a key is that is not this cache's."""
    if owner is None:
        return _("of no cache in CACHES")
    return _('of the cache "%(alias)s"') % {"alias": owner.alias}
