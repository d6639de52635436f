"""Lua scripts: named by their digest, sent in full to a server that does not know them yet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django_cachex.commands.base import Commands, as_word
from django_cachex.commands.command import Request, Steps, Word, awaitable, blocking, unread
from django_cachex.commands.exceptions import ScriptMissing

T = TypeVar("T")

Read = Callable[[Any], T]


@dataclass(frozen=True)
class Script:
    """A Lua script. It finds stored keys in ``KEYS``, and bytes in ``ARGV``."""

    source: str
    digest: str = field(init=False, repr=False, compare=False)
    """The name under which a server keeps it once it has run it."""

    def __post_init__(self) -> None:
        digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)

    def by_digest(
        self, keys: Sequence[bytes], args: Sequence[Word], read: Read[T] = unread
    ) -> Request[T]:
        """Return what runs it where the server knows it; raises `ScriptMissing` elsewhere."""
        return Request(("EVALSHA", self.digest, len(keys), *keys, *args), read)

    def in_full(
        self, keys: Sequence[bytes], args: Sequence[Word], read: Read[T] = unread
    ) -> Request[T]:
        """Return what runs it anywhere."""
        return Request(("EVAL", self.source, len(keys), *keys, *args), read)

    def steps(
        self, keys: Sequence[bytes], args: Sequence[Word], read: Read[T] = unread
    ) -> Steps[T]:
        """Run it by its digest, and in full where the server does not know that."""
        try:
            [result] = yield [self.by_digest(keys, args, read)]
        except ScriptMissing:
            [result] = yield [self.in_full(keys, args, read)]
        return result  # type: ignore[no-any-return]  # T


class Scripts(Commands):
    """Scripts of the caller's, on keys and values as the cache makes them."""

    def _eval_script(
        self,
        script: Script | str,
        keys: Iterable[Any] = (),
        args: Iterable[Word] = (),
        *,
        values: Iterable[Any] = (),
        decode: bool = False,
        version: int | None = None,
    ) -> Request[Any] | Steps[Any]:
        """Run a Lua script on the server, with nothing else in between; return its reply.

        ``KEYS`` are the stored keys of `keys`; in a cluster all of them must be in one slot.
        ``ARGV`` are `args` as they are, and after these `values`, encoded as `set` does it. The
        reply is bytes, integers, None for Lua's nil and false, and lists of these; with `decode`,
        the bytes are decoded as values. The server keeps the script, which is sent in full once.
        """
        for name, given in (("keys", keys), ("args", args), ("values", values)):
            if isinstance(given, (str, bytes)):
                raise TypeError(f"{name} is a list, even of one: write {name}=[{given!r}].")
        words: list[Word] = [arg if isinstance(arg, float) else as_word(arg) for arg in args]
        words += self.encode_all(values)
        if not isinstance(script, Script):
            script = Script(script)
        read = self._decoded if decode else unread
        return self._running(script, self.stored_keys(keys, version), words, read)

    def _running(
        self, script: Script, keys: list[bytes], args: list[Word], read: Read[Any]
    ) -> Request[Any] | Steps[Any]:
        return script.steps(keys, args, read)

    def _decoded(self, reply: Any) -> Any:
        """Return a reply whose bytes, at any depth, are decoded as values."""
        if isinstance(reply, bytes):
            return self.decode(reply)
        return [self._decoded(part) for part in reply] if isinstance(reply, list) else reply

    eval_script, aeval_script = blocking(_eval_script), awaitable(_eval_script)
