"""An alias in Valkey or Redis, whichever backend the application uses."""

from __future__ import annotations

import time
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Final

from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.client import Client
from django_cachex.cache.cluster.keys import slot_of
from django_cachex.commands import CommandError, WrongTypeError
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.bulk import Tally
from django_cachex.inspectors.content import Codec, recognise
from django_cachex.inspectors.copying import copy_value
from django_cachex.inspectors.edits import Copy, Edit, Outcome, Rename, Result
from django_cachex.inspectors.entries import (
    CommandLine,
    Description,
    Element,
    Entry,
    Group,
    Listing,
)
from django_cachex.inspectors.facts import Section, Status, Text
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.masking import mask, secrets_in
from django_cachex.inspectors.naming import text_of
from django_cachex.inspectors.query import Query, Scope
from django_cachex.inspectors.reach import all_scopes
from django_cachex.inspectors.valkey import bulk, information, raw
from django_cachex.inspectors.valkey.address import Address
from django_cachex.inspectors.valkey.changes import Target, elsewhere, outcome_of
from django_cachex.inspectors.valkey.changes.guarded import applied
from django_cachex.inspectors.valkey.changes.target import NotStorable
from django_cachex.inspectors.valkey.command_lines import shell_line
from django_cachex.inspectors.valkey.descriptions import describe
from django_cachex.inspectors.valkey.elements import TYPES
from django_cachex.inspectors.valkey.groups import groups
from django_cachex.inspectors.valkey.listing import Search, scan
from django_cachex.inspectors.valkey.primaries import primaries
from django_cachex.inspectors.valkey.reading import read, read_element
from django_cachex.inspectors.valkey.replies import permitted, required
from django_cachex.inspectors.windows import BEGINNING, InvalidWindow, Window

# A retry would double the time that a page waits, a driver that decodes would break values, and
# the application's bound on its own connections is not the admin's.
OVERRIDES: Final[Mapping[str, Any]] = {
    "retry": None,
    "retry_on_timeout": False,
    "retry_on_error": (),
    "decode_responses": False,
    "protocol": 2,
    "max_connections": None,
}

NODES_PATIENCE: Final = 4
"""The part of a page's time for which one silent node of a cluster may hold up a search."""


class ServerInspector(Inspector):
    """An alias whose entries are keys of a Valkey or Redis server.

    It asks the primary, over connections of its own: the application's are neither borrowed nor
    waited for. Raises `CachexError` where the server cannot be reached or refuses.
    """

    asked_in_thread = True

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
    can_rename = True
    can_copy = True
    can_increase = True
    can_download = True
    can_dump = True
    can_window = True
    can_edit_elements = True

    types = TYPES
    scans_at_random = True
    filters = frozenset({"expires_within", "larger_than", "idle_for"})
    figures = ("memory", "idle", "encoding")
    addable = TYPES

    # Any: what an inspector needs of Django's backend has no public name, and no stub.
    cache: Any

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        if self.naming.prefix is None:
            self._lack(
                "can_list",
                _("KEY_FUNCTION hides which keys are this cache's. Open a key by its name."),
            )

    def _lack(self, ability: str, reason: Text) -> None:
        """Take an ability from this alias, with the sentence that says why."""
        setattr(self, ability, False)
        self.reasons = {**self.reasons, ability: reason}

    # What the backends do differently.

    @property
    def driver(self) -> str:
        """The driver's name, as `Client.from_settings` takes it."""
        raise NotImplementedError

    @property
    def urls(self) -> Sequence[str]:
        """Where the servers are, the primary first; passwords included."""
        raise NotImplementedError

    @property
    def serializer(self) -> Any:
        """The object that makes the application's bytes of its values."""
        raise NotImplementedError

    def dumps(self, value: Any) -> bytes | str | int:
        """Return what the backend stores for a value."""
        raise NotImplementedError

    @property
    def client_class(self) -> type[Client]:
        """What finds the servers behind the URLs: the topology."""
        return Client

    # Who it is.

    @property
    def options(self) -> Mapping[str, Any]:
        return self.params.get("OPTIONS") or {}

    @cached_property
    def client(self) -> Client:
        """The primary, under the admin's timeouts."""
        return self._client(limits().timeout)

    def _client(self, seconds: float) -> Client:
        client = self.client_class.from_settings(
            self.driver,
            list(self.urls),
            self.options,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            **OVERRIDES,
        )
        return client.primary

    @cached_property
    def scanner(self) -> Client:
        """Who is asked for keys: nodes of a cluster with less patience, as others can go on."""
        return self._client(limits().timeout / NODES_PATIENCE) if self.is_cluster else self.client

    @cached_property
    def codec(self) -> Codec:
        """How the application reads and writes the values."""
        kind = type(self.serializer)
        return recognise(f"{kind.__module__}.{kind.__qualname__}", self.dumps)

    @property
    def serializer_name(self) -> str:
        return self.codec.name

    @property
    def address(self) -> Address:
        """The primary's database; ValueError where its URL is none."""
        return Address.of(next(iter(self.urls), ""), self.options)

    @property
    def location(self) -> str:
        return ", ".join(mask(url) for url in self.urls)

    @property
    def store(self) -> Hashable:
        try:
            return self.address.store
        except ValueError:
            return super().store

    def status(self) -> Status:
        """Return what DBSIZE and INFO say, and how long they took once connected."""
        self.client.collect([self.client._ping()])  # A refusal is an answer, too.
        started = time.perf_counter()
        keys, memory = self.client.collect([self.client._dbsize(), self.client._info("memory")])
        latency = time.perf_counter() - started
        used = information.number(permitted(memory) or {}, "used_memory")
        return Status(keys=permitted(keys), memory=used, latency=latency)

    # Keys.

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        return all_scopes(self.naming, self.cache)

    def scan(self, query: Query, token: str, want: int, deadline: float) -> Listing:
        """Return some keys, as `Inspector.scan` says.

        `examined` is an estimate: SCAN does not say how many keys it looked at.
        """
        reach = self.reach(query.scope)
        search = Search(
            client=self.scanner,
            primaries=primaries(self.scanner),
            query=query,
            glob=reach.match(query.pattern),
            lists=partial(self.lists, reach=reach, pattern=query.pattern),
            figures=self.figures,
        )
        return scan(search, token, want, deadline)

    def describe(
        self, keys: Sequence[bytes], columns: Collection[str] = ("type", "ttl", "size")
    ) -> list[Description]:
        return describe(self.client, keys, columns)

    def read(self, stored: bytes, window: Window = BEGINNING) -> Entry | None:
        return read(self.client, stored, self.codec, window)

    def element(self, stored: bytes, type: str, element: str) -> Element | None:
        try:
            return read_element(self.client, stored, type, element, self.codec)
        except (WrongTypeError, InvalidWindow):
            return None

    def chunks(self, stored: bytes) -> Iterator[bytes]:
        return raw.chunks(self.client, stored)

    def dump(self, stored: bytes) -> bytes | None:
        return raw.dump(self.client, stored)

    def groups(self, stored: bytes) -> Sequence[Group]:
        return groups(self.client, stored)

    def command_lines(self, stored: bytes, type: str | None) -> Sequence[CommandLine]:
        try:
            address = self.address
        except ValueError:
            address = None
        shell = shell_line(address, stored, type, self.is_cluster)
        python = self.python_line(stored, type)
        lines = [CommandLine("valkey-cli", shell)]
        return [*lines, CommandLine("Python", python)] if python else lines

    def python_line(self, stored: bytes, type: str | None) -> str | None:
        """Return the line of Python that reads a key, where the cache has one."""
        raise NotImplementedError

    def key_of(self, stored: bytes) -> str | None:
        """Return the key of which the cache makes a stored key, or None where none is known."""
        prefix = self.naming.prefix
        if prefix is None or not stored.startswith(prefix):
            return None
        key = text_of(stored.removeprefix(prefix))
        return key if key is not None and self.locate(key) == stored else None

    @property
    def is_cluster(self) -> bool:
        return False

    # Changes.

    def apply(self, stored: bytes, edit: Edit) -> Outcome:
        try:
            if isinstance(edit, Rename):
                return self._rename(stored, edit)
            if isinstance(edit, Copy):
                return self._copy(stored, edit)
            steps = outcome_of(Target(stored, self.codec), edit)
            return self.not_offered() if steps is None else self.client.run(steps)
        except CommandError as error:
            return Outcome.refused(mask(str(error), secrets_in(self.params)))
        except InvalidWindow:
            return Outcome(Result.ELEMENT_GONE)
        except NotStorable as error:
            reason = _("This cache's serializer does not take the value: %(reason)s")
            return Outcome.refused(reason % {"reason": error})

    def _rename(self, stored: bytes, edit: Rename) -> Outcome:
        if not self.shares_slot(stored, edit.to):
            return elsewhere.rename_across(self.client, stored, edit)
        return self.client.run(applied([stored, edit.to], lambda: elsewhere.renamed(stored, edit)))

    def _copy(self, stored: bytes, edit: Copy) -> Outcome:
        other = edit.into or self
        if not isinstance(other, ServerInspector) or not self.stores_like(other):
            return copy_value(self, stored, edit)
        if other.store != self.store or not self.shares_slot(stored, edit.to):
            return elsewhere.copy_across(self.client, stored, other.client, edit)
        return self.client.run(applied([stored, edit.to], lambda: elsewhere.copied(stored, edit)))

    def shares_slot(self, key: bytes, other: bytes) -> bool:
        """Return whether one command can be about both keys."""
        return not self.is_cluster or slot_of(key) == slot_of(other)

    def stores_like(self, other: ServerInspector) -> bool:
        """Return whether another alias reads what this one stores."""
        return other.codec.takes(self.codec)

    def copies_into(self, other: Inspector) -> bool:
        return other.can_add

    def delete(self, keys: Sequence[bytes]) -> int:
        requests = [self.client._unlink(*some) for some in bulk.batches(keys)]
        return sum(required(count) for count in self.client.collect(requests))

    def delete_each(self, keys: Sequence[bytes]) -> Tally:
        return bulk.unlink(self.client, keys)

    def expire_each(self, keys: Sequence[bytes], ttl: int) -> Tally:
        return bulk.expire(self.client, keys, ttl)

    # Information.

    def info(self) -> Sequence[Section]:
        [reply] = self.client.collect([self.client._info()])
        info = permitted(reply)
        if info is None:
            return [Section(_("Server"), note=_("The server does not let this user run INFO."))]
        return information.sections(info, self.address.database)
