"""Making commands on event loops, where Django refuses what asks the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation

P = ParamSpec("P")
T = TypeVar("T")


async def built(build: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the command that `build` makes, in a thread where the event loop may not.

    Pickling a queryset evaluates it, which Django refuses on an event loop.
    """
    try:
        return build(*args, **kwargs)
    except SynchronousOnlyOperation:
        return await sync_to_async(build)(*args, **kwargs)
