"""The server versions that commands and options require, and when versions reach end of life."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import product
from typing import Any

from django_cachex.exceptions import CachexError, NotSupportedError, UnknownCommand

COMMAND_VERSIONS: dict[Any, str] = {
    **dict.fromkeys(
        [
            *("BLMPOP", "BZMPOP", "EXPIRETIME", "LMPOP", "PEXPIRETIME", "SINTERCARD"),
            *("ZINTERCARD", "ZMPOP"),
        ],
        "Valkey or Redis 7.0",
    ),
    **dict.fromkeys(
        [
            *("HEXPIRETIME", "HPERSIST", "HPEXPIRE", "HPEXPIREAT", "HPEXPIRETIME"),
            *("HPTTL", "HTTL"),
        ],
        "Valkey 9.0 or Redis 7.4",
    ),
}
"""The version that introduced a command, for commands that are newer than Redis 6.2."""

OPTION_VERSIONS: dict[tuple[Any, Any], str] = {
    **dict.fromkeys(product(["BITCOUNT", "BITPOS"], ["BIT", "BYTE"]), "Valkey or Redis 7.0"),
    **dict.fromkeys(
        product(["PEXPIRE", "PEXPIREAT"], ["NX", "XX", "GT", "LT"]), "Valkey or Redis 7.0"
    ),
    ("SET", "GET"): "Valkey or Redis 7.0 if NX is given too",
    ("XGROUP", "ENTRIESREAD"): "Valkey or Redis 7.0",
    **dict.fromkeys(product(["ZRANK", "ZREVRANK"], ["WITHSCORE"]), "Valkey or Redis 7.2"),
}
"""The version that introduced an option of a command; older servers report a syntax error."""

END_OF_LIFE: Mapping[str, Mapping[tuple[int, int], date]] = {
    # The end of extended security support: https://valkey.io/topics/releases/
    "valkey": {
        (7, 2): date(2029, 4, 16),
        (8, 0): date(2027, 9, 15),
        (8, 1): date(2030, 3, 31),
        (9, 0): date(2028, 10, 21),
    },
    # https://github.com/redis/redis/security, with the dates of https://endoflife.date/redis.
    # Releases that still get security fixes have no date there.
    "redis": {
        (5, 0): date(2022, 4, 27),
        (6, 0): date(2022, 5, 31),
        (7, 0): date(2024, 7, 29),
        (8, 0): date(2026, 2, 11),
    },
}
"""The end of security fixes, by product and release."""


def find_end_of_life(product: str, release: tuple[int, int]) -> date | None:
    """Return when a release of a product stops to get security fixes, or None if it is unknown.

    A release that is older than those of the table ended no later than the oldest one.
    """
    ends = END_OF_LIFE.get(product, {})
    oldest = min(ends, default=release)
    return ends.get(max(release, oldest))


SYNTAX_ERRORS = "syntax error", "wrong number of arguments", "unknown subcommand"


def raise_if_unsupported(args: tuple[Any, ...], error: CachexError) -> None:
    """Raise `NotSupportedError` if `error` means that the server is too old for the command."""
    needed = _unsupported_message(args, error)
    if needed:
        raise NotSupportedError(needed) from error


def _unsupported_message(args: tuple[Any, ...], error: CachexError) -> str:
    name = args[0]
    if isinstance(error, UnknownCommand) and name in COMMAND_VERSIONS:
        return f"The server does not support {name!s}. It requires {COMMAND_VERSIONS[name]}."
    if any(text in str(error).lower() for text in SYNTAX_ERRORS):
        for arg in args[1:]:
            if (name, arg) in OPTION_VERSIONS:
                needed = OPTION_VERSIONS[name, arg]
                return f"The server does not support {arg!s} of {name!s}. It requires {needed}."
    return ""
