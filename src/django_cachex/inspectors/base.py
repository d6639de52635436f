"""The interface to any cache."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar

from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.inspectors.edits import (
    Edit,
    Outcome,
    SetTtl,
    Tally,
    is_about_a_file,
    of_outcomes,
    one_by_one,
)
from django_cachex.inspectors.info import Fact, FlushPlan, Section, Status, Text, Unit
from django_cachex.inspectors.keys import Naming
from django_cachex.inspectors.query import BEGINNING, Query, Reach, Scope, Window
from django_cachex.inspectors.types import (
    TTL_NONE,
    CommandLine,
    Description,
    Element,
    Entry,
    Group,
    Listing,
)


def resolve(host: str, port: int) -> frozenset[str]:
    """Return `host:port` for each address that a name stands for; none for an unknown name."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(f"{numeric!s}:{port}" for *_kind, (numeric, *_rest) in found)


def file_id(path: str) -> str:
    """Return what all paths of one file, folder or socket have in common."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return f"file:{os.path.realpath(path)}"
    return f"file:{found.st_dev}:{found.st_ino}"


class Support(StrEnum):
    """How much of the cache admin a backend gets (SPEC's support levels)."""

    CACHEX = "cachex"
    WRAPPED = "wrapped"
    LIMITED = "limited"


class Inspector:
    """One alias of `settings.CACHES`, listed, read and changed on a person's behalf.

    Subclasses set the abilities they have and override the methods that go with them. Methods may
    raise whatever their store raises: pages show it as the state of that cache. No method changes
    the cache object, and none executes what it reads.
    """

    support: ClassVar[Support] = Support.LIMITED

    asked_in_thread: ClassVar[bool] = False
    """Whether methods may run in another thread, under the page's deadline.

    True where a server may hang; False where the store belongs to the request's thread.
    """

    # Abilities. The pages and the command line read these and nothing else.

    can_list: bool = False
    """Keys can be listed and searched: `scan`, `describe`."""

    can_get: bool = False
    """Values can be read without executing them: `read`."""

    can_get_unsafely: bool = False
    """Values can be had from the backend's own `get`, which may run their deserializer: `read`."""

    can_add: bool = False
    """`apply` takes `AddValue`."""

    can_edit: bool = False
    """`apply` takes `SetValue`."""

    can_keep_ttl: bool = False
    """`SetValue` can leave the TTL as it is."""

    can_delete: bool = False
    """`delete`."""

    can_ttl: bool = False
    """Descriptions say when a key expires."""

    can_expire: bool = False
    """`apply` takes `SetTtl` and `ExpireAt`."""

    can_extend: bool = False
    """`apply` takes `ExtendTtl`."""

    can_rename: bool = False
    """`apply` takes `Rename`."""

    can_copy: bool = False
    """`apply` takes `Copy`: under the same alias, and into others that `copies_into` names."""

    can_increase: bool = False
    """`apply` takes `Increase`."""

    can_download: bool = False
    """The stored bytes of a string can be had whole: `chunks`."""

    can_dump: bool = False
    """What the store knows of a key, of any type, can be had in its own form: `dump`."""

    can_window: bool = False
    """`read` takes a `Window`."""

    can_edit_elements: bool = False
    """`element`; `apply` takes the edits of elements for the types that are `addable`."""

    can_type: bool = False
    """Keys have types, shown and filtered by."""

    can_info: bool = False
    """`info` says more than the configuration."""

    can_flush: bool = False
    """`flush`, `flush_plan`."""

    names_are_known: ClassVar[bool] = True
    """Whether the store knows the keys by their names."""

    scans_at_random: ClassVar[bool] = False
    """Whether what `scan` finds first is as good as drawn by lot: a sample of all."""

    types: ClassVar[tuple[str, ...]] = ()
    """The types that a listing can be filtered by."""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Whose keys `scan` can be asked for."""
        return (Scope.VERSION,)

    filters: frozenset[str] = frozenset()
    """The filters of a `Query` that `scan` minds, its type aside."""

    figures: ClassVar[tuple[str, ...]] = ()
    """What `describe` knows beside type, TTL and size: of `memory`, `idle` and `encoding`."""
    addable: ClassVar[tuple[str, ...]] = ()
    """The types that `AddKey` takes; strings are added by `AddValue`."""

    reasons: Mapping[str, Text] = {}
    """Ability -> a sentence saying why this backend lacks it."""

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        """Take the alias, its cache object, and what `settings.CACHES` says of it."""
        self.alias = alias
        self.cache = cache
        self.params = params

    def not_offered(self) -> Outcome:
        """Return the outcome of an edit that no ability promises."""
        return Outcome.refused(_("This backend doesn't support this."))

    def why_not(self, ability: str) -> Text:
        """Return a sentence saying why an ability is missing."""
        return self.reasons.get(ability) or _("This backend doesn't support this.")

    # Who it is.

    @cached_property
    def naming(self) -> Naming:
        """How this alias names its keys."""
        return Naming(self.cache)

    @property
    def backend(self) -> str:
        """The dotted path in `settings.CACHES`."""
        return str(self.params.get("BACKEND", ""))

    @property
    def location(self) -> str:
        """Where the entries are, passwords masked."""
        return ""

    @property
    def serializer_name(self) -> str:
        """What makes stored bytes of the application's values; empty where nobody knows."""
        return ""

    @property
    def store(self) -> Hashable:
        """What aliases that share their entries have in common."""
        return (self.backend, self.alias)

    def store_ids(self) -> frozenset[str]:
        """Return by what the store can be told from others, asking it where it is a server.

        Two aliases share their entries if they have one of these in common. Raises what the store
        raises where it does not answer.
        """
        return frozenset((repr(self.store),))

    def may_share(self, other: Inspector) -> bool:
        """Return whether settings alone leave it open that two aliases have one store."""
        return False

    @property
    def default_ttl(self) -> int:
        """Milliseconds that a key lives when nobody says how long, or `NEVER`."""
        seconds = self.cache.default_timeout
        return TTL_NONE if seconds is None else int(seconds * 1000)

    def notes(self) -> Sequence[Text]:
        """Return sentences that every page of this cache shows."""
        return ()

    def status(self) -> Status:
        """Return what one cheap question tells; raise what the store raises when it is down."""
        return Status()

    # Keys.

    def lists(self, stored: bytes, query: Query, reach: Reach) -> bool:
        """Return whether a listing may show a stored key: it is within reach, and not excluded.

        The pattern is compared where the glob matches more than is meant.
        """
        if query.excludes(stored):
            return False
        if reach.is_exact and query.pattern.glob_is_exact:
            return reach.holds(stored)
        return reach.means(stored, query.pattern)

    def reach(self, scope: Scope) -> Reach:
        """Return which stored keys a scope holds; ValueError for none of `scopes`."""
        if scope not in self.scopes:
            raise ValueError(scope)
        return Reach.of(scope, self.naming, self.cache)

    def locate(self, key: str) -> bytes:
        """Return the stored key of what application code calls `key`."""
        return self.naming.stored(key)

    def in_store(self, stored: bytes) -> bytes:
        """Return the key that the store knows; another only where the backend makes it itself."""
        return stored

    def name(self, stored: bytes) -> str:
        """Return the key for a person to read."""
        return self.naming.key(stored)

    def owns(self, stored: bytes) -> bool:
        """Return whether a stored key is this alias's; True where nobody can tell."""
        return self.naming.prefix is None or self.naming.owns(stored)

    def scan(self, query: Query, token: str, want: int, deadline: float) -> Listing:
        """Return some keys that a query is for; values are not read.

        Stops at `want` keys, at `deadline` (of `time.monotonic`), or at the end, whichever is
        first. `token` is empty or another listing's of the same search; ValueError for any other.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.scan")

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[Description]:
        """Return a description of each stored key, in order, in one round trip or query.

        What `columns` does not name is not asked for. A missing key has the TTL `GONE`.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.describe")

    def read(self, stored: bytes, window: Window = BEGINNING) -> Entry | None:
        """Return one key's value within the limits, or None if there is no such key.

        Inspectors that cannot page are only ever asked for the beginning. Raises `InvalidWindow`.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.read")

    def element(self, stored: bytes, type: str, element: str) -> Element | None:
        """Return one element of a collection, decoded up to the limit of a string, for editing.

        `element` is `Element.id`. None where there is no such key of the type, or element.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.element")

    def chunks(self, stored: bytes) -> Iterator[bytes]:
        """Yield the stored bytes of a string, piece by piece; nothing if there is no such key.

        Raises `Changed` where the value changes meanwhile.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.chunks")

    def dump(self, stored: bytes) -> bytes | None:
        """Return a key of any type in the store's own form, or None if there is no such key."""
        raise NotImplementedError(f"{self.__class__.__qualname__}.dump")

    def groups(self, stored: bytes) -> Sequence[Group]:
        """Return the consumer groups of a stream."""
        return ()

    def command_lines(self, stored: bytes, type: str | None) -> Sequence[CommandLine]:
        """Return lines that read a key elsewhere, quoted so that they can be pasted."""
        return ()

    # Changes.

    def apply(self, stored: bytes, edit: Edit) -> Outcome:
        """Apply an edit in one atomic step together with what it expects to find.

        An edit that the abilities do not promise is refused.
        """
        raise NotImplementedError(f"{self.__class__.__qualname__}.apply")

    def copies_into(self, other: Inspector) -> bool:
        """Return whether `Copy` can put a key of this alias into another."""
        return False

    def delete(self, keys: Sequence[bytes]) -> int:
        """Delete keys; return how many there were to delete."""
        raise NotImplementedError(f"{self.__class__.__qualname__}.delete")

    def delete_each(self, keys: Sequence[bytes]) -> Tally:
        """Delete keys; one that cannot be deleted keeps no other."""
        try:
            deleted = self.delete(keys)
        except OSError as error:
            if not is_about_a_file(error):
                raise
            return one_by_one(keys, self.delete)
        return Tally(deleted, len(keys) - deleted)

    def expire_each(self, keys: Sequence[bytes], ttl: int) -> Tally:
        """Let keys live for `ttl` milliseconds more, or for good: `NEVER`."""
        return of_outcomes((stored, self.apply(stored, SetTtl(ttl))) for stored in keys)

    flushes_in_steps: bool = False
    """`find_doomed` finds what `flush` deletes, so that many steps can do it."""

    def find_doomed(self, token: str, want: int, deadline: float) -> Listing:
        """Return some of the keys that `flush` deletes, as `scan` returns them."""
        raise NotImplementedError(f"{self.__class__.__qualname__}.find_doomed")

    def flush_plan(self) -> FlushPlan:
        """Return what `flush` would do."""
        raise NotImplementedError(f"{self.__class__.__qualname__}.flush_plan")

    def flushes(self, other: Inspector) -> bool:
        """Return whether `flush` takes keys of another alias that has the same `store`."""
        return True

    def flush(self) -> int | None:
        """Delete all entries; return how many, or None where the store does not say."""
        raise NotImplementedError(f"{self.__class__.__qualname__}.flush")

    # Information.

    def configuration(self) -> Section:
        """Return what `settings.CACHES` says, passwords masked."""
        return Section(
            _("Configuration"),
            (
                Fact(_("Backend"), self.backend, Unit.CODE),
                *([Fact(_("Location"), self.location, Unit.CODE)] if self.location else []),
                Fact(_("Key prefix"), self.cache.key_prefix or _("none"), Unit.CODE),
                Fact(_("Version"), self.cache.version, Unit.NUMBER),
                Fact(_("Default timeout"), self.default_ttl, Unit.MILLISECONDS),
            ),
        )

    def info(self) -> Sequence[Section]:
        """Return the sections of the cache info page after the configuration."""
        return ()
