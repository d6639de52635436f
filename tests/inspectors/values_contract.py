"""What inspectors hold that read and change keys: values, edits, expiry."""

from __future__ import annotations

import os
import time
from typing import Any, ClassVar

import pytest

from django_cachex.inspectors import Inspector, edits
from django_cachex.inspectors.edits import EditResult, EditStatus, ExpireCondition
from django_cachex.inspectors.jobs import BulkTask
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE
from django_cachex.inspectors.values import fingerprint, parse_value
from tests.inspectors.contract import ABILITIES, ELEMENTS, Inspect, InspectorContract

JSON_VALUES = (
    "text",
    "",
    " spaces ",
    "123",
    "{not json",
    '{"a": 1}',
    "naïve ключ 键",
    "line\nbreak",
    "carriage\rreturn",
    0,
    -42,
    2**70,
    True,
    None,
    1.5,
    [1, "two", None],
    {"items": {"a": [1, 2]}, "": False},
)


class Trap:
    """Its pickle would note that it ran."""

    ran: ClassVar[list[str]] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return (Trap.ran.append, ("a pickle was executed",))


class ValueContract(InspectorContract):
    """Reading, adding, editing and deleting by exact key."""

    @property
    def ttl(self) -> Any:
        """The TTL that an edit of a value asks for."""
        return edits.KEEP if "can_keep_ttl" in self.abilities else 60_000

    def edit(self, inspector: Inspector, stored: bytes, value: Any) -> EditResult:
        """Save a value over the one that is there now, as a person would."""
        seen = inspector.read(stored).expected
        return inspector.apply(stored, edits.SetValue(value, seen, self.ttl))

    def test_keys_of_any_characters_open_edit_and_delete(self, inspector: Inspector) -> None:
        for key in self.hostile_keys:
            stored = inspector.make_key(key)
            inspector.cache.set(key, "before")
            entry = inspector.read(stored)
            assert entry is not None, key
            assert entry.info.exists, key
            assert entry.info.key == stored, key
            assert self.edit(inspector, stored, "after").is_done, key
            assert inspector.cache.get(key) == "after", key
            assert inspector.delete([stored]) == 1, key
            assert inspector.cache.get(key, "gone") == "gone", key

    def test_added_keys_of_any_characters_are_the_applications(self, inspector: Inspector) -> None:
        for key in self.hostile_keys:
            outcome = inspector.apply(inspector.make_key(key), edits.AddValue("added", 60_000))
            assert outcome.is_done, (key, outcome.reason)
            assert inspector.cache.get(key) == "added", key

    def test_view_then_save_changes_nothing(self, inspector: Inspector) -> None:
        for value in JSON_VALUES:
            inspector.cache.set("key", value)
            stored = inspector.make_key("key")
            entry = inspector.read(stored)
            assert entry is not None, repr(value)
            assert entry.content is not None, repr(value)
            assert entry.content.editable, (repr(value), str(entry.content.not_editable_reason))
            saved = parse_value(entry.content.edit_text, entry.content.store_as)
            outcome = inspector.apply(stored, edits.SetValue(saved, entry.expected, self.ttl))
            assert outcome.is_done, repr(value)
            found, read = inspector.cache.get("key", "missing"), self.as_read(value)
            assert (found, type(found)) == (read, type(read))

    def as_read(self, value: Any) -> Any:
        """Return what the backend itself makes of a value that it has stored."""
        return value

    def test_a_stored_none_is_not_a_missing_key(self, inspector: Inspector) -> None:
        inspector.cache.set("none", None)
        entry = inspector.read(inspector.make_key("none"))
        assert entry.content is not None
        assert inspector.read(inspector.make_key("missing")) is None

    def test_an_expired_key_is_missing(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "value", timeout=-1)
        stored = inspector.make_key("key")
        assert inspector.read(stored) is None
        assert inspector.apply(stored, edits.SetValue("new", "", 60_000)).status == EditStatus.GONE
        assert inspector.apply(stored, edits.AddValue("new", 60_000)).is_done
        assert inspector.cache.get("key") == "new"

    def test_reading_executes_nothing(self, inspector: Inspector) -> None:
        if not inspector.can_get:
            assert inspector.can_get_unsafely
            return
        inspector.cache.set("key", [Trap()])
        entry = inspector.read(inspector.make_key("key"))
        assert not entry.content.editable
        assert Trap.ran == []

    def test_the_second_of_two_editors_is_told(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "old")
        stored = inspector.make_key("key")
        seen = inspector.read(stored)
        inspector.cache.set("key", "theirs")
        outcome = inspector.apply(stored, edits.SetValue("mine", seen.expected, self.ttl))
        assert outcome.status == EditStatus.CHANGED
        assert inspector.cache.get("key") == "theirs"

    def test_an_edit_does_not_bring_a_key_back(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "old")
        stored = inspector.make_key("key")
        seen = inspector.read(stored)
        inspector.cache.delete("key")
        outcome = inspector.apply(stored, edits.SetValue("mine", seen.expected, self.ttl))
        assert outcome.status == EditStatus.GONE
        assert inspector.cache.get("key") is None

    def test_adding_overwrites_only_when_asked(self, inspector: Inspector) -> None:
        inspector.cache.set("key", None)
        stored = inspector.make_key("key")
        assert inspector.apply(stored, edits.AddValue("new", TTL_NONE)).status == EditStatus.EXISTS
        assert inspector.cache.get("key", "missing") is None
        assert inspector.apply(stored, edits.AddValue("new", TTL_NONE, replace=True)).is_done
        assert inspector.cache.get("key") == "new"

    def test_deleting_counts_what_was_there(self, inspector: Inspector) -> None:
        for name in ("a", "b", "c"):
            inspector.cache.set(name, name)
        keys = [inspector.make_key(name) for name in ("a", "b", "missing")]
        assert inspector.delete(keys) == 2
        assert inspector.delete(keys) == 0
        assert inspector.delete([]) == 0
        assert inspector.cache.get("c") == "c"


class TtlContract(ValueContract):
    """Expiry, seen and changed."""

    ttl_resolution: int = 1
    """Milliseconds that the store rounds an expiry to."""

    def ttl_of(self, inspector: Inspector, key: str) -> int | None:
        return inspector.describe([inspector.make_key(key)])[0].ttl

    def assert_lives(self, inspector: Inspector, key: str, milliseconds: int) -> None:
        """Check that a key was given this TTL within the last two seconds."""
        ttl = self.ttl_of(inspector, key)
        assert milliseconds - 2000 - self.ttl_resolution < ttl <= milliseconds

    def test_ttls_are_described_in_the_order_asked(self, inspector: Inspector) -> None:
        inspector.cache.set("never", 1, timeout=None)
        inspector.cache.set("expired", 1, timeout=-1)
        inspector.cache.set("later", 1, timeout=100)
        names = ["missing", "later", "expired", "never"]
        keys = [inspector.make_key(name) for name in names]
        found = inspector.describe(keys)
        assert [description.key for description in found] == keys
        assert [found[0].ttl, found[2].ttl, found[3].ttl] == [TTL_MISSING, TTL_MISSING, TTL_NONE]
        assert [description.exists for description in found] == [False, True, False, True]
        self.assert_lives(inspector, "later", 100_000)
        assert inspector.describe([]) == []

    def test_columns_not_named_are_not_asked_for(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "value", timeout=100)
        (description,) = inspector.describe([inspector.make_key("key")], columns=("ttl",))
        assert description.ttl is not None
        assert description.size is None

    def test_an_edit_keeps_the_ttl(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "old", timeout=1000)
        inspector.cache.set("never", "old", timeout=None)
        started = time.monotonic()
        before = self.ttl_of(inspector, "key")
        assert self.edit(inspector, inspector.make_key("key"), "a longer new value").is_done
        after = self.ttl_of(inspector, "key")
        assert -1 <= before - after <= (time.monotonic() - started) * 1000 + 1
        assert self.edit(inspector, inspector.make_key("never"), "new").is_done
        assert self.ttl_of(inspector, "never") == TTL_NONE

    def test_an_edit_may_set_the_ttl_too(self, inspector: Inspector) -> None:
        stored = inspector.make_key("key")
        inspector.cache.set("key", "old", timeout=1000)
        for ttl in (500_000, TTL_NONE):
            entry = inspector.read(stored)
            edit = edits.SetValue("new", entry.expected, ttl)
            assert inspector.apply(stored, edit).is_done
            assert inspector.cache.get("key") == "new"
        assert self.ttl_of(inspector, "key") == TTL_NONE

    def test_the_ttl_alone_can_be_set(self, inspector: Inspector) -> None:
        stored = inspector.make_key("key")
        inspector.cache.set("key", "value", timeout=1000)
        assert inspector.apply(stored, edits.Expire(TTL_NONE)).is_done
        assert self.ttl_of(inspector, "key") == TTL_NONE
        assert inspector.apply(stored, edits.Expire(TTL_NONE)).is_done
        assert inspector.apply(stored, edits.Expire(50_000)).is_done
        self.assert_lives(inspector, "key", 50_000)
        assert inspector.cache.get("key") == "value"

    def test_the_ttl_of_a_missing_key_cannot_be_set(self, inspector: Inspector) -> None:
        inspector.cache.set("expired", "value", timeout=-1)
        for name in ("missing", "expired"):
            outcome = inspector.apply(inspector.make_key(name), edits.Expire(50_000))
            assert outcome.status == EditStatus.GONE
            assert inspector.cache.get(name) is None

    @pytest.mark.parametrize(
        ("condition", "changed"),
        [
            (ExpireCondition.ALWAYS, {"never", "short", "long"}),
            (ExpireCondition.PERSISTENT, {"never"}),
            (ExpireCondition.LONGER, {"never", "long"}),
            (ExpireCondition.SHORTER, {"short"}),
        ],
    )
    def test_of_several_keys_only_those_that_meet_a_condition_get_a_ttl(
        self, inspector: Inspector, condition: ExpireCondition, changed: set[str]
    ) -> None:
        seconds = {"never": None, "short": 500, "long": 90_000}
        for name, timeout in seconds.items():
            inspector.cache.set(name, "v", timeout=timeout)
        keys = [inspector.make_key(name) for name in (*seconds, "missing")]
        task = BulkTask(5_000_000, condition=condition).process(inspector, keys)
        counts = (task.done, task.unchanged, task.gone, task.failed)
        assert counts == (len(changed), 3 - len(changed), 1, 0)
        for name in changed:
            self.assert_lives(inspector, name, 5_000_000)
        for name in seconds.keys() - changed:
            self.assert_lives(inspector, name, (seconds[name] or 0) * 1000)

    def test_added_keys_live_as_long_as_asked(self, inspector: Inspector) -> None:
        inspector.apply(inspector.make_key("never"), edits.AddValue(1, TTL_NONE))
        inspector.apply(inspector.make_key("later"), edits.AddValue(1, 100_000))
        assert self.ttl_of(inspector, "never") == TTL_NONE
        self.assert_lives(inspector, "later", 100_000)


class PickledContract(TtlContract):
    """What Django's own backends that pickle hold besides."""

    abilities = ABILITIES - ELEMENTS - {"can_get_unsafely", "can_type"}
    compares_large: bool = False
    """Whether a value that is too large to be decoded is compared before it is replaced."""

    culls_late: bool = False
    """Whether the cache makes room before it counts the entry that is added."""

    def test_an_expired_entry_is_left_to_the_cache(self, inspector: Inspector) -> None:
        inspector.cache.set("key", 1, timeout=-1)
        stored = inspector.make_key("key")
        assert inspector.read(stored) is None
        assert not inspector.describe([stored])[0].exists
        assert inspector.delete([stored]) == 0
        assert inspector.status().keys == 1

    def test_adding_makes_room_as_the_cache_does(self, inspect: Inspect) -> None:
        inspector = inspect(OPTIONS={"MAX_ENTRIES": 10, "CULL_FREQUENCY": 2})
        for n in range(30):
            assert inspector.apply(
                inspector.make_key(f"key:{n:02}"), edits.AddValue(n, TTL_NONE)
            ).is_done
        assert inspector.status().keys <= 10 + self.culls_late

    def test_a_large_value_is_not_read_whole_and_its_ttl_can_be_set(
        self, inspect: Inspect, settings: Any
    ) -> None:
        settings.CACHEX_ADMIN = {"DECODE_BYTES": 999, "PREVIEW_BYTES": 100}
        inspector = inspect()
        value = os.urandom(5000)
        inspector.cache.set("key", value, timeout=100)
        stored = inspector.make_key("key")
        entry = inspector.read(stored)
        assert entry.content.kind == "large"
        assert entry.content.stored_size >= 5000
        assert entry.content.text.shown <= 102
        assert not entry.content.editable
        assert inspector.apply(stored, edits.Expire(TTL_NONE)).is_done
        outcome = inspector.apply(stored, edits.SetValue("mine", entry.expected))
        assert outcome.status == (EditStatus.DONE if self.compares_large else EditStatus.CHANGED)
        assert (inspector.cache.get("key") == "mine") is self.compares_large

    def test_a_ttl_beyond_all_time_is_refused(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "value", timeout=None)
        stored = inspector.make_key("key")
        for edit in (edits.Expire(10**400), edits.AddValue("new", 10**400, replace=True)):
            outcome = inspector.apply(stored, edit)
            assert outcome.status == EditStatus.REFUSED
            assert str(outcome.reason)
        assert self.ttl_of(inspector, "key") == TTL_NONE
        assert inspector.cache.get("key") == "value"

    def test_a_key_is_renamed_with_its_ttl_and_overwrites_only_if_told(
        self, inspector: Inspector
    ) -> None:
        inspector.cache.set("key", (1, {2}), timeout=1000)
        inspector.cache.set("other", "theirs")
        stored, to = inspector.make_key("key"), inspector.make_key("other")
        before = self.ttl_of(inspector, "key")
        assert inspector.apply(stored, edits.Rename(to)).status == EditStatus.EXISTS
        assert inspector.apply(stored, edits.Rename(stored)).status == EditStatus.UNCHANGED
        assert inspector.apply(stored, edits.Rename(to, overwrite=True)).is_done
        assert inspector.cache.get("other") == (1, {2})
        assert inspector.cache.get("key") is None
        self.assert_about(self.ttl_of(inspector, "other"), before)
        assert inspector.apply(stored, edits.Rename(to)).status == EditStatus.GONE
        inspector.cache.set("expired", "old", timeout=-1)
        assert inspector.apply(to, edits.Rename(inspector.make_key("expired"))).is_done

    def test_a_key_is_copied_with_its_ttl_and_overwrites_only_if_told(
        self, inspector: Inspector
    ) -> None:
        inspector.cache.set("key", (1, {2}), timeout=1000)
        stored, to = inspector.make_key("key"), inspector.make_key("other")
        assert inspector.apply(stored, edits.Copy(to)).is_done
        assert inspector.cache.get("other") == inspector.cache.get("key") == (1, {2})
        self.assert_about(self.ttl_of(inspector, "other"), self.ttl_of(inspector, "key"))
        inspector.cache.set("other", "theirs", timeout=None)
        assert inspector.apply(stored, edits.Copy(to)).status == EditStatus.EXISTS
        assert inspector.cache.get("other") == "theirs"
        assert inspector.apply(stored, edits.Copy(to, overwrite=True)).is_done
        assert inspector.cache.get("other") == (1, {2})
        assert inspector.apply(inspector.make_key("none"), edits.Copy(to)).status == EditStatus.GONE

    def test_a_ttl_is_lengthened_or_set_to_a_moment(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "value", timeout=1000)
        stored = inspector.make_key("key")
        before = self.ttl_of(inspector, "key")
        assert inspector.apply(stored, edits.ExtendTTL(500_000)).is_done
        self.assert_about(self.ttl_of(inspector, "key"), (before or 0) + 500_000)
        moment = int(time.time() * 1000) + 70_000
        assert inspector.apply(stored, edits.ExpireAt(moment)).is_done
        self.assert_about(self.ttl_of(inspector, "key"), 70_000)
        assert inspector.apply(stored, edits.ExpireAt(moment - 80_000)).status == EditStatus.REFUSED
        assert inspector.cache.get("key") == "value"
        inspector.cache.set("key", "value", timeout=None)
        assert inspector.apply(stored, edits.ExtendTTL(5000)).status == EditStatus.UNCHANGED
        assert self.ttl_of(inspector, "key") == TTL_NONE
        assert (
            inspector.apply(inspector.make_key("none"), edits.ExtendTTL(5000)).status
            == EditStatus.GONE
        )

    def test_a_number_is_increased_and_keeps_its_ttl(self, inspector: Inspector) -> None:
        inspector.cache.set("key", 5, timeout=1000)
        stored = inspector.make_key("key")
        before = self.ttl_of(inspector, "key")
        outcome = inspector.apply(stored, edits.Incr(-7))
        assert (outcome.status, outcome.number) == (EditStatus.DONE, -2)
        assert inspector.cache.get("key") == -2
        self.assert_about(self.ttl_of(inspector, "key"), before)
        assert inspector.apply(stored, edits.Incr(0.5)).status == EditStatus.WRONG_TYPE
        inspector.cache.set("key", "5")
        assert inspector.apply(stored, edits.Incr(1)).status == EditStatus.WRONG_TYPE
        assert inspector.apply(inspector.make_key("none"), edits.Incr(1)).status == EditStatus.GONE

    def test_the_stored_bytes_are_had(self, inspector: Inspector) -> None:
        inspector.cache.set("key", "x" * 100_000)
        entry = inspector.read(inspector.make_key("key"))
        raw = b"".join(inspector.iter_chunks(inspector.make_key("key")))
        assert fingerprint(raw) == entry.expected
        assert b"".join(inspector.iter_chunks(inspector.make_key("none"))) == b""

    def test_edits_of_elements_are_not_offered(self, inspector: Inspector) -> None:
        inspector.cache.set("key", [1])
        for edit in (edits.PushItems((1,)), edits.CreateCollection("list", (1,), TTL_NONE)):
            assert inspector.apply(inspector.make_key("key"), edit).status == EditStatus.REFUSED
        assert inspector.cache.get("key") == [1]

    @staticmethod
    def assert_about(ttl: int | None, expected: int | None) -> None:
        """Some stores keep whole seconds, and time goes on."""
        assert -3000 < ttl - expected <= 1000
