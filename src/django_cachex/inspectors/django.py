"""Base class of the inspectors for Django's backends that store pickles."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
from hashlib import blake2b
from itertools import takewhile
from typing import Any, Final, TypeVar

from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.conf import limits
from django_cachex.inspectors.base import Inspector, Support, copy_value, incr_value
from django_cachex.inspectors.edits import (
    AddValue,
    Copy,
    Edit,
    EditResult,
    EditStatus,
    Expire,
    ExpireAt,
    ExtendTTL,
    Incr,
    Rename,
    SetValue,
)
from django_cachex.inspectors.info import InfoField, InfoSection, Text, Unit
from django_cachex.inspectors.keys import decode_text, encode_text
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage, Query, Scope
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE, KeyInfo, KeyValue, ScanPage
from django_cachex.inspectors.values import ValueFormat, decode, fingerprint

RowT = TypeVar("RowT")

KEYS_PER_CLOCK_CHECK = 1000
"""Number of keys that a search examines between checks of its deadline."""

CHARS_PER_CLOCK_CHECK = 256 * 1024
"""Number of characters in the names of keys that a search examines between checks of its deadline.
"""

COLLECTIONS_HINT: Final = _(
    "A Valkey or Redis server with a backend of django-cachex would add lists, hashes, sets, "
    "sorted sets and streams, whose elements can be viewed and edited here."
)
"""What a backend that only stores single values lacks."""


def ttl_until(expiry: float | None) -> int:
    """Return the TTL in milliseconds for an expiry time in seconds since the epoch, or None."""
    if expiry is None:
        return TTL_NONE
    remaining = expiry - time.time()
    if remaining == math.inf:
        return TTL_NONE
    return int(remaining * 1000) if remaining > 0 else TTL_MISSING


def timeout_for(ttl: int) -> float | None:
    """Return the timeout for Django's cache API, in seconds or None, for a TTL in milliseconds."""
    return None if ttl == TTL_NONE else ttl / 1000


def expiry_after(ttl: int) -> float | None:
    """Return the time at which a TTL that starts now ends, in seconds since the epoch."""
    return None if ttl == TTL_NONE else time.time() + ttl / 1000


MAX_TOKEN_KEY_LENGTH = 255
"""Maximum length of a key in a page token, in characters. Keys of database caches fit."""


def make_page_token(key: str) -> str:
    """Return the page token that continues after a stored key.

    For a longer key, the token contains the start of the key and a digest.
    """
    prefix = encode_text(key[:MAX_TOKEN_KEY_LENGTH]).hex()
    if len(key) <= MAX_TOKEN_KEY_LENGTH:
        return prefix
    return f"{prefix}.{blake2b(encode_text(key), digest_size=16).hexdigest()}"


def parse_page_token(token: str, keys_from: Callable[[str], Iterable[str]]) -> str:
    """Return the stored key after which a page token continues.

    Raises ValueError for invalid tokens.

    Args:
        token: the page token.
        keys_from: returns the keys from a given start, in order. It is used to find long keys. If
            the key no longer exists, all keys with the same start are returned again, so that none
            is missed.
    """
    encoded, is_shortened, _digest = token.partition(".")
    prefix = decode_text(bytes.fromhex(encoded))
    if not is_shortened:
        return prefix
    similar = takewhile(lambda key: key.startswith(prefix), keys_from(prefix))
    return next((key for key in similar if make_page_token(key) == token), prefix)


def scan_rows(
    rows: Iterator[RowT],
    key_of: Callable[[RowT], str],
    matches: Callable[[RowT], bool | None],
    query: Query,
    *,
    limit: int,
    deadline: float,
    total: int | None,
) -> ScanPage:
    """Return a page of the keys that match a query, in the order of the rows.

    Args:
        rows: what the search examines.
        key_of: returns the stored key of a row.
        matches: returns whether a row matches the query, or None if it is unknown. It isn't called
            for keys that the query excludes. These aren't counted, which would reveal their names.
        query: the query.
        limit, deadline: as for `Inspector.scan`.
        total: the approximate number of rows, or None if it is unknown.
    """
    keys: list[bytes] = []
    examined, unknown, characters, token = 0, 0, 0, ""
    for row in rows:
        key = key_of(row)
        if query.exclude is None or not query.exclude(encode_text(key)):
            examined += 1
            is_match = matches(row)
            unknown += is_match is None
            keys += [encode_text(key)] if is_match else []
        characters += len(key) + CHARS_PER_CLOCK_CHECK // KEYS_PER_CLOCK_CHECK
        is_late = False
        if characters > CHARS_PER_CLOCK_CHECK:
            characters, is_late = 0, time.monotonic() > deadline
        if is_late or len(keys) == limit:
            token = "" if next(rows, None) is None else make_page_token(key)
            break
    return ScanPage(keys, token, examined, total, unknown)


class KeyGone(Exception):
    """The key to edit doesn't exist or has expired."""


class DjangoBackendInspector(Inspector):
    """Base class for backends that pickle all values and know when keys expire.

    Integers are pickled, too.
    """

    support = Support.WRAPPED
    can_list = can_get = can_add = can_edit = can_keep_ttl = can_delete = True
    can_ttl = can_expire = can_extend = can_incr = can_rename = can_copy = True
    can_download = can_info = can_flush = True

    filters = frozenset({"expires_within", "expires_after", "larger_than", "value_contains"})

    unsupported_reasons = {"can_type": _("Only Valkey and Redis keys have a type.")}

    # Any, because inspectors use private attributes of Django's backends, which stubs lack.
    cache: Any

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        if self.has_key_names:
            self.disable_listing_of_unknown_keys()

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        return self.naming.scopes if self.has_key_names else super().scopes

    def key_filter(self, query: Query) -> Callable[[str], bool]:
        """Return a function that checks whether a key is in scope and matches the pattern."""
        pattern, key_range = query.pattern, self.key_range(query.scope)
        if query.scope is not Scope.VERSION:
            return lambda key: key_range.matches(encode_text(key), pattern)
        prefix = decode_text(key_range.prefix)
        return lambda key: key.startswith(prefix) and pattern.matches(key.removeprefix(prefix))

    @cached_property
    def value_format(self) -> ValueFormat:
        """How the application reads and writes values."""
        return ValueFormat("pickle", "pickle", self.pickle_value)

    @property
    def serializer_name(self) -> str:
        return self.value_format.name

    def pickle_value(self, value: Any) -> bytes:
        """Return a value as the backend stores it."""
        return pickle.dumps(value, self.cache.pickle_protocol)

    def make_key_value(
        self,
        info: KeyInfo,
        raw: bytes,
        size: int | None = None,
        page: ElementPage = FIRST_PAGE,
    ) -> KeyValue:
        """Return the decoded value of a key.

        Args:
            info: the information about the key.
            raw: the stored bytes, or the start of them.
            size: the size of the value in bytes if `raw` is incomplete.
            page: how much to show.
        """
        allowed = limits()
        content = decode(
            raw,
            value_format=self.value_format,
            stored_size=size,
            limit=allowed.decode_bytes,
            preview_size=page.max_bytes(allowed),
        )
        return KeyValue(info, content, expected="" if size else fingerprint(raw))

    def eviction_info(self) -> InfoSection:
        """Return when and how the backend removes entries to make room."""
        frequency = self.cache._cull_frequency
        share = f"1/{frequency}" if frequency else _("everything")
        return InfoSection(
            _("Culling"),
            (
                InfoField(_("Maximum entries"), self.cache._max_entries, Unit.ENTRIES),
                InfoField(_("Removed when full"), share),
            ),
        )

    def key_error(self, key: str) -> Text:
        """Return why the backend's `validate_key` refuses a stored key, or an empty string.

        Django's default method isn't called, because it only warns about keys that memcached
        refuses.
        """
        if type(self.cache).validate_key is not BaseCache.validate_key:
            try:
                self.cache.validate_key(key)
            except ValueError as refused:
                return str(refused)
        return ""

    def apply(self, stored: bytes, edit: Edit) -> EditResult:
        if isinstance(edit, ExpireAt):
            edit = Expire(edit.ttl)
            if edit.ttl <= 0:
                return EditResult.refusal(_("This time has passed."))
        changes: Mapping[type, Callable[[bytes, Any], EditResult]] = {
            AddValue: self.add,
            SetValue: self.set_value,
            Incr: partial(incr_value, self),
            Expire: self.set_ttl,
            ExtendTTL: self.extend_ttl,
            Rename: self.rename_or_copy,
            Copy: self.rename_or_copy,
        }
        change = changes.get(type(edit))
        if change is None:
            return self.unsupported_result()
        try:
            return change(stored, edit)
        except KeyGone:
            return EditResult(EditStatus.GONE)
        except OverflowError:
            return EditResult.refusal(_("This cache can't store a TTL that long."))

    def rename_or_copy(self, stored: bytes, edit: Rename | Copy) -> EditResult:
        """Put the stored bytes under another key of the store, or copy a value to another store."""
        if (
            isinstance(edit, Copy)
            and edit.into is not None
            and edit.into.configured_store_id != self.configured_store_id
        ):
            return copy_value(self, stored, edit)
        return EditResult(EditStatus.UNCHANGED) if stored == edit.to else self.put(stored, edit)

    def copies_into(self, other: Inspector) -> bool:
        return other.can_add

    def add(self, stored: bytes, edit: AddValue) -> EditResult:
        """Apply an `AddValue`. Raises OverflowError if the backend can't store the TTL."""
        raise NotImplementedError

    def set_value(self, stored: bytes, edit: SetValue) -> EditResult:
        """Apply a `SetValue`. Raises OverflowError if the backend can't store the TTL."""
        raise NotImplementedError

    def set_ttl(self, stored: bytes, edit: Expire) -> EditResult:
        """Apply an `Expire`. Raises OverflowError if the backend can't store the TTL."""
        raise NotImplementedError

    def extend_ttl(self, stored: bytes, edit: ExtendTTL) -> EditResult:
        """Apply an `ExtendTTL`. Raises OverflowError if the backend can't store the TTL."""
        raise NotImplementedError

    def put(self, stored: bytes, edit: Rename | Copy) -> EditResult:
        """Apply a `Rename` or `Copy` to a different key of the same store, keeping the TTL."""
        raise NotImplementedError


def no_expiry_result() -> EditResult:
    """Return the result of extending the TTL of a key that never expires."""
    return EditResult(
        EditStatus.UNCHANGED, _("This key never expires, so there is no TTL to extend.")
    )
