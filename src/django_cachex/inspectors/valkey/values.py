"""What one key holds, within the limits: a string's content, or the first elements of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from django_cachex.cache.client import Client
from django_cachex.commands import Request, Steps
from django_cachex.inspectors.content import Codec, Content, decode, fingerprint
from django_cachex.inspectors.entries import Description, Element, Elements, Entry
from django_cachex.inspectors.facts import Text
from django_cachex.inspectors.limits import Limits, limits
from django_cachex.inspectors.valkey.descriptions import answers, description, questions
from django_cachex.inspectors.valkey.elements import COLLECTIONS, Cells, Collection
from django_cachex.inspectors.valkey.replies import required

COLUMNS: Final = ("type", "ttl", "size", "memory")

FETCHED: Final = 32 * 1024 * 1024
"""About as many bytes of elements are fetched at most, where the server says what a key takes."""

UNKNOWN: Final = FETCHED // 10
"""What an element is taken to be, in bytes, where nobody may ask: ten of them are fetched."""

NAMES: Final = Codec("", "opaque", bytes)
"""Field names, scores and ids did not go through a serializer."""


def read(client: Client, stored: bytes, codec: Codec) -> Entry | None:
    """Return what a key holds, or None if there is no such key; three round trips at most."""
    [figures] = answers(client, [stored], questions(client, COLUMNS))
    found = description(stored, figures)
    if not found.exists:
        return None
    type = found.type or ("string" if found.size is not None else required(figures["type"]))
    if type == "string":
        return read_string(client, found, codec)
    if type in COLLECTIONS:
        return read_collection(client, found, COLLECTIONS[type], codec)
    note = _("Values of the type %(type)s cannot be shown, only deleted.") % {"type": type}
    return Entry(found, note=note)


def read_string(client: Client, found: Description, codec: Codec) -> Entry | None:
    """Return a string's content: whole within the limit, else only how it begins."""
    allowed, size = limits(), found.size or 0
    is_large = size > allowed.decode_bytes
    # A byte more than is decoded tells that the value has grown since its size was asked.
    end = allowed.preview_bytes - 1 if is_large else allowed.decode_bytes
    raw, exists = client.run(
        together(client._getrange(found.key, 0, end), client._exists(found.key))
    )
    if not exists:
        return None
    is_large = is_large or len(raw) > allowed.decode_bytes
    content = decode(
        raw,
        codec=codec,
        stored_size=max(size, len(raw)) if is_large else None,
        limit=allowed.decode_bytes,
        preview=allowed.preview_bytes,
    )
    return Entry(found, content, expected="" if is_large else fingerprint(raw))


def together(*requests: Request[Any]) -> Steps[list[Any]]:
    """Return the results of requests that are sent in one round trip."""
    return (yield requests)


def read_collection(
    client: Client, found: Description, collection: Collection, codec: Codec
) -> Entry | None:
    """Return the first elements of a list, set, sorted set, hash or stream."""
    length, exists = collection.length(client, found.key), client._exists(found.key)
    total, is_there = client.run(together(length, exists))
    if not is_there:  # A stream may be there and empty.
        return None
    allowed = limits()
    memory = found.memory
    if memory is None:  # Not permitted to ask: suppose the worst of a page's elements.
        memory = total * UNKNOWN
    count = affordable(allowed.elements, total, memory)
    answer = client.run(collection.first(client, found.key, count))
    # Scans of small hashes and sets answer with everything, whatever was asked for.
    rows = [
        Element("", "", tuple(cells(collection, row, codec, allowed)))
        for row in islice(collection.rows(answer), count)
    ]
    elements = Elements(tuple(column.title for column in collection.columns), rows, total)
    cut = count < min(allowed.elements, total)
    note = fewer(count, found.memory is not None) if cut else ""
    return Entry(replace(found, size=total), elements=elements, note=note)


def affordable(count: int, total: int, memory: int | None) -> int:
    """Return how many elements to fetch: fewer where the server says that they are huge."""
    if memory is None or memory <= FETCHED:
        return count
    return max(1, min(count, FETCHED * total // memory))


def fewer(count: int, are_large: bool) -> Text:
    """Return why not a whole page of elements was fetched."""
    if not are_large:
        text = _("How large the elements are may not be asked: the first %(count)d were fetched.")
        return text % {"count": count}
    return ngettext_lazy(
        "The elements are large: only the first was fetched.",
        "The elements are large: only the first %(count)d were fetched.",
        "count",
    ) % {"count": count}


def cells(collection: Collection, row: Cells, codec: Codec, allowed: Limits) -> Iterator[Content]:
    """Return the contents of a row; those too large for a table are cut, and not decoded."""
    limit = max(allowed.decode_bytes // max(1, allowed.elements), allowed.element_chars)
    for column, raw in zip(collection.columns, row, strict=True):
        yield decode(
            raw[:limit],
            codec=codec if column.is_value else NAMES,
            stored_size=len(raw) if len(raw) > limit else None,
            limit=limit,
            preview=allowed.element_chars,
        )
