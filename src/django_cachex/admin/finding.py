"""Looking for the keys of a page: the one of exactly the name typed at once, then a search."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django_cachex.admin.searching import NAMED, Search
from django_cachex.admin.tokens import Place
from django_cachex.conf import limits
from django_cachex.inspectors.keys import encode_text
from django_cachex.inspectors.query import Scope
from django_cachex.inspectors.types import Description, Listing


@dataclass(frozen=True)
class Found:
    """A page of keys with what is known of them."""

    descriptions: Sequence[Description]
    listing: Listing | None
    """None where only the key of exactly the name was looked for."""

    examined: int
    """How many keys were examined, on this page and those before."""

    token: str
    """Where the search goes on, signed; empty at its end."""

    @property
    def goes_on_by_itself(self) -> bool:
        """Whether it is worth asking again at once: not if all that is left does not answer."""
        if self.listing is None or not self.token:
            return False
        return bool(self.listing.examined) or not self.listing.unanswered


def find(search: Search, columns: Collection[str]) -> Found:
    """Return what a request finds. Raises what the store raises."""
    if search.query.pattern.is_exact_candidate and not search.is_continued:
        exact = named(search, columns)
        if exact is not None:
            further = "" if search.problem else search.sign(Place(NAMED))
            return Found([exact], None, 0, further)
    if search.problem:
        return Found([], None, 0, "")
    budget = limits().scan_budget if search.shown is None else limits().live_budget
    inspector, query = search.inspector, search.query
    listing = inspector.scan(query, search.token, search.want, time.monotonic() + budget)
    shown_before = stored_as_typed(search) if search.has_named else None
    keys = [key for key in listing.keys if key != shown_before]
    described = inspector.describe(keys, columns) if keys else []
    examined = examined_so_far(search.place, listing)
    token = "" if listing.complete else search.sign(next_place(search, listing, examined))
    return Found([one for one in described if one.exists], listing, examined, token)


def stored_as_typed(search: Search) -> bytes:
    """Return the stored key whose whole name was typed."""
    if search.scope is Scope.STORE:
        return encode_text(search.text)
    return search.inspector.locate(search.text)


def named(search: Search, columns: Collection[str]) -> Description | None:
    """Return the key whose whole name was typed, if there is one that passes the filters."""
    inspector, query, stored = search.inspector, search.query, stored_as_typed(search)
    if query.excludes(stored):
        return None
    asked = {*columns, *query.columns(inspector.figures), "ttl", *(["type"] if query.type else [])}
    [one] = inspector.describe([stored], asked)
    if not one.exists or query.type not in ("", one.type):
        return None
    return one if query.passes(one) else None


def next_place(search: Search, listing: Listing, examined: int) -> Place:
    mark = NAMED if search.has_named else ""
    return Place(mark + listing.token, examined)


def examined_so_far(place: Place, listing: Listing) -> int:
    """Return how many keys were examined, on this page and those before.

    What a server examined is an estimate, which the size of its database bounds.
    """
    examined = place.examined + listing.examined
    if listing.total is None:
        return examined
    if listing.complete:
        return listing.total
    return min(examined, listing.total)
