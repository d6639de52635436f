"""What a person asks of the key browser, read from the request's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from django_cachex.admin.parts import Notice
from django_cachex.admin.tokens import Place, sign, unsign
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.limits import PAGE_SIZES, limits
from django_cachex.inspectors.patterns import Pattern
from django_cachex.inspectors.query import Query


@dataclass
class Search:
    """A search of one cache's keys; what made no sense in the request has become notices."""

    inspector: Inspector
    user_id: Any
    text: str = ""
    type: str = ""
    size: int = 0
    place: Place = field(default_factory=Place)
    notices: list[Notice] = field(default_factory=list)

    @classmethod
    def read(cls, given: Mapping[str, str], inspector: Inspector, user_id: Any) -> Search:
        """Return the search in a request's parameters; those that make no sense fall back."""
        search = cls(inspector, user_id, given.get("q", ""))
        search._read_type(given.get("type", ""))
        search._read_size(given.get("size", ""))
        search._read_token(given.get("token", ""))
        return search

    def _read_type(self, given: str) -> None:
        if not given or given in self.inspector.types:
            self.type = given
            return
        text = _('There is no key type "%(given)s" here: all types are shown.')
        self._notice(text % {"given": given[:50]})

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

    def _notice(self, text: str) -> None:
        self.notices.append(Notice(text, "warning"))

    def _bound_to(self) -> tuple[str, Any, str, str, str]:
        return ("scan", self.user_id, self.inspector.alias, self.text, self.type)

    def sign(self, place: Place) -> str:
        """Return the token of another place in this search."""
        return sign(place, *self._bound_to())

    @property
    def query(self) -> Query:
        """What the inspector is asked for."""
        return Query(Pattern(self.text), type=self.type)

    @property
    def narrows(self) -> bool:
        """Whether keys may be left out of the result."""
        return self.query.narrows
