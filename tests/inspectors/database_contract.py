"""What the inspector of DatabaseCache holds on every vendor."""

from __future__ import annotations

import pickle
import uuid
from typing import Any, ClassVar

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connections, transaction
from django.test.utils import CaptureQueriesContext

from django_cachex.inspectors import Inspector
from django_cachex.inspectors.cache_table import VALUE_CHUNK_SIZE
from django_cachex.inspectors.edits import AddValue, EditStatus, Expire, SetValue
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import TTL_NONE, KeyChanged
from tests.inspectors.contract import (
    FlushContract,
    Inspect,
    InspectorContract,
    ListingContract,
    PagingContract,
    later,
)
from tests.inspectors.values_contract import PickledContract


def entry_of_caches() -> dict[str, Any]:
    """Return an entry of `CACHES` with a table that does not exist yet."""
    backend = "django.core.cache.backends.db.DatabaseCache"
    return {"BACKEND": backend, "LOCATION": f"cache {uuid.uuid4().hex[:12]}"}


class DatabaseStore(InspectorContract):
    """A table in a database."""

    ttl_resolution = 1000
    culls_late = True
    database: ClassVar[str] = "default"
    use_tz: ClassVar[bool] = True

    @pytest.fixture(autouse=True)
    def time_zones(self, settings: Any) -> None:
        settings.USE_TZ = self.use_tz

    def create(self, settings: Any) -> dict[str, Any]:
        """Return an entry of `CACHES` whose table exists."""
        params = entry_of_caches()
        settings.CACHES = {"default": params}
        call_command("createcachetable", database=self.database, verbosity=0)
        return params


class DatabaseContract(DatabaseStore, ListingContract, PickledContract, FlushContract):
    """What holds on every vendor."""

    def queries(self, inspector: Inspector) -> CaptureQueriesContext:
        return CaptureQueriesContext(connections[self.database])

    def test_a_page_takes_two_queries_and_reads_no_value(self, inspector: Inspector) -> None:
        self.fill(inspector, *(f"key:{n}" for n in range(30)))
        inspector.scan(Query(), "", 1, later())  # Reads PostgreSQL's collation, once a connection.
        for text in ("", "key:*", "no such key"):
            with self.queries(inspector) as captured:
                listing = inspector.scan(Query(Pattern(text)), "", 10, later())
                inspector.describe(listing.keys)
            selects = [sql for sql in texts(captured) if "SELECT" in sql]
            assert len(selects) == (2 if listing.keys else 1)
            assert all('"value"' not in sql.replace('LENGTH("value")', "") for sql in selects)

    def test_a_search_tells_how_far_it_came(self, inspector: Inspector) -> None:
        self.fill(inspector, *(f"key:{n:02}" for n in range(30)))
        first = inspector.scan(Query(Pattern("*5")), "", 2, later())
        assert [inspector.display_key(key) for key in first.keys] == ["key:05", "key:15"]
        assert (first.examined, first.total) == (16, 30)
        rest = inspector.scan(Query(Pattern("*5")), first.token, 2, later())
        assert (rest.examined, rest.total, rest.complete) == (14, 30, True)

    def test_a_prefix_is_found_by_the_index(self, inspect: Inspect) -> None:
        mine, theirs = inspect("mine", KEY_PREFIX="m"), inspect("theirs", KEY_PREFIX="l")
        self.fill(theirs, *(f"key:{n}" for n in range(30)))
        self.fill(mine, *(f"a:{n}" for n in range(30)), *(f"b:{n}" for n in range(3)), "c", "ä")
        listing = mine.scan(Query(Pattern("b:*")), "", 10, later())
        assert [mine.display_key(key) for key in listing.keys] == ["b:0", "b:1", "b:2"]
        assert (listing.examined, listing.total, listing.complete) == (3, 3, True)
        first = mine.scan(Query(), "", 10, later())
        assert (first.examined, first.total) == (10, 35)
        rest = mine.scan(Query(), first.token, 100, later())
        assert (rest.examined, rest.total, rest.complete) == (25, 35, True)

    def test_keys_that_differ_in_case_are_different(self, inspector: Inspector) -> None:
        self.fill(inspector, "Key", "key")
        assert self.names(inspector, "Key*") == {"Key"}
        assert inspector.delete([inspector.make_key("KEY")]) == 0

    def test_sizes_are_those_of_the_column(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "value" * 100)
        stored = inspector.make_key("key")
        (description,) = inspector.describe([stored])
        entry = inspector.read(stored)
        assert description.size == entry.info.size
        assert description.size == (entry.content.stored_size + 2) // 3 * 4

    def test_a_value_that_is_no_base64_is_shown_as_it_is(self, inspector: Any) -> None:
        inspector.cache.set("key", "value")
        inspector.write_table.execute("UPDATE $table SET $value = %s", "not base64!!!")
        entry = inspector.read(inspector.make_key("key"))
        assert entry.content.text.text == "not base64!!!"
        assert not entry.content.editable

    def test_a_change_between_comparing_and_setting_is_noticed(self, inspector: Any) -> None:
        inspector.cache.set("key", "old")
        stored = inspector.make_key("key")
        entry = inspector.read(stored)
        inspector.live_value = lambda table, key: interrupted(
            type(inspector), inspector, table, key
        )

        def interrupted(kind: Any, inspector: Any, table: Any, key: str) -> Any:
            value = kind.live_value(inspector, table, key)
            inspector.cache.set("key", "theirs")
            return value

        outcome = inspector.apply(stored, SetValue("mine", entry.expected))
        assert outcome.status == EditStatus.CHANGED
        assert inspector.cache.get("key") == "theirs"

    def test_a_time_that_no_database_holds_is_refused(self, inspector: Inspector) -> None:
        stored = inspector.make_key("key")
        inspector.cache.set("key", "old")
        entry = inspector.read(stored)
        for ttl in (10**15, 10**18, 10**30):
            edits = [
                AddValue("new", ttl, replace=True),
                SetValue("new", entry.expected, ttl),
                Expire(ttl),
            ]
            for edit in edits:
                assert inspector.apply(stored, edit).status == EditStatus.REFUSED
        assert inspector.cache.get("key") == "old"

    def test_bytes_that_are_no_text_are_no_key(self, inspector: Inspector) -> None:
        stored = b"\xff\xfe:1:key"
        assert inspector.read(stored) is None
        assert not inspector.describe([stored])[0].exists
        assert inspector.delete([stored]) == 0
        assert inspector.apply(stored, AddValue(1, TTL_NONE)).status == EditStatus.REFUSED
        assert inspector.apply(stored, Expire(1000)).status == EditStatus.GONE

    def test_text_with_nul_finds_nothing_and_breaks_nothing(self, inspector: Inspector) -> None:
        stored, forged = inspector.make_key("key"), inspector.make_key("\0")
        inspector.cache.set("key", "value")
        for text in ("\0", "k\0*", "*\0*"):
            assert self.names(inspector, text) == set()
        assert inspector.read(forged) is None
        assert [one.exists for one in inspector.describe([forged, stored])] == [False, True]
        assert inspector.apply(forged, AddValue(1, TTL_NONE)).status == EditStatus.REFUSED
        assert inspector.apply(forged, Expire(1000)).status == EditStatus.GONE
        assert inspector.delete([forged, stored]) == 1

    def test_a_missing_table_is_named_and_leaves_the_transaction_usable(
        self, inspector: Inspector, inspect: Inspect
    ) -> None:
        missing = inspect("other", **entry_of_caches())
        acts = [
            lambda: missing.scan(Query(), "", 10, later()),
            lambda: missing.status(),
            lambda: missing.info(),
            lambda: missing.read(b"key"),
            lambda: missing.apply(b"key", AddValue(1, TTL_NONE)),
            lambda: missing.delete([b"key"]),
            lambda: missing.flush(),
        ]
        with transaction.atomic(self.database):
            for act in acts:
                with pytest.raises(ProgrammingError, match="createcachetable"):
                    act()
            inspector.cache.set("key", "value")
        assert inspector.cache.get("key") == "value"

    def test_more_keys_than_a_statement_names(self, inspector: Inspector) -> None:
        stored = sorted(self.fill(inspector, "a", "b"))
        missing = [inspector.make_key(f"missing:{n}") for n in range(1200)]
        keys = [stored[0], *missing, stored[1]]
        assert [d.exists for d in inspector.describe(keys)] == [True, *[False] * 1200, True]
        assert inspector.delete(keys) == 2

    def test_the_table_is_told_in_figures(self, inspector: Any) -> None:
        for name, timeout in (("never", None), ("later", 100), ("expired", -1)):
            inspector.cache.set(name, "value", timeout=timeout)
        keyspace, _culling = inspector.info()
        assert (keyspace.headline.value, keyspace.headline.maximum) == (3, 300)
        values = {str(fact.label): fact.value for fact in keyspace.fields}
        assert values["Never expire"] == 1
        assert values["Expired, not yet removed"] == 1
        assert values["Table"] == inspector.params["LOCATION"]
        assert values["Database"] == self.database
        assert values.get("Size of values") or values.get("Size")
        assert inspector.status().latency > 0

    def test_huge_tables_are_not_counted(self, inspector: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr("django_cachex.inspectors.cache_table.MAX_COUNTED_ROWS", 2)
        monkeypatch.setattr("django_cachex.inspectors.cache_table.MAX_MEASURED_ROWS", 2)
        self.fill(inspector, "a", "b", "c", "d")
        assert inspector.status().keys is None
        assert inspector.preview_flush().entries is None
        listing = inspector.scan(Query(), "", 10, later())
        assert (len(listing.keys), listing.total) == (4, None)
        keyspace, _culling = inspector.info()
        assert keyspace.headline is None
        assert "more than 2 rows" in keyspace.note

    def test_a_large_value_is_had_in_pieces(self, inspector: Any) -> None:
        for size in (3 * VALUE_CHUNK_SIZE // 4, 3 * VALUE_CHUNK_SIZE // 4 + 1, 2_500_000):
            inspector.cache.set("key", b"x" * size)
            pieces = list(inspector.iter_chunks(inspector.make_key("key")))
            assert len(pieces) == (size + 40) * 4 // 3 // VALUE_CHUNK_SIZE + 1
            assert pickle.loads(b"".join(pieces)) == b"x" * size
            assert max(map(len, pieces)) <= VALUE_CHUNK_SIZE

    def test_a_value_that_changes_while_it_is_had_is_told(self, inspector: Any) -> None:
        inspector.cache.set("key", b"x" * 2_000_000)
        pieces = inspector.iter_chunks(inspector.make_key("key"))
        next(pieces)
        inspector.cache.set("key", b"y")
        with pytest.raises(KeyChanged):
            list(pieces)


class WithoutTimeZones(DatabaseStore, PagingContract, PickledContract):
    """What may depend on the clock."""

    use_tz = False
    test_a_time_that_no_database_holds = (
        DatabaseContract.test_a_time_that_no_database_holds_is_refused
    )
    test_the_table_is_told_in_figures = DatabaseContract.test_the_table_is_told_in_figures


def texts(captured: CaptureQueriesContext) -> list[str]:
    return [str(query["sql"]) for query in captured.captured_queries]
