"""Permissions on caches and keys."""

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

from django_cachex.admin.kinds import Kind, get_kinds
from django_cachex.admin.links import object_id
from django_cachex.admin.models import Cache, Key
from django_cachex.admin.sessions import mask_session_key, session_keys
from django_cachex.admin.stores import caches_sharing_store, get_stores
from django_cachex.cache.keys import Keyspace
from django_cachex.conf import limits
from django_cachex.inspectors.base import Inspector, KeyShape
from django_cachex.inspectors.query import Scope

__all__ = ["HIDDEN", "READ_ONLY", "Permission", "PermissionChecker", "visible_aliases"]

HIDDEN: Final = "hidden"
READ_ONLY: Final = "read-only"

RESTRICTIVE_POLICIES: Final = (HIDDEN, READ_ONLY)
UNRESTRICTED: Final = ""

PROBE_NAMES: Final = tuple(sha256(b"%d" % number).hexdigest()[: 8 + number] for number in range(16))
"""Sample names from which `KeyShape` derives the prefix and length of a cache's stored keys."""


def visible_aliases() -> list[str]:
    """Return the aliases of `settings.CACHES` that `CACHEX_ADMIN["ALIASES"]` does not hide."""
    policies = limits().aliases
    return [alias for alias in settings.CACHES if policies.get(alias) != HIDDEN]


def strictest_policy(policies: Iterable[str]) -> str:
    """Return the strictest of the policies, or `UNRESTRICTED` if there are none."""
    given = set(policies)
    return next((policy for policy in RESTRICTIVE_POLICIES if policy in given), UNRESTRICTED)


@dataclass(frozen=True)
class AliasPolicy:
    """The policy of a cache and the stored keys that it applies to."""

    policy: str
    shape: KeyShape
    keyspace: Keyspace | None
    """The cache's keys in every version, or None if they can't be told from others."""


def has_restricted_caches() -> bool:
    """Return whether `CACHEX_ADMIN["ALIASES"]` restricts any cache."""
    policies = limits().aliases
    return any(policies.get(alias) in RESTRICTIVE_POLICIES for alias in settings.CACHES)


def keyspace_of(inspector: Inspector) -> Keyspace | None:
    """Return the keyspace of a cache in every version, or None if the store hides key names."""
    keeps_names = inspector.final_key(inspector.make_key("key")) == inspector.naming.make_key("key")
    return inspector.naming.keyspace if keeps_names else None


def flush_affects_restricted(inspector: Inspector) -> bool:
    """Return whether flushing a cache would delete keys of a hidden or read-only cache."""
    policies = limits().aliases
    return has_restricted_caches() and any(
        policies.get(other.alias) in RESTRICTIVE_POLICIES and inspector.flush_affects(other)
        for other in caches_sharing_store(inspector)
    )


def flush_refused_text(inspector: Inspector) -> str:
    """Return the message for a cache whose flush would delete keys of a restricted cache."""
    text = _(
        '"%(alias)s" can\'t be flushed, because that would also delete keys that CACHEX_ADMIN '
        "protects from changes."
    )
    return text % {"alias": inspector.alias}


@dataclass(frozen=True)
class Permission:
    """What an operation requires: abilities of the inspector, and Django permissions."""

    abilities: tuple[str, ...] = ()
    """Abilities of the inspector; at least one is needed."""

    cache_verbs: tuple[str, ...] = ()
    """Actions on the `Cache` model, such as `"view"`; all of them are needed."""

    key_verbs: tuple[str, ...] = ()
    """Actions on the `Key` model, such as `"change"`; all of them are needed."""

    is_write: bool = False
    """Whether the operation is refused on a read-only cache."""

    denied_on_sessions: bool = False
    """Whether the operation is refused on sessions, except to superusers."""

    empties_store: bool = False
    """Whether the operation may delete keys of other caches; refused if those are restricted."""


VIEW_CACHES = Permission(cache_verbs=("view",))
VIEW_INFO = Permission(cache_verbs=("view",))
VIEW_HEALTH = Permission(cache_verbs=("view",))
VIEW_KEYS = Permission(key_verbs=("view",))
VIEW_NAMESPACES = Permission(("can_list",), key_verbs=("view",))
FIND_PAGES = Permission(("can_list", "can_delete"), key_verbs=("view",))
VIEW_VALUE = Permission(
    ("can_get", "can_get_unsafely"), key_verbs=("view",), denied_on_sessions=True
)
VIEW_SESSIONS = Permission(key_verbs=("view",))
VIEW_HISTORY = Permission(key_verbs=("view",), denied_on_sessions=True)
ADD = Permission(("can_add",), key_verbs=("add",), is_write=True, denied_on_sessions=True)
REPLACE = Permission(
    ("can_add",), key_verbs=("add", "change"), is_write=True, denied_on_sessions=True
)
EDIT = Permission(("can_edit",), key_verbs=("change",), is_write=True, denied_on_sessions=True)
EDIT_ELEMENTS = Permission(
    ("can_edit_elements",), key_verbs=("change",), is_write=True, denied_on_sessions=True
)
INCREASE = Permission(("can_incr",), key_verbs=("change",), is_write=True, denied_on_sessions=True)
RENAME = Permission(
    ("can_rename",), key_verbs=("add", "delete"), is_write=True, denied_on_sessions=True
)
COPY = Permission(("can_copy",), key_verbs=("view", "add"), denied_on_sessions=True)
COPY_TO = Permission(key_verbs=("add",), is_write=True, denied_on_sessions=True)
COPY_OVER = Permission(key_verbs=("add", "change"), is_write=True, denied_on_sessions=True)
DOWNLOAD = Permission(("can_download",), key_verbs=("view",), denied_on_sessions=True)
DOWNLOAD_DECODED = Permission(("can_get",), key_verbs=("view",), denied_on_sessions=True)
DUMP = Permission(("can_dump",), key_verbs=("view",), denied_on_sessions=True)
EXPIRE = Permission(
    ("can_expire",),
    cache_verbs=("change",),
    key_verbs=("view",),
    is_write=True,
    denied_on_sessions=True,
)
DELETE = Permission(("can_delete",), key_verbs=("delete",), is_write=True, denied_on_sessions=True)
VIEW_FRAGMENTS = Permission(("can_list", "can_delete"), key_verbs=("view",))
FLUSH = Permission(("can_flush",), cache_verbs=("change",), is_write=True, empties_store=True)


def policy_allows(permission: Permission, policy: str | None) -> bool:
    """Return whether a policy from `CACHEX_ADMIN["ALIASES"]` allows an operation."""
    return policy != HIDDEN and not (policy == READ_ONLY and permission.is_write)


def alias_allows(permission: Permission, inspector: Inspector) -> bool:
    """Return whether a cache's abilities and policy allow an operation, for any user."""
    if not policy_allows(permission, limits().aliases.get(inspector.alias)):
        return False
    if permission.abilities and not any(getattr(inspector, name) for name in permission.abilities):
        return False
    return not (permission.empties_store and flush_affects_restricted(inspector))


@dataclass(frozen=True)
class KeyPolicies:
    """The policies of the keys that can be reached through one cache, for any user."""

    inspector: Inspector
    alias_policies: Sequence[AliasPolicy] = ()
    """Those of all caches that share the store; empty if none of them is restricted."""

    knows_restricted_caches: bool = True
    """Whether it is known which restricted caches share the store."""

    @classmethod
    def of_cache(cls, inspector: Inspector) -> KeyPolicies:
        if not has_restricted_caches():
            return cls(inspector)
        policies, others = limits().aliases, caches_sharing_store(inspector)
        members = (inspector, *others)
        if not any(policies.get(member.alias) in RESTRICTIVE_POLICIES for member in members):
            return cls(inspector)
        alias_policies = [
            AliasPolicy(
                policies.get(member.alias, UNRESTRICTED),
                KeyShape.of(member, PROBE_NAMES),
                keyspace_of(member),
            )
            for member in members
        ]
        stores = get_stores()
        is_known = all(
            stores.is_known(inspector, other)
            for other in others
            if policies.get(other.alias) in RESTRICTIVE_POLICIES
        )
        return cls(inspector, alias_policies, is_known)

    def allows(self, permission: Permission, stored: bytes) -> bool:
        """Return whether the policy of the cache that owns a key allows an operation."""
        return not self.alias_policies or policy_allows(permission, self.policy_for(stored))

    def policy_for(self, stored: bytes) -> str:
        """Return the policy of the cache that owns a stored key.

        If several caches could own the key, the longest prefix wins, and among equal prefixes
        the strictest policy. A key of a version that no cache uses belongs to every cache with
        its prefix.
        """
        if not self.alias_policies:
            return UNRESTRICTED
        full_key = self.inspector.final_key(stored)
        matching = [one for one in self.alias_policies if one.shape.matches(full_key)]
        longest = max((len(one.shape.prefix) for one in matching), default=0)
        closest = [one for one in matching if len(one.shape.prefix) == longest]
        if not longest:
            others = (
                one
                for one in self.alias_policies
                if one.keyspace and one.keyspace.contains(full_key)
            )
            closest = [*others] or closest
        return strictest_policy(one.policy for one in closest)

    @property
    def hidden_key_filter(self) -> Callable[[bytes], bool] | None:
        """A predicate for hidden keys, or None if no key is hidden."""
        if not any(one.policy == HIDDEN for one in self.alias_policies):
            return None
        return lambda stored: self.policy_for(stored) == HIDDEN


@dataclass(frozen=True)
class PermissionChecker:
    """Checks the permissions of one request's user on one admin site."""

    site: AdminSite
    request: HttpRequest
    _last_key: dict[str, Any] = field(default_factory=dict)
    _policies: dict[str, KeyPolicies] = field(default_factory=dict)
    _sharing: dict[str, Sequence[Inspector]] = field(default_factory=dict)

    def is_allowed(
        self,
        permission: Permission,
        inspector: Inspector | None = None,
        stored: bytes | None = None,
    ) -> bool:
        """Return whether abilities, policies and Django permissions all allow an operation.

        Args:
            permission: what the operation requires.
            inspector: the cache; without it, only Django permissions are checked.
            stored: the stored key, for an operation on one key.
        """
        if inspector is not None and not alias_allows(permission, inspector):
            return False
        if inspector is not None and stored is not None:
            if not self.policies(inspector).allows(permission, stored):
                return False
            if permission.denied_on_sessions and self.is_protected_session(inspector, stored):
                return False
        return self._has_permissions(permission, inspector, stored)

    def missing_permissions(self, permission: Permission) -> list[str]:
        """Return the names of the Django permissions for an operation that the user lacks.

        They do not depend on a cache or key, so they reveal nothing about either.
        """
        verbs = [("cache", verb) for verb in permission.cache_verbs]
        verbs += [("key", verb) for verb in permission.key_verbs]
        # Django names permissions in English.
        return [
            f"Can {verb} {model}" for model, verb in verbs if not self._get_check(model, verb)(None)
        ]

    def filter_allowed(
        self, permission: Permission, inspector: Inspector, keys: Sequence[bytes]
    ) -> Sequence[bytes]:
        """Return the keys that an operation is allowed on. It must be allowed on their cache.

        The `has_…_permission` methods are called for each key only if a project overrides them.
        """
        policies = self.policies(inspector)
        keys = [stored for stored in keys if policies.allows(permission, stored)]
        if permission.denied_on_sessions:
            keys = [stored for stored in keys if not self.is_protected_session(inspector, stored)]
        if not any(self._decides_per_key(verb) for verb in permission.key_verbs):
            return keys
        return [stored for stored in keys if self._has_permissions(permission, inspector, stored)]

    def policies(self, inspector: Inspector) -> KeyPolicies:
        """Return the policies of the keys that can be reached through a cache."""
        if inspector.alias not in self._policies:
            self._policies[inspector.alias] = KeyPolicies.of_cache(inspector)
        return self._policies[inspector.alias]

    def exclusion_filter(
        self, inspector: Inspector, has_filters: bool
    ) -> Callable[[bytes], bool] | None:
        """Return a predicate for keys that a search must leave out, or None.

        Hidden keys are always left out. A search with filters also leaves out sessions, so that
        a session id can't be guessed letter by letter.
        """
        hidden = self.policies(inspector).hidden_key_filter
        if not (has_filters and self.excludes_sessions):
            return hidden
        if hidden is None:
            return partial(self.is_protected_session, inspector)
        return lambda stored: hidden(stored) or self.is_protected_session(inspector, stored)

    def allowed_kinds(self) -> list[Kind]:
        """Return the kinds that searches of this user can find."""
        sessions = "session" if self.excludes_sessions else ""
        return [kind for kind in get_kinds().values() if kind.name != sessions]

    def unreadable_filter(self, inspector: Inspector) -> Callable[[bytes], bool]:
        """Return a predicate for keys whose values a search must not read.

        They are those whose pages the user can't open, such as sessions, and keys of other
        applications.
        """
        return lambda stored: (
            not (
                self.can_open(inspector, stored) and self.is_allowed(VIEW_VALUE, inspector, stored)
            )
        )

    @property
    def excludes_sessions(self) -> bool:
        """Whether searches with filters and bulk actions leave out sessions."""
        return not self.is_superuser and session_keys() is not None

    def _decides_per_key(self, verb: str) -> bool:
        name = f"has_{verb}_permission"
        admin_class = type(self.site.get_model_admin(Key))
        return verb != "add" and getattr(admin_class, name) is not getattr(ModelAdmin, name)

    def _has_permissions(
        self, permission: Permission, inspector: Inspector | None, stored: bytes | None
    ) -> bool:
        alias = inspector.alias if inspector is not None else None
        return all(
            self._get_check("cache", verb)(None if alias is None else Cache(alias=alias))
            for verb in permission.cache_verbs
        ) and all(
            self._get_check("key", verb)(self._key_object(alias, stored))
            for verb in permission.key_verbs
        )

    def _key_object(self, alias: str | None, stored: bytes | None) -> Key | None:
        """Return the object that is passed to `has_…_permission`; one key is cached.

        For an operation on no particular key, the object has an empty stored key.
        """
        if alias is None:
            return None
        if self._last_key.get("id") != (alias, stored):
            key = Key(id=object_id(alias, stored or b""))
            self._last_key.update(id=(alias, stored), key=key)
        latest: Key = self._last_key["key"]
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
        """Return whether a key belongs to a session and the user is not a superuser."""
        if self.is_superuser:
            return False
        sessions = session_keys()
        return sessions is not None and sessions.contains(inspector, stored)

    def mask_key(self, inspector: Inspector, stored: bytes) -> bytes:
        """Return a stored key, or what stands for it if it belongs to a protected session."""
        if not self.is_protected_session(inspector, stored):
            return stored
        return mask_session_key(inspector, stored)

    def allowed_scopes(self, inspector: Inspector) -> tuple[Scope, ...]:
        """Return the scopes this user may search; only superusers may search a whole database."""
        return tuple(
            scope for scope in inspector.scopes if scope is not Scope.STORE or self.is_superuser
        )

    def can_open(self, inspector: Inspector, stored: bytes) -> bool:
        """Return whether a key can be opened through a cache.

        Users can open a cache's own keys unless a policy hides them, and keys of its other
        versions unless another cache owns them. Other keys of the database are only listed.
        """
        if self.policies(inspector).policy_for(stored) == HIDDEN:
            return False
        if inspector.owns(stored):
            return True
        if Scope.VERSIONS not in inspector.scopes:
            return False
        is_own_version = inspector.key_range(Scope.VERSIONS).extract_name(stored) is not None
        return is_own_version and not any(
            other.owns(stored) for other in self.caches_sharing_store(inspector)
        )

    def caches_sharing_store(self, inspector: Inspector) -> Sequence[Inspector]:
        """Return the other caches of `settings.CACHES` in the same store."""
        if inspector.alias not in self._sharing:
            self._sharing[inspector.alias] = caches_sharing_store(inspector)
        return self._sharing[inspector.alias]
