"""What our own backends and Django's backend for Redis do differently."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.cluster import ClusterClient
from django_cachex.cache.codecs import ValueCodec
from django_cachex.cache.keys import Keyspace, keyspace
from django_cachex.cache.statistics import Statistics
from django_cachex.commands import OpaqueKeysError
from django_cachex.commands.scan import scan_and_unlink
from django_cachex.inspectors.base import Inspector, Support
from django_cachex.inspectors.info import Fact, FlushPlan, Section, Text, Unit
from django_cachex.inspectors.keys import encode_text, printable
from django_cachex.inspectors.query import Query, Scope
from django_cachex.inspectors.types import Listing
from django_cachex.inspectors.valkey.errors import permitted, required
from django_cachex.inspectors.valkey.inspector import ServerInspector
from django_cachex.inspectors.valkey.key_info import formats
from django_cachex.inspectors.valkey.snippets import python_line
from django_cachex.inspectors.values import Codec, recognise_all


def in_this_process(statistics: Statistics) -> Section:
    """Return what the process that draws the page knows of its own use of a cache."""
    rate = statistics.hit_rate
    average = statistics.seconds / statistics.calls * 1000 if statistics.calls else None
    figures = (
        (_("Hits"), statistics.hits, Unit.NUMBER),
        (_("Misses"), statistics.misses, Unit.NUMBER),
        (_("Calls"), statistics.calls, Unit.NUMBER),
        (_("Errors"), statistics.errors, Unit.NUMBER),
        (_("Time per call"), average, Unit.MILLISECONDS),
    )
    return Section(
        _("This process"),
        [Fact(*figure) for figure in figures if figure[1] is not None],
        Fact(_("Hit rate"), rate * 100, Unit.PERCENT) if rate is not None else None,
        note=_("How the process that served this page has used this cache since it started."),
    )


class CachexInspector(ServerInspector):
    """Our own backends."""

    support = Support.CACHEX

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        try:
            _ = self.keyspace
        except OpaqueKeysError as error:
            self._lack("can_flush", str(error))

    @cached_property
    def keyspace(self) -> Keyspace:
        """The cache's keys in every version; `OpaqueKeysError` where none can tell them."""

        def made(key: str, version: int) -> bytes:
            return encode_text(self.cache.make_key(key, version=version))

        return keyspace(made, self.cache.version)

    @property
    def driver(self) -> str:
        return str(self.cache.driver)

    @property
    def urls(self) -> Sequence[str]:
        return list(self.cache.location)

    @property
    def client_class(self) -> type[Client]:
        kind: type[Client] = self.cache.client_class
        return kind

    @property
    def store(self) -> Hashable:
        # A fleet's name or a cluster's nodes are no address of one server.
        return super().store if self.client_class is Client else ("valkey", self.place)

    @property
    def is_cluster(self) -> bool:
        return issubclass(self.client_class, ClusterClient)

    def python_line(self, stored: bytes, type: str | None) -> str | None:
        key = self.key_of(stored)
        return None if key is None else python_line(self.alias, key, type)

    @property
    def place(self) -> str:
        """Where the keys are, for people."""
        plain = self.client_class is Client
        return str(self.address if plain else self.cache.client.server.address)

    def notes(self) -> Sequence[Text]:
        if getattr(self.cache, "topology", "") != "cluster":
            return super().notes()
        return [
            *super().notes(),
            _(
                "This is a cluster. Keys are listed from all primaries. Server information is "
                "from one node."
            ),
        ]

    @property
    def serializer(self) -> Any:
        return self.cache.serializer

    def dumps(self, value: Any) -> bytes | int:
        data: bytes | int = self.cache.encode(value)
        return data

    @cached_property
    def codec(self) -> Codec:
        if isinstance(self.serializer, ValueCodec):
            return recognise_all(self.serializer, self.dumps)
        return super().codec

    def configuration(self) -> Section:
        section = super().configuration()
        return replace(section, facts=(*section.facts, *formats(self.serializer)))

    def info(self) -> Sequence[Section]:
        return [*super().info(), in_this_process(self.cache.statistics)]

    def flush_plan(self) -> FlushPlan:
        return FlushPlan(
            act=_("SCAN and UNLINK of %(pattern)s on %(address)s")
            % {"pattern": printable(self.keyspace.pattern), "address": self.place},
            scope=_(
                "All keys with this cache's prefix are deleted, in all versions. Other keys "
                "are kept."
            ),
            entries=None,
        )

    def flushes(self, other: Inspector) -> bool:
        return self.can_flush and self.keyspace.holds(other.locate("key"))

    flushes_in_steps = True

    def find_doomed(self, token: str, want: int, deadline: float) -> Listing:
        return self.scan(Query(scope=Scope.VERSIONS), token, want, deadline)

    def flush(self) -> int:
        return self.client.run(scan_and_unlink(self.keyspace.pattern, self.keyspace.holds))


class DjangoRedisInspector(ServerInspector):
    """Django's own backend for Redis; it may as well talk to a Valkey."""

    support = Support.WRAPPED

    driver = "redis"

    @property
    def urls(self) -> Sequence[str]:
        return [str(url) for url in self.cache._servers]

    @property
    def serializer(self) -> Any:
        return self.cache._cache._serializer

    def dumps(self, value: Any) -> bytes | str | int:
        data: bytes | str | int = self.serializer.dumps(value)
        return data

    def python_line(self, stored: bytes, type: str | None) -> str | None:
        key = self.key_of(stored)
        is_value = type in (None, "string")
        return python_line(self.alias, key, "string") if key is not None and is_value else None

    def notes(self) -> Sequence[Text]:
        return (
            _(
                "If you change the backend to django_cachex.cache.ValkeyCache or RedisCache, "
                "this cache can be flushed without deleting other keys, and code can list "
                "keys, search by pattern and read TTLs. Existing entries stay readable."
            ),
        )

    def flush_plan(self) -> FlushPlan:
        [keys] = self.client.collect([self.client._dbsize()])
        return FlushPlan(
            act=_("FLUSHDB on %(address)s") % {"address": self.address},
            scope=_(
                "All keys in the whole database are deleted, including keys of other applications."
            ),
            entries=permitted(keys),
        )

    def flush(self) -> int | None:
        keys, flushed = self.client.collect([self.client._dbsize(), self.client._flushdb()])
        required(flushed)
        return permitted(keys)
