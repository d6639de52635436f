"""Changes of hashes."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _

from django_cachex.commands import AccessDenied
from django_cachex.inspectors.content import fingerprint
from django_cachex.inspectors.edits import Outcome, Result, Trace
from django_cachex.inspectors.element_edits import (
    AddFields,
    RemoveElements,
    RenameField,
    SetField,
    SetFieldTtl,
)
from django_cachex.inspectors.entries import NEVER
from django_cachex.inspectors.facts import Text
from django_cachex.inspectors.naming import encode_text, printable
from django_cachex.inspectors.valkey.changes.guarded import Change, Words, Write
from django_cachex.inspectors.valkey.changes.moments import (
    Moment,
    expecting,
    moment_of,
    own,
    separate,
    to_keep,
)
from django_cachex.inspectors.valkey.changes.strings import positive
from django_cachex.inspectors.valkey.changes.target import (
    ELEMENT_GONE,
    GONE,
    UNCHANGED,
    Target,
    batches,
    replaced,
)


def add_fields(on: Target, edit: AddFields, names: list[bytes]) -> Change:
    fields = {encode_text(name): on.data(value) for name, value in edit.fields}
    reads: list[Words] = [("HMGET", on.key, *some) for some in batches(list(fields))]
    exists, *found = yield [on.exists, *reads]
    if not exists:
        return GONE
    old = dict(zip(fields, (raw for some in found for raw in some), strict=True))
    there = [printable(name) for name, raw in old.items() if raw is not None]
    if there and not edit.replace:
        return Outcome(Result.EXISTS, ", ".join(there[:10]))
    pairs = [word for field in fields.items() for word in field]
    yield Write([("HSET", on.key, *some) for some in batches(pairs)])
    return Outcome(
        Result.DONE, count=len(fields) - len(there), new=only_trace(list(fields.values()))
    )


def only_trace(values: list[bytes]) -> Trace | None:
    """Return the trace of a value that is the only one."""
    return Trace.of(values[0]) if len(values) == 1 else None


def set_field(on: Target, edit: SetField, names: list[bytes]) -> Change:
    [name], data = names, on.data(edit.value)
    exists, raw, moment = yield [on.exists, ("HGET", on.key, name), moment_of(on.key, name)]
    obstacle = why_not(on, exists, raw, moment, edit.expected)
    if obstacle:
        return obstacle
    yield Write(setting(on.key, name, data, moment))
    return replace(replaced(raw, data), reason=said_of(moment, edit.expected))


def why_not(
    on: Target, exists: int, raw: bytes | None, moment: Moment, expected: str
) -> Outcome | None:
    """Return what keeps a field from being changed; its TTL does not, which is kept."""
    value, _moment = separate(expected)
    obstacle = on.obstacle(exists, raw, value)
    if obstacle is None or raw is None or obstacle.result != Result.CHANGED:
        return obstacle
    return replace(obstacle, expected=expecting(fingerprint(raw), own(moment)))


def setting(key: bytes, name: bytes, data: bytes, moment: Moment) -> list[Words]:
    """Return what sets a value and keeps the TTL, which HSET by itself takes away."""
    if isinstance(moment, AccessDenied):  # There may be one.
        return [("HSETEX", key, "KEEPTTL", "FIELDS", 1, name, data)]
    return [("HSET", key, name, data), *to_keep(key, name, moment)]


def said_of(moment: Moment, expected: str) -> Text:
    """Return what to know of the TTL of a field whose value or name was changed."""
    _value, seen = separate(expected)
    now = own(moment)
    if seen is None or now is None or seen == now:
        return ""
    if now == NEVER:
        return _("Its TTL was taken away meanwhile: it never expires.")
    return _("It was given another TTL meanwhile, which it keeps.")


def rename_field(on: Target, edit: RenameField, names: list[bytes]) -> Change:
    [name], new = names, encode_text(edit.field)
    exists, raw, taken, moment = yield [
        on.exists,
        ("HGET", on.key, name),
        ("HEXISTS", on.key, new),
        moment_of(on.key, name),
    ]
    obstacle = why_not(on, exists, raw, moment, edit.expected)
    if obstacle:
        return obstacle
    if name == new:
        return UNCHANGED
    if taken:
        return Outcome(Result.EXISTS, printable(new))
    if isinstance(moment, AccessDenied):
        return Outcome.refused(_("The field may expire, and the server does not let us ask when."))
    keeping = to_keep(on.key, new, moment)
    yield Write([("HSET", on.key, new, raw), *keeping, ("HDEL", on.key, name)])
    reason = said_of(moment, edit.expected)
    return Outcome(Result.DONE, reason, old=Trace.of(name), new=Trace.of(new))


def remove_fields(on: Target, edit: RemoveElements, names: list[bytes]) -> Change:
    reads: list[Words] = [("HMGET", on.key, *some) for some in batches(names)]
    exists, *found = yield [on.exists, *reads]
    if not exists:
        return GONE
    values = [raw for some in found for raw in some]
    for raw, chosen in zip(values, edit.elements, strict=True):
        expected, _moment = separate(chosen.expected)
        if raw is not None and expected and fingerprint(raw) != expected:
            return on.changed(raw)
    there = [name for name, raw in zip(names, values, strict=True) if raw is not None]
    if not there:
        return ELEMENT_GONE
    removals: list[Words] = [("HDEL", on.key, *some) for some in batches(there)]
    *counts, left = yield Write([*removals, ("HLEN", on.key)])
    return on.removed(sum(counts), left)


def set_field_ttl(on: Target, edit: SetFieldTtl, names: list[bytes]) -> Change:
    [name] = names
    fields: Words = ("FIELDS", 1, name)
    change: Words = ("HPERSIST", on.key, *fields)
    if edit.ttl != NEVER:
        change = ("HPEXPIRE", on.key, positive(edit.ttl), *fields)
    exists, there, moment = yield [
        on.exists,
        ("HEXISTS", on.key, name),
        moment_of(on.key, name),
    ]
    if not exists:
        return GONE
    if not there:
        return ELEMENT_GONE
    _value, seen = separate(edit.expected)
    now = own(moment)
    if None not in (seen, now) and seen != now:
        text = _("The field was given another TTL.")
        return Outcome(Result.CHANGED, text, expected=expecting("", now))
    yield Write([change])
    return Outcome(Result.DONE)
