"""What a person stores is refused where another cache could read it, and run it as a program."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.edits import (
    AddValue,
    Copy,
    Edit,
    EditResult,
    EditStatus,
    Rename,
)
from django_cachex.inspectors.types import TTL_NONE
from tests import servers
from tests.cache.codecs.test_running import typed
from tests.inspectors.valkey.changes.every import STORING, prepare
from tests.inspectors.valkey.changes.subject import Subject

VALKEY = "django_cachex.cache.ValkeyCache"
DJANGO_REDIS = "django.core.cache.backends.redis.RedisCache"


class Careless:
    """A project's own serializer, which unpickles whatever there is."""

    def dumps(self, obj: Any) -> bytes:
        return pickle.dumps(obj)

    def loads(self, data: bytes) -> Any:
        return pickle.loads(data)


class Squeezed(Careless):
    def loads(self, data: bytes) -> Any:
        return pickle.loads(zlib.decompress(data))


class Latin:
    """A project's own serializer of texts, in which a person may type any byte."""

    def dumps(self, obj: Any) -> bytes:
        return str(obj).encode("latin-1")

    def loads(self, data: bytes) -> str:
        return data.decode("latin-1")


def as_it_is(key: str, prefix: str, version: int) -> str:
    return key


Setting = Callable[..., Inspector]


@pytest.fixture
def setting(valkey_server: servers.Server, settings: Any) -> Setting:
    """Return a function that sets up a reader beside a writer of MessagePack, which it returns."""

    def make(reader: dict[str, Any], **writer: Any) -> Inspector:
        place = f"redis://{valkey_server.address}/0"
        settings.CACHES = {
            "writer": {
                "BACKEND": VALKEY,
                "LOCATION": place,
                "KEY_PREFIX": "m",
                "OPTIONS": {"serializer": "msgpack"},
                **writer,
            },
            "reader": {"BACKEND": VALKEY, "LOCATION": place, "KEY_PREFIX": "m", **reader},
        }
        return inspector_for("writer")

    return make


@pytest.fixture
def raw(valkey_server: servers.Server) -> Iterator[valkey.Valkey]:
    with valkey.Valkey(port=valkey_server.port) as client:
        yield client


KEY = b"m:1:1:1:key"
"""A key of the prefix `m`, and of the prefix `m:1`."""

READERS: dict[str, dict[str, Any]] = {
    "django": {"BACKEND": DJANGO_REDIS},
    "django, inside": {"BACKEND": DJANGO_REDIS, "KEY_PREFIX": "m:1"},
    "django, another version": {"BACKEND": DJANGO_REDIS, "VERSION": 7},
    "django, any name": {"BACKEND": DJANGO_REDIS, "KEY_FUNCTION": as_it_is, "KEY_PREFIX": "z"},
    "own serializer": {"OPTIONS": {"serializer": Careless}},
    "own serializer, second": {"OPTIONS": {"serializer": ["json", Careless]}},
    "ours, hashed": {"BACKEND": DJANGO_REDIS, "KEY_FUNCTION": lambda key, p, v: str(hash(key))},
}


def refused(outcome: EditResult) -> bool:
    return outcome.is_refused and "run the value as code" in str(outcome.reason)


@pytest.mark.parametrize("name", READERS)
def test_a_program_for_another_cache_is_refused(
    setting: Setting, raw: valkey.Valkey, tmp_path: Path, name: str
) -> None:
    writer = setting(READERS[name])
    assert refused(writer.apply(KEY, AddValue(typed(tmp_path / "made"), TTL_NONE)))
    assert not raw.exists(KEY)
    # What is none is stored as ever.
    for value in ({"a": 1, "b": [2, None]}, "cat", [1.5], 7, {f"k{n}": n for n in range(12)}):
        assert writer.apply(KEY, AddValue(value, TTL_NONE, replace=True)).is_done, value


HARMLESS: dict[str, dict[str, Any]] = {
    "ours": {},
    "ours, of several": {"OPTIONS": {"serializer": ["msgpack", "json", "pickle"]}},
    "another prefix": {"BACKEND": DJANGO_REDIS, "KEY_PREFIX": "n"},
    "another prefix that begins alike": {"BACKEND": DJANGO_REDIS, "KEY_PREFIX": "m:2"},
    "django, guarded": {
        "BACKEND": DJANGO_REDIS,
        "OPTIONS": {"serializer": "django_cachex.cache.serializers.PickleSerializer"},
    },
}


@pytest.mark.parametrize("name", HARMLESS)
def test_who_would_not_run_it_is_no_obstacle(setting: Setting, tmp_path: Path, name: str) -> None:
    writer = setting(HARMLESS[name])
    assert writer.apply(KEY, AddValue(typed(tmp_path / "made"), TTL_NONE)).is_done
    assert not (tmp_path / "made").exists()


def test_what_is_compressed_is_opened_to_look(setting: Setting, tmp_path: Path) -> None:
    squeezing = {"serializer": "msgpack", "compressor": "zlib"}
    writer = setting({"OPTIONS": {"serializer": Squeezed}}, OPTIONS=squeezing)
    assert refused(writer.apply(KEY, AddValue(typed(tmp_path), TTL_NONE)))
    assert writer.apply(KEY, AddValue("harmless " * 100, TTL_NONE)).is_done


def test_what_begins_as_our_pickles_do_is_refused_for_ours_too(setting: Setting) -> None:
    writer = setting({}, OPTIONS={"serializer": Latin})
    program = pickle.dumps(print, 4).decode("latin-1")
    assert refused(writer.apply(KEY, AddValue(program, TTL_NONE)))
    assert writer.apply(KEY, AddValue(pickle.dumps([1], 4).decode("latin-1"), TTL_NONE)).is_done


def test_pickles_that_a_cache_writes_are_everybodys(setting: Setting) -> None:
    writer = setting({"BACKEND": DJANGO_REDIS}, OPTIONS={})
    program = "cos\nsystem\n(S'id'\ntR."
    assert writer.apply(KEY, AddValue({"a": program}, TTL_NONE)).is_done
    assert caches["writer"].get("1:1:key") == {"a": program}


@pytest.mark.parametrize("name", STORING)
def test_every_edit_that_stores_a_value_is_checked(
    setting: Setting, raw: valkey.Valkey, tmp_path: Path, name: str
) -> None:
    subject = Subject(setting({"BACKEND": DJANGO_REDIS}), raw, KEY)
    holds, make = STORING[name]
    prepare(subject, holds)
    before = raw.dump(KEY)
    assert refused(subject.apply(make(subject, typed(tmp_path))))
    assert raw.dump(KEY) == before
    subject.done(make(subject, {"harmless": 1}))


# Moving what is stored.

OUTSIDE, INSIDE = b"m:1:key", b"m:1:1:key"
MOVES: dict[str, Callable[[bytes], Edit]] = {"rename": Rename, "copy": Copy}


@pytest.mark.parametrize("name", MOVES)
def test_nothing_moves_to_where_it_might_be_run(
    setting: Setting, raw: valkey.Valkey, tmp_path: Path, name: str
) -> None:
    writer, move = setting({"BACKEND": DJANGO_REDIS, "KEY_PREFIX": "m:1"}), MOVES[name]
    assert writer.apply(OUTSIDE, AddValue(typed(tmp_path), TTL_NONE)).is_done
    assert refused(writer.apply(OUTSIDE, move(INSIDE)))
    assert not raw.exists(INSIDE)
    assert writer.apply(OUTSIDE, move(b"m:1:other")).is_done


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("serializer", ["pickle", "json"])
def test_what_cannot_be_a_program_moves(setting: Setting, name: str, serializer: str) -> None:
    writer = setting(
        {"BACKEND": DJANGO_REDIS, "KEY_PREFIX": "m:1"}, OPTIONS={"serializer": serializer}
    )
    assert writer.apply(OUTSIDE, AddValue({"a": 1}, TTL_NONE)).is_done
    assert writer.apply(OUTSIDE, MOVES[name](INSIDE)).is_done


def test_a_copy_into_another_cache_is_checked_there(
    setting: Setting, settings: Any, raw: valkey.Valkey, tmp_path: Path
) -> None:
    writer = setting({"BACKEND": DJANGO_REDIS, "KEY_PREFIX": "m:1"})
    settings.CACHES = {
        **settings.CACHES,
        "source": {**settings.CACHES["writer"], "KEY_PREFIX": "elsewhere"},
        "pickles": {**settings.CACHES["writer"], "KEY_PREFIX": "pickles", "OPTIONS": {}},
    }
    source, pickles = inspector_for("source"), inspector_for("pickles")
    assert source.apply(b"elsewhere:1:key", AddValue(typed(tmp_path), TTL_NONE)).is_done
    assert refused(source.apply(b"elsewhere:1:key", Copy(INSIDE, writer)))
    # What is stored anew is checked as what is typed.
    assert pickles.apply(b"pickles:1:key", AddValue(typed(tmp_path), TTL_NONE)).is_done
    assert refused(pickles.apply(b"pickles:1:key", Copy(INSIDE, writer)))
    assert not raw.exists(INSIDE)


def test_a_copy_of_a_hidden_neighbours_name_is_not_said(setting: Setting, tmp_path: Path) -> None:
    writer = setting({"BACKEND": DJANGO_REDIS})
    outcome = writer.apply(KEY, AddValue(typed(tmp_path), TTL_NONE))
    assert outcome.status is EditStatus.REFUSED
    assert '"reader"' not in str(outcome.reason)
    assert "“reader”" not in str(outcome.reason)
