"""The server versions that commands and options require, for the errors of older servers."""

from __future__ import annotations

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
