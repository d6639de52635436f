"""When a key of any type expires."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

from django_cachex.commands import AccessDenied, Command, Operation, UnknownCommand
from django_cachex.commands.cache_api import persist_existing
from django_cachex.commands.command import parse_raw
from django_cachex.inspectors.edits import ExpireAt, ExtendTtl, Outcome, Result, SetTtl
from django_cachex.inspectors.entries import GONE, NEVER
from django_cachex.inspectors.valkey.changes.guarded import EXEC, MULTI, UNWATCH
from django_cachex.inspectors.valkey.changes.strings import positive
from django_cachex.inspectors.valkey.replies import queued

EXTEND: Final = """\
local left = redis.call('PTTL', KEYS[1])
if left >= 0 then redis.call('PEXPIRE', KEYS[1], left + tonumber(ARGV[1])) end
return left
"""

ATTEMPTS: Final = 20


def set_ttl(stored: bytes, edit: SetTtl) -> Operation[Outcome]:
    if edit.ttl == NEVER:
        exists = yield from persist_existing(stored)
    else:
        [exists] = yield [Command(("PEXPIRE", stored, positive(edit.ttl)), bool)]
    return Outcome(Result.DONE if exists else Result.GONE)


def expire_at(stored: bytes, edit: ExpireAt) -> Operation[Outcome]:
    """Set the moment; one that is over by the server's clock would delete the key."""
    [(seconds, microseconds)] = yield [Command(("TIME",), parse_raw)]
    if edit.moment <= int(seconds) * 1000 + int(microseconds) // 1000:
        return Outcome.refused(_("This moment is over by the server's clock."))
    [exists] = yield [Command(("PEXPIREAT", stored, edit.moment), bool)]
    return Outcome(Result.DONE if exists else Result.GONE)


def extend_ttl(stored: bytes, edit: ExtendTtl) -> Operation[Outcome]:
    try:
        [left] = yield [Command(("EVAL", EXTEND, 1, stored, positive(edit.by)), int)]
    except (AccessDenied, UnknownCommand):
        return (yield from extend_by_transaction(stored, edit))
    return extended(left)


def extend_by_transaction(stored: bytes, edit: ExtendTtl) -> Operation[Outcome]:
    for _attempt in range(ATTEMPTS):
        _watched, (seconds, microseconds), left = yield [
            Command(("WATCH", stored), parse_raw),
            Command(("TIME",), parse_raw),
            Command(("PTTL", stored), int),
        ]
        if left < 0:
            yield [UNWATCH]
            return extended(left)
        moment = int(seconds) * 1000 + int(microseconds) // 1000 + left + edit.by
        yield [MULTI]
        _queued, executed = yield [Command(("PEXPIREAT", stored, moment), queued), EXEC]
        if executed is not None:
            return Outcome(Result.DONE)
    return Outcome(Result.CHANGED)


def extended(left: int) -> Outcome:
    """Return what became of a TTL that had so many milliseconds left."""
    if left == GONE:
        return Outcome(Result.GONE)
    if left == NEVER:
        return Outcome(Result.UNCHANGED, _("This key never expires: there is nothing to add to."))
    return Outcome(Result.DONE)
