"""RESP2, the protocol of Valkey and Redis: packing commands and parsing replies.

See https://valkey.io/topics/protocol/
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from django_cachex.cache.connection.errors import ProtocolError, parse_error
from django_cachex.commands.args import INT64
from django_cachex.commands.command import TRANSACTION_COMMANDS, Command, CommandArgs, EncodableArg
from django_cachex.exceptions import DENIED_ERRORS

# The parsers that can be used with each driver, its own first.
PARSERS = {"valkey": ("libvalkey", "hiredis"), "redis": ("hiredis", "libvalkey")}

INCOMPLETE = object()
"""Returned by a reader while a reply is incomplete."""

MAX_DEPTH = 9
"""The maximum number of nested lists in a reply, which is that of the C parsers."""

_is_integer = re.compile(rb"-?[0-9]{1,19}").fullmatch
_has_no_integers = frozenset((bytes, str)).issuperset

MIN_INT, MAX_INT = INT64[0], INT64[-1]

Pack = Callable[[CommandArgs], bytes]


class Reader(Protocol):
    """Parses the data that a connection receives. Error replies are returned as exceptions."""

    def feed(self, data: Any, start: int, length: int, /) -> None: ...
    def gets(self) -> Any: ...


@dataclass
class RESPCodec:
    """A function that packs commands, and a factory of readers that parse replies."""

    pack: Pack
    """Returns the bytes of one command. Integers must have been encoded by `encode_integers`."""
    reader: Callable[[], Reader]
    """Returns a new reader for one connection."""


@functools.cache
def get_codec(driver: str) -> RESPCodec:
    """Return the fastest codec that is installed, preferring the driver's own parser."""
    for name in PARSERS[driver]:
        try:
            parser = import_module(name)
        except ImportError:
            continue
        reader = functools.partial(
            parser.Reader,
            protocolError=ProtocolError,
            replyError=parse_error,
            notEnoughData=INCOMPLETE,
        )
        return RESPCodec(parser.pack_command, reader)
    return RESPCodec(pack_command, ReplyReader)


def pack_commands(commands: Iterable[Command[Any]], pack: Pack) -> bytes:
    """Return the bytes of `commands`; raise ValueError for integers of more than 64 bits."""
    return b"".join([pack(encode_integers(command.args)) for command in commands])


def encode_integers(args: CommandArgs) -> CommandArgs:
    """Return `args` with integers as text; raise ValueError if one has more than 64 bits.

    The C packers must not get integers. They end the interpreter if the conversion to text fails,
    because of too many digits or because a signal handler raises an exception.
    """
    if _has_no_integers(map(type, args)):
        return args
    return tuple([_encode_integer(arg) if isinstance(arg, int) else arg for arg in args])


class DriverPacker:
    """Packs the commands that the drivers send while they connect, which may contain integers."""

    def __init__(self, codec: RESPCodec) -> None:
        self._pack = codec.pack

    def pack(self, *args: Any) -> list[bytes]:
        """Return the bytes of one command, whose name may consist of several words."""
        name = args[0].encode() if isinstance(args[0], str) else args[0]
        return [self._pack(encode_integers((*name.split(), *args[1:])))]


def _encode_integer(number: int) -> bytes:
    if MIN_INT <= number <= MAX_INT:
        return b"%d" % number
    raise ValueError("An integer has more than 64 bits.")


def pack_command(args: CommandArgs) -> bytes:
    """Return the bytes of one command."""
    parts = [b"*%d\r\n" % len(args)]
    for arg in args:
        data = arg if isinstance(arg, bytes) else str(arg).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


class ReplyReader:
    """A reader in Python. Parsing is suspended while a reply is incomplete, and then resumed."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        self._parser = self._reply()

    def feed(self, data: Any, start: int = 0, length: int = -1, /) -> None:
        end = len(data) if length < 0 else start + length
        self._buffer += memoryview(data)[start:end]

    def gets(self) -> Any:
        """Return the next reply, or `INCOMPLETE` if it hasn't been received completely."""
        try:
            next(self._parser)
        except StopIteration as stop:
            self._parser = self._reply()
            del self._buffer[: self._position]
            self._position = 0
            return stop.value
        return INCOMPLETE

    def _reply(self, depth: int = 0) -> Generator[None, None, Any]:
        line = yield from self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return parse_error(rest.decode("utf-8", "replace"))
        if kind not in b":$*" or not _is_integer(rest):
            raise ProtocolError(f"Invalid reply: it starts with {line[:20]!r}.")
        number = int(rest)
        if kind == b":":
            return number
        if number < 0:
            return self._null(number)
        if kind == b"$":
            return (yield from self._bytes(number))
        return (yield from self._replies(number, depth))

    def _null(self, length: int) -> None:
        if length != -1:
            raise ProtocolError(f"Invalid reply: its length is {length}.")

    def _replies(self, count: int, depth: int) -> Generator[None, None, list[Any]]:
        if depth == MAX_DEPTH:
            raise ProtocolError("Invalid reply: its lists are nested too deeply.")
        replies: list[Any] = []
        while len(replies) < count:
            reply = yield from self._reply(depth + 1)
            replies.append(reply)
        return replies

    def _line(self) -> Generator[None, None, bytes]:
        while (end := self._buffer.find(b"\r\n", self._position)) < 0:
            yield
        line, self._position = bytes(self._buffer[self._position : end]), end + 2
        return line

    def _bytes(self, length: int) -> Generator[None, None, bytes]:
        end = self._position + length
        while len(self._buffer) < end + 2:
            yield
        data, self._position = bytes(self._buffer[self._position : end]), end + 2
        return data


_DENIED_TYPES = frozenset(DENIED_ERRORS)


def replace_unlink(args: CommandArgs) -> CommandArgs:
    return ("DEL", *args[1:])


def replace_pexpire(args: CommandArgs) -> CommandArgs:
    """Return an EXPIRE in place of a PEXPIRE; `args` if that needs fractions of a second."""
    key, milliseconds, *conditions = args[1:]
    seconds, rest = divmod(int(milliseconds), 1000)
    return args if rest else ("EXPIRE", key, b"%d" % seconds, *conditions)


FALLBACKS: dict[EncodableArg, Callable[[CommandArgs], CommandArgs]] = {
    "UNLINK": replace_unlink,
    "PEXPIRE": replace_pexpire,
}


class ServerCodec(RESPCodec):
    """The codec of one server, which replaces commands that the server doesn't allow.

    Some users or servers have DEL but not UNLINK, or EXPIRE but not PEXPIRE.
    """

    def __init__(self, codec: RESPCodec) -> None:
        super().__init__(codec.pack, codec.reader)
        self._pack = codec.pack
        self._missing: set[EncodableArg] = set()

    def learn_fallback(self, command: Command[Any], reply: Any) -> bool:
        """Return whether `reply` means that `command` must be replaced by its fallback.

        In this case, the fallback is used from now on.
        """
        name = command.args[0]
        if (
            name not in FALLBACKS
            or type(reply) not in DENIED_ERRORS
            or not is_about_command(name, str(reply))
        ):
            return False
        if FALLBACKS[name](command.args) is command.args:
            return False
        self._missing.add(name)
        self.pack = self._pack_fallback
        return True

    def find_commands_to_resend(
        self, commands: Sequence[Command[Any]], replies: list[Any]
    ) -> list[int]:
        """Return the indexes of the `commands` that must be sent again, as their fallbacks.

        Commands of a transaction can't be sent again one by one. Instead, the reply to EXEC is
        changed to None, as if a watched key had been modified, so that the caller starts again.
        """
        if _DENIED_TYPES.isdisjoint(map(type, replies)):
            return []
        numbers = [
            number
            for number, (command, reply) in enumerate(zip(commands, replies, strict=True))
            if self.learn_fallback(command, reply)
        ]
        if not numbers or TRANSACTION_COMMANDS.isdisjoint(command.args[0] for command in commands):
            return numbers
        if commands[-1].args[0] == "EXEC":
            for number in numbers:
                replies[number] = b"QUEUED"
            replies[-1] = None
        return []

    def _pack_fallback(self, args: CommandArgs) -> bytes:
        return self._pack(FALLBACKS[args[0]](args) if args[0] in self._missing else args)


def is_about_command(name: EncodableArg, text: str) -> bool:
    """Return whether the text of an error is about the command `name`, and not about a key."""
    return str(name).lower() in text.lower()
