"""What people type becomes the value they meant, or a sentence that says why not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cachex.inspectors.values import InvalidValue, StoreAs, normalize_newlines, parse_value
from tests.inspectors.pickle_samples import unhurried


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("  spaces stay  ", "  spaces stay  "),
        ("123", "123"),
        ("true", "true"),
        ('"quoted"', '"quoted"'),
        ('{"a": 1}', {"a": 1}),
        ("[1, 2.5, null, true]", [1, 2.5, None, True]),
        (" \r\n\t[1]\r\n", [1]),
        ("<script>", "<script>"),
        ("\u00a0{not JSON's white space}", "\u00a0{not JSON's white space}"),
    ],
)
def test_objects_and_arrays_are_json_and_all_else_is_text(text: str, value: Any) -> None:
    assert parse_value(text) == parse_value(text, "auto") == value
    assert type(parse_value(text)) is type(value)


@pytest.mark.parametrize("text", ['{"a": 1}', "[", " 7 ", "", "a\nb"])
def test_text_is_taken_as_it_is(text: str) -> None:
    assert parse_value(text, "text") == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("+7", 7),
        ("-0", 0),
        ("007", 7),
        (" 7\n", 7),
        ("9" * 4300, int("9" * 4300)),
        (str(2**70), 2**70),
    ],
)
def test_integers(text: str, value: int) -> None:
    assert parse_value(text, "integer") == value


@pytest.mark.parametrize("text", ["", "1.0", "1_000", "1e3", "0x1", "½", "٣", "+-1", "1 2", "True"])
def test_not_integers(text: str) -> None:
    with pytest.raises(InvalidValue, match="whole number"):
        parse_value(text, "integer")


@pytest.mark.parametrize(
    ("text", "value"), [("null", None), ("1", 1), ('"x"', "x"), ("1.0", 1.0), ("true", True)]
)
def test_json_of_any_type(text: str, value: Any) -> None:
    assert parse_value(text, "json") == value
    assert type(parse_value(text, "json")) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,}', "Line 1, column"),
        ('{"a": 1\n "b": 2}', "Line 2, column 2: expected a comma"),
        ('{"a" 1}', "column 6: expected a colon"),
        ("{a: 1}", "column 2: expected a key in double quotes"),
        ("[1, ]", "Line 1, column"),
        ("[", "column 2: expected a value"),
        ('["open]', "column 2: the text that starts here has no closing"),
        ('["line\nbreak"]', "line breaks"),
        ('["\\x"]', "a backslash must be followed"),
        ('["\\u12"]', "a backslash must be followed"),
        ("[1] and more", "column 5: nothing is allowed after the value"),
        ("{'a': 1}", "double quotes"),
    ],
)
def test_malformed_json_says_where_and_what(text: str, said: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_value(text)
    assert "This is not JSON" in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[NaN]", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("[1e999]", "1e999 is too large"),
        ('{"a": 1, "b": 2, "a": 3}', 'The key "a" occurs twice'),
        ('[{"x": {"é": 1, "é": 1}}]', "occurs twice"),
        ('["\\ud800"]', "surrogate"),
        ('{"\\udfff": 1}', "surrogate"),
        ("[" + "9" * 4301 + "]", "4,300 digits"),
        ("[" * 51 + "]" * 51, "50 levels"),
        ("[" * 50 + '"\\ud800"' + "]" * 50, "surrogate"),
        ("[" * 100_000 + "]" * 100_000, "50 levels"),
    ],
)
def test_json_that_would_not_come_back_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=said.replace("[", r"\[")):
        parse_value(text, "json")


def test_fifty_levels_are_allowed() -> None:
    text = "[" * 50 + "]" * 50
    assert json.dumps(parse_value(text)) == text


@pytest.mark.parametrize("store_as", ["auto", "text", "json", "integer"])
def test_half_a_character_is_refused(store_as: Any) -> None:
    with pytest.raises(InvalidValue, match="surrogate"):
        parse_value("\ud800", store_as)


def test_too_many_digits_are_refused() -> None:
    with pytest.raises(InvalidValue, match="4,300 digits"):
        parse_value("1" * 4301, "integer")


@pytest.mark.parametrize("store_as", ["pickle", "bytes", "", "Text"])
def test_nothing_but_text_json_and_integers_is_stored(store_as: Any) -> None:
    with pytest.raises(ValueError, match="allowed are auto, text, json, integer"):
        parse_value("x", store_as)


def refusal(text: str, store_as: StoreAs) -> str:
    """Return the sentence that a form would show, or "" where the text is taken."""
    try:
        parse_value(text, store_as)
    except InvalidValue as refused:
        return str(refused)
    return ""


@unhurried
@given(st.text(), st.sampled_from(["auto", "json", "integer"]))
def test_any_text_is_a_value_or_a_sentence(text: str, store_as: StoreAs) -> None:
    assert refusal(text, store_as)[-1:] in ("", ".")


def test_browsers_line_ends_become_line_feeds() -> None:
    assert normalize_newlines("a\r\nb\r\n") == "a\nb\n"
