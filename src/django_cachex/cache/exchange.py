"""One exchange on a leased connection: all requests in one write, then all replies.

Whatever is raised in between closes the connection: a reply left unread would be the next
caller's data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django_cachex.cache.drivers import AsyncConnection, Connection, Driver
from django_cachex.cache.errors import translated
from django_cachex.commands.base import INT64
from django_cachex.commands.request import Request, Word

Requests = Sequence[Request[Any]]


def exchange(connection: Connection, requests: Requests, driver: Driver) -> list[Any]:
    """Return a raw reply for each of `requests`, a `CommandError` where it was refused."""
    try:
        connection.send_packed_command(connection.pack_commands(packable(requests)))
        return [reply_to(connection, request, driver) for request in requests]
    except BaseException:
        connection.disconnect()
        raise


async def aexchange(connection: AsyncConnection, requests: Requests, driver: Driver) -> list[Any]:
    """Do what `exchange` does, on an event loop."""
    try:
        await connection.send_packed_command(connection.pack_commands(packable(requests)))
        return [await areply_to(connection, request, driver) for request in requests]
    except BaseException:
        await connection.disconnect(nowait=True)
        raise


def reply_to(connection: Connection, request: Request[Any], driver: Driver) -> Any:
    try:
        reply = connection.read_response()
    except driver.errors.ResponseError as error:
        return translated(error, driver)
    return executed(reply, driver) if request.words[0] == "EXEC" else reply


async def areply_to(connection: AsyncConnection, request: Request[Any], driver: Driver) -> Any:
    try:
        reply = await connection.read_response()
    except driver.errors.ResponseError as error:
        return translated(error, driver)
    return executed(reply, driver) if request.words[0] == "EXEC" else reply


def executed(reply: list[Any] | None, driver: Driver) -> list[Any] | None:
    """Return what a transaction answered; refusals come as the driver's errors inside it."""
    if reply is None:
        return None
    refusal = driver.errors.ResponseError
    return [translated(part, driver) if isinstance(part, refusal) else part for part in reply]


def packable(requests: Requests) -> Iterator[tuple[Word, ...]]:
    """Yield the words of `requests`; raise ValueError for an integer that no packer survives.

    The C packers of both drivers end the interpreter when they meet an integer past 64 bits.
    """
    for request in requests:
        for word in request.words:
            if isinstance(word, int) and word not in INT64:
                raise ValueError(f"{request.words[0]!s}: an integer has more than 64 bits")
        yield request.words


def leaves_open(requests: Requests, was_open: bool) -> bool:
    """Return whether the connection watches keys or is inside a transaction after `requests`."""
    for request in requests:
        if request.words[0] in ("WATCH", "MULTI"):
            was_open = True
        elif request.words[0] in ("EXEC", "DISCARD", "UNWATCH"):
            was_open = False
    return was_open
