"""The inspector of the package django-vcache, which stores MessagePack or pickles.

A stored value is a marker, the first byte, and the serialized value. Integers are decimal digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from django.core.cache.backends.redis import RedisSerializer
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.cluster import ClusterClient
from django_cachex.cache.sentinel import SentinelClient
from django_cachex.cache.serializers import ORMsgPackSerializer
from django_cachex.inspectors.masking import find_secrets, mask
from django_cachex.inspectors.valkey.backends import WrappedServerInspector
from django_cachex.inspectors.values import ValueFormat

TLS_OPTIONS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")

SENTINEL_SCHEME: Final = "sentinel://"


class VcacheInspector(WrappedServerInspector):
    """The inspector of `django_vcache.backend.ValkeyCache`.

    Its driver has no Python interface to connections, so the admin uses valkey-py or redis-py.
    """

    switching_note = _(
        "With the backend django_cachex.cache.ValkeyCache or django_cachex.cache.RedisCache, you "
        "could flush this cache without deleting other keys, and your code could use lists, sets "
        "and hashes, search by pattern and read TTLs. Those backends can't read existing entries."
    )

    @property
    def driver(self) -> str:
        return "redis" if find_spec("valkey") is None and find_spec("redis") else "valkey"

    @property
    def client_class(self) -> type[Client]:
        if self._location.startswith(SENTINEL_SCHEME):
            return SentinelClient
        return ClusterClient if self.cache._cluster_mode else Client

    @property
    def _location(self) -> str:
        return str(self.cache._location)

    @property
    def location(self) -> str:
        return mask(self._location, find_secrets(self.params))

    @property
    def urls(self) -> Sequence[str]:
        if self.client_class is SentinelClient:
            _sentinels, service, database, _user, _password = self._sentinel_settings
            scheme = "rediss" if self.cache._ssl_ca_certs else "redis"
            return [f"{scheme}://{service}/{database}"]
        is_cluster = self.client_class is ClusterClient
        locations = self._location.split(",") if is_cluster else [self._location]
        urls = [one.strip().partition("#")[0] for one in locations if one.strip()]
        if self.driver == "valkey":
            return urls
        return [
            re.sub(r"\Avalkey(?=s?://)", "redis", url) for url in urls
        ]  # As redis-py spells it.

    @property
    def options(self) -> Mapping[str, Any]:
        options = {name: getattr(self.cache, f"_{name}") for name in TLS_OPTIONS}
        options = {name: value for name, value in options.items() if value}
        if self._location.endswith("#insecure"):
            options |= {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
        if self.client_class is SentinelClient:
            sentinels, _service, _database, user, password = self._sentinel_settings
            options |= {"username": user, "password": password, **read_sentinels(sentinels)}
        return options

    @cached_property
    def _sentinel_settings(self) -> tuple[Sequence[str], str, int, str | None, str | None]:
        """The sentinels, the service, its database, user and password, as the package reads them.

        The sentinels are URLs.
        """
        parse = import_module("django_vcache.backend")._parse_sentinel_url
        settings: tuple[Sequence[str], str, int, str | None, str | None] = parse(self._location)
        return settings

    @property
    def serializer(self) -> Any:
        # What reads the same: MessagePack executes nothing, pickles may.
        return ORMsgPackSerializer() if self._format == "msgpack" else RedisSerializer()

    @property
    def _format(self) -> str:
        return "pickle" if self.cache._prefix_raw == b"p" else "msgpack"

    def dumps(self, value: Any) -> bytes | str | int:
        stored: bytes = self.cache._encode(value)
        return stored

    @cached_property
    def value_format(self) -> ValueFormat:
        return ValueFormat(
            "pickle" if self._format == "pickle" else "ormsgpack",
            "pickle" if self._format == "pickle" else "msgpack",
            self.cache._encode,
            loads_ints=True,
            markers={self.cache._prefix_raw: "", self.cache._prefix_zstd: "zstd"},
        )


def read_sentinels(urls: Sequence[str]) -> dict[str, Any]:
    """Return the options with the addresses of sentinels and the credentials for them."""
    parts = [urlsplit(url) for url in urls]
    credentials = {"username": parts[0].username, "password": parts[0].password}
    return {
        "sentinels": [(part.hostname, part.port or 26379) for part in parts],
        "sentinel_kwargs": {name: unquote(value) for name, value in credentials.items() if value},
    }
