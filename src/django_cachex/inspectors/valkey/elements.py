"""The types that hold elements: how many there are, and what their columns are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_lazy as _

from django_cachex.cache.client import Client
from django_cachex.commands import Command
from django_cachex.inspectors.facts import Text, Unit


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
    length: Callable[[Client, bytes], Command[int]]
    has_fields: bool = False
    """Whether the last column stands for any number of fields, as in the entries of a stream."""

    def is_value(self, place: int) -> bool:
        """Return whether the cell at a place of a row went through the serializer."""
        return self.columns[min(place, len(self.columns) - 1)].is_value


COLLECTIONS: Final[Mapping[str, Collection]] = {
    "list": Collection(
        Unit.ITEMS,
        (Column(_("Index")), Column(_("Value"), is_value=True)),
        lambda client, key: client._llen(key),
    ),
    "set": Collection(
        Unit.MEMBERS,
        (Column(_("Member"), is_value=True),),
        lambda client, key: client._scard(key),
    ),
    "zset": Collection(
        Unit.MEMBERS,
        (Column(_("Member"), is_value=True), Column(_("Score"))),
        lambda client, key: client._zcard(key),
    ),
    "hash": Collection(
        Unit.FIELDS,
        (Column(_("Field")), Column(_("Value"), is_value=True)),
        lambda client, key: client._hlen(key),
    ),
    "stream": Collection(
        Unit.ENTRIES,
        (Column(_("Entry")), Column(_("Value"), is_value=True)),
        lambda client, key: client._xlen(key),
        has_fields=True,
    ),
}

TYPES: Final = ("string", *COLLECTIONS)
"""As `SCAN` filters by them and `TYPE` names them; modules add others."""
