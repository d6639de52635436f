"""The types that hold elements: how many there are, and the first of them as rows of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from django_cachex.cache.client import Client
from django_cachex.commands import Request
from django_cachex.inspectors.facts import Text, Unit

Cells = tuple[bytes, ...]


@dataclass(frozen=True)
class Column:
    title: Text
    is_value: bool = False
    """Whether its cells went through the alias's serializer, as names and scores do not."""


@dataclass(frozen=True)
class Collection:
    """One of the types."""

    unit: Unit
    columns: tuple[Column, ...]
    length: Callable[[Client, bytes], Request[int]]
    first: Callable[[Client, bytes, int], Request[Any]]
    """Ask for the first elements; scans of small hashes and sets answer with all of them."""

    rows: Callable[[Any], Iterable[Cells]]
    """Turn the answer into rows, a cell for each column."""


def items(elements: list[bytes]) -> Iterator[Cells]:
    return ((b"%d" % index, element) for index, element in enumerate(elements))


def fields(batch: tuple[int, Mapping[bytes, bytes]]) -> Iterable[Cells]:
    return batch[1].items()


def members(batch: tuple[int, list[bytes]]) -> Iterator[Cells]:
    return ((member,) for member in batch[1])


def scored(pairs: list[tuple[bytes, float]]) -> Iterator[Cells]:
    return ((member, repr(score).removesuffix(".0").encode()) for member, score in pairs)


def entries(found: list[tuple[bytes, Mapping[bytes, bytes]]]) -> Iterator[Cells]:
    return ((name, *field) for name, entry in found for field in entry.items())


COLLECTIONS: Final[Mapping[str, Collection]] = {
    "list": Collection(
        Unit.ITEMS,
        (Column(_("Index")), Column(_("Value"), is_value=True)),
        lambda client, key: client._llen(key),
        lambda client, key, count: client._lrange(key, 0, count - 1),
        items,
    ),
    "set": Collection(
        Unit.MEMBERS,
        (Column(_("Member"), is_value=True),),
        lambda client, key: client._scard(key),
        lambda client, key, count: client._sscan(key, count=count),
        members,
    ),
    "zset": Collection(
        Unit.MEMBERS,
        (Column(_("Member"), is_value=True), Column(_("Score"))),
        lambda client, key: client._zcard(key),
        lambda client, key, count: client._zrange(key, 0, count - 1, withscores=True),
        scored,
    ),
    "hash": Collection(
        Unit.FIELDS,
        (Column(_("Field")), Column(_("Value"), is_value=True)),
        lambda client, key: client._hlen(key),
        lambda client, key, count: client._hscan(key, count=count),
        fields,
    ),
    "stream": Collection(
        Unit.ENTRIES,
        (Column(_("Entry")), Column(_("Field")), Column(_("Value"), is_value=True)),
        lambda client, key: client._xlen(key),
        lambda client, key, count: client._xrange(key, count=count),
        entries,
    ),
}

TYPES: Final = ("string", *COLLECTIONS)
"""As `SCAN` filters by them and `TYPE` names them; modules add others."""
