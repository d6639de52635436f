"""`DatabaseCache` in the key browser: queries per page, and large and small tables compared."""

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

from benchmarks.addresses import LINKS, keys_url, middle_position
from benchmarks.bench import Bench
from benchmarks.counting import capture_queries
from benchmarks.figure import Figure, Measurement
from benchmarks.filling import fill_table, key_name
from tests import servers

TABLE_QUERIES = "queries on the table"
OTHER_QUERIES = "other queries"
# Other queries are Django's own, for the session and its user.
GOALS = {TABLE_QUERIES: 2, OTHER_QUERIES: 2}

DATABASE = "benchmark"
"""The alias of the database that contains only the cache tables."""


@dataclass(frozen=True)
class Router:
    """Route cache tables, and no others, to the benchmark's database."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return DATABASE if model._meta.app_label == "django_cache" else None

    db_for_write = db_for_read


def measure(bench: Bench) -> Figure:
    return Figure(
        f"Key browser: a DatabaseCache of {bench.sizes.rows:,} rows",
        "Whole pages of 100 keys. Django's own queries are for the session and its user.",
        GOALS,
        [*measure_sqlite(bench), *measure_postgresql(bench)],
        (f"of {bench.sizes.rows:,}", f"of {bench.sizes.few_rows:,}"),
    )


def measure_sqlite(bench: Bench) -> list[Measurement]:
    with tempfile.TemporaryDirectory(prefix="cachex-") as folder:
        file = Path(folder) / "benchmark"
        params = {"ENGINE": "django.db.backends.sqlite3", "NAME": file}
        return measure_vendor(bench, "SQLite", params)


def measure_postgresql(bench: Bench) -> list[Measurement]:
    try:
        with servers.postgresql() as server:
            params = {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "postgres",
                "USER": "postgres",
                "HOST": server.host,
                "PORT": server.port,
            }
            return measure_vendor(bench, "PostgreSQL", params)
    except FileNotFoundError as error:
        return [Measurement("PostgreSQL", note=f"not measured: {error}")]


@contextmanager
def connect_database(params: Mapping[str, Any]) -> Iterator[None]:
    """Add a connection that is not in `DATABASES`."""
    settings = {**connections.databases["default"], **params}
    connection = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, DATABASE)
    connections[DATABASE] = connection
    try:
        yield
    finally:
        connection.close()
        del connections[DATABASE]


def measure_vendor(bench: Bench, vendor: str, params: Mapping[str, Any]) -> list[Measurement]:
    """Measure the pages of one database vendor."""
    caches = {
        "default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
        "many": cache_params("many"),
        "few": cache_params("few"),
    }
    with connect_database(params), override_settings(CACHES=caches, DATABASE_ROUTERS=[Router()]):
        call_command("createcachetable", database=DATABASE, verbosity=0)
        fill_table("many", DATABASE, bench.sizes.rows)
        fill_table("few", DATABASE, bench.sizes.few_rows)
        many = page_urls(bench, "many", bench.sizes.rows)
        few = page_urls(bench, "few", bench.sizes.few_rows)
        return [
            measure_page(bench, f"{vendor}: {label}", url, few_url)
            for (label, url), few_url in zip(many.items(), few.values(), strict=True)
        ]


def cache_params(name: str) -> dict[str, str]:
    return {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": f"cache_{name}"}


def page_urls(bench: Bench, alias: str, count: int) -> dict[str, str]:
    """Return the URLs of the pages of a table with `count` rows."""
    return {
        "first page": LINKS.keys(alias),
        "page in the middle": keys_url(alias, middle_position(alias, count), bench.visitor.user),
        "search that one key in 5 matches": LINKS.keys(alias, q="*:profile"),
        "search for the exact name of a key": LINKS.keys(alias, q=key_name(count // 2)),
    }


def measure_page(bench: Bench, label: str, url: str, reference_url: str) -> Measurement:
    seconds, reference = bench.compare_pages(url, reference_url)
    visit: Callable[[], object] = partial(bench.visitor.open, url)
    counts = {
        TABLE_QUERIES: len(capture_queries(DATABASE, visit)),
        OTHER_QUERIES: len(capture_queries("default", visit)),
    }
    return Measurement(label, counts, seconds, reference)
