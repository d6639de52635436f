"""Messages about the result of an edit."""

from __future__ import annotations

import re

from django.contrib import messages
from django.utils.translation import gettext as _

from django_cachex.admin import formatting
from django_cachex.admin.forms.base import EditForm
from django_cachex.inspectors.edits import AddKey, AddValue, Failures, Keep, Outcome, Result
from django_cachex.inspectors.info import Unit
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.values import fingerprint

CLOCK = re.compile(r"\d\d:\d\d:\d\d")


def value_message(form: EditForm, outcome: Outcome | None) -> str:
    """Return what an edit changed, on record with fingerprints and without the value."""
    changed = _("Value changed (%(trace)s).") if form.has_changed_value() else ""
    return said_of_value(changed, form, outcome)


def replaced_message(form: EditForm, outcome: Outcome | None) -> str:
    """Return that a value took the place of another, likewise."""
    return said_of_value(_("Value replaced (%(trace)s)."), form, outcome)


def said_of_value(pattern: str, form: EditForm, outcome: Outcome | None) -> str:
    said = [pattern % {"trace": trace_of(outcome) or trace_of_text(form)}] if pattern else []
    if not isinstance(form.ttl, Keep):
        said.append(ttl_message(form.ttl))
    return " ".join(said)


def trace_of(outcome: Outcome | None) -> str:
    """Return the lengths and fingerprints of what was there and what is, where they are known."""
    if outcome is None or outcome.new is None:
        return ""
    new = _("%(size)s, fingerprint %(fingerprint)s") % {
        "size": formatting.size(outcome.new.size),
        "fingerprint": outcome.new.fingerprint,
    }
    if outcome.old is None:
        return new
    old = _("%(size)s, fingerprint %(fingerprint)s") % {
        "size": formatting.size(outcome.old.size),
        "fingerprint": outcome.old.fingerprint,
    }
    return _("now %(new)s; before %(old)s") % {"new": new, "old": old}


def trace_of_text(form: EditForm) -> str:
    text = form.cleaned_data["value"]
    return _("%(length)s characters, fingerprint %(fingerprint)s") % {
        "length": formatting.number(len(text)),
        "fingerprint": fingerprint(text.encode("utf-8", "surrogatepass")),
    }


def ttl_message(ttl: int) -> str:
    """Return what became of the TTL, so that it says as much next week."""
    if ttl == TTL_NONE:
        return _("No TTL: it never expires.")
    return _("TTL set to %(seconds)s s (until %(moment)s).") % {
        "seconds": formatting.number(ttl / 1000),
        "moment": formatting.moment(formatting.expires_at(ttl)),
    }


def added_message(edit: AddValue | AddKey) -> str:
    """Return what was stored and when it expires."""
    kind = {"kind": kind_of(edit.value) if isinstance(edit, AddValue) else collection_of(edit)}
    if edit.replace:
        text = _("Stored as %(kind)s, replacing any existing key.") % kind
    else:
        text = _("Stored as %(kind)s.") % kind
    return f"{text} {ttl_message(edit.ttl)}"


def collection_of(edit: AddKey) -> str:
    """Return a type with how many elements it begins with, in words."""
    if edit.type == "stream":
        return _("a stream with one entry")
    count = len(edit.elements)
    patterns = {
        "list": (_("a list of %(elements)s"), Unit.ITEMS),
        "set": (_("a set of %(elements)s"), Unit.MEMBERS),
        "zset": (_("a sorted set of %(elements)s"), Unit.MEMBERS),
        "hash": (_("a hash of %(elements)s"), Unit.FIELDS),
    }
    pattern, unit = patterns[edit.type]
    return pattern % {"elements": formatting.elements(count, unit)}


def told(said: str, done: int, failures: Failures) -> tuple[str, int]:
    """Return what to say of many keys, with a reason where some could not be changed, and a level.

    The level is that of Django's messages.
    """
    if not failures:
        return said, messages.SUCCESS
    [(_stored, why), *_others] = failures
    return f"{said} {why}", messages.WARNING if done else messages.ERROR


def kind_of(value: object) -> str:
    """Return what a value is stored as, in words."""
    kinds = {
        dict: _("a JSON object"),
        list: _("a JSON array"),
        str: _("text"),
        int: _("an integer"),
        float: _("a number"),
        bool: _("a boolean"),
        type(None): _("null"),
    }
    return kinds.get(type(value), type(value).__name__)


def refusal(outcome: Outcome, opened: str = "", type: str = "") -> str:
    """Return why an edit was not applied, and what to do; `type` is the key's by now."""
    when = f" ({opened})" if CLOCK.fullmatch(opened) else ""
    texts = {
        Result.CHANGED: _(
            "Not saved: this key has changed since you opened it%(when)s. Its current "
            "content is shown with what you entered."
        )
        % {"when": when},
        Result.WRONG_TYPE: wrong_type(type),
        Result.ELEMENT_GONE: _(
            "Not saved: this element no longer exists. The current content of the key is shown."
        ),
        Result.EXISTS: _("Not saved: a key with this name already exists."),
        Result.UNCHANGED: _(
            "Nothing was changed: there was nothing to change, or a condition wasn't met."
        ),
        Result.REFUSED: _("Not saved: the cache refused the change."),
    }
    return f"{texts[outcome.result]} {outcome.reason}".strip()


def wrong_type(type: str) -> str:
    """Return that a key holds now what the act is not for."""
    if type and type != "string":
        return _(
            "Not saved: the type of this key is now %(type)s. What you entered is still "
            "here, so you can copy it. Cancel to see the key."
        ) % {"type": type}
    return _("Not saved: the current value of this key can't be edited here. Refresh to see it.")
