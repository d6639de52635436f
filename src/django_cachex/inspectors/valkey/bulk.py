"""Many keys at once: pipelines of commands, each of which may be refused on its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from django_cachex.cache.client import Client
from django_cachex.commands import CachexError, Command, CommandError
from django_cachex.inspectors.edits import Tally
from django_cachex.inspectors.types import TTL_NONE

KEYS_PER_UNLINK: Final = 500


def batches(keys: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Return keys in parts of which one UNLINK each deletes all."""
    return [keys[start : start + KEYS_PER_UNLINK] for start in range(0, len(keys), KEYS_PER_UNLINK)]


@contextmanager
def after_changes(made: bool = True) -> Iterator[None]:
    """Let an error not say that nothing was sent, where something was before."""
    try:
        yield
    except CachexError as error:
        error.sent = error.sent or made
        raise


def unlink(client: Client, keys: Sequence[bytes]) -> Tally:
    """Delete keys, five hundred with one command; where that is refused, each with its own."""
    parts = batches(keys)
    # Stored keys are as they are: to ask the client for each of thousands takes its time.
    commands = [Command(("UNLINK", *part), int, missing_reply=0) for part in parts]
    # One by one: what a server has in hand, it does before it turns to anybody else.
    counts: list[Any] = []
    for command in commands:
        with after_changes(bool(counts)):
            counts += client.collect([command])
    done, gone = 0, 0
    again: list[bytes] = []
    for part, count in zip(parts, counts, strict=True):
        if isinstance(count, CommandError):
            again += part
        else:
            done += count
            gone += len(part) - count
    with after_changes(bool(counts)):
        rest = _each(client, again, lambda key: [client._unlink(key)])
    return Tally(done + rest.done, gone + rest.gone, rest.failures)


def expire(client: Client, keys: Sequence[bytes], ttl: int) -> Tally:
    """Let keys live for `ttl` milliseconds more, or for good: `NEVER`."""
    if ttl == TTL_NONE:
        # PERSIST does not tell a key without an expiry from none at all.
        return _each(client, keys, lambda key: [client._persist(key), client._exists(key)])
    return _each(client, keys, lambda key: [client._pexpire(key, ttl)])


def _each(client: Client, keys: Sequence[bytes], ask: Any) -> Tally:
    """Send the commands of every key in one round trip; any of its results true is done."""
    asked: list[list[Command[Any]]] = [ask(key) for key in keys]
    results = iter(client.collect([command for commands in asked for command in commands]))
    done, gone, failures = 0, 0, []
    for key, commands in zip(keys, asked, strict=True):
        found = [next(results) for _command in commands]
        refused = next((one for one in found if isinstance(one, CommandError)), None)
        if refused is not None:
            failures.append((key, str(refused)))
        elif any(found):
            done += 1
        else:
            gone += 1
    return Tally(done, gone, tuple(failures))
