"""Edits as the steps that apply them, each together with what it expects to find."""

from __future__ import annotations

from django.utils.translation import gettext as _

from django_cachex.commands import CommandError, Request, Steps, WrongTypeError
from django_cachex.commands.entries import persisted
from django_cachex.commands.request import Word, unread
from django_cachex.inspectors.content import fingerprint
from django_cachex.inspectors.edits import KEEP, AddValue, Keep, Result, SetTtl, SetValue
from django_cachex.inspectors.entries import NEVER

MULTI, EXEC, UNWATCH = (Request((word,), unread) for word in ("MULTI", "EXEC", "UNWATCH"))


def lifetime(ttl: int | Keep) -> tuple[Word, ...]:
    """Return the words of a `SET` that give the key this TTL, to the millisecond."""
    if ttl is KEEP:
        return ("KEEPTTL",)
    return () if ttl == NEVER else ("PX", positive(ttl))


def positive(ttl: int) -> int:
    """Return a TTL that keeps the key; raise ValueError for one that would delete it."""
    if ttl <= 0:
        raise ValueError(_("A key lives for a millisecond at least; delete it instead."))
    return ttl


def add(stored: bytes, data: Word, edit: AddValue) -> Steps[Result]:
    unless_there = () if edit.replace else ("NX",)
    [is_set] = yield [Request(("SET", stored, data, *lifetime(edit.ttl), *unless_there), bool)]
    return Result.DONE if is_set else Result.EXISTS


def change(stored: bytes, data: Word, edit: SetValue) -> Steps[Result]:
    """Set the value unless someone else touches the key between the comparison and the write."""
    update = Request(("SET", stored, data, *lifetime(edit.ttl)), unread)
    try:
        [_watched, found] = yield [
            Request(("WATCH", stored), unread),
            Request(("GET", stored), unread),
        ]
    except WrongTypeError:
        yield [UNWATCH]
        return Result.WRONG_TYPE
    obstacle = compare(found, edit.expected)
    if obstacle is not None:
        yield [UNWATCH]
        return obstacle
    yield [MULTI]  # On its own: were it refused, what follows would run at once.
    [_queued, executed] = yield [update, EXEC]
    if executed is None:
        [exists] = yield [Request(("EXISTS", stored), bool)]
        return Result.CHANGED if exists else Result.GONE
    return confirm(executed)


def compare(found: bytes | None, expected: str) -> Result | None:
    """Return what keeps the value that is `found` from being changed, if anything does."""
    if found is None:
        return Result.GONE
    return Result.CHANGED if expected and fingerprint(found) != expected else None


def confirm(executed: list[object]) -> Result:
    """Return that a transaction was done; raise the refusal inside it."""
    for reply in executed:
        if isinstance(reply, CommandError):
            raise reply
    return Result.DONE


def expire(stored: bytes, edit: SetTtl) -> Steps[Result]:
    if edit.ttl == NEVER:
        exists = yield from persisted(stored)
    else:
        [exists] = yield [Request(("PEXPIRE", stored, positive(edit.ttl)), bool)]
    return Result.DONE if exists else Result.GONE
