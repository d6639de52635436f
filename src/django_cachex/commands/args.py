"""Encode the arguments of commands."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, KeysView, Sequence, ValuesView
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from numbers import Real
from typing import Any, TypeVar

from django_cachex.commands.command import Command, EncodableArg, parse_raw
from django_cachex.exceptions import ServerUnavailable

T = TypeVar("T")

INT64 = range(-(2**63), 2**63)

ITERABLES = list, tuple, set, frozenset, KeysView, ValuesView, Iterator
"""Types that are lists of keys or fields rather than a single one."""


def encode_arg(value: Any) -> bytes | int:
    """Return `value` in a form that can be packed.

    Integers of more than 64 bits are sent as text, because they crash packers written in C.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return int(value) if value in INT64 else b"%d" % value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    raise TypeError(f"Only bytes, text and integers can be stored, not {type(value).__name__}.")


def encode_name(name: EncodableArg) -> bytes:
    """Return the bytes of a field, an id, a group, a consumer or the end of a range.

    As in keys, surrogates in text stand for bytes that aren't UTF-8.

    Raises:
        TypeError: `name` is neither bytes nor text nor a number.
    """
    if isinstance(name, bytes):
        return name
    if isinstance(name, (str, int, float)):
        return str(name).encode("utf-8", "surrogateescape")
    raise TypeError(f"A name must be text, bytes or a number, not {type(name).__name__}.")


def encode_names(names: Iterable[EncodableArg]) -> list[EncodableArg]:
    """Return the bytes of each name; raise ValueError if there is none."""
    return require_nonempty([encode_name(name) for name in names], "name")


def require_nonempty(items: list[T], what: str) -> list[T]:
    """Return `items`; raise ValueError if it is empty, since the server would refuse it."""
    if not items:
        raise ValueError(f"At least one {what} is required.")
    return items


def list_or_args(first: Any, more: Iterable[Any] = ()) -> list[Any]:
    """Return the keys or fields of a call that takes them one by one or as a list."""
    return [*first, *more] if isinstance(first, ITERABLES) else [first, *more]


def check_numkeys(numkeys: int, keys: Iterable[T]) -> list[T]:
    """Return `keys` as a list; raise ValueError unless its length is `numkeys`."""
    key_list = list(keys)
    if len(key_list) != numkeys:
        raise ValueError(f"Expected {numkeys} keys, got {len(key_list)}.")
    return key_list


def flag_args(*pairs: tuple[str, object]) -> tuple[EncodableArg, ...]:
    """Return the names of the flags that are set, such as ``("NX", "CH")``."""
    return tuple(name for name, is_set in pairs if is_set)


def scan_args(match: bytes | str | None, count: int | None) -> tuple[EncodableArg, ...]:
    """Return the arguments MATCH and COUNT of HSCAN, SSCAN or ZSCAN."""
    pattern: tuple[EncodableArg, ...] = () if match is None else ("MATCH", encode_name(match))
    return pattern if count is None else (*pattern, "COUNT", count)


def encode_score(value: float | str | bytes) -> bytes:
    """Return the bytes of a score, or of the end of a range of scores, such as ``"(1.5"``.

    Raises:
        TypeError: `value` is neither a number nor text.
    """
    if isinstance(value, (bytes, str)):
        return encode_name(value)
    if isinstance(value, int):
        return b"%d" % int(value)
    return repr(float(value)).encode()


def option_args(*pairs: tuple[str, EncodableArg | None]) -> tuple[EncodableArg, ...]:
    """Return the names and values of the options that aren't None, such as ``("COUNT", 10)``."""
    return tuple(arg for name, value in pairs if value is not None for arg in (name, value))


def expire_condition(nx: bool, xx: bool, gt: bool, lt: bool) -> tuple[EncodableArg, ...]:
    """Return the names of the conditions; raise ValueError if they exclude each other."""
    if nx + gt + lt > 1 or (nx and xx):
        raise ValueError("Set only one of nx, gt and lt, and don't combine nx with xx.")
    conditions = (("NX", nx), ("XX", xx), ("GT", gt), ("LT", lt))
    return tuple(name for name, is_set in conditions if is_set)


def single_expire_condition(nx: bool, xx: bool, gt: bool, lt: bool) -> tuple[EncodableArg, ...]:
    """Return the name of the condition, if there is one; raise ValueError if there are several."""
    args = expire_condition(nx, xx, gt, lt)
    if len(args) > 1:
        raise ValueError("Set only one of nx, xx, gt and lt for fields.")
    return args


# The server adds the timeout to its clock, in milliseconds and in a signed integer of 64 bits. This
# leaves room for its clock until the year 2248.
MAX_MS = 2**63 - 2**43


# `Any`, because type checkers don't take a float for a Real.
NUMBER_TYPES: Any = (Real, Decimal)


def timeout_to_ms(timeout: Any) -> int | None:
    """Convert a timeout to milliseconds.

    Args:
        timeout: a number of seconds, a timedelta, or None to never expire.

    Returns:
        The milliseconds, at least 1 for a positive timeout; 0 if the key is expired already, and
        None if it never expires.

    Raises:
        TypeError: `timeout` is neither a number nor a timedelta.
        ValueError: `timeout` is NaN, or more than the server supports.
    """
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        timeout = timeout.total_seconds()
    if not isinstance(timeout, NUMBER_TYPES):
        kind = type(timeout).__name__
        raise TypeError(f"A timeout must be a number of seconds, a timedelta or None, not {kind}.")
    if timeout != timeout:
        raise ValueError("A timeout can't be NaN.")
    if timeout <= 0:
        return 0
    if timeout > MAX_MS // 1000:
        raise ValueError(f"A timeout can be at most {MAX_MS // 1000} seconds.")
    rounded: int = round(timeout * 1000)
    return max(1, rounded)


def timestamp_to_ms(when: Any) -> int:
    """Convert a datetime, or seconds since 1970, to milliseconds since 1970.

    Raises:
        TypeError: `when` is neither.
        ValueError: `when` is more than the server supports.
    """
    if isinstance(when, datetime):
        when = when.timestamp()
    if not isinstance(when, NUMBER_TYPES):
        kind = type(when).__name__
        raise TypeError(f"A time must be a datetime or seconds since 1970, not {kind}.")
    if not -MAX_MS // 1000 < when < MAX_MS // 1000:
        raise ValueError(f"Seconds since 1970 can be at most {MAX_MS // 1000}.")
    at: int = round(when * 1000)
    return at


def to_ms(time: Any) -> int:
    """Convert a timedelta, or an integer of milliseconds, to milliseconds; raise TypeError."""
    return timeout_to_ms(time) or 0 if isinstance(time, timedelta) else operator.index(time)


def to_timestamp_ms(when: Any) -> int:
    """Convert a datetime, or an integer, to milliseconds since 1970; raise TypeError."""
    return timestamp_to_ms(when) if isinstance(when, datetime) else operator.index(when)


T_co = TypeVar("T_co", covariant=True)


BLOCKING_UNAVAILABLE = ServerUnavailable(
    "The server is unavailable, so the command could not wait."
)


class BlockingCommand(Command[T_co]):
    """A command that occupies its connection for up to `seconds`; 0 means forever.

    It may wait for longer than the connection's timeout. If failures are ignored, it raises an
    error even so, since a caller that waits in a loop would otherwise loop without a pause.

    Raises:
        ValueError: `seconds` is negative.
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
            raise ValueError(f"A command must wait for 0 (forever) or more seconds, not {seconds}.")
        self.seconds = seconds or math.inf

    def with_args(self, args: tuple[EncodableArg, ...]) -> Command[Any]:
        return BlockingCommand(args, parse_raw, self.seconds)


# Where commands that wait have their timeout, and how many units of it are a second.
_TIMEOUTS: dict[EncodableArg, tuple[int, int]] = {
    **dict.fromkeys(["BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BZPOPMIN", "BZPOPMAX"], (-1, 1)),
    **dict.fromkeys(["BLMPOP", "BZMPOP"], (1, 1)),
    **dict.fromkeys(["WAIT", "WAITAOF"], (-1, 1000)),
}

# Commands that may occupy a connection; XREAD and XREADGROUP do with the argument BLOCK.
BLOCKING_COMMANDS = frozenset((*_TIMEOUTS, "SUBSCRIBE", "PSUBSCRIBE", "MONITOR"))


def find_option(args: Sequence[EncodableArg], name: str) -> int:
    """Return the index of the name of an option, which may be in lower case.

    Raises:
        ValueError: the option isn't among the arguments.
    """
    return [arg.upper() if isinstance(arg, str) else arg for arg in args].index(name)


def find_timeout(args: Sequence[EncodableArg]) -> float | None:
    """Return for how many seconds a command may wait, 0 for forever; None if it doesn't wait.

    It is also None for invalid arguments, because the server refuses them without waiting.
    """
    with suppress(ValueError, IndexError):
        if args[0] in ("XREAD", "XREADGROUP"):
            return float(args[find_option(args, "BLOCK") + 1]) / 1000
        if args[0] in _TIMEOUTS:
            index, unit = _TIMEOUTS[args[0]]
            return float(args[index]) / unit
    return None


def is_blocking(command: Command[Any]) -> bool:
    """Return whether `command` may occupy its connection for longer than its timeout."""
    name = command.args[0]
    if name in ("XREAD", "XREADGROUP"):
        return find_timeout(command.args) is not None
    return name in BLOCKING_COMMANDS


def block_timeout(commands: Sequence[Command[Any]]) -> float:
    """Return for how many seconds in all `commands` may occupy a connection.

    It is 0 for other commands, which the server must answer within the connection's timeout.
    """
    return sum([command.seconds for command in commands if isinstance(command, BlockingCommand)])
