"""Helpers that do not depend on Django's settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.apps import apps
from django.core.exceptions import SynchronousOnlyOperation
from django.utils import translation
from django.utils.functional import lazy

P = ParamSpec("P")
T = TypeVar("T")


async def call_async_safe(build: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the command that `build` makes, in a thread where the event loop may not.

    Pickling a queryset evaluates it, which Django refuses on an event loop.
    """
    try:
        return build(*args, **kwargs)
    except SynchronousOnlyOperation:
        return await sync_to_async(build)(*args, **kwargs)


def gettext(message: str) -> str:
    """Return `message` in the active language; as it is while there are no translations."""
    return translation.gettext(message) if apps.apps_ready else message


gettext_lazy = lazy(gettext, str)
