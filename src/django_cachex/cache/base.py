"""How a cache makes keys and values, on top of Django's base class and a client."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any, ClassVar, TypeVar, cast

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache, default_key_func
from django.core.exceptions import ImproperlyConfigured

from django_cachex.cache.client import Client, MisconfiguredClient
from django_cachex.cache.codecs import make_serializer
from django_cachex.cache.configuration import parse_locations
from django_cachex.cache.ignore_exceptions import IgnoreExceptionsClient, unreadable_log
from django_cachex.cache.keys import build_pattern, find_keyspace, find_prefix
from django_cachex.cache.options import (
    FLAG_OPTIONS,
    find_value_errors,
    get_connection_options,
    raise_first,
)
from django_cachex.cache.pipeline import Pipeline
from django_cachex.cache.serializers import PickleSerializer, unpickle_all
from django_cachex.cache.stampede import parse_protection
from django_cachex.cache.statistics import get_statistics
from django_cachex.commands.all import AllCommands
from django_cachex.commands.args import BlockingCommand, encode_arg, timeout_to_ms
from django_cachex.commands.base import Commands
from django_cachex.commands.command import Command, Operation, async_method, sync_method
from django_cachex.commands.scan import SCAN_COUNT, ScanIterMixin, scan_and_unlink
from django_cachex.commands.server import ServerCommands
from django_cachex.exceptions import CachexError

T = TypeVar("T")

_plain = frozenset((str,)).issuperset
# What Django calls portable to memcached. Its own loop finds the words for the warning.
_portable = re.compile(r"[^\x00-\x20\x7f]{0,250}").fullmatch


def _made_at_once(before: str, keys: list[str]) -> list[bytes] | None:
    """Return `keys` with `before` in front of each, if all that makes are portable; else None."""
    together = f"{before}{f' {before}'.join(keys)}"
    if together.isascii() and together.isprintable() and together.count(" ") == len(keys) - 1:
        made = together.encode().split(b" ")
        if max(map(len, made)) <= 250:
            return made
    return None


class CacheCommands(AllCommands[str], ScanIterMixin[str], BaseCache):
    """The commands of a Django cache: keys get prefix and version, values are serialized."""

    driver: ClassVar[str]
    client_class: ClassVar[type[Client]] = Client
    """What makes servers of LOCATION and OPTIONS: the topology."""

    refusal: ImproperlyConfigured | None = None
    """What is wrong with its settings; whoever uses it is told."""

    _keys_are_ours: ClassVar[bool] = True
    _timeout_is_ours: ClassVar[bool] = True

    def __init__(self, server: str | Sequence[str], params: dict[str, Any]) -> None:
        options = params.get("OPTIONS", {})
        is_dict = isinstance(options, Mapping)
        options = options if is_dict else {}
        super().__init__({**params, "OPTIONS": options})
        try:
            if not is_dict:
                raise ImproperlyConfigured("OPTIONS must be a dict.")
            if flags := FLAG_OPTIONS & options.keys():
                raise_first(find_value_errors({name: options[name] for name in flags}))
            self.location = parse_locations(server)
            self.serializer = make_serializer(options)
            self.protection = parse_protection(options.get("stampede_protection"))
            self.client = self.client_class.from_options(
                self.driver, self.location, get_connection_options(options)
            )
        except ImproperlyConfigured as error:
            self.refusal = error
            self.location, self.serializer = [], PickleSerializer()
            self.protection = None
            self.client = cast(Client, MisconfiguredClient(error))
        self.statistics = get_statistics(self.driver, server, params)
        """What this process knows of its use of this cache."""
        self._way: Client | IgnoreExceptionsClient = self.client
        if options.get("ignore_exceptions"):
            self._way = IgnoreExceptionsClient(self.client, self.statistics)
        self.ignores_unreadable_values = bool(options.get("ignore_unreadable_values"))
        self._way_to_count = self._way if options.get("ignore_counter_exceptions") else self.client

    def run(self, command: Command[T] | Operation[T]) -> T:
        """Send a command, or the steps of an operation over one connection; return the result."""
        return self._measured(self._way, command)

    async def arun(self, command: Command[T] | Operation[T]) -> T:
        """Do what `run` does, on the running event loop."""
        return await self._ameasured(self._way, command)

    def count(self, command: Command[T] | Operation[T]) -> T:
        """Do what `run` does for a counter, which raises rather than lie."""
        return self._measured(self._way_to_count, command)

    async def acount(self, command: Command[T] | Operation[T]) -> T:
        """Do what `count` does, on the running event loop."""
        return await self._ameasured(self._way_to_count, command)

    def insist(self, command: Command[T] | Operation[T]) -> T:
        """Do what `run` does, and raise whatever went wrong: locks that fail open are none."""
        return self._measured(self.client, command)

    async def ainsist(self, command: Command[T] | Operation[T]) -> T:
        """Do what `insist` does, on the running event loop."""
        return await self._ameasured(self.client, command)

    def _measured(
        self, way: Client | IgnoreExceptionsClient, command: Command[T] | Operation[T]
    ) -> T:
        statistics = self.statistics
        statistics.calls += 1
        began = perf_counter()
        try:
            return way.run(command)
        except CachexError:
            statistics.errors += 1
            raise
        finally:
            if not isinstance(command, BlockingCommand):
                statistics.seconds += perf_counter() - began

    async def _ameasured(
        self, way: Client | IgnoreExceptionsClient, command: Command[T] | Operation[T]
    ) -> T:
        statistics = self.statistics
        statistics.calls += 1
        began = perf_counter()
        try:
            return await way.arun(command)
        except CachexError:
            statistics.errors += 1
            raise
        finally:
            if not isinstance(command, BlockingCommand):
                statistics.seconds += perf_counter() - began

    def record_lookup(self, hits: int, misses: int) -> None:
        self.statistics.hits += hits
        self.statistics.misses += misses

    def pipeline(self, transaction: bool = False) -> Pipeline:
        """Return an empty pipeline of this cache's keys and values."""
        return Pipeline(self, self, transaction)

    def validate_key(self, key: Any) -> None:
        if not (isinstance(key, bytes) or _portable(key)):
            super().validate_key(key)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        makers = "make_key", "make_and_validate_key", "validate_key"
        cls._keys_are_ours = all(
            getattr(cls, name) is getattr(CacheCommands, name) for name in makers
        )
        cls._timeout_is_ours = cls.get_backend_timeout is CacheCommands.get_backend_timeout

    def stored_key(self, key: Any, version: Any = None) -> bytes:
        """Return the bytes under which the server knows `key`; warn like Django's backends."""
        if self._keys_are_ours and self.key_func is default_key_func:
            # As Django's function makes it, without three calls.
            made = f"{self.key_prefix}:{self.version if version is None else version}:{key}"
            if not _portable(made):
                self.validate_key(made)
            return made.encode("utf-8", "surrogateescape")
        return Commands.stored_key(self, self.make_and_validate_key(key, version=version))

    def stored_keys(self, keys: Iterable[Any], version: Any = None) -> list[bytes]:
        if not (self._keys_are_ours and self.key_func is default_key_func):
            return super().stored_keys(keys, version)
        before = f"{self.key_prefix}:{self.version if version is None else version}:"
        keys = list(keys)
        if _plain(map(type, keys)) and (stored := _made_at_once(before, keys)) is not None:
            return stored
        made = [f"{before}{key}" for key in keys]
        for one in made:
            self.validate_key(one)
        return [one.encode("utf-8", "surrogateescape") for one in made]

    def stored_pattern(self, pattern: Any, version: Any = None) -> bytes:
        """Return the glob of the stored keys that `pattern` means; only `*` is a wildcard."""
        return build_pattern(self._made, Commands.stored_key(self, pattern), version)

    def decode_keys(self, stored: list[bytes], version: Any = None) -> list[str]:
        """Return the keys that are stored as `stored`, all of which must be of `version`."""
        before = find_prefix(self._made, version)
        return [key.removeprefix(before).decode("utf-8", "surrogateescape") for key in stored]

    def decode_name(self, stored: bytes) -> str:
        """Return the field, id, group or consumer that the server calls `stored`."""
        return stored.decode("utf-8", "surrogateescape")

    def decode_names(self, stored: Iterable[bytes]) -> list[str]:
        return [name.decode("utf-8", "surrogateescape") for name in stored]

    def encode(self, value: Any) -> bytes | int:
        """Return what to store for `value`; raise what the serializer raises."""
        return encode_arg(self.serializer.dumps(value))

    def decode(self, data: bytes) -> Any:
        """Return the value that is stored as `data`; raise what the serializer raises."""
        return self.serializer.loads(data)

    def is_miss(self, stored: bytes, error: Exception) -> bool:
        if self.ignores_unreadable_values:
            self.statistics.unreadable += 1
            unreadable_log.add(f"{stored!r}, {type(error).__name__}: {error}")
        return self.ignores_unreadable_values

    def encode_all(self, values: Iterable[Any]) -> list[bytes | int]:
        dumped = map(self.serializer.dumps, values)
        return [data if type(data) is bytes else encode_arg(data) for data in dumped]

    def decode_all(self, replies: Iterable[bytes | None]) -> list[Any]:
        serializer = self.serializer
        if type(serializer) is PickleSerializer:
            return unpickle_all(replies)
        return [None if data is None else serializer.loads(data) for data in replies]

    def get_backend_timeout(self, timeout: Any = DEFAULT_TIMEOUT) -> Any:
        """Return the seconds that an entry lives, 0 for not at all, None for ever."""
        if timeout == DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        expiry = timeout_to_ms(timeout)
        return None if expiry is None else expiry / 1000

    def expiry(self, timeout: Any) -> int | None:
        if timeout is DEFAULT_TIMEOUT and self._timeout_is_ours:
            default: Any = self.default_timeout
            if type(default) is int and 0 < default < 2**31:
                return default * 1000
        return timeout_to_ms(self.get_backend_timeout(timeout))

    def _made(self, key: Any, version: Any = None) -> bytes:
        """Return the stored key without validating it."""
        return Commands.stored_key(self, self.make_key(key, version=version))

    def _clear(self) -> Operation[None]:
        """Delete this cache's entries in every version, and nobody else's.

        Its keys are those made of its prefix, a whole number for the version, and a key. A
        KEY_FUNCTION must keep the version and, at the end, the key: else this raises
        `KeyFunctionNotSupported`, and `flush_db` remains.
        """
        own = find_keyspace(self._made, self.version)
        yield from scan_and_unlink(own.pattern, own.contains)

    def _delete_pattern(
        self, pattern: str, version: int | None = None, *, itersize: int = SCAN_COUNT
    ) -> Operation[int]:
        """Delete the keys of one version that match `pattern`, `*` standing for anything.

        Return how many there were; `itersize` is as in `iter_keys`. Raise ValueError for an empty
        pattern, `KeyFunctionNotSupported` where the KEY_FUNCTION does not keep the key at the end.
        """
        if not pattern:
            raise ValueError("An empty pattern matches nothing; “*” matches every key.")
        return (yield from scan_and_unlink(self.stored_pattern(pattern, version), count=itersize))

    delete_pattern, adelete_pattern = sync_method(_delete_pattern), async_method(_delete_pattern)
    flush_db, aflush_db = (
        sync_method(ServerCommands._flushdb),
        async_method(ServerCommands._flushdb),
    )

    def iter_keys(
        self, pattern: str = "*", *, version: int | None = None, itersize: int = SCAN_COUNT
    ) -> Iterator[str]:
        """Yield the keys of one version that match `pattern`, as they are found.

        `itersize` is how many keys the server looks at in one turn. A key may come twice.
        """
        cursor = -1
        while cursor:
            cursor, keys = self.scan(max(cursor, 0), pattern, itersize, version=version)
            yield from keys

    async def aiter_keys(
        self, pattern: str = "*", *, version: int | None = None, itersize: int = SCAN_COUNT
    ) -> AsyncIterator[str]:
        """Do what `iter_keys` does, on the running event loop."""
        cursor = -1
        while cursor:
            cursor, keys = await self.ascan(max(cursor, 0), pattern, itersize, version=version)
            for key in keys:
                yield key

    def keys(self, pattern: str = "*", version: int | None = None) -> list[str]:
        """Return the keys of one version that match `pattern`, each once."""
        return list(dict.fromkeys(self.iter_keys(pattern, version=version)))

    async def akeys(self, pattern: str = "*", version: int | None = None) -> list[str]:
        """Do what `keys` does, on the running event loop."""
        return list({key: None async for key in self.aiter_keys(pattern, version=version)})
