"""Translations of what is said about settings, which may be used before Django is set up."""

from __future__ import annotations

from django.apps import apps
from django.utils import translation
from django.utils.functional import lazy


def gettext(message: str) -> str:
    """Return `message` in the active language; as it is while there are no translations."""
    return translation.gettext(message) if apps.apps_ready else message


gettext_lazy = lazy(gettext, str)
