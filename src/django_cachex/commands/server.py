"""Commands on the server, its slow log and the whole database, and any command by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django_cachex.commands.args import BlockingCommand, encode_name, find_timeout
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    TRANSACTION_COMMANDS,
    Command,
    EncodableArg,
    async_method,
    parse_none,
    parse_raw,
    sync_method,
)

ServerInfo = dict[str, str]

CONNECTION_COMMANDS = TRANSACTION_COMMANDS | {
    *("ASKING", "AUTH", "HELLO", "MONITOR", "PSUBSCRIBE", "PSYNC", "PUNSUBSCRIBE", "QUIT"),
    *("READONLY", "READWRITE", "REPLCONF", "RESET", "SELECT", "SSUBSCRIBE", "SUBSCRIBE"),
    *("SUNSUBSCRIBE", "SYNC", "UNSUBSCRIBE"),
    *("CLIENT CACHING", "CLIENT CAPA", "CLIENT IMPORT-SOURCE", "CLIENT NO-EVICT"),
    *("CLIENT NO-TOUCH", "CLIENT REPLY", "CLIENT SETINFO", "CLIENT SETNAME", "CLIENT TRACKING"),
    "SCRIPT DEBUG",
}
"""Commands that change the state of their connection, so that it can't be shared afterwards."""


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

    def _execute_command(self, command: str, *args: EncodableArg) -> Command[Any]:
        """Send any command, such as one that has no method.

        Keys get no prefix and no version (see `make_key`), and values aren't serialized. The
        command goes to the primary, and isn't sent again if the connection breaks. In a cluster, it
        goes to the node that has its keys, which are found for known commands; others have one key,
        their first argument.

        Args:
            command: the name of the command, which may include a subcommand: "OBJECT FREQ".
            *args: its arguments, as bytes, text or numbers, with the names of options in capitals.

        Returns:
            The server's reply: an integer, bytes, None, or a list of these. If failures are
            ignored and the server isn't available, None.

        Raises:
            CommandError: the server refused the command.
            CrossSlotError: the keys are in different slots of a cluster.
            ServerUnavailable: the server can't be reached, or a command that waits lost its
                connection.
            TypeError: an argument is neither bytes nor text nor a number.
            ValueError: the command would change the state of a connection that others use, as
                SUBSCRIBE, SELECT or MULTI do. Use `pipeline` for transactions.

        See https://valkey.io/commands/
        """
        words = split_command(command, args)
        if name := find_connection_command(words):
            raise ValueError(
                f"{name} changes the state of its connection, which others use afterwards. Use a "
                "client of the driver, or pipeline(transaction=True) for a transaction."
            )
        timeout = find_timeout(words)
        if timeout is None:
            return Command(words, parse_raw)
        return BlockingCommand(words, parse_raw, timeout)

    execute_command = sync_method(_execute_command)
    aexecute_command = async_method(_execute_command)
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


def split_command(command: str, args: Sequence[EncodableArg]) -> tuple[EncodableArg, ...]:
    """Return the words of a command, of which the first one is its name in capitals.

    All that is ASCII is text, so that the names of options are found among the arguments.
    """
    for arg in (command, *args):
        if isinstance(arg, bool) or not isinstance(arg, (bytes, str, int, float)):
            kind = type(arg).__name__
            raise TypeError(f"An argument must be text, bytes or a number, not {kind}.")
    if not isinstance(command, str) or not command.strip():
        raise TypeError(f"The name of a command must be text, not {command!r}.")
    name, *subcommand = command.split()
    encoded = [encode_name(arg) for arg in args]
    words = [arg.decode() if arg.isascii() else arg for arg in encoded]
    return (name.upper(), *subcommand, *words)


def find_connection_command(words: Sequence[EncodableArg]) -> str | None:
    """Return the name of a command that changes the state of its connection; None for others."""
    names = [str(words[0])]
    if len(words) > 1:
        names.append(f"{names[0]} {encode_name(words[1]).decode(errors='replace').upper()}")
    return next((name for name in names if name in CONNECTION_COMMANDS), None)


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
