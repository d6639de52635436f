"""Which entries of which cache are sessions: whoever knows such a key is that user."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings

from django_cachex.inspectors.base import Inspector

SHOWN_OF_SESSION = 4


def session_prefix(inspector: Inspector) -> bytes | None:
    """Return what the stored keys of this cache's sessions begin with, or None without any."""
    if inspector.alias != settings.SESSION_CACHE_ALIAS:
        return None
    engine = import_module(settings.SESSION_ENGINE)
    name = getattr(getattr(engine, "SessionStore", None), "cache_key_prefix", None)
    if not name:
        return None
    stored = inspector.locate(name)
    # Where stored keys are hashes, nobody can tell sessions from the rest: all may be some.
    return stored if inspector.locate(f"{name}x").startswith(stored) else b""


def masked(name: str) -> str:
    """Return the name of a session's key with its id hidden but for the last characters."""
    return f"session ••••••••{name[-SHOWN_OF_SESSION:]}"
