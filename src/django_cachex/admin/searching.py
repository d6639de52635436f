"""What a person asks of the key browser, read from the request's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin.access import Gate
from django_cachex.admin.filters import FILTERS
from django_cachex.admin.parts import Notice
from django_cachex.admin.tokens import Place, sign, unsign
from django_cachex.conf import PAGE_SIZES, limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.patterns import Pattern
from django_cachex.inspectors.query import Query, Scope

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
        text = _('There is no key type "%(given)s" here: all types are shown.')
        self._notice(text % {"given": given[:50]})

    def _read_scope(self, given: str) -> None:
        if not given or given in self.gate.scopes(self.inspector):
            self.scope = Scope(given or Scope.VERSION)
            return
        text = _('There is no scope "%(given)s" here: the keys of this version are shown.')
        self._notice(text % {"given": given[:50]})

    def _read_filters(self, given: Mapping[str, str]) -> None:
        for name, one in FILTERS.items():
            value = given.get(name, "")
            if not value:
                continue
            if one.field in self.inspector.filters and one.read(value) is not None:
                self.given[name] = value
                continue
            text = _('"%(filter)s" cannot be "%(given)s" here: it is left out.')
            self._notice(text % {"filter": one.label, "given": value[:50]})

    def _read_size(self, given: str) -> None:
        self.size = limits().page_size
        if given in map(str, PAGE_SIZES):
            self.size = int(given)
        elif given:
            text = _('The page size can be %(sizes)s. You gave "%(given)s": %(default)s are shown.')
            sizes = ", ".join(map(str, PAGE_SIZES))
            self._notice(text % {"sizes": sizes, "given": given[:50], "default": self.size})

    def _read_token(self, given: str) -> None:
        if not given:
            return
        try:
            self.place = unsign(given, *self._bound_to())
        except ValueError:
            self._notice(
                _("That page has expired or is not of this search: this is the first page.")
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
