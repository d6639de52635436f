"""What became of an edit, for the person who made it and for the record."""

from __future__ import annotations

from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.admin.forms import EditForm
from django_cachex.inspectors.content import fingerprint
from django_cachex.inspectors.edits import Keep, Outcome, Result
from django_cachex.inspectors.entries import NEVER


def value_message(form: EditForm) -> str:
    """Return what an edit changed, on record with a fingerprint and without the value."""
    text = form.cleaned_data["value"]
    parts = []
    if form.has_changed_value():
        parts.append(
            _("Value changed (%(length)s characters, fingerprint %(fingerprint)s).")
            % {
                "length": humane.number(len(text)),
                "fingerprint": fingerprint(text.encode("utf-8", "surrogatepass")),
            }
        )
    if not isinstance(form.ttl, Keep):
        parts.append(ttl_message(form.ttl))
    return " ".join(parts)


def ttl_message(ttl: int) -> str:
    """Return what became of the TTL."""
    if ttl == NEVER:
        return _("It never expires now.")
    return _("It expires %(when)s (%(moment)s).") % {
        "when": humane.expiry(ttl),
        "moment": humane.moment(humane.expires_at(ttl)),
    }


def refusal(outcome: Outcome) -> str:
    """Return why an edit was not applied, and what to do."""
    texts = {
        Result.CHANGED: _(
            "Not saved: this key has changed since you opened it. What it holds now is shown "
            "beside what you wrote; save again to replace it."
        ),
        Result.WRONG_TYPE: _(
            "Not saved: this key holds another type of value now. Refresh to see it."
        ),
        Result.EXISTS: _("Not saved: there is such a key already."),
    }
    default = _("Not saved: the cache refused it. %(reason)s") % {"reason": outcome.reason}
    return texts.get(outcome.result, default)
