"""`DatabaseCache` in the key browser: queries a page, and a large table beside a small one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connections
from django.db.utils import load_backend
from django.test import override_settings

from benchmarks.addresses import LINKS, keys_from, middle
from benchmarks.bench import Bench
from benchmarks.counting import queries
from benchmarks.figure import Figure, Measured
from benchmarks.filling import fill_table, key_name
from tests import servers

OF_CACHE = "queries on the table"
OF_DJANGO = "other queries"
# Django's own: the session, and its user.
GOALS = {OF_CACHE: 2, OF_DJANGO: 2}

DATABASE = "benchmark"
"""The alias of the connection to the database that holds the tables, and nothing else."""


@dataclass(frozen=True)
class Router:
    """Sends cache tables, and nothing else, to the database."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return DATABASE if model._meta.app_label == "django_cache" else None

    db_for_write = db_for_read


def measure(bench: Bench) -> Figure:
    return Figure(
        f"Key browser: a DatabaseCache of {bench.sizes.rows:,} rows",
        "Whole pages of 100 keys. Django's own queries are for the session and its user.",
        GOALS,
        [*on_sqlite(bench), *on_postgresql(bench)],
        (f"of {bench.sizes.rows:,}", f"of {bench.sizes.few_rows:,}"),
    )


def on_sqlite(bench: Bench) -> list[Measured]:
    with tempfile.TemporaryDirectory(prefix="cachex-") as folder:
        file = Path(folder) / "benchmark"
        params = {"ENGINE": "django.db.backends.sqlite3", "NAME": file}
        return measured(bench, "SQLite", params)


def on_postgresql(bench: Bench) -> list[Measured]:
    try:
        with servers.postgresql() as server:
            params = {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "postgres",
                "USER": "postgres",
                "HOST": server.host,
                "PORT": server.port,
            }
            return measured(bench, "PostgreSQL", params)
    except FileNotFoundError as missing:
        return [Measured("PostgreSQL", note=f"not measured: {missing}")]


@contextmanager
def database(params: Mapping[str, Any]) -> Iterator[None]:
    """Connect to the database, beside those of `DATABASES`."""
    complete = {**connections.databases["default"], **params}
    connection = load_backend(complete["ENGINE"]).DatabaseWrapper(complete, DATABASE)
    connections[DATABASE] = connection
    try:
        yield
    finally:
        connection.close()
        del connections[DATABASE]


def measured(bench: Bench, vendor: str, params: Mapping[str, Any]) -> list[Measured]:
    """Return the lines of one vendor."""
    caches = {
        "default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
        "many": table("many"),
        "few": table("few"),
    }
    with database(params), override_settings(CACHES=caches, DATABASE_ROUTERS=[Router()]):
        call_command("createcachetable", database=DATABASE, verbosity=0)
        fill_table("many", DATABASE, bench.sizes.rows)
        fill_table("few", DATABASE, bench.sizes.few_rows)
        many = pages(bench, "many", bench.sizes.rows)
        few = pages(bench, "few", bench.sizes.few_rows)
        return [
            line(bench, f"{vendor}: {what}", url, few_url)
            for (what, url), few_url in zip(many.items(), few.values(), strict=True)
        ]


def table(name: str) -> dict[str, str]:
    return {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": f"cache_{name}"}


def pages(bench: Bench, alias: str, count: int) -> dict[str, str]:
    """Return the URLs of the pages of a table of this many rows."""
    return {
        "first page": LINKS.keys(alias),
        "page in the middle": keys_from(alias, middle(alias, count), bench.visitor.user),
        "search that one key in 5 matches": LINKS.keys(alias, q="*:profile"),
        "search for the exact name of a key": LINKS.keys(alias, q=key_name(count // 2)),
    }


def line(bench: Bench, what: str, many: str, few: str) -> Measured:
    seconds, reference = bench.pages_side_by_side(many, few)
    visit: Callable[[], object] = partial(bench.visitor.open, many)
    counts = {
        OF_CACHE: len(queries(DATABASE, visit)),
        OF_DJANGO: len(queries("default", visit)),
    }
    return Measured(what, counts, seconds, reference)
