"""Record changes in Django's `LogEntry` and in a logger."""

from __future__ import annotations

import json
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
    "displayed_message",
    "is_job_entry",
    "record_cache",
    "record_job",
    "record_keys",
    "update_job",
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


Counts = Sequence[int]
"""What a job has done so far, in numbers that don't depend on a language."""


def record_job(
    user_id: Any, flag: int, inspector: Inspector, message: Message, done: Counts | None
) -> int:
    """Record a job on an alias; return the id of its entry.

    Without a user, the job is written to the logger only, and the id is 0.

    Args:
        user_id, flag, inspector: the user, the action flag, and the alias.
        message: builds the message.
        done: what the job has done so far; None if it is complete.
    """
    if user_id is None:
        log_without_user(inspector, "begins:", message)
        return 0
    alias, text = inspector.alias, render_message(message)
    entry = _build_entry(user_id, flag, Cache, (alias, alias), _format_job(text, done))
    entry.save(force_insert=True)  # `bulk_create` does not set the id on every database.
    _write_log(user_id, alias, f"entry={entry.pk}", text)
    return int(entry.pk)


def is_job_entry(entry_id: int, done: Counts) -> bool:
    """Return whether an entry is that of a job that has done this much and is not complete."""
    return not entry_id or _stored_job(entry_id, done) is not None


def update_job(
    user_id: Any,
    entry_id: int,
    inspector: Inspector,
    message: Message,
    before: Counts,
    after: Counts | None,
) -> bool:
    """Replace the message of a job's entry; return False if the job was continued elsewhere.

    Args:
        user_id, entry_id, inspector: the user, the entry, and the alias.
        message: builds the new message.
        before: what the job had done, as far as the caller knows.
        after: what it has done now; None if it is complete.
    """
    if not entry_id:
        return True
    text, updated = render_message(message), True
    try:
        known = _stored_job(entry_id, before)
        unchanged = LogEntry.objects.filter(pk=entry_id, change_message=known or "")
        updated = bool(known and unchanged.update(change_message=_format_job(text, after)))
    finally:  # Written to the logger in any case: the database may have just failed.
        if updated:
            _write_log(user_id, inspector.alias, f"entry={entry_id}", text)
    return updated


def displayed_message(entry: LogEntry) -> str:
    """Return the message of an entry, in the words in which it was recorded."""
    job = _job_from_json(entry.change_message)
    return str(job["message"]) if job else entry.get_change_message()


def _stored_job(entry_id: int, done: Counts) -> str | None:
    """Return the stored message of a job that has done this much; None if there is none."""
    stored = LogEntry.objects.filter(pk=entry_id).values_list("change_message", flat=True).first()
    job = _job_from_json(stored or "")
    return stored if job is not None and job["run"] == list(done) else None


def _format_job(text: str, done: Counts | None) -> str:
    """Return the text of a complete job, or JSON that `LogEntry.get_change_message` can read."""
    if done is None:
        return text
    change = {"changed": {"fields": [text.removesuffix(".")]}, "message": text, "run": list(done)}
    return json.dumps([change], ensure_ascii=False)


def _job_from_json(stored: str) -> dict[str, Any] | None:
    """Return the JSON of an unfinished job; None for any other message."""
    try:
        [change] = json.loads(stored)
    except (TypeError, ValueError):
        return None
    return change if isinstance(change, dict) and {"message", "run"} <= change.keys() else None


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
