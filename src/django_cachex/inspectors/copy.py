"""Copy a value between caches."""

from __future__ import annotations

from django.utils.translation import gettext as _

from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.edits import AddValue, Copy, Outcome, Result


def copy_value(source: Inspector, stored: bytes, edit: Copy) -> Outcome:
    """Store a string's value through another alias's serializer, with the TTL that is left."""
    target = edit.into or source
    entry = source.read(stored)
    if entry is None:
        return Outcome(Result.GONE)
    ttl = entry.description.ttl
    if ttl is None:
        return Outcome.refused(_("How long the key has left to live is not known here."))
    if entry.content is None:
        return Outcome.refused(
            _("The other cache does not store values alike: only single values can be copied.")
        )
    if not entry.content.editable:
        reason = _("The other cache does not store values alike. %(why_not)s")
        return Outcome.refused(reason % {"why_not": entry.content.why_not})
    return target.apply(edit.to, AddValue(entry.content.value, ttl, edit.overwrite))
