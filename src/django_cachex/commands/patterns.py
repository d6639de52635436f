"""Patterns of SCAN and KEYS: `*`, `?`, `[…]` and a backslash that takes their meaning away."""

from __future__ import annotations

import re

# "^" and "-" mean something only inside the brackets that are escaped here.
_special = re.compile(rb"[*?\[\]\\]")
_special_but_star = re.compile(rb"[?\[\]\\]")


def escape(text: bytes) -> bytes:
    """Return the pattern that matches exactly `text`."""
    return _special.sub(rb"\\\g<0>", text)


def starred(pattern: bytes) -> bytes:
    """Return the pattern in which only `*` is special, as in the search fields of the admin."""
    return _special_but_star.sub(rb"\\\g<0>", pattern)
