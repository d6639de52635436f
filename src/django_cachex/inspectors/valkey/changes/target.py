"""The key that an edit changes, and how its values are stored and told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django_cachex.commands.args import encode_arg
from django_cachex.inspectors.content import Codec, Content, decode, fingerprint
from django_cachex.inspectors.edits import Outcome, Result, Trace
from django_cachex.inspectors.entries import NEVER
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.valkey.changes.guarded import Words

AT_ONCE: Final = 500
"""Elements that one command names: a script's words must fit on its stack."""

GONE: Final = Outcome(Result.GONE)
ELEMENT_GONE: Final = Outcome(Result.ELEMENT_GONE)
UNCHANGED: Final = Outcome(Result.UNCHANGED)


class NotStorable(Exception):
    """The alias's serializer does not take a value."""


class RunsElsewhere(Exception):
    """Another cache could read what was to be stored, and run it; `str()` says so."""


def harmless(data: bytes) -> None:
    """Take any bytes: nobody else reads them."""


@dataclass(frozen=True)
class Target:
    """A stored key of an alias."""

    key: bytes
    codec: Codec
    check: Callable[[bytes], None] = harmless
    """Raises `RunsElsewhere` for bytes that are not to be stored under this key."""

    @property
    def exists(self) -> Words:
        return ("EXISTS", self.key)

    def data(self, value: Any) -> bytes:
        """Return what the alias's serializer stores for a value; `NotStorable` if it refuses.

        Every value that an edit stores comes this way, and is checked here.
        """
        try:
            stored = encode_arg(self.codec.dumps(value))
        except (TypeError, ValueError, OverflowError) as error:
            raise NotStorable(str(error)) from error
        if not isinstance(stored, bytes):
            return b"%d" % stored
        self.check(stored)
        return stored

    def all_data(self, values: Iterable[Any]) -> list[bytes]:
        return [self.data(value) for value in values]

    def content(self, raw: bytes) -> Content:
        """Return stored bytes for people, as on the page of a string."""
        allowed = limits()
        limit = allowed.decode_bytes
        return decode(raw, codec=self.codec, limit=limit, preview=allowed.preview_bytes)

    def changed(self, raw: bytes, expected: str = "") -> Outcome:
        """Return that there is another value now, with it."""
        return Outcome(
            Result.CHANGED, theirs=self.content(raw), expected=expected or fingerprint(raw)
        )

    def obstacle(self, exists: int, raw: bytes | None, expected: str) -> Outcome | None:
        """Return what keeps an element from being changed that is `raw` now, if anything does."""
        if not exists:
            return GONE
        if raw is None:
            return ELEMENT_GONE
        if expected and fingerprint(raw) != expected:
            return self.changed(raw)
        return None

    def removed(self, count: int, left: int) -> Outcome:
        """Return that elements went, and the key with the last of them."""
        return Outcome(Result.DONE, count=count, left=left, key_gone=not left)


def replaced(old: bytes | None, new: bytes) -> Outcome:
    """Return that stored bytes stand in the place of others."""
    before = None if old is None else Trace.of(old)
    return Outcome(Result.DONE, old=before, new=Trace.of(new))


def batches(words: Sequence[bytes], at_once: int = AT_ONCE) -> list[Sequence[bytes]]:
    """Return words in as many lists as it takes."""
    return [words[start : start + at_once] for start in range(0, len(words), at_once)]


def expiry(key: bytes, ttl: int) -> list[Words]:
    """Return what gives a new key its TTL."""
    return [] if ttl == NEVER else [("PEXPIRE", key, ttl)]
