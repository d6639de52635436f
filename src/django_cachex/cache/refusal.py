"""What stands in for the client of a cache whose settings are wrong."""

from __future__ import annotations

from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured


class Refusal:
    """Raises, whatever it is asked.

    Django's own system checks make every cache. If that raised, `manage.py check` would end before
    it could say what is wrong.
    """

    def __init__(self, error: ImproperlyConfigured) -> None:
        self._error = error

    def __getattr__(self, name: str) -> NoReturn:
        raise self._error.with_traceback(None)
