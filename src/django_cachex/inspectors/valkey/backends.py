"""Inspectors of django-cachex's backends and of Django's Redis backend."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.redis import RedisCacheClient
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.client import Client
from django_cachex.cache.configuration import make_hashable
from django_cachex.cache.keys import Keyspace, key_function_error
from django_cachex.commands.scan import scan_and_unlink
from django_cachex.inspectors.base import Inspector, Support
from django_cachex.inspectors.info import FlushPreview, InfoSection, Text
from django_cachex.inspectors.keys import display_text
from django_cachex.inspectors.masking import find_secrets, mask
from django_cachex.inspectors.query import Query, Scope
from django_cachex.inspectors.types import ScanPage
from django_cachex.inspectors.valkey.errors import none_if_denied, require_reply
from django_cachex.inspectors.valkey.info import process_statistics, serializer_fields
from django_cachex.inspectors.valkey.inspector import ServerInspector
from django_cachex.inspectors.valkey.redis_py import Destination, find_destination
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

    # Classes of the project for pools or clients decide what is reached. They may connect, so they
    # are asked where the admin connects, too. Until then, a page knows what they reached last.

    @property
    def configured_destination(self) -> Destination:
        """What LOCATION and OPTIONS name."""
        return Destination(Client, list(map(str, self.cache._servers)), super().options)

    @cached_property
    def _settings_id(self) -> Hashable:
        return type(self.cache), make_hashable(self.params)

    @property
    def custom_destination(self) -> Destination | None:
        """What classes of the project reached last, or None."""
        return custom_destinations.get(self._settings_id)

    @property
    def destination(self) -> Destination:
        return self.custom_destination or self.configured_destination

    def _find_destination(self) -> None:
        """Ask the classes of the project what they reach. They may connect."""
        client = self.cache._cache
        if has_custom_connections(client):
            driver_client = client.get_client("", write=True)
            custom_destinations[self._settings_id] = find_destination(driver_client)

    def _make_client(self, seconds: float) -> Client:
        self._find_destination()
        return super()._make_client(seconds)

    @property
    def client_class(self) -> type[Client]:
        return self.destination.client_class

    @property
    def urls(self) -> Sequence[str]:
        return self.destination.urls

    @property
    def options(self) -> Mapping[str, Any]:
        return self.destination.options

    @property
    def location(self) -> str:
        return mask(", ".join(self.configured_destination.urls), find_secrets(self.params))

    @property
    def configured_store_id(self) -> Hashable:
        if self.client_class is Client:
            return super().configured_store_id
        return ("valkey", *sorted(self.urls))

    def notes(self) -> Sequence[Text]:
        if self.custom_destination is None:
            return super().notes()
        note = _(
            "The connections of this cache are made by a class of the project. They reach "
            "%(addresses)s, and so do those of the admin."
        )
        return [note % {"addresses": ", ".join(self.urls)}, *super().notes()]

    @property
    def serializer(self) -> Any:
        return self.cache._cache._serializer

    def dumps(self, value: Any) -> bytes | str | int:
        data: bytes | str | int = self.serializer.dumps(value)
        return data


custom_destinations: Final[dict[Hashable, Destination]] = {}
"""What caches with classes of the project for their connections reach, by class and settings."""


def has_custom_connections(client: Any) -> bool:
    """Return whether a client of Django's RedisCache doesn't simply connect to LOCATION."""
    if type(client).get_client is not RedisCacheClient.get_client:
        return True
    return bool(client._pool_class.__module__ != "redis.connection")
