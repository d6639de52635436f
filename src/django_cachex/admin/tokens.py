"""Page tokens as pages carry them: signed, and good for one user, cache and search only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core import signing

LIFETIME = 24 * 3600
"""Seconds."""


@dataclass(frozen=True)
class Place:
    """Where a listing goes on, and how many keys it has examined on the way."""

    token: str = ""
    examined: int = 0


def _salt(act: str, user_id: Any, alias: str, *search: str) -> str:
    return "\0".join(("django_cachex", act, str(user_id), alias, *search))


def sign(place: Place, act: str, user_id: Any, alias: str, *search: str) -> str:
    """Return the text of a place that `unsign` accepts for the same act, user, cache and search."""
    return signing.dumps(
        [place.token, place.examined], salt=_salt(act, user_id, alias, *search), compress=True
    )


def unsign(text: str, act: str, user_id: Any, alias: str, *search: str) -> Place:
    """Return the place in a token; raise ValueError for one tampered with, old, or another's."""
    try:
        token, examined = signing.loads(
            text, salt=_salt(act, user_id, alias, *search), max_age=LIFETIME
        )
    except signing.BadSignature as exc:
        raise ValueError("This page token is not valid here, or no longer.") from exc
    return Place(token, examined)
