"""The table of the key browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final
from urllib.parse import quote_plus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting
from django_cachex.admin.components import Cell, Header, Row, Table
from django_cachex.admin.links import Links, object_id
from django_cachex.admin.permissions import DELETE, SEE_KEYS, Act, Gate
from django_cachex.admin.sessions import masked
from django_cachex.admin.views.base import bytes_cell
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.jobs import Position
from django_cachex.inspectors.keys import printable
from django_cachex.inspectors.query import Scope
from django_cachex.inspectors.types import TTL_NONE, Description, Listing

SPARE_FIELDS, SPARE_BYTES = 10, 10_000
"""What a form sends besides the selected keys."""

SIZE_OF_FIELD = len("&selected=")


def ttl_cell(ttl: int | None) -> Cell:
    """Return a TTL in words; a script counts it down."""
    if ttl is None:
        return Cell(_("unknown"), kind="number")
    if ttl == TTL_NONE:
        return Cell(_("never"), kind="number")
    return Cell(
        formatting.duration(ttl),
        kind="number",
        exact=formatting.moment(formatting.expires_at(ttl)),
        expires=ttl,
    )


def size_cell(one: Description) -> Cell:
    """Return a size with what it counts."""
    if one.size is None or one.unit == Unit.BYTES:
        return bytes_cell(one.size)
    return Cell(formatting.elements(one.size, one.unit), kind="number")


def fit_a_form(values: Sequence[str]) -> int:
    """Return how many of these values, from the first on, one form can send to Django."""
    most: int | None = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    count = len(values) if most is None else max(0, min(len(values), most - SPARE_FIELDS))
    room: int | None = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if room is None:
        return count
    sizes = accumulate(SIZE_OF_FIELD + len(quote_plus(value)) for value in values[:count])
    return sum(size <= room - SPARE_BYTES for size in sizes)


def how_far(examined: int, listing: Listing | Position) -> str:
    """Return how many keys of about how many were looked at."""
    count = formatting.number(examined)
    if listing.complete and listing.total is None:
        return _("all keys examined")
    if listing.total is None:
        return _("%(count)s keys examined") % {"count": count}
    if listing.complete:
        return _("all %(count)s keys examined") % {"count": count}
    share = min(99, 100 * examined // max(1, listing.total)) or _("less than 1")
    return _("%(count)s of about %(total)s keys examined (%(share)s %%)") % {
        "count": count,
        "total": formatting.number(listing.total),
        "share": share,
    }


def shown_text(shown: int) -> SafeString:
    """Return how many keys are shown, the number in an element that a script may change."""
    text = ngettext("%(count)s shown", "%(count)s shown", shown)
    before, after = text.split("%(count)s")
    return format_html("{}<span data-count>{}</span>{}", before, formatting.number(shown), after)


def progress(shown: int, examined: int, listing: Listing) -> SafeString:
    """Return the honesty line: what is shown of what was looked at."""
    return format_html("{} · {}", shown_text(shown), how_far(examined, listing))


COOKIE: Final = "cachex_columns"
COOKIE_AGE: Final = 365 * 24 * 3600
"""Seconds."""

BETWEEN: Final = "."
NONE: Final = "none"

LAST: Final = "9" * 20
"""What sorts after every figure."""


def padded(figure: int | None) -> str:
    """Return what sorts as the figure does; nothing for what is not known."""
    return "" if figure is None else f"{figure:020}"


def _ttl_order(one: Description) -> str:
    return LAST if one.ttl == TTL_NONE else padded(one.ttl)


def _size_order(one: Description) -> str:
    """Bytes and elements are not compared: one kind comes after the other."""
    order = padded(one.size)
    return order and f"{0 if one.unit == Unit.BYTES else 1}{order}"


def _memory_cell(one: Description) -> Cell:
    return bytes_cell(one.memory)


def _idle_cell(one: Description) -> Cell:
    if one.idle is None:
        return Cell(formatting.NOTHING, kind="number")
    # Servers tell whole seconds.
    return Cell(
        formatting.duration(one.idle) if one.idle else gettext_lazy("used just now"), kind="number"
    )


@dataclass(frozen=True)
class Column:
    """One figure of a key."""

    label: Text
    cell: Callable[[Description], Cell]
    order: Callable[[Description], str]
    """Return a text that sorts as the figure does; empty for what is not known, and comes last."""

    kind: str = "number"


COLUMNS: Final[Mapping[str, Column]] = {
    "type": Column(
        gettext_lazy("Type"),
        lambda one: Cell(one.type or formatting.NOTHING, kind="type"),
        lambda one: one.type or "",
        kind="",
    ),
    "ttl": Column(gettext_lazy("TTL"), lambda one: ttl_cell(one.ttl), _ttl_order),
    "memory": Column(
        gettext_lazy("Memory"), lambda one: bytes_cell(one.memory), lambda one: padded(one.memory)
    ),
    "size": Column(gettext_lazy("Size"), size_cell, _size_order),
    "idle": Column(gettext_lazy("Idle"), _idle_cell, lambda one: padded(one.idle)),
    "encoding": Column(
        gettext_lazy("Encoding"),
        lambda one: Cell(one.encoding or formatting.NOTHING, kind="type"),
        lambda one: one.encoding or "",
        kind="",
    ),
}

DEFAULT: Final = ("type", "ttl", "size")


def available(inspector: Inspector) -> list[str]:
    """Return the columns that a cache can fill, in their order on the page."""
    known = {"size", *inspector.figures}
    known |= {"type"} if inspector.can_type else set()
    known |= {"ttl"} if inspector.can_ttl else set()
    return [name for name in COLUMNS if name in known]


def chosen(request: HttpRequest, inspector: Inspector) -> list[str]:
    """Return the columns that this person wants to see of this cache."""
    remembered = request.COOKIES.get(COOKIE)
    wanted = DEFAULT if remembered is None else remembered.split(BETWEEN)
    return [name for name in available(inspector) if name in wanted]


def remember(response: HttpResponse, request: HttpRequest, given: Sequence[str]) -> None:
    """Have the browser remember columns, of all caches; names that are none are dropped."""
    names = [name for name in COLUMNS if name in given]
    response.set_cookie(
        COOKIE,
        BETWEEN.join(names) or NONE,
        max_age=COOKIE_AGE,
        path=request.path,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


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
        text = _("Sorted by %s: only the keys on this page, not all matching keys.")
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
        name = formatting.name(masked(self._name(one.key)) if secret else self._name(one.key))
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
        return _("doesn't belong to a cache in CACHES")
    return _('belongs to the cache "%(alias)s"') % {"alias": owner.alias}
