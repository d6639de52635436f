"""Helpers that work without Django's settings."""

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
    """Return the result of `build`, which is called in a thread if it can't run on an event loop.

    For example, pickling a queryset evaluates it, which Django doesn't allow on an event loop.
    """
    try:
        return build(*args, **kwargs)
    except SynchronousOnlyOperation:
        return await sync_to_async(build)(*args, **kwargs)


def gettext(message: str) -> str:
    """Translate `message`, or return it unchanged before the app registry is ready."""
    return translation.gettext(message) if apps.apps_ready else message


gettext_lazy = lazy(gettext, str)
