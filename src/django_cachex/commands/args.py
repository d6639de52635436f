"""The arguments of a command: names, scores, flags, and keys that come one by one or in a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView, ValuesView
from typing import Any, TypeVar

from django_cachex.commands.command import EncodableArg

T = TypeVar("T")

INT64 = range(-(2**63), 2**63)

ITERABLES = list, tuple, set, frozenset, KeysView, ValuesView, Iterator
"""What is taken for several keys, or fields, rather than for one."""


def encode_arg(value: Any) -> bytes | int:
    """Return `value` as a packer takes it without harm.

    An integer past 64 bits goes out as text: given to the C packers it ends the interpreter.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return int(value) if value in INT64 else b"%d" % value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"Bytes, text or an integer can be stored, not {type(value).__name__}.")


def encode_name(name: EncodableArg) -> bytes:
    """Return a field, an id, a group, a consumer or a bound as the server reads it.

    Bytes that are no UTF-8 travel in text as surrogates, as in keys. Raise TypeError for what is
    neither bytes nor text nor a number.
    """
    if isinstance(name, bytes):
        return name
    if isinstance(name, (str, int, float)):
        return str(name).encode("utf-8", "surrogateescape")
    raise TypeError(f"A name is text, bytes or a number, not {type(name).__name__}.")


def encode_names(names: Iterable[EncodableArg]) -> list[EncodableArg]:
    """Return `encode_name` of each of `names`; raise ValueError where there is none."""
    return require_nonempty([encode_name(name) for name in names], "name")


def require_nonempty(given: list[T], what: str) -> list[T]:
    """Return `given`; raise ValueError where it is empty: the server would refuse the command."""
    if not given:
        raise ValueError(f"At least one {what} is needed.")
    return given


def list_or_args(first: Any, more: Iterable[Any] = ()) -> list[Any]:
    """Return the keys, or fields, of a call that takes a list of them, or one after the other."""
    return [*first, *more] if isinstance(first, ITERABLES) else [first, *more]


def check_numkeys(number: int, given: Iterable[T]) -> list[T]:
    """Return `given` as a list; raise ValueError unless there are as many as the caller says."""
    found = list(given)
    if len(found) != number:
        raise ValueError(f"{len(found)} keys are given, not {number}.")
    return found


def flag_args(*pairs: tuple[str, object]) -> tuple[EncodableArg, ...]:
    """Return the arguments of the flags that are set, as in ``("NX", "CH")``."""
    return tuple(name for name, is_set in pairs if is_set)


def scan_args(match: bytes | str | None, count: int | None) -> tuple[EncodableArg, ...]:
    """Return the MATCH and COUNT of HSCAN, SSCAN or ZSCAN."""
    pattern: tuple[EncodableArg, ...] = () if match is None else ("MATCH", encode_name(match))
    return pattern if count is None else (*pattern, "COUNT", count)


def encode_score(value: float | str | bytes) -> bytes:
    """Return a score, or one end of a range of scores such as ``"(1.5"``, as the server reads it.

    Raise TypeError for what is neither a number nor text.
    """
    if isinstance(value, (bytes, str)):
        return encode_name(value)
    if isinstance(value, int):
        return b"%d" % int(value)
    return repr(float(value)).encode()


def option_args(*pairs: tuple[str, EncodableArg | None]) -> tuple[EncodableArg, ...]:
    """Return the arguments of the options that are given, as in ``("COUNT", 10)``."""
    return tuple(arg for name, value in pairs if value is not None for arg in (name, value))


def expire_condition(nx: bool, xx: bool, gt: bool, lt: bool) -> tuple[EncodableArg, ...]:
    """Return the arguments of the conditions; raise ValueError where they exclude each other."""
    if nx + gt + lt > 1 or (nx and xx):
        raise ValueError("Of nx, gt and lt only one may be set, and xx not together with nx.")
    given = (("NX", nx), ("XX", xx), ("GT", gt), ("LT", lt))
    return tuple(name for name, is_set in given if is_set)


def single_expire_condition(nx: bool, xx: bool, gt: bool, lt: bool) -> tuple[EncodableArg, ...]:
    """Return the argument of the condition, if there is one; raise ValueError for several."""
    args = expire_condition(nx, xx, gt, lt)
    if len(args) > 1:
        raise ValueError("Of nx, xx, gt and lt only one may be set for fields.")
    return args
