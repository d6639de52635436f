"""Commands that a server or a user lacks, where others that Django's own backend sends would do.

Renamed away or denied by an ACL, UNLINK is replaced by DEL and PEXPIRE by EXPIRE. That is found out
by the first refusal, and remembered per server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django_cachex.cache.resp import Codec
from django_cachex.commands.command import TRANSACTION_COMMANDS, Command, EncodableArg
from django_cachex.commands.exceptions import AccessDenied, UnknownCommand

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
