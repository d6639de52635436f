"""What `CACHEX_ADMIN["ALIASES"]` closes: stored keys, whichever alias names them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from django_cachex.admin.stores import sharing, stores
from django_cachex.cache.keyspace import Keyspace
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.query import versions_of
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
        '"%(alias)s" cannot be flushed: that would also delete keys that CACHEX_ADMIN closes to '
        "changes."
    )
    return text % {"alias": inspector.alias}
