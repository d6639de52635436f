"""The state of long work as pages carry it: sealed, and good for one user, cache and search only.

Nothing of it is kept on the server. It may hold the names of keys, and such a name may be a
session's: nobody but us reads it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Any, Final

from django.core import signing
from django.utils.crypto import salted_hmac

LIFETIME: Final = 24 * 3600
"""Seconds."""

LARGEST: Final = 512 * 1024
"""Bytes of a state before it is sealed; a form of Django's takes some megabytes."""

NONCE_BYTES: Final = 16


@dataclass(frozen=True)
class Place:
    """Where a listing goes on, and how many keys it has examined on the way."""

    token: str = ""
    examined: int = 0


def seal(state: Any, act: str, user_id: Any, alias: str, *search: str) -> str:
    """Return the text of a state that `unseal` accepts for the same act, user, cache and search.

    A state is what JSON can say; raise ValueError for one of more than `LARGEST` bytes.
    """
    data = json.dumps(state, separators=(",", ":")).encode()
    if len(data) > LARGEST:
        raise ValueError(f"A state of {len(data)} bytes is too large for a page to carry.")
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = urlsafe_b64encode(nonce + _hidden(zlib.compress(data), nonce)).decode()
    return _signer(act, user_id, alias, *search).sign(sealed)


def unseal(text: str, act: str, user_id: Any, alias: str, *search: str) -> Any:
    """Return the state in a token; raise ValueError for one tampered with, old, or another's."""
    try:
        signed = _signer(act, user_id, alias, *search).unsign(text, max_age=LIFETIME)
        sealed = urlsafe_b64decode(signed)
        nonce, data = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        # A secret key that was rotated still signs, and no longer reads.
        return json.loads(zlib.decompress(_hidden(data, nonce)))
    except (signing.BadSignature, Base64Error, zlib.error, ValueError) as exc:
        raise ValueError("This token is not valid here, or no longer.") from exc


def sign(place: Place, act: str, user_id: Any, alias: str, *search: str) -> str:
    """Return the text of a place that `unsign` accepts for the same act, user, cache and search."""
    return seal([place.token, place.examined], act, user_id, alias, *search)


def unsign(text: str, act: str, user_id: Any, alias: str, *search: str) -> Place:
    """Return the place in a token; raise ValueError for one tampered with, old, or another's."""
    token, examined = unseal(text, act, user_id, alias, *search)
    return Place(token, examined)


def _signer(act: str, *bound_to: Any) -> signing.TimestampSigner:
    # As JSON, in which no two lists of texts look alike.
    return signing.TimestampSigner(salt=json.dumps(["django_cachex", act, *map(str, bound_to)]))


def _hidden(data: bytes, nonce: bytes) -> bytes:
    """Return data combined with a keystream that the nonce and the secret key give, or back."""
    key = salted_hmac("django_cachex.tokens", nonce, algorithm="sha256").digest()
    stream = hashlib.shake_256(key).digest(len(data))
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(data), "big")
