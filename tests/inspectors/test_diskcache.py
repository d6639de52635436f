"""diskcache's DjangoCache: shards of SQLite databases and files."""

from __future__ import annotations

import os
import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from diskcache import Disk, JSONDisk

from django_cachex.inspectors import Inspector, edits
from django_cachex.inspectors.edits import AddValue, EditStatus, Expire, SetValue
from django_cachex.inspectors.query import Query, Scope
from django_cachex.inspectors.types import TTL_NONE
from tests.inspectors.contract import (
    HOSTILE_KEYS,
    FlushContract,
    Inspect,
    ListingContract,
    later,
    listed,
)
from tests.inspectors.values_contract import PickledContract, Trap, ValueContract


def disk_params(folder: Path) -> dict[str, Any]:
    return {"BACKEND": "diskcache.DjangoCache", "LOCATION": str(folder / "cache"), "SHARDS": 2}


@contextmanager
def writing(inspector: Any) -> Iterator[None]:
    """Hold the locks of all shards, as another process that writes."""
    with ExitStack() as stack:
        for folder in inspector.folders:
            path = Path(folder, "cache.db")
            other = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
            other.execute("BEGIN IMMEDIATE")
        yield


class TestDiskcache(ListingContract, PickledContract, FlushContract):
    hostile_keys = (*HOSTILE_KEYS, "nul \0 byte")

    @pytest.fixture
    def params(self, tmp_path: Path) -> dict[str, Any]:
        return disk_params(tmp_path)

    def test_an_expired_entry_is_left_to_the_cache(self, inspect: Inspect) -> None:
        # Otherwise, the write itself would remove it.
        super().test_an_expired_entry_is_left_to_the_cache(inspect(OPTIONS={"cull_limit": 0}))

    def test_adding_makes_room_as_the_cache_does(self, inspect: Inspect) -> None:
        inspector = inspect(SHARDS=1, OPTIONS={"size_limit": 1, "cull_limit": 2})
        for n in range(30):
            assert inspector.apply(inspector.make_key(f"key:{n}"), AddValue(n, TTL_NONE)).is_done
        assert inspector.status().keys <= 2

    def test_the_tag_is_shown_and_kept(self, inspector: Inspector) -> None:
        stored, to = inspector.make_key("key"), inspector.make_key("other")
        inspector.cache.set("key", "old", timeout=1000, tag="user:1")
        assert inspector.describe([stored], ("tag",))[0].tag == "user:1"
        assert self.edit(inspector, stored, "new").is_done
        assert inspector.apply(stored, edits.ExtendTTL(1000)).is_done
        assert inspector.read(stored).info.tag == "user:1"
        assert inspector.apply(stored, edits.Rename(to)).is_done
        assert inspector.cache.evict("user:1") == 1

    @pytest.mark.parametrize("shards", [1, 3])
    def test_large_values_are_files_and_go_with_their_key(
        self, inspect: Inspect, tmp_path: Path, shards: int
    ) -> None:
        inspector = inspect(SHARDS=shards)
        for value in ("text" * 20_000, os.urandom(80_000), [f"item {n}" * 3 for n in range(5000)]):
            inspector.cache.set("key", value, timeout=1000)
            stored = inspector.make_key("key")
            assert inspector.read(stored).content.value == value
            for n in range(5):
                copied = inspector.make_key(f"copy:{n}")
                assert inspector.apply(stored, edits.Copy(copied, overwrite=True)).is_done
                assert inspector.cache.get(f"copy:{n}") == value
            assert inspector.apply(stored, edits.Rename(copied, overwrite=True)).is_done
            assert inspector.cache.get("copy:4") == value
            assert len(list(tmp_path.rglob("*.val"))) == 5
        inspector.delete(sorted(listed(inspector)))
        assert list(tmp_path.rglob("*.val")) == []

    def test_values_that_differ_in_type_alone_are_different(self, inspector: Inspector) -> None:
        stored, seen = inspector.make_key("key"), set()
        for value in ("5", 5, 5.0, b"5", "5.0", b"5.0"):
            inspector.cache.set("key", value)
            key_value = inspector.read(stored)
            assert type(key_value.content.value) is type(value)
            seen.add(key_value.expected)
        assert len(seen) == 6

    def test_a_file_that_is_missing_or_elsewhere_is_no_value(
        self, inspector: Any, tmp_path: Path
    ) -> None:
        (tmp_path / "secret").write_bytes(pickle.dumps("secret"))
        for n, filename in enumerate(("gone.val", "../../secret", str(tmp_path / "secret"))):
            inspector.cache.set(f"key:{n}", ["item"] * 40_000)
            stored = inspector.make_key(f"key:{n}")
            key, shard = inspector.locate(stored)
            shard._sql("UPDATE Cache SET filename = ? WHERE key = ?", (filename, key))
            assert inspector.read(stored) is None
            assert b"".join(inspector.iter_chunks(stored)) == b""
            assert self.edit_gone(inspector, stored) == EditStatus.GONE
            assert inspector.apply(stored, edits.Copy(b":1:copy")).status == EditStatus.GONE
        assert (tmp_path / "secret").exists()

    @staticmethod
    def edit_gone(inspector: Inspector, stored: bytes) -> EditStatus:
        return inspector.apply(stored, SetValue("new", "", TTL_NONE)).status

    def test_keys_that_are_not_text_are_listed_and_read(self, inspector: Any) -> None:
        keys = (42, 1.5, b"\xff\0", ("a", 1), Trap())
        for key in keys:
            inspector.cache._cache.set(key, "value", expire=100)
        found = inspector.scan(Query(scope=Scope.STORE), "", 100, later()).keys
        assert len(found) == 5
        names = " ".join(map(inspector.display_key, found))
        for name in ("(int) 42", "(float) 1.5", r"(bytes) b'\xff\x00'", "('a', 1)"):
            assert name in names
        assert Trap.ran == []
        for stored in found:
            assert inspector.read(stored).content.value == "value"
            assert not inspector.owns(stored)
            assert inspector.apply(stored, Expire(TTL_NONE)).status == EditStatus.GONE
            assert inspector.apply(stored, AddValue("x", TTL_NONE)).is_refused
        assert [one.exists for one in inspector.describe(found)] == [True] * 5
        assert inspector.delete(found) == 0
        for forged in ("\udcff", "\udcffint:x", f"\udcffint:{10**30}", "\udcffpickle:zz"):
            assert inspector.read(forged.encode("utf-8", "surrogatepass")) is None

    def test_a_writer_is_not_waited_for_to_look_and_not_forever_to_write(
        self, inspector: Any, settings: Any
    ) -> None:
        settings.CACHEX_ADMIN = {"TIMEOUT": 0.1}
        inspector.cache.set("key", "old", timeout=1000)
        stored = inspector.make_key("key")
        seen = inspector.read(stored)
        with writing(inspector):
            assert inspector.read(stored).expected == seen.expected
            assert listed(inspector) == {stored}
            for edit in (
                SetValue("new", seen.expected),
                AddValue("new", TTL_NONE, replace=True),
                Expire(TTL_NONE),
                edits.Rename(inspector.make_key("other")),
            ):
                assert inspector.apply(stored, edit).is_refused
            for act in (lambda: inspector.delete([stored]), inspector.flush):
                with pytest.raises(Exception, match="another process"):
                    act()
        assert inspector.cache.get("key") == "old"
        assert inspector.apply(stored, SetValue("new", seen.expected)).is_done

    def test_looking_does_not_count_as_use(self, inspect: Inspect) -> None:
        used = inspect(OPTIONS={"eviction_policy": "least-recently-used"})
        assert used.optional_columns == ("tag", "idle")
        assert "idle_for" in used.filters
        used.cache.set("key", "value", None)
        stored = used.make_key("key")
        _key, shard = used.locate(stored)
        shard._sql("UPDATE Cache SET access_time = access_time - 100")
        used.read(stored)
        assert used.describe([stored], ("idle",))[0].idle >= 100_000
        assert used.scan(Query(idle_for=90_000), "", 10, later()).keys == [stored]
        assert used.scan(Query(idle_for=900_000), "", 10, later()).keys == []

    def test_hits_are_counted_if_the_policy_needs_them(self, inspect: Inspect) -> None:
        counted = inspect(OPTIONS={"eviction_policy": "least-frequently-used"})
        counted.cache.set("key", "value", None)
        for _read in range(3):
            counted.cache.get("key")
        assert counted.read(counted.make_key("key")).info.hits == 3

    def test_a_page_continues_after_a_row_whatever_is_deleted(self, inspector: Inspector) -> None:
        stored = self.fill(inspector, *(f"key:{n}" for n in range(60)))
        first = inspector.scan(Query(), "", 20, later())
        inspector.delete(first.keys)
        assert listed(inspector, want=20, token=first.token) == stored - set(first.keys)
        assert first.total == 60

    def test_the_cache_is_told_in_figures(self, inspect: Inspect, tmp_path: Path) -> None:
        inspector = inspect(OPTIONS={"size_limit": 2**26, "statistics": True, "cull_limit": 0})
        for name, timeout in (("never", None), ("later", 100), ("expired", -1)):
            inspector.cache.set(name, "x" * 50_000, timeout=timeout)
        inspector.cache.get("never"), inspector.cache.get("nothing")
        keyspace, storage, statistics, _eviction, shards = inspector.info()
        assert keyspace.headline.value == 3
        assert [field.value for field in keyspace.fields] == [1, 1]
        files = sum(path.stat().st_size for path in tmp_path.rglob("*.val"))
        assert storage.fields[1].value == files == 150_000
        assert storage.headline.maximum == 2**26
        assert storage.headline.value == inspector.cache._cache.volume()
        assert [field.value for field in statistics.fields] == [1, 1]
        assert (statistics.headline.value, statistics.note) == (50, "")
        assert len(shards.rows) == 2
        assert inspect(OPTIONS={"statistics": False}).info()[2].note

    def test_a_folder_that_has_gone_is_an_error_that_names_it(
        self, inspector: Inspector, tmp_path: Path
    ) -> None:
        inspector.cache.close()
        (tmp_path / "cache").rename(tmp_path / "moved")
        with pytest.raises(sqlite3.OperationalError):
            inspector.scan(Query(), "", 10, later())
        assert not (tmp_path / "cache").exists()


class TestJSONDisk(ListingContract, ValueContract):
    """Keys and values are compressed JSON."""

    abilities = PickledContract.abilities
    large = 20

    @pytest.fixture
    def params(self, tmp_path: Path) -> dict[str, Any]:
        return {**disk_params(tmp_path), "OPTIONS": {"disk": JSONDisk}}

    test_filters_are_combined = None  # Its values are bytes, which aren't JSON.
    test_reading_executes_nothing = None

    def test_a_key_that_is_no_json_is_listed_and_read(self, inspector: Any) -> None:
        inspector.cache.set("key", "value")
        _key, shard = inspector.locate(inspector.make_key("key"))
        shard._sql("UPDATE Cache SET key = ?", (b"x\x9cnot zlib",))
        (stored,) = inspector.scan(Query(scope=Scope.STORE), "", 10, later()).keys
        assert inspector.read(stored).content.value == "value"


class ReversingDisk(Disk):
    """A `Disk` of which only the project knows how it stores text."""

    def store(self, value: Any, read: bool, key: Any = None) -> Any:
        return super().store(value[::-1], read, key)

    def fetch(self, mode: int, filename: Any, value: Any, read: bool) -> Any:
        return super().fetch(mode, filename, value, read)[::-1]


class TestOwnDisk(FlushContract):
    abilities = PickledContract.abilities - {"can_list", "can_get", "can_edit", "can_incr"}

    @pytest.fixture
    def params(self, tmp_path: Path) -> dict[str, Any]:
        return {**disk_params(tmp_path), "OPTIONS": {"disk": ReversingDisk}}

    def test_a_flush_does_what_its_plan_says(self, inspect: Inspect) -> None:
        inspector = inspect()
        inspector.cache.set("key", "text")
        assert inspector.preview_flush().entries == 1
        assert inspector.flush() == 1

    def test_what_needs_no_value_works(self, inspector: Inspector) -> None:
        stored, to = inspector.make_key("key"), inspector.make_key("other")
        assert inspector.apply(stored, AddValue("text", TTL_NONE)).is_done
        assert inspector.apply(stored, Expire(100_000)).is_done
        assert inspector.apply(stored, edits.Rename(to)).is_done
        assert inspector.cache.get("other") == "text"
        assert 0 < inspector.describe([to])[0].ttl <= 100_000
        assert inspector.delete([to]) == 1
