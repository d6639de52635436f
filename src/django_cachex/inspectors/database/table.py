"""Read and write the table of a database cache."""

from __future__ import annotations

import base64
import binascii
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Template
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, OperationalError, ProgrammingError, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import TransactionManagementError
from django.utils.timezone import now
from django.utils.translation import gettext as _

from django_cachex.inspectors.django import expiry_after
from django_cachex.inspectors.info import Fact, Section, Unit
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE, Description

PIECE: Final = 1024 * 1024
"""Characters of a value that are fetched at once: a whole number of groups of base64."""

KEYS_AT_ONCE: Final = 500
"""Keys that one statement names."""


def row_key(stored: bytes) -> str | None:
    """Return a stored key as text, or None, which finds no row: no database holds such a key."""
    try:
        text = stored.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text  # PostgreSQL refuses NUL in any text.


def row_keys(keys: Sequence[bytes]) -> Iterator[list[str]]:
    """Yield keys as text, without duplicates, as many at once as a statement may name."""
    texts = list(dict.fromkeys(text for text in map(row_key, keys) if text is not None))
    for start in range(0, len(texts), KEYS_AT_ONCE):
        yield texts[start : start + KEYS_AT_ONCE]


def length_in_base64(size: int) -> int:
    """Return how many characters as many bytes have in base64."""
    return (size + 2) // 3 * 4


def in_base64(raw: bytes) -> str:
    """Return a pickle as the backend stores it."""
    return base64.b64encode(raw).decode()


def from_base64(text: str) -> bytes:
    """Return the pickle in a row's value, or the value itself where there is none in it."""
    try:
        return base64.b64decode(text.encode())
    except binascii.Error:
        return text.encode()


def described(key: str, ttl: int, size: int | None) -> Description:
    """Return the description of a row; one that has expired is no key."""
    return Description(key.encode(), ttl=ttl, size=None if ttl == TTL_MISSING else size)


RowValues = tuple[Any, ...]

LENGTH: Final = {"postgresql": "OCTET_LENGTH"}
"""What measures a value, which is ASCII: PostgreSQL need not fetch it to tell its bytes."""

SAME: Final = {"oracle": "DBMS_LOB.COMPARE($value, %s) = 0"}
"""The condition that a value is the parameter: Oracle has no `=` for large texts."""

LIVE: Final = "$expires >= %s"

LAST_YEAR: Final = datetime.max.year
"""The year in which keys expire that never do."""


@dataclass(frozen=True)
class CacheTable:
    """A table and the connection to it.

    In statements `$table`, `$key`, `$value` and `$expires` stand for quoted names, `$length` for
    the function that measures a value, `$size` for what `size` makes its length of, `$same` for the
    condition that the value is a parameter.
    """

    name: str
    connection: BaseDatabaseWrapper

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Let no failure break a transaction around it, and say when the table is missing."""
        inside = self.connection.in_atomic_block
        try:
            with transaction.atomic(self.connection.alias) if inside else nullcontext():
                yield
        except DatabaseError as error:
            if not self.is_missing(error):
                raise
            message = _(
                "There is no table “%(table)s” in the database “%(database)s”. "
                "Run “manage.py createcachetable” to create it."
            )
            names = {"table": self.name, "database": self.connection.alias}
            raise ProgrammingError(message % names) from error

    def is_missing(self, error: DatabaseError) -> bool:
        """Return whether a statement failed because there is no such table."""
        is_down = isinstance(error, OperationalError) and self.connection.vendor != "sqlite"
        if is_down or isinstance(error, TransactionManagementError):
            return False
        introspection = self.connection.introspection
        return introspection.identifier_converter(self.name) not in introspection.table_names()

    def complete(self, statement: str) -> str:
        """Return a statement with the names in it."""
        vendor, quote = self.connection.vendor, self.connection.ops.quote_name
        names = {
            "table": quote(self.name),
            "key": quote("cache_key"),
            "value": quote("value"),
            "expires": quote("expires"),
            "length": LENGTH.get(vendor, "LENGTH"),
        }
        names["size"] = "rowid" if self.has_blobs else f"{names['length']}({names['value']})"
        same = Template(SAME.get(vendor, "$value = %s")).substitute(names)
        return Template(statement).substitute(names, same=same)

    def select(self, statement: str, *parameters: Any) -> list[RowValues]:
        """Return the rows of a query."""
        with self.guarded(), self.connection.cursor() as cursor:
            cursor.execute(self.complete(statement), parameters)
            return list(cursor.fetchall())

    def change(self, statement: str, *parameters: Any) -> int:
        """Return how many rows a statement changed or deleted."""
        with self.guarded(), self.connection.cursor() as cursor:
            cursor.execute(self.complete(statement), parameters)
            return int(cursor.rowcount)

    def limit(self, rows: int) -> str:
        """Return what ends a query that is to return this many rows at most."""
        return self.connection.ops.limit_offset_sql(0, rows)

    @property
    def has_blobs(self) -> bool:
        """Whether values are read as blobs: SQLite's functions would load one whole to measure it.

        https://www.sqlite.org/c3ref/blob_open.html
        """
        return self.connection.vendor == "sqlite"

    def size(self, measured: int | None) -> int | None:
        """Return the length of a value of which `$size` was selected."""
        if measured is None or not self.has_blobs:
            return measured
        with self._blob(measured) as blob:
            return len(blob)

    def part(self, key: str | None, start: int, length: int) -> tuple[int, str] | None:
        """Return the length of a live row's value and a part of it, or None for no such row."""
        where = f"FROM $table WHERE $key = %s AND {LIVE}"
        if not self.has_blobs:
            measured = f"SELECT $size, SUBSTR($value, %s, %s) {where}"
            for size, value in self.select(measured, start + 1, length, key, self.now()):
                return size, "" if value is None else self.text(value)
            return None
        for (row,) in self.select(f"SELECT rowid {where}", key, self.now()):
            with self._blob(row) as blob:
                blob.seek(min(start, len(blob)))
                return len(blob), blob.read(length).decode()
        return None

    @contextmanager
    def _blob(self, row: int) -> Iterator[Any]:
        raw: Any = self.connection.connection
        with (
            self.connection.wrap_database_errors,
            raw.blobopen(self.name, "value", row, readonly=True) as blob,
        ):
            yield blob

    def text(self, value: Any) -> str:
        """Return a value as text, however the driver returned it."""
        return str(self.connection.ops.process_clob(value))

    # Expiry: in the vendor's type and time zone, as the backend itself reads and writes it.

    def now(self) -> Any:
        """Return the parameter that the expiry of live rows is not below."""
        return self.connection.ops.adapt_datetimefield_value(now())

    def expiry_after(self, ttl: int) -> Any:
        """Return the parameter for a TTL that starts now, in whole seconds as the backend's are.

        Raises OverflowError past the year 9999.
        """
        expiry = expiry_after(ttl)
        zone = UTC if settings.USE_TZ else None
        try:
            moment = datetime.max if expiry is None else datetime.fromtimestamp(expiry, zone)
        except (OSError, ValueError) as too_far:
            raise OverflowError(ttl) from too_far
        return self.connection.ops.adapt_datetimefield_value(moment.replace(microsecond=0))

    def ttl(self, expires: Any) -> int:
        """Return the TTL of an expiry as it was selected: milliseconds, `NEVER` or `GONE`."""
        expression = models.Expression(output_field=models.DateTimeField())
        converters = [
            *self.connection.ops.get_db_converters(expression),
            *expression.get_db_converters(self.connection),
        ]
        for convert in converters:
            expires = convert(expires, expression, self.connection)
        if expires.year == LAST_YEAR:
            return TTL_NONE
        left = (expires - now()).total_seconds()
        return int(left * 1000) if left > 0 else TTL_MISSING


def placeholders(parameters: Sequence[Any]) -> str:
    """Return what stands in a statement for a list of parameters."""
    return ", ".join(["%s"] * len(parameters))


MOST_COUNTED: Final = 100_000
"""Rows that are counted: some 10 ms."""

MOST_MEASURED: Final = 1000
"""Rows whose values are measured one by one."""

TABLE_SIZE: Final = {"postgresql": "SELECT pg_total_relation_size(to_regclass(%s))"}
"""Vendors that know the size of a table, its indexes included."""


def counting(table: CacheTable) -> str:
    """Return a query for the number of rows, for `known` to read."""
    most = table.limit(MOST_COUNTED + 1)
    return f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM $table {most}) counted"


def known(counted: int) -> int | None:
    """Return how many rows there are, expired ones included; None for more than were counted."""
    return counted if counted <= MOST_COUNTED else None


def count(table: CacheTable) -> int | None:
    """Return how many rows there are, expired ones included; None for very many."""
    ((counted,),) = table.select(counting(table))
    return known(counted)


def keyspace(table: CacheTable, most_entries: int) -> Section:
    """Return how many rows there are, how many of them expired, and what they take."""
    counted, never, expired = table.select(
        "SELECT COUNT(*), "
        "SUM(CASE WHEN $expires >= %s THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN $expires < %s THEN 1 ELSE 0 END) "
        f"FROM (SELECT $expires FROM $table {table.limit(MOST_COUNTED + 1)}) counted",
        table.expiry_after(TTL_NONE),
        table.now(),
    )[0]
    place = (
        Fact(_("Table"), table.name, Unit.CODE),
        Fact(_("Database"), table.connection.alias, Unit.CODE),
        *size(table, counted),
    )
    if known(counted) is None:
        note = _("There are more than %(rows)s rows, too many to count.")
        return Section(_("Keyspace"), place, note=note % {"rows": f"{MOST_COUNTED:,}"})
    facts = (
        Fact(_("Never expire"), int(never or 0), Unit.ENTRIES),
        Fact(_("Expired, not yet removed"), int(expired or 0), Unit.ENTRIES),
        *place,
    )
    entries = Fact(_("Entries"), counted, Unit.ENTRIES, of=most_entries)
    return Section(_("Keyspace"), facts, headline=entries)


def size(table: CacheTable, rows: int) -> tuple[Fact, ...]:
    """Return what the table takes where the database knows, or its values where they are few."""
    known_size = TABLE_SIZE.get(table.connection.vendor)
    if known_size:
        name = table.connection.ops.quote_name(table.name)
        ((taken,),) = table.select(known_size, name)
        return (Fact(_("Size"), int(taken), Unit.BYTES),)
    if rows > MOST_MEASURED:
        return ()
    ((taken,),) = table.select("SELECT SUM($length($value)) FROM $table")
    return (Fact(_("Size of values"), int(taken or 0), Unit.BYTES),)


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
