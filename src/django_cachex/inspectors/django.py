"""What the inspectors of Django's backends that store pickles share."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from hashlib import blake2b
from itertools import takewhile
from typing import Any, NamedTuple, TypeVar

from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.conf import limits
from django_cachex.inspectors.base import Inspector, Support
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
from django_cachex.inspectors.fallbacks import copy_value, incr_value
from django_cachex.inspectors.info import InfoField, InfoSection, Text, Unit
from django_cachex.inspectors.keys import decode_text, encode_text
from django_cachex.inspectors.query import (
    FIRST_PAGE,
    ElementPage,
    KeyRange,
    Pattern,
    Query,
    Scope,
    available_scopes,
)
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE, KeyInfo, KeyValue, ScanPage
from django_cachex.inspectors.values import ValueFormat, decode, fingerprint

RowT = TypeVar("RowT")

KEYS_PER_CLOCK_CHECK = 1000
"""Keys that a search looks at between two looks at the clock."""

CHARS_PER_CLOCK_CHECK = 256 * 1024
"""Characters of their names that it looks at between two such looks."""


def ttl_until(expiry: float | None) -> int:
    """Return the TTL of an expiry in seconds since the epoch; None never comes."""
    if expiry is None:
        return TTL_NONE
    left = expiry - time.time()
    if left == math.inf:
        return TTL_NONE
    return int(left * 1000) if left > 0 else TTL_MISSING


def timeout_for(ttl: int) -> float | None:
    """Return the timeout, as Django's caches take it, of a TTL in milliseconds."""
    return None if ttl == TTL_NONE else ttl / 1000


def expiry_after(ttl: int) -> float | None:
    """Return when a TTL that starts now ends, in seconds since the epoch."""
    return None if ttl == TTL_NONE else time.time() + ttl / 1000


MAX_TOKEN_KEY_LENGTH = 255
"""Characters of a key that a page token spells out: those that a database has room for."""


def make_page_token(key: str) -> str:
    """Return the page token that continues after a stored key.

    Of a longer one it has the beginning, and a digest that tells it from those that begin alike.
    """
    beginning = encode_text(key[:MAX_TOKEN_KEY_LENGTH]).hex()
    if len(key) <= MAX_TOKEN_KEY_LENGTH:
        return beginning
    return f"{beginning}.{blake2b(encode_text(key), digest_size=16).hexdigest()}"


def parse_page_token(token: str, keys_from: Callable[[str], Iterable[str]]) -> str:
    """Return the stored key that a page token continues after; raise ValueError for no token.

    `keys_from` gives the keys from a beginning on, in their order: a long key is looked for there.
    Where it is gone, all that begin as it did come again: none is left out.
    """
    spelled, is_longer, _digest = token.partition(".")
    beginning = decode_text(bytes.fromhex(spelled))
    if not is_longer:
        return beginning
    alike = takewhile(lambda key: key.startswith(beginning), keys_from(beginning))
    return next((key for key in alike if make_page_token(key) == token), beginning)


class Candidate(NamedTuple):
    """A stored key that a search looks at."""

    key: str
    is_match: bool | None
    """None: nobody knows."""

    is_counted: bool = True
    """False for one that a query excludes: how many there are tells what they are called."""


def iter_candidates(
    rows: Iterable[RowT],
    key_of: Callable[[RowT], str],
    is_match: Callable[[RowT], bool | None],
    query: Query,
) -> Iterator[Candidate]:
    """Yield the keys of rows, each with whether a query is_match it."""
    for row in rows:
        key = key_of(row)
        if query.exclude is not None and query.exclude(encode_text(key)):
            yield Candidate(key, False, False)
        else:
            yield Candidate(key, is_match(row))


def scan_candidates(
    candidates: Iterator[Candidate], limit: int, deadline: float, total: int | None
) -> ScanPage:
    """Return the listing of keys that come in the order of the store."""
    found: list[bytes] = []
    examined, unknown, token = 0, 0, ""
    work = 0
    for key, is_match, is_counted in candidates:
        examined += is_counted
        work += len(key) + CHARS_PER_CLOCK_CHECK // KEYS_PER_CLOCK_CHECK
        if is_match:
            found.append(encode_text(key))
        unknown += is_match is None
        is_late = False
        if work > CHARS_PER_CLOCK_CHECK:
            work, is_late = 0, time.monotonic() > deadline
        if is_late or len(found) == limit:
            token = make_page_token(key) if next(candidates, None) else ""
            break
    return ScanPage(found, token, examined, total, unknown)


class DjangoBackendInspector(Inspector):
    """A backend that pickles every value, integers too, and knows when each expires."""

    support = Support.WRAPPED
    can_list = True
    can_get = True
    can_add = True
    can_edit = True
    can_keep_ttl = True
    can_delete = True
    can_ttl = True
    can_expire = True
    can_info = True
    can_flush = True
    can_extend = True
    can_rename = True
    can_copy = True
    can_incr = True
    can_download = True

    filters = frozenset({"expires_within", "larger_than"})

    unsupported_reasons = {"can_type": _("Only Valkey and Redis give keys a type.")}

    # Any: what an inspector needs of Django's backends has no public name, and no stub.
    cache: Any

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        if self.has_key_names and self.naming.prefix is None:
            self.can_list = False
            reason = _("KEY_FUNCTION hides which keys are this cache's. Open a key by its name.")
            self.unsupported_reasons = {**self.unsupported_reasons, "can_list": reason}

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        if not self.has_key_names:
            return super().scopes
        return available_scopes(self.naming, self.cache)

    def key_filter(self, query: Query) -> Callable[[str], bool]:
        """Return what tells whether a stored key is within reach and matches."""
        pattern = query.pattern
        if query.scope is not Scope.VERSION:
            return self._key_range_filter(self.key_range(query.scope), pattern)
        prefix = decode_text(self.naming.prefix or b"")

        def is_match(key: str) -> bool:
            return key.startswith(prefix) and pattern.matches(key.removeprefix(prefix))

        return is_match

    def _key_range_filter(self, reach: KeyRange, pattern: Pattern) -> Callable[[str], bool]:
        return lambda key: reach.matches(encode_text(key), pattern)

    @cached_property
    def value_format(self) -> ValueFormat:
        """How the application reads and writes the values."""
        return ValueFormat("pickle", "pickle", self.pickle_value)

    @property
    def serializer_name(self) -> str:
        return self.value_format.name

    def pickle_value(self, value: Any) -> bytes:
        """Return a value as the backend stores it."""
        return pickle.dumps(value, self.cache.pickle_protocol)

    def make_key_value(
        self,
        description: KeyInfo,
        raw: bytes,
        size: int | None = None,
        page: ElementPage = FIRST_PAGE,
    ) -> KeyValue:
        """Return what a key holds; `size` is its bytes where `raw` is only their beginning."""
        limit = limits()
        content = decode(
            raw,
            value_format=self.value_format,
            stored_size=size,
            limit=limit.decode_bytes,
            preview=page.max_bytes(limit),
        )
        return KeyValue(description, content, expected="" if size else fingerprint(raw))

    def eviction_info(self) -> InfoSection:
        """Return when and how the backend makes room."""
        frequency = self.cache._cull_frequency
        share = f"1/{frequency}" if frequency else _("everything")
        return InfoSection(
            _("Culling"),
            (
                InfoField(_("Most entries"), self.cache._max_entries, Unit.ENTRIES),
                InfoField(_("Removed when full"), share),
            ),
        )

    def key_error(self, key: str) -> Text:
        """Return why the backend's own check refuses a stored key, or nothing.

        The check that Django brings only warns, of what memcached would not take.
        """
        if type(self.cache).validate_key is not BaseCache.validate_key:
            try:
                self.cache.validate_key(key)
            except ValueError as refused:
                return str(refused)
        return ""

    def apply(self, stored: bytes, edit: Edit) -> EditResult:
        changes: Mapping[type, Callable[[bytes, Any], EditResult]] = {
            AddValue: self.add,
            SetValue: self.set_value,
            Incr: self.incr,
            Expire: self.set_ttl,
            ExpireAt: self.expire_at,
            ExtendTTL: self.extend_ttl,
            Rename: self.rename,
            Copy: self.copy,
        }
        change = changes.get(type(edit))
        if change is None:
            return self.unsupported_result()
        try:
            return change(stored, edit)
        except OverflowError:
            return EditResult.refusal(_("This cache cannot hold an expiry that far in the future."))

    def incr(self, stored: bytes, edit: Incr) -> EditResult:
        return incr_value(self, stored, edit)

    def expire_at(self, stored: bytes, edit: ExpireAt) -> EditResult:
        if edit.ttl <= 0:
            return EditResult.refusal(_("This moment is over."))
        return self.set_ttl(stored, Expire(edit.ttl))

    def copy(self, stored: bytes, edit: Copy) -> EditResult:
        """Copy what is stored where it is the same store, else the value."""
        if edit.into is not None and edit.into.storage_id != self.storage_id:
            return copy_value(self, stored, edit)
        if stored == edit.to:
            return EditResult(EditStatus.UNCHANGED)
        return self.copy_here(stored, edit)

    def rename(self, stored: bytes, edit: Rename) -> EditResult:
        if stored == edit.to:
            return EditResult(EditStatus.UNCHANGED)
        return self.rename_here(stored, edit)

    def copies_into(self, other: Inspector) -> bool:
        return other.can_add

    def add(self, stored: bytes, edit: AddValue) -> EditResult:
        """Apply an `AddValue`; OverflowError for a TTL that the backend cannot hold."""
        raise NotImplementedError

    def set_value(self, stored: bytes, edit: SetValue) -> EditResult:
        """Apply a `SetValue`; OverflowError as for `add`."""
        raise NotImplementedError

    def set_ttl(self, stored: bytes, edit: Expire) -> EditResult:
        """Apply a `SetTtl`; OverflowError as for `add`."""
        raise NotImplementedError

    def extend_ttl(self, stored: bytes, edit: ExtendTTL) -> EditResult:
        """Apply an `ExtendTtl`; OverflowError as for `add`."""
        raise NotImplementedError

    def rename_here(self, stored: bytes, edit: Rename) -> EditResult:
        """Apply a `Rename` to another name."""
        raise NotImplementedError

    def copy_here(self, stored: bytes, edit: Copy) -> EditResult:
        """Apply a `Copy` to another name in the same store."""
        raise NotImplementedError


def no_expiry_result() -> EditResult:
    """Return that a TTL cannot be extended that never ends."""
    return EditResult(
        EditStatus.UNCHANGED, _("This key never expires: there is nothing to add to.")
    )
