"""Commands on the server and on its whole database."""

from __future__ import annotations

from django_cachex.commands.base import Commands
from django_cachex.commands.command import Request, awaitable, blocking, done

Info = dict[str, str]


class ServerCommands(Commands):
    """Commands of Valkey's *server* and *connection* groups."""

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


def read_info(reply: bytes) -> Info:
    """Return the ``name:value`` lines of INFO; headings and empty lines are left out."""
    lines = reply.decode(errors="replace").splitlines()
    pairs = (line.partition(":") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}
