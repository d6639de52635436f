"""Which stored keys are sessions: whoever knows such a key is that user."""

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

from django_cachex.admin.stores import stores
from django_cachex.inspectors import Inspector, inspector_for
from django_cachex.inspectors.shapes import KeyPattern
from django_cachex.inspectors.values import fingerprint

SHOWN_OF_SESSION: Final = 4
HIDDEN_PART: Final = "••••••••"

IDS: Final = tuple(sha256(b"%d" % number).hexdigest()[:32] for number in range(16))
"""What session ids look like, for an alias to make stored keys of."""

ID_ALONE: Final = r"(?<![0-9a-z])(?=[0-9a-z]*[g-z])(?=(?:[a-z]*[0-9]){2})[0-9a-z]{20,}"
"""What may be a session's id, or most of it, where no name stands before it."""


@dataclass(frozen=True)
class SessionKeys:
    """The stored keys of sessions, in whatever alias and version they are reached."""

    named: re.Pattern[bytes] | None
    """What such a key holds, up to its id: the session engine's name, at the start of a word or
    right after an alias's prefix."""

    shape: KeyPattern | None = None
    """How those look that do not hold the name, in the store of `SESSION_CACHE_ALIAS`."""

    def holds(self, inspector: Inspector, stored: bytes) -> bool:
        """Return whether a key is a session's, whichever alias reaches it."""
        return self._before_id(inspector, stored) is not None

    def on_record(self, inspector: Inspector, stored: bytes) -> bytes:
        """Return a key as it is written down: of a session, with a fingerprint for the id."""
        end = self._before_id(inspector, stored)
        if end is None:
            return stored
        return inspector.final_key(stored)[:end] + b"~" + fingerprint(stored).encode()

    def _before_id(self, inspector: Inspector, stored: bytes) -> int | None:
        """Return where the id begins in a session's key, None for any other key."""
        made = inspector.final_key(stored)
        if self.named and (found := self.named.search(made)):
            return found.end()
        if self.shape and self.shape.matches(made) and self._is_their_store(inspector):
            return len(self.shape.prefix)
        return None

    @staticmethod
    def _is_their_store(inspector: Inspector) -> bool:
        alias = settings.SESSION_CACHE_ALIAS
        return inspector.alias == alias or stores().shared(inspector, inspector_for(alias))


def session_name() -> str | None:
    """Return what the keys of sessions begin with, or None where no cache holds any."""
    engine = import_module(settings.SESSION_ENGINE)
    name = getattr(getattr(engine, "SessionStore", None), "cache_key_prefix", None)
    return name if settings.SESSION_CACHE_ALIAS in settings.CACHES else None


@cache
def session_keys() -> SessionKeys | None:
    """Return which stored keys are sessions, or None where no cache holds any.

    Whatever looks like a session is one, in every store: aliases may share theirs.
    """
    name = session_name()
    if name is None:
        return None
    own = KeyPattern.of(inspector_for(settings.SESSION_CACHE_ALIAS), IDS, name)
    if not name:
        return SessionKeys(None, own)
    before = [re.escape(prefix) for prefix in _unusual_prefixes()]
    starts = b"|".join([rb"\A", rb"[^0-9A-Za-z]", *(rb"\A" + prefix for prefix in before)])
    named = re.compile(rb"(?:%s)%s" % (starts, re.escape(name.encode())))
    is_named = own.length is None and named.search(own.prefix) is not None
    return SessionKeys(named, None if is_named else own)


def is_session(inspector: Inspector) -> Callable[[bytes], bool] | None:
    """Return what tells the sessions among the keys of an alias; None where there are none."""
    sessions = session_keys()
    return partial(sessions.holds, inspector) if sessions is not None else None


def _unusual_prefixes() -> Iterator[bytes]:
    """Yield the prefixes of aliases that end with a letter or a digit, as `KEY_FUNCTION`s do."""
    for alias in settings.CACHES:
        prefix = inspector_for(alias).naming.prefix
        if prefix and prefix[-1:].isalnum():
            yield prefix


def masked(name: str) -> str:
    """Return the name of a session's key with its id hidden but for the last characters."""
    return f"session {HIDDEN_PART}{name[-SHOWN_OF_SESSION:]}"


def without_ids(text: str) -> str:
    """Return a text to be written down, with the ids masked in the keys of sessions."""
    name = session_name()
    if not name:
        return text
    return re.sub(rf"{re.escape(name)}[^\s\"'*]+", lambda found: masked(found[0]), text)


def pattern_without_ids(text: str) -> str:
    """Return a pattern to be written down, with whatever may be the id of a session masked."""
    if session_name() is None:
        return text
    return re.sub(ID_ALONE, lambda found: masked(found[0]), without_ids(text))


def forget(*, setting: str = "", **kwargs: Any) -> None:
    if setting in ("CACHES", "SESSION_ENGINE", "SESSION_CACHE_ALIAS"):
        session_keys.cache_clear()


setting_changed.connect(forget)
