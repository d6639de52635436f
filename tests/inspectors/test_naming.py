"""Stored keys: made of keys by the alias's own function, and told apart again."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache.backends.base import BaseCache
from hypothesis import given
from hypothesis import strategies as st

from django_cachex.inspectors.naming import Naming, decode_text, encode_text, printable
from tests.inspectors.contract import HOSTILE_KEYS

TEXT = st.text(st.characters())


def naming(**params: Any) -> Naming:
    return Naming(BaseCache(params))


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
    assert printable(stored).isprintable()


def test_what_does_not_print_is_escaped() -> None:
    assert printable("naïve ключ".encode()) == "naïve ключ"
    assert printable(b"a\r\nb\0") == "a\\r\\nb\\x00"
    assert printable(b"\xff\xfekey") == "\\xff\\xfekey"
    assert printable("right\u202eleft".encode()) == "right\\u202eleft"
    assert printable(encode_text("\ud800")) == "\\xed\\xa0\\x80"


@pytest.mark.parametrize("prefix", ["", "p", "p:1", "a:b:", "glob*?[x]\\", "é", "with space", "1"])
def test_the_prefix_is_taken_off_exactly_once(prefix: str) -> None:
    mine = naming(KEY_PREFIX=prefix, VERSION=7)
    assert mine.prefix == f"{prefix}:7:".encode()
    for key in HOSTILE_KEYS:
        stored = mine.stored(key)
        assert stored == f"{prefix}:7:{key}".encode()
        assert mine.owns(stored)
        assert mine.key(stored) == printable(key.encode())
    twice = mine.stored(f"{prefix}:7:key")
    assert mine.key(twice) == f"{prefix}:7:key"


def test_keys_of_others_keep_their_prefix() -> None:
    mine = naming(KEY_PREFIX="mine")
    for stored in (b"other:1:key", b"mine:2:key", b"mine:11:key", b"MINE:1:key", b"key", b"\xff"):
        assert not mine.owns(stored)
        assert mine.key(stored) == printable(stored)


def test_a_key_function_that_ends_with_the_key_is_understood() -> None:
    mine = naming(KEY_PREFIX="p", KEY_FUNCTION=slashed)
    assert mine.prefix == b"p/v1/"
    assert mine.key(b"p/v1/user:1") == "user:1"


@pytest.mark.parametrize("function", [hashed, suffixed, quoted])
def test_a_key_function_that_alters_the_key_hides_it(function: Any) -> None:
    mine = naming(KEY_PREFIX="p", KEY_FUNCTION=function)
    assert mine.prefix is None
    stored = mine.stored("user 1")
    assert stored == encode_text(function("user 1", "p", 1))
    assert not mine.owns(stored)
    assert mine.key(stored) == printable(stored)
