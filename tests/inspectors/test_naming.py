"""Stored keys: made of keys by the alias's own function, and told apart again."""

from __future__ import annotations

import re
import time
from typing import Any
from unicodedata import is_normalized

import pytest
from django.core.cache.backends.base import BaseCache
from hypothesis import given
from hypothesis import strategies as st

from django_cachex.inspectors.keys import KeyNaming, decode_text, display_text, encode_text
from tests.inspectors.contract import HOSTILE_KEYS

TEXT = st.text(st.characters())


def naming(**params: Any) -> KeyNaming:
    return KeyNaming(BaseCache(params))


def hashed(key: str, prefix: str, version: int) -> str:
    return f"{prefix}:{version}:{hash(key):x}"


def suffixed(key: str, prefix: str, version: int) -> str:
    return f"{key}@{prefix}"


def slashed(key: str, prefix: str, version: int) -> str:
    return f"{prefix}/v{version}/{key}"


def quoted(key: str, prefix: str, version: int) -> str:
    return f"{prefix}:{version}:{key.replace(' ', '+')}"


@given(TEXT)
def test_text_survives_as_bytes_whatever_it_is(text: str) -> None:
    assert decode_text(encode_text(text)) == text


@given(st.binary())
def test_any_bytes_print_on_one_line(stored: bytes) -> None:
    assert display_text(stored).isprintable()


def test_what_does_not_print_is_escaped() -> None:
    assert display_text("naïve ключ".encode()) == "naïve ключ"
    assert display_text(b"a\r\nb\0") == "a\\r\\nb\\x00"
    assert display_text(b"\xff\xfekey") == "\\xff\\xfekey"
    assert display_text("right\u202eleft".encode()) == "right\\u202eleft"
    assert display_text(encode_text("\ud800")) == "\\xed\\xa0\\x80"


def test_what_looks_like_another_name_is_escaped() -> None:
    assert display_text("caf\u00e9".encode()) == "caf\u00e9"
    assert display_text("cafe\u0301".encode()) == "cafe\\u0301"
    assert display_text("\u212b, \u1100\u1161".encode()) == "\\u212b, \u1100\\u1161"
    assert display_text("a\u3164b\ufe0f\u200b".encode()) == "a\\u3164b\\ufe0f\\u200b"
    assert display_text(b"\x9b, \xc2\x9b") == "\\x9b, \\u009b"
    assert display_text(b"a\\x00, a\0") == "a\\\\x00, a\\x00"
    assert display_text(rb"App\Models\User") == r"App\Models\User"


ESCAPE = re.compile(r"\\(\\|[nrt]|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")


def read_back(line: str) -> bytes:
    """Return the stored key that a person can tell from how it is printed."""

    def meant(found: re.Match[str]) -> str:
        byte, *codes = found.groups()[1:]
        if byte:
            code = int(byte, 16)
            return chr(code if code < 0x80 else 0xDC00 + code)
        if any(codes):
            return chr(int(next(filter(None, codes)), 16))
        return {"n": "\n", "r": "\r", "t": "\t"}.get(found[1], "\\")

    return ESCAPE.sub(meant, line).encode("utf-8", "surrogateescape")


PUZZLING = st.text(st.sampled_from("aen\\xu0\0\n\u0301\u0323\u00e9\u212b\u1100\u1161\ufe0f\u009b"))


@given(st.binary() | PUZZLING.map(str.encode) | TEXT.map(encode_text))
def test_each_stored_key_is_printed_as_no_other(stored: bytes) -> None:
    line = display_text(stored)
    assert read_back(line) == stored
    assert is_normalized("NFC", line)


def test_a_name_of_many_marks_does_not_take_long() -> None:
    begun = time.perf_counter()
    display_text(("y" * 50_000).encode() + b"\0")
    plain = time.perf_counter() - begun
    begun = time.perf_counter()
    display_text(("x" + "\u0330" * 50_000).encode())
    assert time.perf_counter() - begun < 100 * plain + 1


@pytest.mark.parametrize("prefix", ["", "p", "p:1", "a:b:", "glob*?[x]\\", "é", "with space", "1"])
def test_the_prefix_is_taken_off_exactly_once(prefix: str) -> None:
    mine = naming(KEY_PREFIX=prefix, VERSION=7)
    assert mine.prefix == f"{prefix}:7:".encode()
    for key in HOSTILE_KEYS:
        stored = mine.make_key(key)
        assert stored == f"{prefix}:7:{key}".encode()
        assert mine.owns(stored)
        assert mine.display_key(stored) == display_text(key.encode())
    twice = mine.make_key(f"{prefix}:7:key")
    assert mine.display_key(twice) == f"{prefix}:7:key"


def test_keys_of_others_keep_their_prefix() -> None:
    mine = naming(KEY_PREFIX="mine")
    for stored in (b"other:1:key", b"mine:2:key", b"mine:11:key", b"MINE:1:key", b"key", b"\xff"):
        assert not mine.owns(stored)
        assert mine.display_key(stored) == display_text(stored)


def test_a_key_function_that_ends_with_the_key_is_understood() -> None:
    mine = naming(KEY_PREFIX="p", KEY_FUNCTION=slashed)
    assert mine.prefix == b"p/v1/"
    assert mine.display_key(b"p/v1/user:1") == "user:1"


@pytest.mark.parametrize("function", [hashed, suffixed, quoted])
def test_a_key_function_that_alters_the_key_hides_it(function: Any) -> None:
    mine = naming(KEY_PREFIX="p", KEY_FUNCTION=function)
    assert mine.prefix is None
    stored = mine.make_key("user 1")
    assert stored == encode_text(function("user 1", "p", 1))
    assert not mine.owns(stored)
    assert mine.display_key(stored) == display_text(stored)
