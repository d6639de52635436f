"""The reply of `INFO` as the cards of the cache info page.

Field names are those of https://valkey.io/commands/info/. A managed service may leave fields out:
what it does not say is absent from the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.info import Fact, Section, Text, Unit

Info = Mapping[str, str]
"""Every line of `INFO`, the field to its text."""

Fields = tuple[tuple[str, Text, Unit], ...]

SERVER: Final[Fields] = (
    ("os", _("Operating system"), Unit.TEXT),
    ("uptime_in_seconds", _("Uptime"), Unit.SECONDS),
    ("server_mode", _("Mode"), Unit.CODE),
    ("redis_mode", _("Mode"), Unit.CODE),
    ("process_id", _("Process"), Unit.CODE),
)
MEMORY: Final[Fields] = (
    ("used_memory_peak", _("Peak"), Unit.BYTES),
    ("used_memory_rss", _("Resident"), Unit.BYTES),
    ("maxmemory_policy", _("Eviction policy"), Unit.CODE),
    ("mem_fragmentation_ratio", _("Fragmentation ratio"), Unit.NUMBER),
)
CLIENTS: Final[Fields] = (("blocked_clients", _("Blocked"), Unit.NUMBER),)
STATISTICS: Final[Fields] = (
    ("keyspace_hits", _("Hits"), Unit.NUMBER),
    ("keyspace_misses", _("Misses"), Unit.NUMBER),
    ("instantaneous_ops_per_sec", _("Commands per second"), Unit.NUMBER),
    ("total_connections_received", _("Total connections"), Unit.NUMBER),
    ("total_commands_processed", _("Commands processed"), Unit.NUMBER),
    ("expired_keys", _("Expired keys"), Unit.NUMBER),
    ("evicted_keys", _("Evicted keys"), Unit.NUMBER),
)
PRIMARY: Final[Fields] = (("connected_slaves", _("Connected replicas"), Unit.NUMBER),)
REPLICA: Final[Fields] = (
    ("master_host", _("Primary host"), Unit.CODE),
    ("master_port", _("Primary port"), Unit.CODE),
    ("master_link_status", _("Link to primary"), Unit.CODE),
    ("master_last_io_seconds_ago", _("Last contact with primary"), Unit.SECONDS),
)
# A server may say anything: what has more digits than any figure is text.
NUMBER: Final = re.compile(r"[0-9]{1,20}")
FRACTION: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
DATABASES: Final = re.compile("db[0-9]{1,9}")

KEYSPACE: Final = _("Keyspace")
DATABASE: Final = (_("Database"), _("Keys"), _("With expiry"), _("Average TTL"))
ROLES: Final[Mapping[str, Text]] = {"master": _("primary"), "slave": _("replica")}


def number(info: Info, field: str) -> int | None:
    """Return a whole number that `INFO` says, or None where it does not."""
    text = info.get(field, "")
    return int(text) if NUMBER.fullmatch(text) else None


def sections(info: Info, database: int) -> list[Section]:
    """Return the cards that `INFO` fills; `database` is the number of the alias's own."""
    found = (
        _server(info),
        _memory(info),
        _clients(info),
        _statistics(info),
        _replication(info),
        _keyspace(info, database),
    )
    return [section for section in found if section.facts or section.rows or section.headline]


def _server(info: Info) -> Section:
    role = info.get("role")
    return Section(
        _("Server"),
        (
            *_version(info),
            *_facts(info, SERVER),
            *([Fact(_("Role"), ROLES.get(role, role))] if role else []),
        ),
    )


def _version(info: Info) -> Iterator[Fact]:
    # Valkey reports a redis_version for compatibility; server_name tells who really answered.
    name = info.get("server_name", "redis")
    version = info.get(f"{name}_version") or info.get("redis_version")
    if version:
        yield Fact(_("Version"), f"{name.capitalize()} {version}")


def _memory(info: Info) -> Section:
    used, maximum = number(info, "used_memory"), number(info, "maxmemory")
    headline = None if used is None else Fact(_("Used"), used, Unit.BYTES, of=maximum or None)
    return Section(_("Memory"), (*_maximum(maximum), *_facts(info, MEMORY)), headline)


def _maximum(maximum: int | None) -> Iterator[Fact]:
    if maximum:
        yield Fact(_("Maximum"), maximum, Unit.BYTES)
    elif maximum is not None:
        yield Fact(_("Maximum"), _("no limit"))


def _clients(info: Info) -> Section:
    return Section(_("Clients"), (*_connected(info), *_facts(info, CLIENTS)))


def _connected(info: Info) -> Iterator[Fact]:
    connected = number(info, "connected_clients")
    if connected is not None:
        yield Fact(_("Connected"), connected, Unit.NUMBER, of=number(info, "maxclients"))


def _statistics(info: Info) -> Section:
    hits, misses = number(info, "keyspace_hits") or 0, number(info, "keyspace_misses") or 0
    headline = None
    if hits + misses:
        headline = Fact(_("Hit rate"), 100 * hits / (hits + misses), Unit.PERCENT)
    return Section(
        _("Statistics"),
        tuple(_facts(info, STATISTICS)),
        headline,
        note=_("Totals since the server started, for all databases and applications."),
    )


def _replication(info: Info) -> Section:
    replica = info.get("role") == "slave"
    if not replica and not number(info, "connected_slaves"):
        return Section(_("Replication"))
    return Section(_("Replication"), tuple(_facts(info, REPLICA if replica else PRIMARY)))


def _facts(info: Info, fields: Fields) -> Iterator[Fact]:
    for field, label, unit in fields:
        if field in info:
            yield Fact(label, _figure(info[field], unit), unit)


def _figure(text: str, unit: Unit) -> str | int | float:
    """Return a field's text as the number that its unit calls for, if it is one."""
    if unit in (Unit.TEXT, Unit.CODE):
        return text
    if NUMBER.fullmatch(text):
        return int(text)
    return float(text) if FRACTION.fullmatch(text) else text


def _keyspace(info: Info, own: int) -> Section:
    """Return the databases, the alias's own first, also while it is empty."""
    if "redis_version" not in info:  # A reply without a keyspace is not an empty one.
        return Section(KEYSPACE)
    found = {
        int(field[2:]): dict(part.split("=", 1) for part in text.split(",") if "=" in part)
        for field, text in info.items()
        if DATABASES.fullmatch(field)
    }
    mine = _database(_("%(number)s (this cache)") % {"number": own}, found.pop(own, {}))
    others = [_database(str(database), found[database]) for database in sorted(found)]
    return Section(KEYSPACE, columns=DATABASE, rows=[mine, *others])


def _database(name: str, counts: Info) -> tuple[Fact, ...]:
    title, keys, expiring, average_ttl = DATABASE
    # The server says 0 where no key expires, and until it has looked.
    average = number(counts, "avg_ttl")
    return (
        Fact(title, name),
        Fact(keys, number(counts, "keys") or 0, Unit.NUMBER),
        Fact(expiring, number(counts, "expires") or 0, Unit.NUMBER),
        Fact(average_ttl, average, Unit.MILLISECONDS) if average else Fact(average_ttl, ""),
    )
