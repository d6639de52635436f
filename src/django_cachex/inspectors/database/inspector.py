"""How the cache in a table is listed, read and changed."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Hashable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Final

from django.db import DataError, IntegrityError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from django_cachex.conf import limits
from django_cachex.inspectors.base import file_id, resolve
from django_cachex.inspectors.database.table import (
    KEYS_AT_ONCE,
    LIVE,
    MOST_COUNTED,
    PIECE,
    ROWS_AT_ONCE,
    CacheTable,
    Row,
    TableWalk,
    count,
    described,
    from_base64,
    in_base64,
    keyspace,
    known,
    length_in_base64,
    placeholders,
    row_key,
    row_keys,
)
from django_cachex.inspectors.django import (
    PickledInspector,
    candidates_of,
    key_at,
    search,
    timeout,
    without_expiry,
)
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    Copy,
    ExtendTtl,
    Outcome,
    Rename,
    Result,
    SetTtl,
    SetValue,
    Tally,
)
from django_cachex.inspectors.info import FlushPlan, Section, Status
from django_cachex.inspectors.keys import decode_text, encode_text
from django_cachex.inspectors.query import BEGINNING, Query, Scope, Window
from django_cachex.inspectors.types import (
    TTL_MISSING,
    TTL_NONE,
    Changed,
    Description,
    Entry,
    Listing,
)
from django_cachex.inspectors.values import fingerprint

NO_TEXT: Final[re.Pattern[str]] = re.compile(r"[\0\ud800-\udfff]")
"""What no database holds in a text."""


def database_ids(connection: BaseDatabaseWrapper) -> frozenset[str]:
    """Return where a database is; two connections of `DATABASES` may lead to one."""
    given = connection.settings_dict
    name, host, port = str(given["NAME"]), str(given["HOST"]), str(given["PORT"])
    if connection.vendor == "sqlite":
        is_file = ":memory:" not in name and "mode=memory" not in name
        return frozenset((file_id(name) if is_file else name,))
    places = resolve(host, int(port)) if host and port.isdecimal() else {f"{host}:{port}"}
    return frozenset(f"{connection.vendor} {place} {name}" for place in places)


def narrowed(beginning: str, least: int, query: Query) -> str:
    """Return how much of a beginning to look for: no more than leads to keys that are excluded.

    So the same rows are walked through, whatever somebody guesses of what follows there.
    """
    if not query.excludes(encode_text(beginning)):
        return beginning
    ends = range(least, len(beginning) + 1)
    return beginning[
        : max(least, next(end for end in ends if query.excludes(encode_text(beginning[:end]))) - 1)
    ]


class DatabaseInspector(PickledInspector):
    """A table on the databases that the project's routers choose.

    Reads go where the application's reads go, changes where its changes go. Sizes are those of
    the column: pickles in base64.
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

    def store_ids(self) -> frozenset[str]:
        """Return the table with the address of each database that it is read or changed in."""
        tables = (self.reading, self.writing)
        places = {place for table in tables for place in database_ids(table.connection)}
        return frozenset(f"{place} {self.cache._table}" for place in places)

    def status(self) -> Status:
        started = time.perf_counter()
        rows = count(self.reading)
        return Status(keys=rows, latency=time.perf_counter() - started)

    # Keys.

    def scan(self, query: Query, token: str, want: int, deadline: float) -> Listing:
        """Walk the primary key and match here, not in SQL.

        So a query looks at a known number of rows, the deadline holds for tables of any size, and
        keys are compared alike on every vendor: exactly. Where the index has the order of the
        texts, only those rows are walked through that begin as the keys do that are looked for.
        """
        everything = query.pattern.matches_all and not query.filters
        most = want + 1 if everything else ROWS_AT_ONCE
        walk = TableWalk(self.reading, self.beginning(query), query.columns(self.figures))
        counted = 0 if query.exclude else MOST_COUNTED + 1
        rows = walk.rows(key_at(token, self.keys_from), most, counted)
        first = next(rows, None)
        if first is None and query.exclude is None:
            return Listing((), "", 0, None)
        means = self.meaning(query)
        candidates = candidates_of(
            rows if first is None else chain([first], rows),
            attrgetter("key"),
            lambda row: row.is_live and means(row.key) and self.passes(row, query),
            query,
        )
        total = first.counted if first is not None and not query.exclude else self.total(query)
        return search(candidates, want, deadline, known(total or 0))

    def total(self, query: Query) -> int:
        """Return how many rows there are in a scope, whatever is looked for in it.

        How many of those begin so that are excluded would tell what they are called.
        """
        before = decode_text(self.reach(query.scope).before)
        return TableWalk(self.reading, before, frozenset()).count(MOST_COUNTED + 1)

    def keys_from(self, beginning: str) -> Iterator[str]:
        """Yield the keys that begin so, in their order."""
        walk = TableWalk(self.reading, beginning, frozenset())
        return (row.key for row in walk.rows("", KEYS_AT_ONCE, 0))

    def passes(self, row: Row, query: Query) -> bool | None:
        return query.passes(Description(row.key.encode(), ttl=row.ttl, size=row.size))

    def beginning(self, query: Query) -> str:
        """Return what all keys begin with that a query can mean."""
        before = decode_text(self.reach(query.scope).before)
        if query.scope is Scope.VERSIONS:
            return before
        beginning, *_rest = NO_TEXT.split(before + query.pattern.literals[0], maxsplit=1)
        return narrowed(str(beginning), len(before), query)

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[Description]:
        table = self.reading
        size = "$size" if "size" in columns else "NULL"
        found: dict[str, Description] = {}
        for names in row_keys(keys):
            rows = table.select(
                f"SELECT $key, $expires, {size} FROM $table WHERE $key IN ({placeholders(names)})",
                *names,
            )
            for name, expires, length in rows:
                found[name] = described(name, table.ttl(expires), table.size(length))
        return [found.get(row_key(key) or "", Description(key, ttl=TTL_MISSING)) for key in keys]

    def read(self, stored: bytes, window: Window = BEGINNING) -> Entry | None:
        limit, table, key = limits(), self.reading, row_key(stored)
        rows = table.select(
            f"SELECT $key, $expires FROM $table WHERE $key = %s AND {LIVE}", key, table.now()
        )
        for found, expires in rows:
            # A vendor that ignores case finds others.
            part = self.live_value(table, key)
            if found == key and part is not None:
                size, text = part
                is_whole = len(text) == size
                if not is_whole:
                    text = text[: length_in_base64(window.bytes_shown(limit))]
                description = described(found, table.ttl(expires), size)
                pickled_size = None if is_whole else size // 4 * 3
                return self.entry(description, from_base64(text), pickled_size, window)
        return None

    # Changes.

    def add(self, stored: bytes, edit: AddValue) -> Outcome:
        key, table = row_key(stored), self.writing
        reason = _("A database cache can't store this key.") if key is None else self.refusal(key)
        if reason:
            return Outcome(Result.REFUSED, reason)
        table.expiry_after(edit.ttl)  # The backend's own would raise whatever the platform raises.
        table.change("DELETE FROM $table WHERE $key = %s AND $expires < %s", key, table.now())
        with table.guarded():
            # What `set` and `add` do with a stored key: it makes room first.
            mode = "set" if edit.replace else "add"
            if self.cache._base_set(mode, key, edit.value, timeout(edit.ttl)):
                return Outcome(Result.DONE)
        if not edit.replace and self.is_there(table, key):
            return Outcome(Result.EXISTS)
        reason = _("The database refused it. Keys can have at most 255 characters.")
        return Outcome(Result.REFUSED, reason)

    def is_there(self, table: CacheTable, key: str | None) -> bool:
        """Return whether there is a live row of a key."""
        found = f"SELECT 1 FROM $table WHERE $key = %s AND {LIVE}"
        return bool(table.select(found, key, table.now()))

    def live_value(self, table: CacheTable, key: str | None) -> tuple[int, str] | None:
        """Return the length of what a live row holds, and as much of it as is ever decoded."""
        return table.part(key, 0, length_in_base64(limits().decode_bytes))

    def set_value(self, stored: bytes, edit: SetValue) -> Outcome:
        """Compare and set in one UPDATE: it finds no row if the value is another by then."""
        key, table = row_key(stored), self.writing
        part = self.live_value(table, key)
        if part is None:
            return Outcome(Result.GONE)
        size, old = part
        if len(old) < size or fingerprint(from_base64(old)) != edit.expected:
            return Outcome(Result.CHANGED)
        changes: dict[str, Any] = {"$value": in_base64(self.pickled(edit.value))}
        if edit.ttl is not KEEP:
            changes["$expires"] = table.expiry_after(edit.ttl)
        assignments = ", ".join(f"{column} = %s" for column in changes)
        done = table.change(
            f"UPDATE $table SET {assignments} WHERE $key = %s AND $same",
            *changes.values(),
            key,
            old,
        )
        return Outcome(Result.DONE if done else Result.CHANGED)

    def set_ttl(self, stored: bytes, edit: SetTtl) -> Outcome:
        table = self.writing
        done = table.change(
            f"UPDATE $table SET $expires = %s WHERE $key = %s AND {LIVE}",
            table.expiry_after(edit.ttl),
            row_key(stored),
            table.now(),
        )
        return Outcome(Result.DONE if done else Result.GONE)

    def expire_each(self, keys: Sequence[bytes], ttl: int) -> Tally:
        table = self.writing
        try:
            until = table.expiry_after(ttl)
        except OverflowError:
            return super().expire_each(keys, ttl)  # Each is refused, with the reason.
        done = sum(
            table.change(
                f"UPDATE $table SET $expires = %s WHERE $key IN ({placeholders(names)}) AND {LIVE}",
                until,
                *names,
                table.now(),
            )
            for names in row_keys(keys)
        )
        return Tally(done, len(keys) - done)

    def extend_ttl(self, stored: bytes, edit: ExtendTtl) -> Outcome:
        table, key = self.writing, row_key(stored)
        rows = table.select(
            f"SELECT $expires FROM $table WHERE $key = %s AND {LIVE}", key, table.now()
        )
        if not rows:
            return Outcome(Result.GONE)
        left = table.ttl(rows[0][0])
        if left == TTL_NONE:
            return without_expiry()
        # Whole seconds: a millisecond more than was cut off keeps the second that it is in.
        done = table.change(
            f"UPDATE $table SET $expires = %s WHERE $key = %s AND {LIVE}",
            table.expiry_after(left + 1 + edit.by),
            key,
            table.now(),
        )
        return Outcome(Result.DONE if done else Result.GONE)

    def rename_here(self, stored: bytes, edit: Rename) -> Outcome:
        statement = f"UPDATE $table SET $key = %s WHERE $key = %s AND {LIVE}"
        return self.put(statement, stored, edit)

    def copy_here(self, stored: bytes, edit: Copy) -> Outcome:
        statement = (
            "INSERT INTO $table ($key, $value, $expires) "
            f"SELECT %s, $value, $expires FROM $table WHERE $key = %s AND {LIVE}"
        )
        return self.put(statement, stored, edit)

    def put(self, statement: str, stored: bytes, edit: Rename | Copy) -> Outcome:
        """Let a statement make a row of another key, in one transaction with what it replaces."""
        table, key, to = self.writing, row_key(stored), row_key(edit.to)
        if to is None or self.refusal(to):
            return Outcome.refused(_("A database cache can't store this key."))
        try:
            with transaction.atomic(table.connection.alias):
                if not self.is_there(table, key):
                    return Outcome(Result.GONE)
                if not edit.overwrite and self.is_there(table, to):
                    return Outcome(Result.EXISTS)
                table.change("DELETE FROM $table WHERE $key = %s", to)
                done = table.change(statement, to, key, table.now())
        except IntegrityError:
            return Outcome(Result.EXISTS)
        except DataError:
            return Outcome.refused(
                _("The database refused it. Keys can have at most 255 characters.")
            )
        return Outcome(Result.DONE if done else Result.GONE)

    def chunks(self, stored: bytes) -> Iterator[bytes]:
        key, table = row_key(stored), self.reading
        size, at = None, 0
        while size is None or at < size:
            part = table.part(key, at, PIECE)
            length, text = (0, "") if part is None else part
            size = length if size is None else size
            if length != size or len(text) != min(PIECE, size - at):
                raise Changed
            at += len(text)
            # What is not in base64 has another length than that, or is taken for it as a whole.
            yield from_base64(text) if size % 4 == 0 else text.encode()

    def delete(self, keys: Sequence[bytes]) -> int:
        """Delete live rows; expired ones are no keys and stay until the backend culls them."""
        table = self.writing
        return sum(
            table.change(
                f"DELETE FROM $table WHERE $key IN ({placeholders(names)}) AND {LIVE}",
                *names,
                table.now(),
            )
            for names in row_keys(keys)
        )

    def flush_plan(self) -> FlushPlan:
        table = self.writing
        names = {"table": table.name, "database": table.connection.alias}
        return FlushPlan(
            act=f"DELETE FROM {table.name} on {table.connection.alias}",
            scope=_(
                "All rows of the table “%(table)s” in the database “%(database)s”: the keys "
                "of all aliases that use it, whatever their prefix."
            )
            % names,
            entries=count(table),
        )

    def flush(self) -> int:
        return self.writing.change("DELETE FROM $table")

    def info(self) -> Sequence[Section]:
        table = self.reading
        return (keyspace(table, self.cache._max_entries), self.culling())
