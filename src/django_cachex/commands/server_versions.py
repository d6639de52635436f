"""Which server a command or an option needs, so that an older one's refusal can say so."""

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
"""By the name of a command, the first server that has it, where that is newer than Redis 6.2."""

OPTION_VERSIONS: dict[tuple[Any, Any], str] = {
    **dict.fromkeys(product(["BITCOUNT", "BITPOS"], ["BIT", "BYTE"]), "Valkey or Redis 7.0"),
    **dict.fromkeys(
        product(["PEXPIRE", "PEXPIREAT"], ["NX", "XX", "GT", "LT"]), "Valkey or Redis 7.0"
    ),
    ("SET", "GET"): "Valkey or Redis 7.0, where NX is given too",
    ("XGROUP", "ENTRIESREAD"): "Valkey or Redis 7.0",
    **dict.fromkeys(product(["ZRANK", "ZREVRANK"], ["WITHSCORE"]), "Valkey or Redis 7.2"),
}
"""By the names of a command and an option, the same; servers call these a syntax error."""

SYNTAX_ERRORS = "syntax error", "wrong number of arguments", "unknown subcommand"


def raise_if_unsupported(args: tuple[Any, ...], error: CachexError) -> None:
    """Raise `NotSupportedError` where `error`, the answer to a command, means too old a server."""
    needed = _unsupported_message(args, error)
    if needed:
        raise NotSupportedError(needed) from error


def _unsupported_message(args: tuple[Any, ...], error: CachexError) -> str:
    name = args[0]
    if isinstance(error, UnknownCommand) and name in COMMAND_VERSIONS:
        return f"The server lacks {name!s}: that needs {COMMAND_VERSIONS[name]}."
    if any(text in str(error).lower() for text in SYNTAX_ERRORS):
        for arg in args[1:]:
            if (name, arg) in OPTION_VERSIONS:
                needed = OPTION_VERSIONS[name, arg]
                return f"The server lacks {arg!s} of {name!s}: that needs {needed}."
    return ""
