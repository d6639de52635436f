"""The backends for CACHES, with Django's methods.

They are drop-in replacements for Django's RedisCache, with the same settings, stored keys and
values.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, Unpack

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.cache.base import CommandCache
from django_cachex.cache.cluster import ClusterClient
from django_cachex.cache.cluster.routing import key_slot
from django_cachex.cache.codecs import call_async_safe
from django_cachex.cache.driver_clients import (
    ClientSettings,
    get_shared,
    make_cluster_client,
    make_sentinel_client,
    make_server_client,
)
from django_cachex.cache.locks import AsyncLock, Lock, factory_method
from django_cachex.cache.migration import UnsupportedCacheMethods, UnsupportedKwargs, reject_kwargs
from django_cachex.cache.semaphores import AsyncSemaphore, Semaphore
from django_cachex.cache.sentinel import SentinelClient
from django_cachex.cache.stampede import ProtectedEntry, ProtectionOption, parse_protection
from django_cachex.cache.steps import arun_steps, run_steps
from django_cachex.commands.cache_api import (
    MAX_KEYS_PER_COMMAND,
    CacheOperations,
    batched,
    copy_and_unlink,
    merge_dicts,
)
from django_cachex.commands.command import (
    Command,
    Operation,
    async_method,
    copy_docstring,
    copy_signature,
    sync_method,
)
from django_cachex.commands.counters import SCRIPT_ERRORS
from django_cachex.commands.strings import SetKwargs, StringCommands


class ServerCache(CommandCache, StringCommands, UnsupportedCacheMethods):
    """Django's cache methods, blocking and asynchronous.

    Most are plain functions: they take the least time, and Pyright would otherwise see the
    parameters that `BaseCache` has.
    """

    @copy_docstring(CacheOperations._add)
    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> bool:
        return self._run(self._add(key, value, timeout, version))

    @copy_docstring(CacheOperations._add)
    async def aadd(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> bool:
        return await self._arun(await call_async_safe(self._add, key, value, timeout, version))

    @copy_signature(CacheOperations._get)
    def get(
        self,
        key: Any,
        default: Any = None,
        version: Any = None,
        **unsupported: Unpack[UnsupportedKwargs],
    ) -> Any:
        if unsupported:
            reject_kwargs(unsupported)
        return self._run(self._get(key, default, version))

    @copy_signature(CacheOperations._get)
    async def aget(
        self,
        key: Any,
        default: Any = None,
        version: Any = None,
        **unsupported: Unpack[UnsupportedKwargs],
    ) -> Any:
        if unsupported:
            reject_kwargs(unsupported)
        return await self._arun(self._get(key, default, version))

    @copy_signature(StringCommands._set_with_options)
    def set(
        self,
        key: Any,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: Any = None,
        **options: Unpack[SetKwargs],
    ) -> Any:
        if options:
            reject_kwargs(options.keys() - SetKwargs.__optional_keys__)
            return self._run(self._set_with_options(key, value, timeout, version, **options))
        self._run(self._set(key, value, timeout, version))

    @copy_signature(StringCommands._set_with_options)
    async def aset(
        self,
        key: Any,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: Any = None,
        **options: Unpack[SetKwargs],
    ) -> Any:
        if options:
            reject_kwargs(options.keys() - SetKwargs.__optional_keys__)
            command = partial(self._set_with_options, **options)
            return await self._arun(await call_async_safe(command, key, value, timeout, version))
        await self._arun(await call_async_safe(self._set, key, value, timeout, version))

    @copy_docstring(CacheOperations._touch)
    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return self._run(self._touch(key, timeout, version))

    @copy_docstring(CacheOperations._touch)
    async def atouch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return await self._arun(self._touch(key, timeout, version))

    @copy_docstring(CacheOperations._get_many)
    def get_many(self, keys: Iterable[Any], version: Any = None) -> dict[Any, Any]:
        keys = list(keys)
        if len(keys) > MAX_KEYS_PER_COMMAND:
            return merge_dicts([self.get_many(batch, version) for batch in batched(keys)])
        return self._run(self._get_many(keys, version)) if keys else {}

    @copy_docstring(CacheOperations._get_many)
    async def aget_many(self, keys: Iterable[Any], version: Any = None) -> dict[Any, Any]:
        keys = list(keys)
        if len(keys) > MAX_KEYS_PER_COMMAND:
            return merge_dicts([await self.aget_many(batch, version) for batch in batched(keys)])
        return await self._arun(self._get_many(keys, version)) if keys else {}

    def get_or_set(
        self,
        key: Any,
        default: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: Any = None,
        *,
        stampede_protection: ProtectionOption = None,
    ) -> Any:
        """Return the value of a key; if it doesn't exist, store and return `default`.

        Args:
            default: the value to store, or a callable that returns it. `aget_or_set` also takes a
                coroutine function or a coroutine.
            timeout: seconds after which the key expires, which may have a fraction, or a timedelta;
                None to never expire. Zero or less stores nothing. The alias's TIMEOUT by default.
            version: the key's version; the alias's VERSION by default.
            stampede_protection: whether one caller computes the value while the others wait or get
                the old one: True, False, a `Protection`, or a dict with its `early` and `lease` in
                seconds. The alias's option `stampede_protection` by default.

        Returns:
            The value that is stored afterwards.

        See https://valkey.io/commands/get/ and https://valkey.io/commands/set/
        """
        if entry := self._stampede_entry(key, default, timeout, version, stampede_protection):
            return run_steps(entry.get_or_recompute())
        value = self.get(key, self._missing_key, version=version)
        if value is not self._missing_key:
            return value
        if callable(default):
            default = default()
        added = self.add(key, default, timeout=timeout, version=version)
        if self._ignore_unreadable_values and not added:
            return self._run(self._get_or_replace(key, default, timeout, version))
        return self._run(self._get_from_primary(key, default, version))

    @copy_docstring(get_or_set)
    async def aget_or_set(
        self,
        key: Any,
        default: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: Any = None,
        *,
        stampede_protection: ProtectionOption = None,
    ) -> Any:
        if entry := self._stampede_entry(key, default, timeout, version, stampede_protection):
            return await arun_steps(entry.get_or_recompute())
        value = await self.aget(key, self._missing_key, version=version)
        if value is not self._missing_key:
            if inspect.iscoroutine(default):
                default.close()  # Otherwise, Python would warn that it was never awaited.
            return value
        if callable(default):
            default = default()
        if inspect.isawaitable(default):
            default = await default
        added = await self.aadd(key, default, timeout=timeout, version=version)
        if self._ignore_unreadable_values and not added:
            return await self._arun(self._get_or_replace(key, default, timeout, version))
        return await self._arun(self._get_from_primary(key, default, version))

    @copy_signature(CacheOperations._incr)
    def incr(
        self,
        key: Any,
        delta: int = 1,
        version: Any = None,
        **unsupported: Unpack[UnsupportedKwargs],
    ) -> int:
        if unsupported:
            reject_kwargs(unsupported)
        try:
            return self._counter_executor.run(self._incr_evalsha(key, delta, version))
        except SCRIPT_ERRORS:
            return self._counter_executor.run(self._incr(key, delta, version))

    @copy_signature(CacheOperations._incr)
    async def aincr(
        self,
        key: Any,
        delta: int = 1,
        version: Any = None,
        **unsupported: Unpack[UnsupportedKwargs],
    ) -> int:
        if unsupported:
            reject_kwargs(unsupported)
        try:
            return await self._counter_executor.arun(self._incr_evalsha(key, delta, version))
        except SCRIPT_ERRORS:
            return await self._counter_executor.arun(self._incr(key, delta, version))

    @copy_docstring(CacheOperations._decr_eval)
    def decr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        return self.incr(key, -delta, version=version)

    @copy_docstring(CacheOperations._decr_eval)
    async def adecr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        return await self.aincr(key, -delta, version=version)

    @copy_docstring(CacheOperations._delete_many)
    def delete_many(self, keys: Iterable[Any], version: Any = None) -> None:
        if keys := list(keys):
            for batch in [keys] if len(keys) <= MAX_KEYS_PER_COMMAND else batched(keys):
                self._run(self._delete_many(batch, version))

    @copy_docstring(CacheOperations._delete_many)
    async def adelete_many(self, keys: Iterable[Any], version: Any = None) -> None:
        if keys := list(keys):
            for batch in [keys] if len(keys) <= MAX_KEYS_PER_COMMAND else batched(keys):
                await self._arun(self._delete_many(batch, version))

    @copy_docstring(CacheOperations._incr_version)
    def incr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return self._counter_executor.run(self._incr_version(key, delta, self._version(version)))

    @copy_docstring(CacheOperations._incr_version)
    async def aincr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return await self._counter_executor.arun(
            self._incr_version(key, delta, self._version(version))
        )

    def decr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Move a value to an earlier version of its key. Its expiry is kept.

        Args:
            delta: how much to subtract from the version.
            version: the current version; the alias's VERSION by default.

        Returns:
            The new version.

        Raises:
            ValueError: the key doesn't exist.

        See https://valkey.io/commands/rename/
        """
        return self.incr_version(key, -delta, version)

    @copy_docstring(decr_version)
    async def adecr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return await self.aincr_version(key, -delta, version)

    @copy_docstring(CacheOperations._set_many)
    def set_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> list[Any]:
        return self._run(self._set_many(data, timeout, version))

    @copy_docstring(CacheOperations._set_many)
    async def aset_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> list[Any]:
        return await self._arun(await call_async_safe(self._set_many, data, timeout, version))

    delete, adelete = sync_method(CacheOperations._delete), async_method(CacheOperations._delete)
    has_key, ahas_key = (
        sync_method(CacheOperations._has_key),
        async_method(CacheOperations._has_key),
    )
    clear, aclear = sync_method(CommandCache._clear), async_method(CommandCache._clear)

    lock, alock = factory_method(Lock, "lock"), factory_method(AsyncLock, "alock")
    semaphore = factory_method(Semaphore, "semaphore")
    asemaphore = factory_method(AsyncSemaphore, "asemaphore")

    _make_driver_client: ClassVar[Callable[[ClientSettings], Any]] = make_server_client
    """Returns the driver's client, which depends on the topology."""

    def driver_client(self) -> Any:
        """Return the driver's client, such as `valkey.Valkey`, for packages that need one.

        It is made from the settings of the cache, but has connections of its own, and it knows
        nothing of prefixes, versions, serializers and `ignore_exceptions`. The threads of a process
        share it. `adriver_client` returns a new asyncio client, such as `valkey.asyncio.Valkey`,
        which belongs to one event loop and must be closed.

        Returns:
            `Valkey` or `Redis`; for a cluster, `ValkeyCluster` or `RedisCluster`. With Sentinel, it
            always uses the current primary.

        Raises:
            ImproperlyConfigured: a setting of the cache is invalid.
        """
        return get_shared(type(self)._make_driver_client, self._client_settings(self._driver))

    @copy_docstring(driver_client)
    def adriver_client(self) -> Any:
        return type(self)._make_driver_client(self._client_settings(f"{self._driver}.asyncio"))

    def _client_settings(self, package: str) -> ClientSettings:
        if self._config_error:
            raise self._config_error
        return ClientSettings(self._driver, package, self._location, self._options)

    def close(self, **kwargs: Any) -> None:
        """Do nothing. Django calls this after every request, but connections are kept."""

    async def aclose(self, **kwargs: Any) -> None:
        """Do nothing. Django calls this after every request, but connections are kept."""

    def _stampede_entry(
        self, key: Any, default: Any, timeout: Any, version: Any, given: ProtectionOption
    ) -> ProtectedEntry | None:
        """Return the entry that one caller at a time may compute, or None if it isn't protected."""
        protection = self._stampede_protection if given is None else parse_protection(given)
        if protection is None or not callable(default) or self._config_error:
            return None
        entry = ProtectedEntry(self, key, default, timeout, version, protection)
        return None if entry.timeout_ms == 0 else entry

    def _get_from_primary(self, key: Any, default: Any, version: Any) -> Command[Any]:
        """Return a command that reads a new value, which the replicas may not have yet."""
        return self._get(key, default, version).primary_only()

    def _get_or_replace(self, key: Any, default: Any, timeout: Any, version: Any) -> Operation[Any]:
        """Return the value; if it can't be read, store and return `default`."""
        [value] = yield [self._get(key, self._missing_key, version)]
        if value is not self._missing_key:
            return value
        yield [self._set(key, default, timeout, version)]
        return default

    def _version(self, version: int | None) -> int:
        return self.version if version is None else version


class ValkeyCache(ServerCache):
    """A cache in Valkey or Redis, through valkey-py."""

    _driver = "valkey"


class RedisCache(ServerCache):
    """A cache in Redis or Valkey, through redis-py."""

    _driver = "redis"


class ValkeySentinelCache(ServerCache):
    """A cache on the primary that Sentinel names, through valkey-py."""

    _driver = "valkey"
    _client_class = SentinelClient
    _make_driver_client = make_sentinel_client


class RedisSentinelCache(ServerCache):
    """A cache on the primary that Sentinel names, through redis-py."""

    _driver = "redis"
    _client_class = SentinelClient
    _make_driver_client = make_sentinel_client


class ClusterCache(ServerCache):
    """The base class of the caches in a cluster."""

    _client_class = ClusterClient
    _make_driver_client = make_cluster_client
    _topology = "cluster"

    def _incr_version(self, key: Any, delta: int, version: int) -> Operation[int]:
        """Rename the key, or copy it if the two versions are in different slots."""
        new_version = version + delta
        source, target = self._stored_key(key, version), self._stored_key(key, new_version)
        if key_slot(source) == key_slot(target):
            return super()._incr_version(key, delta, version)
        return copy_and_unlink(
            source, target, key, new_version, self._get_timeout_ms(DEFAULT_TIMEOUT)
        )


class ValkeyClusterCache(ClusterCache):
    """A cache in a cluster, through valkey-py."""

    _driver = "valkey"


class RedisClusterCache(ClusterCache):
    """A cache in a cluster, through redis-py."""

    _driver = "redis"
