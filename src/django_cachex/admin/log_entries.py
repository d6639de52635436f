"""Record changes in Django's `LogEntry` and in a logger."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import translation

from django_cachex.admin.links import object_id
from django_cachex.admin.models import Cache, Key
from django_cachex.admin.sessions import mask_session_ids, mask_session_name, session_keys
from django_cachex.commands.text import one_line
from django_cachex.inspectors.base import Inspector

__all__ = [
    "ADDITION",
    "CHANGE",
    "DELETION",
    "create_log_entry",
    "record_cache",
    "record_keys",
    "update_log_entry",
]

MAX_KEY_ENTRIES = 500
"""A change of more keys gets one entry for the cache instead of one for each key."""

MAX_NAMES_LOGGED = 100
"""The most keys that are named in one line of the logger."""

MAX_REPR_LENGTH = 200

PLAIN_ALIAS = re.compile(r"[\w.-]+")
"""An alias that the logger writes unquoted."""

Message = Callable[[], str]
"""Builds the text in the language that is active when it is called."""

logger = logging.getLogger("django_cachex.audit")


def record_keys(
    user_id: Any, flag: int, inspector: Inspector, keys: Sequence[bytes], message: Message
) -> None:
    """Record a change of some keys of an alias, in one insert.

    Without a user, the change is written to the logger only.
    """
    if user_id is None:
        names = ", ".join(repr(inspector.display_key(stored)) for stored in keys[:MAX_NAMES_LOGGED])
        log_without_user(inspector, f"keys={names}", message)
        return
    if len(keys) > MAX_KEY_ENTRIES:
        record_cache(user_id, flag, inspector, message)
        return
    alias, sessions = inspector.alias, session_keys()
    named = [
        (logged_object_id(inspector, stored), mask_session_name(inspector.display_key(stored)))
        if sessions is not None and sessions.contains(inspector, stored)
        else (object_id(alias, stored), inspector.display_key(stored))
        for stored in keys
    ]
    _create_entries(user_id, flag, Key, named, alias, message)


def logged_object_id(inspector: Inspector, stored: bytes) -> str:
    """Return the `LogEntry.object_id` of a key: its id in URLs, with session ids redacted."""
    sessions = session_keys()
    if sessions is not None:
        stored = sessions.redact(inspector, stored)
    return object_id(inspector.alias, stored)


def record_cache(user_id: Any, flag: int, inspector: Inspector, message: Message) -> None:
    """Record a change of a whole alias; without a user, in the logger only."""
    if user_id is None:
        log_without_user(inspector, "all:", message)
        return
    _create_entries(
        user_id, flag, Cache, [(inspector.alias, inspector.alias)], inspector.alias, message
    )


def create_log_entry(user_id: Any, flag: int, inspector: Inspector, message: Message) -> int:
    """Record a job on an alias that is about to start; return the id of its entry."""
    alias = inspector.alias
    text = render_message(message)
    entry = _build_entry(user_id, flag, Cache, (alias, alias), text)
    entry.save(force_insert=True)  # `bulk_create` does not set the id on every database.
    _write_log(user_id, alias, f"entry={entry.pk}", text)
    return int(entry.pk)


def matches_log_entry(entry: int, message: Message) -> bool:
    """Return whether an entry still has this message."""
    return LogEntry.objects.filter(pk=entry, change_message=render_message(message)).exists()


def update_log_entry(
    user_id: Any, entry: int, inspector: Inspector, before: Message, after: Message
) -> bool:
    """Replace the message of an entry; return False if the entry no longer had `before`."""
    texts = render_message(before), render_message(after)
    unchanged = LogEntry.objects.filter(pk=entry, change_message=texts[0])
    updated = True
    try:
        updated = bool(unchanged.update(change_message=texts[1]))
    finally:  # Written to the logger in any case: the database may have just failed.
        if updated:
            _write_log(user_id, inspector.alias, f"entry={entry}", texts[1])
    return updated


def log_without_user(inspector: Inspector, subject: str, message: Message) -> None:
    """Write a change to the logger only, for a command that was run without `--user`."""
    _write_log("-", inspector.alias, subject, render_message(message))


def render_message(message: Message) -> str:
    """Return a message on one line, in the project's language, with session ids masked."""
    with translation.override(settings.LANGUAGE_CODE):
        return mask_session_ids(one_line(message()))


def _create_entries(
    user_id: Any,
    flag: int,
    model: type[models.Model],
    objects: Sequence[tuple[str, str]],
    alias: str,
    message: Message,
) -> None:
    text = render_message(message)
    # The logger comes first: the database may have just failed.
    for _object_id, name in objects:
        _write_log(user_id, alias, f"{model.__name__.lower()}={name!r}", text)
    LogEntry.objects.bulk_create(_build_entry(user_id, flag, model, one, text) for one in objects)


def _write_log(user_id: Any, alias: str, subject: str, text: str) -> None:
    """Write one line to the logger; names and patterns can't add another."""
    name = alias if PLAIN_ALIAS.fullmatch(alias) else repr(alias)
    logger.info("%s", mask_session_ids(one_line(f"user={user_id} cache={name} {subject} {text}")))


def _build_entry(
    user_id: Any, flag: int, model: type[models.Model], named: tuple[str, str], text: str
) -> LogEntry:
    """Return an unsaved entry about the object with this id and name."""
    object_id, name = named
    return LogEntry(
        user_id=user_id,
        content_type=ContentType.objects.get_for_model(model),
        object_id=object_id,
        object_repr=one_line(name)[:MAX_REPR_LENGTH],
        action_flag=flag,
        change_message=text,
    )
