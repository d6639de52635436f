"""The base class of the caches: it encodes and decodes keys and values, and sends commands."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, cast

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache, default_key_func
from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.client import Client, MisconfiguredClient
from django_cachex.cache.codecs import list_serializers, make_serializer
from django_cachex.cache.configuration import parse_locations
from django_cachex.cache.ignore_exceptions import (
    ALL,
    IgnoreCounterExceptionsClient,
    IgnoreExceptionsClient,
    is_server_error,
    is_state_error,
    unreadable_log,
)
from django_cachex.cache.keys import build_pattern, find_keyspace, find_prefix
from django_cachex.cache.options import (
    get_connection_options,
    normalize_options,
    validate_cache_options,
)
from django_cachex.cache.pipeline import Pipeline
from django_cachex.cache.serializers import PickleSerializer, unpickle_all
from django_cachex.cache.stampede import parse_protection
from django_cachex.cache.statistics import CountingExecutor, get_statistics
from django_cachex.commands import AllCommands
from django_cachex.commands.args import encode_arg, timeout_to_ms
from django_cachex.commands.base import Commands
from django_cachex.commands.command import (
    Command,
    Operation,
    async_method,
    copy_docstring,
    sync_method,
)
from django_cachex.commands.scan import SCAN_COUNT, ScanIterMixin, scan_and_unlink

T = TypeVar("T")

_are_str = frozenset((str,)).issuperset
# Keys that memcached accepts. For others, Django's method words the warning.
_is_portable = re.compile(r"[^\x00-\x20\x7f]{0,250}").fullmatch


# Stored members are pickles, which don't start with text, or whole numbers.
_may_match_pickle = re.compile(r"[*?\[\\0-9-]").match


def _fast_make_keys(start: str, keys: list[str]) -> list[bytes] | None:
    """Return the stored keys that begin with `start`; None unless memcached accepts them all."""
    joined = f"{start}{f' {start}'.join(keys)}"
    if joined.isascii() and joined.isprintable() and joined.count(" ") == len(keys) - 1:
        stored = joined.encode().split(b" ")
        if max(map(len, stored)) <= 250:
            return stored
    return None


class CommandCache(AllCommands[str], ScanIterMixin[str], BaseCache):
    """A Django cache with commands. Keys get a prefix and a version, and values are serialized."""

    _driver: ClassVar[str]
    _client_class: ClassVar[type[Client]] = Client
    """The class of the client, which depends on the topology."""

    _config_error: ImproperlyConfigured | None = None
    """What is wrong with the settings of the cache. It is raised when the cache is used."""

    _keys_are_ours: ClassVar[bool] = True
    _timeout_is_ours: ClassVar[bool] = True

    def __init__(self, server: str | Sequence[str], params: dict[str, Any]) -> None:
        given = params.get("OPTIONS", {})
        options: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        super().__init__({**params, "OPTIONS": options})
        try:
            options = normalize_options(options)
            validate_cache_options(options if isinstance(given, Mapping) else given)
            self._location = parse_locations(server, self._driver)
            self._serializer = make_serializer(options)
            self._stampede_protection = parse_protection(options.get("stampede_protection"))
            self.client = self._client_class.from_options(
                self._driver, self._location, get_connection_options(options)
            )
        except ImproperlyConfigured as error:
            self._config_error = error
            self._location, self._serializer = [], PickleSerializer()
            self._stampede_protection = None
            self.client = cast(Client, MisconfiguredClient(error))
        self._options = options
        self.statistics = get_statistics(self._driver, server, params)
        """Counters of how this process uses the cache."""
        self._ignore_unreadable_values = bool(options.get("ignore_unreadable_values"))
        self._strict_executor = CountingExecutor(self.client, self.statistics)
        """Ignores no failures: a lock must not be held by two."""
        self._executor = self._counter_executor = self._strict_executor
        if ignored := options.get("ignore_exceptions"):
            is_ignored = is_server_error if ignored == ALL else is_state_error
            ignoring = IgnoreExceptionsClient(self.client, self.statistics, is_ignored)
            self._executor = CountingExecutor(ignoring, self.statistics)
        if ignored == ALL:
            ignoring = IgnoreCounterExceptionsClient(self.client, self.statistics, is_ignored)
            self._counter_executor = CountingExecutor(ignoring, self.statistics)
        elif options.get("ignore_counter_exceptions"):
            self._counter_executor = self._executor

    def _run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or the steps of an operation on one connection, and return the result."""
        return self._executor.run(command)

    async def _arun(self, command: Command[T] | Operation[T]) -> T:
        """Do the same as `_run`, on the running event loop."""
        return await self._executor.arun(command)

    def _record_lookup(self, hits: int, misses: int) -> None:
        self.statistics.hits += hits
        self.statistics.misses += misses

    def pipeline(self, transaction: bool = False) -> Pipeline:
        """Return an empty pipeline, which sends many commands in one round trip.

        Args:
            transaction: let the server run the commands without any others in between.
        """
        return Pipeline(self, transaction)

    def validate_key(self, key: Any) -> None:
        """Warn about a key that memcached wouldn't accept, as Django's backends do."""
        if not (isinstance(key, bytes) or _is_portable(key)):
            super().validate_key(key)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        makers = "make_key", "make_and_validate_key", "validate_key"
        cls._keys_are_ours = all(
            getattr(cls, name) is getattr(CommandCache, name) for name in makers
        )
        cls._timeout_is_ours = cls.get_backend_timeout is CommandCache.get_backend_timeout

    def _stored_key(self, key: Any, version: Any = None) -> bytes:
        """Return the stored key, and warn about it as Django's backends do."""
        if self._keys_are_ours and self.key_func is default_key_func:
            # The same as Django's function makes, but without three calls.
            stored = f"{self.key_prefix}:{self.version if version is None else version}:{key}"
            if not _is_portable(stored):
                self.validate_key(stored)
            return stored.encode("utf-8", "surrogateescape")
        return Commands._stored_key(self, self.make_and_validate_key(key, version=version))

    def _stored_keys(self, keys: Iterable[Any], version: Any = None) -> list[bytes]:
        if not (self._keys_are_ours and self.key_func is default_key_func):
            return super()._stored_keys(keys, version)
        start = f"{self.key_prefix}:{self.version if version is None else version}:"
        keys = list(keys)
        if _are_str(map(type, keys)) and (stored := _fast_make_keys(start, keys)) is not None:
            return stored
        names = [f"{start}{key}" for key in keys]
        for name in names:
            self.validate_key(name)
        return [name.encode("utf-8", "surrogateescape") for name in names]

    def _stored_pattern(self, pattern: Any, version: Any = None) -> bytes:
        """Return the glob pattern of stored keys for a pattern in which only `*` is a wildcard."""
        return build_pattern(self._make_stored_key, Commands._stored_key(self, pattern), version)

    def _decode_keys(self, stored: list[bytes], version: Any = None) -> list[str]:
        """Return the keys of stored keys, all of which must have the version `version`."""
        before = find_prefix(self._make_stored_key, version)
        return [key.removeprefix(before).decode("utf-8", "surrogateescape") for key in stored]

    def _decode_name(self, stored: bytes) -> str:
        """Return the name of a field, an id, a group or a consumer."""
        return stored.decode("utf-8", "surrogateescape")

    def _decode_names(self, stored: Iterable[bytes]) -> list[str]:
        return [name.decode("utf-8", "surrogateescape") for name in stored]

    def _encode(self, value: Any) -> bytes | int:
        """Return what is stored for `value`; raise what the serializer raises."""
        return encode_arg(self._serializer.dumps(value))

    def _decode(self, data: bytes) -> Any:
        """Return the value of stored bytes; raise what the serializer raises."""
        return self._serializer.loads(data)

    def _is_miss(self, stored: bytes, error: Exception) -> bool:
        if self._ignore_unreadable_values:
            self.statistics.unreadable += 1
            unreadable_log.add(f"{stored!r}, {type(error).__name__}: {error}")
        return self._ignore_unreadable_values

    def _member_pattern(self, pattern: bytes | str | None) -> bytes | str | None:
        serializers = list_serializers(self._serializer)
        if not isinstance(pattern, str) or not pattern or _may_match_pickle(pattern):
            return pattern
        if all(isinstance(one, PickleSerializer) for one in serializers):
            raise ValueError(
                f"No member is stored as text that matches “{pattern}”: members are pickled. To "
                "look for one member, use sismember(key, member) or zscore(key, member)."
            )
        return pattern

    def _encode_all(self, values: Iterable[Any]) -> list[bytes | int]:
        dumped = map(self._serializer.dumps, values)
        return [data if type(data) is bytes else encode_arg(data) for data in dumped]

    def _decode_all(self, replies: Iterable[bytes | None]) -> list[Any]:
        serializer = self._serializer
        if type(serializer) is PickleSerializer:
            return unpickle_all(replies)
        return [None if data is None else serializer.loads(data) for data in replies]

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> Any:
        """Return the timeout of an entry in seconds.

        Args:
            timeout: a number of seconds, a timedelta, or None to never expire; the alias's TIMEOUT
                by default.

        Returns:
            The seconds; 0 if the entry isn't stored at all, and None if it never expires.
        """
        if timeout == DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        expiry = timeout_to_ms(timeout)
        return None if expiry is None else expiry / 1000

    def _get_timeout_ms(self, timeout: Any) -> int | None:
        if timeout is DEFAULT_TIMEOUT and self._timeout_is_ours:
            default: Any = self.default_timeout
            if type(default) is int and 0 < default < 2**31:
                return default * 1000
        return timeout_to_ms(self.get_backend_timeout(timeout))

    def _make_stored_key(self, key: Any, version: Any = None) -> bytes:
        """Return the stored key without validating it."""
        return Commands._stored_key(self, self.make_key(key, version=version))

    def _clear(self) -> Operation[None]:
        """Delete the keys with the alias's prefix, in every version, and no others.

        To recognize them, it needs stored keys that contain the version as a whole number and end
        with the key, as Django's key function makes them.

        Raises:
            KeyFunctionNotSupported: the KEY_FUNCTION makes other keys. Use `flush_db` if the
                database contains nothing else.

        See https://valkey.io/commands/scan/
        """
        own = find_keyspace(self._make_stored_key, self.version)
        yield from scan_and_unlink(own.pattern, own.contains)

    def _delete_pattern(
        self, pattern: str, version: int | None = None, *, itersize: int = SCAN_COUNT
    ) -> Operation[int]:
        """Delete the keys that match a pattern.

        Args:
            pattern: the pattern, in which `*` is the only wildcard.
            version: the version of the keys; the alias's VERSION by default.
            itersize: how many keys the server examines at a time. A larger number delays its other
                clients.

        Returns:
            How many keys were deleted.

        Raises:
            ValueError: the pattern is empty.
            KeyFunctionNotSupported: the KEY_FUNCTION doesn't keep the key at the end.

        See https://valkey.io/commands/scan/
        """
        if not pattern:
            raise ValueError("An empty pattern matches nothing; “*” matches every key.")
        return (yield from scan_and_unlink(self._stored_pattern(pattern, version), count=itersize))

    delete_pattern, adelete_pattern = sync_method(_delete_pattern), async_method(_delete_pattern)

    def iter_keys(
        self, pattern: str = "*", *, version: int | None = None, itersize: int = SCAN_COUNT
    ) -> Iterator[str]:
        """Iterate over the keys that match a pattern.

        Args:
            pattern: the pattern, in which `*` is the only wildcard; any key by default.
            version: the version of the keys; the alias's VERSION by default.
            itersize: how many keys the server examines at a time. A larger number delays its other
                clients.

        Returns:
            An iterator of keys, which may repeat a key.

        Raises:
            KeyFunctionNotSupported: the KEY_FUNCTION doesn't keep the key at the end.

        See https://valkey.io/commands/scan/
        """
        cursor = -1
        while cursor:
            cursor, keys = self.scan(max(cursor, 0), pattern, itersize, version=version)
            yield from keys

    @copy_docstring(iter_keys)
    async def aiter_keys(
        self, pattern: str = "*", *, version: int | None = None, itersize: int = SCAN_COUNT
    ) -> AsyncIterator[str]:
        cursor = -1
        while cursor:
            cursor, keys = await self.ascan(max(cursor, 0), pattern, itersize, version=version)
            for key in keys:
                yield key

    def keys(self, pattern: str = "*", version: int | None = None) -> list[str]:
        """Return all keys that match a pattern. Use `iter_keys` if there may be many.

        Args:
            pattern: the pattern, in which `*` is the only wildcard; any key by default.
            version: the version of the keys; the alias's VERSION by default.

        Returns:
            A list of keys, without duplicates.

        Raises:
            KeyFunctionNotSupported: the KEY_FUNCTION doesn't keep the key at the end.

        See https://valkey.io/commands/scan/
        """
        return list(dict.fromkeys(self.iter_keys(pattern, version=version)))

    @copy_docstring(keys)
    async def akeys(self, pattern: str = "*", version: int | None = None) -> list[str]:
        return list({key: None async for key in self.aiter_keys(pattern, version=version)})
