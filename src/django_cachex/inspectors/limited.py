"""Inspectors of caches whose keys can't be listed: unknown, dummy, misconfigured."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

from django.core.cache.backends.base import BaseCache, InvalidCacheKey
from django.utils.translation import gettext_lazy as _

from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors.base import Inspector, Support
from django_cachex.inspectors.edits import (
    KEEP,
    AddValue,
    Edit,
    EditResult,
    EditStatus,
    Expire,
    ExpireAt,
    Incr,
    SetValue,
)
from django_cachex.inspectors.health import StoreFacts
from django_cachex.inspectors.info import FlushPreview, Status, Text
from django_cachex.inspectors.keys import display_text, encode_text, try_decode_text
from django_cachex.inspectors.masking import find_secrets, mask, mask_for_settings
from django_cachex.inspectors.query import FIRST_PAGE, ElementPage
from django_cachex.inspectors.types import TTL_NONE, KeyInfo, KeyValue
from django_cachex.inspectors.values import Content, fingerprint
from django_cachex.inspectors.values.decode import describe_object

MISSING_VALUE: Final = object()
"""The default for `get`, because None can be a stored value."""

UNSUPPORTED: Final = _("This backend doesn't support this.")


def timeout_in_seconds(ttl: int) -> int | None:
    """Return a timeout in whole seconds, rounded up, as every backend supports it."""
    return None if ttl == TTL_NONE else math.ceil(ttl / 1000)


def content_fingerprint(content: Content) -> str:
    """Return the fingerprint of an editable value, or an empty string.

    Other values may be serialized differently each time.
    """
    return fingerprint(json.dumps(content.value).encode()) if content.editable else ""


class LimitedInspector(Inspector):
    """Open, add, edit and delete keys by exact name, with the backend's own methods.

    Stored keys are the keys of the application, because the backend calls `make_key` itself. An
    edit compares the value before it sets the new one, but not in one atomic step.
    """

    support = Support.LIMITED
    unsupported_reasons = {
        "can_list": _("Django's cache API can't list keys. Open a key by its exact name."),
        "can_get": _(
            "Values can only be read with the backend's own get(), which may run code that is "
            "stored in them."
        ),
        "can_add": UNSUPPORTED,
        "can_edit": UNSUPPORTED,
        "can_keep_ttl": _("This backend doesn't report the TTL of a key."),
        "can_delete": UNSUPPORTED,
        "can_ttl": _("Django's cache API can't tell when a key expires."),
        "can_expire": UNSUPPORTED,
        "can_rename": _(
            "Keys can't be renamed, because the backend doesn't report the TTL, so it would be "
            "lost."
        ),
        "can_copy": _(
            "Keys can't be copied, because the backend doesn't report the TTL, so it would be lost."
        ),
        "can_type": _("Only Valkey and Redis keys have a type."),
        "can_info": _("Django's cache API provides no information about the server."),
        "can_flush": UNSUPPORTED,
    }

    def __init__(self, alias: str, cache: BaseCache, params: Mapping[str, Any]) -> None:
        super().__init__(alias, cache, params)
        self.can_get_unsafely = self.has_own_method("get")
        self.can_add = self.has_own_method("add") and self.has_own_method("set")
        self.can_edit = self.has_own_method("get") and self.has_own_method("set")
        self.can_delete = self.has_own_method("delete")
        self.can_expire = self.has_own_method("touch")
        self.can_incr = self.has_own_method("incr")
        self.can_flush = self.has_own_method("clear")

    def has_own_method(self, method: str) -> bool:
        """Return whether the backend overrides a method that isn't implemented in `BaseCache`."""
        return getattr(type(self.cache), method, None) is not getattr(BaseCache, method)

    @property
    def location(self) -> str:
        configured = self.params.get("LOCATION") or ""
        locations = configured if isinstance(configured, list | tuple) else [configured]
        return mask(", ".join(map(str, locations)), find_secrets(self.params))

    @property
    def configured_store_id(self) -> Hashable:
        return (self.params.get("BACKEND"), self.location or self.store_alias)

    def fetch_store_ids(self) -> frozenset[str]:
        """Return only the location, because two classes may be clients of the same server."""
        return frozenset((f"location {self.params.get('LOCATION') or self.store_alias}",))

    def notes(self) -> Sequence[Text]:
        return (
            _(
                "The admin reaches this backend only through Django's cache API, which can't list "
                "keys. You can open, add, edit and delete keys by their exact names."
            ),
        )

    @property
    def upgrade_hint(self) -> Text:
        return _("To get every feature, register an inspector for this backend.")

    # Keys.

    def make_key(self, key: str) -> bytes:
        return encode_text(key)

    def final_key(self, stored: bytes) -> bytes:
        key = try_decode_text(stored)
        return stored if key is None else self.naming.make_key(key)

    def display_key(self, stored: bytes) -> str:
        return display_text(stored)

    def owns(self, stored: bytes) -> bool:
        """Return True. The backend adds the prefix itself, so all keys belong to the alias."""
        return True

    def read(self, stored: bytes, page: ElementPage = FIRST_PAGE) -> KeyValue | None:
        """Return the result of the backend's `get`, which may execute what is stored.

        Raises:
            InvalidCacheKey: the backend refuses the key.
        """
        key = try_decode_text(stored)
        value = MISSING_VALUE if key is None else self.cache.get(key, MISSING_VALUE)
        if value is MISSING_VALUE:
            return None
        content = describe_object(value, page.max_bytes(limits()))
        return KeyValue(KeyInfo(stored), content, expected=content_fingerprint(content))

    # Changes.

    def apply(self, stored: bytes, edit: Edit) -> EditResult:
        key = try_decode_text(stored)
        if key is None:
            return EditResult.refusal(_("The key isn't valid text."))
        try:
            return self.apply_to_key(key, edit)
        except InvalidCacheKey as refused:
            return EditResult.refusal(str(refused))

    def apply_to_key(self, key: str, edit: Edit) -> EditResult:
        """Apply an edit. Raises InvalidCacheKey if the backend refuses the key."""
        match edit:
            case AddValue():
                return self.add(key, edit)
            case SetValue():
                return self.set_value(key, edit)
            case Expire():
                return self.set_ttl(key, edit.ttl)
            case ExpireAt():
                ttl = edit.ttl
                passed = EditResult.refusal(_("This time has passed."))
                return self.set_ttl(key, ttl) if ttl > 0 else passed
            case Incr():
                return self.incr(key, edit)
            case _:
                return self.unsupported_result()

    def add(self, key: str, edit: AddValue) -> EditResult:
        if edit.replace:
            return self.set(key, edit.value, edit.ttl)
        if self.cache.add(key, edit.value, timeout_in_seconds(edit.ttl)):
            return EditResult(EditStatus.DONE)
        return self.result_if_stored(key, EditStatus.EXISTS)

    def set(self, key: str, value: Any, ttl: int) -> EditResult:
        """Store a value and check that it was stored, because `set` doesn't report failures."""
        self.cache.set(key, value, timeout_in_seconds(ttl))
        return self.result_if_stored(key, EditStatus.DONE)

    def result_if_stored(self, key: str, status: EditStatus) -> EditResult:
        """Return a result with this status, or a refusal if the key doesn't exist."""
        if self.cache.get(key, MISSING_VALUE) is not MISSING_VALUE:
            return EditResult(status)
        return EditResult.refusal(_("The backend didn't store the value and gave no reason."))

    def set_value(self, key: str, edit: SetValue) -> EditResult:
        if edit.ttl is KEEP:
            return EditResult.refusal(self.unsupported_reason("can_keep_ttl"))
        value = self.cache.get(key, MISSING_VALUE)
        if value is MISSING_VALUE:
            return EditResult(EditStatus.GONE)
        if content_fingerprint(describe_object(value)) != edit.expected:
            return EditResult(EditStatus.CHANGED)
        return self.set(key, edit.value, edit.ttl)

    def set_ttl(self, key: str, ttl: int) -> EditResult:
        touched = self.cache.touch(key, timeout_in_seconds(ttl))
        return EditResult(EditStatus.DONE if touched else EditStatus.GONE)

    def incr(self, key: str, edit: Incr) -> EditResult:
        """Call the backend's `incr`, which only supports integers."""
        if not self.can_incr or not isinstance(edit.by, int):
            return self.unsupported_result()
        try:
            return EditResult(EditStatus.DONE, number=self.cache.incr(key, edit.by))
        except ValueError:
            return EditResult(EditStatus.GONE)
        except TypeError as error:
            return EditResult(EditStatus.WRONG_TYPE, str(error))

    def delete(self, keys: Sequence[bytes]) -> int:
        texts = map(try_decode_text, dict.fromkeys(keys))
        return sum(self.remove(key) for key in texts if key is not None)

    def remove(self, key: str) -> bool:
        """Delete a key. Returns whether it existed; keys that the backend refuses didn't."""
        try:
            return bool(self.cache.delete(key))
        except InvalidCacheKey:
            return False

    def preview_flush(self) -> FlushPreview:
        return FlushPreview(
            command=f"{type(self.cache).__qualname__}.clear()",
            scope=_(
                "Everything that the backend's clear() deletes, which may be more than the "
                "keys of this cache."
            ),
            entries=None,
        )

    def flush(self) -> None:
        self.cache.clear()


class BrokenInspector(Inspector):
    """Has no abilities, and explains what is wrong with the alias's settings."""

    def __init__(self, alias: str, params: Mapping[str, Any], error: Exception) -> None:
        try:
            cache = BaseCache(dict(params))
        except Exception:  # KEY_FUNCTION may be invalid.
            cache = BaseCache({})
        super().__init__(alias, cache, params)
        self.error = error

    @property
    def location(self) -> str:
        return mask(str(self.params.get("LOCATION") or ""), find_secrets(self.params))

    def notes(self) -> Sequence[Text]:
        reason = one_line(
            mask_for_settings(f"{type(self.error).__name__}: {self.error}", self.params)
        )
        return (_("This cache couldn't be set up. %(reason)s") % {"reason": reason},)

    def status(self) -> Status:
        raise self.error

    def fetch_facts(self) -> StoreFacts:
        raise self.error


class DummyInspector(Inspector):
    """Show the configuration. There are no keys to list, read or change."""

    support = Support.WRAPPED
    discards_entries = True
    unsupported_reasons = dict.fromkeys(
        (
            *("can_list", "can_get", "can_add", "can_edit", "can_delete"),
            *("can_ttl", "can_type", "can_info", "can_flush"),
        ),
        _("This cache doesn't store anything."),
    )

    def notes(self) -> Sequence[Text]:
        return (_("DummyCache doesn't store anything. It is meant for development."),)
