"""Types, TTLs and sizes of keys; the columns of each collection type."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.cluster import Cluster
from django_cachex.commands import Command, CommandError, WrongTypeError
from django_cachex.commands.command import parse_raw
from django_cachex.exceptions import DENIED_ERRORS
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE, KeyInfo
from django_cachex.inspectors.valkey.errors import none_if_denied, require_reply


@dataclass(frozen=True)
class ElementColumn:
    title: Text
    is_value: bool = False
    """Whether its cells are serialized values, unlike names and scores."""


@dataclass(frozen=True)
class CollectionType:
    """A type of key that consists of elements."""

    unit: Unit
    columns: tuple[ElementColumn, ...]
    length: str
    """The command that returns the number of elements."""

    has_fields: bool = False
    """Whether the last column stands for any number of fields, as for stream entries."""

    def is_value(self, index: int) -> bool:
        """Return whether the cell at an index of a row is a serialized value."""
        return self.columns[min(index, len(self.columns) - 1)].is_value


COLLECTIONS: Final[Mapping[str, CollectionType]] = {
    "list": CollectionType(
        Unit.ITEMS,
        (ElementColumn(_("Index")), ElementColumn(_("Value"), is_value=True)),
        "LLEN",
    ),
    "set": CollectionType(
        Unit.MEMBERS,
        (ElementColumn(_("Member"), is_value=True),),
        "SCARD",
    ),
    "zset": CollectionType(
        Unit.MEMBERS,
        (ElementColumn(_("Member"), is_value=True), ElementColumn(_("Score"))),
        "ZCARD",
    ),
    "hash": CollectionType(
        Unit.FIELDS,
        (ElementColumn(_("Field")), ElementColumn(_("Value"), is_value=True)),
        "HLEN",
    ),
    "stream": CollectionType(
        Unit.ENTRIES,
        (ElementColumn(_("Entry")), ElementColumn(_("Value"), is_value=True)),
        "XLEN",
        has_fields=True,
    ),
}

TYPES: Final = ("string", *COLLECTIONS)
"""The names that `TYPE` returns and `SCAN` filters by; server modules add others."""


NO_TOUCH: Final = Command(("CLIENT", "NO-TOUCH", "ON"), parse_raw, idempotent=True)
TOUCHING_COMMANDS: Final = frozenset(
    (
        *("STRLEN", "GETRANGE", "LRANGE", "SMEMBERS", "ZRANGE", "HGETALL", "XRANGE"),
        *(collection.length for collection in COLLECTIONS.values()),
    )
)
"""Commands that reset the idle time of a key."""

CommandFactories = Mapping[str, Callable[[bytes], Command[Any]]]

ColumnReplies = Mapping[str, Any]
"""The reply, or error, for each column of one key."""


def describe(client: Client, keys: Sequence[bytes], columns: Collection[str]) -> list[KeyInfo]:
    """Return type, TTL, size and other `columns` of each key; values that are denied are None.

    This takes one round trip if all keys are strings, and a second one for the lengths of
    collections.
    """
    factories = commands_for(client, columns)
    replies = fetch_columns(client, keys, factories) if factories else [{} for _key in keys]
    descriptions = [
        build_key_info(key, key_replies) for key, key_replies in zip(keys, replies, strict=True)
    ]
    return with_lengths(client, descriptions) if "size" in factories else descriptions


def commands_for(client: Client, columns: Collection[str]) -> CommandFactories:
    """Return the command for each column; a size also needs the type, which defines its unit."""
    available: CommandFactories = {
        "type": client._type,
        "ttl": client._pttl,
        "memory": client._memory_usage,
        # In seconds.
        "idle": lambda key: Command(("OBJECT", "IDLETIME", key), parse_raw, readonly=True),
        "encoding": client._object_encoding,
        # After the idle time, which it resets on servers without `CLIENT NO-TOUCH`.
        "size": client._strlen,
    }
    wanted = {*columns, "type"} if "size" in columns else columns
    return {name: make_command for name, make_command in available.items() if name in wanted}


def fetch_columns(
    client: Client, keys: Sequence[bytes], factories: CommandFactories
) -> list[ColumnReplies]:
    """Return the column replies of each key, in one round trip."""
    replies = collect_without_touch(
        client, [make_command(key) for key in keys for make_command in factories.values()]
    )
    step = len(factories)
    return [
        dict(zip(factories, replies[start : start + step], strict=True))
        for start in range(0, len(replies), step)
    ]


def collect_without_touch(client: Client, commands: Sequence[Command[Any]]) -> list[Any]:
    """Return the replies to commands without resetting the idle times of keys, if possible.

    Older servers do not support `CLIENT NO-TOUCH`, and a cluster has no single connection to send
    it on: there, reading a length counts as a use of the key.
    """
    touches = any(command.args[0] in TOUCHING_COMMANDS for command in commands)
    if not touches or isinstance(client.server, Cluster):
        return client.collect(commands)
    return client.collect([NO_TOUCH, *commands])[1:]


def build_key_info(key: bytes, replies: ColumnReplies) -> KeyInfo:
    """Build the information about a key; the size of a collection is added later."""
    type = none_if_denied(replies.get("type"))
    if type == "none" or replies.get("ttl") == TTL_MISSING:
        return KeyInfo(key, ttl=TTL_MISSING)
    collection = COLLECTIONS.get(type or "")
    return KeyInfo(
        key,
        type=type,
        ttl=parse_key_ttl(replies["ttl"]) if "ttl" in replies else None,
        size=parse_size(replies.get("size")),
        memory=none_if_denied(replies.get("memory")),
        idle=parse_idle(replies.get("idle")),
        encoding=none_if_denied(replies.get("encoding")),
        unit=collection.unit if collection else Unit.BYTES,
    )


def parse_key_ttl(reply: Any) -> int | None:
    """Convert the result of the TTL command, which is None for a key that never expires."""
    if isinstance(reply, DENIED_ERRORS):
        return None
    return TTL_NONE if require_reply(reply) is None else int(reply)


def parse_idle(reply: Any) -> int | None:
    """Return milliseconds, or None if denied or if `maxmemory-policy` is LFU: it counts uses."""
    return None if reply is None or isinstance(reply, CommandError) else int(reply) * 1000


def parse_size(reply: Any) -> int | None:
    """Return the size of a string in bytes, or None for other types."""
    return None if isinstance(reply, WrongTypeError) else none_if_denied(reply)


def with_lengths(client: Client, descriptions: list[KeyInfo]) -> list[KeyInfo]:
    """Add the lengths of the collections."""
    collections = [one for one in descriptions if one.type in COLLECTIONS]
    commands = [
        Command((COLLECTIONS[one.type or ""].length, one.key), parse_raw, readonly=True)
        for one in collections
    ]
    lengths = iter(collect_without_touch(client, commands))
    return [
        replace(one, size=parse_size(next(lengths))) if one.type in COLLECTIONS else one
        for one in descriptions
    ]
