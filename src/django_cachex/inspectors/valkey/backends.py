"""Inspectors of django-cachex's backends and of Django's Redis backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.client import Client
from django_cachex.cache.keys import Keyspace, key_function_error
from django_cachex.commands.scan import scan_and_unlink
from django_cachex.inspectors.base import Inspector, Support
from django_cachex.inspectors.info import FlushPreview, InfoSection, Text
from django_cachex.inspectors.keys import display_text
from django_cachex.inspectors.query import Query, Scope
from django_cachex.inspectors.types import ScanPage
from django_cachex.inspectors.valkey.errors import none_if_denied, require_reply
from django_cachex.inspectors.valkey.info import process_statistics, serializer_fields
from django_cachex.inspectors.valkey.inspector import ServerInspector
from django_cachex.inspectors.valkey.snippets import python_snippet


class CachexInspector(ServerInspector):
    """The inspector of `ValkeyCache`, `RedisCache` and their Sentinel and cluster variants."""

    support = Support.CACHEX

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        if self.naming.keyspace is None:
            self.disable("can_flush", str(key_function_error()))

    @property
    def keyspace(self) -> Keyspace:
        """The keys of the cache in every version, or `KeyFunctionNotSupported`."""
        if self.naming.keyspace is None:
            raise key_function_error()
        return self.naming.keyspace

    @property
    def driver(self) -> str:
        return str(self.cache._driver)

    @property
    def urls(self) -> Sequence[str]:
        return list(self.cache._location)

    @property
    def client_class(self) -> type[Client]:
        kind: type[Client] = self.cache._client_class
        return kind

    def python_snippet(self, stored: bytes, type: str | None) -> str | None:
        key = self.application_key(stored)
        return None if key is None else python_snippet(self.store_alias, key, type)

    @property
    def serializer(self) -> Any:
        return self.cache._serializer

    def dumps(self, value: Any) -> bytes | int:
        data: bytes | int = self.cache._encode(value)
        return data

    def configuration(self) -> InfoSection:
        section = super().configuration()
        return replace(section, fields=(*section.fields, *serializer_fields(self.serializer)))

    def info(self) -> Sequence[InfoSection]:
        return [*super().info(), process_statistics(self.cache.statistics)]

    def preview_flush(self) -> FlushPreview:
        return FlushPreview(
            command=_("SCAN and UNLINK of %(pattern)s on %(address)s")
            % {"pattern": display_text(self.keyspace.pattern), "address": self.display_address},
            scope=_(
                "All keys with this cache's prefix are deleted, in all versions. Other keys "
                "are kept."
            ),
            entries=None,
        )

    def flush_affects(self, other: Inspector) -> bool:
        return self.can_flush and self.keyspace.contains(other.make_key("key"))

    flushes_in_steps = True

    def scan_for_flush(self, token: str, limit: int, deadline: float) -> ScanPage:
        return self.scan(Query(scope=Scope.VERSIONS), token, limit, deadline)

    def flush(self) -> int:
        return self.client.run(scan_and_unlink(self.keyspace.pattern, self.keyspace.contains))


class WrappedServerInspector(ServerInspector):
    """Base class of the inspectors of other packages' backends, whose `clear` flushes the database.

    Their code can't read collections, so there are only snippets for single values.
    """

    support = Support.WRAPPED

    switching_note: Text
    """A sentence on the info page: what this package's backends would add."""

    def configuration(self) -> InfoSection:
        return replace(super().configuration(), note=self.switching_note)

    def python_snippet(self, stored: bytes, type: str | None) -> str | None:
        key = self.application_key(stored)
        if key is None or type not in (None, "string"):
            return None
        return python_snippet(self.store_alias, key, "string")

    def preview_flush(self) -> FlushPreview:
        [keys] = self.client.collect([self.client._dbsize()])
        return FlushPreview(
            command=_("FLUSHDB on %(address)s") % {"address": self.display_address},
            scope=_(
                "All keys in the whole database are deleted, including keys of other applications."
            ),
            entries=none_if_denied(keys),
        )

    def flush(self) -> int | None:
        keys, flushed = self.client.collect([self.client._dbsize(), self.client._flush_db()])
        require_reply(flushed)
        return none_if_denied(keys)


class RedisCacheInspector(WrappedServerInspector):
    """The inspector of `django.core.cache.backends.redis.RedisCache`, on Redis or Valkey."""

    driver = "redis"

    switching_note = _(
        "With the backend django_cachex.cache.ValkeyCache or django_cachex.cache.RedisCache, "
        "you could flush this cache without deleting other keys, and your code could list "
        "keys, search by pattern and read TTLs. Existing entries stay readable."
    )

    @property
    def urls(self) -> Sequence[str]:
        return [str(url) for url in self.cache._servers]

    @property
    def serializer(self) -> Any:
        return self.cache._cache._serializer

    def dumps(self, value: Any) -> bytes | str | int:
        data: bytes | str | int = self.serializer.dumps(value)
        return data
