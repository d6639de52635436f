"""Which stored keys a scope holds, and what of them a pattern is compared with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from django.core.cache.backends.base import BaseCache

from django_cachex.cache.keyspace import Keyspace, keyspace
from django_cachex.commands.exceptions import OpaqueKeysError
from django_cachex.inspectors.naming import Naming, encode_text
from django_cachex.inspectors.patterns import Pattern, escape_glob
from django_cachex.inspectors.query import Scope


def versions_of(cache: BaseCache) -> Keyspace | None:
    """Return a cache's keys in every version, or None where nobody can tell them."""

    def made(key: str, version: int) -> bytes:
        return encode_text(str(cache.make_key(key, version=version)))

    try:
        return keyspace(made, cache.version)
    except OpaqueKeysError:
        return None


def all_scopes(naming: Naming, cache: BaseCache) -> tuple[Scope, ...]:
    """Return the scopes of a store that holds keys by their names."""
    if naming.prefix is None:
        return (Scope.STORE,)
    if versions_of(cache) is None:
        return (Scope.VERSION, Scope.STORE)
    return tuple(Scope)


@dataclass(frozen=True)
class Reach:
    """The stored keys of one scope: those that `shape` matches at their beginning.

    A pattern is compared with the key that follows, in the scope of the whole store with the
    stored key.
    """

    shape: re.Pattern[bytes]
    before: bytes = b""
    """What all of them begin with."""

    glob: bytes = b""
    """What `MATCH` takes for that which `shape` matches."""

    @classmethod
    def of(cls, scope: Scope, naming: Naming, cache: BaseCache) -> Reach:
        """Return the reach of a scope; ValueError where nobody can tell which keys those are."""
        if scope is Scope.STORE:
            return cls(re.compile(b""))
        if scope is Scope.VERSION and naming.prefix is not None:
            prefix = naming.prefix
            return cls(re.compile(re.escape(prefix)), prefix, escape_glob(prefix))
        space = versions_of(cache)
        if space is None or naming.prefix is None:
            raise ValueError(scope)
        before, after = re.escape(space.before), re.escape(space.after)
        shape = rb"%s(?:-?[0-9]+|%s)%s" % (before, re.escape(space.version), after)
        glob = escape_glob(space.before) + b"*" + escape_glob(space.after)
        return cls(re.compile(shape), space.before, glob)

    def holds(self, stored: bytes) -> bool:
        """Return whether a stored key is within reach, whatever the pattern."""
        return self.shape.match(stored) is not None

    def key(self, stored: bytes) -> bytes | None:
        """Return the key in a stored key, or None if that is not within reach."""
        found = self.shape.match(stored)
        return stored[found.end() :] if found else None

    def match(self, pattern: Pattern) -> bytes:
        """Return the glob that matches at least the keys meant."""
        return self.glob + pattern.glob()

    def means(self, stored: bytes, pattern: Pattern) -> bool:
        """Return whether a stored key is within reach and matches."""
        key = self.key(stored)
        if key is None:
            return False
        return pattern.matches_all or pattern.matches(key)

    @cached_property
    def is_exact(self) -> bool:
        """Whether the glob alone tells the keys within reach."""
        return self.glob == escape_glob(self.before)
