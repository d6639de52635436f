"""A walk along the primary key of a cache table, a bounded number of rows at a time."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

from django_cachex.inspectors.database.table import LIVE, CacheTable

ROWS_AT_ONCE: Final = 5000
"""Rows that one query of a search looks at: some 5 ms, whatever the size of the table."""

BY_CODE_POINT: Final = ("C", "POSIX", "C.UTF-8", "C.utf8")
"""PostgreSQL's collations that order texts as Python does."""

SURROGATES: Final = range(0xD800, 0xE000)
HIGHEST: Final = chr(0x10FFFF)

_orders: weakref.WeakKeyDictionary[BaseDatabaseWrapper, bool] = weakref.WeakKeyDictionary()


def is_ordered(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a database is known to order keys by code points, as a range needs it."""
    if connection.vendor == "sqlite":
        return True
    if connection.vendor != "postgresql":
        return False
    if connection not in _orders:
        with connection.cursor() as cursor:
            cursor.execute("SELECT datcollate FROM pg_database WHERE datname = current_database()")
            _orders[connection] = cursor.fetchone()[0] in BY_CODE_POINT
    return _orders[connection]


def successor(prefix: str) -> str:
    """Return the least text that is greater than all that begin so; empty for none."""
    beginning = prefix.rstrip(HIGHEST)
    if not beginning:
        return ""
    following = ord(beginning[-1]) + 1
    return beginning[:-1] + chr(SURROGATES.stop if following in SURROGATES else following)


@dataclass(frozen=True)
class Row:
    """What a search sees of a row."""

    key: str
    is_live: bool
    counted: int | None
    """How many rows there are to walk through, in the first rows of a walk."""

    ttl: int | None = None
    size: int | None = None


@dataclass(frozen=True)
class TableWalk:
    """The rows of a table whose keys begin so, where its index is of use, or all of them."""

    table: CacheTable
    beginning: str
    columns: frozenset[str]
    """What a search needs to know beside the key: of `ttl` and `size`."""

    def rows(self, after: str, most: int, count_to: int) -> Iterator[Row]:
        """Yield all rows after a key, as many at first, having counted up to so many of all."""
        found = self._some(after, most, count_to)
        yield from found
        while len(found) == most:
            most = ROWS_AT_ONCE
            found = self._some(found[-1].key, most)
            yield from found

    def count(self, most: int) -> int:
        """Return how many rows there are to walk through, counted up to so many."""
        condition, parameters = self._where("")
        some = f"SELECT 1 AS one FROM $table {condition} {self.table.limit(most)}"
        ((rows,),) = self.table.select(f"SELECT COUNT(*) FROM ({some}) counted", *parameters)
        return int(rows)

    def _some(self, after: str, most: int, count_to: int = 0) -> list[Row]:
        table = self.table
        counted, counting = self._counting(count_to)
        condition, parameters = self._where(after)
        expires = "$expires" if "ttl" in self.columns else "NULL"
        size = "$size" if "size" in self.columns else "NULL"
        found = table.select(
            f"SELECT $key, CASE WHEN {LIVE} THEN 1 ELSE 0 END, {counted}, {expires}, {size} "
            f"FROM $table {condition} ORDER BY $key {table.limit(most)}",
            table.now(),
            *counting,
            *parameters,
        )
        return [self._row(*row) for row in found]

    def _row(self, key: str, is_live: int, counted: Any, expires: Any, size: Any) -> Row:
        ttl = self.table.ttl(expires) if expires is not None else None
        return Row(key, bool(is_live), counted, ttl, self.table.size(size))

    def _counting(self, most: int) -> tuple[str, list[str]]:
        if not most:
            return "NULL", []
        condition, parameters = self._where("")
        rows = f"SELECT 1 AS one FROM $table {condition} {self.table.limit(most)}"
        return f"(SELECT COUNT(*) FROM ({rows}) counted)", parameters

    def _where(self, after: str) -> tuple[str, list[str]]:
        """Return the condition of the rows after a key, within the range, and its parameters."""
        bounds: list[tuple[str, str]] = []
        if after:  # Not on the first page: Oracle takes an empty text for no text.
            bounds.append(("$key > %s", after))
        if self.beginning and is_ordered(self.table.connection):
            if not after:
                bounds.append(("$key >= %s", self.beginning))
            end = successor(self.beginning)
            bounds += [("$key < %s", end)] if end else []
        conditions = " AND ".join(condition for condition, _value in bounds)
        return f"WHERE {conditions}" if bounds else "", [value for _condition, value in bounds]
