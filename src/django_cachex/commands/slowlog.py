"""The server's log of commands that took long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django_cachex.commands.base import Commands
from django_cachex.commands.command import Request, awaitable, blocking, done


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """One entry of the slow log."""

    number: int
    """Entries are numbered from the start of the server on."""

    at: datetime
    """When the command was run, in UTC, to the second."""

    microseconds: int
    """How long it ran."""

    words: tuple[bytes, ...]
    """The command and its arguments; the server shortens long ones."""

    client: str
    """The client's address, as ``host:port``."""

    client_name: str
    """What the client called itself; empty where it did not."""


class SlowLog(Commands):
    """The SLOWLOG commands; in a cluster, of the primary that has the lowest slot."""

    def _slowlog_get(self, num: int | None = None) -> Request[list[SlowCommand]]:
        """Return the newest `num` entries, ten unless the server has another default; -1 is all."""
        count = () if num is None else (num,)
        return Request(("SLOWLOG", "GET", *count), read_slowlog, absent=())

    def _slowlog_len(self) -> Request[int]:
        """Return the number of entries."""
        return Request(("SLOWLOG", "LEN"), int, absent=0)

    def _slowlog_reset(self) -> Request[None]:
        """Delete all entries."""
        return Request(("SLOWLOG", "RESET"), done)

    slowlog_get, aslowlog_get = blocking(_slowlog_get), awaitable(_slowlog_get)
    slowlog_len, aslowlog_len = blocking(_slowlog_len), awaitable(_slowlog_len)
    slowlog_reset, aslowlog_reset = blocking(_slowlog_reset), awaitable(_slowlog_reset)


def read_slowlog(reply: list[list[Any]]) -> list[SlowCommand]:
    return [
        SlowCommand(
            number,
            datetime.fromtimestamp(at, UTC),
            microseconds,
            tuple(words),
            client.decode(errors="replace"),
            name.decode(errors="replace"),
        )
        for number, at, microseconds, words, client, name, *_more in reply
    ]
