"""RESP2, the protocol of Valkey and Redis: pack commands, parse replies."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from django_cachex.cache.connection.errors import ProtocolError, reply_error
from django_cachex.commands.args import INT64
from django_cachex.commands.command import TRANSACTION_COMMANDS, Command, EncodableArg
from django_cachex.exceptions import AccessDenied, UnknownCommand

# The parser that belongs to each driver comes first; the other will do.
PARSERS = {"valkey": ("libvalkey", "hiredis"), "redis": ("hiredis", "libvalkey")}

MISSING = object()
"""What a reader returns while a reply is not complete."""

DEEPEST = 9
"""Levels of lists within a reply: as many as the C parsers take."""

_integer = re.compile(rb"-?[0-9]{1,19}").fullmatch
_harmless = frozenset((bytes, str)).issuperset

LEAST, MOST = INT64[0], INT64[-1]

Pack = Callable[[tuple[EncodableArg, ...]], bytes]


class Reader(Protocol):
    """Takes what a connection received, gives replies; refusals are our exceptions."""

    def feed(self, data: Any, start: int, length: int, /) -> None: ...
    def gets(self) -> Any: ...


@dataclass
class Codec:
    """How commands are packed and replies are read."""

    pack: Pack
    """Return the bytes of one command, in which nothing is an integer: see `checked`."""
    reader: Callable[[], Reader]
    """Return a new reader, for one connection."""


@functools.cache
def codec_for(driver: str) -> Codec:
    """Return the fastest codec that is installed, the driver's own parser first."""
    for name in PARSERS[driver]:
        try:
            parser = import_module(name)
        except ImportError:
            continue
        reader = functools.partial(
            parser.Reader,
            protocolError=ProtocolError,
            replyError=reply_error,
            notEnoughData=MISSING,
        )
        return Codec(parser.pack_command, reader)
    return Codec(pack_command, ReplyReader)


def packed(commands: Iterable[Command[Any]], pack: Pack) -> bytes:
    """Return the bytes of `commands`; raise ValueError for an integer that no packer survives."""
    return b"".join([pack(checked(command.args)) for command in commands])


def checked(args: tuple[EncodableArg, ...]) -> tuple[EncodableArg, ...]:
    """Return `args`, integers as text; raise ValueError where one has more than 64 bits.

    No integer goes to the C packers: where making text of it fails (too many digits, or a signal
    whose handler raises) they end the interpreter.
    """
    if _harmless(map(type, args)):
        return args
    return tuple([_text(word) if isinstance(word, int) else word for word in args])


class Packer:
    """Packs what the drivers send themselves, the greeting: in that are integers, too."""

    def __init__(self, codec: Codec) -> None:
        self._pack = codec.pack

    def pack(self, *args: Any) -> list[bytes]:
        """Return the bytes of one command, whose name may have several words."""
        name = args[0].encode() if isinstance(args[0], str) else args[0]
        return [self._pack(checked((*name.split(), *args[1:])))]


def _text(number: int) -> bytes:
    if LEAST <= number <= MOST:
        return b"%d" % number
    raise ValueError("An integer has more than 64 bits.")


def pack_command(args: tuple[EncodableArg, ...]) -> bytes:
    """Return one command as the server reads it."""
    parts = [b"*%d\r\n" % len(args)]
    for word in args:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


class ReplyReader:
    """A reader in Python. It goes on where it stopped, however replies are cut into pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0
        self._reading = self._reply()

    def feed(self, data: Any, start: int = 0, length: int = -1, /) -> None:
        end = len(data) if length < 0 else start + length
        self._buffer += memoryview(data)[start:end]

    def gets(self) -> Any:
        """Return the next reply, or `MISSING` while it is not complete."""
        try:
            next(self._reading)
        except StopIteration as stop:
            self._reading = self._reply()
            del self._buffer[: self._at]
            self._at = 0
            return stop.value
        return MISSING

    def _reply(self, depth: int = 0) -> Generator[None, None, Any]:
        line = yield from self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return reply_error(rest.decode("utf-8", "replace"))
        if kind not in b":$*" or not _integer(rest):
            raise ProtocolError(f"A reply begins with {line[:20]!r}.")
        number = int(rest)
        if kind == b":":
            return number
        if number < 0:
            return self._nothing(number)
        if kind == b"$":
            return (yield from self._bytes(number))
        return (yield from self._replies(number, depth))

    def _nothing(self, length: int) -> None:
        if length != -1:
            raise ProtocolError(f"A reply has the length {length}.")

    def _replies(self, count: int, depth: int) -> Generator[None, None, list[Any]]:
        if depth == DEEPEST:
            raise ProtocolError("A reply has too many levels.")
        replies: list[Any] = []
        while len(replies) < count:
            reply = yield from self._reply(depth + 1)
            replies.append(reply)
        return replies

    def _line(self) -> Generator[None, None, bytes]:
        while (end := self._buffer.find(b"\r\n", self._at)) < 0:
            yield
        line, self._at = bytes(self._buffer[self._at : end]), end + 2
        return line

    def _bytes(self, length: int) -> Generator[None, None, bytes]:
        end = self._at + length
        while len(self._buffer) < end + 2:
            yield
        data, self._at = bytes(self._buffer[self._at : end]), end + 2
        return data


Words = tuple[EncodableArg, ...]

DENIED = frozenset({AccessDenied, UnknownCommand})


def deleted(args: Words) -> Words:
    return ("DEL", *args[1:])


def in_seconds(args: Words) -> Words:
    """Return an EXPIRE that does the same; where none does, `args`."""
    key, milliseconds, *conditions = args[1:]
    seconds, rest = divmod(int(milliseconds), 1000)
    return args if rest else ("EXPIRE", key, b"%d" % seconds, *conditions)


SUBSTITUTES: dict[EncodableArg, Callable[[Words], Words]] = {
    "UNLINK": deleted,
    "PEXPIRE": in_seconds,
}


class ServerCodec(Codec):
    """A codec for one server, which packs the commands that this has."""

    def __init__(self, codec: Codec) -> None:
        super().__init__(codec.pack, codec.reader)
        self._pack = codec.pack
        self._lacks: set[EncodableArg] = set()

    def learns(self, command: Command[Any], reply: Any) -> bool:
        """Return whether `reply` says that the server lacks a command for which there is another.

        From then on the other is packed in its place.
        """
        name = command.args[0]
        if name not in SUBSTITUTES or type(reply) not in DENIED or not is_about(name, str(reply)):
            return False
        if SUBSTITUTES[name](command.args) is command.args:
            return False
        self._lacks.add(name)
        self.pack = self._packed_otherwise
        return True

    def refused(self, commands: Sequence[Command[Any]], replies: list[Any]) -> list[int]:
        """Return which of `commands` are to be sent again, in other words.

        In a transaction none can be: instead EXEC seems to say that somebody touched a key, and the
        caller, who is used to that, begins again.
        """
        if DENIED.isdisjoint(map(type, replies)):
            return []
        found = [
            number
            for number, (command, reply) in enumerate(zip(commands, replies, strict=True))
            if self.learns(command, reply)
        ]
        if not found or TRANSACTION_COMMANDS.isdisjoint(command.args[0] for command in commands):
            return found
        if commands[-1].args[0] == "EXEC":
            for number in found:
                replies[number] = b"QUEUED"
            replies[-1] = None
        return []

    def _packed_otherwise(self, args: Words) -> bytes:
        return self._pack(SUBSTITUTES[args[0]](args) if args[0] in self._lacks else args)


def is_about(name: EncodableArg, text: str) -> bool:
    """Return whether a refusal is of the command, and not of a key that it names."""
    return str(name).lower() in text.lower()
