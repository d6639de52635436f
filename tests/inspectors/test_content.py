"""Stored strings for people: what they are, how they show, whether they can be edited."""

from __future__ import annotations

import base64
import bz2
import collections
import datetime
import decimal
import gzip
import json
import lzma
import pickle
import tracemalloc
import uuid
import zlib
from pathlib import Path
from typing import Any

import msgpack
import pytest
from django.core.cache.backends.redis import RedisSerializer
from django.http import HttpResponse
from django.test import override_settings
from django.utils.safestring import mark_safe
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from django_cachex.inspectors.values import (
    Content,
    ValueFormat,
    decode,
    detect_format,
    fingerprint,
    hex_dump,
    human_size,
    parse_value,
)
from tests.inspectors.pickle_samples import (
    SAMPLE,
    Colour,
    Pair,
    Point,
    Shell,
    Size,
    plain,
    shape,
    stored,
    unhurried,
)

SERIALIZER = RedisSerializer()
PICKLE = ValueFormat("pickle", "pickle", pickle.dumps)
REDIS = ValueFormat("redis", "pickle", SERIALIZER.dumps, loads_ints=True)
JSON = ValueFormat("json", "json", lambda value: json.dumps(value).encode())
ZLIB = ValueFormat(
    "zlib", "pickle", lambda value: zlib.compress(pickle.dumps(value)), compression="zlib"
)
OPAQUE = ValueFormat("shop.Serializer", "opaque", pickle.dumps)

SAMPLES = "tests.inspectors.pickle_samples"
REFERENCE = "a reference to builtins.int"


def pickled(value: Any, protocol: int = 5) -> Content:
    return decode(pickle.dumps(value, protocol), value_format=PICKLE)


# What it is.


@pytest.mark.parametrize(
    ("raw", "value_format", "kind", "label"),
    [
        (b"42", REDIS, "integer", "integer"),
        (b"-7", REDIS, "integer", "integer"),
        (b"42", PICKLE, "text", "text"),
        (b"1_0", REDIS, "text", "text"),
        (b" 12 ", REDIS, "text", "text"),
        (b"9" * 5000, REDIS, "text", "text"),
        (pickle.dumps(42, 5), PICKLE, "integer", "integer in a pickle (protocol 5)"),
        (pickle.dumps("x", 5), REDIS, "text", "text in a pickle (protocol 5)"),
        (pickle.dumps([1], 5), REDIS, "json", "JSON in a pickle (protocol 5)"),
        (pickle.dumps({"a": 1}, 2), REDIS, "json", "JSON in a pickle (protocol 2)"),
        (pickle.dumps(None, 5), REDIS, "json", "None in a pickle (protocol 5)"),
        (pickle.dumps(True, 5), REDIS, "json", "boolean in a pickle (protocol 5)"),
        (pickle.dumps(1.5, 5), REDIS, "json", "number in a pickle (protocol 5)"),
        (pickle.dumps(b"x", 5), REDIS, "bytes", "bytes in a pickle (protocol 5)"),
        (pickle.dumps((1,), 5), REDIS, "pickle", "pickle of tuple (protocol 5)"),
        (pickle.dumps(Pair(1, 2), 5), REDIS, "pickle", f"pickle of {SAMPLES}.Pair (protocol 5)"),
        (pickle.dumps([1], 5)[:-1], REDIS, "pickle", "damaged pickle (protocol 5)"),
        (pickle.dumps(int, 4), REDIS, "pickle", f"pickle of {REFERENCE} (protocol 4)"),
        (pickle.dumps(int, 5), REDIS, "pickle", f"pickle of {REFERENCE} (protocol 5)"),
        (b'{"a": 1}', JSON, "json", "JSON"),
        (b'"x"', JSON, "text", "text in JSON"),
        (b"12", JSON, "integer", "integer in JSON"),
        (b"null", JSON, "json", "None in JSON"),
        (b"NaN", JSON, "json", "JSON"),
        (b"{", JSON, "text", "text"),
        (b"\xff", JSON, "bytes", "bytes"),
        (b"", REDIS, "empty", "empty"),
        (b"", OPAQUE, "empty", "empty"),
        ("naïve".encode(), OPAQUE, "text", "text"),
        (b"\x80\xff", OPAQUE, "bytes", "bytes"),
        (b"42", OPAQUE, "text", "text"),
        (pickle.dumps([1]), OPAQUE, "bytes", "bytes"),
        (lzma.compress(b"x"), REDIS, "text", "xz-compressed text, 60\xa0B → 1\xa0B (6000\xa0%)"),
        (lzma.compress(b"x")[:20], REDIS, "bytes", "xz-compressed bytes, not decompressed"),
        (b"\x28\xb5\x2f\xfd1234", REDIS, "bytes", "zstd-compressed bytes, not decompressed"),
        (b"\x04\x22\x4d\x181234", OPAQUE, "bytes", "lz4-compressed bytes, not decompressed"),
        (bz2.compress(b"x"), OPAQUE, "text", "bzip2-compressed text, 37\xa0B → 1\xa0B (3700\xa0%)"),
        (bz2.compress(b"x")[:20], OPAQUE, "bytes", "bzip2-compressed bytes, not decompressed"),
        (b'{"a": 1}', OPAQUE, "json", "JSON"),
        (b'{"a": 1}', REDIS, "json", "JSON"),
        (base64.b64encode(b'{"a": 1}'), OPAQUE, "json", "JSON in Base64"),
        (base64.b64encode(b"nothing of the kind"), OPAQUE, "text", "text"),
        (b'a:1:{s:1:"a";i:1;}', OPAQUE, "text", "serialized PHP"),
        (b's:5:"na\xc3\xafv";', OPAQUE, "text", "serialized PHP"),
        (b's:6:"short";', OPAQUE, "text", "text"),
        (b'O:4:"Shop":1:{s:7:"\x00Shop\x00a";N;}', OPAQUE, "text", "serialized PHP"),
        (b"i:42;", OPAQUE, "text", "serialized PHP"),
        (b"i:42; and so on", OPAQUE, "text", "text"),
        (b"\xac\xed\x00\x05sr\x00\x11java.lang.Integer", REDIS, "bytes", "serialized Java"),
        (b"HYLL\x01\x00\x00\x00\xff", OPAQUE, "bytes", "HyperLogLog"),
    ],
)
def test_kind_and_label(raw: bytes, value_format: ValueFormat, kind: str, label: str) -> None:
    content = decode(raw, value_format=value_format)
    assert (content.kind, str(content.label)) == (kind, label)
    assert content.stored_size == len(raw)


def test_labels_follow_the_language() -> None:
    size = human_size(1234)
    with override("de"):
        assert str(size) == "1,2 kB"
    with override("en"):
        assert str(size) == "1.2 kB"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (20_000_000, "20.0 MB"),
        (10**18, "1000.0 PB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert str(human_size(count)) == text


# View, then save.


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**4000), max_value=10**4000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.from_regex(r"[{\[\" \r\n\x00\x7f\x85-]*[0-9a-z]*"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@unhurried
@given(json_values, st.sampled_from([PICKLE, REDIS, JSON, ZLIB]))
def test_view_then_save_changes_nothing(value: Any, value_format: ValueFormat) -> None:
    content = decode(stored(value_format, value), value_format=value_format)
    assert content.editable, str(content.not_editable_reason)
    saved = parse_value(content.edit_text, content.store_as)
    assert shape(saved) == shape(value)
    assert pickle.dumps(saved) == pickle.dumps(json.loads(json.dumps(value)))


@unhurried
@given(plain)
def test_what_is_editable_is_exact(value: Any) -> None:
    content = pickled(value)
    if content.editable:
        assert shape(parse_value(content.edit_text, content.store_as)) == shape(value)
    else:
        assert str(content.not_editable_reason)
        assert content.edit_text == ""


@pytest.mark.parametrize(
    ("value", "store_as", "edit_text"),
    [
        ("123", "text", "123"),
        (123, "integer", "123"),
        (2**70, "integer", str(2**70)),
        (-5, "integer", "-5"),
        (True, "json", "true"),
        (None, "json", "null"),
        (1.0, "json", "1.0"),
        ("", "text", ""),
        (" spaces ", "text", " spaces "),
        ('{"a": 1}', "text", '{"a": 1}'),
        ("[1", "text", "[1"),
        ("null", "text", "null"),
        ("<script>alert(1)</script>", "text", "<script>alert(1)</script>"),
        ("two\nlines\tand a tab", "text", "two\nlines\tand a tab"),
        ("carriage\r\nreturn", "json", '"carriage\\r\\nreturn"'),
        ("nul\x00", "json", '"nul\\u0000"'),
        ("escape\x1b[0m", "json", '"escape\\u001b[0m"'),
        ("next\x85line\x7f", "json", '"next\\u0085line\\u007f"'),
        (["é", "\u2028", "\u202e"], "json", '[\n  "é",\n  "\\u2028",\n  "\\u202e"\n]'),
    ],
)
def test_forms_are_filled_with_what_keeps_the_type(
    value: Any, store_as: str, edit_text: str
) -> None:
    content = pickled(value)
    assert (content.store_as, content.edit_text) == (store_as, edit_text)
    assert shape(parse_value(content.edit_text, content.store_as)) == shape(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ((1, 2), "tuple"),
        (Size.SMALL, "Size"),
        (collections.defaultdict(list), "defaultdict"),
        (Shell("true"), "posix.system"),
        (HttpResponse(b"x"), "HttpResponse"),
        (list(range(10_001)), "too many parts"),
        ("x" * 600_000, "too large to edit"),
    ],
)
def test_what_cannot_be_edited_exactly_says_why(value: Any, reason: str) -> None:
    content = pickled(value)
    assert not content.editable
    assert reason in str(content.not_editable_reason)
    assert content.edit_text == ""


def test_integers_too_long_to_show_are_not_edited() -> None:
    content = pickled(10**5000)
    assert "digits" in str(content.not_editable_reason)
    assert content.formatted.text.startswith("builtins.int(")


def test_a_value_the_serializer_cannot_read_is_shown_but_not_edited() -> None:
    for raw in (b"written by another program", b"\x80\x05 \xff", b'{"a": 1}', b""):
        content = decode(raw, value_format=REDIS)
        assert not content.editable
        assert str(content.not_editable_reason)
        assert content.stored_size == len(raw)
    assert decode(b"text", value_format=JSON).formatted.text == "text"


def test_values_of_unknown_serializers_are_not_decoded() -> None:
    content = decode(pickle.dumps([1]), value_format=OPAQUE)
    assert not content.editable
    assert "shop.Serializer" in str(content.not_editable_reason)
    assert content.formatted.text.startswith("\\x80")


@pytest.mark.parametrize("raw", [b"[NaN]", b"1e999", b'"\\ud800"', b"[" * 60 + b"]" * 60])
def test_json_that_does_not_save_as_it_was_is_not_edited(raw: bytes) -> None:
    content = decode(raw, value_format=JSON)
    assert not content.editable
    assert content.stored_size == len(raw)


def test_json_nested_beyond_the_parser_is_text() -> None:
    content = decode(b"[" * 200_000 + b"]" * 200_000, value_format=JSON)
    assert content.kind == "text"
    assert not content.editable


# How it shows.


@pytest.mark.parametrize("value_format", [OPAQUE, REDIS])
@pytest.mark.parametrize("wrap", [bytes, base64.b64encode, bz2.compress, zlib.compress])
def test_json_that_another_program_wrote_is_indented_and_not_edited(
    value_format: ValueFormat, wrap: Any
) -> None:
    raw = wrap(b'{"a":[1,null],"b":"\xc3\xa9"}')
    content = decode(raw, value_format=value_format)
    assert content.formatted.text == '{\n  "a": [\n    1,\n    null\n  ],\n  "b": "é"\n}'
    assert not content.editable
    assert content.edit_text == ""
    assert content.text.total == len(raw)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', "[NaN]", "[1e999]", "[" * 60 + "]" * 60, "{x}"])
def test_json_that_would_not_show_as_it_is_stays_text(text: str) -> None:
    for raw in (text.encode(), base64.b64encode(text.encode())):
        content = decode(raw, value_format=OPAQUE)
        assert (content.kind, content.formatted.text) == ("text", raw.decode())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ((1, "a"), "(1, 'a')"),
        ((1,), "(1,)"),
        ((), "()"),
        ({2, 1}, "{1, 2}"),
        (set(), "set()"),
        (frozenset({"a"}), "frozenset({'a'})"),
        (frozenset(), "frozenset()"),
        (b"\xff", "b'\\xff'"),
        ({1: (2,)}, "{1: (2,)}"),
        (float("nan"), "nan"),
        (datetime.date(2026, 1, 2), "datetime.date('2026-01-02')"),
        (datetime.datetime(2026, 1, 2, 3), "datetime.datetime('2026-01-02T03:00:00')"),
        (
            datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC, fold=1),
            "datetime.datetime('2026-01-02T00:00:00+00:00', fold=1)",
        ),
        (datetime.time(1, 2), "datetime.time('01:02:00')"),
        (datetime.timedelta(1), "datetime.timedelta(days=1)"),
        (decimal.Decimal("1.10"), "decimal.Decimal('1.10')"),
        (uuid.UUID(int=1), "uuid.UUID('00000000-0000-0000-0000-000000000001')"),
        (mark_safe("<b>"), "django.utils.safestring.SafeString('<b>')"),
        (collections.OrderedDict(a=1), "collections.OrderedDict({'a': 1})"),
        (collections.deque([1], 2), "collections.deque(maxlen=2, [1])"),
        (Colour.RED, f"{SAMPLES}.Colour('red')"),
        (Point(1), f"{SAMPLES}.Point() with {{'x': 1}}"),
        (int, "<builtins.int>"),
        ("\ud800", "\\ud800"),
        ("<script>&amp;\n'é'", "<script>&amp;\n'é'"),
        ({"a": [1, None]}, '{\n  "a": [\n    1,\n    null\n  ]\n}'),
    ],
)
def test_notation(value: Any, shown: str) -> None:
    assert pickled(value).formatted.text == shown


def test_long_notation_has_one_element_a_line() -> None:
    assert pickled((("a" * 50, "b" * 50), 1)).formatted.text == (
        f"(\n    (\n        '{'a' * 50}',\n        '{'b' * 50}',\n    ),\n    1,\n)"
    )


def test_what_is_missing_is_said() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert pickled(loop).formatted.text == "[<itself again>]"
    deep: Any = ()
    for _level in range(60):
        deep = (deep,)
    assert "<deeper levels>" in pickled(deep).formatted.text
    raw = pickle.dumps(list(range(10_003)))
    whole = decode(raw, value_format=PICKLE, preview_size=1_000_000).formatted
    assert whole.text.endswith("    <4 more>,\n]")
    keys = {(n,): n for n in range(6000)}
    whole = decode(pickle.dumps(keys), value_format=PICKLE, preview_size=1_000_000).formatted
    assert whole.text.endswith(" more>,\n}")
    shared = ["x" * 600_000] * 2
    whole = decode(pickle.dumps(shared), value_format=PICKLE, preview_size=1_000_000).formatted
    assert "<600,000 more bytes>" in whole.text


def test_notation_is_never_json() -> None:
    for value in ((1,), {1}, [float("nan")], {"a": b""}, [datetime.date(2026, 1, 1)], SAMPLE):
        with pytest.raises(json.JSONDecodeError):
            json.loads(pickled(value).formatted.text)


def test_a_damaged_pickle_shows_what_was_read_and_where_it_ended() -> None:
    raw = pickle.dumps(["first", "second"])[:-3]
    content = decode(raw, value_format=PICKLE)
    assert content.formatted.text == "['first', 'second']"
    assert [str(note) for note in content.notes] == [f"The pickle ends early, at byte {len(raw)}."]
    assert not content.editable


def test_a_pickle_of_very_many_steps_is_read_in_part() -> None:
    content = pickled(list(range(150_000)))
    assert str(content.label) == "pickle (protocol 5), partly read"
    assert "Only the beginning is shown" in str(content.notes[0])
    assert not content.editable


def test_stored_bytes_show_as_text_and_hex() -> None:
    raw = pickle.dumps("né\n", 0) + b"\xff\x00"
    content = decode(raw, value_format=PICKLE)
    assert content.text.text.endswith("\\xff\\x00")
    assert content.hex.text == hex_dump(raw)
    assert (content.text.shown, content.text.total) == (len(raw), len(raw))


def test_hex_dump() -> None:
    assert hex_dump(bytes(range(60, 80)), start=16) == (
        "000010  3c 3d 3e 3f 40 41 42 43  <=>?@ABC\n"
        "000018  44 45 46 47 48 49 4a 4b  DEFGHIJK\n"
        "000020  4c 4d 4e 4f              LMNO"
    )
    assert hex_dump(b"") == ""


def test_previews_are_bounded_and_say_so() -> None:
    content = pickled("é" * 100_000)
    for view in (content.formatted, content.text, content.hex):
        assert view.truncated
        assert view.shown == 5000
        assert len(view.text) < 30_000
    assert content.formatted.total == 100_000
    assert content.hex.total == content.stored_size
    assert content.editable
    assert content.edit_text == "é" * 100_000
    assert not pickled("short").formatted.truncated


def test_a_preview_does_not_cut_a_character_in_two() -> None:
    content = decode("é".encode() * 10, value_format=OPAQUE, preview_size=5)
    assert content.text.text == "éé"
    assert decode(b"a\xc3", value_format=OPAQUE).text.text == "a\\xc3"


@unhurried
@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_every_view_can_be_sent(value: str) -> None:
    content = pickled([value])
    for view in (content.formatted, content.text, content.hex):
        view.text.encode()
        assert not set(view.text) & {chr(code) for code in range(32) if chr(code) not in "\n\t"}


# Large, compressed, hostile.


def test_large_values_are_not_decoded() -> None:
    content = decode(pickle.dumps("x" * 20_000_000), value_format=PICKLE)
    assert content.kind == "large"
    assert content.value is None
    assert not content.editable
    assert "20.0 MB exceeds the limit of 1.0 MB" in str(content.not_editable_reason)
    assert content.text.shown == 5000
    assert len(content.formatted.text) < 30_000


def test_the_beginning_of_a_larger_value_is_not_decoded() -> None:
    content = decode(pickle.dumps([1]), value_format=PICKLE, stored_size=9000)
    assert content.kind == "large"
    assert content.stored_size == content.text.total == content.hex.total == 9000
    assert content.text.truncated
    assert not content.editable


def test_bytes_after_a_zlib_stream_are_ignored() -> None:
    raw = zlib.compress(pickle.dumps([1])) + b"left over"
    assert decode(raw, value_format=ZLIB).editable


def test_damaged_compression_is_shown_and_not_edited() -> None:
    raw = zlib.compress(pickle.dumps(list(range(1000))))
    content = decode(raw[:-10], value_format=ZLIB)
    assert not content.editable
    assert content.notes
    twice = gzip.compress(pickle.dumps([1])) * 2
    value_format = ValueFormat("c", "pickle", pickle.dumps, compression="gzip")
    assert not decode(twice, value_format=value_format).editable


def test_what_does_not_open_is_not_compressed() -> None:
    for raw in (b"\x78\x9c\xff\xff", b"\x1f\x8b\x08\xff\xff"):
        content = decode(raw, value_format=ZLIB)
        assert (content.kind, str(content.label)) == ("bytes", "bytes")


def test_a_bomb_fills_no_memory() -> None:
    bomb = zlib.compress(bytes(50_000_000))
    assert len(bomb) < 1_000_000
    for value_format in (ZLIB, PICKLE, JSON, OPAQUE):
        tracemalloc.start()
        content = decode(bomb, value_format=value_format)
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert content.kind == "large"
        assert "more than 1.0\xa0MB" in str(content.label)
        assert not content.editable
        assert peak < 10_000_000


@pytest.mark.parametrize("text", ["x^2", "x\x01y", "\x1f text", "BZh", "xyz"])
def test_text_that_begins_like_compression_is_text(text: str) -> None:
    assert decode(text.encode(), value_format=OPAQUE).kind == "text"


def test_a_hostile_pickle_runs_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    raw = pickle.dumps([Shell(f"touch {marker}")])
    for value_format in (PICKLE, REDIS, JSON, OPAQUE):
        decode(raw, value_format=value_format)
        decode(zlib.compress(raw), value_format=value_format)
    content = decode(raw, value_format=PICKLE)
    assert "posix.system(" in content.formatted.text
    assert f"'touch {marker}'" in content.formatted.text
    assert not marker.exists()


def test_a_memo_bomb_shows_bounded() -> None:
    value: Any = "x" * 1000
    for _level in range(30):
        value = [value] * 10
    content = pickled(value)
    assert content.formatted.total < 20_000_000
    assert content.formatted.shown == 5000
    assert not content.editable


codecs = st.sampled_from([PICKLE, REDIS, JSON, ZLIB, OPAQUE])
noise = st.binary(max_size=300)


@unhurried
@given(noise | noise.map(lambda data: b"\x80\x05" + data) | noise.map(zlib.compress), codecs)
def test_any_bytes_have_content(raw: bytes, value_format: ValueFormat) -> None:
    content = decode(raw, value_format=value_format)
    assert str(content.label)
    assert content.editable == (not str(content.not_editable_reason))
    for view in (content.formatted, content.text, content.hex):
        view.text.encode()


@unhurried
@given(st.integers(min_value=0), noise, codecs)
def test_corrupted_pickles_have_content(
    position: int, bytes_put_in: bytes, value_format: ValueFormat
) -> None:
    data = pickle.dumps(SAMPLE)
    position %= len(data)
    raw = data[:position] + bytes_put_in + data[position:]
    assert decode(raw, value_format=value_format).stored_size == len(raw)


# Codecs.


class Unreliable:
    def dumps(self, value: Any) -> bytes:
        raise LookupError("no such thing")


@pytest.mark.parametrize(
    ("dumps", "kind", "loads_ints", "compression"),
    [
        (pickle.dumps, "pickle", False, ""),
        (SERIALIZER.dumps, "pickle", True, ""),
        (json.dumps, "json", False, ""),
        (lambda value: json.dumps(value, indent=1).encode(), "json", False, ""),
        (lambda value: zlib.compress(pickle.dumps(value)), "pickle", False, "zlib"),
        (lambda value: gzip.compress(json.dumps(value).encode()), "json", False, "gzip"),
        (lambda value: lzma.compress(pickle.dumps(value)), "pickle", False, "xz"),
        (lambda value: bz2.compress(pickle.dumps(value)), "pickle", False, "bzip2"),
        (msgpack.packb, "msgpack", False, ""),
        (lambda value: base64.b64encode(pickle.dumps(value)), "opaque", False, ""),
        (lambda value: b"constant", "opaque", False, ""),
        (lambda value: 7, "opaque", False, ""),
        (lambda value: None, "opaque", False, ""),
        (Unreliable().dumps, "opaque", False, ""),
    ],
)
def test_serializers_are_recognised_by_what_they_write(
    dumps: Any, kind: str, loads_ints: bool, compression: str
) -> None:
    value_format = detect_format("shop.Serializer", dumps)
    assert value_format.name == "shop.Serializer"
    assert (value_format.format, value_format.compression) == (kind, compression)
    if kind != "opaque":
        assert value_format.loads_ints == loads_ints
        value = {"a": [1, None, "é"]}
        content = decode(stored(value_format, value), value_format=value_format)
        assert parse_value(content.edit_text, content.store_as) == value


def test_text_from_a_serializer_is_stored_as_utf8() -> None:
    value_format = detect_format("json", lambda value: json.dumps(value, ensure_ascii=False))
    assert value_format.dumps("é") == '"é"'.encode()


# Fingerprints.


def test_fingerprints_differ_and_are_keyed() -> None:
    assert fingerprint(b"a") == fingerprint(b"a") != fingerprint(b"b")
    assert len(fingerprint(b"")) == 16
    before = fingerprint(b"a")
    with override_settings(SECRET_KEY="another"):
        assert fingerprint(b"a") != before
