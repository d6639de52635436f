"""Which entries of which cache are sessions: whoever knows such a key is that user."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings

from django_cachex.inspectors import Inspector, inspector_for

SHOWN_OF_SESSION = 4


def session_prefix(inspector: Inspector) -> bytes | None:
    """Return what the stored keys of sessions begin with, or None where there are none.

    Another alias of the same store shows the same entries.
    """
    engine = import_module(settings.SESSION_ENGINE)
    name = getattr(getattr(engine, "SessionStore", None), "cache_key_prefix", None)
    if not name or settings.SESSION_CACHE_ALIAS not in settings.CACHES:
        return None
    sessions = inspector_for(settings.SESSION_CACHE_ALIAS)
    if sessions.store != inspector.store:
        return None
    stored = sessions.locate(name)
    # Where stored keys are hashes, nobody can tell sessions from the rest: all may be some.
    return stored if sessions.locate(f"{name}x").startswith(stored) else b""


def masked(name: str) -> str:
    """Return the name of a session's key with its id hidden but for the last characters."""
    return f"session ••••••••{name[-SHOWN_OF_SESSION:]}"
