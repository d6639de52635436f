"""Find the sessions of a user in the cache that stores sessions, and end them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.core.exceptions import FieldError, ValidationError
from django.http import HttpRequest
from django.utils.translation import ngettext

from django_cachex.admin import formatting
from django_cachex.admin.sessions import session_key_prefix
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import ScanProgress
from django_cachex.inspectors.keys import encode_text, try_decode_text
from django_cachex.inspectors.masking import MASK, is_secret_name
from django_cachex.inspectors.query import Pattern, Query
from django_cachex.inspectors.types import TTL_NONE, KeyInfo, ValueCounts
from django_cachex.inspectors.value_search import search_values
from django_cachex.inspectors.values import Content

MAX_FOUND: Final = 100
"""The number of sessions at which a search pauses. All of them are shown on one page."""

MAX_USERS: Final = 20
"""The number of users to choose from, if several have the same e-mail address."""

COUNTED_AT_ONCE: Final = 5000

HIDDEN_FIELDS: Final = (HASH_SESSION_KEY, "_csrftoken")


# Users.


def find_users(text: str) -> Sequence[Any]:
    """Return the users with a name, otherwise those with an e-mail address or a primary key."""
    if "\0" in text:  # PostgreSQL refuses it.
        return []
    model: Any = get_user_model()
    email = getattr(model, "EMAIL_FIELD", None) or "email"
    for lookup in (model.USERNAME_FIELD, f"{email}__iexact", "pk"):
        with suppress(ValueError, TypeError, OverflowError, ValidationError, FieldError):
            if users := list(model._default_manager.filter(**{lookup: text})[:MAX_USERS]):
                return users
    return []


def find_user_by_id(text: str) -> Any:
    """Return the user with a primary key, or None."""
    if "\0" in text:
        return None
    model: Any = get_user_model()
    with suppress(ValueError, TypeError, OverflowError, ValidationError):
        return model._default_manager.filter(pk=text).first()
    return None


def id_in_sessions(user: Any) -> str:
    """Return the primary key of a user as sessions store it."""
    return str(user._meta.pk.value_to_string(user))


# What sessions hold.


def session_fields(content: Content) -> dict[Any, Any]:
    """Return the fields of a decoded session, or an empty dict for any other value."""
    return content.value if type(content.value) is dict else {}


def belongs_to(user_id: str) -> Callable[[Content], bool]:
    """Return a function that checks whether a decoded value is a session of a user."""
    return lambda content: session_fields(content).get(SESSION_KEY) == user_id


def mask_fields(tree: Any) -> Any:
    """Return a decoded value without what must not be shown, judging by the names of fields."""
    if type(tree) is dict:
        return {
            name: MASK if type(name) is str and is_secret_name(name) else mask_fields(value)
            for name, value in tree.items()
            if name not in HIDDEN_FIELDS
        }
    if type(tree) in (list, tuple):
        return type(tree)(map(mask_fields, tree))
    return tree


# The search.


@dataclass(frozen=True)
class SessionSearch:
    """The sessions of a user that were found so far; without a user, the number of sessions."""

    user_id: str = ""
    count: int = 0
    """The number of sessions, whoever they belong to."""

    found: tuple[bytes, ...] = ()
    """The stored keys of the user's sessions."""

    progress: ScanProgress = field(default_factory=ScanProgress)
    values: ValueCounts = field(default_factory=ValueCounts)

    @property
    def is_full(self) -> bool:
        return len(self.found) >= MAX_FOUND

    def without_found(self) -> SessionSearch:
        """Return the search without the sessions that were found, to look for others."""
        return replace(self, found=())

    def to_json(self) -> list[Any]:
        """Return the counts. The positions and the keys aren't part of it."""
        at, values = self.progress, self.values
        counts = [values.read, values.too_large, values.unreadable]
        return [self.user_id, self.count, at.examined, at.total, at.complete, *counts]

    @classmethod
    def from_json(cls, state: Sequence[Any], positions: Sequence[str]) -> SessionSearch:
        user_id, count, examined, total, is_complete, *counts = state
        token, *keys = positions
        return cls(
            user_id,
            count,
            tuple(map(encode_text, keys)),
            ScanProgress(token, examined, total, is_complete),
            ValueCounts(*counts),
        )

    @property
    def positions(self) -> list[str]:
        """The positions for a token, which encrypts them: where to continue, and the keys."""
        keys = [try_decode_text(stored) or "" for stored in self.found]
        return [self.progress.token, *filter(None, keys)]

    def advance(self, inspector: Inspector, query: Query, deadline: float) -> SessionSearch:
        """Continue for one request."""
        token = self.progress.token
        if not self.user_id:
            page = inspector.scan(query, token, COUNTED_AT_ONCE, deadline)
            count = self.count + len(page.keys)
            return replace(self, count=count, progress=self.progress.after(page))
        missing = MAX_FOUND - len(self.found)
        page = search_values(inspector, query, belongs_to(self.user_id), token, missing, deadline)
        found = tuple(dict.fromkeys([*self.found, *page.keys]))
        values = page.values or self.values
        count = values.read + values.too_large + values.unreadable
        return SessionSearch(self.user_id, count, found, self.progress.after(page), values)


def session_query(inspector: Inspector, exclude: Callable[[bytes], bool] | None) -> Query:
    """Return the query for all sessions. Without the names of keys, these are all keys."""
    pattern = f"{session_key_prefix()}*" if inspector.has_key_names else ""
    return Query(Pattern(pattern), exclude=exclude)


def find_sessions(
    search: SessionSearch, inspector: Inspector, query: Query, budget: float
) -> SessionSearch:
    """Continue a search until its budget in seconds is used up, or enough is found."""
    deadline = time.monotonic() + budget
    while not (search.progress.complete or search.is_full):
        before = search.progress.token
        search = search.advance(inspector, query, deadline)
        if time.monotonic() >= deadline or search.progress.token == before:
            break
    return search


@dataclass(frozen=True)
class UserSession:
    """A session as a superuser sees it."""

    stored: bytes
    ttl: int | None
    """Milliseconds until it expires, `TTL_NONE`, or None if unknown."""

    saved: int | None
    """Milliseconds since it was last saved, if its expiry tells."""

    fields: dict[Any, Any]


def read_sessions(inspector: Inspector, keys: Sequence[bytes], user_id: str) -> list[UserSession]:
    """Return those of the sessions that still exist and belong to a user."""
    if not keys:
        return []
    infos = {info.key: info for info in inspector.describe(keys, ("ttl",))}
    is_theirs = belongs_to(user_id)
    sessions = []
    for value in inspector.read_small(keys, limits().search_bytes):
        for content in filter(is_theirs, value.contents):
            fields = session_fields(content)
            info = infos[value.key]
            sessions.append(
                UserSession(value.key, info.ttl, time_since_save(info, fields), mask_fields(fields))
            )
    return sessions


def time_since_save(info: KeyInfo, fields: dict[Any, Any]) -> int | None:
    """Return how long ago a session was saved, in milliseconds: its age at the end less its TTL."""
    age = fields.get("_session_expiry", settings.SESSION_COOKIE_AGE) or settings.SESSION_COOKIE_AGE
    if type(age) is not int or info.ttl is None or info.ttl == TTL_NONE:
        return None
    since = age * 1000 - info.ttl
    return since if since >= 0 else None


# Ending sessions.


def session_id(inspector: Inspector, stored: bytes) -> str | None:
    """Return the id of a session for the session engine, or None if the store hides it."""
    if not inspector.has_key_names:
        return None
    prefix, key = session_key_prefix() or "", inspector.naming.reverse_key(stored)
    start = inspector.make_key(prefix) if key is None else encode_text(prefix)
    name = stored if key is None else key
    return try_decode_text(name.removeprefix(start)) if name.startswith(start) else None


def own_session_key(inspector: Inspector, request: HttpRequest) -> bytes | None:
    """Return the stored key of the session of a request."""
    own = request.session.session_key
    return inspector.make_key(f"{session_key_prefix()}{own}") if own else None


def has_copies_elsewhere() -> bool:
    """Return whether the engine also keeps sessions in another store, such as a database."""
    engine = import_module(settings.SESSION_ENGINE)
    return hasattr(engine.SessionStore, "get_model_class")


def can_end(inspector: Inspector) -> bool:
    """Return whether sessions can be ended: with their ids, or if the cache is all there is."""
    return inspector.has_key_names or not has_copies_elsewhere()


def end_session(inspector: Inspector, stored: bytes) -> None:
    """End a session through its engine, which may also keep it in a database."""
    id = session_id(inspector, stored)
    if id is None:
        inspector.delete([stored])
        return
    engine = import_module(settings.SESSION_ENGINE)
    engine.SessionStore().delete(id)


def format_ended(count: int, user: str) -> str:
    """Return how many sessions of a user were ended, for the page and the log."""
    text = ngettext(
        'Ended %(count)s session of "%(user)s".', 'Ended %(count)s sessions of "%(user)s".', count
    )
    return text % {"count": formatting.format_number(count), "user": user}
