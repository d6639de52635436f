"""Inspectors of the packages django-redis and django-valkey, which share their design.

Settings are read as the package's client has read them: `connection_factory` knows the options of
connections, and `encode` what is stored for a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.cluster import ClusterClient
from django_cachex.cache.configuration import strip_query_options
from django_cachex.cache.sentinel import SentinelClient
from django_cachex.commands.command import EncodableArg
from django_cachex.inspectors.edits import Copy, Edit, EditResult, Rename
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import KeyNaming
from django_cachex.inspectors.query import Scope
from django_cachex.inspectors.valkey.backends import WrappedServerInspector
from django_cachex.inspectors.valkey.shards import FIND_SHARD, ShardsClient
from django_cachex.inspectors.valkey.snippets import DatabaseAddress
from django_cachex.inspectors.values import ValueFormat
from django_cachex.inspectors.values.formats import (
    Format,
    class_path,
    detect_format,
    encode_text_result,
)
from django_cachex.inspectors.values.tree import Tree, UnresolvedObject

FORMATS: Final[Mapping[str, Format]] = {
    "json.JSONSerializer": "json",
    "msgpack.MSGPackSerializer": "msgpack",
    "msgspec.MsgSpecJsonSerializer": "json",
    "msgspec.MsgSpecMsgPackSerializer": "msgpack",
    "pickle.PickleSerializer": "pickle",
}
"""The formats of the packages' serializers, by their paths in `serializers`."""

COMPRESSIONS: Final[Mapping[str, str]] = {
    "bz2.Bz2Compressor": "bzip2",
    "gzip.GzipCompressor": "gzip",
    "identity.IdentityCompressor": "",
    "lz4.Lz4Compressor": "lz4",
    "lzma.LzmaCompressor": "xz",
    "zlib.ZlibCompressor": "zlib",
    "zstd.ZStdCompressor": "zstd",
}
"""The compressions of the packages' compressors, by their paths in `compressors`."""

CONNECTION_OPTIONS_OF_PACKAGE: Final = frozenset({"url", "parser_class"})
"""What the connection factories add for the classes of their own connections."""


class DjangoRedisInspector(WrappedServerInspector):
    """The inspector of `django_redis.cache.RedisCache` with any of its clients."""

    package = "django_redis"
    driver = "redis"
    cluster_class = "RedisCluster"
    """The name of the driver's class for clusters."""

    loads_floats = False
    """Whether floats are stored as decimal numbers."""

    switching_note = _(
        "With the backend django_cachex.cache.ValkeyCache or django_cachex.cache.RedisCache, you "
        "could flush this cache without deleting other keys. Existing entries stay readable if "
        "the options are translated as in the documentation."
    )

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        # Both raise the errors of its options.
        self.package_client: Any = self.cache.client
        self._connection_options = self._read_connection_options()

    @cached_property
    def naming(self) -> KeyNaming:
        is_reversible = bool(self.params.get("REVERSE_KEY_FUNCTION"))
        return KeyNaming(self.cache, self.cache.client.reverse_key if is_reversible else None)

    @property
    def options(self) -> Mapping[str, Any]:
        return self._connection_options

    def _read_connection_options(self) -> Mapping[str, Any]:
        """Return the options with which the package opens connections, for our own clients."""
        factory = self.package_client.connection_factory
        given = {
            **factory.make_connection_params(self.package_client._server[0]),
            **(factory.pool_cls_kwargs or {}),
        }
        if self.client_class is ClusterClient:
            given |= factory.base_client_cls_kwargs
        options = {n: v for n, v in given.items() if n not in CONNECTION_OPTIONS_OF_PACKAGE}
        if self.client_class is ShardsClient:
            options[FIND_SHARD] = self.find_shard
        if self.client_class is SentinelClient:
            options["sentinels"] = factory.options["SENTINELS"]
            options["sentinel_kwargs"] = factory.options.get("SENTINEL_KWARGS")
        return options

    @property
    def urls(self) -> Sequence[str]:
        # SentinelClient adds `is_master` to the URLs.
        urls = [
            strip_query_options(str(url), frozenset({"is_master"}))
            for url in self.package_client._server
        ]
        return urls[:1] if self.client_class is SentinelClient else urls

    @cached_property
    def client_class(self) -> type[Client]:
        factory = self.package_client.connection_factory
        if hasattr(self.package_client, "get_server_name"):
            return ShardsClient
        if hasattr(factory, "_sentinel"):
            return SentinelClient
        driver_client = getattr(factory, "base_client_cls", None) or factory.redis_client_cls
        names = {ancestor.__name__ for ancestor in driver_client.__mro__}
        return ClusterClient if self.cluster_class in names else Client

    def find_shard(self, key: EncodableArg) -> int:
        """Return the number of the server to which the package sends a stored key."""
        text = key.decode("utf-8", "surrogateescape") if isinstance(key, bytes) else str(key)
        name = self.package_client.get_server_name(text)
        return [*self.package_client._server].index(name)

    def address_of(self, stored: bytes) -> DatabaseAddress:
        if self.client_class is not ShardsClient:
            return super().address_of(stored)
        return DatabaseAddress.of(self.urls[self.find_shard(stored)], self.options)

    def notes(self) -> Sequence[Text]:
        if self.client_class is not ShardsClient:
            return super().notes()
        return [
            _(
                "The keys of this cache are distributed among several servers. Keys are listed "
                "from all of them. Server information is from the first one."
            )
        ]

    def apply(self, stored: bytes, edit: Edit) -> EditResult:
        match edit:
            case Rename(to=name) | Copy(to=name, into=None):
                pass
            case _:
                name = stored
        if Scope.VERSIONS in self.scopes or self.owns(name):
            return super().apply(stored, edit)
        reason = _(
            "The REVERSE_KEY_FUNCTION of this cache doesn't return this key, so it couldn't be "
            "opened here."
        )
        return EditResult.refusal(reason)

    @property
    def serializer(self) -> Any:
        return self.package_client._serializer

    def dumps(self, value: Any) -> bytes | str | int:
        stored: bytes | str | int = self.package_client.encode(value)
        # The drivers send floats like this.
        return repr(stored) if isinstance(stored, float) else stored

    @cached_property
    def value_format(self) -> ValueFormat:
        name = class_path(self.serializer)
        format = FORMATS.get(name.removeprefix(f"{self.package}.serializers."))
        compressor = class_path(self.package_client._compressor)
        compression = COMPRESSIONS.get(compressor.removeprefix(f"{self.package}.compressors."))
        if format is None or compression is None:
            detected = detect_format(name, self.dumps)
        else:
            dumps = encode_text_result(self.dumps)
            detected = ValueFormat(name, format, dumps, loads_ints=True, compression=compression)
        return replace(detected, loads_floats=self.loads_floats, unwrap=unwrap_herd_value)


class DjangoValkeyInspector(DjangoRedisInspector):
    """The inspector of django-valkey's backends with any of its clients."""

    package = "django_valkey"
    driver = "valkey"
    cluster_class = "ValkeyCluster"
    loads_floats = True


def unwrap_herd_value(tree: Tree) -> Tree:
    """Return the value that a HerdClient has stored with a marker and a moment to refresh it."""
    match tree:
        case (UnresolvedObject(name=name), value, int()) if name.endswith(".Marker"):
            return value
    return tree
