"""The inspector of Valkey and Redis servers."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from itertools import chain
from typing import Any, Final

from django.conf import settings
from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.cluster import Cluster, ClusterClient
from django_cachex.cache.codecs import (
    can_run_code,
    can_run_code_from,
    has_pickle_imports,
    list_serializers,
)
from django_cachex.cache.connection.sync import ExchangeLimits
from django_cachex.commands import (
    CommandError,
    NotSupportedError,
    ReplyTooLarge,
    ServerUnavailable,
    WrongTypeError,
)
from django_cachex.commands.command import execute_all
from django_cachex.conf import limits
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.base import Inspector, copy_value, file_id, resolve_addresses
from django_cachex.inspectors.edits import (
    BulkResult,
    Copy,
    Edit,
    EditResult,
    EditStatus,
    ExpireCondition,
    Rename,
)
from django_cachex.inspectors.health import ReadableValues, StoreFacts
from django_cachex.inspectors.info import InfoSection, Status, Text
from django_cachex.inspectors.keys import try_decode_text
from django_cachex.inspectors.masking import find_secrets, mask, mask_for_settings
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage, InvalidPosition, Query, Scope
from django_cachex.inspectors.types import (
    Element,
    Group,
    KeyChanged,
    KeyInfo,
    KeyTooLarge,
    KeyValue,
    ScanPage,
    SmallValue,
    Snippet,
)
from django_cachex.inspectors.valkey import copy
from django_cachex.inspectors.valkey.compare_and_set import (
    EditTarget,
    NotSerializable,
    UnsafeForOtherCache,
    compare_and_set,
)
from django_cachex.inspectors.valkey.copy import MAX_COPY_SIZE
from django_cachex.inspectors.valkey.edit import (
    edit_operation,
    expire,
    expire_if,
    unlink,
    unlink_batches,
)
from django_cachex.inspectors.valkey.element_rows import read_element
from django_cachex.inspectors.valkey.errors import (
    none_if_denied,
    reply_checking_client,
    require_reply,
)
from django_cachex.inspectors.valkey.health import fetch_facts, try_reading
from django_cachex.inspectors.valkey.info import build_sections, parse_number
from django_cachex.inspectors.valkey.key_info import TYPES, describe
from django_cachex.inspectors.valkey.read import read_groups, read_key
from django_cachex.inspectors.valkey.scan import KeyScan, primary_nodes
from django_cachex.inspectors.valkey.small_values import read_small_values
from django_cachex.inspectors.valkey.snippets import DatabaseAddress, cli_snippet
from django_cachex.inspectors.values import ValueFormat, serializer_format
from django_cachex.inspectors.values.formats import PROBE_SIZE, decompress

# A retry would double the time that a page waits, decoding by the driver would corrupt values, and
# the application's limit on its connections does not apply to the admin.
CONNECTION_OVERRIDES: Final[Mapping[str, Any]] = {
    "retry": None,
    "retry_on_timeout": False,
    "retry_on_error": (),
    "decode_responses": False,
    "protocol": 2,
    "max_connections": None,
}

CHUNK_SIZE: Final = 1024 * 1024
"""Bytes per chunk of a download."""

SERVER_ID_FIELDS: Final = ("run_id", "master_replid")
"""Fields of INFO that identify a server."""

MAX_REPLY_SIZE: Final = MAX_COPY_SIZE + 8 * 1024 * 1024
"""Maximum size in bytes of a reply: `DUMP` returns a whole key."""

NODE_TIMEOUT_DIVISOR: Final = 4
"""The timeout for one node of a cluster is the admin's timeout divided by this.

A search can then continue on other nodes if one does not reply."""


def is_server_absent(error: BaseException | None) -> bool:
    """Return whether an error was caused by an address at which no server listens."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError | FileNotFoundError | socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False


class ServerInspector(Inspector):
    """An alias whose entries are keys of a Valkey or Redis server.

    It reads from the primary over connections of its own, independent of the application's pool.
    Methods raise `CachexError` if the server can't be reached or refuses a command.
    """

    may_block = True

    can_list = can_get = can_add = can_edit = can_keep_ttl = can_delete = True
    can_ttl = can_expire = can_extend = can_incr = can_rename = can_copy = True
    can_type = can_page = can_edit_elements = can_download = can_dump = True
    can_info = can_flush = True

    health_facts = frozenset({"info", "latency", "slow_log"})

    types = TYPES
    has_random_order = True
    filters = frozenset(
        {"expires_within", "expires_after", "larger_than", "idle_for", "value_contains"}
    )
    optional_columns = ("memory", "idle", "encoding")
    creatable_types = TYPES

    # Any: the attributes of Django's backend that are used here are private and have no stubs.
    cache: Any

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        self.disable_listing_of_unknown_keys()

    # Hooks for the backends.

    @property
    def driver(self) -> str:
        """The driver's name, as `Client.from_settings` takes it."""
        raise NotImplementedError

    @property
    def urls(self) -> Sequence[str]:
        """The URLs of the servers, the primary first, with passwords."""
        raise NotImplementedError

    def dumps(self, value: Any) -> bytes | str | int:
        """Serialize a value as the backend does."""
        raise NotImplementedError

    @property
    def serializer(self) -> Any:
        """The serializer of the cache."""
        raise NotImplementedError

    def python_snippet(self, stored: bytes, type: str | None) -> str | None:
        """Return Python code that reads a key, or None if the cache has no method for it."""
        raise NotImplementedError

    @property
    def client_class(self) -> type[Client]:
        """The client class for the topology of the servers."""
        return Client

    @property
    def is_cluster(self) -> bool:
        return issubclass(self.client_class, ClusterClient)

    # Identity.

    @property
    def options(self) -> Mapping[str, Any]:
        return self.params.get("OPTIONS") or {}

    @cached_property
    def client(self) -> Client:
        """A client of the primary with the admin's timeouts."""
        return self._make_client(limits().timeout)

    def _make_client(self, seconds: float) -> Client:
        client = reply_checking_client(self.client_class).from_settings(
            self.driver,
            list(self.urls),
            self.options,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            exchange_limits=ExchangeLimits(seconds, MAX_REPLY_SIZE),
            **CONNECTION_OVERRIDES,
        )
        return client.primary

    @cached_property
    def scan_client(self) -> Client:
        """The client that lists keys; its timeout is shorter for the nodes of a cluster."""
        if not self.is_cluster:
            return self.client
        return self._make_client(limits().timeout / NODE_TIMEOUT_DIVISOR)

    @cached_property
    def value_format(self) -> ValueFormat:
        """The format in which the application stores its values."""
        return serializer_format(self.serializer, self.dumps)

    @property
    def serializer_name(self) -> str:
        return self.value_format.name

    @property
    def address(self) -> DatabaseAddress:
        """The address of the primary's database; raises ValueError for an invalid URL."""
        return DatabaseAddress.of(next(iter(self.urls), ""), self.options)

    def address_of(self, stored: bytes) -> DatabaseAddress:
        """Return the address at which a key is read; raises ValueError for an invalid URL."""
        return self.address

    @property
    def location(self) -> str:
        return mask(", ".join(self.urls), find_secrets(self.params))

    @property
    def display_address(self) -> str:
        """The address of the servers, for display."""
        plain = self.client_class is Client
        return str(self.address if plain else self.client.server.address)

    @property
    def configured_store_id(self) -> Hashable:
        if self.client_class is not Client:
            # With Sentinel or a cluster, the URLs do not identify one server.
            return ("valkey", self.display_address)
        try:
            return self.address.store
        except ValueError:
            return super().configured_store_id

    def notes(self) -> Sequence[Text]:
        if not self.is_cluster:
            return super().notes()
        return [
            *super().notes(),
            gettext_lazy(
                "This is a cluster. Keys are listed from all primaries. Server information is "
                "from one node."
            ),
        ]

    def fetch_store_ids(self) -> frozenset[str]:
        """Return the IDs of the servers from INFO, and their addresses.

        A replica has the `master_replid` of its primary. See https://valkey.io/commands/info/
        """
        ids = super().fetch_store_ids() | self._addresses()
        return ids | {f"{server_id}/{self.database}" for server_id in self._server_ids()}

    @property
    def database(self) -> int:
        """The number of the database; 0 if the URL has none."""
        with suppress(ValueError):
            return 0 if self.client_class is ClusterClient else self.address.database
        return 0

    def may_share_store(self, other: Inspector) -> bool:
        return isinstance(other, ServerInspector) and other.database == self.database

    def _addresses(self) -> frozenset[str]:
        """Return the addresses of a single server, which identify it if INFO is denied."""
        if self.is_cluster or self.client_class is not Client:
            return frozenset()
        try:
            address = self.address
        except ValueError:
            return frozenset()
        addresses = {file_id(address.host)}
        if address.scheme != "unix":
            addresses = set(resolve_addresses(address.host, address.port))
        return frozenset(f"{server_address}/{address.database}" for server_address in addresses)

    def _server_ids(self) -> set[str]:
        """Return the IDs of all primaries; servers that are down or deny INFO have none."""
        # A short timeout: identifying a server is not worth a long wait.
        client = self._make_client(limits().timeout / NODE_TIMEOUT_DIVISOR)
        commands = [client._info("server"), client._info("replication")]
        try:
            servers = primary_nodes(client)
            servers.begin()
            replies = [server.run(execute_all(commands)) for server in servers.servers().values()]
        except ServerUnavailable as error:
            if not is_server_absent(error):
                raise
            return set()
        infos = [none_if_denied(reply) or {} for reply in chain.from_iterable(replies)]
        return {info[name] for info in infos for name in SERVER_ID_FIELDS if name in info}

    def status(self) -> Status:
        """Return figures from DBSIZE and INFO, and the latency without the time to connect."""
        self.client.collect([self.client._ping()])  # Connects; an error reply is fine, too.
        started = time.perf_counter()
        keys, memory = self.client.collect([self.client._dbsize(), self.client._info("memory")])
        latency = time.perf_counter() - started
        used = parse_number(none_if_denied(memory) or {}, "used_memory")
        return Status(keys=none_if_denied(keys), memory=used, latency=latency)

    # Keys.

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        return self.naming.scopes

    def scan(self, query: Query, token: str, limit: int, deadline: float) -> ScanPage:
        """Return some keys, as documented for `Inspector.scan`.

        `examined` is an estimate: SCAN does not report how many keys it examined.
        """
        key_range, pattern = self.key_range(query.scope), query.pattern
        is_exact = key_range.glob_is_exact and pattern.glob_is_exact

        def accepts(stored: bytes) -> bool:
            return not query.is_excluded(stored) and key_range.matches(stored, pattern)

        search = KeyScan(
            client=self.scan_client,
            nodes=primary_nodes(self.scan_client),
            query=query,
            glob=key_range.glob(pattern),
            accepts=None if is_exact and query.exclude is None else accepts,
            optional_columns=self.optional_columns,
            is_expensive=pattern.scans_whole_name or not key_range.glob_is_exact,
        )
        return search.run(token, limit, deadline)

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[KeyInfo]:
        return describe(self.client, keys, columns)

    def read(self, stored: bytes, page: ElementPage = FIRST_PAGE) -> KeyValue | None:
        return read_key(self.client, stored, self.value_format, page)

    def read_small(self, keys: Sequence[bytes], max_bytes: int) -> Iterator[SmallValue]:
        return read_small_values(self.client, keys, self.value_format, max_bytes)

    def read_element(self, stored: bytes, type: str, element_id: str) -> Element | None:
        try:
            return read_element(self.client, stored, type, element_id, self.value_format)
        except (WrongTypeError, InvalidPosition):
            return None

    def iter_chunks(self, stored: bytes) -> Iterator[bytes]:
        size, position = None, 0
        while size is None or position < size:
            part = self.client._getrange(stored, position, position + CHUNK_SIZE - 1)
            replies = self.client.collect([part, self.client._strlen(stored)])
            chunk, length = map(require_reply, replies)
            size = length if size is None else size
            if length != size or len(chunk) != min(CHUNK_SIZE, size - position):
                raise KeyChanged
            position += len(chunk)
            if chunk:
                yield chunk

    def dump(self, stored: bytes) -> bytes | None:
        dumped = self.client.run(copy.dump_key(stored))
        if isinstance(dumped, copy.DumpedKey):
            return dumped.payload
        if dumped.is_refused:
            raise KeyTooLarge(str(dumped.reason))
        return None

    def groups(self, stored: bytes) -> Sequence[Group]:
        return self.client.run(read_groups(stored))

    def snippets(self, stored: bytes, type: str | None) -> Sequence[Snippet]:
        try:
            address = self.address_of(stored)
        except ValueError:
            address = None
        is_cluster = self.client_class is ClusterClient
        shell = Snippet("valkey-cli", cli_snippet(address, stored, type, is_cluster))
        python = self.python_snippet(stored, type)
        return [shell, Snippet("Python", python)] if python else [shell]

    def application_key(self, stored: bytes) -> str | None:
        """Return the key as application code names it, or None if it is unknown."""
        name = self.naming.extract_key(stored)
        key = None if name is None else try_decode_text(name)
        return key if key is not None and self.make_key(key) == stored else None

    # Changes.

    def apply(self, stored: bytes, edit: Edit) -> EditResult:
        try:
            if isinstance(edit, Rename | Copy):
                check_move_readers(self, stored, edit)
                if isinstance(edit, Rename):
                    return self.rename(stored, edit)
                return self.copy(stored, edit)
            check = partial(check_other_readers, self, stored)
            steps = edit_operation(EditTarget(stored, self.value_format, check), edit)
            return self.unsupported_result() if steps is None else self.client.run(steps)
        except (CommandError, ReplyTooLarge) as error:
            return EditResult.refusal(mask_for_settings(str(error), self.params))
        except InvalidPosition:
            return EditResult(EditStatus.ELEMENT_GONE)
        except UnsafeForOtherCache as error:
            return EditResult.refusal(str(error))
        except NotSerializable as error:
            reason = gettext_lazy("This cache's serializer can't store the value: %(reason)s")
            return EditResult.refusal(reason % {"reason": error})

    def rename(self, stored: bytes, edit: Rename) -> EditResult:
        if not self.same_slot(stored, edit.to):
            return copy.rename_via_dump(self.client, stored, edit)
        return self.client.run(
            compare_and_set([stored, edit.to], lambda: copy.rename(stored, edit))
        )

    def copy(self, stored: bytes, edit: Copy) -> EditResult:
        other = edit.into or self
        if not isinstance(other, ServerInspector) or not self.same_format(other):
            return copy_value(self, stored, edit)
        if other.configured_store_id != self.configured_store_id or not self.same_slot(
            stored, edit.to
        ):
            return copy.copy_via_dump(self.client, stored, other.client, edit)
        return self.client.run(compare_and_set([stored, edit.to], lambda: copy.copy(stored, edit)))

    def same_slot(self, key: bytes, other: bytes) -> bool:
        """Return whether both keys are in the same slot, so that one command can use both."""
        server = self.client.server
        if not isinstance(server, Cluster):
            return True
        return server.slots.find_slot(key) == server.slots.find_slot(other)

    def same_format(self, other: ServerInspector) -> bool:
        """Return whether another alias can read the values that this one stores."""
        return other.value_format.can_read(self.value_format)

    def copies_into(self, other: Inspector) -> bool:
        return other.can_add

    def delete(self, keys: Sequence[bytes]) -> int:
        commands = [self.client._unlink(*batch) for batch in unlink_batches(keys)]
        return sum(require_reply(count) for count in self.client.collect(commands))

    def delete_each(self, keys: Sequence[bytes]) -> BulkResult:
        return unlink(self.client, keys)

    def expire_each(self, keys: Sequence[bytes], ttl: int) -> BulkResult:
        return expire(self.client, keys, ttl)

    def expire_if(self, keys: Sequence[bytes], ttl: int, condition: ExpireCondition) -> BulkResult:
        try:
            return expire_if(self.client, keys, ttl, condition)
        except NotSupportedError:  # Before Redis 7.0.
            return super().expire_if(keys, ttl, condition)

    # Information.

    def info(self) -> Sequence[InfoSection]:
        [reply] = self.client.collect([self.client._info()])
        info = none_if_denied(reply)
        if info is None:
            note = gettext_lazy("The user that this cache connects as isn't allowed to run INFO.")
            return [InfoSection(gettext_lazy("Server"), note=note)]
        return build_sections(info, self.address.database)

    def fetch_facts(self) -> StoreFacts:
        return fetch_facts(self.client)

    def try_reading(self, infos: Sequence[KeyInfo], most: int) -> ReadableValues | None:
        return try_reading(self.client, self.value_format, infos, most)


SAFE_FORMATS: Final = frozenset(("pickle", "json"))
"""Formats in which a value typed in the admin can't become a program.

The admin writes pickles of plain data only, and no JSON text starts like a pickle."""

MAX_PROBED_SIZE: Final = 64 * PROBE_SIZE


def check_other_readers(inspector: ServerInspector, stored: bytes, data: bytes) -> None:
    """Raise `UnsafeForOtherCache` if another cache could run bytes that are about to be stored."""
    if inspector.value_format.format == "pickle":
        return
    # Other caches are looked up only if the bytes could be a program.
    whole, after_marker = find_programs(data), find_programs(data[1:])
    if (whole or after_marker) and any(
        can_run_code_from(other.serializer, program)
        for other in other_readers(inspector, stored)
        for program in (after_marker if other.value_format.markers else whole)
    ):
        raise UnsafeForOtherCache(
            _(
                "Another cache could read this key with a different serializer and run the "
                "value as code, because it looks like a pickle to that cache. Give the two "
                "caches prefixes that don't overlap."
            )
        )


def find_programs(data: bytes) -> list[bytes]:
    """Return what could be a program: the bytes, what they decompress to, both, or neither."""
    decompressed = decompress(data, MAX_PROBED_SIZE)
    contents = (data, decompressed.data if decompressed else b"")
    return [content for content in contents if has_pickle_imports(content)]


def check_move_readers(source: ServerInspector, stored: bytes, edit: Rename | Copy) -> None:
    """Raise `UnsafeForOtherCache` if a cache that could run the value can read its new name."""
    target = (edit.into if isinstance(edit, Copy) else None) or source
    if not isinstance(target, ServerInspector) or not source.same_format(target):
        return  # The value is serialized again and checked then.
    if {source.value_format.format, *source.value_format.other_formats} <= SAFE_FORMATS:
        return
    current_readers = {source.alias, *(other.alias for other in other_readers(source, stored))}
    if any(
        other.alias not in current_readers
        and any(map(can_run_code, list_serializers(other.serializer)))
        for other in other_readers(target, edit.to)
    ):
        raise UnsafeForOtherCache(
            _(
                "Another cache could read the key under its new name with a different "
                "serializer and run the value as code. Give the two caches prefixes that "
                "don't overlap."
            )
        )


def other_readers(inspector: ServerInspector, stored: bytes) -> Iterator[ServerInspector]:
    """Yield the other caches of `settings.CACHES` that may own a stored key.

    A server can have several addresses, so every cache with the same database number counts.
    Caches that read only with the serializer that writes here are left out.
    """
    writer = type(list_serializers(inspector.serializer)[0])
    for alias in settings.CACHES:
        other = inspector_for(alias) if alias != inspector.alias else None
        if (
            isinstance(other, ServerInspector)
            and (
                other.configured_store_id == inspector.configured_store_id
                or inspector.may_share_store(other)
            )
            and any(type(one) is not writer for one in list_serializers(other.serializer))
            and may_own(other, stored)
        ):
            yield other


def may_own(inspector: Inspector, stored: bytes) -> bool:
    """Return whether a stored key may belong to an alias, in any version."""
    naming = inspector.naming
    if naming.prefix is None or inspector.owns(stored):
        return True
    return naming.keyspace is not None and naming.keyspace.contains(stored)
