"""The URLs of the admin's pages, and signed tokens with the state of a page."""

from __future__ import annotations

import hashlib
import json
import secrets
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote as percent_quote
from urllib.parse import unquote as percent_unquote

from django.contrib.admin.utils import quote
from django.core import signing
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.http import urlencode

from django_cachex.inspectors.jobs import json_size

MAX_ID_LENGTH = 3000
"""Longer ids are sent in a form, because web servers refuse URLs of some 4,000 characters."""

ID_PLACEHOLDER = "THE.KEY.ID"
"""Marks the id in a URL that serves as a template for others."""

ID_IN_FORM = "-"
"""Replaces an id in a URL if the id is sent in a form."""


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
    """The target of a control: a URL to GET, or to POST with an id too long for a URL."""

    url: str
    post_id: str = ""

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class Links:
    """Builds the URLs of the pages of one admin site."""

    site_name: str = "admin"
    _url_parts: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)

    def _url(self, name: str, *args: str, **query: Any) -> str:
        url = reverse(f"admin:django_cachex_{name}", args=args, current_app=self.site_name)
        params = {key: value for key, value in query.items() if value not in (None, "")}
        return f"{url}?{urlencode(params)}" if params else url

    def _key_link(self, name: str, alias: str, stored: bytes, **query: Any) -> LinkTarget:
        key_id = object_id(alias, stored)
        if len(key_id) > MAX_ID_LENGTH:
            return LinkTarget(self._url(name, ID_IN_FORM, **query), key_id)
        if name not in self._url_parts:  # One call of `reverse` is enough for all rows of a page.
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
"""The age in seconds at which tokens expire."""

MAX_STATE_BYTES: Final = 512 * 1024
"""The size limit of a state before it is compressed. Django accepts forms of 2.5 MB by default."""

NONCE_BYTES: Final = 16


def dump_state(state: Any, position: str, *bound_to: Any) -> str:
    """Return a signed token that holds a state and a position; see `dump_positions`."""
    return dump_positions(state, [position], *bound_to)


def load_state(token: str, *bound_to: Any) -> tuple[Any, str]:
    """Return the state and the position in a token from `dump_state`.

    Raises:
        ValueError: the token was changed, has expired, or is bound to other values.
    """
    state, [position] = load_positions(token, *bound_to)
    return state, position


def dump_positions(state: Any, positions: Sequence[str], *bound_to: Any) -> str:
    """Return a signed token that holds a state and some positions.

    Args:
        state: anything that JSON can represent. The user can read it.
        positions: where an inspector continues searches; encrypted, because they may be names.
        bound_to: the token's purpose, user, alias and so on. `load_positions` accepts the token
            only with the same values.

    Raises:
        ValueError: the state has more than `MAX_STATE_BYTES` bytes.
    """
    size = json_size(state)
    if size > MAX_STATE_BYTES:
        raise ValueError(f"The state has {size} bytes; the limit is {MAX_STATE_BYTES}.")
    sealed = _seal(positions)
    return f"{sealed}~{signing.dumps(state, salt=_salt(sealed, *bound_to), compress=True)}"


def load_positions(token: str, *bound_to: Any) -> tuple[Any, list[str]]:
    """Return the state and the positions in a token from `dump_positions`.

    Raises:
        ValueError: the token was changed, has expired, or is bound to other values.
    """
    sealed, _tilde, signed = token.partition("~")
    try:
        state = signing.loads(signed, salt=_salt(sealed, *bound_to), max_age=MAX_TOKEN_AGE)
        return state, _unseal(sealed)
    except (signing.BadSignature, zlib.error) as exc:
        # After SECRET_KEY was rotated, the signature is still valid but decryption fails.
        raise ValueError("The token is not valid here or has expired.") from exc


def _salt(sealed: str, *bound_to: Any) -> str:
    # JSON, because no two lists of strings have the same JSON text.
    return json.dumps(["django_cachex", sealed, *map(str, bound_to)])


def _seal(positions: Sequence[str]) -> str:
    """Encrypt positions.

    A store that is sorted by name can only continue after a name, or at least after its first
    characters, and those of a session's key are secret. Each position is compressed on its own: if
    they were compressed together, the token's length would tell how much two names have in common.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    data = b"".join(
        zlib.compress(position.encode("utf-8", "surrogatepass")) for position in positions
    )
    return urlsafe_b64encode(nonce + _apply_keystream(data, nonce)).decode()


def _unseal(sealed: str) -> list[str]:
    data = urlsafe_b64decode(sealed)
    compressed = _apply_keystream(data[NONCE_BYTES:], data[:NONCE_BYTES])
    positions = []
    while compressed:
        stream = zlib.decompressobj()
        position = stream.decompress(compressed)
        if not stream.eof:
            raise zlib.error("incomplete")
        positions.append(position.decode("utf-8", "surrogatepass"))
        compressed = stream.unused_data
    return positions


def _apply_keystream(data: bytes, nonce: bytes) -> bytes:
    """Encrypt or decrypt data with a keystream derived from `SECRET_KEY` and the nonce."""
    key = salted_hmac("django_cachex.tokens", nonce, algorithm="sha256").digest()
    stream = hashlib.shake_256(key).digest(len(data))
    return bytes(one ^ other for one, other in zip(data, stream, strict=True))
