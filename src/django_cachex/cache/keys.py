"""The stored keys of a cache: telling them apart from other keys in the database."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django_cachex.commands.scan import escape_except_star, escape_pattern
from django_cachex.exceptions import KeyFunctionNotSupported

# Keys and versions that no prefix contains. A key function that treats these two in the same way is
# assumed to treat all of them in this way.
DEFAULT_PROBE_KEYS = ("\x01one*odd?key\x02", "\x03another [odd] \\key\x04")
PROBE_VERSIONS = (70_001_957, 80_002_069)

MakeKey = Callable[[Any, Any], bytes]


@dataclass(frozen=True, slots=True)
class Keyspace:
    """The stored keys that consist of `before`, a version, `after`, and the key.

    A version is a whole number, or `version`, which is the cache's own.
    """

    before: bytes
    after: bytes
    version: bytes

    @property
    def pattern(self) -> bytes:
        """A glob-style pattern that matches these keys, and possibly others."""
        return escape_pattern(self.before) + b"*" + escape_pattern(self.after) + b"*"

    @property
    def regex(self) -> bytes:
        """A regular expression that matches the start of these keys, up to the key itself."""
        before, after = re.escape(self.before), re.escape(self.after)
        return rb"%s(?:-?[0-9]+|%s)%s" % (before, re.escape(self.version), after)

    def contains(self, stored: bytes) -> bool:
        """Return whether `stored` is one of these keys, in any version."""
        return re.match(self.regex, stored) is not None


def find_keyspace(make_key: MakeKey, own_version: Any) -> Keyspace:
    """Return the stored keys of all versions of a cache.

    Raises:
        KeyFunctionNotSupported: the key function doesn't keep the version and the key readable.
    """
    prefixes = [find_prefix(make_key, version) for version in PROBE_VERSIONS]
    parts = [
        stored.partition(str(version).encode())
        for stored, version in zip(prefixes, PROBE_VERSIONS, strict=True)
    ]
    (before, version, after), other = parts
    if not version or (before, after) != (other[0], other[2]) or not before + after:
        raise key_function_error()
    return Keyspace(before, after, str(own_version).encode())


def find_prefix(
    make_key: MakeKey, version: Any, probes: tuple[str, ...] = DEFAULT_PROBE_KEYS
) -> bytes:
    """Return the bytes before the key in the stored keys of one version.

    Raises:
        KeyFunctionNotSupported: a stored key doesn't end with the key.
    """
    prefixes = set()
    for probe in probes:
        stored = make_key(probe, version)
        if not stored.endswith(probe.encode()):
            raise key_function_error()
        prefixes.add(stored.removesuffix(probe.encode()))
    if len(prefixes) > 1:
        raise key_function_error()
    return prefixes.pop()


def build_pattern(make_key: MakeKey, pattern: bytes, version: Any) -> bytes:
    """Return the glob-style pattern of the stored keys that match `pattern` in one version.

    Only `*` is a wildcard in `pattern`.
    """
    return escape_pattern(find_prefix(make_key, version)) + escape_except_star(pattern)


def key_function_error() -> KeyFunctionNotSupported:
    return KeyFunctionNotSupported(
        "The KEY_FUNCTION of this cache must keep the version as a whole number, and the key at "
        "the end. Otherwise, the cache's keys can't be told apart from other keys in the database. "
        "flush_db() deletes all keys of the database, including those of other caches."
    )
