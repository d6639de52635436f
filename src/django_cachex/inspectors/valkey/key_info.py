"""The types that hold elements: how many there are, and what their columns are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.module_loading import import_string
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.cluster import Cluster
from django_cachex.cache.codecs import COMPRESSOR, SERIALIZER, Kind, ValueCodec
from django_cachex.commands import Command, CommandError, WrongTypeError
from django_cachex.commands.command import parse_raw
from django_cachex.inspectors.info import Fact, Text, Unit
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE, Description
from django_cachex.inspectors.valkey.errors import DENIED, permitted, required
from django_cachex.inspectors.values import path


@dataclass(frozen=True)
class Column:
    title: Text
    is_value: bool = False
    """Whether its cells went through the alias's serializer, as names and scores do not."""


@dataclass(frozen=True)
class CollectionType:
    """One of the types."""

    unit: Unit
    columns: tuple[Column, ...]
    length: Callable[[Client, bytes], Command[int]]
    has_fields: bool = False
    """Whether the last column stands for any number of fields, as in the entries of a stream."""

    def is_value(self, place: int) -> bool:
        """Return whether the cell at a place of a row went through the serializer."""
        return self.columns[min(place, len(self.columns) - 1)].is_value


COLLECTIONS: Final[Mapping[str, CollectionType]] = {
    "list": CollectionType(
        Unit.ITEMS,
        (Column(_("Index")), Column(_("Value"), is_value=True)),
        lambda client, key: client._llen(key),
    ),
    "set": CollectionType(
        Unit.MEMBERS,
        (Column(_("Member"), is_value=True),),
        lambda client, key: client._scard(key),
    ),
    "zset": CollectionType(
        Unit.MEMBERS,
        (Column(_("Member"), is_value=True), Column(_("Score"))),
        lambda client, key: client._zcard(key),
    ),
    "hash": CollectionType(
        Unit.FIELDS,
        (Column(_("Field")), Column(_("Value"), is_value=True)),
        lambda client, key: client._hlen(key),
    ),
    "stream": CollectionType(
        Unit.ENTRIES,
        (Column(_("Entry")), Column(_("Value"), is_value=True)),
        lambda client, key: client._xlen(key),
        has_fields=True,
    ),
}

TYPES: Final = ("string", *COLLECTIONS)
"""As `SCAN` filters by them and `TYPE` names them; modules add others."""


NO_TOUCH: Final = Command(("CLIENT", "NO-TOUCH", "ON"), parse_raw, idempotent=True)
LENGTHS: Final = frozenset(("STRLEN", "LLEN", "SCARD", "ZCARD", "HLEN", "XLEN"))
"""Commands after which a key was used just now."""

Questions = Mapping[str, Callable[[bytes], Command[Any]]]

Figures = Mapping[str, Any]
"""What was asked about one key: the figure, or the refusal in its place."""


def describe(client: Client, keys: Sequence[bytes], columns: Collection[str]) -> list[Description]:
    """Return a description of each key; figures that the server denies are None.

    One round trip where all are strings, as in most caches; a second for the lengths of others.
    """
    asked = questions(client, columns)
    figures = answers(client, keys, asked) if asked else [{} for _key in keys]
    descriptions = [description(key, found) for key, found in zip(keys, figures, strict=True)]
    return measured(client, descriptions) if "size" in asked else descriptions


def questions(client: Client, columns: Collection[str]) -> Questions:
    """Return what to ask about each key. A size counts what the type says: it takes both."""
    known: tuple[tuple[str, set[str], Callable[[bytes], Command[Any]]], ...] = (
        ("type", {"type", "size"}, client._type),
        ("ttl", {"ttl"}, client._pttl),
        ("size", {"size"}, client._strlen),
        ("memory", {"memory"}, client._memory_usage),
        ("idle", {"idle"}, idletime),
        ("encoding", {"encoding"}, client._object_encoding),
    )
    return {name: ask for name, used_by, ask in known if not used_by.isdisjoint(columns)}


def answers(client: Client, keys: Sequence[bytes], asked: Questions) -> list[Figures]:
    """Return the figures of each key, all in one round trip."""
    replies = looked_at(client, [ask(key) for key in keys for ask in asked.values()])
    step = len(asked)
    return [
        dict(zip(asked, replies[start : start + step], strict=True))
        for start in range(0, len(replies), step)
    ]


def looked_at(client: Client, commands: Sequence[Command[Any]]) -> list[Any]:
    """Return the results of commands, which do not count as a use of the keys.

    Servers that do not know `CLIENT NO-TOUCH` refuse it, and a cluster has no one connection to
    say it on: there a length that is asked for counts.
    """
    touches = any(command.args[0] in LENGTHS for command in commands)
    if not touches or isinstance(client.server, Cluster):
        return client.collect(commands)
    return client.collect([NO_TOUCH, *commands])[1:]


def description(key: bytes, found: Figures) -> Description:
    """Return what the figures say; the size of a collection is not among them."""
    type = permitted(found.get("type"))
    if type == "none" or found.get("ttl") == TTL_MISSING:
        return Description(key, ttl=TTL_MISSING)
    collection = COLLECTIONS.get(type or "")
    return Description(
        key,
        type=type,
        ttl=read_ttl(found["ttl"]) if "ttl" in found else None,
        size=read_size(found.get("size")),
        memory=permitted(found.get("memory")),
        idle=read_idle(found.get("idle")),
        encoding=permitted(found.get("encoding")),
        unit=collection.unit if collection else Unit.BYTES,
    )


def read_ttl(reply: Any) -> int | None:
    """Return a TTL as descriptions have it: to the command, None is a key that never expires."""
    if isinstance(reply, DENIED):
        return None
    return TTL_NONE if required(reply) is None else int(reply)


def idletime(key: bytes) -> Command[int | None]:
    """Return what asks for the seconds in which a key was not used."""
    return Command(("OBJECT", "IDLETIME", key), parse_raw, readonly=True)


def read_idle(reply: Any) -> int | None:
    """Return milliseconds; None also where the server counts uses instead (`maxmemory-policy`)."""
    return None if reply is None or isinstance(reply, CommandError) else int(reply) * 1000


def read_size(reply: Any) -> int | None:
    """Return the bytes of a string, or None for what is not one."""
    return None if isinstance(reply, WrongTypeError) else permitted(reply)


def measured(client: Client, descriptions: list[Description]) -> list[Description]:
    """Return the descriptions with the lengths of the collections among them."""
    wanted = {
        place: collection.length(client, description.key)
        for place, description in enumerate(descriptions)
        if (collection := COLLECTIONS.get(description.type or ""))
    }
    for place, length in zip(wanted, looked_at(client, list(wanted.values())), strict=True):
        descriptions[place] = replace(descriptions[place], size=read_size(length))
    return descriptions


def formats(serializer: object) -> Iterator[Fact]:
    """Yield the serializers of an alias and, if it has any, its compressors."""
    if not isinstance(serializer, ValueCodec):
        yield Fact(_("Serializer"), listed(SERIALIZER, [serializer]))
        return
    yield Fact(_("Serializer"), listed(SERIALIZER, serializer.serializers))
    if serializer.compressors:
        yield Fact(_("Compressor"), listed(COMPRESSOR, serializer.compressors))


def listed(kind: Kind, objects: Sequence[object]) -> Text:
    """Return the name of the one that writes, and of those that only read."""
    names = {import_string(dotted): name for name, dotted in kind.paths.items()}
    first, *others = (names.get(type(one)) or path(one) for one in objects)
    if not others:
        return first
    return format_lazy(_("{first}; also reads {others}"), first=first, others=", ".join(others))
