"""The form of a search for keys."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.components import Notice
from django_cachex.admin.links import Place, sign, unsign
from django_cachex.admin.permissions import Gate
from django_cachex.conf import PAGE_SIZES, limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import encode_text
from django_cachex.inspectors.query import Pattern, Query, Scope
from django_cachex.inspectors.types import TTL_NONE, Description, Listing

NEVER_EXPIRES: Final = "never"

NUMBER: Final = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)

MINUTE, HOUR, DAY = 60, 3600, 86400
KB, MB = 1000, 1_000_000


def _within(value: str) -> str:
    if value == NEVER_EXPIRES:
        return _("never")
    return _("within %(duration)s") % {"duration": _duration(value)}


def _duration(value: str) -> str:
    return formatting.duration(int(value) * 1000)


def _size(value: str) -> str:
    return formatting.size(int(value))


@dataclass(frozen=True)
class Filter:
    """One filter of a `Query`."""

    field: str
    """Its name in a `Query`."""

    label: Text
    values: Sequence[str]
    """Those that are offered; any other whole number is understood as well."""

    text: Callable[[str], str]
    """Return a value for people."""

    factor: int = 1
    """What the number in a URL is multiplied by for a `Query`."""

    def read(self, given: str) -> int | None:
        """Return the value for a `Query`, or None for what makes no sense."""
        if given == NEVER_EXPIRES and NEVER_EXPIRES in self.values:
            return TTL_NONE
        return int(given) * self.factor if NUMBER.fullmatch(given) else None


FILTERS: Final[Mapping[str, Filter]] = {
    "expires": Filter(
        "expires_within",
        gettext_lazy("Expires"),
        (NEVER_EXPIRES, *map(str, (MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY))),
        _within,
        factor=1000,
    ),
    "larger": Filter(
        "larger_than",
        gettext_lazy("Larger than"),
        tuple(map(str, (KB, 10 * KB, 100 * KB, MB, 10 * MB))),
        _size,
    ),
    "idle": Filter(
        "idle_for",
        gettext_lazy("Not used for"),
        tuple(map(str, (HOUR, DAY, 7 * DAY, 30 * DAY))),
        _duration,
        factor=1000,
    ),
}
"""By the names of their parameters."""


NAMED = "="
"""What a place's token begins with where the key of exactly the name was shown before."""

MOST_SHOWN = max(PAGE_SIZES) * 2


@dataclass
class Search:
    """A search of one cache's keys; what made no sense in the request has become notices."""

    inspector: Inspector
    gate: Gate
    text: str = ""
    type: str = ""
    scope: Scope = Scope.VERSION
    given: dict[str, str] = field(default_factory=dict)
    """The filters that are set, by their parameters, as the URL has them."""

    size: int = 0
    sort: str = ""
    """The name of a column, after a `-` for the largest first."""

    place: Place = field(default_factory=Place)
    is_continued: bool = False
    """Whether it goes on from a place."""

    shown: int | None = None
    """How many keys the page has that a script adds to; None for a page of its own."""

    notices: list[Notice] = field(default_factory=list)

    @classmethod
    def read(cls, given: Mapping[str, str], inspector: Inspector, gate: Gate) -> Search:
        """Return the search in a request's parameters; those that make no sense fall back."""
        search = cls(inspector, gate, given.get("q", ""))
        search._read_type(given.get("type", ""))
        search._read_scope(given.get("scope", ""))
        search._read_filters(given)
        search._read_size(given.get("size", ""))
        search.sort = given.get("sort", "")
        search._read_token(given.get("token", ""))
        search._read_shown(given.get("live", ""))
        return search

    def _read_type(self, given: str) -> None:
        if not given or given in self.inspector.types:
            self.type = given
            return
        text = _('This cache has no key type "%(given)s". All types are shown.')
        self._notice(text % {"given": given[:50]})

    def _read_scope(self, given: str) -> None:
        if not given or given in self.gate.scopes(self.inspector):
            self.scope = Scope(given or Scope.VERSION)
            return
        text = _('This cache has no scope "%(given)s". The keys of this version are shown.')
        self._notice(text % {"given": given[:50]})

    def _read_filters(self, given: Mapping[str, str]) -> None:
        for name, one in FILTERS.items():
            value = given.get(name, "")
            if not value:
                continue
            if one.field in self.inspector.filters and one.read(value) is not None:
                self.given[name] = value
                continue
            text = _('The filter "%(filter)s" can\'t be "%(given)s" here. It is ignored.')
            self._notice(text % {"filter": one.label, "given": value[:50]})

    def _read_size(self, given: str) -> None:
        self.size = limits().page_size
        if given in map(str, PAGE_SIZES):
            self.size = int(given)
        elif given:
            text = _(
                'The page size can be %(sizes)s. You entered "%(given)s", so the page size is '
                "%(default)s."
            )
            sizes = ", ".join(map(str, PAGE_SIZES))
            self._notice(text % {"sizes": sizes, "given": given[:50], "default": self.size})

    def _read_token(self, given: str) -> None:
        if not given:
            return
        try:
            self.place = unsign(given, *self._bound_to())
        except ValueError:
            self._notice(
                _("That page has expired or belongs to another search. This is the first page.")
            )
        else:
            self.is_continued = True

    def _read_shown(self, given: str) -> None:
        if given.isascii() and given.isdecimal() and int(given[:6]) <= MOST_SHOWN:
            self.shown = int(given[:6])

    def _notice(self, text: str) -> None:
        self.notices.append(Notice(text, "warning"))

    def _bound_to(self) -> tuple[Any, ...]:
        filters = [self.given.get(name, "") for name in FILTERS]
        user = self.gate.request.user.pk
        return ("scan", user, self.inspector.alias, self.text, self.type, self.scope, *filters)

    def sign(self, place: Place) -> str:
        """Return the token of another place in this search."""
        return sign(place, *self._bound_to())

    @property
    def want(self) -> int:
        """How many keys the page still has room for."""
        return max(1, self.size - (self.shown or 0))

    @property
    def token(self) -> str:
        """Where the inspector goes on."""
        return self.place.token.removeprefix(NAMED)

    @property
    def has_named(self) -> bool:
        """Whether the key of exactly the name was shown on a page before."""
        return self.place.token.startswith(NAMED)

    @property
    def query(self) -> Query:
        """What the inspector is asked for."""
        filters: dict[str, Any] = {
            FILTERS[name].field: FILTERS[name].read(value) for name, value in self.given.items()
        }
        query = Query(Pattern(self.text), scope=self.scope, type=self.type, **filters)
        return replace(query, exclude=self.gate.exclude(self.inspector, query.narrows))

    @property
    def problem(self) -> str:
        """A sentence saying why nothing can be searched for, or nothing."""
        return self.query.pattern.problem

    @property
    def narrows(self) -> bool:
        """Whether keys within the scope may be left out of the result."""
        return self.query.narrows


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
