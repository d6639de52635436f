"""Commands that block their connection, and for how long."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django_cachex.commands.command import Command, EncodableArg, parse_raw
from django_cachex.commands.exceptions import ServerUnavailable

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
