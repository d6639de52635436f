"""Filling stores in seconds: through the driver, or in SQL."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import valkey
from django.core.cache import caches
from django.db import connections, transaction

from django_cachex.inspectors.database.table import CacheTable
from tests import servers

Command = tuple[Any, ...]

AT_ONCE = 10_000
"""Commands, or rows, that are sent together."""

SECTIONS = ("profile", "cart", "feed", "flags", "friends")
VALUE = b'{"name": "Ana", "plan": "pro", "since": 2019, "tags": ["new", "mobile"]}'
DAY = 24 * 3600 * 1000


def key_name(n: int) -> str:
    """Return the key of number `n`, as application code would call it."""
    return f"user:{n}:{SECTIONS[n % len(SECTIONS)]}"


def keys(count: int) -> Iterator[Command]:
    """Yield what stores this many keys: of twenty a hash and a list, of four one for good."""
    for n in range(count):
        stored = f":1:{key_name(n)}"
        if n % 20 == 0:
            yield ("HSET", stored, "name", "Ana", "plan", "pro")
        elif n % 20 == 10:
            yield ("RPUSH", stored, "one", "two", "three")
        elif n % 4 == 1:
            yield ("SET", stored, VALUE)
        else:
            yield ("SET", stored, VALUE, "PX", DAY + n)


def send(server: servers.Server, database: int, commands: Iterable[Command]) -> None:
    """Send commands to a database of a Valkey."""
    commands = iter(commands)
    with valkey.Valkey(port=server.port, db=database) as client:
        while batch := list(islice(commands, AT_ONCE)):
            pipeline = client.pipeline(transaction=False)
            for command in batch:
                pipeline.execute_command(*command)
            pipeline.execute()


def fill_table(alias: str, database: str, count: int) -> None:
    """Store this many keys in the table of a `DatabaseCache`, which exists and is empty."""
    cache: Any = caches[alias]
    connection = connections[database]
    table = CacheTable(cache._table, connection)
    value = base64.b64encode(pickle.dumps(VALUE.decode())).decode("latin1")
    expires = table.expiry_after(DAY)
    rows = ((cache.make_key(key_name(n)), value, expires) for n in range(count))
    statement = table.format_sql("INSERT INTO $table ($key, $value, $expires) VALUES (%s, %s, %s)")
    with transaction.atomic(database), connection.cursor() as cursor:
        while batch := list(islice(rows, AT_ONCE)):
            cursor.executemany(statement, batch)
