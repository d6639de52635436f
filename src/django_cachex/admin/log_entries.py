"""Record changes in Django's `LogEntry` and in a logger."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import translation
from django.utils.translation import ngettext

from django_cachex.admin import formatting
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
    "format_key_repr",
    "is_job_entry",
    "job_token",
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

MIN_NAME_LENGTH = 50
"""The characters of a key's name that an `object_repr` has room for, however long the alias is."""

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
        record_cache(user_id, inspector, message, partial(_format_key_count, len(keys)))
        return
    sessions = session_keys()
    named = [
        (logged_object_id(inspector, stored), mask_session_name(inspector.display_key(stored)))
        if sessions is not None and sessions.contains(inspector, stored)
        else (object_id(inspector.alias, stored), inspector.display_key(stored))
        for stored in keys
    ]
    text = render_message(partial(_add_number_of_others, len(keys) - 1, message))
    # The logger comes first: the database may have just failed.
    for _object_id, name in named:
        _write_log(user_id, inspector.alias, f"key={name!r}", text)
    LogEntry.objects.bulk_create(
        _build_entry(user_id, flag, Key, object_id, format_key_repr(name, inspector.alias), text)
        for object_id, name in named
    )


def _add_number_of_others(count: int, message: Message) -> str:
    """Return a message for the entry of one key, so that it is clear that it is about several."""
    if not count:
        return message()
    text = ngettext(
        "Together with %(count)s other key: %(message)s",
        "Together with %(count)s other keys: %(message)s",
        count,
    )
    return text % {"count": formatting.format_number(count), "message": message()}


def logged_object_id(inspector: Inspector, stored: bytes) -> str:
    """Return the `LogEntry.object_id` of a key: its id in URLs, with session ids redacted."""
    sessions = session_keys()
    if sessions is not None:
        stored = sessions.redact(inspector, stored)
    return object_id(inspector.alias, stored)


def record_cache(
    user_id: Any, inspector: Inspector, message: Message, subject: Message | None = None
) -> None:
    """Record a change of an alias, or of many of its keys; without a user, in the logger only.

    A cache is never deleted, so the action flag is always `CHANGE`.

    Args:
        user_id, inspector, message: the user, the alias, and what builds the message.
        subject: builds what was changed, if it was not the whole cache.
    """
    if user_id is None:
        log_without_user(inspector, "all:", message)
        return
    alias, text = inspector.alias, render_message(message)
    _write_log(user_id, alias, f"cache={alias!r}", text)
    _build_entry(user_id, CHANGE, Cache, alias, format_cache_repr(alias, subject), text).save()


def format_key_repr(name: str, alias: str) -> str:
    """Return the `object_repr` of a key, which says in any list of log entries where it is."""
    end = f" ({one_line(alias)})"
    name, room = one_line(name), max(MAX_REPR_LENGTH - len(end), MIN_NAME_LENGTH)
    return (name if len(name) <= room else f"{name[: room - 1]}…") + end


def format_cache_repr(alias: str, subject: Message | None = None) -> str:
    """Return the `object_repr` of a cache, or of what was changed in it."""
    return f"{alias}: {render_message(subject)}" if subject is not None else alias


def _format_key_count(count: int) -> str:
    text = ngettext("%(count)s key", "%(count)s keys", count)
    return text % {"count": formatting.format_number(count)}


Counts = Sequence[int]
"""What a job has done so far, in numbers that don't depend on a language."""


def record_job(
    user_id: Any,
    inspector: Inspector,
    message: Message,
    done: Counts | None,
    subject: Message | None = None,
    token: str = "",
) -> int:
    """Record a job on an alias; return the id of its entry.

    Without a user, the job is written to the logger only, and the id is 0.

    Args:
        user_id, inspector: the user and the alias.
        message: builds the message.
        done: what the job has done so far; None if it is complete.
        subject: as in `record_cache`.
        token: what continues the job, for `job_token`. Whoever may read log entries can read it.
    """
    if user_id is None:
        log_without_user(inspector, "begins:", message)
        return 0
    alias, text = inspector.alias, render_message(message)
    name = format_cache_repr(alias, subject)
    entry = _build_entry(user_id, CHANGE, Cache, alias, name, _format_job(text, done, token))
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
    token: str = "",
) -> bool:
    """Replace the message of a job's entry; return False if the job was continued elsewhere.

    Args:
        user_id, entry_id, inspector: the user, the entry, and the alias.
        message: builds the new message.
        before: what the job had done, as far as the caller knows.
        after: what it has done now; None if it is complete.
        token: as in `record_job`.
    """
    if not entry_id:
        return True
    text, updated = render_message(message), True
    try:
        known = _stored_job(entry_id, before)
        unchanged = LogEntry.objects.filter(pk=entry_id, change_message=known or "")
        updated = bool(known and unchanged.update(change_message=_format_job(text, after, token)))
    finally:  # Written to the logger in any case: the database may have just failed.
        if updated:
            _write_log(user_id, inspector.alias, f"entry={entry_id}", text)
    return updated


def displayed_message(entry: LogEntry) -> str:
    """Return the message of an entry, in the words in which it was recorded."""
    job = _job_from_json(entry.change_message)
    return str(job["message"]) if job else entry.get_change_message()


def job_token(entry: LogEntry) -> str:
    """Return the token that continues the job of an entry; empty if there is none."""
    job = _job_from_json(entry.change_message)
    token = job.get("token") if job else None
    return token if isinstance(token, str) else ""


def _stored_job(entry_id: int, done: Counts) -> str | None:
    """Return the stored message of a job that has done this much; None if there is none."""
    stored = LogEntry.objects.filter(pk=entry_id).values_list("change_message", flat=True).first()
    job = _job_from_json(stored or "")
    return stored if job is not None and job["run"] == list(done) else None


def _format_job(text: str, done: Counts | None, token: str) -> str:
    """Return the text of a complete job, or JSON that `LogEntry.get_change_message` can read."""
    if done is None:
        return text
    changed = {"fields": [text.removesuffix(".")]}
    change = {"changed": changed, "message": text, "run": list(done), "token": token}
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


def _write_log(user_id: Any, alias: str, subject: str, text: str) -> None:
    """Write one line to the logger; names and patterns can't add another."""
    name = alias if PLAIN_ALIAS.fullmatch(alias) else repr(alias)
    logger.info("%s", mask_session_ids(one_line(f"user={user_id} cache={name} {subject} {text}")))


def _build_entry(
    user_id: Any, flag: int, model: type[models.Model], object_id: str, name: str, text: str
) -> LogEntry:
    """Return an unsaved entry about the object with this id and name."""
    return LogEntry(
        user_id=user_id,
        content_type=ContentType.objects.get_for_model(model),
        object_id=object_id,
        object_repr=one_line(name)[:MAX_REPR_LENGTH],
        action_flag=flag,
        change_message=text,
    )
