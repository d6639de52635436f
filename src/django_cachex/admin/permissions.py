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
from django_cachex.admin.stores import caches_sharing_store, get_stores
from django_cachex.cache.keys import Keyspace
from django_cachex.conf import limits
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.query import Scope, versions_of
from django_cachex.inspectors.shapes import KeyShape

HIDDEN: Final = "hidden"
READ_ONLY: Final = "read-only"

RESTRICTIVE_POLICIES: Final = (HIDDEN, READ_ONLY)
UNRESTRICTED: Final = ""

PROBE_NAMES: Final = tuple(sha256(b"%d" % number).hexdigest()[: 8 + number] for number in range(16))
"""Names of different lengths that have nothing in common: what becomes of them tells the rest."""


def visible_aliases() -> list[str]:
    """Return the aliases of `settings.CACHES` that policy does not hide."""
    policies = limits().aliases
    return [alias for alias in settings.CACHES if policies.get(alias) != HIDDEN]


def strictest_policy(policies: Iterable[str]) -> str:
    """Return the strictest of some policies, `OPEN` for none."""
    found = set(policies)
    return next((policy for policy in RESTRICTIVE_POLICIES if policy in found), UNRESTRICTED)


@dataclass(frozen=True)
class AliasPolicy:
    """An alias of a store, its policy, and the stored keys that are its own."""

    policy: str
    shape: KeyShape
    keyspace: Keyspace | None
    """Its keys in every version; None where they cannot be told."""


@dataclass(frozen=True)
class StorePolicies:
    """The policies of all aliases that keep their entries in one store."""

    owners: Sequence[AliasPolicy]
    is_certain: bool
    """Whether all of them have said what their stores are."""

    def policy_for(self, stored: bytes) -> str:
        """Return the policy of a key as the store knows it: of the alias whose own it is.

        Of several, that is the one with the longest prefix; of those alike, the strictest. A key
        of another version than theirs belongs to all that have its prefix.
        """
        own = [owner for owner in self.owners if owner.shape.fits(stored)]
        longest = max((len(owner.shape.prefix) for owner in own), default=0)
        closest = [owner for owner in own if len(owner.shape.prefix) == longest]
        if not closest or not longest:
            others = (one for one in self.owners if one.keyspace and one.keyspace.holds(stored))
            closest = [*others] or closest
        return strictest_policy(owner.policy for owner in closest)

    @property
    def has_hidden_keys(self) -> bool:
        return any(owner.policy == HIDDEN for owner in self.owners)


def policies_of_store(inspector: Inspector) -> StorePolicies | None:
    """Return the policies of the store of an alias, or None where nothing there is closed."""
    policies = limits().aliases
    if not any(policies.get(alias) in RESTRICTIVE_POLICIES for alias in settings.CACHES):
        return None
    others = caches_sharing_store(inspector)
    owners = [
        AliasPolicy(
            policies.get(one.alias, UNRESTRICTED), KeyShape.of(one, PROBE_NAMES), keyspace_of(one)
        )
        for one in (inspector, *others)
    ]
    if not any(owner.policy in RESTRICTIVE_POLICIES for owner in owners):
        return None
    closed = [one for one in others if policies.get(one.alias) in RESTRICTIVE_POLICIES]
    return StorePolicies(owners, all(get_stores().is_known(inspector, one) for one in closed))


def keyspace_of(inspector: Inspector) -> Keyspace | None:
    """Return the stored keys of an alias in every version, where the store knows them by name."""
    is_named = inspector.in_store(inspector.locate("key")) == inspector.naming.stored("key")
    return versions_of(inspector.cache) if is_named else None


def flush_affects_restricted(inspector: Inspector) -> bool:
    """Return whether a flush of an alias would take keys that policy closes to changes."""
    policies = limits().aliases
    if not any(policies.get(alias) in RESTRICTIVE_POLICIES for alias in settings.CACHES):
        return False
    return any(
        policies.get(other.alias) in RESTRICTIVE_POLICIES and inspector.flushes(other)
        for other in caches_sharing_store(inspector)
    )


def flush_refused_text(inspector: Inspector) -> str:
    """Return why a cache is not flushed whose flush would take more than its own keys."""
    text = _(
        '"%(alias)s" cannot be flushed: that would also delete keys that CACHEX_ADMIN closes to '
        "changes."
    )
    return text % {"alias": inspector.alias}


__all__ = ["HIDDEN", "READ_ONLY", "Permission", "PermissionChecker", "visible_aliases"]


@dataclass(frozen=True)
class Permission:
    """Something that a person may want to do."""

    abilities: tuple[str, ...] = ()
    """What the inspector must be able to do: one of these."""

    cache: tuple[str, ...] = ()
    """Permissions on `Cache` that are needed, all of them."""

    key: tuple[str, ...] = ()
    """Permissions on `Key` that are needed, all of them."""

    is_write: bool = False
    """Whether it is refused on an alias that is read-only."""

    denied_on_sessions: bool = False
    """Whether it is refused on sessions, but to superusers."""

    empties_store: bool = False
    """Whether it may take keys of other caches, too: refused where policy closes those."""


VIEW_CACHES = Permission(cache=("view",))
VIEW_INFO = Permission(cache=("view",))
VIEW_KEYS = Permission(key=("view",))
VIEW_NAMESPACES = Permission(("can_list",), key=("view",))
VIEW_VALUE = Permission(("can_get", "can_get_unsafely"), key=("view",), denied_on_sessions=True)
VIEW_HISTORY = Permission(key=("view",), denied_on_sessions=True)
ADD = Permission(("can_add",), key=("add",), is_write=True, denied_on_sessions=True)
REPLACE = Permission(("can_add",), key=("add", "change"), is_write=True, denied_on_sessions=True)
EDIT = Permission(("can_edit",), key=("change",), is_write=True, denied_on_sessions=True)
EDIT_ELEMENTS = Permission(
    ("can_edit_elements",), key=("change",), is_write=True, denied_on_sessions=True
)
INCREASE = Permission(("can_increase",), key=("change",), is_write=True, denied_on_sessions=True)
RENAME = Permission(("can_rename",), key=("add", "delete"), is_write=True, denied_on_sessions=True)
COPY = Permission(("can_copy",), key=("view", "add"), denied_on_sessions=True)
COPY_TO = Permission(key=("add",), is_write=True, denied_on_sessions=True)
COPY_OVER = Permission(key=("add", "change"), is_write=True, denied_on_sessions=True)
DOWNLOAD = Permission(("can_download",), key=("view",), denied_on_sessions=True)
DOWNLOAD_DECODED = Permission(("can_get",), key=("view",), denied_on_sessions=True)
DUMP = Permission(("can_dump",), key=("view",), denied_on_sessions=True)
EXPIRE = Permission(
    ("can_expire",), cache=("change",), key=("view",), is_write=True, denied_on_sessions=True
)
DELETE = Permission(("can_delete",), key=("delete",), is_write=True, denied_on_sessions=True)
FLUSH = Permission(("can_flush",), cache=("change",), is_write=True, empties_store=True)


def policy_allows(act: Permission, policy: str | None) -> bool:
    """Return whether a policy of `CACHEX_ADMIN["ALIASES"]` leaves an act open."""
    return policy != HIDDEN and not (policy == READ_ONLY and act.is_write)


def alias_allows(act: Permission, inspector: Inspector) -> bool:
    """Return whether a cache's ability and policy allow an act, whoever wants it."""
    if not policy_allows(act, limits().aliases.get(inspector.alias)):
        return False
    if act.abilities and not any(getattr(inspector, name) for name in act.abilities):
        return False
    return not (act.empties_store and flush_affects_restricted(inspector))


@dataclass(frozen=True)
class KeyPolicies:
    """What policy closes of the keys that one alias reaches, whoever asks."""

    inspector: Inspector
    _store: StorePolicies | None

    @classmethod
    def of_cache(cls, inspector: Inspector) -> KeyPolicies:
        return cls(inspector, policies_of_store(inspector))

    def allows(self, act: Permission, stored: bytes) -> bool:
        """Return whether the policy of the alias whose own a key is leaves an act open."""
        return self._store is None or policy_allows(act, self.policy_for(stored))

    def policy_for(self, stored: bytes) -> str:
        return (
            self._store.policy_for(self.inspector.in_store(stored))
            if self._store is not None
            else ""
        )

    @property
    def is_certain(self) -> bool:
        """Whether it is known which caches share the store."""
        return self._store is None or self._store.is_certain

    @property
    def hidden_key_filter(self) -> Callable[[bytes], bool] | None:
        """What tells whether a key is hidden; None where none is."""
        if self._store is None or not self._store.has_hidden_keys:
            return None
        return lambda stored: self.policy_for(stored) == HIDDEN


@dataclass(frozen=True)
class PermissionChecker:
    """What one request's user may do on one admin site."""

    site: AdminSite
    request: HttpRequest
    _latest: dict[str, Any] = field(default_factory=dict)
    _policies: dict[str, KeyPolicies] = field(default_factory=dict)
    _sharing: dict[str, Sequence[Inspector]] = field(default_factory=dict)

    def is_allowed(
        self, act: Permission, inspector: Inspector | None = None, stored: bytes | None = None
    ) -> bool:
        """Return whether ability, permission and the alias's policy all allow an act."""
        if inspector is not None and not alias_allows(act, inspector):
            return False
        if inspector is not None and stored is not None:
            if not self.policies(inspector).allows(act, stored):
                return False
            if act.denied_on_sessions and self.is_protected_session(inspector, stored):
                return False
        return self._has_permissions(act, inspector, stored)

    def filter_allowed(
        self, act: Permission, inspector: Inspector, keys: Sequence[bytes]
    ) -> Sequence[bytes]:
        """Return the keys that an act is allowed on, which is allowed on their cache.

        Where no project has permissions of its own that could tell keys apart, none is asked for.
        """
        policies = self.policies(inspector)
        keys = [stored for stored in keys if policies.allows(act, stored)]
        if act.denied_on_sessions:
            keys = [stored for stored in keys if not self.is_protected_session(inspector, stored)]
        if not any(self._decides_per_key(verb) for verb in act.key):
            return keys
        return [stored for stored in keys if self._has_permissions(act, inspector, stored)]

    def policies(self, inspector: Inspector) -> KeyPolicies:
        """Return what policy closes of the keys that an alias reaches."""
        if inspector.alias not in self._policies:
            self._policies[inspector.alias] = KeyPolicies.of_cache(inspector)
        return self._policies[inspector.alias]

    def exclusion_filter(
        self, inspector: Inspector, narrows: bool
    ) -> Callable[[bytes], bool] | None:
        """Return what a search leaves out: hidden keys, and sessions where it tells names apart.

        None where it leaves out nothing: no search finds sessions letter by letter.
        """
        hidden = self.policies(inspector).hidden_key_filter
        has_secrets = narrows and not self.is_superuser and session_keys() is not None
        if not has_secrets:
            return hidden
        if hidden is None:
            return partial(self.is_protected_session, inspector)
        return lambda stored: hidden(stored) or self.is_protected_session(inspector, stored)

    def _decides_per_key(self, verb: str) -> bool:
        name = f"has_{verb}_permission"
        kind = type(self.site.get_model_admin(Key))
        return verb != "add" and getattr(kind, name) is not getattr(ModelAdmin, name)

    def _has_permissions(
        self, act: Permission, inspector: Inspector | None, stored: bytes | None
    ) -> bool:
        alias = inspector.alias if inspector is not None else None
        return all(
            self._get_check("cache", verb)(self._cache_object(alias)) for verb in act.cache
        ) and all(self._get_check("key", verb)(self._key_object(alias, stored)) for verb in act.key)

    def _cache_object(self, alias: str | None) -> Cache | None:
        return Cache(alias=alias) if alias is not None else None

    def _key_object(self, alias: str | None, stored: bytes | None) -> Key | None:
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

    def _get_check(self, model: str, verb: str) -> Callable[[Cache | Key | None], bool]:
        admin = self.site.get_model_admin(Cache if model == "cache" else Key)
        check = getattr(admin, f"has_{verb}_permission")
        if verb == "add":
            return lambda _obj: bool(check(self.request))
        return lambda obj: bool(check(self.request, obj))

    @cached_property
    def is_superuser(self) -> bool:
        return bool(getattr(self.request.user, "is_superuser", False))

    def is_protected_session(self, inspector: Inspector, stored: bytes) -> bool:
        """Return whether a key is a session's and the user not a superuser."""
        if self.is_superuser:
            return False
        sessions = session_keys()
        return sessions is not None and sessions.contains(inspector, stored)

    def allowed_scopes(self, inspector: Inspector) -> tuple[Scope, ...]:
        """Return whose keys this user may look for: in a whole database only superusers."""
        return tuple(
            scope for scope in inspector.scopes if scope is not Scope.STORE or self.is_superuser
        )

    def can_open(self, inspector: Inspector, stored: bytes) -> bool:
        """Return whether a key is opened through a cache: one of its own that no policy hides.

        Those of its other versions are, too, unless they are another cache's. What else a whole
        database holds is listed, and left alone.
        """
        if self.policies(inspector).policy_for(stored) == HIDDEN:
            return False
        if inspector.owns(stored):
            return True
        if Scope.VERSIONS not in inspector.scopes:
            return False
        is_ours = inspector.reach(Scope.VERSIONS).key(stored) is not None
        return is_ours and not any(one.owns(stored) for one in self.caches_sharing_store(inspector))

    def caches_sharing_store(self, inspector: Inspector) -> Sequence[Inspector]:
        """Return the other caches of `settings.CACHES` that keep their keys in the same store."""
        if inspector.alias not in self._sharing:
            self._sharing[inspector.alias] = caches_sharing_store(inspector)
        return self._sharing[inspector.alias]
