"""Recognize and mask the stored keys of sessions. Whoever knows such a key can be that user."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.core.signals import setting_changed

from django_cachex.admin.stores import get_stores
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.base import KeyShape
from django_cachex.inspectors.values import fingerprint

VISIBLE_ID_CHARS: Final = 4
SESSION_MASK: Final = "••••••••"
MASKED_KEY_PREFIX: Final = b"\0session:"

PROBE_IDS: Final = tuple(sha256(b"%d" % number).hexdigest()[:32] for number in range(16))
"""Sample session ids from which `KeyShape` derives how an alias stores sessions."""

BARE_ID: Final = r"(?<![0-9a-z])(?=[0-9a-z]*[g-z])(?=(?:[a-z]*[0-9]){2})[0-9a-z]{20,}"
"""Matches what may be a session id, or most of one, without the session key prefix."""


@dataclass(frozen=True)
class SessionKeys:
    """Recognizes the stored keys of sessions in any alias and version."""

    name_pattern: re.Pattern[bytes] | None
    """Matches a session's key up to the id: the session engine's prefix, at the start of a word
    or right after an alias's prefix."""

    shape: KeyShape | None = None
    """The shape of session keys in the store of `SESSION_CACHE_ALIAS`, if a `KEY_FUNCTION`
    hides the prefix."""

    def contains(self, inspector: Inspector, stored: bytes) -> bool:
        """Return whether a key belongs to a session."""
        return self._find_start(inspector, stored) is not None

    def redact(self, inspector: Inspector, stored: bytes) -> bytes:
        """Return a key with the id of a session replaced by a fingerprint."""
        start = self._find_start(inspector, stored)
        return stored if start is None else start + b"~" + fingerprint(stored).encode()

    def _find_start(self, inspector: Inspector, stored: bytes) -> bytes | None:
        """Return a session's key up to the id, or None for any other key."""
        full_key = inspector.final_key(stored)
        for key in filter(None, (inspector.naming.reverse_key(stored), full_key)):
            if self.name_pattern and (match := self.name_pattern.search(key)):
                return key[: match.end()]
        if self.shape and self.shape.matches(full_key) and self._is_session_store(inspector):
            return self.shape.prefix
        return None

    @staticmethod
    def _is_session_store(inspector: Inspector) -> bool:
        alias = settings.SESSION_CACHE_ALIAS
        return inspector.alias == alias or get_stores().is_shared(inspector, inspector_for(alias))


def session_key_prefix() -> str | None:
    """Return the prefix of session keys, or None if no cache stores sessions."""
    engine = import_module(settings.SESSION_ENGINE)
    name = getattr(getattr(engine, "SessionStore", None), "cache_key_prefix", None)
    return name if settings.SESSION_CACHE_ALIAS in settings.CACHES else None


def is_session_cache(alias: str) -> bool:
    """Return whether sessions are stored in a cache."""
    return alias == settings.SESSION_CACHE_ALIAS and session_key_prefix() is not None


@cache
def session_keys() -> SessionKeys | None:
    """Return what recognizes session keys, or None if no cache stores sessions.

    Any key that looks like a session counts as one in every store, as aliases may share a store.
    """
    name = session_key_prefix()
    if name is None:
        return None
    shape = KeyShape.of(inspector_for(settings.SESSION_CACHE_ALIAS), PROBE_IDS, name)
    if not name:
        return SessionKeys(None, shape)
    prefixes = [re.escape(prefix) for prefix in _alphanumeric_prefixes()]
    starts = b"|".join([rb"\A", rb"[^0-9A-Za-z]", *(rb"\A" + prefix for prefix in prefixes)])
    pattern = re.compile(rb"(?:%s)%s" % (starts, re.escape(name.encode())))
    has_name = shape.length is None and pattern.search(shape.prefix) is not None
    return SessionKeys(pattern, None if has_name else shape)


def session_key_filter(inspector: Inspector) -> Callable[[bytes], bool] | None:
    """Return a predicate for the session keys of an alias, or None if no cache stores sessions."""
    sessions = session_keys()
    return partial(sessions.contains, inspector) if sessions is not None else None


def _alphanumeric_prefixes() -> Iterator[bytes]:
    """Yield the prefixes that end with a letter or a digit, which a `KEY_FUNCTION` may produce."""
    for alias in settings.CACHES:
        prefix = inspector_for(alias).naming.prefix
        if prefix and prefix[-1:].isalnum():
            yield prefix


def mask_session_name(name: str) -> str:
    """Return the key name of a session with only the last characters of the id visible."""
    return f"session {SESSION_MASK}{name[-VISIBLE_ID_CHARS:]}"


def mask_session_key(inspector: Inspector, stored: bytes) -> bytes:
    """Return what stands for the key of a session in a token: no more of it than pages show."""
    if is_masked(stored):
        return stored
    shown = inspector.display_key(stored)[-VISIBLE_ID_CHARS:]
    return MASKED_KEY_PREFIX + f"{fingerprint(stored)}:{shown}".encode("utf-8", "surrogatepass")


def is_masked(stored: bytes) -> bool:
    """Return whether these bytes stand for the key of a session; see `mask_session_key`."""
    return stored.startswith(MASKED_KEY_PREFIX)


def display_key(inspector: Inspector, stored: bytes) -> str:
    """Return the name of a key that may be masked, for display."""
    name = inspector.display_key(stored)
    return mask_session_name(name) if is_masked(stored) else name


def mask_session_ids(text: str) -> str:
    """Return a text with the ids of session keys masked, for logs."""
    name = session_key_prefix()
    if not name:
        return text
    return re.sub(rf"{re.escape(name)}[^\s\"'*]+", lambda match: mask_session_name(match[0]), text)


def mask_pattern(text: str) -> str:
    """Return a search pattern with anything that may be a session id masked, for logs."""
    if session_key_prefix() is None:
        return text
    return re.sub(BARE_ID, lambda match: mask_session_name(match[0]), mask_session_ids(text))


def clear_session_keys(*, setting: str = "", **kwargs: Any) -> None:
    if setting in ("CACHES", "SESSION_ENGINE", "SESSION_CACHE_ALIAS"):
        session_keys.cache_clear()


setting_changed.connect(clear_session_keys)
