"""Lua scripts, which are called by their digest and sent in full if the server lacks them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django_cachex.commands.args import encode_arg
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    Command,
    EncodableArg,
    Operation,
    async_method,
    parse_raw,
    sync_method,
)
from django_cachex.exceptions import ScriptMissing

T = TypeVar("T")

Parser = Callable[[Any], T]


@dataclass(frozen=True)
class Script:
    """A Lua script. Its ``KEYS`` are stored keys, and its ``ARGV`` are bytes."""

    source: str
    digest: str = field(init=False, repr=False, compare=False)
    """The SHA-1 digest by which a server that has run the script can run it again."""

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)

    def evalsha(
        self, keys: Sequence[bytes], args: Sequence[EncodableArg], parse: Parser[T] = parse_raw
    ) -> Command[T]:
        """Return what runs the script; it raises `ScriptMissing` if the server lacks it."""
        return Command(("EVALSHA", self.digest, len(keys), *keys, *args), parse)

    def eval(
        self, keys: Sequence[bytes], args: Sequence[EncodableArg], parse: Parser[T] = parse_raw
    ) -> Command[T]:
        """Return a command that sends and runs the script."""
        return Command(("EVAL", self.source, len(keys), *keys, *args), parse)

    def operation(
        self, keys: Sequence[bytes], args: Sequence[EncodableArg], parse: Parser[T] = parse_raw
    ) -> Operation[T]:
        """Run the script by its digest, and send it if the server lacks it."""
        try:
            [result] = yield [self.evalsha(keys, args, parse)]
        except ScriptMissing:
            [result] = yield [self.eval(keys, args, parse)]
        return result  # type: ignore[no-any-return]  # T


class ScriptCommands(Commands):
    """Scripts of the caller, with the keys and values of a cache."""

    def _eval_script(
        self,
        script: Script | str,
        keys: Iterable[Any] = (),
        args: Iterable[EncodableArg] = (),
        *,
        values: Iterable[Any] = (),
        decode: bool = False,
        version: int | None = None,
    ) -> Command[Any] | Operation[Any]:
        """Run a Lua script on the server, without any other command in between.

        Args:
            script: a `Script`, or the text of one. The text is sent once; later calls send its
                digest.
            keys: keys that are passed as stored keys in `KEYS`; in a cluster, all of them must be
                in one slot.
            args: bytes, text or numbers that are passed unchanged in `ARGV`.
            values: values that are passed after `args`, encoded as by `set`.
            decode: decode the bytes in the reply, at any depth, as values.
            version: the version of all keys; the alias's VERSION by default.

        Returns:
            The reply: an integer, bytes, None for Lua's nil and false, or a list of these.

        Raises:
            CommandError: the script raised an error.
            CrossSlotError: the keys are in different slots of a cluster.
            TypeError: `keys`, `args` or `values` is a single text, or an argument can't be sent.

        See https://valkey.io/commands/eval/
        """
        for name, given in (("keys", keys), ("args", args), ("values", values)):
            if isinstance(given, (str, bytes)):
                raise TypeError(f"{name} must be a list. Write {name}=[{given!r}].")
        argv: list[EncodableArg] = [
            arg if isinstance(arg, float) else encode_arg(arg) for arg in args
        ]
        argv += self._encode_all(values)
        if not isinstance(script, Script):
            script = Script(script)
        parse = self._decode_reply if decode else parse_raw
        return self._script_command(script, self._stored_keys(keys, version), argv, parse)

    def _script_command(
        self, script: Script, keys: list[bytes], args: list[EncodableArg], parse: Parser[Any]
    ) -> Command[Any] | Operation[Any]:
        return script.operation(keys, args, parse)

    def _decode_reply(self, reply: Any) -> Any:
        """Return the reply, with bytes at any depth decoded as values."""
        if isinstance(reply, bytes):
            return self._decode(reply)
        return [self._decode_reply(part) for part in reply] if isinstance(reply, list) else reply

    eval_script, aeval_script = sync_method(_eval_script), async_method(_eval_script)
