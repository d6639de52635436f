"""Forms for TTLs."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.components import Button, Shortcuts
from django_cachex.admin.forms.base import (
    DURATION_EXAMPLES,
    MAX_TIMEOUT_SECONDS,
    ZERO_TIMEOUT_OF_KEY,
    DurationField,
    FocusedForm,
)
from django_cachex.inspectors.edits import Expire, ExpireAt, ExtendTTL
from django_cachex.inspectors.types import TTL_NONE

TtlEdit = Expire | ExpireAt | ExtendTTL

NEVER = "never"
"""What people enter for a key that never expires."""


class TtlField(DurationField):
    """A new TTL: `never`, a duration, or with a leading `+`, a duration to add to the current TTL.

    The cleaned value is the edit that sets the TTL, or None if the field is empty.
    """

    default_error_messages = {
        "invalid": gettext_lazy(
            "Enter a duration, such as 90 (seconds), 1h 30m, 2 days or PT1H30M; with +, such as "
            '+1h, to extend the current TTL; or never. You entered "%(given)s".'
        ),
        "zero": ZERO_TIMEOUT_OF_KEY,
        "long": gettext_lazy(
            'Enter at most %(longest)s seconds. You entered "%(given)s". If the key shouldn\'t '
            "expire, enter never."
        ),
    }

    def clean(self, value: Any) -> Expire | ExtendTTL | None:
        text = forms.CharField.clean(self, value)
        if not text:
            return None
        if text.casefold() in (NEVER, formatting.format_ttl(TTL_NONE).casefold()):
            return Expire(TTL_NONE)
        if text.startswith("+"):
            return ExtendTTL(self.to_milliseconds(text[1:], given=text))
        return Expire(self.to_milliseconds(text))


class ExpiryField(forms.DateTimeField):
    """A date and time in the current time zone. The cleaned value is a Unix time in ms."""

    default_error_messages = {
        "invalid": gettext_lazy(
            "Enter a date and time, such as 2030-12-31 23:59. To remove the TTL, enter never."
        ),
    }

    disclosure = gettext_lazy("Set an exact date and time")
    """The field is hidden under this text until it is opened."""

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


class TtlForm(FocusedForm):
    """When a key expires: after a duration, later by a duration, at a time, or never."""

    timeout = TtlField(label=gettext_lazy("New TTL"))
    moment = ExpiryField()

    def __init__(self, data: Any = None, *, ttl: int | None, can_extend: bool) -> None:
        super().__init__(data)
        zone = {"zone": formatting.current_zone_name()}
        self.fields["moment"].label = _("Date and time (%(zone)s)") % zone
        self.current_ttl = ttl
        self.can_extend = can_extend and ttl != TTL_NONE
        texts = [current_ttl_text(ttl)] if ttl is not None else []
        texts.append(str(DURATION_EXAMPLES))
        if self.can_extend:
            texts.append(_("+1h adds an hour to the TTL that is left when you save."))
        self.fields["timeout"].help_text = " ".join(texts)

    @property
    def shortcuts(self) -> Shortcuts:
        """Buttons that submit a TTL with one click."""
        buttons = []
        if self.can_extend:
            buttons += [Button(_("+1 hour"), "+1h"), Button(_("+1 day"), "+1d")]
        if self.current_ttl != TTL_NONE:
            buttons.append(Button(_("Never expires"), NEVER))
        return Shortcuts(_("Change the TTL at once"), "timeout", buttons)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        timeout, moment = data.get("timeout"), data.get("moment")
        if timeout and moment:
            self.add_error("moment", _("Enter a TTL or a date and time, not both."))
        elif not timeout and not moment and not self.errors:
            self.add_error("timeout", _("Enter a TTL, or a date and time."))
        if isinstance(timeout, ExtendTTL):
            self._check_extension(timeout.by)
        return data

    def _check_extension(self, by: int) -> None:
        if not self.can_extend:
            self.add_error("timeout", _("This TTL can't be extended. Enter a new one without +."))
        elif (self.current_ttl or 0) + by > MAX_TIMEOUT_SECONDS * 1000:
            longest = {"longest": formatting.format_number(MAX_TIMEOUT_SECONDS)}
            self.add_error(
                "timeout", _("The total TTL can be at most %(longest)s seconds.") % longest
            )

    @property
    def edit(self) -> TtlEdit:
        """The edit that a valid form describes."""
        data = self.cleaned_data
        edit: TtlEdit = data["timeout"] or ExpireAt(data["moment"])
        return edit

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
