"""The class names that templates give to their elements."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

TAG = r"\{%.*?%\}|\{\{.*?\}\}"
ATTRIBUTE = re.compile(rf'(?<![\w-])class="((?:{TAG}|[^"])*)"')


def classes_of(*folders: Path) -> set[str]:
    """Return the class names in the templates of some folders, without their subfolders.

    A name that ends with a variable includes it: `cx-{{ badge.kind }}`. Lone variables are skipped.
    """
    paths = [path for folder in folders for path in folder.glob("*.html")]
    return {name for path in paths for name in classes_in(path.read_text())}


def classes_in(template: str) -> set[str]:
    found = {name for value in ATTRIBUTE.findall(template) for name in _names(value)}
    return {name for name in found if not name.startswith("{{")}


def _names(value: str) -> Iterable[str]:
    """Split the value of `class`. A template tag counts as a space."""
    return re.findall(r"(?:\{\{.*?\}\}|[^\s{}])+", re.sub(r"\{%.*?%\}", " ", value))
