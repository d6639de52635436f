"""The sections of the cache info page: from `INFO`, and about this process.

Field names are those of https://valkey.io/commands/info/. Managed services may omit fields, which
the page then leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from django.utils.module_loading import import_string
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.codecs import COMPRESSOR, SERIALIZER, CompositeSerializer, PluginType
from django_cachex.cache.statistics import Statistics
from django_cachex.inspectors.info import InfoField, InfoSection, Text, Unit
from django_cachex.inspectors.values import class_path

InfoReply = Mapping[str, str]
"""The text of each field of `INFO`."""

FieldSpecs = tuple[tuple[str, Text, Unit], ...]

SERVER_FIELDS: Final[FieldSpecs] = (
    ("os", _("Operating system"), Unit.TEXT),
    ("uptime_in_seconds", _("Uptime"), Unit.SECONDS),
    ("server_mode", _("Mode"), Unit.CODE),
    ("redis_mode", _("Mode"), Unit.CODE),
    ("process_id", _("Process"), Unit.CODE),
)
MEMORY_FIELDS: Final[FieldSpecs] = (
    ("used_memory_peak", _("Peak"), Unit.BYTES),
    ("used_memory_rss", _("Resident"), Unit.BYTES),
    ("maxmemory_policy", _("Eviction policy"), Unit.CODE),
    ("mem_fragmentation_ratio", _("Fragmentation ratio"), Unit.NUMBER),
)
CLIENT_FIELDS: Final[FieldSpecs] = (("blocked_clients", _("Blocked"), Unit.NUMBER),)
STATISTICS_FIELDS: Final[FieldSpecs] = (
    ("keyspace_hits", _("Hits"), Unit.NUMBER),
    ("keyspace_misses", _("Misses"), Unit.NUMBER),
    ("instantaneous_ops_per_sec", _("Commands per second"), Unit.NUMBER),
    ("total_connections_received", _("Total connections"), Unit.NUMBER),
    ("total_commands_processed", _("Commands processed"), Unit.NUMBER),
    ("expired_keys", _("Expired keys"), Unit.NUMBER),
    ("evicted_keys", _("Evicted keys"), Unit.NUMBER),
)
PRIMARY_FIELDS: Final[FieldSpecs] = (("connected_slaves", _("Connected replicas"), Unit.NUMBER),)
REPLICA_FIELDS: Final[FieldSpecs] = (
    ("master_host", _("Primary host"), Unit.CODE),
    ("master_port", _("Primary port"), Unit.CODE),
    ("master_link_status", _("Link to primary"), Unit.CODE),
    ("master_last_io_seconds_ago", _("Last contact with primary"), Unit.SECONDS),
)
# Replies are not trusted: numbers with more digits than any real value are treated as text.
INFO_NUMBER: Final = re.compile(r"[0-9]{1,20}")
INFO_DECIMAL: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")
DATABASE_FIELD: Final = re.compile("db[0-9]{1,9}")

KEYSPACE_TITLE: Final = _("Keyspace")
DATABASE_COLUMNS: Final = (_("Database"), _("Keys"), _("With TTL"), _("Average TTL"))
ROLE_LABELS: Final[Mapping[str, Text]] = {"master": _("primary"), "slave": _("replica")}


def parse_number(info: InfoReply, field: str) -> int | None:
    """Return a field of `INFO` as a whole number, or None if it is missing."""
    text = info.get(field, "")
    return int(text) if INFO_NUMBER.fullmatch(text) else None


def build_sections(info: InfoReply, database: int) -> list[InfoSection]:
    """Return the sections that have content; `database` is the number of the alias's database."""
    candidates = (
        InfoSection(
            _("Server"), (*_version(info), *_listed_fields(info, SERVER_FIELDS), *_role(info))
        ),
        _memory(info),
        InfoSection(_("Clients"), _clients(info)),
        _statistics(info),
        InfoSection(_("Replication"), _replication(info)),
        _keyspace(info, database),
    )
    return [section for section in candidates if section.fields or section.rows or section.headline]


def _version(info: InfoReply) -> Iterator[InfoField]:
    # Valkey reports a redis_version for compatibility; server_name tells the products apart.
    name = info.get("server_name", "redis")
    version = info.get(f"{name}_version") or info.get("redis_version")
    if version:
        yield InfoField(_("Version"), f"{name.capitalize()} {version}")


def _role(info: InfoReply) -> Iterator[InfoField]:
    if role := info.get("role"):
        yield InfoField(_("Role"), ROLE_LABELS.get(role, role))


def _memory(info: InfoReply) -> InfoSection:
    used, maximum = parse_number(info, "used_memory"), parse_number(info, "maxmemory")
    headline = None
    if used is not None:
        headline = InfoField(_("Used"), used, Unit.BYTES, maximum=maximum or None)
    limit = InfoField(_("Maximum"), maximum, Unit.BYTES) if maximum else None
    if maximum == 0:
        limit = InfoField(_("Maximum"), _("no limit"))
    fields = _listed_fields(info, MEMORY_FIELDS)
    return InfoSection(_("Memory"), (limit, *fields) if limit else fields, headline)


def _clients(info: InfoReply) -> tuple[InfoField, ...]:
    blocked = _listed_fields(info, CLIENT_FIELDS)
    connected, maximum = parse_number(info, "connected_clients"), parse_number(info, "maxclients")
    if connected is None:
        return blocked
    return (InfoField(_("Connected"), connected, Unit.NUMBER, maximum=maximum), *blocked)


def _statistics(info: InfoReply) -> InfoSection:
    hits, misses = (parse_number(info, name) or 0 for name in ("keyspace_hits", "keyspace_misses"))
    rate = 100 * hits / (hits + misses) if hits + misses else None
    return InfoSection(
        _("Statistics"),
        _listed_fields(info, STATISTICS_FIELDS),
        None if rate is None else InfoField(_("Hit rate"), rate, Unit.PERCENT),
        note=_("Totals since the server started, for all databases and applications."),
    )


def _replication(info: InfoReply) -> tuple[InfoField, ...]:
    if info.get("role") == "slave":
        return _listed_fields(info, REPLICA_FIELDS)
    return _listed_fields(info, PRIMARY_FIELDS) if parse_number(info, "connected_slaves") else ()


def _listed_fields(info: InfoReply, fields: FieldSpecs) -> tuple[InfoField, ...]:
    return tuple(
        InfoField(label, _parse_value(info[field], unit), unit)
        for field, label, unit in fields
        if field in info
    )


def _parse_value(text: str, unit: Unit) -> str | int | float:
    """Convert the text of a field to a number if its unit is numeric."""
    if unit in (Unit.TEXT, Unit.CODE):
        return text
    if INFO_NUMBER.fullmatch(text):
        return int(text)
    return float(text) if INFO_DECIMAL.fullmatch(text) else text


def _keyspace(info: InfoReply, own_database: int) -> InfoSection:
    """Return the databases, the alias's own first even if it is empty."""
    if "redis_version" not in info:  # A missing keyspace section does not mean an empty one.
        return InfoSection(KEYSPACE_TITLE)
    databases = {
        int(field[2:]): dict(part.split("=", 1) for part in text.split(",") if "=" in part)
        for field, text in info.items()
        if DATABASE_FIELD.fullmatch(field)
    }
    own_row = _database(
        _("%(number)s (this cache)") % {"number": own_database}, databases.pop(own_database, {})
    )
    other_rows = [_database(str(database), databases[database]) for database in sorted(databases)]
    return InfoSection(KEYSPACE_TITLE, columns=DATABASE_COLUMNS, rows=[own_row, *other_rows])


def _database(name: str, counts: InfoReply) -> tuple[InfoField, ...]:
    title, keys, expiring, average_ttl = DATABASE_COLUMNS
    # The average is 0 if no key expires, and until the server has sampled keys.
    average = parse_number(counts, "avg_ttl")
    return (
        InfoField(title, name),
        InfoField(keys, parse_number(counts, "keys") or 0, Unit.NUMBER),
        InfoField(expiring, parse_number(counts, "expires") or 0, Unit.NUMBER),
        InfoField(average_ttl, average, Unit.MILLISECONDS)
        if average
        else InfoField(average_ttl, ""),
    )


def process_statistics(statistics: Statistics) -> InfoSection:
    """Return the statistics of the current process for a cache."""
    rate = statistics.hit_rate
    average = statistics.seconds / statistics.calls * 1000 if statistics.calls else None
    figures = (
        (_("Hits"), statistics.hits, Unit.NUMBER),
        (_("Misses"), statistics.misses, Unit.NUMBER),
        (_("Calls"), statistics.calls, Unit.NUMBER),
        (_("Errors"), statistics.errors, Unit.NUMBER),
        (_("Time per call"), average, Unit.MILLISECONDS),
    )
    return InfoSection(
        _("This process"),
        [InfoField(*figure) for figure in figures if figure[1] is not None],
        InfoField(_("Hit rate"), rate * 100, Unit.PERCENT) if rate is not None else None,
        note=_("Calls by the process that served this page, since the process started."),
    )


def serializer_fields(serializer: object) -> Iterator[InfoField]:
    """Yield the serializers of an alias and, if it has any, its compressors."""
    if not isinstance(serializer, CompositeSerializer):
        yield InfoField(_("Serializer"), format_names(SERIALIZER, [serializer]))
        return
    yield InfoField(_("Serializer"), format_names(SERIALIZER, serializer.serializers))
    if serializer.compressors:
        yield InfoField(_("Compressor"), format_names(COMPRESSOR, serializer.compressors))


def format_names(kind: PluginType, objects: Sequence[object]) -> Text:
    """Name the object that writes, then those that only read."""
    names = {import_string(dotted): name for name, dotted in kind.paths.items()}
    first, *others = (names.get(type(one)) or class_path(one) for one in objects)
    if not others:
        return first
    return format_lazy(_("{first}; also reads {others}"), first=first, others=", ".join(others))
