"""Which server a command, or an option of one, needs: what an older one does not know is named."""

from __future__ import annotations

from itertools import product
from typing import Any

from django_cachex.commands.exceptions import CachexError, NotSupportedError, UnknownCommand

SINCE: dict[Any, str] = {
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

OPTION_SINCE: dict[tuple[Any, Any], str] = {
    **dict.fromkeys(product(["BITCOUNT", "BITPOS"], ["BIT", "BYTE"]), "Valkey or Redis 7.0"),
    **dict.fromkeys(
        product(["PEXPIRE", "PEXPIREAT"], ["NX", "XX", "GT", "LT"]), "Valkey or Redis 7.0"
    ),
    ("SET", "GET"): "Valkey or Redis 7.0, where NX is given too",
    ("XGROUP", "ENTRIESREAD"): "Valkey or Redis 7.0",
    **dict.fromkeys(product(["ZRANK", "ZREVRANK"], ["WITHSCORE"]), "Valkey or Redis 7.2"),
}
"""By the names of a command and an option, the same; servers call these a syntax error."""

SYNTAX = "syntax error", "wrong number of arguments", "unknown subcommand"


def explain(words: tuple[Any, ...], error: CachexError) -> None:
    """Raise `NotSupportedError` where `error`, the answer to a command, means too old a server."""
    needed = _needed(words, error)
    if needed:
        raise NotSupportedError(needed) from error


def _needed(words: tuple[Any, ...], error: CachexError) -> str:
    name = words[0]
    if isinstance(error, UnknownCommand) and name in SINCE:
        return f"The server lacks {name!s}: that needs {SINCE[name]}."
    if any(text in str(error).lower() for text in SYNTAX):
        for word in words[1:]:
            if (name, word) in OPTION_SINCE:
                needed = OPTION_SINCE[name, word]
                return f"The server lacks {word!s} of {name!s}: that needs {needed}."
    return ""
