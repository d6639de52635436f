"""The condition of a Valkey or Redis server, and whether a cache can read its values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from django_cachex.cache.client import Client
from django_cachex.conf import limits
from django_cachex.exceptions import CommandError
from django_cachex.inspectors.health import ReadableValues, StoreFacts
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.types import KeyInfo
from django_cachex.inspectors.valkey.errors import none_if_denied
from django_cachex.inspectors.valkey.key_info import collect_without_touch
from django_cachex.inspectors.values import ValueFormat
from django_cachex.inspectors.values.decode import decode_for_application
from django_cachex.inspectors.values.formats import HYPERLOGLOG_MAGIC

PINGS: Final = 5
SLOW_LOG_ENTRIES: Final = 128
"""The number of entries that servers keep by default."""

MAX_PROBED_BYTES: Final = 10_000
"""Maximum size of the values that are read. Larger ones are left out."""


def fetch_facts(client: Client) -> StoreFacts:
    """Return what a server says about itself; the node with the lowest slot of a cluster."""
    client.collect([client._ping()])  # Connects.
    latency = min(_time_ping(client) for _number in range(PINGS))
    replies = client.collect([client._info(), client._slowlog_get(SLOW_LOG_ENTRIES)])
    info, slow_log = map(none_if_denied, replies)
    denied = {
        name: command
        for name, command, reply in (("info", "INFO", info), ("slow_log", "SLOWLOG", slow_log))
        if reply is None
    }
    return StoreFacts(info, latency, slow_log, denied=denied)


def _time_ping(client: Client) -> float:
    started = time.perf_counter()
    client.collect([client._ping()])
    return time.perf_counter() - started


def try_reading(
    client: Client, value_format: ValueFormat, infos: Sequence[KeyInfo], most: int
) -> ReadableValues | None:
    """Return which of the first small strings the serializer of a cache can read.

    Values are decoded without being executed. The result is None if the format is unknown, or if
    reading is denied.
    """
    if value_format.format == "opaque":
        return None
    strings = [
        info.key
        for info in infos
        if info.type == "string" and info.unit == Unit.BYTES and 0 < _size(info) <= MAX_PROBED_BYTES
    ]
    keys = strings[:most]
    replies = collect_without_touch(
        client, [client._getrange(key, 0, MAX_PROBED_BYTES) for key in keys]
    )
    values = [(key, reply) for key, reply in zip(keys, replies, strict=True) if _is_value(reply)]
    if keys and not values:
        return None
    unreadable = [key for key, value in values if not _can_read(value, value_format)]
    return ReadableValues(len(values), unreadable)


def _size(info: KeyInfo) -> int:
    return info.size or 0


def _is_value(reply: Any) -> bool:
    """Return whether a reply is a value: not an error, a missing key, or a HyperLogLog."""
    is_error = isinstance(reply, CommandError)
    return not is_error and bool(reply) and not reply.startswith(HYPERLOGLOG_MAGIC)


def _can_read(value: bytes, value_format: ValueFormat) -> bool:
    return decode_for_application(value, value_format, limits().decode_bytes) is not None
