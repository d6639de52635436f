"""Caches in a database table (`DatabaseCache`)."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Collection, Hashable, Iterator, Sequence
from typing import Any, Final

from django.db import connections, router
from django.utils.translation import gettext as _

from django_cachex.inspectors.base import (
    GONE,
    KEEP,
    NEVER,
    AddValue,
    Description,
    Entry,
    FlushPlan,
    Listing,
    Outcome,
    Result,
    Section,
    SetTtl,
    SetValue,
    Status,
)
from django_cachex.inspectors.content import fingerprint
from django_cachex.inspectors.database_information import keyspace
from django_cachex.inspectors.database_table import CacheTable, placeholders
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.naming import decode_text, encode_text
from django_cachex.inspectors.patterns import Pattern
from django_cachex.inspectors.pickled import PickledInspector, key_at, timeout, token_at

STRIDE: Final = 5000
"""Rows that one query of a search looks at: some 10 ms, whatever the size of the table."""

MOST_NAMED: Final = 500
"""Keys that one statement names."""


def row_key(stored: bytes) -> str | None:
    """Return a stored key as text, or None where it is none: no database holds such a key."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return None


def row_keys(keys: Sequence[bytes]) -> Iterator[list[str]]:
    """Return keys as text, without duplicates, as many at a time as a statement may name."""
    texts = list(dict.fromkeys(text for text in map(row_key, keys) if text is not None))
    for start in range(0, len(texts), MOST_NAMED):
        yield texts[start : start + MOST_NAMED]


def pickle_in(value: str) -> bytes:
    """Return the pickle that a row's value is the base64 of; text that is none as it is."""
    try:
        return base64.b64decode(value.encode())
    except binascii.Error:
        return value.encode()


class DatabaseInspector(PickledInspector):
    """A table on the databases that the project's routers choose.

    Reads go where the application's reads go, changes where its changes go.
    """

    @property
    def reading(self) -> CacheTable:
        """The table where it is read."""
        database = router.db_for_read(self.cache.cache_model_class)
        return CacheTable(self.cache._table, connections[database])

    @property
    def writing(self) -> CacheTable:
        """The table where it is changed."""
        database = router.db_for_write(self.cache.cache_model_class)
        return CacheTable(self.cache._table, connections[database])

    @property
    def location(self) -> str:
        return _("table %(table)s") % {"table": self.cache._table}

    @property
    def store(self) -> Hashable:
        return ("database", self.writing.connection.alias, self.cache._table)

    def status(self) -> Status:
        started = time.perf_counter()
        rows = self.count()
        return Status(keys=rows, latency=time.perf_counter() - started)

    def count(self) -> int | None:
        """Return how many rows there are, expired ones included, or None for very many."""
        ((counted,),) = self.reading.select(COUNT)
        return total(counted)

    # Keys.

    def scan(
        self, match: Pattern, token: str, want: int, deadline: float, type: str = ""
    ) -> Listing:
        """Walk the primary key and match here, not in SQL.

        So a query looks at a known number of rows, the deadline holds on any table, and every
        vendor's keys are compared alike: exactly.
        """
        walk = KeyWalk(self.reading, decode_text(key_at(token)))
        prefix = decode_text(self.naming.prefix or b"")
        stride = want + 1 if match.matches_all else STRIDE
        found: list[bytes] = []
        while not walk.ended and len(found) < want and (not found ...
