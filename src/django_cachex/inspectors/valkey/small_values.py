"""Read many small values for a search, in a constant number of round trips."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from django_cachex.cache.client import Client
from django_cachex.commands import Command, CommandError
from django_cachex.inspectors.types import ReadState, SmallValue
from django_cachex.inspectors.valkey.element_rows import raw_command
from django_cachex.inspectors.valkey.errors import none_if_denied
from django_cachex.inspectors.valkey.key_info import (
    COLLECTIONS,
    CommandFactories,
    collect_without_touch,
    commands_for,
    fetch_columns,
)
from django_cachex.inspectors.values import ValueFormat, decode

MAX_ELEMENTS: Final = 100
"""The number of elements of the largest collection that is searched."""

READ_ALL: Final[Mapping[str, tuple[str, tuple[str | int, ...]]]] = {
    "list": ("LRANGE", (0, -1)),
    "set": ("SMEMBERS", ()),
    "zset": ("ZRANGE", (0, -1)),
    "hash": ("HGETALL", ()),
    "stream": ("XRANGE", ("-", "+")),
}
"""The command that reads all elements of a collection, and its arguments after the key."""


def read_small_values(
    client: Client, keys: Sequence[bytes], value_format: ValueFormat, max_bytes: int
) -> Iterator[SmallValue]:
    """Yield the values of keys in order, each decoded when it is asked for.

    This takes one round trip if all keys are strings, and three more for collections: their lengths
    and exact sizes come first, so that no large one is read.
    """
    factories: CommandFactories = {
        **commands_for(client, ("type", "size")),
        "start": partial(read_start, max_bytes=max_bytes),
    }
    columns = fetch_columns(client, keys, factories)
    types = [none_if_denied(replies["type"]) or "" for replies in columns]
    collections = {key: type for key, type in zip(keys, types, strict=True) if type in COLLECTIONS}
    elements = read_collections(client, collections, max_bytes) if collections else {}
    for key, type, replies in zip(keys, types, columns, strict=True):
        if type == "none":
            yield SmallValue(key, ReadState.GONE)
            continue
        reply = elements[key] if key in elements else replies["start"]
        yield decode_small_value(key, reply, value_format, max_bytes)


def read_start(key: bytes, max_bytes: int) -> Command[Any]:
    """Return the command that reads a string, and one byte more of a string that is too large."""
    return raw_command("GETRANGE", key, 0, max_bytes)


def read_collections(
    client: Client, types: Mapping[bytes, str], max_bytes: int
) -> Mapping[bytes, Any]:
    """Return the reply with all elements of each collection, None if it is too large, or an error.

    `MEMORY USAGE` with `SAMPLES 0` visits every element, so it is only asked about few elements.
    """
    lengths = collect_without_touch(
        client, [raw_command(COLLECTIONS[type].length, key) for key, type in types.items()]
    )
    replies: dict[bytes, Any] = dict(zip(types, lengths, strict=True))
    short = [key for key, length in replies.items() if is_at_most(length, MAX_ELEMENTS)]
    replies |= {key: None for key, length in replies.items() if isinstance(length, int)}
    sizes = collect_without_touch(
        client, [raw_command("MEMORY", "USAGE", key, "SAMPLES", 0) for key in short]
    )
    replies |= {
        key: size for key, size in zip(short, sizes, strict=True) if isinstance(size, CommandError)
    }
    small = [key for key, size in zip(short, sizes, strict=True) if is_at_most(size, max_bytes)]
    commands = [read_all(key, types[key]) for key in small]
    return replies | dict(zip(small, collect_without_touch(client, commands), strict=True))


def is_at_most(reply: Any, maximum: int) -> bool:
    return isinstance(reply, int) and reply <= maximum


def read_all(key: bytes, type: str) -> Command[Any]:
    name, arguments = READ_ALL[type]
    return raw_command(name, key, *arguments)


def decode_small_value(
    key: bytes, reply: Any, value_format: ValueFormat, max_bytes: int
) -> SmallValue:
    """Return the decoded value of a key. The reply is None if the value is too large."""
    if isinstance(reply, CommandError):
        return SmallValue(key, ReadState.UNREADABLE)
    if reply is None:
        return SmallValue(key, ReadState.TOO_LARGE)
    parts = list(flatten(reply))
    if any(len(part) > max_bytes for part in parts):
        return SmallValue(key, ReadState.TOO_LARGE)
    return SmallValue.of(
        key, [decode(part, value_format=value_format, limit=max_bytes) for part in parts]
    )


def flatten(reply: Any) -> Iterator[bytes]:
    """Yield the bytes in a reply: names of fields, ids of entries, and values."""
    if isinstance(reply, bytes):
        yield reply
    elif isinstance(reply, list):
        for part in reply:
            yield from flatten(part)
