"""What pages say of what happened, in the one place where these tests quote it."""

from __future__ import annotations

SAVED = "Saved."
UNCHANGED = "Nothing to save: you changed nothing."
NOT_EDITABLE = "Not editable."
CHANGED_MEANWHILE = "Not saved: this key has changed since you opened it"
INSIST = "Save mine over it"
NO_SUCH_KEY = "There is no key"
EXISTS = "There is such a key already."
REPLACE_IT = 'To overwrite it, tick "Replace the key if it exists".'
NEVER_NOW = "TTL removed: it never expires."

FIRST_PAGE = "That page has expired or is not of this search: this is the first page."


def expires_in(seconds: int) -> str:
    """Return how a new TTL is told and recorded, up to the moment that it leads to."""
    return f"TTL set to {seconds:,} s (until"


def stored(name: str) -> str:
    """Return how a new key is told."""
    return f'Key "{name}". Stored as'
