"""Aliases whose cache object cannot be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.cache.backends.base import BaseCache
from django.utils.translation import gettext_lazy as _

from django_cachex.commands.text import one_line
from django_cachex.inspectors.base import Inspector
from django_cachex.inspectors.info import Status, Text
from django_cachex.inspectors.masking import mask, masked, secrets_in


class BrokenInspector(Inspector):
    """Can do nothing, and says what is wrong with the alias's settings."""

    def __init__(self, alias: str, params: Mapping[str, Any], error: Exception) -> None:
        super().__init__(alias, base_cache(params), params)
        self.error = error

    @property
    def location(self) -> str:
        return mask(str(self.params.get("LOCATION") or ""), secrets_in(self.params))

    def notes(self) -> Sequence[Text]:
        reason = one_line(masked(f"{type(self.error).__name__}: {self.error}", self.params))
        return (_("This cache could not be set up. %(reason)s") % {"reason": reason},)

    def status(self) -> Status:
        raise self.error


def base_cache(params: Mapping[str, Any]) -> BaseCache:
    """Return what Django makes of the settings that all backends share."""
    try:
        return BaseCache(dict(params))
    except Exception:  # KEY_FUNCTION may be what is wrong.
        return BaseCache({})
