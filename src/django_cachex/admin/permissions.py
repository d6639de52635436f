"""Who may do what with which cache and key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import sha256
from typing import Any, Final

from django.conf import settings
from django.contrib.admin import AdminSite, ModelAdmin
from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_cachex.admin.links import object_id
from django_cachex.admin.models import Cache, Key
from django_cachex.admin.sessions import session_keys
from django_cachex.admin.stores import sharing, stores
from django_cachex.cache.keys import Keyspace
from django_cachex.conf import limits
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.query import Scope, versions_of
from django_cachex.inspectors.shapes import KeyShape

HIDDEN: Final = "hidden"
READ_ONLY: Final = "read-only"

STRICTEST: Final = (HIDDEN, READ_ONLY)
OPEN: Final = ""

NAMES: Final = tuple(sha256(b"%d" % number).hexdigest()[: 8 + number] for number in range(16))
"""Names of different lengths that have nothing in common: what becomes of them tells the rest."""


def visible_aliases() -> list[str]:
    """Return the aliases of `settings.CACHES` that policy does not hide."""
    policies = limits().aliases
    return [alias for alias in settings.CACHES if policies.get(alias) != HIDDEN]


def strictest(policies: Iterable[str]) -> str:
    """Return the strictest of some policies, `OPEN` for none."""
    found = set(policies)
    return next((policy for policy in STRICTEST if policy in found), OPEN)


@dataclass(frozen=True)
class Owner:
    """An alias of a store, its policy, and the stored keys that are its own."""

    policy: str
    shape: KeyShape
    versions: Keyspace | None
    """Its keys in every version; None where they cannot be told."""


@dataclass(frozen=True)
class StorePolicies:
    """The policies of all aliases that keep their entries in one store."""

    owners: Sequence[Owner]
    is_certain: bool
    """Whether all of them have said what their stores are."""

    def of(self, stored: bytes) -> str:
        """Return the policy of a key as the store knows it: of the alias whose own it is.

        Of several, that is the one with the longest prefix; of those alike, the strictest. A key
        of another version than theirs belongs to all that have its prefix.
        """
        own = [owner for owner in self.owners if owner.shape.fits(stored)]
        longest = max((len(owner.shape.prefix) for owner in own), default=0)
        closest = [owner for owner in own if len(owner.shape.prefix) == longest]
        if not closest or not longest:
            others = (one for one in self.owners if one.versions and one.versions.holds(stored))
            closest = [*others] or closest
        return strictest(owner.policy for owner in closest)

    @property
    def hides(self) -> bool:
        return any(owner.policy == HIDDEN for owner in self.owners)


def policies_around(inspector: Inspector) -> StorePolicies | None:
    """Return the policies of the store of an alias, or None where nothing there is closed."""
    policies = limits().aliases
    if not any(policies.get(alias) in STRICTEST for alias in settings.CACHES):
        return None
    others = sharing(inspector)
    owners = [
        Owner(policies.get(one.alias, OPEN), KeyShape.of(one, NAMES), versions(one))
        for one in (inspector, *others)
    ]
    if not any(owner.policy in STRICTEST for owner in owners):
        return None
    closed = [one for one in others if policies.get(one.alias) in STRICTEST]
    return StorePolicies(owners, all(stores().is_known(inspector, one) for one in closed))


def versions(inspector: Inspector) -> Keyspace | None:
    """Return the stored keys of an alias in every version, where the store knows them by name."""
    is_named = inspector.in_store(inspector.locate("key")) == inspector.naming.stored("key")
    return versions_of(inspector.cache) if is_named else None


def closed_by_flush(inspector: Inspector) -> bool:
    """Return whether a flush of an alias would take keys that policy closes to changes."""
    policies = limits().aliases
    if not any(policies.get(alias) in STRICTEST for alias in settings.CACHES):
        return False
    return any(
        policies.get(other.alias) in STRICTEST and inspector.flushes(other)
        for other in sharing(inspector)
    )


def closed_text(inspector: Inspector) -> str:
    """Return why a cache is not flushed whose flush would take more than its own keys."""
    text = _(
        '"%(alias)s" can\'t be flushed, because that would also delete keys that CACHEX_ADMIN '
        "protects from changes."
    )
    return text % {"alias": inspector.alias}


__all__ = ["HIDDEN", "READ_ONLY", "Act", "Gate", "visible_aliases"]


@dataclass(frozen=True)
class Act:
    """Something that a person may want to do."""

    abilities: tuple[str, ...] = ()
    """What the inspector must be able to do: one of these."""

    cache: tuple[str, ...] = ()
    """Permissions on `Cache` that are needed, all of them."""

    key: tuple[str, ...] = ()
    """Permissions on `Key` that are needed, all of them."""

    changes: bool = False
    """Whether it is refused on an alias that is read-only."""

    shows_secrets: bool = False
    """Whether it is refused on sessions, but to superusers."""

    empties: bool = False
    """Whether it may take keys of other caches, too: refused where policy closes those."""


SEE_CACHES = Act(cache=("view",))
SEE_INFO = Act(cache=("view",))
SEE_KEYS = Act(key=("view",))
SEE_NAMESPACES = Act(("can_list",), key=("view",))
SEE_VALUE = Act(("can_get", "can_get_unsafely"), key=("view",), shows_secrets=True)
SEE_HISTORY = Act(key=("view",), shows_secrets=True)
ADD = Act(("can_add",), key=("add",), changes=True, shows_secrets=True)
REPLACE = Act(("can_add",), key=("add", "change"), changes=True, shows_secrets=True)
EDIT = Act(("can_edit",), key=("change",), changes=True, shows_secrets=True)
EDIT_ELEMENTS = Act(("can_edit_elements",), key=("change",), changes=True, shows_secrets=True)
INCREASE = Act(("can_increase",), key=("change",), changes=True, shows_secrets=True)
RENAME = Act(("can_rename",), key=("add", "delete"), changes=True, shows_secrets=True)
COPY = Act(("can_copy",), key=("view", "add"), shows_secrets=True)
COPY_TO = Act(key=("add",), changes=True, shows_secrets=True)
COPY_OVER = Act(key=("add", "change"), changes=True, shows_secrets=True)
DOWNLOAD = Act(("can_download",), key=("view",), shows_secrets=True)
DOWNLOAD_DECODED = Act(("can_get",), key=("view",), shows_secrets=True)
DUMP = Act(("can_dump",), key=("view",), shows_secrets=True)
EXPIRE = Act(("can_expire",), cache=("change",), key=("view",), changes=True, shows_secrets=True)
DELETE = Act(("can_delete",), key=("delete",), changes=True, shows_secrets=True)
FLUSH = Act(("can_flush",), cache=("change",), changes=True, empties=True)


def policy_allows(act: Act, policy: str | None) -> bool:
    """Return whether a policy of `CACHEX_ADMIN["ALIASES"]` leaves an act open."""
    return policy != HIDDEN and not (policy == READ_ONLY and act.changes)


def alias_allows(act: Act, inspector: Inspector) -> bool:
    """Return whether a cache's ability and policy allow an act, whoever wants it."""
    if not policy_allows(act, limits().aliases.get(inspector.alias)):
        return False
    if act.abilities and not any(getattr(inspector, name) for name in act.abilities):
        return False
    return not (act.empties and closed_by_flush(inspector))


@dataclass(frozen=True)
class Policies:
    """What policy closes of the keys that one alias reaches, whoever asks."""

    inspector: Inspector
    _store: StorePolicies | None

    @classmethod
    def around(cls, inspector: Inspector) -> Policies:
        return cls(inspector, policies_around(inspector))

    def allow(self, act: Act, stored: bytes) -> bool:
        """Return whether the policy of the alias whose own a key is leaves an act open."""
        return self._store is None or policy_allows(act, self.of(stored))

    def of(self, stored: bytes) -> str:
        return self._store.of(self.inspector.in_store(stored)) if self._store is not None else ""

    @property
    def is_certain(self) -> bool:
        """Whether it is known which caches share the store."""
        return self._store is None or self._store.is_certain

    @property
    def hidden(self) -> Callable[[bytes], bool] | None:
        """What tells whether a key is hidden; None where none is."""
        if self._store is None or not self._store.hides:
            return None
        return lambda stored: self.of(stored) == HIDDEN


@dataclass(frozen=True)
class Gate:
    """What one request's user may do on one admin site."""

    site: AdminSite
    request: HttpRequest
    _latest: dict[str, Any] = field(default_factory=dict)
    _policies: dict[str, Policies] = field(default_factory=dict)
    _neighbours: dict[str, Sequence[Inspector]] = field(default_factory=dict)

    def allowed(
        self, act: Act, inspector: Inspector | None = None, stored: bytes | None = None
    ) -> bool:
        """Return whether ability, permission and the alias's policy all allow an act."""
        if inspector is not None and not alias_allows(act, inspector):
            return False
        if inspector is not None and stored is not None:
            if not self.policies(inspector).allow(act, stored):
                return False
            if act.shows_secrets and self.is_secret(inspector, stored):
                return False
        return self._permitted(act, inspector, stored)

    def those_allowed(
        self, act: Act, inspector: Inspector, keys: Sequence[bytes]
    ) -> Sequence[bytes]:
        """Return the keys that an act is allowed on, which is allowed on their cache.

        Where no project has permissions of its own that could tell keys apart, none is asked for.
        """
        policies = self.policies(inspector)
        keys = [stored for stored in keys if policies.allow(act, stored)]
        if act.shows_secrets:
            keys = [stored for stored in keys if not self.is_secret(inspector, stored)]
        if not any(self._tells_keys_apart(verb) for verb in act.key):
            return keys
        return [stored for stored in keys if self._permitted(act, inspector, stored)]

    def policies(self, inspector: Inspector) -> Policies:
        """Return what policy closes of the keys that an alias reaches."""
        if inspector.alias not in self._policies:
            self._policies[inspector.alias] = Policies.around(inspector)
        return self._policies[inspector.alias]

    def exclude(self, inspector: Inspector, narrows: bool) -> Callable[[bytes], bool] | None:
        """Return what a search leaves out: hidden keys, and sessions where it tells names apart.

        None where it leaves out nothing: no search finds sessions letter by letter.
        """
        hidden = self.policies(inspector).hidden
        has_secrets = narrows and not self.is_superuser and session_keys() is not None
        if not has_secrets:
            return hidden
        if hidden is None:
            return partial(self.is_secret, inspector)
        return lambda stored: hidden(stored) or self.is_secret(inspector, stored)

    def _tells_keys_apart(self, verb: str) -> bool:
        name = f"has_{verb}_permission"
        kind = type(self.site.get_model_admin(Key))
        return verb != "add" and getattr(kind, name) is not getattr(ModelAdmin, name)

    def _permitted(self, act: Act, inspector: Inspector | None, stored: bytes | None) -> bool:
        alias = inspector.alias if inspector is not None else None
        return all(self._has("cache", verb)(self._cache(alias)) for verb in act.cache) and all(
            self._has("key", verb)(self._key(alias, stored)) for verb in act.key
        )

    def _cache(self, alias: str | None) -> Cache | None:
        return Cache(alias=alias) if alias is not None else None

    def _key(self, alias: str | None, stored: bytes | None) -> Key | None:
        """Return what a project's own has_…_permission is asked about; made once for each key.

        Where the question is about no key in particular, it is the one with the empty stored key.
        """
        if alias is None:
            return None
        if self._latest.get("asked") != (alias, stored):
            key = Key(id=object_id(alias, stored or b""))
            self._latest.update(asked=(alias, stored), key=key)
        latest: Key = self._latest["key"]
        return latest

    def _has(self, model: str, verb: str) -> Callable[[Cache | Key | None], bool]:
        admin = self.site.get_model_admin(Cache if model == "cache" else Key)
        check = getattr(admin, f"has_{verb}_permission")
        if verb == "add":
            return lambda _obj: bool(check(self.request))
        return lambda obj: bool(check(self.request, obj))

    @cached_property
    def is_superuser(self) -> bool:
        return bool(getattr(self.request.user, "is_superuser", False))

    def is_secret(self, inspector: Inspector, stored: bytes) -> bool:
        """Return whether a key is a session's and the user not a superuser."""
        if self.is_superuser:
            return False
        sessions = session_keys()
        return sessions is not None and sessions.holds(inspector, stored)

    def scopes(self, inspector: Inspector) -> tuple[Scope, ...]:
        """Return whose keys this user may look for: in a whole database only superusers."""
        return tuple(
            scope for scope in inspector.scopes if scope is not Scope.STORE or self.is_superuser
        )

    def reaches(self, inspector: Inspector, stored: bytes) -> bool:
        """Return whether a key is opened through a cache: one of its own that no policy hides.

        Those of its other versions are, too, unless they are another cache's. What else a whole
        database holds is listed, and left alone.
        """
        if self.policies(inspector).of(stored) == HIDDEN:
            return False
        if inspector.owns(stored):
            return True
        if Scope.VERSIONS not in inspector.scopes:
            return False
        is_ours = inspector.reach(Scope.VERSIONS).key(stored) is not None
        return is_ours and not any(one.owns(stored) for one in self.neighbours(inspector))

    def neighbours(self, inspector: Inspector) -> Sequence[Inspector]:
        """Return the other caches of `settings.CACHES` that keep their keys in the same store."""
        if inspector.alias not in self._neighbours:
            self._neighbours[inspector.alias] = sharing(inspector)
        return self._neighbours[inspector.alias]
