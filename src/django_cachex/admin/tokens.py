"""Page tokens as pages carry them: sealed, and good for one user, cache and search only.

A place may hold the name of a key, and that name may be a session's: nobody but us reads it.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from itertools import count
from typing import Any

from django.core import signing
from django.utils.crypto import salted_hmac

LIFETIME = 24 * 3600
"""Seconds."""

NONCE_BYTES = 16


@dataclass(frozen=True)
class Place:
    """Where a listing goes on, and how many keys it has examined on the way."""

    token: str = ""
    examined: int = 0


def _salt(act: str, user_id: Any, alias: str, *search: str) -> str:
    return "\0".join(("django_cachex", act, str(user_id), alias, *search))


def _hidden(data: bytes, nonce: bytes) -> bytes:
    """Return data combined with a keystream (HMAC-SHA256 in counter mode); twice gives it back."""
    stream = bytearray()
    for number in count():
        if len(stream) >= len(data):
            break
        block = nonce + number.to_bytes(8, "big")
        stream += salted_hmac("django_cachex.tokens", block, algorithm="sha256").digest()
    return bytes(one ^ other for one, other in zip(data, stream, strict=False))


def sign(place: Place, act: str, user_id: Any, alias: str, *search: str) -> str:
    """Return the text of a place that `unsign` accepts for the same act, user, cache and search."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    data = json.dumps([place.token, place.examined]).encode()
    sealed = urlsafe_b64encode(nonce + _hidden(data, nonce)).decode()
    return signing.TimestampSigner(salt=_salt(act, user_id, alias, *search)).sign(sealed)


def unsign(text: str, act: str, user_id: Any, alias: str, *search: str) -> Place:
    """Return the place in a token; raise ValueError for one tampered with, old, or another's."""
    signer = signing.TimestampSigner(salt=_salt(act, user_id, alias, *search))
    try:
        sealed = urlsafe_b64decode(signer.unsign(text, max_age=LIFETIME))
    except (signing.BadSignature, Base64Error) as exc:
        raise ValueError("This page token is not valid here, or no longer.") from exc
    nonce, data = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    token, examined = json.loads(_hidden(data, nonce))
    return Place(token, examined)
