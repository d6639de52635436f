"""How much there is in the table of a `DatabaseCache`, as far as that can be told quickly."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

from django_cachex.inspectors.database.table import CacheTable
from django_cachex.inspectors.entries import NEVER
from django_cachex.inspectors.facts import Fact, Section, Unit

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
        table.expiry_after(NEVER),
        table.now(),
    )[0]
    place = (
        Fact(_("Table"), table.name, Unit.CODE),
        Fact(_("Database"), table.connection.alias, Unit.CODE),
        *size(table, counted),
    )
    if known(counted) is None:
        note = _("There are more than %(rows)s rows; they were not counted.")
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
