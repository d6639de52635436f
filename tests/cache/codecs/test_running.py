"""Bytes of one serializer that are a program to another: what runs, what is refused."""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import pickletools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack
import pytest
from django.core.cache.backends.redis import RedisSerializer
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from django_cachex.cache import ValkeyCache
from django_cachex.cache.codecs import (
    UnreadableValue,
    can_run_code,
    can_run_code_from,
    has_pickle_imports,
    make_serializer,
)
from django_cachex.cache.serializers import JSONSerializer, PickleSerializer, unpickle_all
from tests.cache.conftest import url
from tests.servers import Server


class Marking:
    """What makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def typed(path: Path) -> dict[str, Any]:
    """Return what somebody may type as JSON whose MessagePack is a pickle that makes a folder.

    A map of twelve begins with 0x8c, the opcode of a text, and its first key with 0xa1: the text
    has 161 bytes. What comes after that is the program. The header of a value of 0x8000 characters
    and some is, as UTF-8, a character and a NUL.
    """
    program = f"cos\nmkdir\n(V{path}\ntR."
    value = ("y" * 157 + program).ljust(0x8001, "z")
    return {"x": value, **{f"k{n}": n for n in range(11)}}


def programs(path: Path) -> list[bytes]:
    """Return pickles that make a folder, as they may be told to a careless reader."""
    packed: bytes = msgpack.packb(typed(path))
    found = [packed, *(pickle.dumps(Marking(path), protocol) for protocol in (0, 1))]
    for one in found:
        pickle.loads(one)
        assert path.exists(), one[:200]
        path.rmdir()
    return found


def test_what_does_not_begin_as_our_pickles_do_is_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    codecs = [make_serializer({}), make_serializer({"serializer": ["json", "pickle"]})]
    for program in programs(folder):
        for codec in codecs:
            with pytest.raises(UnreadableValue):
                codec.loads(program)
        with pytest.raises(UnreadableValue):
            unpickle_all([program])
    assert not folder.exists()


def test_a_cache_of_pickles_does_not_run_what_another_packed(
    valkey_server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "made"
    place = url(valkey_server)
    packing = ValkeyCache(place, {"KEY_PREFIX": "m", "OPTIONS": {"serializer": "msgpack"}})
    packing.set("1:key", typed(folder))
    packing.rpush("1:list", typed(folder))
    packing.hset("1:hash", "field", typed(folder))
    for options in ({}, {"serializer": ["json", "pickle"]}):
        reader = ValkeyCache(place, {"KEY_PREFIX": "m:1", "OPTIONS": options})
        for read in (
            lambda reader=reader: reader.get("key"),
            lambda reader=reader: reader.get_many(["key"]),
            lambda reader=reader: reader.lrange("list", 0, -1),
            lambda reader=reader: reader.hgetall("hash"),
            lambda reader=reader: reader.get_or_set("key", 1),
        ):
            with pytest.raises(UnreadableValue):
                read()
    assert not folder.exists()


@pytest.mark.parametrize("protocol", [0, 1, 6, True, "4", -2])
def test_protocols_that_are_not_read_are_not_written(protocol: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="protocol"):
        PickleSerializer(protocol)


def test_the_highest_protocol_has_the_name_that_pickle_gives_it() -> None:
    assert PickleSerializer(-1).protocol == PickleSerializer().protocol == pickle.HIGHEST_PROTOCOL


# Which bytes name something.


def test_programs_are_told_from_data(tmp_path: Path) -> None:
    for program in programs(tmp_path / "made"):
        assert has_pickle_imports(program)
        assert can_run_code_from(RedisSerializer(), program)
        assert not can_run_code_from(PickleSerializer(), program)
        assert not can_run_code_from(JSONSerializer(), program)


def test_what_begins_as_our_pickles_do_may_run_with_them(tmp_path: Path) -> None:
    program = pickle.dumps(Marking(tmp_path))
    assert can_run_code_from(PickleSerializer(), program)
    assert can_run_code_from(make_serializer({"serializer": ["msgpack", "pickle"]}), program)
    assert not can_run_code_from(make_serializer({"serializer": ["msgpack", "json"]}), program)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(PLAIN, st.integers(2, pickle.HIGHEST_PROTOCOL))
def test_pickles_of_plain_data_name_nothing(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    imports = {"GLOBAL", "STACK_GLOBAL"}  # Protocol 2 has no bytes.
    expected = any(opcode.name in imports for opcode, _argument, _at in pickletools.genops(data))
    assert has_pickle_imports(data) == expected


class Spy(pickle.Unpickler):
    """Notes that something was to be imported, and imports nothing."""

    named = False

    def find_class(self, module: str, name: str) -> Any:
        type(self).named = True
        raise pickle.UnpicklingError


OPCODE = st.sampled_from([opcode.code.encode("latin-1") for opcode in pickletools.opcodes])
WORDS = st.sampled_from(
    [b"os\n", b"system\n", b"\x8c\x02os", b"(", b"\n", b"\x00", b"\x01", b"1\n"]
)


@given(st.lists(OPCODE | WORDS | st.binary(max_size=4), max_size=12).map(b"".join))
def test_whatever_pickle_would_import_is_seen_before(data: bytes) -> None:
    Spy.named = False
    with suppress(Exception):
        Spy(io.BytesIO(data)).load()
    if Spy.named:
        assert has_pickle_imports(data)


@pytest.fixture
def registered() -> Iterator[int]:
    copyreg.add_extension("os", "system", 0xA1)  # type: ignore[arg-type]
    yield 0xA1
    copyreg.remove_extension("os", "system", 0xA1)  # type: ignore[arg-type]


def test_extension_codes_count_where_they_mean_something(registered: int) -> None:
    packed = msgpack.packb({"a": 1, "b": 2})
    assert packed[:2] == bytes([0x82, registered])
    assert has_pickle_imports(packed)


def test_packed_data_of_every_day_name_nothing() -> None:
    for value in (
        {"a": 1, "b": 2},
        {"a": [1, 2]},
        ["c", "i"],
        "cat",
        {f"k{n}": n for n in range(30)},
    ):
        assert not has_pickle_imports(msgpack.packb(value)), value
    for text in (
        b'{"c": "i"}',
        b"true",
        b"null",
        b"1.5",
        b"cat",
        b"",
        b"[1, 2]",
        b'"cos\\nsystem\\n"',
    ):
        assert not has_pickle_imports(text), text


def test_only_serializers_that_are_known_run_nothing() -> None:
    class Mine(PickleSerializer):
        def loads(self, data: bytes) -> Any:
            return pickle.loads(data)

    class Marked(PickleSerializer):
        def dumps(self, obj: Any) -> bytes | int:
            return super().dumps(obj)

    assert can_run_code(RedisSerializer())
    assert can_run_code(Mine())
    assert not can_run_code(Marked())
