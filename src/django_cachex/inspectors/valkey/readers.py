"""Other caches that read the same stored keys, and could run what is stored under them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from django_cachex.cache.serializers.running import could_run, may_run, names_something, readers
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.content.codec import PROBE_SIZE
from django_cachex.inspectors.content.compression import inflate
from django_cachex.inspectors.edits import Copy, Rename
from django_cachex.inspectors.query import Scope
from django_cachex.inspectors.registry import inspector_for
from django_cachex.inspectors.valkey.changes.target import RunsElsewhere
from django_cachex.inspectors.valkey.whole import WholeKeys

HARMLESS: Final = frozenset(("pickle", "json"))
"""What a cache may read of which nothing that was typed is a program: pickles are of plain data,
and no JSON begins like a pickle."""

LARGEST: Final = 64 * PROBE_SIZE


def check_readers(inspector: WholeKeys, stored: bytes, data: bytes) -> None:
    """Raise `RunsElsewhere` where another cache could run what this one is about to store."""
    if inspector.codec.kind == "pickle":
        return
    opened = inflate(data, LARGEST)
    # Neighbours are looked for only where it matters.
    suspect = [one for one in (data, opened.data if opened else b"") if names_something(one)]
    if suspect and any(
        could_run(other.serializer, one)
        for other in readers_of(inspector, stored)
        for one in suspect
    ):
        raise RunsElsewhere(
            _(
                "Another cache could read this key, and run what would be stored there as a "
                "program: it is a value to one serializer and a pickle to the other. Give the "
                "two caches prefixes that cannot be confused."
            )
        )


def check_move(source: WholeKeys, stored: bytes, edit: Rename | Copy) -> None:
    """Raise `RunsElsewhere` where stored bytes come to a name under which they may be run."""
    target = (edit.into if isinstance(edit, Copy) else None) or source
    if not isinstance(target, WholeKeys) or not source.stores_like(target):
        return  # The value is stored anew, and checked then.
    if {source.codec.kind, *source.codec.reads} <= HARMLESS:
        return
    before = {source.alias, *(other.alias for other in readers_of(source, stored))}
    if any(
        other.alias not in before and any(map(may_run, readers(other.serializer)))
        for other in readers_of(target, edit.to)
    ):
        raise RunsElsewhere(
            _(
                "Another cache could read the new name, and run what is stored as a program: the "
                "two have other serializers. Give them prefixes that cannot be confused."
            )
        )


def readers_of(inspector: WholeKeys, stored: bytes) -> Iterator[WholeKeys]:
    """Yield the other caches of `settings.CACHES` to which a stored key may be one of theirs.

    One server can be written in many ways: any with that database counts.
    Those that read with the serializer that wrote are not meant.
    """
    writer = type(readers(inspector.serializer)[0])
    for alias in settings.CACHES:
        other = inspector_for(alias) if alias != inspector.alias else None
        if (
            isinstance(other, WholeKeys)
            and (other.store == inspector.store or inspector.may_share(other))
            and any(type(one) is not writer for one in readers(other.serializer))
            and may_own(other, stored)
        ):
            yield other


def may_own(inspector: Inspector, stored: bytes) -> bool:
    """Return whether a stored key may be an alias's in some version."""
    if inspector.owns(stored):
        return True
    if Scope.VERSIONS not in inspector.scopes:
        return False
    return inspector.reach(Scope.VERSIONS).holds(stored)
