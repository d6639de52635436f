"""FileBasedCache: a folder of files named by hashes."""

from __future__ import annotations

import os
import pickle
import time
import zlib
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import AddValue, EditStatus, Expire, SetValue
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE
from tests.inspectors.contract import FlushContract, Inspect, PagingContract, later, listed
from tests.inspectors.values_contract import PickledContract


class TestFileBased(PagingContract, PickledContract, FlushContract):
    @pytest.fixture
    def params(self, tmp_path: Path) -> dict[str, Any]:
        backend = "django.core.cache.backends.filebased.FileBasedCache"
        return {"BACKEND": backend, "LOCATION": str(tmp_path / "cache")}

    @pytest.fixture
    def folder(self, inspector: Inspector) -> Path:
        return Path(inspector.params["LOCATION"])

    def test_the_stored_key_is_the_name_of_the_file(self, inspector: Inspector) -> None:
        inspector.cache.set("naïve ключ", 1)
        digest = md5(":1:naïve ключ".encode()).hexdigest()
        assert inspector.make_key("naïve ключ") == digest.encode()
        assert inspector.display_key(digest.encode()) == digest
        assert listed(inspector) == {digest.encode()}

    def test_a_key_is_found_by_its_whole_name_or_by_its_hash(self, inspector: Inspector) -> None:
        for name in ("user:1", "user:2", "other"):
            inspector.cache.set(name, name)
        stored = inspector.make_key("user:1")
        assert listed(inspector, "user:1") == {stored}
        assert listed(inspector, "user:") == set()
        assert listed(inspector, "user:*") == set()
        assert listed(inspector, stored[:8].decode() + "*") == {stored}
        assert listed(inspector, stored[4:20].decode()) == {stored}

    @pytest.mark.parametrize("gone", [3, 10])
    def test_files_that_stay_are_found_whichever_of_those_seen_last_go(
        self, inspector: Inspector, gone: int
    ) -> None:
        stored = self.fill(inspector, *(f"key:{n}" for n in range(60)))
        first = inspector.scan(Query(), "", 20, later())
        inspector.delete(first.keys[-gone:])
        self.fill(inspector, *(f"newer:{n}" for n in range(20)))
        assert stored <= {*first.keys, *listed(inspector, want=20, token=first.token)}

    def test_a_deadline_ends_with_every_file_found(
        self, inspector: Inspector, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("django_cachex.inspectors.django.KEYS_PER_CLOCK_CHECK", 2)
        for n in range(25):
            inspector.cache.set(f"key:{n}", n)
        found = listed(inspector, "*0*", deadline=time.monotonic() - 1)
        assert found == {key for key in listed(inspector) if b"0" in key}

    def test_files_that_come_and_go_are_no_error(
        self, inspector: Inspector, folder: Path, monkeypatch: Any
    ) -> None:
        inspector.cache.set("going", 1)
        inspector.cache.set("staying", 1)
        stored = inspector.make_key("going")
        names = [entry.name for entry in inspector.entries()]  # type: ignore[attr-defined] # its own
        assert len(names) == 2
        (folder / f"{stored.decode()}.djcache").unlink()
        assert inspector.describe([stored])[0].ttl == TTL_MISSING
        assert listed(inspector) == {inspector.make_key("staying")}

    def test_a_folder_that_has_gone_is_empty_until_something_is_added(
        self, inspector: Inspector, folder: Path
    ) -> None:
        folder.rmdir()
        assert listed(inspector) == set()
        assert inspector.status().keys == 0
        outcome = inspector.apply(inspector.make_key("key"), AddValue("value", TTL_NONE))
        assert outcome.is_done
        assert inspector.cache.get("key") == "value"

    def test_files_that_are_not_the_caches_are_left_alone(
        self, inspector: Inspector, folder: Path
    ) -> None:
        (folder / "notes.txt").write_text("mine")
        (folder / "short.djcache").write_text("mine")
        (folder / f"{'a' * 32}.djcache").mkdir()
        assert listed(inspector) == set()
        assert inspector.status().keys == 0

    def test_no_key_leads_out_of_the_folder(self, inspector: Inspector, folder: Path) -> None:
        outside = folder.parent / "outside.djcache"
        outside.write_bytes(pickle.dumps(None) + zlib.compress(pickle.dumps("secret")))
        for stored in (
            b"../outside",
            b"..",
            b"",
            b"/etc/passwd",
            b"a" * 31,
            b"A" * 32,
            b"\xff" * 32,
        ):
            assert inspector.read(stored) is None
            assert inspector.describe([stored])[0].ttl == TTL_MISSING
            assert inspector.delete([stored]) == 0
            assert inspector.apply(stored, AddValue("x", TTL_NONE)).status == EditStatus.REFUSED
            assert inspector.apply(stored, SetValue("x", "", TTL_NONE)).status == EditStatus.GONE
            assert inspector.apply(stored, Expire(TTL_NONE)).status == EditStatus.GONE
        assert [path.name for path in folder.iterdir()] == []

    @pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
    def test_every_protocol_of_the_expiry_is_read(self, inspector: Any, protocol: int) -> None:
        inspector.cache.pickle_protocol = protocol
        inspector.cache.set("later", "value", timeout=100)
        inspector.cache.set("never", "value", timeout=None)
        self.assert_lives(inspector, "later", 100_000)
        assert self.ttl_of(inspector, "never") == TTL_NONE
        assert self.edit(inspector, inspector.make_key("later"), "new").is_done
        assert inspector.cache.get("later") == "new"

    def test_an_expiry_in_no_known_form_leaves_delete(self, inspector: Any, folder: Path) -> None:
        inspector.cache.set("key", "value")
        stored = inspector.make_key("key")
        path = folder / f"{stored.decode()}.djcache"
        path.write_bytes(pickle.dumps(123.0, protocol=0) + zlib.compress(pickle.dumps("value")))
        assert listed(inspector) == {stored}
        assert inspector.describe([stored])[0].ttl is None
        entry = inspector.read(stored)
        for edit in (SetValue("x", entry.expected, TTL_NONE), Expire(TTL_NONE)):
            assert inspector.apply(stored, edit).status == EditStatus.REFUSED
        assert inspector.apply(stored, AddValue("x", TTL_NONE)).status == EditStatus.EXISTS
        assert inspector.delete([stored]) == 1

    def test_garbage_is_shown_and_can_be_deleted(self, inspector: Any, folder: Path) -> None:
        for n, garbage in enumerate((b"", b"\x80", os.urandom(100), b"\x80\x05N.garbage")):
            path = folder / f"{n:032x}.djcache"
            path.write_bytes(garbage)
            entry = inspector.read(path.stem.encode())
            assert entry is None if not garbage else not entry.content.editable
        assert len(listed(inspector)) == 3
        assert inspector.delete(sorted(listed(inspector))) == 3

    def test_what_a_longer_value_left_behind_is_ignored(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "value", timeout=100)
        stored = inspector.make_key("key")
        before = inspector.read(stored)
        inspector.cache.touch("key", None)  # The shorter expiry leaves bytes at the end.
        after = inspector.read(stored)
        assert after.info.ttl == TTL_NONE
        assert after.content.edit_text == "value"
        assert after.expected == before.expected
        assert inspector.apply(stored, SetValue("new", before.expected)).is_done
        assert inspector.cache.get("key") == "new"

    def test_a_ttl_is_kept_to_the_last_bit(self, inspector: Inspector, folder: Path) -> None:
        inspector.cache.set("key", "value", timeout=1000)
        stored = inspector.make_key("key")
        path = folder / f"{stored.decode()}.djcache"
        header = path.read_bytes()[:21]
        assert self.edit(inspector, stored, "new").is_done
        assert path.read_bytes()[:21] == header

    def test_a_bomb_fills_no_memory(self, inspector: Inspector, folder: Path) -> None:
        stored = inspector.make_key("key")
        bomb = zlib.compress(pickle.dumps("x" * 20_000_000))
        (folder / f"{stored.decode()}.djcache").write_bytes(pickle.dumps(None) + bomb)
        entry = inspector.read(stored)
        assert not entry.content.editable
        assert len(entry.content.formatted.text) < 10_000

    def test_nothing_is_left_behind_by_a_refused_change(
        self, inspector: Inspector, folder: Path
    ) -> None:
        inspector.cache.set("key", "value")
        stored = inspector.make_key("key")
        assert inspector.apply(stored, AddValue("x", TTL_NONE)).status == EditStatus.EXISTS
        assert inspector.apply(stored, SetValue("x", "other")).status == EditStatus.CHANGED
        assert [path.name for path in folder.iterdir()] == [f"{stored.decode()}.djcache"]

    def test_pages_say_that_names_are_hashes(self, inspector: Inspector) -> None:
        (note,) = inspector.notes()
        assert "hash" in str(note)

    def test_a_key_function_does_not_matter_to_a_listing_of_hashes(self, inspect: Inspect) -> None:
        inspector = inspect(KEY_FUNCTION=lambda key, prefix, version: key[::-1])
        inspector.cache.set("key", "value")
        assert listed(inspector) == {inspector.make_key("key")}

    def test_the_folder_is_told_in_figures(self, inspector: Inspector, monkeypatch: Any) -> None:
        for n in range(3):
            inspector.cache.set(f"key:{n}", n)
        keyspace, _culling = inspector.info()
        assert (keyspace.headline.value, keyspace.headline.maximum) == (3, 300)
        folder = Path(inspector.location)
        sizes = [path.stat().st_size for path in folder.iterdir()]
        assert [fact.value for fact in keyspace.fields] == [sum(sizes), str(folder)]
        monkeypatch.setattr("django_cachex.inspectors.filebased.MAX_COUNTED_FILES", 2)
        keyspace, _culling = inspector.info()
        assert keyspace.headline is None
        assert inspector.status().keys is None
