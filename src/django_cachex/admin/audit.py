"""On record: who changed what, in Django's `LogEntry` and on a logger."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import translation

from django_cachex.admin.links import object_id
from django_cachex.admin.models import Cache, Key
from django_cachex.inspectors.base import Inspector

__all__ = ["ADDITION", "CHANGE", "DELETION", "record_cache", "record_keys"]

MOST_ENTRIES = 500
"""Of so many keys at once each gets an entry of its own; of more, the cache gets one."""

NAME_LENGTH = 200

Message = Callable[[], str]
"""Makes the text, in whatever language is active then."""

logger = logging.getLogger("django_cachex.audit")


def record_keys(
    user_id: Any, flag: int, inspector: Inspector, keys: Sequence[bytes], message: Message
) -> None:
    """Record one act on some keys of an alias, in one insert."""
    if len(keys) > MOST_ENTRIES:
        record_cache(user_id, flag, inspector, message)
        return
    alias = inspector.alias
    named = [(object_id(alias, stored), inspector.name(stored)) for stored in keys]
    _record(user_id, flag, Key, named, alias, message)


def record_cache(user_id: Any, flag: int, inspector: Inspector, message: Message) -> None:
    """Record one act on a whole alias."""
    _record(user_id, flag, Cache, [(inspector.alias, inspector.alias)], inspector.alias, message)


def _record(
    user_id: Any,
    flag: int,
    model: type[models.Model],
    objects: Sequence[tuple[str, str]],
    alias: str,
    message: Message,
) -> None:
    # The entry is read by others: it is written in the project's language, not the writer's.
    with translation.override(settings.LANGUAGE_CODE):
        text = message()
    content_type = ContentType.objects.get_for_model(model)
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=user_id,
            content_type=content_type,
            object_id=object_id,
            object_repr=name[:NAME_LENGTH],
            action_flag=flag,
            change_message=text,
        )
        for object_id, name in objects
    )
    for _object_id, name in objects:
        logger.info("user=%s cache=%s %s=%r %s", user_id, alias, model.__name__.lower(), name, text)
