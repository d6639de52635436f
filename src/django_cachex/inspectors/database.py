"""Inspector of `DatabaseCache`."""

from __future__ import annotations

import base64
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
from django_cachex.inspectors.base import file_id, resolve_addresses
from django_cachex.inspectors.cache_table import (
    IS_UNEXPIRED,
    MAX_KEYS_PER_STATEMENT,
    ROWS_PER_QUERY,
    VALUE_CHUNK_SIZE,
    CacheRow,
    CacheTable,
    base64_length,
    batch_row_keys,
    count_or_none,
    decode_row_value,
    placeholders,
    row_info,
    to_row_key,
)
from django_cachex.inspectors.django import (
    DjangoBackendInspector,
    no_expiry_result,
    parse_page_token,
    scan_rows,
    timeout_for,
)
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    BulkResult,
    Copy,
    EditResult,
    EditStatus,
    Expire,
    ExtendTTL,
    Rename,
    SetValue,
)
from django_cachex.inspectors.health import Capacity, StoreFacts
from django_cachex.inspectors.info import FlushPreview, InfoSection, Status
from django_cachex.inspectors.keys import decode_text, encode_text
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage, Query, Scope
from django_cachex.inspectors.types import (
    TTL_MISSING,
    TTL_NONE,
    KeyChanged,
    KeyInfo,
    KeyValue,
    ReadState,
    ScanPage,
    SmallValue,
)
from django_cachex.inspectors.values import decode, fingerprint

INVALID_CHARACTERS: Final[re.Pattern[str]] = re.compile(r"[\0\ud800-\udfff]")
"""Characters that databases can't store in text."""

SET_EXPIRY: Final = "UPDATE $table SET $expires = %s"


def database_ids(connection: BaseDatabaseWrapper) -> frozenset[str]:
    """Return the address of a database. Several of `DATABASES` may have the same one."""
    settings = connection.settings_dict
    name, host, port = str(settings["NAME"]), str(settings["HOST"]), str(settings["PORT"])
    if connection.vendor == "sqlite":
        is_file = ":memory:" not in name and "mode=memory" not in name
        return frozenset((file_id(name) if is_file else name,))
    addresses = (
        resolve_addresses(host, int(port)) if host and port.isdecimal() else {f"{host}:{port}"}
    )
    return frozenset(f"{connection.vendor} {address} {name}" for address in addresses)


def limit_prefix(prefix: str, min_length: int, query: Query) -> str:
    """Return the longest part of a prefix that doesn't match excluded keys only.

    Otherwise, the number of examined rows would reveal whether keys with a guessed prefix exist.
    """
    if not query.is_excluded(encode_text(prefix)):
        return prefix
    ends = range(min_length, len(prefix) + 1)
    return prefix[
        : max(
            min_length,
            next(end for end in ends if query.is_excluded(encode_text(prefix[:end]))) - 1,
        )
    ]


class DatabaseInspector(DjangoBackendInspector):
    """A table on the databases that the database routers choose for reading and writing.

    Sizes are those of the column, which contains pickles in Base64.
    """

    @property
    def read_table(self) -> CacheTable:
        """The table on the database for reading."""
        database = router.db_for_read(self.cache.cache_model_class)
        return CacheTable(self.cache._table, connections[database])

    @property
    def write_table(self) -> CacheTable:
        """The table on the database for writing."""
        database = router.db_for_write(self.cache.cache_model_class)
        return CacheTable(self.cache._table, connections[database])

    @property
    def location(self) -> str:
        return _("table %(table)s") % {"table": self.cache._table}

    @property
    def configured_store_id(self) -> Hashable:
        return ("database", self.write_table.connection.alias, self.cache._table)

    def fetch_store_ids(self) -> frozenset[str]:
        """Return the table with the address of each database that it is read or changed on."""
        tables = (self.read_table, self.write_table)
        addresses = {address for table in tables for address in database_ids(table.connection)}
        return frozenset(f"{address} {self.cache._table}" for address in addresses)

    def status(self) -> Status:
        started = time.perf_counter()
        rows = self.read_table.count()
        return Status(keys=rows, latency=time.perf_counter() - started)

    # Keys.

    def scan(self, query: Query, token: str, limit: int, deadline: float) -> ScanPage:
        """Iterate over the primary key, and match keys in Python instead of SQL.

        This bounds the number of rows that each query examines, so that the deadline holds for
        tables of any size, and matches keys exactly on every database. If the index is ordered by
        code points, only rows with the right prefix are examined.
        """
        everything = query.pattern.matches_all and not query.filters
        rows = self.read_table.rows(
            self.scan_prefix(query),
            parse_page_token(token, self.keys_from),
            columns=query.required_columns(self.optional_columns),
            limit=limit + 1 if everything else ROWS_PER_QUERY,
            is_counted=query.exclude is None,
        )
        first = next(rows, None)
        if query.exclude is not None:
            # The number of rows with the prefix of excluded keys would reveal their names.
            total = self.read_table.count(decode_text(self.key_range(query.scope).prefix))
        elif first is None:
            return ScanPage((), "", 0, None)
        else:
            total = count_or_none(first.row_count or 0)
        is_match = self.key_filter(query)
        return scan_rows(
            rows if first is None else chain([first], rows),
            attrgetter("key"),
            lambda row: row.is_unexpired and is_match(row.key) and self.matches_filters(row, query),
            query,
            limit=limit,
            deadline=deadline,
            total=total,
        )

    def keys_from(self, prefix: str) -> Iterator[str]:
        """Yield the keys with a given prefix, in order."""
        return (row.key for row in self.read_table.rows(prefix, limit=MAX_KEYS_PER_STATEMENT))

    def matches_filters(self, row: CacheRow, query: Query) -> bool | None:
        return query.matches(KeyInfo(row.key.encode(), ttl=row.ttl, size=row.size))

    def scan_prefix(self, query: Query) -> str:
        """Return the common prefix of all keys that a query can match."""
        prefix = decode_text(self.key_range(query.scope).prefix)
        if query.scope is Scope.VERSIONS:
            return prefix
        literal, *_rest = INVALID_CHARACTERS.split(prefix + query.pattern.literals[0], maxsplit=1)
        return limit_prefix(str(literal), len(prefix), query)

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[KeyInfo]:
        table = self.read_table
        size = "$size" if "size" in columns else "NULL"
        infos: dict[str, KeyInfo] = {}
        for names in batch_row_keys(keys):
            rows = table.select(
                f"SELECT $key, $expires, {size} FROM $table WHERE $key IN ({placeholders(names)})",
                *names,
            )
            for name, expires, length in rows:
                infos[name] = row_info(name, table.ttl(expires), table.size(length))
        return [infos.get(to_row_key(key) or "", KeyInfo(key, ttl=TTL_MISSING)) for key in keys]

    def read(self, stored: bytes, page: ElementPage = FIRST_PAGE) -> KeyValue | None:
        allowed, table, key = limits(), self.read_table, to_row_key(stored)
        rows = table.select(
            f"SELECT $key, $expires FROM $table WHERE $key = %s AND {IS_UNEXPIRED}",
            key,
            table.now_parameter(),
        )
        for name, expires in rows:
            # A case-insensitive database finds other keys, too.
            value = self.live_value(table, key)
            if name == key and value is not None:
                size, text = value
                is_whole = len(text) == size
                if not is_whole:
                    text = text[: base64_length(page.max_bytes(allowed))]
                info = row_info(name, table.ttl(expires), size)
                pickled_size = None if is_whole else size // 4 * 3
                return self.make_key_value(info, decode_row_value(text), pickled_size, page)
        return None

    def read_small(self, keys: Sequence[bytes], max_bytes: int) -> Iterator[SmallValue]:
        values: dict[str, tuple[int, str]] = {}
        for names in batch_row_keys(keys):
            values |= self.read_table.read_starts(names, base64_length(max_bytes))
        for stored in keys:
            size, text = values.get(to_row_key(stored) or "", (None, ""))
            if size is None:
                yield SmallValue(stored, ReadState.GONE)
            elif len(text) < size:
                yield SmallValue(stored, ReadState.TOO_LARGE)
            else:
                raw = decode_row_value(text)
                content = decode(raw, value_format=self.value_format, limit=max_bytes)
                yield SmallValue.of(stored, [content])

    # Changes.

    def add(self, stored: bytes, edit: AddValue) -> EditResult:
        key, table = to_row_key(stored), self.write_table
        reason = _("A database cache can't store this key.") if key is None else self.key_error(key)
        if reason:
            return EditResult(EditStatus.REFUSED, reason)
        table.expiry_parameter(edit.ttl)  # Raises OverflowError; the backend's exceptions vary.
        table.execute(
            "DELETE FROM $table WHERE $key = %s AND $expires < %s", key, table.now_parameter()
        )
        with table.savepoint():
            # As in the backend's `set` and `add`: culls entries first.
            mode = "set" if edit.replace else "add"
            if self.cache._base_set(mode, key, edit.value, timeout_for(edit.ttl)):
                return EditResult(EditStatus.DONE)
        if not edit.replace and self.has_live_row(table, key):
            return EditResult(EditStatus.EXISTS)
        reason = _("The database refused it. Keys can have at most 255 characters.")
        return EditResult(EditStatus.REFUSED, reason)

    def has_live_row(self, table: CacheTable, key: str | None) -> bool:
        """Return whether a key has a row that isn't expired."""
        statement = f"SELECT 1 FROM $table WHERE $key = %s AND {IS_UNEXPIRED}"
        return bool(table.select(statement, key, table.now_parameter()))

    def live_value(self, table: CacheTable, key: str | None) -> tuple[int, str] | None:
        """Return the length of a key's value, and as much of it as is ever decoded."""
        return table.read_part(key, 0, base64_length(limits().decode_bytes))

    def set_value(self, stored: bytes, edit: SetValue) -> EditResult:
        """Compare and set in one UPDATE, which finds no row if the value has changed."""
        key, table = to_row_key(stored), self.write_table
        value = self.live_value(table, key)
        if value is None:
            return EditResult(EditStatus.GONE)
        size, old = value
        if len(old) < size or fingerprint(decode_row_value(old)) != edit.expected:
            return EditResult(EditStatus.CHANGED)
        changes: dict[str, Any] = {
            "$value": base64.b64encode(self.pickle_value(edit.value)).decode()
        }
        if edit.ttl is not KEEP:
            changes["$expires"] = table.expiry_parameter(edit.ttl)
        assignments = ", ".join(f"{column} = %s" for column in changes)
        updated = table.execute(
            f"UPDATE $table SET {assignments} WHERE $key = %s AND $same",
            *changes.values(),
            key,
            old,
        )
        return EditResult(EditStatus.DONE if updated else EditStatus.CHANGED)

    def set_ttl(self, stored: bytes, edit: Expire) -> EditResult:
        table = self.write_table
        updated = table.execute_for_unexpired(
            SET_EXPIRY, [stored], table.expiry_parameter(edit.ttl)
        )
        return EditResult(EditStatus.DONE if updated else EditStatus.GONE)

    def expire_each(self, keys: Sequence[bytes], ttl: int) -> BulkResult:
        table = self.write_table
        try:
            until = table.expiry_parameter(ttl)
        except OverflowError:
            return super().expire_each(keys, ttl)  # Refuses each key with the reason.
        done = table.execute_for_unexpired(SET_EXPIRY, keys, until)
        return BulkResult(done, len(keys) - done)

    def extend_ttl(self, stored: bytes, edit: ExtendTTL) -> EditResult:
        table = self.write_table
        statement = f"SELECT $expires FROM $table WHERE $key = %s AND {IS_UNEXPIRED}"
        rows = table.select(statement, to_row_key(stored), table.now_parameter())
        if not rows:
            return EditResult(EditStatus.GONE)
        remaining = table.ttl(rows[0][0])
        if remaining == TTL_NONE:
            return no_expiry_result()
        # Expiries are whole seconds: adding the lost fraction keeps the second.
        expires = table.expiry_parameter(remaining + 1 + edit.by)
        updated = table.execute_for_unexpired(SET_EXPIRY, [stored], expires)
        return EditResult(EditStatus.DONE if updated else EditStatus.GONE)

    def put(self, stored: bytes, edit: Rename | Copy) -> EditResult:
        """Copy or rename a row, replacing another one, in one transaction."""
        statement = f"UPDATE $table SET $key = %s WHERE $key = %s AND {IS_UNEXPIRED}"
        if isinstance(edit, Copy):
            statement = (
                "INSERT INTO $table ($key, $value, $expires) "
                f"SELECT %s, $value, $expires FROM $table WHERE $key = %s AND {IS_UNEXPIRED}"
            )
        table, key, to = self.write_table, to_row_key(stored), to_row_key(edit.to)
        if to is None or self.key_error(to):
            return EditResult.refusal(_("A database cache can't store this key."))
        try:
            with transaction.atomic(table.connection.alias):
                if not self.has_live_row(table, key):
                    return EditResult(EditStatus.GONE)
                is_same = table.is_same_row(key, to)
                may_replace = isinstance(edit, Rename) if is_same else edit.overwrite
                if not may_replace and self.has_live_row(table, to):
                    return EditResult(EditStatus.EXISTS)
                if not is_same:
                    table.execute("DELETE FROM $table WHERE $key = %s", to)
                changed = table.execute(statement, to, key, table.now_parameter())
        except IntegrityError:
            return EditResult(EditStatus.EXISTS)
        except DataError:
            return EditResult.refusal(
                _("The database refused it. Keys can have at most 255 characters.")
            )
        return EditResult(EditStatus.DONE if changed else EditStatus.GONE)

    def iter_chunks(self, stored: bytes) -> Iterator[bytes]:
        key, table = to_row_key(stored), self.read_table
        size, position = None, 0
        while size is None or position < size:
            value = table.read_part(key, position, VALUE_CHUNK_SIZE)
            length, text = (0, "") if value is None else value
            size = length if size is None else size
            if length != size or len(text) != min(VALUE_CHUNK_SIZE, size - position):
                raise KeyChanged
            position += len(text)
            # Text with another length isn't Base64.
            yield decode_row_value(text) if size % 4 == 0 else text.encode()

    def delete(self, keys: Sequence[bytes]) -> int:
        """Delete rows that aren't expired. Expired ones stay until the backend culls them."""
        return self.write_table.execute_for_unexpired("DELETE FROM $table", keys)

    def preview_flush(self) -> FlushPreview:
        table = self.write_table
        names = {"table": table.name, "database": table.connection.alias}
        return FlushPreview(
            command=f"DELETE FROM {table.name} on {table.connection.alias}",
            scope=_(
                'All rows of the table "%(table)s" in the database "%(database)s": the keys '
                "of all caches that use it, whatever their prefix."
            )
            % names,
            entries=table.count(),
        )

    def flush(self) -> int:
        return self.write_table.execute("DELETE FROM $table")

    def info(self) -> Sequence[InfoSection]:
        return (self.read_table.keyspace_info(self.cache._max_entries), self.eviction_info())

    health_facts = frozenset({"capacity", "ignores_case"})

    def fetch_facts(self) -> StoreFacts:
        row_count, _never, expired = self.read_table.count_rows()
        return StoreFacts(
            capacity=Capacity(row_count, self.cache._max_entries, expired),
            ignores_case=self.read_table.ignores_case(),
        )
