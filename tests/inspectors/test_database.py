"""DatabaseCache, on SQLite and PostgreSQL, with and without time zones."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import (
    AddValue,
    Copy,
    EditStatus,
    Expire,
    Rename,
    SetValue,
)
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import TTL_NONE
from tests import servers
from tests.inspectors.contract import later
from tests.inspectors.database_contract import (
    DatabaseContract,
    DatabaseStore,
    WithoutTimeZones,
    texts,
)

POSTGRESQL = "cache-postgresql"
REPLICA = "cache-replica"


class ToPostgreSQL:
    """Routes cache tables, and nothing else, to PostgreSQL."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return POSTGRESQL if model._meta.app_label == "django_cache" else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return db == POSTGRESQL if app_label == "django_cache" else None


class WithReplica(ToPostgreSQL):
    """Reads from a connection of its own."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return REPLICA if model._meta.app_label == "django_cache" else None


class SQLite(DatabaseStore):
    @pytest.fixture
    def params(self, settings: Any, db: None) -> dict[str, Any]:
        return self.create(settings)


class TestSQLite(SQLite, DatabaseContract):
    pass


class TestSQLiteWithoutTimeZones(SQLite, WithoutTimeZones):
    pass


@pytest.fixture(scope="module")
def postgresql_database(
    postgresql_process: servers.Server, django_db_blocker: Any
) -> Iterator[None]:
    """Add PostgreSQL to the project's databases, and a second connection to it as its replica."""
    aliases = (POSTGRESQL, REPLICA)
    for alias in aliases:
        connections.databases[alias] = {
            **connections.databases["default"],
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": postgresql_process.host,
            "PORT": postgresql_process.port,
        }
    with django_db_blocker.unblock():
        yield
        for alias in aliases:
            connections[alias].close()
    for alias in aliases:
        del connections[alias], connections.databases[alias]


class PostgreSQL(DatabaseStore):
    database = POSTGRESQL

    @pytest.fixture
    def params(self, settings: Any, postgresql_database: None) -> Iterator[dict[str, Any]]:
        settings.DATABASE_ROUTERS = [f"{__name__}.ToPostgreSQL"]
        params = self.create(settings)
        yield params
        connection = connections[POSTGRESQL]
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(params['LOCATION'])}")


class TestPostgreSQL(PostgreSQL, DatabaseContract):
    def test_reads_go_where_the_applications_reads_go(
        self, inspector: Inspector, settings: Any
    ) -> None:
        inspector.cache.set("key", "old")
        stored = inspector.make_key("key")
        settings.DATABASE_ROUTERS = [f"{__name__}.WithReplica"]
        with CaptureQueriesContext(connections[POSTGRESQL]) as captured:
            inspector.scan(Query(), "", 10, later())
            inspector.describe([stored])
            entry = inspector.read(stored)
            inspector.status(), inspector.info()
        assert texts(captured) == []
        with CaptureQueriesContext(connections[REPLICA]) as captured:
            inspector.apply(stored, SetValue("new", entry.expected))
            inspector.apply(stored, Expire(TTL_NONE))
            inspector.apply(inspector.make_key("other"), AddValue(1, TTL_NONE))
            inspector.delete([stored])
            inspector.preview_flush(), inspector.flush()
        assert texts(captured) == []

    def test_a_key_too_long_for_the_column_is_refused(self, inspector: Inspector) -> None:
        with transaction.atomic(self.database):
            outcome = inspector.apply(inspector.make_key("x" * 300), AddValue(1, TTL_NONE))
            assert outcome.status == EditStatus.REFUSED
            assert "255" in str(outcome.reason)
            inspector.cache.set("key", "value")
        assert inspector.cache.get("key") == "value"


class TestPostgreSQLWithoutTimeZones(PostgreSQL, WithoutTimeZones):
    pass


MARIADB = "cache-mariadb"


class ToMariaDB(ToPostgreSQL):
    """Routes cache tables, and nothing else, to MariaDB."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return MARIADB if model._meta.app_label == "django_cache" else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return db == MARIADB if app_label == "django_cache" else None


@pytest.fixture(scope="module")
def mariadb_database(mariadb_process: servers.Server, django_db_blocker: Any) -> Iterator[None]:
    """Add MariaDB to the project's databases."""
    pytest.importorskip("pymysql").install_as_MySQLdb()
    connections.databases[MARIADB] = {
        **connections.databases["default"],
        "ENGINE": "django.db.backends.mysql",
        "NAME": "cachex",
        "USER": "root",
        "HOST": mariadb_process.host,
        "PORT": mariadb_process.port,
        "OPTIONS": {"charset": "utf8mb4"},
    }
    with django_db_blocker.unblock():
        yield
        connections[MARIADB].close()
    del connections[MARIADB], connections.databases[MARIADB]


class MariaDB(DatabaseStore):
    database = MARIADB

    @pytest.fixture
    def params(self, settings: Any, mariadb_database: None) -> Iterator[dict[str, Any]]:
        settings.DATABASE_ROUTERS = [f"{__name__}.ToMariaDB"]
        params = self.create(settings)
        yield params
        self.execute(params, "DROP TABLE {}")

    @staticmethod
    def execute(params: dict[str, Any], statement: str) -> None:
        connection = connections[MARIADB]
        with connection.cursor() as cursor:
            cursor.execute(statement.format(connection.ops.quote_name(params["LOCATION"])))


class TestMariaDB(MariaDB, DatabaseContract):
    def test_keys_that_the_database_takes_for_one_are_not_lost(
        self, inspector: Inspector, params: dict[str, Any]
    ) -> None:
        self.execute(params, "ALTER TABLE {} CONVERT TO CHARACTER SET utf8mb4")
        inspector.cache.set("Key", "value")
        stored, other = inspector.make_key("Key"), inspector.make_key("key")
        assert inspector.read(other) is None
        assert not inspector.describe([other])[0].exists
        for overwrite in (False, True):
            outcome = inspector.apply(stored, Copy(other, overwrite=overwrite))
            assert outcome.status == EditStatus.EXISTS
        assert inspector.apply(stored, Rename(other, overwrite=True)).is_done
        assert inspector.cache.get("key") == "value"

    def test_values_that_differ_in_case_are_different(
        self, inspector: Any, params: dict[str, Any]
    ) -> None:
        self.execute(params, "ALTER TABLE {} CONVERT TO CHARACTER SET utf8mb4")
        inspector.cache.set("key", "old")
        stored = inspector.make_key("key")
        seen = inspector.read(stored)
        size, text = inspector.live_value(inspector.write_table, ":1:key")
        inspector.write_table.execute("UPDATE $table SET $value = %s", text.swapcase())
        inspector.live_value = lambda table, key: (size, text)  # As read before the change.
        assert inspector.apply(stored, SetValue("new", seen.expected)).status == EditStatus.CHANGED

    def test_a_collation_that_takes_two_keys_for_one_is_reported(
        self, inspector: Inspector, params: dict[str, Any]
    ) -> None:
        def found() -> list[str | None]:
            return [message.id for message in run_checks(tags=["database"], databases=[MARIADB])]

        assert "django_cachex.W010" not in found()
        connections[MARIADB].close()
        self.execute(params, "ALTER TABLE {} CONVERT TO CHARACTER SET utf8mb4")
        del connections[MARIADB]  # It remembers the collation.
        assert "django_cachex.W010" in found()


class TestMariaDBWithoutTimeZones(MariaDB, WithoutTimeZones):
    pass


MEASURED = """
import json, re, sys
import django
from django.conf import settings
table = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "large"}
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}
settings.configure(CACHES={"default": table}, DATABASES={"default": database}, SECRET_KEY="secret")
django.setup()
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.edits import Copy, SetValue

def peak():
    return int(re.search("VmHWM:\\s+([0-9]+)", open("/proc/self/status").read())[1]) * 1024

inspector = inspector_for("default")
small, large = inspector.make_key("small"), inspector.make_key("large")
inspector.read(small)
before = peak()
entry = inspector.read(large)
inspector.describe([small, large])
inspector.apply(large, SetValue("mine", "theirs"))
inspector.apply(small, Copy(large, overwrite=False))
print(json.dumps([entry.info.size, sum(map(len, inspector.iter_chunks(large))), peak() - before]))
"""


def test_the_worker_does_not_grow_by_what_a_row_holds(tmp_path: Path) -> None:
    path, size = tmp_path / "large.sqlite3", 30_000_000
    with closing(sqlite3.connect(path)) as raw, raw:
        columns = "cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires datetime"
        raw.execute(f"CREATE TABLE large ({columns})")
        row = "INSERT INTO large VALUES (?, ?, '9999-12-31 23:59:59')"
        raw.execute(row, [":1:small", "gASVAQ=="])
        raw.execute(row, [":1:large", "A" * size])
    words = [sys.executable, "-c", MEASURED, str(path)]
    ran = subprocess.run(words, capture_output=True, check=True, text=True)
    measured, had, grown = json.loads(ran.stdout)
    assert (measured, had) == (size, size * 3 // 4)
    assert grown < size / 2
