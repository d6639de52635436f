"""Searches: `*` stands for anything, the rest for itself."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cachex.inspectors.query import (
    MAX_PATTERN_LENGTH,
    MAX_REPEATS,
    InvalidPattern,
    Pattern,
    cheap_prefix,
)

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
    assert not Pattern(text).may_be_exact_key
    assert Pattern(text).matches("")
    assert Pattern(text).matches("any\nkey")
    assert Pattern(text).glob() == b"*"


def test_only_text_without_wildcards_may_be_a_whole_key() -> None:
    assert Pattern("user:1").may_be_exact_key
    assert Pattern("what?").may_be_exact_key
    assert not Pattern("user:*").may_be_exact_key


def test_the_glob_takes_everything_else_literally() -> None:
    assert Pattern("a?[b]*c\\").glob() == b"a\\?\\[b\\]*c\\\\"
    assert Pattern("é").glob() == b"*\xc3\xa9*"


def test_many_wildcards_do_not_take_for_ever() -> None:
    started = time.monotonic()
    assert not Pattern("*a" * 4 + "*b").matches("a" * 200)
    assert time.monotonic() - started < 1


@given(SPECIAL, SPECIAL)
def test_bytes_are_compared_as_texts_are(pattern: str, key: str) -> None:
    assert Pattern(pattern).matches(key.encode()) == Pattern(pattern).matches(key)


def test_keys_that_are_not_text_are_compared_as_the_server_compares_them() -> None:
    assert Pattern("a*b").matches(b"a\xff\x00b")
    assert not Pattern("b*").matches(b"\xffb")


@pytest.mark.parametrize(
    "text", ["a" * (MAX_PATTERN_LENGTH + 1), "*" + "ab*" * MAX_PATTERN_LENGTH, "é" * 5000]
)
def test_a_search_that_is_too_long_says_so_and_searches_for_nothing(text: str) -> None:
    pattern = Pattern(text)
    assert str(MAX_PATTERN_LENGTH) in pattern.error
    assert str(len(text)) in pattern.error
    for use in (pattern.glob, lambda: pattern.matches("a"), lambda: pattern.literals):
        with pytest.raises(InvalidPattern, match="Not searched"):
            use()


@pytest.mark.parametrize(
    "text", ["", "*" * 5000, "a" * MAX_PATTERN_LENGTH, "é" * MAX_PATTERN_LENGTH]
)
def test_a_search_of_a_length_that_is_allowed_has_no_problem(text: str) -> None:
    assert Pattern(text).error == ""
    assert Pattern(text).matches(text)


def compared(literal: bytes, name: bytes) -> int:
    """Return how often a server compares two characters that tries a text at each place."""
    count = 0
    for start in range(len(name)):
        for wanted, there in zip(literal, name[start:], strict=False):
            count += 1
            if wanted != there:
                break
    return count


@given(st.lists(st.sampled_from([b"a", b"b"]), max_size=30), st.data())
def test_a_server_compares_no_character_of_a_name_often(parts: list[bytes], data: Any) -> None:
    literal = b"".join(parts)
    beginning = cheap_prefix(literal)
    assert literal.startswith(beginning)
    # What takes it longest is made of the text itself.
    pieces = st.lists(st.integers(0, len(literal)), max_size=12)
    name = b"".join(literal[:length] for length in data.draw(pieces))
    # One more for the character that is another.
    assert compared(beginning, name) <= (MAX_REPEATS + 1) * len(name)


@pytest.mark.parametrize(
    "text", ["session", "user:", "django.contrib.sessions.cache", "0001", "www.", "mississippi"]
)
def test_what_people_type_is_left_to_the_server_as_it_is(text: str) -> None:
    assert Pattern(text).glob() == f"*{text}*".encode()
    assert Pattern(text).glob_is_exact


@pytest.mark.parametrize(
    ("text", "glob"),
    [
        ("aaaaaab", b"*aaaa*"),
        ("x*aaaaaab", b"x*aaaa*"),
        ("x*ab", b"x*ab"),
        ("x*aaaaaab*y*", b"x*aaaa*y*"),
        ("abababababab", b"*abababab*"),
    ],
)
def test_what_repeats_itself_is_found_by_its_beginning(text: str, glob: bytes) -> None:
    assert Pattern(text).glob() == glob
    assert Pattern(text).glob_is_exact == (text == "x*ab")


@pytest.mark.parametrize(
    "text",
    [
        "a" * (MAX_PATTERN_LENGTH - 1) + "b",
        "b" + "a" * (MAX_PATTERN_LENGTH - 1),
        "*" + "a*" * 240 + "b",
        "*aab" * 120,
    ],
)
def test_the_longest_search_is_over_soon_in_the_longest_names(text: str) -> None:
    pattern, names = Pattern(text), ["a" * 20_000 + str(number) for number in range(100)]
    started = time.perf_counter()
    assert not any(map(pattern.matches, names))
    assert time.perf_counter() - started < 1
