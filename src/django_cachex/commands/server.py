"""Commands on the server, its log of slow commands, and its whole database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django_cachex.commands.base import Commands
from django_cachex.commands.command import Request, awaitable, blocking, done

Info = dict[str, str]


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


class ServerCommands(Commands):
    """Commands of Valkey's *server* and *connection* groups.

    In a cluster, the slow log is that of the primary that has the lowest slot.
    """

    def _ping(self) -> Request[bool]:
        """Return True when the server answers."""
        return Request(("PING",), bool)

    def _info(self, *sections: str) -> Request[Info]:
        """Return INFO's fields by name, as text and as the server spells them."""
        return Request(("INFO", *sections), read_info, absent=b"")

    def _dbsize(self) -> Request[int]:
        """Return the number of keys in the database, whoever stored them."""
        return Request(("DBSIZE",), int, absent=0)

    def _flushdb(self) -> Request[None]:
        """Delete every key of the database, whoever stored it."""
        return Request(("FLUSHDB", "ASYNC"), done)

    ping, aping = blocking(_ping), awaitable(_ping)
    info, ainfo = blocking(_info), awaitable(_info)
    dbsize, adbsize = blocking(_dbsize), awaitable(_dbsize)
    flushdb, aflushdb = blocking(_flushdb), awaitable(_flushdb)

    # The log of commands that took long.

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


def read_info(reply: bytes) -> Info:
    """Return the ``name:value`` lines of INFO; headings and empty lines are left out."""
    lines = reply.decode(errors="replace").splitlines()
    pairs = (line.partition(":") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


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
