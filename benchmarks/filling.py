"""Filling caches quickly, with the driver or in SQL."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import valkey
from django.core.cache import caches
from django.db import connections, transaction

from django_cachex.inspectors.cache_table import CacheTable
from tests import servers

Command = tuple[Any, ...]

BATCH_SIZE = 10_000
"""Commands, or rows, per batch."""

SECTIONS = ("profile", "cart", "feed", "flags", "friends")
VALUE = b'{"name": "Ana", "plan": "pro", "since": 2019, "tags": ["new", "mobile"]}'
DAY = 24 * 3600 * 1000


def key_name(n: int) -> str:
    """Return the `n`-th key, as application code names it."""
    return f"user:{n}:{SECTIONS[n % len(SECTIONS)]}"


def key_commands(count: int) -> Iterator[Command]:
    """Yield commands that store `count` keys: 5 % hashes, 5 % lists, and some without a TTL."""
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


def send_commands(server: servers.Server, database: int, commands: Iterable[Command]) -> None:
    """Send commands to a database of a server."""
    commands = iter(commands)
    with valkey.Valkey(port=server.port, db=database) as client:
        while batch := list(islice(commands, BATCH_SIZE)):
            pipeline = client.pipeline(transaction=False)
            for command in batch:
                pipeline.execute_command(*command)
            pipeline.execute()


def fill_table(alias: str, database: str, count: int) -> None:
    """Store `count` keys in the existing, empty table of a `DatabaseCache`."""
    cache: Any = caches[alias]
    connection = connections[database]
    table = CacheTable(cache._table, connection)
    value = base64.b64encode(pickle.dumps(VALUE.decode())).decode("latin1")
    expires = table.expiry_parameter(DAY)
    rows = ((cache.make_key(key_name(n)), value, expires) for n in range(count))
    statement = table.format_sql("INSERT INTO $table ($key, $value, $expires) VALUES (%s, %s, %s)")
    with transaction.atomic(database), connection.cursor() as cursor:
        while batch := list(islice(rows, BATCH_SIZE)):
            cursor.executemany(statement, batch)
