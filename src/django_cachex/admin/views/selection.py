"""The selected rows of the key browser, which a confirmation that is cancelled must not lose."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from django.http import HttpRequest, HttpResponse

from django_cachex.admin.components import Row, Table
from django_cachex.conf import PAGE_SIZES
from django_cachex.inspectors.values import fingerprint

COOKIE: Final = "cachex_selected"
MAX_AGE: Final = 3600
"""The age of the cookie in seconds: a confirmation is answered soon."""

HASH_BYTES: Final = 4
"""The length of the hash of a row, so that the rows of the largest page fit into one cookie."""


def hash_row(value: str) -> bytes:
    """Return a hash that tells the rows of one page apart."""
    return bytes.fromhex(fingerprint(value.encode()))[:HASH_BYTES]


def remember_selection(response: HttpResponse, request: HttpRequest, values: Sequence[str]) -> None:
    """Store which rows are selected in a cookie, for the next page of keys."""
    hashes = b"".join(map(hash_row, values[: max(PAGE_SIZES)]))
    response.set_cookie(
        COOKIE,
        urlsafe_b64encode(hashes).decode(),
        max_age=MAX_AGE,
        path=request.path,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def forget_selection(response: HttpResponse, request: HttpRequest) -> None:
    if COOKIE in request.COOKIES:
        response.delete_cookie(COOKIE, path=request.path, samesite="Lax")


def select_remembered(table: Table, request: HttpRequest) -> Table:
    """Return a table with those rows selected that the cookie remembers. Others are ignored."""
    try:
        data = urlsafe_b64decode(request.COOKIES.get(COOKIE, ""))
    except ValueError:
        return table
    starts = range(0, len(data), HASH_BYTES)
    hashes = {data[start : start + HASH_BYTES] for start in starts}
    return replace(table, rows=[_select(row, hashes) for row in table.rows]) if hashes else table


def _select(row: Row, hashes: set[bytes]) -> Row:
    is_selected = row.value is not None and hash_row(row.value) in hashes
    return replace(row, selected=True) if is_selected else row
