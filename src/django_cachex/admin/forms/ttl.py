"""Forms for TTLs."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.forms.base import (
    MAX_TIMEOUT_SECONDS,
    ZERO_TIMEOUT_OF_KEY,
    ExpireForm,
    TimeoutField,
)
from django_cachex.inspectors.edits import Expire, ExpireAt, ExtendTTL
from django_cachex.inspectors.types import TTL_NONE

TTL_FIELDS = ("timeout", "moment", "add", "never")

TtlEdit = Expire | ExpireAt | ExtendTTL


class ExpiryField(forms.DateTimeField):
    """A date and time in the current time zone. The cleaned value is a Unix time in ms."""

    default_error_messages = {
        "invalid": gettext_lazy(
            "Enter a date and time, such as 2030-12-31 23:59. To remove the TTL, choose "
            "Never expires."
        ),
    }

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"type": "datetime-local", "step": "1"}
        widget = forms.DateTimeInput(attrs=attrs, format="%Y-%m-%dT%H:%M:%S")
        super().__init__(required=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> int | None:
        when: datetime | None = super().clean(value)
        return None if when is None else to_future_ms(when)


def to_future_ms(when: datetime) -> int:
    """Return a future date and time as a Unix time in milliseconds.

    Raises:
        ValidationError: the time is in the past or too far in the future.
    """
    try:
        milliseconds = int(when.timestamp() * 1000)
    except (OverflowError, ValueError) as error:
        raise forms.ValidationError(_("That date is out of range.")) from error
    if milliseconds <= time.time() * 1000:
        raise forms.ValidationError(
            _("That time has passed: it is now %(now)s. To delete the key, select Delete.")
            % {"now": formatting.format_datetime(formatting.expiry_datetime(0))}
        )
    return milliseconds


def current_ttl_text(ttl: int) -> str:
    """Return a sentence about when a key or field expires, from its TTL in milliseconds."""
    if ttl == TTL_NONE:
        return _("Currently never expires.")
    if ttl < 0:
        return _("Already expired.")
    return _("Currently expires in %(duration)s.") % {"duration": formatting.format_duration(ttl)}


class TtlForm(ExpireForm):
    """When a key expires: in a number of seconds, at a time, later by some seconds, or never."""

    moment = ExpiryField(label=gettext_lazy("Date and time"))
    add = TimeoutField(label=gettext_lazy("Seconds to add"))

    field_order = TTL_FIELDS
    requires_timeout = False  # `clean` requires one of the four fields.

    def __init__(self, data: Any = None, *, ttl: int | None, can_extend: bool) -> None:
        self.current_ttl = ttl
        super().__init__(data)
        self.fields["timeout"].error_messages["zero"] = ZERO_TIMEOUT_OF_KEY
        if ttl is not None:
            self.fields["timeout"].help_text = current_ttl_text(ttl)
        if not can_extend or ttl == TTL_NONE:
            del self.fields["add"]
        else:
            add = cast(TimeoutField, self.fields["add"])
            add.alternative = self.alternative
            add.help_text = _("This is added to the remaining TTL when you save.")

    def clean(self) -> dict[str, Any]:
        data = forms.Form.clean(self) or {}
        filled = [name for name in TTL_FIELDS if data.get(name)]
        invalid = [name for name in TTL_FIELDS if name in self.errors]
        if len(filled) > 1:
            text = _(
                "Choose only one: a timeout, a date and time, seconds to add, or Never expires."
            )
            self.add_error(filled[1], text)
        elif not filled and not invalid:
            text = _("Enter a timeout or a date and time, or choose Never expires.")
            if "add" in self.fields:
                text = _(
                    "Enter a timeout, a date and time, or seconds to add, or choose Never expires."
                )
            self.add_error("timeout", text)
        if filled == ["add"]:
            self._check_total(data["add"])
        return data

    def _check_total(self, added: int) -> None:
        if self.current_ttl is not None and self.current_ttl + added > MAX_TIMEOUT_SECONDS * 1000:
            longest = {"longest": formatting.format_number(MAX_TIMEOUT_SECONDS)}
            self.add_error("add", _("The total TTL can be at most %(longest)s seconds.") % longest)

    @property
    def edit(self) -> TtlEdit:
        """The edit that a valid form describes."""
        data = self.cleaned_data
        if data.get("moment"):
            return ExpireAt(data["moment"])
        if data.get("add"):
            return ExtendTTL(data["add"])
        return Expire(TTL_NONE if data["never"] else data["timeout"])

    def preview(self) -> str:
        """Return in words what a valid form would change."""
        match self.edit:
            case Expire(ttl=ttl) if ttl == TTL_NONE:
                return _("The key would never expire.")
            case Expire(ttl=ttl):
                remaining = ttl
            case ExpireAt(timestamp=moment):
                remaining = max(1, moment - int(time.time() * 1000))
            case ExtendTTL(by=by):
                if self.current_ttl is None:
                    return _("The key would expire %(added)s later.") % {
                        "added": formatting.format_duration(by)
                    }
                remaining = self.current_ttl + by
        return _("The key would expire in %(duration)s, %(moment)s.") % {
            "duration": formatting.format_duration(remaining),
            "moment": formatting.format_moment(formatting.expiry_datetime(remaining)),
        }
