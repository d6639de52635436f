"""Caches that offer only Django's basic cache API, and aliases that cannot be used."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

from django.core.cache.backends.base import BaseCache, InvalidCacheKey
from django.utils.translation import gettext_lazy as _

from django_cachex.commands.text import one_line
from django_cachex.inspectors.base import Inspector, Support
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    Edit,
    ExpireAt,
    Increase,
    Outcome,
    Result,
    SetTtl,
    SetValue,
)
from django_cachex.inspectors.info import FlushPlan, Status, Text
from django_cachex.inspectors.keys import encode_text, printable, text_of
from django_cachex.inspectors.masking import mask, masked, secrets_in
from django_cachex.inspectors.query import BEGINNING, Window
from django_cachex.inspectors.types import TTL_NONE, Description, Entry
from django_cachex.inspectors.values import Content, fingerprint
from django_cachex.inspectors.values.objects import content_of

MISSING: Final = object()
"""What `get` returns for a key that is not there; None may be stored."""

LACKS: Final = _("This backend doesn't support this.")


def seconds(ttl: int) -> int | None:
    """Return a timeout that every backend takes: whole seconds, rounded up."""
    return None if ttl == TTL_NONE else math.ceil(ttl / 1000)


def fingerprint_of(content: Content) -> str:
    """Return the fingerprint of a value that can be edited, or nothing.

    Only such a value is sure to be written alike each time that it is read.
    """
    return fingerprint(json.dumps(content.value).encode()) if content.editable else ""


class LimitedInspector(Inspector):
    """Opens, adds, edits and deletes by exact key, with the backend's own methods.

    The stored key is the key as application code says it: the backend makes its own of it. An edit
    compares the value first, but nothing stops a change between comparing and setting.
    """

    support = Support.LIMITED
    reasons = {
        "can_list": _("Django's cache API can't list keys. Open a key by its exact name."),
        "can_get": _(
            "Values can only be read with the backend's own get(), which may run code that is "
            "stored in them."
        ),
        "can_add": LACKS,
        "can_edit": LACKS,
        "can_keep_ttl": _("This backend doesn't report the TTL of a key."),
        "can_delete": LACKS,
        "can_ttl": _("Django's cache API can't tell when a key expires."),
        "can_expire": LACKS,
        "can_rename": _(
            "The renamed key would lose its TTL, because this backend doesn't report it."
        ),
        "can_copy": _("The copy would lose the TTL, because this backend doesn't report it."),
        "can_type": _("Only Valkey and Redis keys have a type."),
        "can_info": _("Django's cache API provides no information about the server."),
        "can_flush": LACKS,
    }

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        self.can_get_unsafely = self.has("get")
        self.can_add = self.has("add") and self.has("set")
        self.can_edit = self.has("get") and self.has("set")
        self.can_delete = self.has("delete")
        self.can_expire = self.has("touch")
        self.can_increase = self.has("incr")
        self.can_flush = self.has("clear")

    def has(self, method: str) -> bool:
        """Return whether the backend has a method of its own, not the one that only raises."""
        return getattr(type(self.cache), method, None) is not getattr(BaseCache, method)

    @property
    def location(self) -> str:
        given = self.params.get("LOCATION") or ""
        places = given if isinstance(given, list | tuple) else [given]
        return mask(", ".join(map(str, places)), secrets_in(self.params))

    @property
    def store(self) -> Hashable:
        return (self.backend, self.location or self.alias)

    def store_ids(self) -> frozenset[str]:
        """Return the location alone: two classes may be clients of one server."""
        return frozenset((f"location {self.params.get('LOCATION') or self.alias}",))

    def notes(self) -> Sequence[Text]:
        return (
            _(
                "This backend only offers Django's basic cache API, so its keys can't be "
                "listed. Open a key by its exact name."
            ),
        )

    # Keys.

    def locate(self, key: str) -> bytes:
        return encode_text(key)

    def in_store(self, stored: bytes) -> bytes:
        key = text_of(stored)
        return stored if key is None else self.naming.stored(key)

    def name(self, stored: bytes) -> str:
        return printable(stored)

    def owns(self, stored: bytes) -> bool:
        """Every key is this alias's: the backend itself puts the prefix before it."""
        return True

    def read(self, stored: bytes, window: Window = BEGINNING) -> Entry | None:
        """Return what the backend's `get` returns; it may run what is stored.

        Raises InvalidCacheKey for a key that the backend refuses.
        """
        key = text_of(stored)
        value = MISSING if key is None else self.cache.get(key, MISSING)
        if value is MISSING:
            return None
        content = content_of(value, window)
        return Entry(Description(stored), content, expected=fingerprint_of(content))

    # Changes.

    def apply(self, stored: bytes, edit: Edit) -> Outcome:
        key = text_of(stored)
        if key is None:
            return Outcome(Result.REFUSED, _("The key isn't valid text."))
        try:
            return self.change(key, edit)
        except InvalidCacheKey as refused:
            return Outcome(Result.REFUSED, str(refused))

    def change(self, key: str, edit: Edit) -> Outcome:
        """Apply an edit; InvalidCacheKey for a key that the backend refuses."""
        match edit:
            case AddValue():
                return self.add(key, edit)
            case SetValue():
                return self.set_value(key, edit)
            case SetTtl():
                return self.set_ttl(key, edit)
            case ExpireAt():
                return self.expire_at(key, edit)
            case Increase():
                return self.increase(key, edit)
            case _:
                return self.not_offered()

    def add(self, key: str, edit: AddValue) -> Outcome:
        if edit.replace:
            return self.set(key, edit.value, edit.ttl)
        if self.cache.add(key, edit.value, seconds(edit.ttl)):
            return Outcome(Result.DONE)
        if self.cache.get(key, MISSING) is not MISSING:
            return Outcome(Result.EXISTS)
        return Outcome(Result.REFUSED, _("The backend didn't store the value and gave no reason."))

    def set(self, key: str, value: Any, ttl: int) -> Outcome:
        """Store a value and look whether it is there: `set` says nothing of failure."""
        self.cache.set(key, value, seconds(ttl))
        if self.cache.get(key, MISSING) is not MISSING:
            return Outcome(Result.DONE)
        return Outcome(Result.REFUSED, _("The backend didn't store the value and gave no reason."))

    def set_value(self, key: str, edit: SetValue) -> Outcome:
        if edit.ttl is KEEP:
            return Outcome(Result.REFUSED, self.why_not("can_keep_ttl"))
        value = self.cache.get(key, MISSING)
        if value is MISSING:
            return Outcome(Result.GONE)
        if fingerprint_of(content_of(value)) != edit.expected:
            return Outcome(Result.CHANGED)
        return self.set(key, edit.value, edit.ttl)

    def set_ttl(self, key: str, edit: SetTtl) -> Outcome:
        done = self.cache.touch(key, seconds(edit.ttl))
        return Outcome(Result.DONE if done else Result.GONE)

    def expire_at(self, key: str, edit: ExpireAt) -> Outcome:
        if edit.ttl <= 0:
            return Outcome.refused(_("This time has passed."))
        return self.set_ttl(key, SetTtl(edit.ttl))

    def increase(self, key: str, edit: Increase) -> Outcome:
        """Let the backend count, which takes integers only."""
        if not self.can_increase or not isinstance(edit.by, int):
            return self.not_offered()
        try:
            return Outcome(Result.DONE, number=self.cache.incr(key, edit.by))
        except ValueError:
            return Outcome(Result.GONE)
        except TypeError as error:
            return Outcome(Result.WRONG_TYPE, str(error))

    def delete(self, keys: Sequence[bytes]) -> int:
        texts = map(text_of, dict.fromkeys(keys))
        return sum(self.remove(key) for key in texts if key is not None)

    def remove(self, key: str) -> bool:
        """Delete a key; return whether it was there. One that the backend refuses was not."""
        try:
            return bool(self.cache.delete(key))
        except InvalidCacheKey:
            return False

    def flush_plan(self) -> FlushPlan:
        return FlushPlan(
            act=f"{type(self.cache).__qualname__}.clear()",
            scope=_(
                "Everything that the backend's clear() deletes, which may be more than the "
                "keys of this alias."
            ),
            entries=None,
        )

    def flush(self) -> None:
        self.cache.clear()


class BrokenInspector(Inspector):
    """Can do nothing, and says what is wrong with the alias's settings."""

    def __init__(self, alias: str, params: Mapping[str, Any], error: Exception) -> None:
        super().__init__(alias, base_cache(params), params)
        self.error = error

    @property
    def location(self) -> str:
        return mask(str(self.params.get("LOCATION") or ""), secrets_in(self.params))

    def notes(self) -> Sequence[Text]:
        reason = one_line(masked(f"{type(self.error).__name__}: {self.error}", self.params))
        return (_("This cache could not be set up. %(reason)s") % {"reason": reason},)

    def status(self) -> Status:
        raise self.error


def base_cache(params: Mapping[str, Any]) -> BaseCache:
    """Return what Django makes of the settings that all backends share."""
    try:
        return BaseCache(dict(params))
    except Exception:  # KEY_FUNCTION may be what is wrong.
        return BaseCache({})
