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
    ExpireAt,
    ExtendTtl,
    Increase,
    Outcome,
    Rename,
    Result,
    SetTtl,
    SetValue,
)
from django_cachex.inspectors.fallbacks import copy_value, increase
from django_cachex.inspectors.info import Fact, Section, Text, Unit
from django_cachex.inspectors.keys import decode_text, encode_text
from django_cachex.inspectors.query import (
    BEGINNING,
    Pattern,
    Query,
    Reach,
    Scope,
    Window,
    all_scopes,
)
from django_cachex.inspectors.types import TTL_MISSING, TTL_NONE, Description, Entry, Listing
from django_cachex.inspectors.values import Codec, decode, fingerprint

Row = TypeVar("Row")

STRIDE = 1000
"""Keys that a search looks at between two looks at the clock."""

STRETCH = 256 * 1024
"""Characters of their names that it looks at between two such looks."""


def milliseconds_until(expiry: float | None) -> int:
    """Return the TTL of an expiry in seconds since the epoch; None never comes."""
    if expiry is None:
        return TTL_NONE
    left = expiry - time.time()
    if left == math.inf:
        return TTL_NONE
    return int(left * 1000) if left > 0 else TTL_MISSING


def timeout(ttl: int) -> float | None:
    """Return the timeout, as Django's caches take it, of a TTL in milliseconds."""
    return None if ttl == TTL_NONE else ttl / 1000


def expiry_after(ttl: int) -> float | None:
    """Return when a TTL that starts now ends, in seconds since the epoch."""
    return None if ttl == TTL_NONE else time.time() + ttl / 1000


LONGEST_PLACE = 255
"""Characters of a key that a page token spells out: those that a database has room for."""


def token_at(key: str) -> str:
    """Return the page token that continues after a stored key.

    Of a longer one it has the beginning, and a digest that tells it from those that begin alike.
    """
    beginning = encode_text(key[:LONGEST_PLACE]).hex()
    if len(key) <= LONGEST_PLACE:
        return beginning
    return f"{beginning}.{blake2b(encode_text(key), digest_size=16).hexdigest()}"


def key_at(token: str, keys_from: Callable[[str], Iterable[str]]) -> str:
    """Return the stored key that a page token continues after; raise ValueError for no token.

    `keys_from` gives the keys from a beginning on, in their order: a long key is looked for there.
    Where it is gone, all that begin as it did come again: none is left out.
    """
    spelled, is_longer, _digest = token.partition(".")
    beginning = decode_text(bytes.fromhex(spelled))
    if not is_longer:
        return beginning
    alike = takewhile(lambda key: key.startswith(beginning), keys_from(beginning))
    return next((key for key in alike if token_at(key) == token), beginning)


class Candidate(NamedTuple):
    """A stored key that a search looks at."""

    key: str
    is_meant: bool | None
    """None: nobody knows."""

    is_counted: bool = True
    """False for one that a query excludes: how many there are tells what they are called."""


def candidates_of(
    rows: Iterable[Row],
    key_of: Callable[[Row], str],
    means: Callable[[Row], bool | None],
    query: Query,
) -> Iterator[Candidate]:
    """Yield the keys of rows, each with whether a query means it."""
    for row in rows:
        key = key_of(row)
        if query.exclude is not None and query.exclude(encode_text(key)):
            yield Candidate(key, False, False)
        else:
            yield Candidate(key, means(row))


def search(
    candidates: Iterator[Candidate], want: int, deadline: float, total: int | None
) -> Listing:
    """Return the listing of keys that come in the order of the store."""
    found: list[bytes] = []
    examined, unknown, token = 0, 0, ""
    work = 0
    for key, is_meant, is_counted in candidates:
        examined += is_counted
        work += len(key) + STRETCH // STRIDE
        if is_meant:
            found.append(encode_text(key))
        unknown += is_meant is None
        is_late = False
        if work > STRETCH:
            work, is_late = 0, time.monotonic() > deadline
        if is_late or len(found) == want:
            token = token_at(key) if next(candidates, None) else ""
            break
    return Listing(found, token, examined, total, unknown)


class PickledInspector(Inspector):
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
    can_increase = True
    can_download = True

    filters = frozenset({"expires_within", "larger_than"})

    reasons = {"can_type": _("Only Valkey and Redis keys have a type.")}

    # Any: what an inspector needs of Django's backends has no public name, and no stub.
    cache: Any

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        if self.names_are_known and self.naming.prefix is None:
            self.can_list = False
            reason = _(
                "With this KEY_FUNCTION, there is no way to tell which keys belong to this "
                "cache. Open a key by its exact name."
            )
            self.reasons = {**self.reasons, "can_list": reason}

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        if not self.names_are_known:
            return super().scopes
        return all_scopes(self.naming, self.cache)

    def meaning(self, query: Query) -> Callable[[str], bool]:
        """Return what tells whether a stored key is within reach and matches."""
        pattern = query.pattern
        if query.scope is not Scope.VERSION:
            return self._wide_meaning(self.reach(query.scope), pattern)
        prefix = decode_text(self.naming.prefix or b"")

        def means(key: str) -> bool:
            return key.startswith(prefix) and pattern.matches(key.removeprefix(prefix))

        return means

    def _wide_meaning(self, reach: Reach, pattern: Pattern) -> Callable[[str], bool]:
        return lambda key: reach.means(encode_text(key), pattern)

    @cached_property
    def codec(self) -> Codec:
        """How the application reads and writes the values."""
        return Codec("pickle", "pickle", self.pickled)

    @property
    def serializer_name(self) -> str:
        return self.codec.name

    def pickled(self, value: Any) -> bytes:
        """Return a value as the backend stores it."""
        return pickle.dumps(value, self.cache.pickle_protocol)

    def entry(
        self,
        description: Description,
        raw: bytes,
        size: int | None = None,
        window: Window = BEGINNING,
    ) -> Entry:
        """Return what a key holds; `size` is its bytes where `raw` is only their beginning."""
        limit = limits()
        content = decode(
            raw,
            codec=self.codec,
            stored_size=size,
            limit=limit.decode_bytes,
            preview=window.bytes_shown(limit),
        )
        return Entry(description, content, expected="" if size else fingerprint(raw))

    def culling(self) -> Section:
        """Return when and how the backend makes room."""
        frequency = self.cache._cull_frequency
        share = f"1/{frequency}" if frequency else _("everything")
        return Section(
            _("Culling"),
            (
                Fact(_("Maximum entries"), self.cache._max_entries, Unit.ENTRIES),
                Fact(_("Removed when full"), share),
            ),
        )

    def refusal(self, key: str) -> Text:
        """Return why the backend's own check refuses a stored key, or nothing.

        The check that Django brings only warns, of what memcached would not take.
        """
        if type(self.cache).validate_key is not BaseCache.validate_key:
            try:
                self.cache.validate_key(key)
            except ValueError as refused:
                return str(refused)
        return ""

    def apply(self, stored: bytes, edit: Edit) -> Outcome:
        changes: Mapping[type, Callable[[bytes, Any], Outcome]] = {
            AddValue: self.add,
            SetValue: self.set_value,
            Increase: self.increase,
            SetTtl: self.set_ttl,
            ExpireAt: self.expire_at,
            ExtendTtl: self.extend_ttl,
            Rename: self.rename,
            Copy: self.copy,
        }
        change = changes.get(type(edit))
        if change is None:
            return self.not_offered()
        try:
            return change(stored, edit)
        except OverflowError:
            return Outcome.refused(_("This cache can't store an expiry that far in the future."))

    def increase(self, stored: bytes, edit: Increase) -> Outcome:
        return increase(self, stored, edit)

    def expire_at(self, stored: bytes, edit: ExpireAt) -> Outcome:
        if edit.ttl <= 0:
            return Outcome.refused(_("This time has passed."))
        return self.set_ttl(stored, SetTtl(edit.ttl))

    def copy(self, stored: bytes, edit: Copy) -> Outcome:
        """Copy what is stored where it is the same store, else the value."""
        if edit.into is not None and edit.into.store != self.store:
            return copy_value(self, stored, edit)
        if stored == edit.to:
            return Outcome(Result.UNCHANGED)
        return self.copy_here(stored, edit)

    def rename(self, stored: bytes, edit: Rename) -> Outcome:
        if stored == edit.to:
            return Outcome(Result.UNCHANGED)
        return self.rename_here(stored, edit)

    def copies_into(self, other: Inspector) -> bool:
        return other.can_add

    def add(self, stored: bytes, edit: AddValue) -> Outcome:
        """Apply an `AddValue`; OverflowError for a TTL that the backend cannot hold."""
        raise NotImplementedError

    def set_value(self, stored: bytes, edit: SetValue) -> Outcome:
        """Apply a `SetValue`; OverflowError as for `add`."""
        raise NotImplementedError

    def set_ttl(self, stored: bytes, edit: SetTtl) -> Outcome:
        """Apply a `SetTtl`; OverflowError as for `add`."""
        raise NotImplementedError

    def extend_ttl(self, stored: bytes, edit: ExtendTtl) -> Outcome:
        """Apply an `ExtendTtl`; OverflowError as for `add`."""
        raise NotImplementedError

    def rename_here(self, stored: bytes, edit: Rename) -> Outcome:
        """Apply a `Rename` to another name."""
        raise NotImplementedError

    def copy_here(self, stored: bytes, edit: Copy) -> Outcome:
        """Apply a `Copy` to another name in the same store."""
        raise NotImplementedError


def without_expiry() -> Outcome:
    """Return that a TTL cannot be extended that never ends."""
    return Outcome(Result.UNCHANGED, _("This key never expires, so there is no TTL to extend."))
