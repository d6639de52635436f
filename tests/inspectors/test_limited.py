"""Backends of strangers, and memcached: what Django's cache interface alone allows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from django_cachex.inspectors import Inspector, edits
from django_cachex.inspectors.base import Support
from django_cachex.inspectors.edits import AddValue, EditStatus, Expire, ExpireAt, SetValue
from django_cachex.inspectors.types import TTL_NONE
from tests.inspectors.contract import HOSTILE_KEYS, FlushContract, Inspect, InspectorContract
from tests.inspectors.values_contract import ValueContract

ABILITIES = frozenset(
    ("can_get_unsafely", "can_add", "can_edit", "can_delete", "can_expire", "can_flush")
)


class StrangersCache(BaseCache):
    """A third party's, written against Django's documentation: objects in a dict."""

    stores: dict[str, dict[str, tuple[Any, float | None]]] = {}

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self.entries = self.stores.setdefault(location, {})

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        value, expiry = self.entries.get(self.make_key(key, version), (default, None))
        return value if expiry is None or expiry > time.time() else default

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        expiry = self.get_backend_timeout(timeout)
        self.entries[self.make_key(key, version)] = (value, expiry)

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        if self.has_key(key, version):
            return False
        self.set(key, value, timeout, version)
        return True

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        if not self.has_key(key, version):
            return False
        self.set(key, self.get(key, version=version), timeout, version)
        return True

    def delete(self, key: str, version: int | None = None) -> bool:
        return self.entries.pop(self.make_key(key, version), None) is not None

    def clear(self) -> None:
        self.entries.clear()


class FullCache(StrangersCache):
    """It drops what it is given, and says nothing."""

    def set(self, *arguments: Any, **keywords: Any) -> None:
        pass

    def add(self, *arguments: Any, **keywords: Any) -> bool:
        return False


class ReadOnlyCache(BaseCache):
    """It has a `get` and nothing else."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return "always" if key == "key" else default


class Trap(tzinfo):
    """It fails if anybody asks it anything."""

    def __repr__(self) -> str:
        raise AssertionError

    __str__ = __reduce__ = __eq__ = __hash__ = utcoffset = __repr__  # type: ignore[assignment] # on purpose


class LimitedContract(ValueContract, FlushContract):
    support = Support.LIMITED
    abilities = ABILITIES
    counts_flushed = False

    def test_a_ttl_can_be_set_unseen(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "value", timeout=1000)
        stored = inspector.make_key("key")
        assert inspector.apply(stored, Expire(TTL_NONE)).is_done
        missing = inspector.make_key("missing")
        assert inspector.apply(missing, Expire(TTL_NONE)).status == EditStatus.GONE
        assert inspector.cache.get("key") == "value"

    def test_an_edit_must_say_how_long_the_key_lives(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "old")
        stored = inspector.make_key("key")
        entry = inspector.read(stored)
        outcome = inspector.apply(stored, SetValue("new", entry.expected))
        assert outcome.status == EditStatus.REFUSED
        assert str(outcome.reason).endswith(".")
        assert inspector.cache.get("key") == "old"

    def test_the_stored_key_is_the_key(self, inspect: Inspect) -> None:
        inspector = inspect(KEY_PREFIX="p", VERSION=3)
        assert inspector.make_key("user:1") == b"user:1"
        assert inspector.display_key(b"user:1") == "user:1"
        inspector.apply(b"user:1", AddValue(1, TTL_NONE))
        assert caches["default"].get("user:1", version=3) == 1

    def test_bytes_that_are_no_text_are_no_key(self, inspector: Inspector) -> None:
        assert inspector.read(b"\xff") is None
        assert inspector.delete([b"\xff"]) == 0
        assert inspector.apply(b"\xff", AddValue(1, TTL_NONE)).status == EditStatus.REFUSED

    def test_a_value_that_is_not_jsons_is_shown_and_not_edited(self, inspector: Inspector) -> None:
        inspector.cache.set("key", {"when": datetime(2024, 1, 2, tzinfo=UTC), "who": {1, 2}})
        entry = inspector.read(inspector.make_key("key"))
        assert "2024-01-02" in entry.content.formatted.text
        assert "{1, 2}" in entry.content.formatted.text
        assert not entry.content.editable
        assert entry.expected == ""

    def test_passwords_stay_out_of_the_location(self, inspect: Inspect) -> None:
        location = ["stranger://user:hunter2@example.com/0", "other"]
        inspector = inspect("other", BACKEND=f"{__name__}.ReadOnlyCache", LOCATION=location)
        assert "hunter2" not in inspector.location
        assert "example.com" in inspector.location
        assert "hunter2" not in str(inspector.configured_store_id)


class TestStranger(LimitedContract):
    hostile_keys = (*HOSTILE_KEYS, "lone \ud800 surrogate")

    @pytest.fixture
    def params(self, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
        yield {"BACKEND": f"{__name__}.StrangersCache", "LOCATION": request.node.name}
        StrangersCache.stores.clear()

    def test_a_moment_that_passes_meanwhile_is_not_taken_for_never(
        self, inspector: Any, monkeypatch: Any
    ) -> None:
        inspector.cache.set("key", "value")
        now = int(time.time())
        clock = iter([now, now + 0.002])  # Read again, the TTL would be -1: TTL_NONE.
        monkeypatch.setattr(edits, "time", SimpleNamespace(time=lambda: next(clock)))
        inspector.apply(inspector.make_key("key"), ExpireAt(now * 1000 + 1))
        [(_value, expiry)] = inspector.cache.entries.values()
        assert expiry is not None

    def test_objects_are_named_and_not_asked_anything(self, inspector: Inspector) -> None:
        trap = Trap()
        value = [trap, (trap,), {"trap": trap}, {1: trap}, datetime(2024, 1, 2, tzinfo=trap)]
        inspector.cache.set("key", value)
        entry = inspector.read(inspector.make_key("key"))
        assert entry.content.formatted.text.count(f"{__name__}.Trap") == 4
        assert "datetime.datetime" in entry.content.formatted.text
        assert f"{__name__}.Trap" in str(entry.content.not_editable_reason)

    def test_a_value_that_contains_itself_ends(self, inspector: Inspector) -> None:
        value: list[Any] = [1]
        value.append(value)
        inspector.cache.set("key", value)
        entry = inspector.read(inspector.make_key("key"))
        assert not entry.content.editable

    def test_a_large_value_is_cut(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "x" * 20_000_000)
        entry = inspector.read(inspector.make_key("key"))
        assert len(entry.content.formatted.text) <= 5000
        assert not entry.content.editable

    def test_a_backend_that_drops_values_is_not_believed(self, inspect: Inspect) -> None:
        inspector = inspect(BACKEND=f"{__name__}.FullCache")
        for edit in (AddValue(1, TTL_NONE), AddValue(1, TTL_NONE, replace=True)):
            outcome = inspector.apply(inspector.make_key("key"), edit)
            assert outcome.status == EditStatus.REFUSED
            assert str(outcome.reason).endswith(".")


class TestReadOnly(InspectorContract):
    """Only what the backend overrides is offered."""

    support = Support.LIMITED
    abilities = frozenset({"can_get_unsafely"})

    @pytest.fixture
    def params(self) -> dict[str, Any]:
        return {"BACKEND": f"{__name__}.ReadOnlyCache", "LOCATION": "somewhere"}

    def test_it_is_read(self, inspector: Inspector) -> None:
        entry = inspector.read(inspector.make_key("key"))
        assert entry.content.value == "always"
        assert inspector.read(inspector.make_key("other")) is None


class TestDummy(InspectorContract):
    abilities = frozenset()
    shares_store = False

    @pytest.fixture
    def params(self) -> dict[str, Any]:
        return {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}

    def test_pages_say_that_nothing_is_kept(self, inspector: Inspector) -> None:
        (note,) = inspector.notes()
        assert "doesn't store anything" in str(note)
        assert str(inspector.unsupported_reason("can_list")) == "This cache doesn't store anything."

    def test_the_configuration_is_all_there_is(self, inspector: Inspector) -> None:
        assert inspector.info() == ()
        assert inspector.configuration().fields[0].value == inspector.params["BACKEND"]
