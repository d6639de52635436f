"""Which entries of which cache are sessions: whoever knows such a key is that user."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings

from django_cachex.inspectors import Inspector, inspector_for

SHOWN_OF_SESSION = 4


def session_prefix(inspector: Inspector) -> bytes | None:
    """Return what the stored keys of sessions begin with, or None where there are none.

    Whatever looks like a session is one, in every alias: two of them may share their entries.
    """
    engine = import_module(settings.SESSION_ENGINE)
    name = getattr(getattr(engine, "SessionStore", None), "cache_key_prefix", None)
    if not name or settings.SESSION_CACHE_ALIAS not in settings.CACHES:
        return None
    stored = inspector.locate(name)
    if inspector.locate(f"{name}x").startswith(stored):
        return stored
    # Where stored keys are hashes, nobody can tell sessions from the rest: all may be some.
    holds_sessions = inspector.store == inspector_for(settings.SESSION_CACHE_ALIAS).store
    return b"" if holds_sessions else None


def masked(name: str) -> str:
    """Return the name of a session's key with its id hidden but for the last characters."""
    return f"session ••••••••{name[-SHOWN_OF_SESSION:]}"
