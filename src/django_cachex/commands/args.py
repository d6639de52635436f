"""The words of a command: names, flags, and keys that come one by one or in a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView, ValuesView
from typing import Any, TypeVar

from django_cachex.commands.command import Word

T = TypeVar("T")

SEVERAL = list, tuple, set, frozenset, KeysView, ValuesView, Iterator
"""What is taken for several keys, or fields, rather than for one."""


def as_name(name: Word) -> bytes:
    """Return a field, an id, a group, a consumer or a bound as the server reads it.

    Bytes that are no UTF-8 travel in text as surrogates, as in keys. Raise TypeError for what is
    neither bytes nor text nor a number.
    """
    if isinstance(name, bytes):
        return name
    if isinstance(name, (str, int, float)):
        return str(name).encode("utf-8", "surrogateescape")
    raise TypeError(f"A name is text, bytes or a number, not {type(name).__name__}.")


def several_names(names: Iterable[Word]) -> list[Word]:
    """Return `as_name` of each of `names`; raise ValueError where there is none."""
    return at_least_one([as_name(name) for name in names], "name")


def at_least_one(given: list[T], what: str) -> list[T]:
    """Return `given`; raise ValueError where it is empty: the server would refuse the command."""
    if not given:
        raise ValueError(f"At least one {what} is needed.")
    return given


def listed(first: Any, more: Iterable[Any] = ()) -> list[Any]:
    """Return the keys, or fields, of a call that takes a list of them, or one after the other."""
    return [*first, *more] if isinstance(first, SEVERAL) else [first, *more]


def counted(number: int, given: Iterable[T]) -> list[T]:
    """Return `given` as a list; raise ValueError unless there are as many as the caller says."""
    found = list(given)
    if len(found) != number:
        raise ValueError(f"{len(found)} keys are given, not {number}.")
    return found


def flags(*pairs: tuple[str, object]) -> tuple[Word, ...]:
    """Return the words of the flags that are set, as in ``("NX", "CH")``."""
    return tuple(name for name, is_set in pairs if is_set)


def scanning(match: bytes | str | None, count: int | None) -> tuple[Word, ...]:
    """Return the words that say what a turn of HSCAN, SSCAN or ZSCAN looks for and looks at."""
    pattern: tuple[Word, ...] = () if match is None else ("MATCH", as_name(match))
    return pattern if count is None else (*pattern, "COUNT", count)


def number(value: float | str | bytes) -> bytes:
    """Return a score, or one end of a range of scores such as ``"(1.5"``, as the server reads it.

    Raise TypeError for what is neither a number nor text.
    """
    if isinstance(value, (bytes, str)):
        return as_name(value)
    if isinstance(value, int):
        return b"%d" % int(value)
    return repr(float(value)).encode()
