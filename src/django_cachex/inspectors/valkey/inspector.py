"""The inspector of Valkey and Redis servers."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, Final

from django.conf import settings
from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.routing import key_slot
from django_cachex.cache.codecs import (
    can_run_code,
    can_run_code_from,
    has_pickle_imports,
    list_serializers,
)
from django_cachex.cache.connection.sync import ExchangeLimits
from django_cachex.commands import (
    CommandError,
    Operation,
    ReplyTooLarge,
    ServerUnavailable,
    WrongTypeError,
)
from django_cachex.commands.command import execute_all
from django_cachex.conf import limits
from django_cachex.inspectors.base import Inspector, file_id, resolve_addresses
from django_cachex.inspectors.edits import BulkResult, Copy, Edit, EditResult, EditStatus, Rename
from django_cachex.inspectors.fallbacks import copy_value
from django_cachex.inspectors.info import InfoSection, Status, Text
from django_cachex.inspectors.keys import display_text, try_decode_text
from django_cachex.inspectors.masking import find_secrets, mask, mask_for_settings
from django_cachex.inspectors.query import (
    FIRST_PAGE,
    ElementPage,
    InvalidPosition,
    Query,
    Scope,
    available_scopes,
)
from django_cachex.inspectors.registry import inspector_for
from django_cachex.inspectors.types import (
    Consumer,
    Element,
    Group,
    KeyInfo,
    KeyValue,
    ScanPage,
    Snippet,
)
from django_cachex.inspectors.valkey import copy, read
from django_cachex.inspectors.valkey.compare_and_set import (
    EditTarget,
    NotSerializable,
    UnsafeForOtherCache,
    compare_and_set,
)
from django_cachex.inspectors.valkey.copy import MAX_COPY_SIZE
from django_cachex.inspectors.valkey.edit import edit_operation, expire, unlink, unlink_batches
from django_cachex.inspectors.valkey.element_rows import raw_command, read_element
from django_cachex.inspectors.valkey.errors import (
    none_if_denied,
    reply_checking_client,
    require_reply,
)
from django_cachex.inspectors.valkey.info import build_sections, parse_number
from django_cachex.inspectors.valkey.key_info import TYPES, describe
from django_cachex.inspectors.valkey.read import read_key
from django_cachex.inspectors.valkey.scan import KeyScan, primary_nodes, scan_keys
from django_cachex.inspectors.valkey.snippets import DatabaseAddress, cli_snippet
from django_cachex.inspectors.values import ValueFormat, detect_format
from django_cachex.inspectors.values.formats import PROBE_SIZE, decompress


def read_groups(client: Client, key: bytes) -> Sequence[Group]:
    """Return the consumer groups of a stream with their consumers, in two round trips."""
    return client.run(groups_operation(key))


def groups_operation(key: bytes) -> Operation[list[Group]]:
    [replies] = yield [raw_command("XINFO", "GROUPS", key)]
    group_fields = [pairs_to_dict(flat) for flat in replies]
    if not group_fields:
        return []
    consumers = yield [
        raw_command("XINFO", "CONSUMERS", key, fields[b"name"]) for fields in group_fields
    ]
    return [
        make_group(fields, group_consumers)
        for fields, group_consumers in zip(group_fields, consumers, strict=True)
    ]


def pairs_to_dict(flat: list[Any]) -> dict[bytes, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def make_group(fields: dict[bytes, Any], consumers: list[list[Any]]) -> Group:
    return Group(
        name=display_text(fields[b"name"]),
        pending=fields[b"pending"],
        last_delivered=fields[b"last-delivered-id"].decode(),
        lag=fields.get(b"lag"),  # Missing before Redis 7, and after deletions in the middle.
        consumers=[make_consumer(pairs_to_dict(flat)) for flat in consumers],
    )


def make_consumer(fields: dict[bytes, Any]) -> Consumer:
    return Consumer(display_text(fields[b"name"]), fields[b"pending"], fields[b"idle"])


class BaseServerInspector(Inspector):
    """What applies to whole keys on a server: rename, copy, download, and snippets."""

    can_rename = True
    can_copy = True
    can_download = True
    can_dump = True

    @property
    def client(self) -> Client:
        """A client of the primary with the admin's timeouts."""
        raise NotImplementedError

    @property
    def serializer(self) -> Any:
        """The serializer of the cache."""
        raise NotImplementedError

    @property
    def value_format(self) -> ValueFormat:
        """The format in which the application stores its values."""
        raise NotImplementedError

    @property
    def address(self) -> DatabaseAddress:
        """The address of the primary's database; raises ValueError for an invalid URL."""
        raise NotImplementedError

    @property
    def is_cluster(self) -> bool:
        return False

    # Rename and copy.

    def rename(self, stored: bytes, edit: Rename) -> EditResult:
        if not self.same_slot(stored, edit.to):
            return copy.rename_via_dump(self.client, stored, edit)
        return self.client.run(
            compare_and_set([stored, edit.to], lambda: copy.rename(stored, edit))
        )

    def copy(self, stored: bytes, edit: Copy) -> EditResult:
        other = edit.into or self
        if not isinstance(other, BaseServerInspector) or not self.same_format(other):
            return copy_value(self, stored, edit)
        if other.configured_store_id != self.configured_store_id or not self.same_slot(
            stored, edit.to
        ):
            return copy.copy_via_dump(self.client, stored, other.client, edit)
        return self.client.run(compare_and_set([stored, edit.to], lambda: copy.copy(stored, edit)))

    def same_slot(self, key: bytes, other: bytes) -> bool:
        """Return whether both keys are in the same slot, so that one command can use both."""
        return not self.is_cluster or key_slot(key) == key_slot(other)

    def same_format(self, other: BaseServerInspector) -> bool:
        """Return whether another alias can read the values that this one stores."""
        return other.value_format.can_read(self.value_format)

    def copies_into(self, other: Inspector) -> bool:
        return other.can_add

    # Download.

    def iter_chunks(self, stored: bytes) -> Iterator[bytes]:
        return read.read_chunks(self.client, stored)

    def dump(self, stored: bytes) -> bytes | None:
        return read.read_dump(self.client, stored)

    def groups(self, stored: bytes) -> Sequence[Group]:
        return read_groups(self.client, stored)

    # Snippets.

    def snippets(self, stored: bytes, type: str | None) -> Sequence[Snippet]:
        try:
            address = self.address
        except ValueError:
            address = None
        shell = cli_snippet(address, stored, type, self.is_cluster)
        python = self.python_snippet(stored, type)
        lines = [Snippet("valkey-cli", shell)]
        return [*lines, Snippet("Python", python)] if python else lines

    def python_snippet(self, stored: bytes, type: str | None) -> str | None:
        """Return Python code that reads a key, or None if the cache has no method for it."""
        raise NotImplementedError

    def application_key(self, stored: bytes) -> str | None:
        """Return the key as application code names it, or None if it is unknown."""
        prefix = self.naming.prefix
        if prefix is None or not stored.startswith(prefix):
            return None
        key = try_decode_text(stored.removeprefix(prefix))
        return key if key is not None and self.make_key(key) == stored else None


SAFE_FORMATS: Final = frozenset(("pickle", "json"))
"""Formats in which a value typed in the admin can't become a program.

The admin writes pickles of plain data only, and no JSON text starts like a pickle."""

MAX_PROBED_SIZE: Final = 64 * PROBE_SIZE


def check_other_readers(inspector: BaseServerInspector, stored: bytes, data: bytes) -> None:
    """Raise `UnsafeForOtherCache` if another cache could run bytes that are about to be stored."""
    if inspector.value_format.format == "pickle":
        return
    decompressed = decompress(data, MAX_PROBED_SIZE)
    # Other caches are looked up only if the bytes could be a program.
    suspects = [
        content
        for content in (data, decompressed.data if decompressed else b"")
        if has_pickle_imports(content)
    ]
    if suspects and any(
        can_run_code_from(other.serializer, content)
        for other in other_readers(inspector, stored)
        for content in suspects
    ):
        raise UnsafeForOtherCache(
            _(
                "Another cache could read this key with a different serializer and run the "
                "value as code, because it looks like a pickle to that cache. Give the two "
                "caches prefixes that don't overlap."
            )
        )


def check_move_readers(source: BaseServerInspector, stored: bytes, edit: Rename | Copy) -> None:
    """Raise `UnsafeForOtherCache` if a cache that could run the value can read its new name."""
    target = (edit.into if isinstance(edit, Copy) else None) or source
    if not isinstance(target, BaseServerInspector) or not source.same_format(target):
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


def other_readers(inspector: BaseServerInspector, stored: bytes) -> Iterator[BaseServerInspector]:
    """Yield the other caches of `settings.CACHES` that may own a stored key.

    A server can have several addresses, so every cache with the same database number counts.
    Caches that read only with the serializer that writes here are left out.
    """
    writer = type(list_serializers(inspector.serializer)[0])
    for alias in settings.CACHES:
        other = inspector_for(alias) if alias != inspector.alias else None
        if (
            isinstance(other, BaseServerInspector)
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
    if inspector.owns(stored):
        return True
    if Scope.VERSIONS not in inspector.scopes:
        return False
    return inspector.key_range(Scope.VERSIONS).contains(stored)


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


class ServerInspector(BaseServerInspector):
    """An alias whose entries are keys of a Valkey or Redis server.

    It reads from the primary over connections of its own, independent of the application's pool.
    Methods raise `CachexError` if the server can't be reached or refuses a command.
    """

    may_block = True

    can_list = True
    can_get = True
    can_add = True
    can_edit = True
    can_keep_ttl = True
    can_delete = True
    can_ttl = True
    can_expire = True
    can_type = True
    can_info = True
    can_flush = True
    can_extend = True
    can_incr = True
    can_page = True
    can_edit_elements = True

    types = TYPES
    has_random_order = True
    filters = frozenset({"expires_within", "larger_than", "idle_for"})
    optional_columns = ("memory", "idle", "encoding")
    creatable_types = TYPES

    # Any: the attributes of Django's backend that are used here are private and have no stubs.
    cache: Any

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        if self.naming.prefix is None:
            self._disable(
                "can_list",
                gettext_lazy(
                    "With this KEY_FUNCTION, there is no way to tell which keys belong to "
                    "this cache. Open a key by its exact name."
                ),
            )

    def _disable(self, ability: str, reason: Text) -> None:
        """Disable an ability of this alias and record the reason to show."""
        setattr(self, ability, False)
        self.unsupported_reasons = {**self.unsupported_reasons, ability: reason}

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
    def client_class(self) -> type[Client]:
        """The client class for the topology of the servers."""
        return Client

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
        return (
            self._make_client(limits().timeout / NODE_TIMEOUT_DIVISOR)
            if self.is_cluster
            else self.client
        )

    @cached_property
    def value_format(self) -> ValueFormat:
        """The format in which the application stores its values."""
        kind = type(self.serializer)
        return detect_format(f"{kind.__module__}.{kind.__qualname__}", self.dumps)

    @property
    def serializer_name(self) -> str:
        return self.value_format.name

    @property
    def address(self) -> DatabaseAddress:
        """The address of the primary's database; raises ValueError for an invalid URL."""
        return DatabaseAddress.of(next(iter(self.urls), ""), self.options)

    @property
    def location(self) -> str:
        return mask(", ".join(self.urls), find_secrets(self.params))

    @property
    def configured_store_id(self) -> Hashable:
        try:
            return self.address.store
        except ValueError:
            return super().configured_store_id

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
            return 0 if self.is_cluster else self.address.database
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
        infos = [
            none_if_denied(reply) or {} for server_replies in replies for reply in server_replies
        ]
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
        return available_scopes(self.naming, self.cache)

    def scan(self, query: Query, token: str, limit: int, deadline: float) -> ScanPage:
        """Return some keys, as documented for `Inspector.scan`.

        `examined` is an estimate: SCAN does not report how many keys it examined.
        """
        key_range, pattern = self.key_range(query.scope), query.pattern
        accepts = partial(self.is_listable, query=query, key_range=key_range)
        is_exact = key_range.is_exact and pattern.glob_is_exact
        search = KeyScan(
            client=self.scan_client,
            nodes=primary_nodes(self.scan_client),
            query=query,
            glob=key_range.glob_for(pattern),
            accepts=None if is_exact and query.exclude is None else accepts,
            optional_columns=self.optional_columns,
            is_expensive=pattern.scans_whole_name or not key_range.is_exact,
        )
        return scan_keys(search, token, limit, deadline)

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[KeyInfo]:
        return describe(self.client, keys, columns)

    def read(self, stored: bytes, page: ElementPage = FIRST_PAGE) -> KeyValue | None:
        return read_key(self.client, stored, self.value_format, page)

    def read_element(self, stored: bytes, type: str, element_id: str) -> Element | None:
        try:
            return read_element(self.client, stored, type, element_id, self.value_format)
        except (WrongTypeError, InvalidPosition):
            return None

    # Changes.

    def apply(self, stored: bytes, edit: Edit) -> EditResult:
        try:
            if isinstance(edit, Rename | Copy):
                check_move_readers(self, stored, edit)
                return (
                    self.rename(stored, edit)
                    if isinstance(edit, Rename)
                    else self.copy(stored, edit)
                )
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

    def delete(self, keys: Sequence[bytes]) -> int:
        commands = [self.client._unlink(*batch) for batch in unlink_batches(keys)]
        return sum(require_reply(count) for count in self.client.collect(commands))

    def delete_each(self, keys: Sequence[bytes]) -> BulkResult:
        return unlink(self.client, keys)

    def expire_each(self, keys: Sequence[bytes], ttl: int) -> BulkResult:
        return expire(self.client, keys, ttl)

    # Information.

    def info(self) -> Sequence[InfoSection]:
        [reply] = self.client.collect([self.client._info()])
        info = none_if_denied(reply)
        if info is None:
            return [
                InfoSection(
                    gettext_lazy("Server"),
                    note=gettext_lazy(
                        "The user that this cache connects as isn't allowed to run INFO."
                    ),
                )
            ]
        return build_sections(info, self.address.database)
