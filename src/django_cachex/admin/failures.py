"""What to tell a person when a cache fails, without the passwords that its errors may quote."""

from __future__ import annotations

from django.utils.translation import gettext as _

from django_cachex.admin.asking import NoAnswer
from django_cachex.commands.exceptions import ServerTimeout
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.limits import limits
from django_cachex.inspectors.masking import mask, secrets_in

LONGEST = 500


def reason(inspector: Inspector, error: Exception) -> str:
    """Return in a few words why a cache did not do what it was asked."""
    if is_unanswered(error):
        return _("no answer in %(seconds)g s") % {"seconds": limits().timeout}
    if _refused(error):
        return _("it refuses connections")
    text = str(error) or type(error).__name__
    return mask(text, secrets_in(inspector.params))[:LONGEST]


def is_unanswered(error: Exception | None) -> bool:
    """Return whether a cache may have done what it was asked, and did not say so in time."""
    return isinstance(error, NoAnswer | ServerTimeout)


def _refused(error: BaseException | None) -> bool:
    """Return whether at the bottom of an error nobody listened at the cache's address."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError):
            return True
        error = error.__cause__ or error.__context__
    return False


def explain(inspector: Inspector, error: Exception) -> str:
    """Return a sentence that says which cache failed, where it is, and how."""
    place = f" ({inspector.location})" if inspector.location else ""
    what = {"alias": inspector.alias, "place": place}
    if is_unanswered(error):
        text = _(
            '"%(alias)s" did not answer within %(seconds)g s%(place)s. Other caches are unaffected.'
        )
        return text % {**what, "seconds": limits().timeout}
    text = _('"%(alias)s"%(place)s failed: %(reason)s. Other caches are unaffected.')
    return text % {**what, "reason": reason(inspector, error).rstrip(".")}
