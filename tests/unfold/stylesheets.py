"""The class names that stylesheets have rules for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ESCAPE = r"\\(?:[0-9a-fA-F]{1,6}\s?|[^\n])"
TOKEN = re.compile(
    r"(?P<unread>/\*.*?\*/|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|url\([^\"')]*\))"
    rf"|{ESCAPE}|.",
    re.DOTALL,
)
CLASS = re.compile(rf"\.(-{{0,2}}(?:[a-zA-Z_]|[^\x00-\x7f]|{ESCAPE})(?:[\w-]|{ESCAPE})*)")


def classes_of(*paths: Path) -> set[str]:
    """Return the class names in the selectors of some stylesheets."""
    return {name for path in paths for name in classes_in(path.read_text())}


def classes_in(css: str) -> set[str]:
    """Return the class names in the selectors of a text of CSS, however deep its rules are."""
    return {
        unescaped(name)
        for prelude in _preludes(css)
        if not prelude.startswith("@")
        for name in CLASS.findall(prelude)
    }


def unescaped(name: str) -> str:
    r"""Return a name as markup has it: `lg\:w-1\/2` is `lg:w-1/2`, `\32 xl` is `2xl`."""
    by_number = re.sub(r"\\([0-9a-fA-F]{1,6})\s?", lambda escape: chr(int(escape[1], 16)), name)
    return re.sub(r"\\(.)", r"\1", by_number)


def _preludes(css: str) -> Iterator[str]:
    """Yield what stands before each `{`: selectors and at-rules, without strings and comments."""
    text = ""
    for token in TOKEN.finditer(css):
        if token[0] == "{":
            yield text.strip()
        if token[0] in ("{", "}", ";"):
            text = ""
        elif not token["unread"]:
            text += token[0]
