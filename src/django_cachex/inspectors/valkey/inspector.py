"""The consumer groups of a stream."""

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
from django_cachex.cache.cluster.routing import slot_of
from django_cachex.cache.codecs import could_run, may_run, names_something, readers
from django_cachex.cache.connection.sync import Bounds
from django_cachex.commands import (
    CommandError,
    Operation,
    ReplyTooLarge,
    ServerUnavailable,
    WrongTypeError,
)
from django_cachex.commands.command import execute_all
from django_cachex.conf import limits
from django_cachex.inspectors.base import Inspector, file_id, resolve
from django_cachex.inspectors.edits import Copy, Edit, Outcome, Rename, Result, Tally
from django_cachex.inspectors.fallbacks import copy_value
from django_cachex.inspectors.info import Section, Status, Text
from django_cachex.inspectors.keys import printable, text_of
from django_cachex.inspectors.masking import mask, masked, secrets_in
from django_cachex.inspectors.query import (
    BEGINNING,
    InvalidWindow,
    Query,
    Scope,
    Window,
    all_scopes,
)
from django_cachex.inspectors.registry import inspector_for
from django_cachex.inspectors.types import (
    CommandLine,
    Consumer,
    Description,
    Element,
    Entry,
    Group,
    Listing,
)
from django_cachex.inspectors.valkey import copy, read
from django_cachex.inspectors.valkey import edit as bulk
from django_cachex.inspectors.valkey import info as information
from django_cachex.inspectors.valkey.compare_and_set import (
    NotStorable,
    RunsElsewhere,
    Target,
    applied,
)
from django_cachex.inspectors.valkey.copy import LARGEST
from django_cachex.inspectors.valkey.edit import outcome_of
from django_cachex.inspectors.valkey.elements import read_element
from django_cachex.inspectors.valkey.errors import permitted, required, sceptical
from django_cachex.inspectors.valkey.key_info import TYPES, describe
from django_cachex.inspectors.valkey.read import read_key
from django_cachex.inspectors.valkey.scan import Search, primaries, scan
from django_cachex.inspectors.valkey.scan_elements import ask
from django_cachex.inspectors.valkey.snippets import Address, shell_line
from django_cachex.inspectors.values import Codec, recognise
from django_cachex.inspectors.values.formats import PROBE_SIZE, inflate


def groups(client: Client, key: bytes) -> Sequence[Group]:
    """Return the groups with their consumers, in two round trips."""
    return client.run(groups_of(key))


def groups_of(key: bytes) -> Operation[list[Group]]:
    [found] = yield [ask("XINFO", "GROUPS", key)]
    facts = [facts_in(flat) for flat in found]
    if not facts:
        return []
    consumers = yield [ask("XINFO", "CONSUMERS", key, one[b"name"]) for one in facts]
    return [group(one, some) for one, some in zip(facts, consumers, strict=True)]


def facts_in(flat: list[Any]) -> dict[bytes, Any]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def group(facts: dict[bytes, Any], consumers: list[list[Any]]) -> Group:
    return Group(
        name=printable(facts[b"name"]),
        pending=facts[b"pending"],
        last_delivered=facts[b"last-delivered-id"].decode(),
        lag=facts.get(b"lag"),  # Not before Redis 7, nor where entries in the middle were deleted.
        consumers=[consumer(facts_in(flat)) for flat in consumers],
    )


def consumer(facts: dict[bytes, Any]) -> Consumer:
    return Consumer(printable(facts[b"name"]), facts[b"pending"], facts[b"idle"])


class WholeKeys(Inspector):
    """Keys of a server, each as a whole."""

    can_rename = True
    can_copy = True
    can_download = True
    can_dump = True

    @property
    def client(self) -> Client:
        """The primary, under the admin's timeouts."""
        raise NotImplementedError

    @property
    def serializer(self) -> Any:
        """The object that makes the application's bytes of its values."""
        raise NotImplementedError

    @property
    def codec(self) -> Codec:
        """How the application reads and writes the values."""
        raise NotImplementedError

    @property
    def address(self) -> Address:
        """The primary's database; ValueError where its URL is none."""
        raise NotImplementedError

    @property
    def is_cluster(self) -> bool:
        return False

    # Moved.

    def rename(self, stored: bytes, edit: Rename) -> Outcome:
        if not self.shares_slot(stored, edit.to):
            return copy.rename_across(self.client, stored, edit)
        return self.client.run(applied([stored, edit.to], lambda: copy.renamed(stored, edit)))

    def copy(self, stored: bytes, edit: Copy) -> Outcome:
        other = edit.into or self
        if not isinstance(other, WholeKeys) or not self.stores_like(other):
            return copy_value(self, stored, edit)
        if other.store != self.store or not self.shares_slot(stored, edit.to):
            return copy.copy_across(self.client, stored, other.client, edit)
        return self.client.run(applied([stored, edit.to], lambda: copy.copied(stored, edit)))

    def shares_slot(self, key: bytes, other: bytes) -> bool:
        """Return whether one command can be about both keys."""
        return not self.is_cluster or slot_of(key) == slot_of(other)

    def stores_like(self, other: WholeKeys) -> bool:
        """Return whether another alias reads what this one stores."""
        return other.codec.takes(self.codec)

    def copies_into(self, other: Inspector) -> bool:
        return other.can_add

    # Had.

    def chunks(self, stored: bytes) -> Iterator[bytes]:
        return read.chunks(self.client, stored)

    def dump(self, stored: bytes) -> bytes | None:
        return read.dump(self.client, stored)

    def groups(self, stored: bytes) -> Sequence[Group]:
        return groups(self.client, stored)

    # Quoted.

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


HARMLESS: Final = frozenset(("pickle", "json"))
"""What a cache may read of which nothing that was typed is a program: pickles are of plain data,
and no JSON begins like a pickle."""

MAX_PROBED_SIZE: Final = 64 * PROBE_SIZE


def check_readers(inspector: WholeKeys, stored: bytes, data: bytes) -> None:
    """Raise `RunsElsewhere` where another cache could run what this one is about to store."""
    if inspector.codec.kind == "pickle":
        return
    opened = inflate(data, MAX_PROBED_SIZE)
    # Neighbours are looked for only where it matters.
    suspect = [one for one in (data, opened.data if opened else b"") if names_something(one)]
    if suspect and any(
        could_run(other.serializer, one)
        for other in readers_of(inspector, stored)
        for one in suspect
    ):
        raise RunsElsewhere(
            _(
                "Another cache could read this key with a different serializer and run the "
                "value as code, because it looks like a pickle to that cache. Give the two "
                "caches prefixes that don't overlap."
            )
        )


def check_move(source: WholeKeys, stored: bytes, edit: Rename | Copy) -> None:
    """Raise `RunsElsewhere` where stored bytes come to a name under which they may be run."""
    target = (edit.into if isinstance(edit, Copy) else None) or source
    if not isinstance(target, WholeKeys) or not source.stores_like(target):
        return  # The value is stored anew, and checked then.
    if {source.codec.kind, *source.codec.reads} <= HARMLESS:
        return
    before = {source.alias, *(other.alias for other in readers_of(source, stored))}
    if any(
        other.alias not in before and any(map(may_run, readers(other.serializer)))
        for other in readers_of(target, edit.to)
    ):
        raise RunsElsewhere(
            _(
                "Another cache could read the key under its new name with a different "
                "serializer and run the value as code. Give the two caches prefixes that "
                "don't overlap."
            )
        )


def readers_of(inspector: WholeKeys, stored: bytes) -> Iterator[WholeKeys]:
    """Yield the other caches of `settings.CACHES` to which a stored key may be one of theirs.

    One server can be written in many ways: any with that database counts.
    Those that read with the serializer that wrote are not meant.
    """
    writer = type(readers(inspector.serializer)[0])
    for alias in settings.CACHES:
        other = inspector_for(alias) if alias != inspector.alias else None
        if (
            isinstance(other, WholeKeys)
            and (other.store == inspector.store or inspector.may_share(other))
            and any(type(one) is not writer for one in readers(other.serializer))
            and may_own(other, stored)
        ):
            yield other


def may_own(inspector: Inspector, stored: bytes) -> bool:
    """Return whether a stored key may be an alias's in some version."""
    if inspector.owns(stored):
        return True
    if Scope.VERSIONS not in inspector.scopes:
        return False
    return inspector.reach(Scope.VERSIONS).holds(stored)


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
                gettext_lazy(
                    "With this KEY_FUNCTION, there is no way to tell which keys belong to "
                    "this cache. Open a key by its exact name."
                ),
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
        return read_key(self.client, stored, self.codec, window)

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
            reason = gettext_lazy("This cache's serializer can't store the value: %(reason)s")
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
            return [
                Section(
                    gettext_lazy("Server"),
                    note=gettext_lazy("This user isn't allowed to run INFO on the server."),
                )
            ]
        return information.sections(info, self.address.database)
