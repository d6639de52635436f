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
from functools import cached_property
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

MAX_URL_LENGTH = 3900
"""The limit for the URL of a key with the state of the list in it."""

LIST_FILTERS = "_changelist_filters"
"""The parameter that holds the state of the list of keys, as in Django's admin."""

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
    """Builds the URLs of the pages of one admin site.

    The links to a key of the cache `list_alias` also hold the state of the list of its keys, so
    that the pages of the key can lead back to it.
    """

    site_name: str = "admin"
    list_alias: str = ""
    list_filters: Sequence[str] = ()
    """The state of the list as query strings, the complete one first: the first that fits is used.
    """

    _url_parts: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)

    def _url(self, name: str, *args: str, **query: Any) -> str:
        url = reverse(f"admin:django_cachex_{name}", args=args, current_app=self.site_name)
        params = {key: value for key, value in query.items() if value not in (None, "")}
        return f"{url}?{urlencode(params)}" if params else url

    def _has_filters(self, alias: str) -> bool:
        return bool(self.list_filters) and alias == self.list_alias

    def _with_filters(self, url: str, alias: str) -> str:
        """Add the state of the list to the URL of a page of a cache."""
        if not self._has_filters(alias):
            return url
        separator = "&" if "?" in url else "?"
        with_filters = (f"{url}{separator}{query}" for query in self._filter_queries)
        return next((one for one in with_filters if len(one) <= MAX_URL_LENGTH), url)

    @cached_property
    def _filter_queries(self) -> list[str]:
        return [urlencode({LIST_FILTERS: filters}) for filters in self.list_filters]

    @property
    def list_fields(self) -> Sequence[tuple[str, str]]:
        """The hidden field with the state of the list, for forms that send a GET request."""
        return [(LIST_FILTERS, filters) for filters in self.list_filters[:1]]

    def _key_link(self, name: str, alias: str, stored: bytes, **query: Any) -> LinkTarget:
        key_id = object_id(alias, stored)
        if len(key_id) > MAX_ID_LENGTH:
            url = self._with_filters(self._url(name, ID_IN_FORM, **query), alias)
            return LinkTarget(url, key_id)
        if name not in self._url_parts:  # One call of `reverse` is enough for all rows of a page.
            before, after = self._url(name, ID_PLACEHOLDER).split(ID_PLACEHOLDER)
            self._url_parts[name] = before, after
        before, after = self._url_parts[name]
        url = f"{before}{quote(key_id)}{after}{f'?{urlencode(query)}' if query else ''}"
        return LinkTarget(self._with_filters(url, alias))

    def home(self) -> str:
        return reverse("admin:index", current_app=self.site_name)

    def caches(self, **query: Any) -> str:
        return self._url("cache_changelist", **query)

    def flush_question(self, aliases: Sequence[str]) -> str:
        """Return the URL of the page that asks whether to flush some caches."""
        return f"{self.caches()}?{urlencode({'action': 'flush', 'selected': aliases}, doseq=True)}"

    def info(self, alias: str, **query: Any) -> str:
        return self._url("cache_change", quote(alias), **query)

    def health(self, alias: str) -> str:
        return self._url("cache_health", quote(alias))

    def health_of_all(self) -> str:
        return self._url("caches_health")

    def flush(self, **query: Any) -> str:
        return self._url("cache_flushing", **query)

    def sessions(self, **query: Any) -> str:
        return self._url("cache_sessions", **query)

    def cache_history(self, alias: str) -> str:
        return self._url("cache_history", quote(alias))

    def keys(self, alias: str, **query: Any) -> str:
        return self._url("key_changelist", cache=alias, **query)

    def return_to_keys(self, alias: str) -> str:
        """Return the URL of the list of keys in the state in which the user left it."""
        url = self.keys(alias)
        return f"{url}&{self.list_filters[0]}" if self._has_filters(alias) else url

    def bulk(self, alias: str, **query: Any) -> str:
        return self._url("key_matching", cache=alias, **query)

    def fragments(self, alias: str, **query: Any) -> str:
        return self._url("cache_fragments", quote(alias), **query)

    def namespaces(self, alias: str, **query: Any) -> str:
        return self._url("cache_namespaces", quote(alias), **query)

    def purge(self, alias: str = "", **query: Any) -> str:
        """Return the URL of the page that purges from one cache, or from all."""
        if not alias:
            return self._url("cache_purge", **query)
        return self._url("key_purge", cache=alias, **query)

    def add(self, alias: str, **query: Any) -> str:
        return self._with_filters(self._url("key_add", cache=alias, **query), alias)

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
