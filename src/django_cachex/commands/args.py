"""Encode the arguments of commands."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, KeysView, Sequence, ValuesView
from datetime import datetime, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, TypeVar

from django_cachex.commands.command import Command, EncodableArg, parse_raw
from django_cachex.exceptions import ServerUnavailable

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


# The server adds the timeout to its clock, in signed 64 bits of milliseconds. What is left out
# here is room for that clock, up to the year 2248.
MAX_MS = 2**63 - 2**43


# `Any`, because to type checkers a float is no Real.
NUMBER_TYPES: Any = (Real, Decimal)


def timeout_to_ms(timeout: Any) -> int | None:
    """Return a timeout in seconds as milliseconds: None for never, 0 for not even now.

    Anything above zero lives for a millisecond at least. Raise TypeError for what is no number
    and no timedelta, ValueError for NaN and for more than the server can count.
    """
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        timeout = timeout.total_seconds()
    if not isinstance(timeout, NUMBER_TYPES):
        kind = type(timeout).__name__
        raise TypeError(f"A timeout is a number of seconds, a timedelta or None, not {kind}.")
    if timeout != timeout:
        raise ValueError("A timeout cannot be NaN.")
    if timeout <= 0:
        return 0
    if timeout > MAX_MS // 1000:
        raise ValueError(f"A timeout may be at most {MAX_MS // 1000} seconds.")
    rounded: int = round(timeout * 1000)
    return max(1, rounded)


def timestamp_to_ms(when: Any) -> int:
    """Return a point in time, in seconds since 1970 or a datetime, as milliseconds since then.

    Raise TypeError for what is neither, ValueError for what the server cannot count.
    """
    if isinstance(when, datetime):
        when = when.timestamp()
    if not isinstance(when, NUMBER_TYPES):
        kind = type(when).__name__
        raise TypeError(f"A point in time is a datetime or seconds since 1970, not {kind}.")
    if not -MAX_MS // 1000 < when < MAX_MS // 1000:
        raise ValueError(f"Seconds since 1970 may be at most {MAX_MS // 1000}.")
    at: int = round(when * 1000)
    return at


def to_ms(time: Any) -> int:
    """Return whole milliseconds, or a timedelta, as milliseconds; raise TypeError for others."""
    return timeout_to_ms(time) or 0 if isinstance(time, timedelta) else operator.index(time)


def to_timestamp_ms(when: Any) -> int:
    """Return whole milliseconds since 1970, or a datetime, as the former; raise TypeError."""
    return timestamp_to_ms(when) if isinstance(when, datetime) else operator.index(when)


T_co = TypeVar("T_co", covariant=True)


BLOCKING_UNAVAILABLE = ServerUnavailable(
    "The server was not reached, and so nothing was waited for."
)


class BlockingCommand(Command[T_co]):
    """A command that keeps its connection waiting for up to so many seconds; 0 means for ever.

    It may wait for longer than the connection's timeout. Where a failure is ignored it raises:
    whoever waits in a loop would go round without a pause. Raise ValueError for less than no time.
    """

    __slots__ = ("seconds",)

    def __init__(
        self,
        args: tuple[EncodableArg, ...],
        parse: Callable[[Any], T_co],
        seconds: float,
    ) -> None:
        super().__init__(args, parse, missing_reply=BLOCKING_UNAVAILABLE)
        if not seconds >= 0:
            raise ValueError(f"One can wait for 0 (for ever) or more seconds, not for {seconds}.")
        self.seconds = seconds or math.inf

    def with_args(self, args: tuple[EncodableArg, ...]) -> Command[Any]:
        return BlockingCommand(args, parse_raw, self.seconds)


# Commands that may keep a connection waiting; XREAD and XREADGROUP do with the argument BLOCK.
BLOCKING_COMMANDS = frozenset(
    (
        *("BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"),
        *("WAIT", "WAITAOF", "SUBSCRIBE", "PSUBSCRIBE", "MONITOR"),
    )
)


def is_blocking(command: Command[Any]) -> bool:
    """Return whether `command` may keep its connection waiting."""
    name = command.args[0]
    return name in BLOCKING_COMMANDS or (
        name in ("XREAD", "XREADGROUP") and "BLOCK" in command.args
    )


def block_timeout(commands: Sequence[Command[Any]]) -> float:
    """Return the seconds for which `commands` may keep a connection waiting, one after the other.

    Other commands are to be answered within the connection's timeout: for these it is 0.
    """
    return sum([command.seconds for command in commands if isinstance(command, BlockingCommand)])
