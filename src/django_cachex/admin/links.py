"""URLs of the admin's pages, and the tokens that they carry."""

from __future__ import annotations

import hashlib
import json
import secrets
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote as percent_quote
from urllib.parse import unquote as percent_unquote

from django.contrib.admin.utils import quote
from django.core import signing
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.http import urlencode

MAX_ID_LENGTH = 3000
"""Web servers refuse URLs of some 4 000 characters; longer ids travel in a form."""

ID_PLACEHOLDER = "THE.KEY.ID"
"""Stands for an id where a URL is taken apart."""

ID_IN_FORM = "-"
"""Stands in a URL for an id that the form carries."""


def object_id(alias: str, stored: bytes) -> str:
    """Return the id of a key, in ASCII: `quoted-alias:base64url(stored key)`."""
    return f"{percent_quote(alias, safe='')}:{urlsafe_b64encode(stored).decode().rstrip('=')}"


def parse_object_id(text: str) -> tuple[str, bytes]:
    """Return the alias and the stored key of an id; raise ValueError for anything else."""
    alias, colon, encoded = text.partition(":")
    if not colon or not text.isascii():
        raise ValueError(f"{text[:50]!r} is not the id of a key")
    try:
        stored = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except Base64Error as exc:
        raise ValueError(f"{text[:50]!r} is not the id of a key") from exc
    return percent_unquote(alias), stored


@dataclass(frozen=True)
class LinkTarget:
    """Where a control leads: by GET, or by POST with an id too long for a URL."""

    url: str
    post_id: str = ""

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class Links:
    """URLs of the pages within one admin site."""

    site_name: str = "admin"
    _url_parts: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)

    def _url(self, name: str, *args: str, **query: Any) -> str:
        url = reverse(f"admin:django_cachex_{name}", args=args, current_app=self.site_name)
        given = {key: value for key, value in query.items() if value not in (None, "")}
        return f"{url}?{urlencode(given)}" if given else url

    def _key_link(self, name: str, alias: str, stored: bytes, **query: Any) -> LinkTarget:
        key_id = object_id(alias, stored)
        if len(key_id) > MAX_ID_LENGTH:
            return LinkTarget(self._url(name, ID_IN_FORM, **query), key_id)
        if name not in self._url_parts:  # One `reverse` serves all rows of a page.
            before, after = self._url(name, ID_PLACEHOLDER).split(ID_PLACEHOLDER)
            self._url_parts[name] = before, after
        before, after = self._url_parts[name]
        return LinkTarget(
            f"{before}{quote(key_id)}{after}{f'?{urlencode(query)}' if query else ''}"
        )

    def home(self) -> str:
        return reverse("admin:index", current_app=self.site_name)

    def caches(self, **query: Any) -> str:
        return self._url("cache_changelist", **query)

    def info(self, alias: str, **query: Any) -> str:
        return self._url("cache_change", quote(alias), **query)

    def flush(self) -> str:
        return self._url("cache_flushing")

    def cache_history(self, alias: str) -> str:
        return self._url("cache_history", quote(alias))

    def keys(self, alias: str, **query: Any) -> str:
        return self._url("key_changelist", cache=alias, **query)

    def bulk(self, alias: str, **query: Any) -> str:
        return self._url("key_matching", cache=alias, **query)

    def namespaces(self, alias: str, **query: Any) -> str:
        return self._url("cache_namespaces", quote(alias), **query)

    def add(self, alias: str, **query: Any) -> str:
        return self._url("key_add", cache=alias, **query)

    def key(self, alias: str, stored: bytes, **query: Any) -> LinkTarget:
        return self._key_link("key_change", alias, stored, **query)

    def delete(self, alias: str, stored: bytes) -> LinkTarget:
        return self._key_link("key_delete", alias, stored)

    def download(self, alias: str, stored: bytes, form: str) -> LinkTarget:
        return self._key_link("key_download", alias, stored, **{"as": form})

    def history(self, alias: str, stored: bytes) -> LinkTarget:
        return self._key_link("key_history", alias, stored)


MAX_TOKEN_AGE: Final = 24 * 3600
"""Seconds."""

MAX_STATE_BYTES: Final = 512 * 1024
"""Bytes of a state before it is sealed; a form of Django's takes some megabytes."""

NONCE_BYTES: Final = 16


@dataclass(frozen=True)
class Cursor:
    """Where a listing goes on, and how many keys it has examined on the way."""

    token: str = ""
    examined: int = 0


def dump_state(state: Any, act: str, user_id: Any, alias: str, *search: str) -> str:
    """Return the text of a state that `unseal` accepts for the same act, user, cache and search.

    A state is what JSON can say; raise ValueError for one of more than `LARGEST` bytes.
    """
    data = json.dumps(state, separators=(",", ":")).encode()
    if len(data) > MAX_STATE_BYTES:
        raise ValueError(f"A state of {len(data)} bytes is too large for a page to carry.")
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = urlsafe_b64encode(nonce + _apply_keystream(zlib.compress(data), nonce)).decode()
    return _signer(act, user_id, alias, *search).sign(sealed)


def load_state(text: str, act: str, user_id: Any, alias: str, *search: str) -> Any:
    """Return the state in a token; raise ValueError for one tampered with, old, or another's."""
    try:
        signed = _signer(act, user_id, alias, *search).unsign(text, max_age=MAX_TOKEN_AGE)
        sealed = urlsafe_b64decode(signed)
        nonce, data = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        # A secret key that was rotated still signs, and no longer reads.
        return json.loads(zlib.decompress(_apply_keystream(data, nonce)))
    except (signing.BadSignature, Base64Error, zlib.error, ValueError) as exc:
        raise ValueError("This token is not valid here, or no longer.") from exc


def dump_cursor(place: Cursor, act: str, user_id: Any, alias: str, *search: str) -> str:
    """Return the text of a place that `unsign` accepts for the same act, user, cache and search."""
    return dump_state([place.token, place.examined], act, user_id, alias, *search)


def load_cursor(text: str, act: str, user_id: Any, alias: str, *search: str) -> Cursor:
    """Return the place in a token; raise ValueError for one tampered with, old, or another's."""
    token, examined = load_state(text, act, user_id, alias, *search)
    return Cursor(token, examined)


def _signer(act: str, *bound_to: Any) -> signing.TimestampSigner:
    # As JSON, in which no two lists of texts look alike.
    return signing.TimestampSigner(salt=json.dumps(["django_cachex", act, *map(str, bound_to)]))


def _apply_keystream(data: bytes, nonce: bytes) -> bytes:
    """Return data combined with a keystream that the nonce and the secret key give, or back."""
    key = salted_hmac("django_cachex.tokens", nonce, algorithm="sha256").digest()
    stream = hashlib.shake_256(key).digest(len(data))
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(data), "big")
