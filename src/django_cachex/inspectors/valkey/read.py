"""Read keys and their values."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from django_cachex.cache.client import Client
from django_cachex.commands import Command, CommandError, Operation, ReplyTooLarge
from django_cachex.commands.command import Batch
from django_cachex.conf import limits
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import display_text
from django_cachex.inspectors.query import ElementPage, InvalidPosition
from django_cachex.inspectors.types import (
    Consumer,
    Group,
    KeyInfo,
    KeyValue,
)
from django_cachex.inspectors.valkey.edit import large_value_fingerprint
from django_cachex.inspectors.valkey.element_rows import (
    ElementRow,
    RowPage,
    build_elements,
    raw_command,
)
from django_cachex.inspectors.valkey.elements import (
    ReadRequest,
    next_entry_id,
    parse_row_position,
    prefetch_hash,
    prefetch_run_id,
    prefetch_sorted_set,
    read_hash,
    read_list,
    read_set,
    read_sorted_set,
    read_stream,
    read_stream_entry,
    start_index,
)
from django_cachex.inspectors.valkey.errors import none_if_denied, require_reply
from django_cachex.inspectors.valkey.key_info import (
    COLLECTIONS,
    build_key_info,
    commands_for,
    fetch_columns,
)
from django_cachex.inspectors.values import Content, ValueFormat, decode, fingerprint, human_size
from django_cachex.inspectors.values.formats import HYPERLOGLOG_MAGIC

ReadPage = Callable[[ReadRequest], Operation[RowPage]]

NEXT_POSITION: Final = re.compile(
    rb"(?:\*2\r\n\$[0-9]+\r\n[0-9]+\r\n\$[0-9]+\r\n[0-9]+\r\n(?=\*))?"  # The reply to TIME.
    rb"(?:\*[0-9]+\r\n)+\$[0-9]+\r\n([0-9]+(?:-[0-9]+)?)\r\n"
)
"""Matches the cursor or the entry ID at the start of a reply."""


def read_one_by_one(
    client: Client, read_page: ReadPage, type: str, request: ReadRequest
) -> tuple[RowPage, Text]:
    """Read a page element by element, skipping those that are too large; return it and a note."""
    rows: list[ElementRow] = []
    examined: int | None = None
    start: int | None = None
    skipped, position = 0, request.window.at
    note: Text = ""
    deadline = time.monotonic() + limits().scan_budget
    while True:
        single = replace(request, window=request.window.starting_at(position), count=1, batch=1)
        try:
            page = client.run(read_page(single))
            start = start if rows or skipped else page.start
            rows += page.rows
            examined = examined if page.examined is None else (examined or 0) + page.examined
            position = page.next or ""
        except ReplyTooLarge as error:
            skipped += 1
            note = skipped_note(skipped, error.max_bytes)
            position = position_after(type, single, error.head) or ""
        except InvalidPosition:
            if not rows and not skipped:
                raise
            position = ""
        is_over = len(rows) + skipped >= request.count or time.monotonic() >= deadline
        if is_over or not position:
            return RowPage(rows, next=position or None, examined=examined, start=start), note


def skipped_note(count: int, max_bytes: int) -> Text:
    """Return a note that elements are left out."""
    return ngettext_lazy(
        "%(count)s element isn't shown here, because elements larger than %(most)s aren't fetched.",
        "%(count)s elements aren't shown here, because elements larger than %(most)s "
        "aren't fetched.",
        "count",
    ) % {"count": count, "most": human_size(max_bytes)}


def position_after(type: str, request: ReadRequest, head: bytes) -> str | None:
    """Return the position after an element that was too large, from the start of its reply."""
    if type == "list" or (type == "zset" and not request.window.match.strip("*")):
        return index_after(type, request)
    match = NEXT_POSITION.match(head)
    if match is None or match[1] == b"0":
        return None
    position = match[1].decode()
    return next_entry_id(position, request.is_reversed) if type == "stream" else position


def index_after(type: str, request: ReadRequest) -> str | None:
    if type == "list":
        index = start_index(request)
        index += -1 if request.is_reversed else 1
        return str(index) if 0 <= index < request.total else None
    rank = parse_row_position(request.window.at)
    rank += request.total + 1 if rank < 0 else 1
    return str(rank) if rank < request.total else None


READ_COLUMNS: Final = ("type", "ttl", "size", "memory")

MAX_FETCHED_SIZE: Final = 32 * 1024 * 1024
"""Approximate limit in bytes for the elements of a page, estimated from the key's memory usage."""

MAX_SEARCHED_SIZE: Final = 4 * 1024 * 1024
"""Approximate limit in bytes for one batch of elements that is searched on the client."""

ASSUMED_ELEMENT_SIZE: Final = MAX_FETCHED_SIZE // 10
"""Assumed size in bytes of an element if `MEMORY USAGE` is denied: ten of them are fetched."""


@dataclass(frozen=True)
class CollectionReader:
    """How pages of a collection type are read."""

    read_page: ReadPage
    prefetch: Callable[[bytes, ElementPage], list[Command[Any]]] = lambda key, window: []
    """Commands to send together with the one for the length."""

    read_one: ReadPage | None = None
    """Reads a single element, for types whose pages read one element more than they show."""


COLLECTION_READERS: Final = {
    "list": CollectionReader(read_list),
    "set": CollectionReader(read_set, prefetch_run_id),
    "zset": CollectionReader(read_sorted_set, prefetch_sorted_set),
    "hash": CollectionReader(read_hash, prefetch_hash),
    "stream": CollectionReader(read_stream, read_one=read_stream_entry),
}


def read_key(
    client: Client, stored: bytes, value_format: ValueFormat, window: ElementPage
) -> KeyValue | None:
    """Return the value of a key, or None if it does not exist.

    This takes at most three round trips, or four for a hash whose fields may expire.
    """
    factories = {**commands_for(client, READ_COLUMNS), "head": head_command}
    [replies] = fetch_columns(client, [stored], factories)
    key_info = build_key_info(stored, replies)
    if not key_info.exists:
        return None
    type = key_info.type or (
        "string" if key_info.size is not None else require_reply(replies["type"])
    )
    if type == "string":
        return client.run(read_string(key_info, value_format, window, replies["head"]))
    if type in COLLECTIONS:
        return read_collection(client, key_info, type, value_format, window)
    note = _("Values of type %(type)s can't be shown here.") % {"type": type}
    return KeyValue(key_info, note=note)


HEAD_SIZE: Final = 32 * 1024
"""Bytes at the beginning of a string that are read together with its size."""


def head_command(key: bytes) -> Command[Any]:
    return raw_command("GETRANGE", key, 0, HEAD_SIZE - 1)


def read_string(
    key_info: KeyInfo, value_format: ValueFormat, window: ElementPage, head: Any
) -> Operation[KeyValue | None]:
    """Read a string: whole if it is within the limit, otherwise its beginning.

    Args:
        head: the beginning of the string, or an error.
    """
    allowed, size, key = limits(), key_info.size or 0, key_info.key
    shown = window.max_bytes(allowed)
    is_large = size > allowed.decode_bytes
    if 0 < size <= allowed.decode_bytes and isinstance(head, bytes) and len(head) == size:
        raw, length = head, size
    else:
        # One byte more than the limit shows whether the value has grown since its size was read.
        end = max(shown, allowed.preview_bytes) - 1 if is_large else allowed.decode_bytes
        raw, exists, length = yield Batch(
            [
                raw_command("GETRANGE", key, 0, end),
                raw_command("EXISTS", key),
                raw_command("STRLEN", key),
            ]
        )
        if not require_reply(exists):
            return None
        raw, length = require_reply(raw), none_if_denied(length) or 0
    is_large = is_large or len(raw) > allowed.decode_bytes
    content = decode(
        raw,
        value_format=value_format,
        stored_size=max(length, len(raw)) if is_large else None,
        limit=allowed.decode_bytes,
        preview_size=shown,
    )
    if raw.startswith(HYPERLOGLOG_MAGIC):
        content = yield from with_hyperloglog_count(key, content)
    if is_large:
        return KeyValue(key_info, content, expected=large_value_fingerprint(raw, length))
    replies = {("EXISTS", key): 1, ("GET", key): raw}
    return KeyValue(key_info, content, expected=fingerprint(raw), replies=replies)


def with_hyperloglog_count(key: bytes, content: Content) -> Operation[Content]:
    """Add the count to the content of a HyperLogLog, unless `PFCOUNT` is denied.

    `PFCOUNT` with one key caches its result in the key; given the key twice, it only reads.
    """
    [count] = yield Batch([raw_command("PFCOUNT", key, key)])
    if isinstance(count, CommandError):  # Denied, or the string only starts like a HyperLogLog.
        return content
    label = format_lazy(_("{what} of about {count}"), what=content.label, count=f"{count:,}")
    return replace(content, label=label)


def read_collection(
    client: Client, key_info: KeyInfo, type: str, value_format: ValueFormat, window: ElementPage
) -> KeyValue | None:
    """Read a page of a list, set, sorted set, hash or stream."""
    request = client.run(make_request(key_info, type, value_format, window))
    if request is None:
        return None
    reader, wanted = COLLECTION_READERS[type], min(window.max_elements(limits()), request.total)
    note: Text = ""
    try:
        page = client.run(reader.read_page(request))
        if request.count < wanted:
            note = truncated_note(request.count, key_info.memory is not None)
    except ReplyTooLarge:
        page, note = read_one_by_one(client, reader.read_one or reader.read_page, type, request)
    elements = build_elements(COLLECTIONS[type], page, value_format, request.total)
    return KeyValue(replace(key_info, size=request.total), elements=elements, note=note)


def make_request(
    key_info: KeyInfo, type: str, value_format: ValueFormat, window: ElementPage
) -> Operation[ReadRequest | None]:
    """Return the request for a page of a collection, or None if the key is gone."""
    reader, key = COLLECTION_READERS[type], key_info.key
    commands = Batch(
        [
            raw_command(COLLECTIONS[type].length, key),
            raw_command("EXISTS", key),
            *reader.prefetch(key, window),
        ]
    )
    length, exists, *prefetched = yield commands
    total = require_reply(length)
    if not require_reply(exists):  # Not the length: a stream can exist without entries.
        return None
    allowed = limits()
    wanted = window.max_elements(allowed)
    # If MEMORY USAGE is denied, the elements are assumed to be large.
    memory = total * ASSUMED_ELEMENT_SIZE if key_info.memory is None else key_info.memory
    return ReadRequest(
        key,
        window,
        value_format,
        count=fit_memory(wanted, total, memory, MAX_FETCHED_SIZE),
        batch=fit_memory(allowed.scan_count, total, memory, MAX_SEARCHED_SIZE),
        deadline=time.monotonic() + allowed.scan_budget,
        total=total,
        prefetched=prefetched,
    )


def fit_memory(count: int, total: int, memory: int, size_limit: int) -> int:
    """Return how many elements to fetch: at most `count`, fewer if they are large."""
    if memory <= size_limit:
        return count
    return max(1, min(count, size_limit * total // memory))


def truncated_note(count: int, are_large: bool) -> Text:
    """Return a note that explains why fewer elements than a whole page were fetched."""
    if not are_large:
        text = _(
            "The server doesn't allow reading the size of the elements, so only %(count)d were "
            "fetched."
        )
        return text % {"count": count}
    return ngettext_lazy(
        "The elements are large, so only one was fetched.",
        "The elements are large, so only %(count)d were fetched.",
        "count",
    ) % {"count": count}


def read_groups(key: bytes) -> Operation[list[Group]]:
    """Return the consumer groups of a stream with their consumers, in two round trips."""
    [replies] = yield [raw_command("XINFO", "GROUPS", key)]
    groups = [pairs_to_dict(flat) for flat in replies]
    if not groups:
        return []
    consumers = yield [raw_command("XINFO", "CONSUMERS", key, fields[b"name"]) for fields in groups]
    return [
        Group(
            name=display_text(fields[b"name"]),
            pending=fields[b"pending"],
            last_delivered=fields[b"last-delivered-id"].decode(),
            lag=fields.get(b"lag"),  # Missing before Redis 7, and after deletions in the middle.
            consumers=[
                Consumer(display_text(one[b"name"]), one[b"pending"], one[b"idle"])
                for one in map(pairs_to_dict, group_consumers)
            ],
        )
        for fields, group_consumers in zip(groups, consumers, strict=True)
    ]


def pairs_to_dict(flat: list[Any]) -> dict[bytes, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
