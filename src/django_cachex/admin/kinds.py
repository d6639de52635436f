"""Kinds of keys: what a key is to Django or to another package, told from its name.

Register the kinds of your own keys with `register`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import display_text
from django_cachex.inspectors.query import PatternGroup, Scope, split_pattern

__all__ = ["Kind", "find_kind", "get_kinds", "kind_of_key", "register", "unregister"]

BUILT_IN_KINDS: Final = "django_cachex.admin.known_kinds.make_known_kinds"

KIND_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)

MAX_PREFIX_COLONS: Final = 8
"""How many colons the prefix of another cache may have, its version included."""

Parts = Sequence[tuple[Text, str]]
"""Labels with values, such as the name of a template fragment."""


def no_parts(name: str) -> Parts:
    """Return no parts: the name of the key says nothing else."""
    return ()


@dataclass(frozen=True)
class Kind:
    """A kind of keys."""

    name: str
    """Identifies the kind in URLs: lowercase letters, digits and hyphens."""

    label: Text
    """What one key is called, such as "Cached page"."""

    explanation: Text
    """A sentence that explains what such a key holds."""

    patterns: tuple[str, ...]
    """Patterns of the names, without the cache's prefix and version. `*` matches any text."""

    get_parts: Callable[[str], Parts] = no_parts
    """Returns what else the name of a key says. It is called for the key page only."""

    def __post_init__(self) -> None:
        if not KIND_NAME.fullmatch(self.name):
            raise ValueError(
                f"“{self.name}” can't name a kind. Use lowercase letters, digits and hyphens."
            )
        if not all(one.strip("*") for one in self.patterns):
            raise ValueError(
                f"The patterns of the kind “{self.name}” must be a tuple of strings with more "
                "than wildcards."
            )

    def group(self, scope: Scope) -> PatternGroup:
        """Return the patterns that find the keys of this kind in a scope."""
        patterns = self.patterns
        if scope is Scope.STORE:  # There, the names begin with the prefixes of their caches.
            patterns = tuple(text for one in patterns for text in (one, f"*:{one}"))
        return PatternGroup(self.label, patterns)

    def describe(self, name: str) -> str:
        """Return the explanation, followed by what the name of a key says."""
        parts = [f"{label}: {text}" for label, text in self.get_parts(name)]
        return " ".join([str(self.explanation), *([" · ".join(parts)] if parts else [])])


_registered_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Register a kind, in place of one with the same name.

    If a key matches several kinds, it has the one that was registered first. Those that this
    package knows come last.
    """
    _registered_kinds[kind.name] = kind
    clear_caches()


def unregister(name: str) -> None:
    """Remove the registration of a kind, if there is one."""
    _registered_kinds.pop(name, None)
    clear_caches()


@cache
def get_kinds() -> Mapping[str, Kind]:
    """Return all kinds by their names."""
    known = {kind.name: kind for kind in import_string(BUILT_IN_KINDS)() if kind.patterns}
    return {**_registered_kinds, **{k: v for k, v in known.items() if k not in _registered_kinds}}


def find_kind(name: str, scope: Scope = Scope.VERSION) -> Kind | None:
    """Return the kind of a key, or None if it is unknown.

    Args:
        name: the key without the cache's prefix and version; the stored key if the scope is the
            whole store.
        scope: the scope that the key was found in.
    """
    starts = _iter_starts(name) if scope is Scope.STORE else (0,)
    match = next(filter(None, (_compile().match(name, start) for start in starts)), None)
    return get_kinds()[_group_to_name(match.lastgroup)] if match and match.lastgroup else None


def _iter_starts(name: str) -> Iterator[int]:
    """Yield where the name may begin after the prefix of a cache: after one of the first colons."""
    start = 0
    for _number in range(MAX_PREFIX_COLONS + 1):
        yield start
        start = name.find(":", start) + 1
        if not start:
            return


def kind_name_of(name: str) -> str:
    """Return the name of the kind of a key, or an empty string if it is unknown."""
    kind = find_kind(name)
    return kind.name if kind is not None else ""


@cache
def _compile() -> re.Pattern[str]:
    """Return one expression with a named group for each kind: a page of keys needs no other."""
    alternatives = [
        f"(?P<{_name_to_group(kind.name)}>{'|'.join(map(_to_regex, kind.patterns))})"
        for kind in get_kinds().values()
    ]
    return re.compile("|".join(alternatives), re.DOTALL)


def _to_regex(pattern: str) -> str:
    """Return an expression that finds the first occurrence of each literal, in linear time."""
    literals = list(map(re.escape, split_pattern(pattern)))
    if len(literals) == 1:
        return rf"{literals[0]}\Z"
    first, *inner, last = literals
    middle = "".join(f"(?>.*?{literal})" for literal in inner)
    return f"{first}{middle}" + (rf".*{last}\Z" if last else "")


def _name_to_group(name: str) -> str:
    return f"kind_{name.replace('-', '_')}"


def _group_to_name(group: str) -> str:
    return group.removeprefix("kind_").replace("_", "-")


def kind_of_key(inspector: Inspector, stored: bytes) -> tuple[Kind | None, str]:
    """Return the kind of a stored key and the name that tells it."""
    scope = Scope.VERSION if inspector.owns(stored) else Scope.VERSIONS
    scope = scope if scope in inspector.scopes else Scope.STORE
    name = name_in_scope(inspector, stored, scope)
    return find_kind(name, scope) if inspector.has_key_names else None, name


def name_in_scope(inspector: Inspector, stored: bytes, scope: Scope) -> str:
    """Return the name that tells the kind of a key that was found in a scope."""
    if scope is Scope.VERSION:
        return inspector.display_key(stored)
    in_scope = scope in inspector.scopes
    name = inspector.key_range(scope).extract_name(stored) if in_scope else None
    return display_text(stored if name is None else name)


def list_kinds(kinds: Iterable[Kind]) -> list[Kind]:
    """Return kinds sorted by their labels in the current language."""
    return sorted(kinds, key=lambda kind: str(kind.label).casefold())


def clear_caches(**kwargs: Any) -> None:
    """Forget what was read from the settings and the registered kinds."""
    get_kinds.cache_clear()
    _compile.cache_clear()


setting_changed.connect(clear_caches)
