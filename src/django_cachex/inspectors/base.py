"""`Inspector`, the interface between the admin and a cache backend."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Final

from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.edits import (
    AddValue,
    BulkResult,
    Copy,
    Edit,
    EditResult,
    EditStatus,
    Expire,
    ExpireCondition,
    Incr,
    SetValue,
    is_file_error,
    tally,
)
from django_cachex.inspectors.health import ReadableValues, StoreFacts
from django_cachex.inspectors.info import FlushPreview, InfoField, InfoSection, Status, Text, Unit
from django_cachex.inspectors.keys import KeyNaming, KeyRange, display_text, encode_text
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage, Query, Scope
from django_cachex.inspectors.types import (
    TTL_NONE,
    Element,
    Group,
    KeyInfo,
    KeyValue,
    ReadState,
    ScanPage,
    SmallValue,
    Snippet,
)
from django_cachex.inspectors.values import Content
from django_cachex.inspectors.values.tree import max_int_digits


def resolve_addresses(host: str, port: int) -> frozenset[str]:
    """Return `host:port` for each IP address of a host, or an empty set if the host is unknown."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(f"{numeric!s}:{port}" for *_kind, (numeric, *_rest) in addresses)


def file_id(path: str) -> str:
    """Return an ID of a file, directory or socket that is the same for all of its paths."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return f"file:{os.path.realpath(path)}"
    return f"file:{stat.st_dev}:{stat.st_ino}"


class Support(StrEnum):
    """How well the cache admin supports a backend."""

    CACHEX = "cachex"
    """A backend of this package."""
    WRAPPED = "wrapped"
    """A backend of Django, with the features that it allows."""
    LIMITED = "limited"
    """Any other backend, of which only Django's cache interface is known."""


class Inspector:
    """List, read and change the keys of one alias of `settings.CACHES`.

    Subclasses set the abilities that they support and override the corresponding methods. Methods
    may raise the exceptions of their store: pages show them as the state of the cache. Methods
    never change the cache object and never execute stored data.
    """

    support: ClassVar[Support] = Support.LIMITED

    may_block: ClassVar[bool] = False
    """Whether methods run in another thread, so that a page can stop waiting at its deadline.

    Set it to True if a server may hang, and to False if the store belongs to the request's thread.
    """

    # Abilities. The pages and the command line only check these attributes.

    can_list: bool = False
    """Whether keys can be listed and searched with `scan` and `describe`."""

    can_get: bool = False
    """Whether `read` returns values without executing anything."""

    can_get_unsafely: bool = False
    """Whether `read` returns values from the backend's `get`, which may run a deserializer."""

    can_add: bool = False
    """Whether `apply` supports `AddValue`."""

    can_edit: bool = False
    """Whether `apply` supports `SetValue`."""

    can_keep_ttl: bool = False
    """Whether `SetValue` can keep the current TTL."""

    can_delete: bool = False
    """Whether `delete` is supported."""

    can_ttl: bool = False
    """Whether `KeyInfo.ttl` is known."""

    can_expire: bool = False
    """Whether `apply` supports `Expire` and `ExpireAt`."""

    can_extend: bool = False
    """Whether `apply` supports `ExtendTTL`."""

    can_rename: bool = False
    """Whether `apply` supports `Rename`."""

    can_copy: bool = False
    """Whether `apply` supports `Copy`, to the same alias and those that `copies_into` accepts."""

    can_incr: bool = False
    """Whether `apply` supports `Incr`."""

    can_download: bool = False
    """Whether `iter_chunks` returns all stored bytes of a string."""

    can_dump: bool = False
    """Whether `dump` returns a key of any type in the store's own format."""

    can_page: bool = False
    """Whether `read` supports an `ElementPage` other than `FIRST_PAGE`."""

    can_edit_elements: bool = False
    """Whether `read_element` and the element edits of `apply` support the `creatable_types`."""

    can_type: bool = False
    """Whether keys have types that can be shown and filtered by."""

    can_info: bool = False
    """Whether `info` returns more than the configuration."""

    can_flush: bool = False
    """Whether `flush` and `preview_flush` are supported."""

    has_key_names: ClassVar[bool] = True
    """Whether the names of keys can be derived from the stored keys."""

    has_random_order: ClassVar[bool] = False
    """Whether the first keys that `scan` finds are a random sample of all keys."""

    is_per_process: ClassVar[bool] = False
    """Whether each process has entries of its own."""

    discards_entries: ClassVar[bool] = False
    """Whether the backend stores nothing."""

    health_facts: ClassVar[frozenset[str]] = frozenset()
    """The attributes of `StoreFacts` that `fetch_facts` returns."""

    max_keys_unasked: ClassVar[int | None] = None
    """The number of keys in a store above which a search goes on only when the user asks for it.

    None for stores that a search doesn't slow down.
    """

    types: ClassVar[tuple[str, ...]] = ()
    """The types that keys can be filtered by."""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that `scan` supports."""
        return (Scope.VERSION,)

    filters: frozenset[str] = frozenset()
    """The filters of a `Query` that `scan` supports in addition to the type.

    `value_contains` needs `can_get` and `read_small` in its place."""

    optional_columns: tuple[str, ...] = ()
    """What `describe` can return besides type, TTL and size.

    `memory`, `idle`, `encoding`, `tag`, `hits`.
    """

    creatable_types: ClassVar[tuple[str, ...]] = ()
    """The types that `CreateCollection` supports. Strings are created with `AddValue`."""

    unsupported_reasons: Mapping[str, Text] = {}
    """Maps the names of missing abilities to sentences that explain why they are missing."""

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        """Initialize the inspector.

        Args:
            alias: a key of `settings.CACHES`.
            cache: the cache object of the alias.
            params: the value of `settings.CACHES[alias]`.
        """
        self.alias = alias
        self.cache = cache
        self.params = params

    def disable(self, ability: str, reason: Text) -> None:
        """Disable an ability of this alias and record the reason to show."""
        setattr(self, ability, False)
        self.unsupported_reasons = {**self.unsupported_reasons, ability: reason}

    def disable_listing_of_unknown_keys(self) -> None:
        """Disable `can_list` if `KEY_FUNCTION` hides which stored keys belong to the alias."""
        if not self.naming.knows_own_keys:
            reason = _(
                "With this KEY_FUNCTION, there is no way to tell which keys belong to this "
                "cache. Open a key by its exact name."
            )
            self.disable("can_list", reason)

    def unsupported_result(self) -> EditResult:
        """Return the result of an edit that the inspector doesn't support."""
        return EditResult.refusal(_("This backend doesn't support this."))

    def unsupported_reason(self, ability: str) -> Text:
        """Return a sentence that explains why an ability is missing."""
        return self.unsupported_reasons.get(ability) or _("This backend doesn't support this.")

    # Identity.

    @cached_property
    def naming(self) -> KeyNaming:
        """How the alias turns keys into stored keys."""
        return KeyNaming(self.cache)

    @property
    def backend(self) -> str:
        """The `BACKEND` of the alias: a dotted path."""
        return str(self.params.get("BACKEND", ""))

    @property
    def store_alias(self) -> str:
        """The alias whose cache object stores the entries: another one if the cache wraps it."""
        return self.alias

    @property
    def location(self) -> str:
        """Where the entries are stored, with passwords masked."""
        return ""

    @property
    def serializer_name(self) -> str:
        """The name of the serializer, or an empty string if it is unknown."""
        return ""

    @property
    def configured_store_id(self) -> Hashable:
        """A value that is equal for aliases that share their entries, judging by the settings."""
        return (self.params.get("BACKEND"), self.store_alias)

    def fetch_store_ids(self) -> frozenset[str]:
        """Return IDs of the store. Aliases that have an ID in common share their entries.

        Connects to the store if it is a server, and raises its exceptions.
        """
        return frozenset((repr(self.configured_store_id),))

    def may_share_store(self, other: Inspector) -> bool:
        """Return whether two aliases may share their entries, judging by the settings alone."""
        return False

    @property
    def upgrade_hint(self) -> Text:
        """A sentence that says how to get more features, or an empty string."""
        return ""

    @property
    def default_ttl(self) -> int:
        """The TTL of a key that is stored without a timeout, in milliseconds, or `TTL_NONE`."""
        seconds = self.cache.default_timeout
        return TTL_NONE if seconds is None else int(seconds * 1000)

    def notes(self) -> Sequence[Text]:
        """Return sentences to show on every page of the cache."""
        return ()

    def status(self) -> Status:
        """Return the state of the cache with one cheap request. Raises exceptions of the store."""
        return Status()

    # Keys.

    def key_range(self, scope: Scope) -> KeyRange:
        """Return the stored keys of a scope. Raises ValueError if the scope isn't in `scopes`."""
        if scope not in self.scopes:
            raise ValueError(scope)
        return self.naming.key_range(scope)

    def make_key(self, key: str) -> bytes:
        """Return the stored key for a key of the application."""
        return self.naming.make_key(key)

    def final_key(self, stored: bytes) -> bytes:
        """Return the key that the store uses.

        It differs from the stored key if the backend is called with the key of the application,
        and adds the prefix and the version itself.
        """
        return stored

    def display_key(self, stored: bytes) -> str:
        """Return the key as text for display."""
        return self.naming.display_key(stored)

    def display_stored_key(self, stored: bytes) -> str:
        """Return the stored key, complete with its prefix, as text for display."""
        return display_text(stored)

    def owns(self, stored: bytes) -> bool:
        """Return whether a stored key belongs to the alias. Returns True if this is unknown."""
        return not self.naming.knows_own_keys or self.naming.owns(stored)

    def scan(self, query: Query, token: str, limit: int, deadline: float) -> ScanPage:
        """Return some of the keys that match a query, without reading their values.

        Args:
            query: the pattern and filters.
            token: where to continue: the token of a previous page of the same search, or an empty
                string.
            limit: the number of keys to stop at.
            deadline: the time to stop at, on the clock of `time.monotonic`.

        Raises:
            ValueError: the token is invalid.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.scan")

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[KeyInfo]:
        """Return information about each stored key, in order, in one round trip or query.

        Args:
            keys: stored keys. A missing key gets the TTL `TTL_MISSING`.
            columns: the attributes of `KeyInfo` to request.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.describe")

    def read(self, stored: bytes, page: ElementPage = FIRST_PAGE) -> KeyValue | None:
        """Return the value of a key within the limits, or None if the key doesn't exist.

        Inspectors without `can_page` only get `FIRST_PAGE`.

        Raises:
            InvalidPosition: `page.at` is invalid for a key of this type.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.read")

    def read_small(self, keys: Sequence[bytes], max_bytes: int) -> Iterator[SmallValue]:
        """Yield the values of keys, in order, for a search in values.

        Each value is decoded when it is asked for, so that a search can stop in between. The
        inherited method reads one value after the other. Servers need a constant number of round
        trips.

        Args:
            keys: stored keys.
            max_bytes: the maximum size of a value to read, also if it is decompressed.
        """
        for info in self.describe(keys, ("ttl", "size")):
            if not info.exists:
                yield SmallValue(info.key, ReadState.GONE)
            elif info.size is None:
                yield SmallValue(info.key, ReadState.UNREADABLE)
            elif info.size > max_bytes:
                yield SmallValue(info.key, ReadState.TOO_LARGE)
            elif (value := self.read(info.key)) is None:
                yield SmallValue(info.key, ReadState.GONE)
            else:
                yield SmallValue.of(info.key, [value.content] if value.content else [])

    def read_element(self, stored: bytes, type: str, element_id: str) -> Element | None:
        """Return one element of a collection for editing, decoded up to the limit for strings.

        Args:
            stored: the stored key.
            type: the expected type of the key, or empty if it is a hash, a set or a sorted set.
            element_id: the `Element.id`.

        Returns:
            None if there is no such key of this type, or no such element.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.read_element")

    def iter_chunks(self, stored: bytes) -> Iterator[bytes]:
        """Yield the stored bytes of a string in chunks, or nothing if the key doesn't exist.

        Raises:
            KeyChanged: the value changed in the meantime.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.iter_chunks")

    def dump(self, stored: bytes) -> bytes | None:
        """Return a key of any type in the store's own format, or None if the key doesn't exist.

        Raises:
            KeyTooLarge: the key is too large to be read at once.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.dump")

    def groups(self, stored: bytes) -> Sequence[Group]:
        """Return the consumer groups of a stream."""
        return ()

    def snippets(self, stored: bytes, type: str | None) -> Sequence[Snippet]:
        """Return code that reads a key with other tools, quoted for pasting."""
        return ()

    # Changes.

    def apply(self, stored: bytes, edit: Edit) -> EditResult:
        """Apply an edit if the key is as the edit expects it, in one atomic step.

        Edits that the inspector doesn't support are refused.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.apply")

    def copies_into(self, other: Inspector) -> bool:
        """Return whether `Copy` can copy keys of this alias to another alias."""
        return False

    def delete(self, keys: Sequence[bytes]) -> int:
        """Delete keys. Returns how many of them existed."""
        raise NotImplementedError(f"{self.__class__.__qualname__}.delete")

    def delete_each(self, keys: Sequence[bytes]) -> BulkResult:
        """Delete keys, continuing after files that the operating system refuses to delete."""
        try:
            deleted = self.delete(keys)
            return BulkResult(deleted, len(keys) - deleted)
        except OSError as error:
            if not is_file_error(error):
                raise
        deleted, failures = 0, []
        for stored in keys:
            try:
                deleted += self.delete([stored])
            except OSError as error:
                if not is_file_error(error):
                    raise
                failures.append((stored, error.strerror or str(error)))
        return BulkResult(deleted, len(keys) - deleted - len(failures), tuple(failures))

    def expire_each(self, keys: Sequence[bytes], ttl: int) -> BulkResult:
        """Set the TTL of keys.

        Args:
            keys: stored keys.
            ttl: the new TTL in milliseconds, or `TTL_NONE`.
        """
        return tally((stored, self.apply(stored, Expire(ttl))) for stored in keys)

    def expire_if(self, keys: Sequence[bytes], ttl: int, condition: ExpireCondition) -> BulkResult:
        """Set the TTL of the keys that meet a condition.

        The inherited method reads the TTLs first, so it overwrites one that is set in between.
        """
        infos = self.describe(keys, ("ttl",))
        selected = condition.select(infos, ttl)
        result = self.expire_each(selected, ttl) if selected else BulkResult()
        gone = sum(not info.exists for info in infos)
        unchanged = len(infos) - gone - len(selected)
        return replace(result, gone=result.gone + gone, unchanged=unchanged)

    flushes_in_steps: bool = False
    """Whether `scan_for_flush` finds the keys that `flush` deletes, for deletion in steps."""

    def scan_for_flush(self, token: str, limit: int, deadline: float) -> ScanPage:
        """Return some of the keys that `flush` deletes. Works like `scan`."""
        raise NotImplementedError(f"{self.__class__.__qualname__}.scan_for_flush")

    def preview_flush(self) -> FlushPreview:
        """Return what `flush` would delete."""
        raise NotImplementedError(f"{self.__class__.__qualname__}.preview_flush")

    def flush_affects(self, other: Inspector) -> bool:
        """Return whether `flush` deletes the keys of another cache in the same store."""
        return True

    def flush(self) -> int | None:
        """Delete all entries. Returns their number, or None if the store doesn't report it."""
        raise NotImplementedError(f"{self.__class__.__qualname__}.flush")

    # Information.

    def configuration(self) -> InfoSection:
        """Return the settings of the alias, with passwords masked."""
        return InfoSection(
            _("Configuration"),
            (
                InfoField(_("Backend"), self.backend, Unit.CODE),
                *([InfoField(_("Location"), self.location, Unit.CODE)] if self.location else []),
                InfoField(_("Key prefix"), self.cache.key_prefix or _("none"), Unit.CODE),
                InfoField(_("Version"), self.cache.version, Unit.NUMBER),
                InfoField(_("Default timeout"), self.default_ttl, Unit.MILLISECONDS),
            ),
        )

    def info(self) -> Sequence[InfoSection]:
        """Return the sections that follow the configuration on the cache info page."""
        return ()

    def fetch_facts(self) -> StoreFacts:
        """Return what the store says about its condition. Raises exceptions of the store."""
        return StoreFacts()

    def try_reading(self, infos: Sequence[KeyInfo], most: int) -> ReadableValues | None:
        """Return which values of some keys the application can read, or None if that is unknown.

        Args:
            infos: the keys, as `describe` returns them.
            most: the maximum number of values to read.
        """
        return None


@dataclass(frozen=True)
class KeyShape:
    """Stored keys with a common prefix and, if `KEY_FUNCTION` hashes names, a fixed length."""

    prefix: bytes
    length: int | None = None
    """The length in bytes, or None for any length."""

    def matches(self, stored: bytes) -> bool:
        return stored.startswith(self.prefix) and self.length in (None, len(stored))

    @classmethod
    def of(cls, inspector: Inspector, names: Sequence[str], prefix: str = "") -> KeyShape:
        """Return the shape of the stored keys for names with a given prefix.

        Args:
            inspector: the inspector of the alias.
            names: examples of names without the prefix.
            prefix: the common prefix of the names.
        """
        keys = [f"{prefix}{name}" for name in names]
        stored_keys = [inspector.final_key(inspector.make_key(key)) for key in keys]
        ends = [encode_text(name) for name in names]
        starts = {
            stored.removesuffix(end) if stored.endswith(end) else None
            for stored, end in zip(stored_keys, ends, strict=True)
        }
        if len(starts) == 1 and (start := starts.pop()) is not None:
            return cls(start)
        lengths = {len(stored) for stored in stored_keys}
        return cls(common_prefix(stored_keys), lengths.pop() if len(lengths) == 1 else None)


def common_prefix(keys: Sequence[bytes]) -> bytes:
    """Return the longest common prefix of some keys."""
    first, last = min(keys), max(keys)
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((index for index, (one, other) in pairs if one != other), len(first))]


MAX_INCR_ATTEMPTS: Final = 20


def incremented_value(content: Content | None, by: int | float) -> int | float | None:
    """Return the new number, or None if the value isn't a number or its type would change."""
    value: Any = None if content is None or not content.editable else content.value
    if type(value) is int and isinstance(by, int):
        return value + by if abs(value + by) < 10 ** max_int_digits() else None
    return value + by if type(value) is float else None


def not_incrementable_reason(content: Content | None) -> Text:
    """Return why a value can't be incremented."""
    if content is not None and type(content.value) is int:
        if abs(content.value) >= 10 ** (max_int_digits() - 1):
            return _("The result may have too many digits to be shown.")
        return _("An integer can only be increased by a whole number.")
    return _("Only numbers can be increased.")


def incr_value(inspector: Inspector, stored: bytes, edit: Incr) -> EditResult:
    """Read, add and set, and retry if the value changed in the meantime."""
    for _attempt in range(MAX_INCR_ATTEMPTS):
        key_value = inspector.read(stored)
        if key_value is None:
            return EditResult(EditStatus.GONE)
        number = incremented_value(key_value.content, edit.by)
        if number is None:
            return EditResult(EditStatus.WRONG_TYPE, not_incrementable_reason(key_value.content))
        result = inspector.apply(stored, SetValue(number, key_value.expected))
        if result.status != EditStatus.CHANGED:
            return EditResult(result.status, result.reason, result.old, result.new, number=number)
    return EditResult(EditStatus.CHANGED)


def copy_value(source: Inspector, stored: bytes, edit: Copy) -> EditResult:
    """Store a string's value with the serializer of another alias, with the remaining TTL."""
    target = edit.into or source
    key_value = source.read(stored)
    if key_value is None:
        return EditResult(EditStatus.GONE)
    ttl = key_value.info.ttl
    if ttl is None:
        return EditResult.refusal(_("The TTL of the key is unknown."))
    if key_value.content is None:
        return EditResult.refusal(
            _(
                "The other cache stores values differently, so only single values can be copied "
                "to it."
            )
        )
    if not key_value.content.editable:
        reason = _("The other cache stores values differently. %(why_not)s")
        return EditResult.refusal(reason % {"why_not": key_value.content.not_editable_reason})
    return target.apply(edit.to, AddValue(key_value.content.value, ttl, edit.overwrite))
