"""Commands on the server, its log of slow commands, and the whole database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django_cachex.commands.base import Commands
from django_cachex.commands.command import Command, async_method, parse_none, sync_method

ServerInfo = dict[str, str]


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """An entry of the log of slow commands."""

    number: int
    """The number of the entry since the server started."""

    at: datetime
    """When the command was run, in UTC."""

    microseconds: int
    """How long the command took."""

    words: tuple[bytes, ...]
    """The command and its arguments; the server shortens long ones."""

    client: str
    """The address of the client, as ``host:port``."""

    client_name: str
    """The name that the client has set, or an empty string."""


class ServerCommands(Commands):
    """The commands of Valkey's *server* and *connection* groups.

    In a cluster, `info` and the log of slow commands are those of the primary with the lowest slot.
    """

    def _ping(self) -> Command[bool]:
        """Check whether the server answers.

        Returns:
            True.

        Raises:
            ServerUnavailable: the server can't be reached.

        See https://valkey.io/commands/ping/
        """
        return Command(("PING",), bool)

    def _info(self, *sections: str) -> Command[ServerInfo]:
        """Return information about the server.

        Args:
            *sections: only these sections, such as "memory"; the server's default sections if none
                is given.

        Returns:
            A dict of the server's names and values, as text.

        See https://valkey.io/commands/info/
        """
        return Command(("INFO", *sections), parse_info, missing_reply=b"")

    def _dbsize(self) -> Command[int]:
        """Return the number of keys in the database, including those of other applications.

        Returns:
            The number of keys; in a cluster, the sum of all primaries.

        See https://valkey.io/commands/dbsize/
        """
        return Command(("DBSIZE",), int, missing_reply=0)

    def _flush_db(self) -> Command[None]:
        """Delete all keys of the database, including those of other applications.

        See https://valkey.io/commands/flushdb/
        """
        return Command(("FLUSHDB", "ASYNC"), parse_none)

    ping, aping = sync_method(_ping), async_method(_ping)
    info, ainfo = sync_method(_info), async_method(_info)
    dbsize, adbsize = sync_method(_dbsize), async_method(_dbsize)
    flush_db, aflush_db = sync_method(_flush_db), async_method(_flush_db)

    # The log of slow commands.

    def _slowlog_get(self, num: int | None = None) -> Command[list[SlowCommand]]:
        """Return the newest entries of the log of slow commands.

        Args:
            num: how many entries to return; -1 returns all of them. The server's default is 10.

        Returns:
            A list of `SlowCommand`, newest first.

        See https://valkey.io/commands/slowlog-get/
        """
        count = () if num is None else (num,)
        return Command(("SLOWLOG", "GET", *count), parse_slowlog, missing_reply=())

    def _slowlog_len(self) -> Command[int]:
        """Return the number of entries in the log of slow commands.

        Returns:
            The number of entries.

        See https://valkey.io/commands/slowlog-len/
        """
        return Command(("SLOWLOG", "LEN"), int, missing_reply=0)

    def _slowlog_reset(self) -> Command[None]:
        """Delete all entries of the log of slow commands.

        See https://valkey.io/commands/slowlog-reset/
        """
        return Command(("SLOWLOG", "RESET"), parse_none)

    slowlog_get, aslowlog_get = sync_method(_slowlog_get), async_method(_slowlog_get)
    slowlog_len, aslowlog_len = sync_method(_slowlog_len), async_method(_slowlog_len)
    slowlog_reset, aslowlog_reset = sync_method(_slowlog_reset), async_method(_slowlog_reset)


def parse_info(reply: bytes) -> ServerInfo:
    """Return the ``name:value`` lines of INFO, without headings and empty lines."""
    lines = reply.decode(errors="replace").splitlines()
    pairs = (line.partition(":") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def parse_slowlog(reply: list[list[Any]]) -> list[SlowCommand]:
    return [
        SlowCommand(
            number,
            datetime.fromtimestamp(at, UTC),
            microseconds,
            tuple(args),
            client.decode(errors="replace"),
            name.decode(errors="replace"),
        )
        for number, at, microseconds, args, client, name, *_more in reply
    ]
