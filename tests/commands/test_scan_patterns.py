from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from django_cachex.commands.scan import escape_except_star, escape_pattern


def test_every_special_character_is_escaped() -> None:
    assert escape_pattern(rb"a*b?c[d]\e") == rb"a\*b\?c\[d\]\\e"


def test_only_the_star_stays_special() -> None:
    assert escape_except_star(rb"user:*?[a]\x") == rb"user:*\?\[a\]\\x"


@given(st.binary())
def test_escaping_keeps_every_byte_in_order_and_none_that_is_special(text: bytes) -> None:
    escaped = escape_pattern(text)
    assert re.sub(rb"\\(.)", rb"\1", escaped, flags=re.DOTALL) == text
    assert not re.search(rb"[*?\[\]\\]", re.sub(rb"\\.", b"", escaped, flags=re.DOTALL))
