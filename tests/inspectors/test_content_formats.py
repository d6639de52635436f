"""What our own serializers and compressors store, for people to read."""

from __future__ import annotations

import json
import pickle
import re
import sys
import tracemalloc
from importlib import import_module
from typing import Any

import msgpack
import pytest
from django.core.cache.backends.redis import RedisSerializer
from hypothesis import example, given
from hypothesis import strategies as st

from django_cachex.cache import ValkeyCache
from django_cachex.cache.codecs import (
    COMPRESSOR,
    SERIALIZER,
    load_plugin,
    make_serializer,
)
from django_cachex.cache.serializers import (
    JSONSerializer,
    MsgPackSerializer,
    ORJSONSerializer,
    ORMsgPackSerializer,
    PickleSerializer,
)
from django_cachex.inspectors.values import (
    ValueFormat,
    decode,
    parse_value,
    serializer_format,
)
from django_cachex.inspectors.values.msgpack import read_msgpack
from django_cachex.inspectors.values.tree import DecodeLimits, UnresolvedObject, to_tree
from tests.inspectors.pickle_samples import Shell, stored, unhurried

PACKED = ValueFormat("msgpack", "msgpack", msgpack.packb, loads_ints=True)
LONG = {"text": "long " * 1000, "list": [1, None, True, 2.5]}


def alias(**options: Any) -> ValueFormat:
    """Return how the inspectors see a cache with these options."""
    cache = ValkeyCache("redis://cache.example/0", {"OPTIONS": options})
    return serializer_format(cache._serializer, cache._encode)


@pytest.mark.parametrize("serializer", SERIALIZER.paths)
@pytest.mark.parametrize("compressor", COMPRESSOR.paths)
def test_every_pair_of_ours_is_recognised_opened_and_edited(
    serializer: str, compressor: str
) -> None:
    value_format = alias(serializer=serializer, compressor=compressor)
    raw = stored(value_format, LONG)
    content = decode(raw, value_format=value_format)
    assert content.kind == "json"
    name = {"lzma": "xz"}.get(compressor, compressor)
    assert str(content.label).startswith(f"{name}-compressed JSON")
    assert re.search(r", [0-9]+\sB → 5\.[0-9]\skB \([1-3]\s%\)$", str(content.label))
    assert content.value == LONG
    assert content.editable
    assert stored(value_format, parse_value(content.edit_text, content.store_as)) == raw
    for small in ([1], "text", 7, True, None):
        content = decode(stored(value_format, small), value_format=value_format)
        assert content.value == small
        assert type(content.value) is type(small)
        assert "compressed" not in str(content.label)
        assert content.editable


def test_what_any_of_several_wrote_is_read() -> None:
    value_format = alias(serializer=["json", "msgpack", "pickle"], compressor=["zstd", "zlib"])
    for serializer in ("json", "msgpack", "pickle"):
        for compressor in ("zstd", "zlib"):
            written = make_serializer({"serializer": serializer, "compressor": compressor})
            raw = written.dumps(LONG)
            assert isinstance(raw, bytes)
            content = decode(raw, value_format=value_format)
            assert content.value == LONG
            assert content.editable
    unlisted = make_serializer({"serializer": "json", "compressor": "lz4"}).dumps(LONG)
    assert isinstance(unlisted, bytes)
    content = decode(unlisted, value_format=value_format)
    assert str(content.label).startswith("lz4-compressed")
    assert not content.editable  # The application could not read it.


def test_formats_are_not_taken_for_each_other() -> None:
    value_format = alias(serializer=["pickle", "msgpack"])
    # Read as a pickle, this is a text of one byte, and something behind its end.
    value = {1: 2, 46: 0, **dict.fromkeys(range(47, 57), 46)}
    content = decode(msgpack.packb(value), value_format=value_format)
    assert str(content.label) == "MessagePack of dict"
    assert content.value == value
    cut = decode(pickle.dumps(list(range(100)))[:-5], value_format=value_format)
    assert "damaged pickle" in str(cut.label)


def test_a_threshold_above_the_probe_does_not_hide_the_compression() -> None:
    value_format = alias(compressor=("zstd", {"min_size": 100_000}))
    raw = load_plugin(COMPRESSOR, "zstd").compress(pickle.dumps(LONG))
    assert decode(raw, value_format=value_format).editable


@pytest.mark.parametrize("compressor", COMPRESSOR.paths)
def test_a_bomb_fills_no_memory(compressor: str) -> None:
    value_format = alias(compressor=compressor)
    made = load_plugin(COMPRESSOR, compressor)
    raw = made.compress(bytes(30_000_000))
    tracemalloc.start()
    content = decode(raw, value_format=value_format)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert content.kind == "large"
    assert "more than 1.0\xa0MB" in str(content.label)
    assert "decompressed size exceeds the limit of 1.0 MB" in str(content.not_editable_reason)
    assert content.formatted.open_ended
    assert content.formatted.truncated
    assert not content.editable
    assert peak < 20_000_000


def test_a_strangers_compressor_leaves_what_is_plain_readable() -> None:
    value_format = alias(compressor=Upside())
    assert decode(pickle.dumps([1]), value_format=value_format).value == [1]
    assert not decode(b"?" + pickle.dumps([1] * 9)[::-1], value_format=value_format).editable


class Upside:
    def recognizes(self, data: bytes) -> bool:
        return data[:1] == b"?"

    def compress(self, data: bytes) -> bytes:
        return b"?" + data[::-1]

    def decompress(self, data: bytes) -> bytes:
        return data[:0:-1]


@pytest.mark.parametrize(
    ("there", "here", "taken"),
    [
        ({}, {}, True),
        ({}, {"compressor": "zlib"}, True),
        ({"compressor": "zlib"}, {}, False),
        ({"compressor": "zlib"}, {"compressor": ["zstd", "zlib"]}, True),
        ({"compressor": ["zstd", "zlib"]}, {"compressor": "zstd"}, False),
        ({"serializer": "json"}, {"serializer": ["json", "pickle"]}, True),
        ({"serializer": ["json", "pickle"]}, {"serializer": "json"}, False),
        ({"serializer": "json"}, {"serializer": "msgpack"}, False),
    ],
)
def test_one_cache_takes_what_another_stores(
    there: dict[str, Any], here: dict[str, Any], taken: bool
) -> None:
    assert alias(**here).can_read(alias(**there)) is taken


# What serializers say


class Written:
    """A serializer that says what it writes, and must not be called to find out."""

    format = "json"
    stores_ints = True

    def dumps(self, value: Any) -> bytes | int:
        raise AssertionError("called without a value to store")

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class Reversed(PickleSerializer):
    """What it inherits says `pickle`, which is not what it writes."""

    def dumps(self, obj: Any) -> bytes:
        return pickle.dumps(obj, self.protocol)[::-1]


class Unchanged(PickleSerializer):
    """It writes what it inherits."""


@pytest.mark.parametrize(
    ("serializer", "kind", "integers"),
    [
        (Written(), "json", True),
        (Unchanged(), "pickle", True),
        (RedisSerializer(), "pickle", True),
        (PickleSerializer(), "pickle", True),
        (JSONSerializer(), "json", True),
        (ORJSONSerializer(), "json", True),
        (MsgPackSerializer(), "msgpack", True),
        (ORMsgPackSerializer(), "msgpack", True),
        (type("Secret", (Written,), {"format": "opaque"})(), "opaque", True),
        (type("Plain", (Written,), {"stores_ints": False, "format": "json"})(), "json", False),
        (type("Texts", (Written,), {"stores_ints": False})(), "json", False),
        (type("Short", (), {"format": "json", "loads": Written.loads})(), "json", False),
    ],
)
def test_serializers_that_say_what_they_write_are_not_called(
    serializer: Any, kind: str, integers: bool
) -> None:
    value_format = serializer_format(serializer, Written().dumps)
    assert (value_format.format, value_format.loads_ints) == (kind, integers)
    assert value_format.name.endswith(type(serializer).__name__)


@pytest.mark.parametrize(
    "serializer",
    [
        Reversed(),
        type("Formatter", (), {"format": str.format, "dumps": Reversed().dumps})(),
        type("Yaml", (), {"format": "yaml", "dumps": Reversed().dumps})(),
    ],
)
def test_what_a_serializer_says_is_not_taken_for_one_that_writes_otherwise(serializer: Any) -> None:
    value_format = serializer_format(serializer, serializer.dumps)
    assert value_format.format == "opaque"
    assert decode(serializer.dumps([1]), value_format=value_format).kind == "bytes"


def test_what_other_serializers_write_is_recognised() -> None:
    their = type("Their", (), {"dumps": staticmethod(json.dumps)})()
    value_format = serializer_format(their, json.dumps)
    assert (value_format.format, value_format.loads_ints) == ("json", False)


def test_views_are_made_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any) -> None:
        raise AssertionError("made without need")

    module = import_module("django_cachex.inspectors.values.decode")
    for name in ("hex_dump", "preview_bytes", "edit_initial"):
        monkeypatch.setattr(module, name, refuse)
    content = decode(pickle.dumps([1]), value_format=alias())
    assert content.formatted.text == "[\n  1\n]"


# MessagePack


@pytest.mark.parametrize(
    ("value", "kind", "label", "shown"),
    [
        ({"a": 1}, "json", "JSON in MessagePack", '{\n  "a": 1\n}'),
        ("é", "text", "text in MessagePack", "é"),
        (2**63, "integer", "integer in MessagePack", str(2**63)),
        (None, "json", "None in MessagePack", "null"),
        (b"\xff", "bytes", "bytes in MessagePack", "b'\\xff'"),
        ({1: "a"}, "msgpack", "MessagePack of dict", "{1: 'a'}"),
        ({(1, (2, "b")): "a"}, "msgpack", "MessagePack of dict", "{(1, (2, 'b')): 'a'}"),
        ([float("nan")], "msgpack", "MessagePack of list", "[nan]"),
        (
            [msgpack.ExtType(5, b"x")],
            "msgpack",
            "MessagePack of list",
            "[msgpack.ExtType(5, b'x')]",
        ),
    ],
)
def test_messagepack_is_shown(value: Any, kind: str, label: str, shown: str) -> None:
    content = decode(msgpack.packb(value), value_format=PACKED)
    assert (content.kind, str(content.label)) == (kind, label)
    assert content.formatted.text.strip("<>") == shown
    assert content.editable == (kind in ("json", "text", "integer"))


@pytest.mark.parametrize(
    "raw",
    [b"\xc1", b"\x92\x01", b"\x80\x05", b"\xa5abc", b"\xa1\xff", b"\xdd\xff\xff\xff\xff", b"ab"],
)
def test_what_is_no_messagepack_is_shown_as_stored(raw: bytes) -> None:
    content = decode(raw, value_format=PACKED)
    assert content.kind in ("bytes", "text")
    assert not content.editable
    assert "MessagePack" in str(content.not_editable_reason)


def test_too_many_parts_are_read_in_part() -> None:
    content = decode(msgpack.packb([[{"a": 1}] * 40_000, "end"]), value_format=PACKED)
    assert str(content.label) == "MessagePack, partly read"
    assert not content.editable
    assert content.notes


def test_deep_nesting_is_shown_as_far_as_it_is_bearable() -> None:
    content = decode(b"\x91" * 20_000 + b"\x01", value_format=PACKED)
    assert not content.editable
    assert content.formatted.text.startswith("[")


def test_a_pickle_is_not_run_where_messagepack_is_expected() -> None:
    raw = pickle.dumps([Shell("exit 1")])
    content = decode(raw, value_format=PACKED)
    assert content.kind == "bytes"


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8"))
    | st.binary()
)
keys = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(st.characters(codec="utf-8"))
)
nested = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(keys, inner), max_leaves=15
)


@unhurried
@given(nested)
def test_what_msgpack_writes_is_read(value: Any) -> None:
    tree, _nodes = to_tree(read_msgpack(msgpack.packb(value))[0], DecodeLimits())
    assert repr(tree) == repr(value)


extensions = st.builds(
    lambda size, code, data: bytes([0xC7, size]) + code + data[:size],
    st.sampled_from([0, 1, 4, 8, 12]),
    st.binary(min_size=1, max_size=1) | st.sampled_from([b"\xff", b"\xfe", b"\x80", b"\x7f"]),
    st.binary(min_size=12, max_size=12),
)


@unhurried
@given(st.binary(max_size=200) | extensions)
@example(b"\xd5\x80\x00\x00")
@example(b"\xd7\xff\xff\xff\xff\xff\x00\x00\x00\x00")
@example(b"\xc7\x0c\xff\xff\xff\xff\xff" + bytes(8))
def test_any_bytes_are_read_or_refused_as_msgpack_does(raw: bytes) -> None:
    try:
        expected = msgpack.unpackb(raw, strict_map_key=False, object_pairs_hook=list)
    except Exception:
        expected = Refused
    try:
        read_msgpack(raw)
        found: Any = None
    except ValueError:
        found = Refused
    assert (found is Refused) == (expected is Refused)


class Refused(Exception):
    pass


@pytest.mark.parametrize(
    "header", [b"\xdd\xff\xff\xff\xff", b"\xdd\x00\x03\xff\xff", b"\xdf\x00\x01\xff\xff"]
)
def test_declared_lengths_of_messagepack_reserve_nothing(header: bytes) -> None:
    raw = header * 1000 + bytes(300_000)
    tracemalloc.start()
    decode(raw, value_format=PACKED)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_timestamps_are_labels() -> None:
    short, medium, long = (b"\xd6\xff", 4), (b"\xd7\xff", 8), (b"\xc7\x0c\xff", 12)
    for header, size in (short, medium, long, (b"\xc8\x00\x0c\xff", 12)):
        data = bytes(size - 1) + b"\x07"
        content = decode(b"\x91" + header + data, value_format=PACKED)
        assert content.value[0].args == (-1, data)


def test_without_the_package_messagepack_is_shown_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgpack", None)
    value_format = ValueFormat("msgpack", "msgpack", bytes)
    content = decode(b"\x92\x01\xa1x", value_format=value_format)
    assert content.kind == "bytes"
    assert "pip install django-cachex[msgpack]" in str(content.not_editable_reason)


def test_extensions_are_labels() -> None:
    for size in (0, 1, 2, 3, 4, 8, 16, 300, 70_000):
        raw = msgpack.packb(msgpack.ExtType(7, b"x" * size))
        tree, _nodes = to_tree(read_msgpack(raw)[0], DecodeLimits())
        assert isinstance(tree, UnresolvedObject)
        assert tree.args == (7, b"x" * size)


@pytest.mark.parametrize("protocol", [0, 1])
def test_pickles_that_the_application_does_not_read_are_shown_as_bytes(protocol: int) -> None:
    raw = pickle.dumps([1, "two"], protocol)
    for value_format in (alias(), alias(serializer=["json", "pickle"])):
        content = decode(raw, value_format=value_format)
        assert "pickle" not in str(content.label)
        assert not content.editable
    careless = ValueFormat("their.Serializer", "pickle", pickle.dumps)
    assert decode(raw, value_format=careless).value == [1, "two"]
