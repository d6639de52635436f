"""The table of the key browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
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
from django_cachex.admin.kinds import find_kind, name_in_scope
from django_cachex.admin.links import Links, object_id
from django_cachex.admin.permissions import DELETE, VIEW_KEYS, Permission, PermissionChecker
from django_cachex.admin.sessions import mask_session_name
from django_cachex.admin.views.base import make_bytes_cell
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.jobs import ScanProgress
from django_cachex.inspectors.query import Scope
from django_cachex.inspectors.types import TTL_NONE, KeyInfo, ScanPage, ValueCounts

# How many keys were found.


def format_examined(examined: int, listing: ScanPage | ScanProgress) -> str:
    """Return how many keys were examined, of about how many."""
    count = formatting.format_number(examined)
    if listing.complete and listing.total is None:
        return _("all keys examined")
    if listing.total is None:
        text = ngettext("%(count)s key examined", "%(count)s keys examined", examined)
        return text % {"count": count}
    if listing.complete:
        text = ngettext("%(count)s key examined", "all %(count)s keys examined", examined)
        return text % {"count": count}
    share = min(99, 100 * examined // max(1, listing.total)) or _("less than 1")
    return _("%(count)s of about %(total)s keys examined (%(share)s %%)") % {
        "count": count,
        "total": formatting.format_number(listing.total),
        "share": share,
    }


def format_examined_database(examined: int) -> str:
    """Return how many keys were examined to find that a cache is empty.

    They are keys with other prefixes or versions, in the database that the cache shares.
    """
    text = ngettext(
        "%(count)s key in the database examined",
        "%(count)s keys in the database examined",
        examined,
    )
    return text % {"count": formatting.format_number(examined)}


def format_values_read(counts: ValueCounts) -> str:
    """Return how many values were read, and why others were not."""
    number = formatting.format_number
    read = ngettext("%(count)s value read", "%(count)s values read", counts.read)
    texts = [read % {"count": number(counts.read)}]
    if counts.too_large:
        text = ngettext(
            "%(count)s skipped (larger than %(size)s)",
            "%(count)s skipped (larger than %(size)s)",
            counts.too_large,
        )
        size = formatting.format_size(limits().search_bytes)
        texts.append(text % {"count": number(counts.too_large), "size": size})
    if counts.unreadable:
        text = ngettext(
            "%(count)s could not be read", "%(count)s could not be read", counts.unreadable
        )
        texts.append(text % {"count": number(counts.unreadable)})
    return ", ".join(texts)


def format_shown(shown: int) -> SafeString:
    """Return how many keys are shown. A script changes the number in its element."""
    text = ngettext("%(count)s shown", "%(count)s shown", shown)
    before, after = text.split("%(count)s")
    return format_html(
        "{}<span data-count>{}</span>{}", before, formatting.format_number(shown), after
    )


# The columns.

SORT_LAST: Final = "9" * 20
"""Sorts after every number."""


def make_ttl_cell(key: KeyInfo) -> Cell:
    """Return a cell with the TTL of a key, which a script counts down."""
    if key.ttl is None:
        return Cell(_("unknown"), kind="number")
    if key.ttl == TTL_NONE:
        return Cell(_("never"), kind="number", sort_key=SORT_LAST)
    return Cell(
        formatting.format_duration(key.ttl),
        kind="number",
        exact=formatting.format_datetime(formatting.expiry_datetime(key.ttl)),
        expires=key.ttl,
        sort_key=f"{key.ttl:020}",
    )


def make_size_cell(key: KeyInfo) -> Cell:
    """Return a cell with the size of a key in its unit. Bytes sort before elements."""
    if key.size is None:
        return Cell(formatting.NO_VALUE, kind="number")
    text, exact = formatting.format_length(key.size, key.unit)
    sort_key = f"{0 if key.unit == Unit.BYTES else 1}{key.size:020}"
    return Cell(text, kind="number", exact=exact, sort_key=sort_key)


def make_memory_cell(key: KeyInfo) -> Cell:
    return make_bytes_cell(key.memory, "" if key.memory is None else f"{key.memory:020}")


def make_idle_cell(key: KeyInfo) -> Cell:
    """Return a cell with the time since the last access of a key."""
    if key.idle is None:
        return Cell(formatting.NO_VALUE, kind="number")
    # Servers report whole seconds.
    text = formatting.format_duration(key.idle) if key.idle else _("used just now")
    return Cell(text, kind="number", sort_key=f"{key.idle:020}")


def make_type_cell(key: KeyInfo) -> Cell:
    return Cell(key.type or formatting.NO_VALUE, kind="type", sort_key=key.type or "")


def make_encoding_cell(key: KeyInfo) -> Cell:
    return Cell(key.encoding or formatting.NO_VALUE, kind="type", sort_key=key.encoding or "")


def make_tag_cell(key: KeyInfo) -> Cell:
    return Cell(key.tag or formatting.NO_VALUE, kind="type", sort_key=key.tag or "")


def make_hits_cell(key: KeyInfo) -> Cell:
    if key.hits is None:
        return Cell(formatting.NO_VALUE, kind="number")
    return Cell(formatting.format_number(key.hits), kind="number", sort_key=f"{key.hits:020}")


@dataclass(frozen=True)
class KeyColumn:
    """A column of the table."""

    label: Text
    make_cell: Callable[[KeyInfo], Cell] | None
    """Return a cell whose `sort_key` is empty for unknown values, which come last.

    None for the kind, which is told from the name.
    """

    kind: str = "number"


KIND_COLUMN: Final = "kind"

KEY_COLUMNS: Final[Mapping[str, KeyColumn]] = {
    KIND_COLUMN: KeyColumn(gettext_lazy("Kind"), None, kind=""),
    "type": KeyColumn(gettext_lazy("Type"), make_type_cell, kind=""),
    "ttl": KeyColumn(gettext_lazy("TTL"), make_ttl_cell),
    "memory": KeyColumn(gettext_lazy("Memory"), make_memory_cell),
    "size": KeyColumn(gettext_lazy("Size"), make_size_cell),
    "idle": KeyColumn(gettext_lazy("Idle"), make_idle_cell),
    "encoding": KeyColumn(gettext_lazy("Encoding"), make_encoding_cell, kind=""),
    "tag": KeyColumn(gettext_lazy("Tag"), make_tag_cell, kind=""),
    "hits": KeyColumn(gettext_lazy("Hits"), make_hits_cell),
}

DEFAULT_COLUMNS: Final = (KIND_COLUMN, "type", "ttl", "size")

COLUMNS_COOKIE: Final = "cachex_columns"
COLUMNS_COOKIE_AGE: Final = 365 * 24 * 3600
"""The age of the cookie in seconds: one year."""

COLUMN_SEPARATOR: Final = "."
NO_COLUMNS: Final = "none"


def get_available_columns(inspector: Inspector) -> list[str]:
    """Return the columns that a cache has, in their order on the page."""
    known = {"size", *inspector.optional_columns}
    known |= {KIND_COLUMN} if inspector.has_key_names else set()
    known |= {"type"} if inspector.can_type else set()
    known |= {"ttl"} if inspector.can_ttl else set()
    return [name for name in KEY_COLUMNS if name in known]


def get_selected_columns(request: HttpRequest, inspector: Inspector) -> list[str]:
    """Return the columns that the user selected, of those that the cache has."""
    remembered = request.COOKIES.get(COLUMNS_COOKIE)
    wanted = DEFAULT_COLUMNS if remembered is None else remembered.split(COLUMN_SEPARATOR)
    return [name for name in get_available_columns(inspector) if name in wanted]


def remember_columns(response: HttpResponse, request: HttpRequest, selected: Sequence[str]) -> None:
    """Store the selected columns in a cookie, for all caches. Unknown names are ignored."""
    names = [name for name in KEY_COLUMNS if name in selected]
    response.set_cookie(
        COLUMNS_COOKIE,
        COLUMN_SEPARATOR.join(names) or NO_COLUMNS,
        max_age=COLUMNS_COOKIE_AGE,
        path=request.path,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


# The table.

ASCENDING, DESCENDING = "ascending", "descending"
KEY_COLUMN = "key"


@dataclass(frozen=True)
class SortOrder:
    """The column that the rows of a page are sorted by."""

    name: str = ""
    """`key`, the name of a column, or empty for the order of the results."""

    is_reversed: bool = False

    @classmethod
    def read(cls, sort_param: str, columns: Sequence[str]) -> SortOrder:
        """Parse the `sort` parameter. Columns that are not shown are ignored."""
        name = sort_param.removeprefix("-")
        return cls(name, sort_param.startswith("-")) if name in (KEY_COLUMN, *columns) else cls()

    def get_aria_sort(self, name: str) -> str:
        """Return the value of `aria-sort` for a column; empty if it is not sorted."""
        if name != self.name:
            return ""
        return DESCENDING if self.is_reversed else ASCENDING

    def get_next_param(self, name: str) -> str:
        """Return the `sort` parameter of the link in a column's header."""
        # Numbers are sorted by the largest first.
        first = "" if name == KEY_COLUMN or KEY_COLUMNS[name].kind != "number" else "-"
        if name != self.name:
            return f"{first}{name}"
        return name if self.is_reversed else f"-{name}"


@dataclass(frozen=True)
class KeysTable:
    """Builds the table of keys."""

    inspector: Inspector
    checker: PermissionChecker
    links: Links
    columns: Sequence[str]
    scope: Scope
    sort_order: SortOrder
    current_url: Callable[..., str]
    """Returns the page's URL with some parameters changed."""

    @property
    def selectable(self) -> bool:
        return self.checker.is_allowed(DELETE, self.inspector)

    @property
    def sort_note(self) -> str:
        """The note that only the keys on this page are sorted."""
        name = self.sort_order.name
        if not name:
            return ""
        # A script fills in other columns.
        text = _("Sorted by %s: only the keys on this page, not all matching keys.")
        return text % (self._get_key_label() if name == KEY_COLUMN else KEY_COLUMNS[name].label)

    def _get_key_label(self) -> str:
        return _("Key") if self.scope is Scope.VERSION else _("Stored key")

    def build(self, shown: Sequence[KeyInfo]) -> Table:
        headers = [self._make_header(KEY_COLUMN, self._get_key_label(), "")]
        headers += [
            self._make_header(name, KEY_COLUMNS[name].label, KEY_COLUMNS[name].kind)
            for name in self.columns
        ]
        openable = self._filter_allowed(VIEW_KEYS, shown)
        deletable = self._filter_allowed(DELETE, shown)
        rows = [self._make_row(description, openable, deletable) for description in shown]
        return Table(
            headers,
            self._sort(rows),
            caption=_("Keys"),
            selectable=self.selectable,
            compact=set(self.columns) <= set(DEFAULT_COLUMNS),  # Other columns need their labels.
        )

    def _make_header(self, name: str, label: object, kind: str) -> Header:
        link = self.current_url(sort=self.sort_order.get_next_param(name))
        return Header(str(label), kind, link=link, sorted=self.sort_order.get_aria_sort(name))

    def _sort(self, rows: list[Row]) -> list[Row]:
        if not self.sort_order.name:
            return rows
        index = [KEY_COLUMN, *self.columns].index(self.sort_order.name)

        def get_sort_key(row: Row) -> str:
            cell = row.cells[index]
            return cell.sort_key if index else str(cell.text)

        known = [row for row in rows if get_sort_key(row)]
        known.sort(key=get_sort_key, reverse=self.sort_order.is_reversed)
        return known + [row for row in rows if not get_sort_key(row)]

    def _filter_allowed(self, permission: Permission, shown: Sequence[KeyInfo]) -> Set[bytes]:
        """Return the keys of this cache that the user has a permission on."""
        if not self.checker.is_allowed(permission, self.inspector):
            return frozenset()
        keys = [description.key for description in shown]
        return frozenset(self.checker.filter_allowed(permission, self.inspector, keys))

    def _make_row(self, description: KeyInfo, openable: Set[bytes], deletable: Set[bytes]) -> Row:
        stored, owner = description.key, self._find_owner(description.key)
        is_ours = owner is self.inspector
        is_secret = self.checker.is_protected_session(self.inspector, stored)
        name = (
            self.inspector.display_key(stored)
            if self.scope is Scope.VERSION
            else self.inspector.display_stored_key(stored)
        )
        name = formatting.format_name(mask_session_name(name) if is_secret else name)
        can_open = owner is not None and (
            stored in openable if is_ours else self.checker.is_allowed(VIEW_KEYS, owner, stored)
        )
        link = self.links.key(owner.alias, stored) if owner and can_open and not is_secret else None
        has_checkbox = is_ours and stored in deletable
        lines = [] if is_ours else [_format_owner(owner)]
        return Row(
            [
                Cell(name, link, kind="key", lines=lines),
                *[self._make_cell(column, description) for column in self.columns],
            ],
            value=object_id(self.inspector.alias, stored) if has_checkbox else None,
            label=_('Select "%(name)s"') % {"name": name},
        )

    def _make_cell(self, column: str, description: KeyInfo) -> Cell:
        make_cell = KEY_COLUMNS[column].make_cell
        if make_cell is not None:
            return make_cell(description)
        kind = find_kind(name_in_scope(self.inspector, description.key, self.scope), self.scope)
        label = str(kind.label) if kind is not None else ""
        return Cell(label, kind="kind", sort_key=label)

    def _find_owner(self, stored: bytes) -> Inspector | None:
        """Return the cache through which a key can be opened, if any."""
        if self.checker.can_open(self.inspector, stored):
            return self.inspector
        others = self.checker.caches_sharing_store(self.inspector)
        return next((inspector for inspector in others if inspector.owns(stored)), None)


def _format_owner(owner: Inspector | None) -> str:
    """Return which other cache a key belongs to."""
    if owner is None:
        return _("doesn't belong to a cache in CACHES")
    return _('belongs to the cache "%(alias)s"') % {"alias": owner.alias}


RESERVED_FIELDS, RESERVED_BYTES = 10, 10_000
"""Reserved for what the form sends besides the selected keys."""

FIELD_OVERHEAD = len("&selected=")


def count_values_that_fit(values: Sequence[str]) -> int:
    """Return how many of these values fit into one form that Django accepts.

    See `DATA_UPLOAD_MAX_NUMBER_FIELDS` and `DATA_UPLOAD_MAX_MEMORY_SIZE` in Django's settings.
    """
    max_fields: int | None = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    max_bytes: int | None = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if max_fields is not None:
        values = values[: max(0, max_fields - RESERVED_FIELDS)]
    if max_bytes is None:
        return len(values)
    size = RESERVED_BYTES
    for count, value in enumerate(values):
        size += FIELD_OVERHEAD + len(quote_plus(value))
        if size > max_bytes:
            return count
    return len(values)
