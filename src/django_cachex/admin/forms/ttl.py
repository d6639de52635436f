"""Forms for TTLs."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, cast

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.forms.base import LONGEST_TIMEOUT, ExpireForm, TimeoutField
from django_cachex.inspectors.edits import ExpireAt, ExtendTtl, SetTtl
from django_cachex.inspectors.types import TTL_NONE

WAYS = ("timeout", "moment", "add", "never")

TtlEdit = SetTtl | ExpireAt | ExtendTtl


class MomentField(forms.DateTimeField):
    """A date and a time in the current time zone, as milliseconds since the epoch."""

    default_error_messages = {
        "invalid": gettext_lazy(
            "Enter a date and time, such as 2030-12-31 23:59. To remove the expiry, choose "
            "Never expires."
        ),
    }

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"type": "datetime-local", "step": "1"}
        widget = forms.DateTimeInput(attrs=attrs, format="%Y-%m-%dT%H:%M:%S")
        super().__init__(required=False, widget=widget, **kwargs)

    def clean(self, value: Any) -> int | None:
        when: datetime | None = super().clean(value)
        return None if when is None else milliseconds(when)


def milliseconds(when: datetime) -> int:
    """Return a moment in the future; raise ValidationError for any other."""
    try:
        moment = int(when.timestamp() * 1000)
    except (OverflowError, ValueError) as error:
        raise forms.ValidationError(_("That date is out of range.")) from error
    if moment <= time.time() * 1000:
        raise forms.ValidationError(
            _("That time has passed: it is now %(now)s. To remove the key, delete it instead.")
            % {"now": formatting.moment(formatting.expires_at(0))}
        )
    return moment


class TtlForm(ExpireForm):
    """When a key expires: in so many seconds, at a moment, so much later, or never."""

    moment = MomentField(label=gettext_lazy("or at a date and time"))
    add = TimeoutField(label=gettext_lazy("or seconds to add"))
    never = forms.BooleanField(label=gettext_lazy("or never expires"), required=False)

    field_order = WAYS
    needs_timeout = False  # `clean` asks for one of four.

    def __init__(self, data: Any = None, *, ttl: int | None, can_extend: bool) -> None:
        self.now = ttl
        super().__init__(data)
        if ttl is not None:
            now = _("Now: %(expires)s.") % {"expires": formatting.expiry(ttl)}
            self.fields["timeout"].help_text = now
        if not can_extend or ttl == TTL_NONE:
            del self.fields["add"]
        else:
            add = cast(TimeoutField, self.fields["add"])
            add.otherwise = self.otherwise
            add.help_text = _("Added to the TTL that is left when you save.")

    def clean(self) -> dict[str, Any]:
        data = forms.Form.clean(self) or {}
        given = [name for name in WAYS if data.get(name)]
        wrong = [name for name in WAYS if name in self.errors]
        if len(given) > 1:
            text = _(
                "Choose only one: a timeout, a date and time, seconds to add, or Never expires."
            )
            self.add_error(given[1], text)
        elif not given and not wrong:
            text = _("Enter a whole number of seconds, or choose Never expires.")
            self.add_error("timeout", text)
        if given == ["add"]:
            self._check_total(data["add"])
        return data

    def _check_total(self, added: int) -> None:
        if self.now is not None and self.now + added > LONGEST_TIMEOUT * 1000:
            longest = {"longest": formatting.number(LONGEST_TIMEOUT)}
            self.add_error("add", _("The total TTL can be at most %(longest)s seconds.") % longest)

    @property
    def edit(self) -> TtlEdit:
        """What a valid form asks for."""
        data = self.cleaned_data
        if data.get("moment"):
            return ExpireAt(data["moment"])
        if data.get("add"):
            return ExtendTtl(data["add"])
        return SetTtl(TTL_NONE if data["never"] else data["timeout"])

    def preview(self) -> str:
        """Return in words what a valid form would do."""
        match self.edit:
            case SetTtl(ttl=ttl) if ttl == TTL_NONE:
                return _("The key would never expire.")
            case SetTtl(ttl=ttl):
                left = ttl
            case ExpireAt(moment=moment):
                left = max(1, moment - int(time.time() * 1000))
            case ExtendTtl(by=by):
                if self.now is None:
                    return _("The key would live %(added)s longer.") % {
                        "added": formatting.duration(by)
                    }
                left = self.now + by
        return _("The key would expire in %(duration)s, at %(moment)s.") % {
            "duration": formatting.duration(left),
            "moment": formatting.moment(formatting.expires_at(left)),
        }
