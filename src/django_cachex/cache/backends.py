"""The backends that CACHES name: Django's methods, each on the one command that it sends.

Drop-in replacements for Django's RedisCache: same settings, same stored keys and values.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Unpack

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from django_cachex.cache.cluster import ClusterClient
from django_cachex.cache.cluster.routing import key_slot
from django_cachex.cache.locks import LockingCache
from django_cachex.cache.migration import UnsupportedCacheMethods, UnsupportedKwargs, reject_kwargs
from django_cachex.cache.sentinel import SentinelClient
from django_cachex.cache.stampede import (
    ProtectedEntry,
    ProtectionOption,
    arun_steps,
    parse_protection,
    run_steps,
)
from django_cachex.cache.utils import call_async_safe
from django_cachex.commands.cache_api import (
    MAX_KEYS_PER_COMMAND,
    batched,
    copy_and_unlink,
    merge_dicts,
)
from django_cachex.commands.command import Command, Operation
from django_cachex.commands.counters import SCRIPT_ERRORS
from django_cachex.commands.strings import SetKwargs, StringCommands


class ServerCache(LockingCache, StringCommands, UnsupportedCacheMethods):
    """Django's contract, blocking and asynchronous; what it says is documented there."""

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> bool:
        return self.run(self._add(key, value, timeout, version))

    async def aadd(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> bool:
        return await self.arun(await call_async_safe(self._add, key, value, timeout, version))

    def get(
        self,
        key: Any,
        default: Any = None,
        version: Any = None,
        **foreign: Unpack[UnsupportedKwargs],
    ) -> Any:
        if foreign:
            reject_kwargs(foreign)
        return self.run(self._get(key, default, version))

    async def aget(
        self,
        key: Any,
        default: Any = None,
        version: Any = None,
        **foreign: Unpack[UnsupportedKwargs],
    ) -> Any:
        if foreign:
            reject_kwargs(foreign)
        return await self.arun(self._get(key, default, version))

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
            return self.run(self._set_with_options(key, value, timeout, version, **options))
        self.run(self._set(key, value, timeout, version))

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
            return await self.arun(await call_async_safe(command, key, value, timeout, version))
        await self.arun(await call_async_safe(self._set, key, value, timeout, version))

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return self.run(self._touch(key, timeout, version))

    async def atouch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        return await self.arun(self._touch(key, timeout, version))

    def delete(self, key: Any, version: Any = None) -> bool:
        return self.run(self._delete(key, version))

    async def adelete(self, key: Any, version: Any = None) -> bool:
        return await self.arun(self._delete(key, version))

    def get_many(self, keys: Iterable[Any], version: Any = None) -> dict[Any, Any]:
        keys = list(keys)
        if len(keys) > MAX_KEYS_PER_COMMAND:
            return merge_dicts([self.get_many(some, version) for some in batched(keys)])
        return self.run(self._get_many(keys, version)) if keys else {}

    async def aget_many(self, keys: Iterable[Any], version: Any = None) -> dict[Any, Any]:
        keys = list(keys)
        if len(keys) > MAX_KEYS_PER_COMMAND:
            return merge_dicts([await self.aget_many(some, version) for some in batched(keys)])
        return await self.arun(self._get_many(keys, version)) if keys else {}

    def get_or_set(
        self,
        key: Any,
        default: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: Any = None,
        *,
        stampede_protection: ProtectionOption = None,
    ) -> Any:
        if entry := self._protected(key, default, timeout, version, stampede_protection):
            return run_steps(entry.steps(), self, default)
        value = self.get(key, self._missing_key, version=version)
        if value is not self._missing_key:
            return value
        if callable(default):
            default = default()
        added = self.add(key, default, timeout=timeout, version=version)
        if self.ignores_unreadable_values and not added:
            return self.run(self._replaced(key, default, timeout, version))
        return self.run(self._reread(key, default, version))

    async def aget_or_set(
        self,
        key: Any,
        default: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: Any = None,
        *,
        stampede_protection: ProtectionOption = None,
    ) -> Any:
        if entry := self._protected(key, default, timeout, version, stampede_protection):
            return await arun_steps(entry.steps(), self, default, call_async_safe)
        value = await self.aget(key, self._missing_key, version=version)
        if value is not self._missing_key:
            if inspect.iscoroutine(default):
                default.close()  # Python would warn that nobody awaited it.
            return value
        if callable(default):
            default = default()
        if inspect.isawaitable(default):
            default = await default
        added = await self.aadd(key, default, timeout=timeout, version=version)
        if self.ignores_unreadable_values and not added:
            return await self.arun(self._replaced(key, default, timeout, version))
        return await self.arun(self._reread(key, default, version))

    def has_key(self, key: Any, version: Any = None) -> bool:
        return self.run(self._has_key(key, version))

    async def ahas_key(self, key: Any, version: Any = None) -> bool:
        return await self.arun(self._has_key(key, version))

    def incr(
        self, key: Any, delta: int = 1, version: Any = None, **foreign: Unpack[UnsupportedKwargs]
    ) -> int:
        if foreign:
            reject_kwargs(foreign)
        try:
            return self.count(self._incr_evalsha(key, delta, version))
        except SCRIPT_ERRORS:
            return self.count(self._incr(key, delta, version))

    async def aincr(
        self, key: Any, delta: int = 1, version: Any = None, **foreign: Unpack[UnsupportedKwargs]
    ) -> int:
        if foreign:
            reject_kwargs(foreign)
        try:
            return await self.acount(self._incr_evalsha(key, delta, version))
        except SCRIPT_ERRORS:
            return await self.acount(self._incr(key, delta, version))

    def decr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        return self.incr(key, -delta, version=version)

    async def adecr(self, key: Any, delta: int = 1, version: Any = None) -> int:
        return await self.aincr(key, -delta, version=version)

    def set_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> list[Any]:
        return self.run(self._set_many(data, timeout, version))

    async def aset_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: Any = None
    ) -> list[Any]:
        return await self.arun(await call_async_safe(self._set_many, data, timeout, version))

    def delete_many(self, keys: Iterable[Any], version: Any = None) -> None:
        if keys := list(keys):
            for some in [keys] if len(keys) <= MAX_KEYS_PER_COMMAND else batched(keys):
                self.run(self._delete_many(some, version))

    async def adelete_many(self, keys: Iterable[Any], version: Any = None) -> None:
        if keys := list(keys):
            for some in [keys] if len(keys) <= MAX_KEYS_PER_COMMAND else batched(keys):
                await self.arun(self._delete_many(some, version))

    def clear(self) -> None:
        self.run(self._clear())

    async def aclear(self) -> None:
        await self.arun(self._clear())

    def incr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return self.count(self._incr_version(key, delta, self._version(version)))

    async def aincr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return await self.acount(self._incr_version(key, delta, self._version(version)))

    def decr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return self.incr_version(key, -delta, version)

    async def adecr_version(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return await self.aincr_version(key, -delta, version)

    def close(self, **kwargs: Any) -> None:
        """Keep the connections: Django calls this after every request."""

    async def aclose(self, **kwargs: Any) -> None:
        """Keep the connections: see `close`."""

    def _protected(
        self, key: Any, default: Any, timeout: Any, version: Any, given: ProtectionOption
    ) -> ProtectedEntry | None:
        """Return what is to be made by one caller at a time, or None where none is."""
        protection = self.protection if given is None else parse_protection(given)
        if protection is None or not callable(default) or self.refusal:
            return None
        entry = ProtectedEntry(self, key, timeout, version, protection)
        return None if entry.expiry == 0 else entry

    def _reread(self, key: Any, default: Any, version: Any) -> Command[Any]:
        """Get what has just been written, which a replica may not have yet."""
        return self._get(key, default, version).primary_only()

    def _replaced(self, key: Any, default: Any, timeout: Any, version: Any) -> Operation[Any]:
        """Get what is there already; store `default` in its place if it cannot be read."""
        [value] = yield [self._get(key, self._missing_key, version)]
        if value is not self._missing_key:
            return value
        yield [self._set(key, default, timeout, version)]
        return default

    def _version(self, version: int | None) -> int:
        return self.version if version is None else version


class ValkeyCache(ServerCache):
    """A cache in Valkey or Redis, reached through valkey-py."""

    driver = "valkey"


class RedisCache(ServerCache):
    """A cache in Redis or Valkey, reached through redis-py."""

    driver = "redis"


class ValkeySentinelCache(ServerCache):
    """A cache on whichever server Sentinel says is the primary, reached through valkey-py."""

    driver = "valkey"
    client_class = SentinelClient


class RedisSentinelCache(ServerCache):
    """A cache on whichever server Sentinel says is the primary, reached through redis-py."""

    driver = "redis"
    client_class = SentinelClient


class ClusterCache(ServerCache):
    """What the caches on clusters have in common."""

    client_class = ClusterClient
    topology = "cluster"

    def _incr_version(self, key: Any, delta: int, version: int) -> Operation[int]:
        """Move `key`, by copying it where the server cannot rename: the slots may differ."""
        moved = version + delta
        source, target = self.stored_key(key, version), self.stored_key(key, moved)
        if key_slot(source) == key_slot(target):
            return super()._incr_version(key, delta, version)
        return copy_and_unlink(source, target, key, moved, self.expiry(DEFAULT_TIMEOUT))


class ValkeyClusterCache(ClusterCache):
    """A cache in a cluster, reached through valkey-py."""

    driver = "valkey"


class RedisClusterCache(ClusterCache):
    """A cache in a cluster, reached through redis-py."""

    driver = "redis"
