"""Messages about the results of edits and about errors, without secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_cachex.admin import formatting
from django_cachex.admin.deadline import (
    is_connection_refused,
    is_timeout_error,
    may_have_succeeded,
)
from django_cachex.admin.forms.base import EditForm
from django_cachex.commands.text import one_line
from django_cachex.conf import limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.edits import (
    AddValue,
    CreateCollection,
    EditResult,
    EditStatus,
    Failures,
    KeepTTL,
)
from django_cachex.inspectors.info import Text, Unit
from django_cachex.inspectors.masking import mask_for_settings
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.values import fingerprint

TIME_OF_DAY = re.compile(r"\d\d:\d\d:\d\d( [A-Za-z]{1,9}([+-]\d{1,2}(:\d\d)?)?)?")


def value_changed_message(form: EditForm, result: EditResult | None, differences: str = "") -> str:
    """Return what an edit of a value changed, with fingerprints instead of the value.

    Args:
        form, result: the valid form and the result of the edit.
        differences: what changed in the value, in words.
    """
    if not form.has_changed_value():
        return build_value_message("", form, result)
    if not differences:
        return build_value_message(_("Value changed (%(trace)s)."), form, result)
    pattern = _("Value changed: %(differences)s (%(trace)s).")
    return build_value_message(pattern, form, result, differences=differences)


def value_replaced_message(form: EditForm, result: EditResult | None) -> str:
    """Return that a value was replaced, with fingerprints instead of the values."""
    return build_value_message(_("Value replaced (%(trace)s)."), form, result)


def build_value_message(
    pattern: str, form: EditForm, result: EditResult | None, **details: str
) -> str:
    trace = digest_text(result) or typed_digest_text(form)
    texts = [pattern % {"trace": trace, **details}] if pattern else []
    if not isinstance(form.ttl, KeepTTL):
        texts.append(ttl_message(form.ttl))
    return " ".join(texts)


def digest_text(result: EditResult | None) -> str:
    """Return the sizes and fingerprints of the new and the old value, if they are known."""
    if result is None or result.new is None:
        return ""
    new = _("%(size)s, fingerprint %(fingerprint)s") % {
        "size": formatting.format_size(result.new.size),
        "fingerprint": result.new.fingerprint,
    }
    if result.old is None:
        return new
    old = _("%(size)s, fingerprint %(fingerprint)s") % {
        "size": formatting.format_size(result.old.size),
        "fingerprint": result.old.fingerprint,
    }
    return _("now %(new)s; before %(old)s") % {"new": new, "old": old}


def typed_digest_text(form: EditForm) -> str:
    text = form.cleaned_data["value"]
    pattern = ngettext(
        "%(length)s character, fingerprint %(fingerprint)s",
        "%(length)s characters, fingerprint %(fingerprint)s",
        len(text),
    )
    return pattern % {
        "length": formatting.format_number(len(text)),
        "fingerprint": fingerprint(text.encode("utf-8", "surrogatepass")),
    }


def ttl_message(ttl: int) -> str:
    """Return the new TTL with the time it ends, so that the message is still clear later."""
    if ttl == TTL_NONE:
        return _("TTL removed. The key never expires.")
    return _("TTL set to %(seconds)s s (until %(moment)s).") % {
        "seconds": formatting.format_number(ttl / 1000),
        "moment": formatting.format_datetime(formatting.expiry_datetime(ttl)),
    }


def added_message(edit: AddValue | CreateCollection) -> str:
    """Return the type of what was stored and when it expires, for the history."""
    text = _("Stored as %(kind)s.")
    if edit.replace:
        text = _("Stored as %(kind)s, replacing any existing key.")
    return f"{text % {'kind': _describe_content(edit)}} {_describe_new_ttl(edit.ttl)}"


def added_notice(edit: AddValue | CreateCollection, name: str) -> str:
    """Return the same as `added_message`, with the name of the key."""
    text = _('Key "%(key)s" was stored as %(kind)s.')
    if edit.replace:
        text = _('Key "%(key)s" was stored as %(kind)s, replacing any existing key.')
    details = {"key": name, "kind": _describe_content(edit)}
    return f"{text % details} {_describe_new_ttl(edit.ttl)}"


def _describe_content(edit: AddValue | CreateCollection) -> str:
    return (
        describe_value_type(edit.value) if isinstance(edit, AddValue) else describe_collection(edit)
    )


def _describe_new_ttl(ttl: int) -> str:
    return _("It never expires.") if ttl == TTL_NONE else ttl_message(ttl)


def describe_collection(edit: CreateCollection) -> str:
    """Return the type of a new collection and its number of elements, in words."""
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
    return pattern % {"elements": formatting.format_count(count, unit)}


def message_and_level(message: str, done: int, failures: Failures) -> tuple[str, int]:
    """Return a message about many keys and its level, as `django.contrib.messages` defines it.

    If keys could not be changed, the reason for the first of them is added.
    """
    if not failures:
        return message, messages.SUCCESS
    [(_stored, why), *_others] = failures
    return f"{message} {why}", messages.WARNING if done else messages.ERROR


def describe_value_type(value: object) -> str:
    """Return the type of a value, in words."""
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


def failure_message(result: EditResult, opened: str = "", type: str = "") -> str:
    """Return why an edit was not applied and what to do.

    Args:
        result: the result of the edit.
        opened: the time of day at which the form was opened, if it is known.
        type: the current type of the key.
    """
    when = f" ({opened})" if TIME_OF_DAY.fullmatch(opened) else ""
    texts = {
        EditStatus.CHANGED: _(
            "Not saved: this key has changed since you opened it%(when)s. Its current "
            "content is shown with what you entered."
        )
        % {"when": when},
        EditStatus.WRONG_TYPE: wrong_type_message(type),
        EditStatus.ELEMENT_GONE: _(
            "Not saved: this element no longer exists. The current content of the key is shown."
        ),
        EditStatus.EXISTS: _("Not saved: a key with this name already exists."),
        EditStatus.UNCHANGED: _(
            "Nothing was changed, because the value is already the same or a condition wasn't met."
        ),
        EditStatus.REFUSED: _("Not saved: the cache refused the change."),
    }
    return f"{texts[result.status]} {result.reason}".strip()


def wrong_type_message(type: str) -> str:
    """Return that the key now has a type that the action is not for."""
    if type and type != "string":
        return _(
            "Not saved: the type of this key is now %(type)s. What you entered is still "
            "here, so you can copy it. Cancel to see the key."
        ) % {"type": type}
    return _("Not saved: the current value of this key can't be edited here. Refresh to see it.")


MAX_ERROR_LENGTH = 500


def short_error(inspector: Inspector, error: BaseException) -> str:
    """Return in a few words why a call to a cache failed."""
    if is_timeout_error(error):
        return _("no answer in %(seconds)g s") % {"seconds": limits().timeout}
    if is_connection_refused(error):
        return _("connection refused")
    text = str(error) or type(error).__name__
    return one_line(mask_for_settings(text, inspector.params))[:MAX_ERROR_LENGTH]


@dataclass(frozen=True)
class FailureTexts:
    """What a page says if an error interrupts a change."""

    not_made: Text
    unknown: Text
    """The change may have been made, because the command may have been sent."""

    def choose(self, error: Exception) -> Text:
        """Return the text for an error that was raised while the change was made."""
        return self.unknown if may_have_succeeded(error) else self.not_made


SAVE_FAILED = FailureTexts(
    gettext_lazy("Not saved. Your text is below."),
    gettext_lazy(
        "It is not known whether this was saved. Your text is below. Check the key before you "
        "save again."
    ),
)
REMOVAL_FAILED = FailureTexts(
    gettext_lazy("Nothing was removed."),
    gettext_lazy(
        "It is not known whether anything was removed. Check the elements before you try again."
    ),
)
DELETION_FAILED = FailureTexts(
    gettext_lazy("Nothing was deleted."),
    gettext_lazy(
        "It is not known whether anything was deleted. Check the keys before you try again."
    ),
)


def unknown_result_message(
    error: BaseException | None, message: Callable[[], str]
) -> Callable[[], str]:
    """Return a function that builds the log message about a change with an unknown result."""

    def build_message() -> str:
        text = _("Attempted, result unknown: %(what)s")
        if is_timeout_error(error):
            text = _("Attempted, but no answer in time: %(what)s")
        return text % {"what": message()}

    return build_message


def error_message(inspector: Inspector, error: Exception) -> str:
    """Return what went wrong, and that it concerns no other cache."""
    return f"{describe_error(inspector, error)} {_('Other caches are unaffected.')}"


def describe_error(inspector: Inspector, error: Exception) -> str:
    """Return a sentence that names the cache, its location and the error."""
    place = f" ({inspector.location})" if inspector.location else ""
    details = {"alias": inspector.alias, "place": place}
    if is_timeout_error(error):
        text = _('"%(alias)s" did not answer within %(seconds)g s%(place)s.')
        return text % {**details, "seconds": limits().timeout}
    text = _('Error in "%(alias)s"%(place)s: %(reason)s.')
    return text % {**details, "reason": short_error(inspector, error).rstrip(".")}
