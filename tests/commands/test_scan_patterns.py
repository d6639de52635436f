from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from django_cachex.commands.scan import escape_except_star, escape_pattern


def test_every_special_character_is_escaped() -> None:
    assert escape_pattern(rb"a*b?c[d]\e") == rb"a\*b\?c\[d\]\\e"


def test_only_the_star_stays_special() -> None:
    assert escape_except_star(rb"user:*?[a]\x") == rb"user:*\?\[a\]\\x"


@given(st.binary())
def test_escaping_keeps_every_byte_in_order(text: bytes) -> None:
    plain, escaped = bytearray(), iter(escape_pattern(text))
    for byte in escaped:
        plain.append(next(escaped) if byte == ord("\\") else byte)
    assert bytes(plain) == text
