"""URLs of the pages, made as the design documents them and not as the code does."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from urllib.parse import quote as percent_quote

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.http import urlencode


def object_id(alias: str, stored: bytes | str) -> str:
    """Return a key's id: `quoted-alias:base64url(stored key)`."""
    raw = stored.encode() if isinstance(stored, str) else stored
    return f"{percent_quote(alias, safe='')}:{urlsafe_b64encode(raw).decode().rstrip('=')}"


def _url(name: str, *args: str, query: dict[str, object] | None = None) -> str:
    url = reverse(f"admin:django_cachex_{name}", args=args)
    return f"{url}?{urlencode(query, doseq=True)}" if query else url


def caches(**query: object) -> str:
    return _url("cache_changelist", query=query)


def info(alias: str, **query: object) -> str:
    return _url("cache_change", quote(alias), query=query)


def cache_history(alias: str, **query: object) -> str:
    return _url("cache_history", quote(alias), query=query)


def health(alias: str, **query: object) -> str:
    return _url("cache_health", quote(alias), query=query)


def health_of_all(**query: object) -> str:
    return _url("caches_health", query=query)


def sessions(**query: object) -> str:
    return _url("cache_sessions", query=query)


def flushing() -> str:
    return _url("cache_flushing")


def keys(alias: str = "", **query: object) -> str:
    return _url("key_changelist", query={"cache": alias, **query} if alias else query)


def matching(alias: str, **query: object) -> str:
    return _url("key_matching", query={"cache": alias, **query})


def namespaces(alias: str, **query: object) -> str:
    return _url("cache_namespaces", quote(alias), query=query)


def fragments(alias: str, **query: object) -> str:
    return _url("cache_fragments", quote(alias), query=query)


def add(alias: str = "", **query: object) -> str:
    return _url("key_add", query={"cache": alias, **query} if alias else query)


def key(alias: str, stored: bytes | str, **query: object) -> str:
    return _url("key_change", quote(object_id(alias, stored)), query=query)


def delete(alias: str, stored: bytes | str, **query: object) -> str:
    return _url("key_delete", quote(object_id(alias, stored)), query=query)


def download(alias: str, stored: bytes | str, **query: object) -> str:
    return _url("key_download", quote(object_id(alias, stored)), query=query)


def history(alias: str, stored: bytes | str, **query: object) -> str:
    return _url("key_history", quote(object_id(alias, stored)), query=query)


def by_form(name: str) -> str:
    """Return the URL of a key's page for ids that travel in a form."""
    return _url(f"key_{name}", "-")


def purge(alias: str = "", **query: object) -> str:
    if not alias:
        return _url("cache_purge", query=query)
    return _url("key_purge", query={"cache": alias, **query})
