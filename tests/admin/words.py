"""What pages say of what happened, in the one place where these tests quote it."""

from __future__ import annotations

SAVED = "Saved."
UNCHANGED = "Nothing to save: you didn't change anything."
NOT_EDITABLE = "You can't edit this value."
NOT_SAVED = "Not saved. Your text is below."
UNKNOWN_IF_SAVED = "It is not known whether this was saved."
NOTHING_DELETED = "Nothing was deleted."
UNKNOWN_IF_DELETED = "It is not known whether anything was deleted."
CHANGED_MEANWHILE = "Not saved: this key has changed since you opened it"
INSIST = "Save my version"
DELETED = '" was deleted.'
NO_SUCH_KEY = "There is no key"
EXISTS = "A key with this name already exists."
REPLACE_IT = 'To replace it, select "Replace the key if it exists".'
NEVER = "It never expires."
NEVER_NOW = "TTL removed. The key never expires."

FIRST_PAGE = "That page has expired or belongs to another search. This is the first page."


def expires_in(seconds: int) -> str:
    """Return how a new TTL is told and recorded, up to the moment that it leads to."""
    return f"TTL set to {seconds:,} s (until"


def stored(name: str) -> str:
    """Return how a new key is told."""
    return f'Key "{name}" was stored as'
