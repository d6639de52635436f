"""Pages that carry the state of long work, sealed."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy

from django_cachex.admin.pages.base import CachePage
from django_cachex.admin.parts import Notice
from django_cachex.admin.tokens import seal, unseal
from django_cachex.inspectors.info import Text


class CarryingPage(CachePage):
    """A page about one cache whose forms hold what was done so far."""

    expired: Text = gettext_lazy(
        "That page has expired or is not of this search: nothing was changed."
    )
    """Said of a token that is not good here."""

    def bound_to(self, what: str) -> tuple[str, Any, str, str]:
        """Return what a token is good for: an act, a person, a cache, and what is asked of it."""
        raise NotImplementedError

    def sealed(self, what: str, state: Any) -> str:
        return seal(state, *self.bound_to(what))

    def unsealed(self, what: str, token: str) -> Any:
        """Return the state in a token; None for no token, and for one that is not good here."""
        try:
            return unseal(token, *self.bound_to(what)) if token else None
        except ValueError:
            self.notices.append(Notice(self.expired, "warning"))
            return None
