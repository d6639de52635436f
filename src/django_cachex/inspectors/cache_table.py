"""Read and write the table of a database cache."""

from __future__ import annotations

import base64
import binascii
import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Template
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import DatabaseError, OperationalError, ProgrammingError, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import TransactionManagementError
from django.utils.timezone import now
from django.utils.translation import gettext as _

from django_cachex.inspectors.django import expiry_after
from django_cachex.inspectors.info import InfoField, InfoSection, Unit
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE, KeyInfo

VALUE_CHUNK_SIZE: Final = 1024 * 1024
"""Number of characters of a value to read at once. A multiple of 4, as in Base64."""

MAX_KEYS_PER_STATEMENT: Final = 500
"""Maximum number of keys in a statement."""

ROWS_PER_QUERY: Final = 5000
"""Number of rows that one query of a search examines, which takes about 5 ms."""

MAX_COUNTED_ROWS: Final = 100_000
"""Maximum number of rows to count, which takes about 10 ms."""

MAX_MEASURED_ROWS: Final = 1000
"""Maximum number of rows whose values are measured."""

TABLE_SIZE_QUERIES: Final = {"postgresql": "SELECT pg_total_relation_size(to_regclass(%s))"}
"""Queries for the size of a table including its indexes, by vendor."""

LENGTH_FUNCTIONS: Final = {"postgresql": "OCTET_LENGTH"}
"""The function that returns the length of a value, by vendor.

Values are ASCII; on PostgreSQL, `OCTET_LENGTH` doesn't have to load them.
"""

SAME_VALUE_CONDITIONS: Final = {
    "mysql": "$value = BINARY %s",
    "oracle": "DBMS_LOB.COMPARE($value, TO_NCLOB(%s)) = 0",
}
"""The condition that a value equals a parameter, by vendor.

MariaDB and MySQL ignore the case of letters by default, which Base64 doesn't. Oracle has no `=` for
the type NCLOB of Django's text columns. Nothing was tested on Oracle: statements follow
`django.db.backends.oracle` as read in Django 5.2 to 6.1. `LENGTH` and `SUBSTR` take an NCLOB,
`process_clob` reads one, and parameters of more than 4,000 characters are bound as CLOBs.
"""

COLLATION_QUERIES: Final = {
    "postgresql": (
        "SELECT datcollate FROM pg_database WHERE datname = current_database() AND %s IS NOT NULL"
    ),
    "mysql": (
        "SELECT collation_name FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name = %s AND column_name = 'cache_key'"
    ),
}
"""Queries for the collation of the keys in a table, by vendor."""

CODE_POINT_COLLATIONS: Final = ("C", "POSIX", "C.UTF-8", "C.utf8")
"""PostgreSQL's collations that sort text by code points, like Python."""

IS_UNEXPIRED: Final = "$expires >= %s"

NO_EXPIRY_YEAR: Final = datetime.max.year
"""The year of the expiry of keys that never expire."""

SURROGATES: Final = range(0xD800, 0xE000)
LAST_CODE_POINT: Final = chr(0x10FFFF)

_collations: weakref.WeakKeyDictionary[BaseDatabaseWrapper, dict[str, str]] = (
    weakref.WeakKeyDictionary()
)
"""The collations of keys by table."""


def to_row_key(stored: bytes) -> str | None:
    """Return a stored key as text, or None if a database can't store it."""
    try:
        text = stored.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text  # PostgreSQL refuses NUL in text.


def batch_row_keys(keys: Sequence[bytes]) -> Iterator[list[str]]:
    """Yield the keys as text, without duplicates, in batches for a statement."""
    texts = list(dict.fromkeys(text for text in map(to_row_key, keys) if text is not None))
    for start in range(0, len(texts), MAX_KEYS_PER_STATEMENT):
        yield texts[start : start + MAX_KEYS_PER_STATEMENT]


def base64_length(size: int) -> int:
    """Return the length of a number of bytes in Base64."""
    return (size + 2) // 3 * 4


def decode_row_value(text: str) -> bytes:
    """Return the pickle in a value, or the value itself if it isn't Base64."""
    try:
        return base64.b64decode(text.encode())
    except binascii.Error:
        return text.encode()


def row_info(key: str, ttl: int, size: int | None) -> KeyInfo:
    """Return information about a row. An expired row is a missing key."""
    return KeyInfo(key.encode(), ttl=ttl, size=None if ttl == TTL_MISSING else size)


def placeholders(parameters: Sequence[Any]) -> str:
    """Return the placeholders for a list of parameters."""
    return ", ".join(["%s"] * len(parameters))


def count_or_none(count: int) -> int | None:
    """Return the number of rows including expired ones, or None if not all were counted."""
    return count if count <= MAX_COUNTED_ROWS else None


def key_collation(connection: BaseDatabaseWrapper, table: str) -> str:
    """Return the collation of a table's keys; empty if it or the table is unknown."""
    query = COLLATION_QUERIES.get(connection.vendor)
    if query is None:
        return ""
    known = _collations.setdefault(connection, {})
    if not known.get(table):
        with connection.cursor() as cursor:
            cursor.execute(query, [table])
            row = cursor.fetchone()
        known[table] = str(row[0]) if row else ""
    return known[table]


def orders_by_code_point(connection: BaseDatabaseWrapper, table: str) -> bool:
    """Return whether a database sorts keys by code points, which a range of keys requires."""
    if connection.vendor == "sqlite":
        return True
    collation = key_collation(connection, table)
    return collation in CODE_POINT_COLLATIONS or collation.endswith("_bin")


def prefix_upper_bound(prefix: str) -> str:
    """Return the smallest text that is greater than all texts with a prefix, or an empty string."""
    start = prefix.rstrip(LAST_CODE_POINT)
    if not start:
        return ""
    following = ord(start[-1]) + 1
    return start[:-1] + chr(SURROGATES.stop if following in SURROGATES else following)


class CacheRow(NamedTuple):
    """A row as a search examines it."""

    key: str
    is_unexpired: bool
    row_count: int | None
    """The number of rows to examine. Only set in the first rows."""

    ttl: int | None
    size: int | None


@dataclass(frozen=True)
class CacheTable:
    """A table, and the connection to its database.

    Statements contain these placeholders:

    - `$table`, `$key`, `$value`, `$expires`: quoted names
    - `$length`: the function that returns the length of a value
    - `$size`: an expression from which `size` computes the length of a value
    - `$same`: the condition that a value equals the parameter
    """

    name: str
    connection: BaseDatabaseWrapper

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Protect a surrounding transaction from errors, and explain errors of a missing table."""
        inside = self.connection.in_atomic_block
        try:
            with transaction.atomic(self.connection.alias) if inside else nullcontext():
                yield
        except DatabaseError as error:
            if not self.is_missing(error):
                raise
            message = _(
                'There is no table "%(table)s" in the database "%(database)s". '
                'To create it, run "manage.py createcachetable".'
            )
            names = {"table": self.name, "database": self.connection.alias}
            raise ProgrammingError(message % names) from error

    def is_missing(self, error: DatabaseError) -> bool:
        """Return whether a statement failed because the table doesn't exist."""
        is_down = isinstance(error, OperationalError) and self.connection.vendor != "sqlite"
        if is_down or isinstance(error, TransactionManagementError):
            return False
        introspection = self.connection.introspection
        return introspection.identifier_converter(self.name) not in introspection.table_names()

    def format_sql(self, statement: str) -> str:
        """Return a statement with the placeholders replaced."""
        vendor, quote = self.connection.vendor, self.connection.ops.quote_name
        names = {
            "table": quote(self.name),
            "key": quote("cache_key"),
            "value": quote("value"),
            "expires": quote("expires"),
            "length": LENGTH_FUNCTIONS.get(vendor, "LENGTH"),
        }
        names["size"] = "rowid" if self.reads_blobs else f"{names['length']}({names['value']})"
        same = Template(SAME_VALUE_CONDITIONS.get(vendor, "$value = %s")).substitute(names)
        return Template(statement).substitute(names, same=same)

    def select(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Execute a query and return its rows."""
        with self.savepoint(), self.connection.cursor() as cursor:
            cursor.execute(self.format_sql(statement), parameters)
            return list(cursor.fetchall())

    def execute(self, statement: str, *parameters: Any) -> int:
        """Execute a statement and return the number of changed or deleted rows."""
        with self.savepoint(), self.connection.cursor() as cursor:
            cursor.execute(self.format_sql(statement), parameters)
            return int(cursor.rowcount)

    def is_same_row(self, key: str | None, other: str) -> bool:
        """Return whether the database takes another key for this one.

        It may ignore case, accents, or spaces at the end.
        """
        return (key,) in self.select("SELECT $key FROM $table WHERE $key = %s", other)

    def execute_for_unexpired(self, statement: str, keys: Sequence[bytes], *parameters: Any) -> int:
        """Execute a statement without a WHERE clause for those of the keys that aren't expired.

        Returns the number of changed or deleted rows.
        """
        return sum(
            self.execute(
                f"{statement} WHERE $key IN ({placeholders(names)}) AND {IS_UNEXPIRED}",
                *parameters,
                *names,
                self.now_parameter(),
            )
            for names in batch_row_keys(keys)
        )

    def limit_clause(self, rows: int) -> str:
        """Return the end of a query that returns at most this many rows."""
        return self.connection.ops.limit_offset_sql(0, rows)

    def where_clause(self, prefix: str, after: str = "") -> tuple[str, list[str]]:
        """Return the condition for the rows with a prefix and after a key, and its parameters.

        If the database doesn't sort by code points, it applies to rows with other prefixes, too.
        """
        bounds: list[tuple[str, str]] = []
        if after:  # Empty on the first page. For Oracle, an empty string is NULL.
            bounds.append(("$key > %s", after))
        if prefix and orders_by_code_point(self.connection, self.name):
            bounds += [] if after else [("$key >= %s", prefix)]
            end = prefix_upper_bound(prefix)
            bounds += [("$key < %s", end)] if end else []
        conditions = " AND ".join(condition for condition, _value in bounds)
        return f"WHERE {conditions}" if bounds else "", [value for _condition, value in bounds]

    def count_query(self, condition: str) -> str:
        """Return a query for the number of rows. Pass its result to `count_or_none`."""
        some = f"SELECT 1 AS one FROM $table {condition} {self.limit_clause(MAX_COUNTED_ROWS + 1)}"
        return f"SELECT COUNT(*) FROM ({some}) counted"

    def count(self, prefix: str = "") -> int | None:
        """Return the number of rows including expired ones, or None if there are too many."""
        condition, parameters = self.where_clause(prefix)
        ((row_count,),) = self.select(self.count_query(condition), *parameters)
        return count_or_none(row_count)

    def rows(
        self,
        prefix: str,
        after: str = "",
        *,
        columns: Collection[str] = (),
        limit: int = ROWS_PER_QUERY,
        is_counted: bool = False,
    ) -> Iterator[CacheRow]:
        """Yield the rows that `where_clause` selects, in the order of their keys.

        Args:
            prefix, after: as for `where_clause`.
            columns: what to read in addition to the key: `ttl`, `size`.
            limit: the number of rows of the first query.
            is_counted: whether the rows of the first query have the number of all rows.
        """
        expires = "$expires" if "ttl" in columns else "NULL"
        size = "$size" if "size" in columns else "NULL"
        while True:
            condition, parameters = self.where_clause(prefix, after)
            count_condition, count_parameters = (
                self.where_clause(prefix) if is_counted else ("", [])
            )
            count = f"({self.count_query(count_condition)})" if is_counted else "NULL"
            rows = self.select(
                f"SELECT $key, CASE WHEN {IS_UNEXPIRED} THEN 1 ELSE 0 END, {count}, {expires}, "
                f"{size} FROM $table {condition} ORDER BY $key {self.limit_clause(limit)}",
                self.now_parameter(),
                *count_parameters,
                *parameters,
            )
            yield from [self._make_row(*row) for row in rows]
            if len(rows) < limit:
                return
            after, limit, is_counted = rows[-1][0], ROWS_PER_QUERY, False

    def _make_row(
        self, key: str, is_unexpired: int, row_count: Any, expires: Any, size: Any
    ) -> CacheRow:
        ttl = None if expires is None else self.ttl(expires)
        return CacheRow(key, bool(is_unexpired), row_count, ttl, self.size(size))

    @property
    def reads_blobs(self) -> bool:
        """Whether values are read as blobs, because SQLite's functions load complete values.

        See https://www.sqlite.org/c3ref/blob_open.html
        """
        return self.connection.vendor == "sqlite"

    def size(self, measured: int | None) -> int | None:
        """Return the length of a value for a selected `$size`."""
        if measured is None or not self.reads_blobs:
            return measured
        with self._blob(measured) as blob:
            return len(blob)

    def read_part(self, key: str | None, start: int, length: int) -> tuple[int, str] | None:
        """Return the length and a part of a value, or None if the key is missing or expired."""
        where = f"FROM $table WHERE $key = %s AND {IS_UNEXPIRED}"
        if not self.reads_blobs:
            measured = f"SELECT $size, SUBSTR($value, %s, %s) {where}"
            for size, value in self.select(measured, start + 1, length, key, self.now_parameter()):
                return size, "" if value is None else str(self.connection.ops.process_clob(value))
            return None
        for (row,) in self.select(f"SELECT rowid {where}", key, self.now_parameter()):
            with self._blob(row) as blob:
                blob.seek(min(start, len(blob)))
                return len(blob), blob.read(length).decode()
        return None

    def read_starts(self, keys: Sequence[str], length: int) -> dict[str, tuple[int, str]]:
        """Return the lengths and the starts of values that aren't expired, in one query."""
        columns = "$size, NULL" if self.reads_blobs else "$size, SUBSTR($value, 1, %s)"
        rows = self.select(
            f"SELECT $key, {columns} FROM $table "
            f"WHERE $key IN ({placeholders(keys)}) AND {IS_UNEXPIRED}",
            *([] if self.reads_blobs else [length]),
            *keys,
            self.now_parameter(),
        )
        return {key: self._start_of_value(size, value, length) for key, size, value in rows}

    def _start_of_value(self, size: int, value: Any, length: int) -> tuple[int, str]:
        if not self.reads_blobs:
            return size, "" if value is None else str(self.connection.ops.process_clob(value))
        with self._blob(size) as blob:
            return len(blob), blob.read(length).decode()

    @contextmanager
    def _blob(self, row: int) -> Iterator[Any]:
        raw: Any = self.connection.connection
        with (
            self.connection.wrap_database_errors,
            raw.blobopen(self.name, "value", row, readonly=True) as blob,
        ):
            yield blob

    # Expiries have the type and time zone of the database, as in the backend.

    def now_parameter(self) -> Any:
        """Return the parameter to compare expiries with."""
        return self.connection.ops.adapt_datetimefield_value(now())

    def expiry_parameter(self, ttl: int) -> Any:
        """Return the parameter for a TTL that starts now, in whole seconds like the backend's.

        Raises:
            OverflowError: the key would expire after the year 9999.
        """
        expiry = expiry_after(ttl)
        zone = UTC if settings.USE_TZ else None
        try:
            moment = datetime.max if expiry is None else datetime.fromtimestamp(expiry, zone)
        except (OSError, ValueError) as too_far:
            raise OverflowError(ttl) from too_far
        return self.connection.ops.adapt_datetimefield_value(moment.replace(microsecond=0))

    def ttl(self, expires: Any) -> int:
        """Return the TTL for a selected expiry: milliseconds, `TTL_NONE` or `TTL_MISSING`."""
        expression = models.Expression(output_field=models.DateTimeField())
        converters = [
            *self.connection.ops.get_db_converters(expression),
            *expression.get_db_converters(self.connection),
        ]
        for convert in converters:
            expires = convert(expires, expression, self.connection)
        if expires.year == NO_EXPIRY_YEAR:
            return TTL_NONE
        remaining = (expires - now()).total_seconds()
        return int(remaining * 1000) if remaining > 0 else TTL_MISSING

    def ignores_case(self) -> bool | None:
        """Return whether the database finds keys in another case, or None if no key has letters.

        The collation of the column decides, which databases report in different ways.
        """
        for (key,) in self.select(f"SELECT $key FROM $table ORDER BY $key {self.limit_clause(10)}"):
            if (other_case := key.swapcase()) != key:
                found = self.select("SELECT $key FROM $table WHERE $key = %s", other_case)
                return (key,) in found
        return None

    def count_rows(self) -> tuple[int, int, int]:
        """Return the numbers of rows, of those that never expire, and of expired ones.

        No more than `MAX_COUNTED_ROWS` + 1 rows are counted.
        """
        row_count, never, expired = self.select(
            "SELECT COUNT(*), "
            "SUM(CASE WHEN $expires >= %s THEN 1 ELSE 0 END), "
            "SUM(CASE WHEN $expires < %s THEN 1 ELSE 0 END) "
            f"FROM (SELECT $expires FROM $table {self.limit_clause(MAX_COUNTED_ROWS + 1)}) counted",
            self.expiry_parameter(TTL_NONE),
            self.now_parameter(),
        )[0]
        return row_count, int(never or 0), int(expired or 0)

    def keyspace_info(self, max_entries: int) -> InfoSection:
        """Return the number of rows, how many of them are expired, and the size of the table."""
        row_count, never, expired = self.count_rows()
        fields = (
            InfoField(_("Table"), self.name, Unit.CODE),
            InfoField(_("Database"), self.connection.alias, Unit.CODE),
            *self.size_fields(row_count),
        )
        if count_or_none(row_count) is None:
            note = _("There are more than %(rows)s rows, too many to count.")
            return InfoSection(_("Keyspace"), fields, note=note % {"rows": f"{MAX_COUNTED_ROWS:,}"})
        counts = (
            InfoField(_("Never expire"), never, Unit.ENTRIES),
            InfoField(_("Expired, not yet removed"), expired, Unit.ENTRIES),
            *fields,
        )
        entries = InfoField(_("Entries"), row_count, Unit.ENTRIES, maximum=max_entries)
        return InfoSection(_("Keyspace"), counts, headline=entries)

    def size_fields(self, rows: int) -> tuple[InfoField, ...]:
        """Return the size of the table if the database knows it, or of the values if few."""
        known_size = TABLE_SIZE_QUERIES.get(self.connection.vendor)
        if known_size:
            name = self.connection.ops.quote_name(self.name)
            ((size,),) = self.select(known_size, name)
            return (InfoField(_("Size"), int(size), Unit.BYTES),)
        if rows > MAX_MEASURED_ROWS:
            return ()
        ((size,),) = self.select("SELECT SUM($length($value)) FROM $table")
        return (InfoField(_("Size of values"), int(size or 0), Unit.BYTES),)
