"""Searches: `*` stands for anything, the rest for itself."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cachex.inspectors.patterns import Pattern, escape_glob

SPECIAL = st.text("ab*?[]\\^-%_!é\n", max_size=12)


def means(pattern: str, key: str) -> bool:
    """Say what a search means in the plainest terms: every way to place the texts is tried."""
    if "*" not in pattern:
        return pattern in key
    first, *rest = pattern.split("*", 1)
    if not key.startswith(first):
        return False
    tail = rest[0]
    key = key.removeprefix(first)
    if "*" not in tail:
        return key.endswith(tail)
    return any(means(tail, key[start:]) for start in range(len(key) + 1))


@given(SPECIAL, SPECIAL)
def test_a_search_means_what_it_says(pattern: str, key: str) -> None:
    assert Pattern(pattern).matches(key) == means(pattern, key)


@pytest.mark.parametrize(
    ("text", "found", "not_found"),
    [
        ("user:*", "user:1", "my user:1"),
        ("*:session", "a:session", "a:session:1"),
        ("user", "my user:1", "USER"),
        ("a*b*c", "a1b2c", "acb"),
        ("*a*", "bab", "bbb"),
        ("a**b", "ab", "a"),
        ("[a]", "x[a]x", "a"),
        ("100%", "100%", "1000"),
        ("a_b*", "a_b", "axb"),
        ("back\\*", "back\\slash", "back*"),
        ("a*", "a\nb", "b\na"),
    ],
)
def test_examples(text: str, found: str, not_found: str) -> None:
    assert Pattern(text).matches(found)
    assert not Pattern(text).matches(not_found)


@pytest.mark.parametrize("text", ["", "*", "***"])
def test_no_text_means_every_key(text: str) -> None:
    assert Pattern(text).matches_all
    assert not Pattern(text).is_exact_candidate
    assert Pattern(text).matches("")
    assert Pattern(text).matches("any\nkey")
    assert Pattern(text).glob(b"p[1]:") == b"p\\[1\\]:*"


def test_only_text_without_wildcards_may_be_a_whole_key() -> None:
    assert Pattern("user:1").is_exact_candidate
    assert Pattern("what?").is_exact_candidate
    assert not Pattern("user:*").is_exact_candidate


def test_the_glob_takes_everything_else_literally() -> None:
    assert Pattern("a?[b]*c\\").glob() == b"a\\?\\[b\\]*c\\\\"
    assert Pattern("é").glob(b"*:1:") == b"\\*:1:*\xc3\xa9*"


@given(st.binary(max_size=20))
def test_an_escaped_glob_has_no_special_character_left(literal: bytes) -> None:
    escaped = escape_glob(literal)
    assert re.sub(rb"\\(.)", rb"\1", escaped, flags=re.DOTALL) == literal
    assert not re.search(rb"(?<!\\)[*?\[\]]", re.sub(rb"\\\\", b"", escaped))


def test_many_wildcards_do_not_take_for_ever() -> None:
    started = time.monotonic()
    assert not Pattern("*a" * 4 + "*b").matches("a" * 200)
    assert time.monotonic() - started < 1
