"""What every serializer has."""

from __future__ import annotations

import re
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

integer = re.compile(rb"-?[0-9]+").fullmatch
"""Match what is stored for an integer. `int()` would take b" 1_0 " too."""

_float = re.compile(rb"-?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|inf|nan)").fullmatch


def is_number(data: bytes) -> bool:
    """Return whether `data` is a number in decimal, of however many digits."""
    return integer(data) is not None or _float(data) is not None


def number(data: bytes) -> int | float | None:
    """Return the number that `data` is in decimal: our integers, or a float; None if it is none.

    HINCRBYFLOAT and django-valkey store floats so. No pickle is one, and no MessagePack of more
    than a byte. Raise ValueError for an integer of more digits than Python reads.
    """
    if integer(data):
        return int(data)
    return float(data) if _float(data) else None


class UnreadableValue(ValueError):
    """A cache's serializer, or none of them, can read what is stored; notes say why each cannot."""


class Serializer(Protocol):
    """What OPTIONS["serializer"] is: the interface of Django's RedisCache.

    One that also has ``recognises(data)``, which tells by how `data` begins and ends whether it
    could have written it, is not asked for what it could not, where several read.
    """

    def dumps(self, obj: Any) -> bytes | str | int:
        """Return what to store for `obj`; an integer is stored as decimal text."""

    def loads(self, data: bytes) -> Any:
        """Return the object that is stored as `data`."""


def imported(name: str, given: Any) -> Any:
    """Return the function or class that the option `name` is, or None where it is not given.

    Raise ImportError for a dotted path that leads nowhere, ImproperlyConfigured for what cannot be
    called.
    """
    found = import_string(given) if isinstance(given, str) else given
    if found is not None and not callable(found):
        raise ImproperlyConfigured(f"“{name}” is a function or a class, or the dotted path of one.")
    return found
