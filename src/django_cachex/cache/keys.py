"""Which stored keys belong to a cache."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django_cachex.commands.scan import escape_except_star, escape_pattern
from django_cachex.exceptions import KeyFunctionNotSupported

# Two keys and two versions that no prefix contains: a key function that treats both alike
# treats all alike.
PROBES = ("\x01one*odd?key\x02", "\x03another [odd] \\key\x04")
VERSIONS = (70_001_957, 80_002_069)

MakeKey = Callable[[Any, Any], bytes]


@dataclass(frozen=True, slots=True)
class Keyspace:
    """Stored keys made of `before`, a version, `after`, and the key.

    A version is a whole number, or `version`, the cache's own.
    """

    before: bytes
    after: bytes
    version: bytes

    @property
    def pattern(self) -> bytes:
        """The glob that matches at least these keys."""
        return escape_pattern(self.before) + b"*" + escape_pattern(self.after) + b"*"

    def holds(self, stored: bytes) -> bool:
        """Return whether `stored` is one of these keys, in whatever version."""
        before, after = re.escape(self.before), re.escape(self.after)
        shape = rb"%s(?:-?[0-9]+|%s)%s" % (before, re.escape(self.version), after)
        return re.match(shape, stored) is not None


def keyspace(make_key: MakeKey, own_version: Any) -> Keyspace:
    """Return the stored keys of all versions of a cache.

    Raises:
        KeyFunctionNotSupported: the key function doesn't keep the version and the key readable.
    """
    prefixes = [prefix(make_key, version) for version in VERSIONS]
    parts = [
        made.partition(str(version).encode())
        for made, version in zip(prefixes, VERSIONS, strict=True)
    ]
    (before, version, after), other = parts
    if not version or (before, after) != (other[0], other[2]) or not before + after:
        raise opaque()
    return Keyspace(before, after, str(own_version).encode())


def prefix(make_key: MakeKey, version: Any) -> bytes:
    """Return the bytes before the key in the stored keys of one version.

    Raises:
        KeyFunctionNotSupported: a stored key doesn't end with the key.
    """
    found = set()
    for probe in PROBES:
        made = make_key(probe, version)
        if not made.endswith(probe.encode()):
            raise opaque()
        found.add(made.removesuffix(probe.encode()))
    if len(found) > 1:
        raise opaque()
    return found.pop()


def within(make_key: MakeKey, pattern: bytes, version: Any) -> bytes:
    """Return the glob of the keys of one version in which `*` stands for anything."""
    return escape_pattern(prefix(make_key, version)) + escape_except_star(pattern)


def opaque() -> KeyFunctionNotSupported:
    return KeyFunctionNotSupported(
        "The KEY_FUNCTION of this cache does not keep the version as a whole number and the key at "
        "the end, so its keys cannot be told from others in the database. flush_db() deletes all "
        "keys of the database, whoever stored them."
    )
