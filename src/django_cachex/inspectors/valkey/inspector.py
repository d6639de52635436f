"""An alias in Valkey or Redis, whichever backend the application uses."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Hashable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, Final

from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.cache.bounded import Bounds
from django_cachex.cache.client import Client
from django_cachex.commands import CommandError, ReplyTooLarge, ServerUnavailable, WrongTypeError
from django_cachex.commands.command import execute_all
from django_cachex.inspectors.addresses import file_id, resolve
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.bulk import Tally
from django_cachex.inspectors.content import Codec, recognise
from django_cachex.inspectors.edits import Copy, Edit, Outcome, Rename, Result
from django_cachex.inspectors.entries import (
    Description,
    Element,
    Entry,
    Listing,
)
from django_cachex.inspectors.facts import Section, Status, Text
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.masking import mask, masked, secrets_in
from django_cachex.inspectors.query import Query, Scope
from django_cachex.inspectors.reach import all_scopes
from django_cachex.inspectors.valkey import bulk, information
from django_cachex.inspectors.valkey.address import Address
from django_cachex.inspectors.valkey.changes import Target, outcome_of
from django_cachex.inspectors.valkey.changes.elsewhere import LARGEST
from django_cachex.inspectors.valkey.changes.target import NotStorable, RunsElsewhere
from django_cachex.inspectors.valkey.descriptions import describe
from django_cachex.inspectors.valkey.elements import TYPES
from django_cachex.inspectors.valkey.listing import Search, scan
from django_cachex.inspectors.valkey.primaries import primaries
from django_cachex.inspectors.valkey.readers import check_move, check_readers
from django_cachex.inspectors.valkey.reading import read, read_element
from django_cachex.inspectors.valkey.replies import permitted, required, sceptical
from django_cachex.inspectors.valkey.whole import WholeKeys
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

IDS: Final = ("run_id", "master_replid")
"""Fields of INFO that are no other server's."""

LARGEST_REPLY: Final = LARGEST + 8 * 1024 * 1024
"""Bytes: a key that is copied may come whole."""

NODES_PATIENCE: Final = 4
"""The part of a page's time for which one silent node of a cluster may hold up a search."""


def is_absent(error: BaseException | None) -> bool:
    """Return whether at the bottom of an error nobody listened at an address."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError | FileNotFoundError | socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False


class ServerInspector(WholeKeys):
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
    can_increase = True
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
        client = sceptical(self.client_class).from_settings(
            self.driver,
            list(self.urls),
            self.options,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            bounds=Bounds(seconds, LARGEST_REPLY),
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
        return mask(", ".join(self.urls), secrets_in(self.params))

    @property
    def store(self) -> Hashable:
        try:
            return self.address.store
        except ValueError:
            return super().store

    def store_ids(self) -> frozenset[str]:
        """Return what the servers say that they are, and their addresses where that is all.

        A replica has the `master_replid` of its primary. See https://valkey.io/commands/info/
        """
        own = super().store_ids() | self._addresses()
        return own | {f"{one}/{self.database}" for one in self._server_ids()}

    @property
    def database(self) -> int:
        """The number of the database; 0 where the URL names none."""
        with suppress(ValueError):
            return 0 if self.is_cluster else self.address.database
        return 0

    def may_share(self, other: Inspector) -> bool:
        return isinstance(other, ServerInspector) and other.database == self.database

    def _addresses(self) -> frozenset[str]:
        """Return where the server is, for those that refuse INFO; a fleet has many places."""
        if self.is_cluster or self.client_class is not Client:
            return frozenset()
        try:
            address = self.address
        except ValueError:
            return frozenset()
        places = {file_id(address.host)}
        if address.scheme != "unix":
            places = set(resolve(address.host, address.port))
        return frozenset(f"{place}/{address.database}" for place in places)

    def _server_ids(self) -> set[str]:
        """Return the ids of all primaries; one where nobody listens, or that refuses, has none."""
        # Who does not answer has not said who it is: no page waits long to know more.
        client = self._client(limits().timeout / NODES_PATIENCE)
        asked = [client._info("server"), client._info("replication")]
        try:
            servers = primaries(client)
            servers.begin()
            replies = [server.run(execute_all(asked)) for server in servers.servers().values()]
        except ServerUnavailable as error:
            if not is_absent(error):
                raise
            return set()
        infos = [permitted(reply) or {} for told in replies for reply in told]
        return {info[name] for info in infos for name in IDS if name in info}

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
        reach, pattern = self.reach(query.scope), query.pattern
        lists = partial(self.lists, query=query, reach=reach)
        is_exact = reach.is_exact and pattern.glob_is_exact
        search = Search(
            client=self.scanner,
            primaries=primaries(self.scanner),
            query=query,
            glob=reach.match(pattern),
            lists=None if is_exact and query.exclude is None else lists,
            figures=self.figures,
            is_dear=pattern.looks_everywhere or not reach.is_exact,
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

    # Changes.

    def apply(self, stored: bytes, edit: Edit) -> Outcome:
        try:
            if isinstance(edit, Rename | Copy):
                check_move(self, stored, edit)
                return (
                    self.rename(stored, edit)
                    if isinstance(edit, Rename)
                    else self.copy(stored, edit)
                )
            check = partial(check_readers, self, stored)
            steps = outcome_of(Target(stored, self.codec, check), edit)
            return self.not_offered() if steps is None else self.client.run(steps)
        except (CommandError, ReplyTooLarge) as error:
            return Outcome.refused(masked(str(error), self.params))
        except InvalidWindow:
            return Outcome(Result.ELEMENT_GONE)
        except RunsElsewhere as refusal:
            return Outcome.refused(str(refusal))
        except NotStorable as error:
            reason = _("This cache's serializer does not take the value: %(reason)s")
            return Outcome.refused(reason % {"reason": error})

    def delete(self, keys: Sequence[bytes]) -> int:
        commands = [self.client._unlink(*some) for some in bulk.batches(keys)]
        return sum(required(count) for count in self.client.collect(commands))

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
