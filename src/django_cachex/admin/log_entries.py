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
from django_cachex.admin.sessions import masked, session_keys, without_ids
from django_cachex.commands.text import one_line
from django_cachex.inspectors.base import Inspector

__all__ = [
    "ADDITION",
    "CHANGE",
    "DELETION",
    "begin_record",
    "go_on_record",
    "record_cache",
    "record_keys",
]

MOST_ENTRIES = 500
"""Of so many keys at once each gets an entry of its own; of more, the cache gets one."""

MOST_NAMED = 100
"""So many keys are named in one line of the logger."""

NAME_LENGTH = 200

WORD = re.compile(r"[\w.-]+")
"""An alias that the logger writes as it stands; any other is quoted."""

Message = Callable[[], str]
"""Makes the text, in whatever language is active then."""

logger = logging.getLogger("django_cachex.audit")


def record_keys(
    user_id: Any, flag: int, inspector: Inspector, keys: Sequence[bytes], message: Message
) -> None:
    """Record one act on some keys of an alias, in one insert; without a user, on the logger."""
    if user_id is None:
        names = ", ".join(repr(inspector.display_key(stored)) for stored in keys[:MOST_NAMED])
        log(inspector, f"keys={names}", message)
        return
    if len(keys) > MOST_ENTRIES:
        record_cache(user_id, flag, inspector, message)
        return
    alias, sessions = inspector.alias, session_keys()
    named = [
        (record_id(inspector, stored), masked(inspector.display_key(stored)))
        if sessions is not None and sessions.holds(inspector, stored)
        else (object_id(alias, stored), inspector.display_key(stored))
        for stored in keys
    ]
    _record(user_id, flag, Key, named, alias, message)


def record_id(inspector: Inspector, stored: bytes) -> str:
    """Return the id that a key has on record: as in URLs, but for sessions, whose keys are keys."""
    sessions = session_keys()
    if sessions is not None:
        stored = sessions.on_record(inspector, stored)
    return object_id(inspector.alias, stored)


def record_cache(user_id: Any, flag: int, inspector: Inspector, message: Message) -> None:
    """Record one act on a whole alias; without a user, on the logger."""
    if user_id is None:
        log(inspector, "all:", message)
        return
    _record(user_id, flag, Cache, [(inspector.alias, inspector.alias)], inspector.alias, message)


def begin_record(user_id: Any, flag: int, inspector: Inspector, message: Message) -> int:
    """Record an act on a whole alias that is about to begin; return the entry, to go on with."""
    alias = inspector.alias
    text = in_project_language(message)
    entry = _entry(user_id, flag, Cache, (alias, alias), text)
    entry.save(force_insert=True)  # In bulk, not every database says what it was inserted as.
    _write(user_id, alias, f"entry={entry.pk}", text)
    return int(entry.pk)


def is_on_record(entry: int, message: Message) -> bool:
    """Return whether an entry says this and nothing later."""
    return LogEntry.objects.filter(pk=entry, change_message=in_project_language(message)).exists()


def go_on_record(
    user_id: Any, entry: int, inspector: Inspector, before: Message, after: Message
) -> bool:
    """Let an entry say what has been done since; return False if it no longer said `before`."""
    texts = in_project_language(before), in_project_language(after)
    said = LogEntry.objects.filter(pk=entry, change_message=texts[0])
    updated = True
    try:
        updated = bool(said.update(change_message=texts[1]))
    finally:  # To the logger in any case: the database may be what has just failed.
        if updated:
            _write(user_id, inspector.alias, f"entry={entry}", texts[1])
    return updated


def log(inspector: Inspector, what: str, message: Message) -> None:
    """Write what nobody's `LogEntry` says to the logger: who has a shell needs no name."""
    _write("-", inspector.alias, what, in_project_language(message))


def in_project_language(message: Message) -> str:
    """Return a message for others to read: in the project's language, on one line.

    The ids of sessions are masked in it.
    """
    with translation.override(settings.LANGUAGE_CODE):
        return without_ids(one_line(message()))


def _record(
    user_id: Any,
    flag: int,
    model: type[models.Model],
    objects: Sequence[tuple[str, str]],
    alias: str,
    message: Message,
) -> None:
    text = in_project_language(message)
    # First to the logger: the database may be what has just failed.
    for _object_id, name in objects:
        _write(user_id, alias, f"{model.__name__.lower()}={name!r}", text)
    LogEntry.objects.bulk_create(_entry(user_id, flag, model, one, text) for one in objects)


def _write(user_id: Any, alias: str, what: str, text: str) -> None:
    """Write one line to the logger, whatever names and patterns hold."""
    name = alias if WORD.fullmatch(alias) else repr(alias)
    logger.info("%s", without_ids(one_line(f"user={user_id} cache={name} {what} {text}")))


def _entry(
    user_id: Any, flag: int, model: type[models.Model], named: tuple[str, str], text: str
) -> LogEntry:
    """Return an entry, not yet saved, about an object of this id and name."""
    object_id, name = named
    return LogEntry(
        user_id=user_id,
        content_type=ContentType.objects.get_for_model(model),
        object_id=object_id,
        object_repr=one_line(name)[:NAME_LENGTH],
        action_flag=flag,
        change_message=text,
    )
