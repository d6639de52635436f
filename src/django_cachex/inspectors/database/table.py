"""The table of a `DatabaseCache` on one of its databases, and what differs between vendors."""

from __future__ import annotations

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

from django_cachex.inspectors.entries import GONE, NEVER
from django_cachex.inspectors.pickled import expiry_after

Row = tuple[Any, ...]

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

    def select(self, statement: str, *parameters: Any) -> list[Row]:
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
            return NEVER
        left = (expires - now()).total_seconds()
        return int(left * 1000) if left > 0 else GONE


def placeholders(parameters: Sequence[Any]) -> str:
    """Return what stands in a statement for a list of parameters."""
    return ", ".join(["%s"] * len(parameters))
