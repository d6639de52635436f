"""URLs of the pages to measure."""

from __future__ import annotations

import math
from typing import Any

from django_cachex.admin.links import Links
from django_cachex.admin.listing import Cursor
from django_cachex.inspectors import inspector_for
from django_cachex.inspectors.query import Query

LINKS = Links()


def middle_position(alias: str, count: int) -> Cursor:
    """Return the position in the middle of a list of `count` keys."""
    listing = inspector_for(alias).scan(Query(), "", count // 2, math.inf)
    return Cursor(listing.token, listing.examined)


def keys_url(alias: str, position: Cursor, user: Any) -> str:
    """Return the URL of the key browser's page at a position."""
    # These imports need the settings.
    from django.contrib.admin import site
    from django.test import RequestFactory

    from django_cachex.admin.forms.search import Search
    from django_cachex.admin.permissions import PermissionChecker

    request = RequestFactory().get("/")
    request.user = user
    search = Search.from_params({}, inspector_for(alias), PermissionChecker(site, request))
    return LINKS.keys(alias, token=search.token_for(position))


def key_url(alias: str, name: str, **window: str) -> str:
    """Return the URL of a key's page, or of a part of its elements."""
    return str(LINKS.key(alias, inspector_for(alias).make_key(name), **window))
