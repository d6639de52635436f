"""Which part of a key a page asks for, as its address says it."""

from __future__ import annotations

import re

from django.http import QueryDict

from django_cachex.inspectors.windows import Window

COUNT = re.compile(r"[1-9][0-9]{0,8}")


def window_of(given: QueryDict) -> Window:
    """Return the window that a request asks for; what makes no sense is left out."""
    count = given.get("shown", "")
    return Window(count=int(count) if COUNT.fullmatch(count) else None)
