"""Aliases on one database whose keys cannot be told apart, or are read as what they are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.cache.backends.base import default_key_func
from django.core.checks import CheckMessage, Warning
from django.utils.translation import gettext as _

from django_cachex.cache.checks.neighbours import Neighbour, pairs
from django_cachex.cache.serializers.running import may_run, readers


def check_prefixes(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of two aliases on one database of which one's keys look like the other's.

    With the prefixes ``p`` and ``p:1``, ``p:1:2:key`` is the key ``key`` of the second in version
    2, and the key ``2:key`` of the first in version 1: clearing the first clears the second too.
    Two that call all keys alike are meant to share them.
    """
    return [
        overlap(outer, inner, shared)
        for outer, inner in pairs()
        if outer.examples != inner.examples and (shared := outer.shared_with(inner))
    ]


def overlap(outer: Neighbour, inner: Neighbour, shared: bytes) -> CheckMessage:
    names = {"one": outer.alias, "two": inner.alias, "key": shared.decode(errors="replace")}
    return Warning(
        _("“%(key)s” is a key of the cache “%(two)s” and of the cache “%(one)s”.") % names,
        hint=_("Both store in one database. %(advice)s") % {"advice": advice(outer, inner)},
        obj=f"CACHES[{inner.alias!r}]",
        id="django_cachex.W001",
    )


def advice(outer: Neighbour, inner: Neighbour) -> str:
    """Return what tells the keys of two aliases apart."""
    names = {"one": outer.alias, "two": inner.alias, "start": f"{outer.cache.key_prefix}:"}
    if any(one.cache.key_func is not default_key_func for one in (outer, inner)):
        return (
            _(
                "Give “%(one)s” or “%(two)s” a database of its own, or a KEY_FUNCTION that puts a "
                "prefix before every key which no key of the other begins with."
            )
            % names
        )
    return (
        _(
            "Give “%(two)s” a KEY_PREFIX that does not begin with “%(start)s” and a number, or a "
            "database of its own."
        )
        % names
    )


def check_readers(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of an alias that unpickles, without looking, what another may store in another format.

    ``PickleSerializer`` looks first: it reads nothing but what begins as it writes.
    """
    return [
        Warning(
            _(
                "The cache “%(reader)s” unpickles what the cache “%(writer)s” stores, which is no "
                "pickle: whoever chooses a value may make it one that runs code."
            )
            % {"reader": reader.alias, "writer": writer.alias},
            hint=_(
                "Give them prefixes that cannot be confused, or databases of their own; or let "
                "“%(reader)s” read with django_cachex.cache.serializers.PickleSerializer."
            )
            % {"reader": reader.alias},
            obj=f"CACHES[{reader.alias!r}]",
            id="django_cachex.W006",
        )
        for reader, writer in reading()
    ]


def reading() -> Iterator[tuple[Neighbour, Neighbour]]:
    """Yield aliases that read pickles without looking, each with one that stores others there."""
    for reader, writer in pairs():
        if not unpickles(reader) or writes_pickles(readers(writer.serializer)[0]):
            continue
        if reader.shared_with(writer) or writer.shared_with(reader):
            yield reader, writer


def unpickles(one: Neighbour) -> bool:
    """Return whether an alias hands to `pickle` whatever is stored."""
    return any(may_run(each) and writes_pickles(each) for each in readers(one.serializer))


def writes_pickles(serializer: Any) -> bool:
    """Return whether a serializer writes pickles, found out by letting it write."""
    try:
        data = serializer.dumps({"probe": [1, None]})
    except Exception:
        return False  # A stranger's serializer may raise anything.
    return isinstance(data, bytes) and data[:1] in (b"\x80", b"(", b"}") and data[-1:] == b"."
