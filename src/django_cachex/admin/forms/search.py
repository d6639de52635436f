"""Searches for keys, as the query string describes them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote_plus

from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.components import Alert
from django_cachex.admin.kinds import Kind, get_kinds, name_in_scope
from django_cachex.admin.links import dump_positions, load_positions
from django_cachex.admin.listing import Cursor, Listing, dump_cursors, load_cursors
from django_cachex.admin.permissions import VIEW_VALUE, PermissionChecker
from django_cachex.conf import PAGE_SIZES, limits
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text
from django_cachex.inspectors.keys import encode_text
from django_cachex.inspectors.namespaces import TTL_BOUNDS
from django_cachex.inspectors.query import Pattern, Query, Scope
from django_cachex.inspectors.types import TTL_NONE, KeyInfo, ScanPage
from django_cachex.inspectors.value_search import value_contains

NEVER_EXPIRES: Final = "never"

POSITIVE_INTEGER: Final = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)

HOUR_SECONDS, DAY_SECONDS = 3600, 86400
TTL_VALUES: Final = tuple(str(bound // 1000) for bound in TTL_BOUNDS)
KB, MB = 1000, 1_000_000


def _format_within(value: str) -> str:
    if value == NEVER_EXPIRES:
        return _("never")
    return _("within %(duration)s") % {"duration": _format_seconds(value)}


def _format_seconds(value: str) -> str:
    return formatting.format_duration(int(value) * 1000)


def _format_bytes(value: str) -> str:
    return formatting.format_size(int(value))


@dataclass(frozen=True)
class Filter:
    """One filter of a `Query`."""

    field: str
    """The name of its field in `Query`."""

    label: Text
    values: Sequence[str]
    """The values that are offered; any other whole number is accepted as well."""

    format: Callable[[str], str]
    """Formats a value for display."""

    factor: int = 1
    """The number in a URL is multiplied by this for `Query`."""

    def parse(self, value: str) -> int | None:
        """Return the value for `Query`, or None if it is not valid."""
        if value == NEVER_EXPIRES and NEVER_EXPIRES in self.values:
            return TTL_NONE
        return int(value) * self.factor if POSITIVE_INTEGER.fullmatch(value) else None


FILTERS: Final[Mapping[str, Filter]] = {
    "expires": Filter(
        "expires_within",
        gettext_lazy("Expires"),
        (NEVER_EXPIRES, *TTL_VALUES),
        _format_within,
        factor=1000,
    ),
    "expires_after": Filter(
        "expires_after",
        gettext_lazy("Expires after"),
        TTL_VALUES,
        _format_seconds,
        factor=1000,
    ),
    "larger": Filter(
        "larger_than",
        gettext_lazy("Larger than"),
        tuple(map(str, (KB, 10 * KB, 100 * KB, MB, 10 * MB))),
        _format_bytes,
    ),
    "idle": Filter(
        "idle_for",
        gettext_lazy("Idle for at least"),
        tuple(map(str, (HOUR_SECONDS, DAY_SECONDS, 7 * DAY_SECONDS, 30 * DAY_SECONDS))),
        _format_seconds,
        factor=1000,
    ),
}
"""The filters by the names of their query parameters."""


VALUE_PARAM: Final = "value"
"""The parameter with the text that values contain."""

MAX_VALUE_TEXT_LENGTH: Final = 200

CONTAINS_PARAM: Final = "contains"
"""The parameter that repeats the text of a search for all keys that contain it, so that another
text in the form is another search: one that looks for the key with exactly this name first."""

SEARCH_PARAMS: Final = (
    *("q", CONTAINS_PARAM, VALUE_PARAM, "type", "kind", "scope"),
    *FILTERS,
    *("size", "sort", "token"),
)
"""The parameters of a search in a URL."""

MAX_FILTERS_LENGTH: Final = 2000
MAX_PAGE_TOKEN_LENGTH: Final = MAX_FILTERS_LENGTH // 2


def list_filters(params: Mapping[str, str]) -> list[str]:
    """Return the state of the list of keys as query strings, the complete one first.

    The second one has no page token, for URLs that would become too long. Other parameters are
    dropped, and a state that is too long altogether.
    """
    state = {name: params[name] for name in SEARCH_PARAMS if params.get(name)}
    first_page = {name: value for name, value in state.items() if name != "token"}
    choices = dict.fromkeys(urlencode(one) for one in (state, first_page) if one)
    return [one for one in choices if len(quote_plus(one)) <= MAX_FILTERS_LENGTH]


MAX_EARLIER_PAGES: Final = 20
"""How many pages one can go back."""

MAX_TOKEN_LENGTH: Final = 2000
"""Maximum length of a token with the starts of earlier pages. The oldest are left out."""

MAX_LIVE_KEYS = max(PAGE_SIZES) * 2


@dataclass
class Search:
    """A search for keys of one cache. Each invalid parameter is replaced and adds an alert."""

    inspector: Inspector
    checker: PermissionChecker
    text: str = ""
    is_wide: bool = False
    """Whether to find all keys that contain the text, even if one has exactly this name."""

    type: str = ""
    kind: Kind | None = None
    scope: Scope = Scope.VERSION
    filters: dict[str, str] = field(default_factory=dict)
    """The values of the filters that are set, by query parameter."""

    value_text: str = ""
    """The text that values contain; empty for any value."""

    size: int = 0
    sort: str = ""
    """The name of a column, with a leading `-` for descending order."""

    cursor: Cursor = field(default_factory=Cursor)
    earlier: Sequence[Cursor] = ()
    """Where the last pages before this one start. In a live search, the last one is this page."""

    is_continued: bool = False
    """Whether the search continues from a cursor."""

    live_count: int | None = None
    """The number of keys on the page that a live search adds to; None for a whole page."""

    alerts: list[Alert] = field(default_factory=list)

    @classmethod
    def from_params(
        cls, params: Mapping[str, str], inspector: Inspector, checker: PermissionChecker
    ) -> Search:
        """Return the search that query parameters describe."""
        text = params.get("q", "")
        is_wide = bool(text) and params.get(CONTAINS_PARAM) == text
        search = cls(inspector, checker, text, is_wide)
        search._parse_type(params.get("type", ""))
        search._parse_kind(params.get("kind", ""))
        search._parse_scope(params.get("scope", ""))
        search._parse_filters(params)
        search._parse_value_text(params.get(VALUE_PARAM, ""))
        search._parse_size(params.get("size", ""))
        search.sort = params.get("sort", "")
        search._parse_token(params.get("token", ""))
        search._parse_live_count(params.get("live", ""))
        return search

    def _parse_type(self, value: str) -> None:
        if not value or value in self.inspector.types:
            self.type = value
            return
        text = _('This cache has no key type "%(given)s". All types are shown.')
        self._add_alert(text % {"given": value[:50]})

    def _parse_kind(self, value: str) -> None:
        if not value:
            return
        self.kind = get_kinds().get(value) if self.inspector.has_key_names else None
        if self.kind is None:
            text = _('This cache has no kind of keys "%(given)s". All kinds are shown.')
            self._add_alert(text % {"given": value[:50]})

    def _parse_scope(self, value: str) -> None:
        if not value or value in self.checker.allowed_scopes(self.inspector):
            self.scope = Scope(value or Scope.VERSION)
            return
        text = _('This cache has no scope "%(given)s". The keys of this version are shown.')
        self._add_alert(text % {"given": value[:50]})

    def _parse_filters(self, params: Mapping[str, str]) -> None:
        for name, one in FILTERS.items():
            value = params.get(name, "")
            if not value:
                continue
            if one.field in self.inspector.filters and one.parse(value) is not None:
                self.filters[name] = value
                continue
            text = _('The filter "%(filter)s" can\'t be "%(given)s" here. It is ignored.')
            self._add_alert(text % {"filter": one.label, "given": value[:50]})

    def _parse_value_text(self, value: str) -> None:
        if not value or not self.can_search_values:
            return
        if len(value) <= MAX_VALUE_TEXT_LENGTH:
            self.value_text = value
            return
        text = _(
            'The text for "Value contains" can have at most %(most)s characters. You entered '
            "%(had)s. It is ignored."
        )
        self._add_alert(text % {"most": MAX_VALUE_TEXT_LENGTH, "had": len(value)})

    @property
    def can_search_values(self) -> bool:
        """Whether values can be searched, and this user may see any."""
        return "value_contains" in self.inspector.filters and self.checker.is_allowed(
            VIEW_VALUE, self.inspector
        )

    def _parse_size(self, value: str) -> None:
        self.size = limits().page_size
        if value in map(str, PAGE_SIZES):
            self.size = int(value)
        elif value:
            text = _(
                'The page size must be %(sizes)s. You entered "%(given)s", so the page size is '
                "%(default)s."
            )
            sizes = get_text_list(list(map(str, PAGE_SIZES)), _("or"))
            self._add_alert(text % {"sizes": sizes, "given": value[:50], "default": self.size})

    def _parse_token(self, value: str) -> None:
        if not value:
            return
        try:
            state, positions = load_positions(value, *self._token_binding())
        except ValueError:
            self._add_alert(
                _("That page has expired or belongs to another search. This is the first page.")
            )
        else:
            self.cursor, self.earlier = load_cursors(state, positions)
            self.is_continued = True

    def _parse_live_count(self, value: str) -> None:
        if value.isascii() and value.isdecimal() and int(value[:6]) <= MAX_LIVE_KEYS:
            self.live_count = int(value[:6])

    def _add_alert(self, text: str) -> None:
        self.alerts.append(Alert(text, "warning"))

    def _token_binding(self) -> tuple[Any, ...]:
        filters = [self.value_text, *(self.filters.get(name, "") for name in FILTERS)]
        user = self.checker.request.user.pk
        kind = self.kind.name if self.kind is not None else ""
        search = (self.text, self.type, kind, self.scope, *filters)
        return ("scan", user, self.inspector.alias, *search)

    def token_for(
        self,
        cursor: Cursor,
        earlier: Sequence[Cursor] = (),
        max_length: int = MAX_TOKEN_LENGTH,
    ) -> str:
        """Return the token of another page of this search; empty for the first page."""
        if cursor.is_start:
            return ""
        is_secret = partial(self.checker.is_protected_session, self.inspector)
        earlier = earlier[-MAX_EARLIER_PAGES:]
        while True:
            state, positions = dump_cursors(cursor, earlier, is_secret)
            token = dump_positions(state, positions, *self._token_binding())
            if len(token) <= max_length or not (earlier or cursor.waiting):
                return token
            cursor = cursor if earlier else replace(cursor, waiting=None)
            earlier = earlier[len(earlier) // 4 + 1 :]

    @property
    def page_starts(self) -> Sequence[Cursor]:
        """Where the last pages start. The last one is this page."""
        return self.earlier if self.live_count is not None else [*self.earlier, self.cursor]

    @property
    def is_first_page(self) -> bool:
        return not self.page_starts or self.page_starts[-1].is_start

    @property
    def previous_token(self) -> str | None:
        """The token of the previous page; None if this is the first page or it is too long ago."""
        before = self.page_starts[:-1]
        return self.token_for(before[-1], before[:-1]) if before else None

    @property
    def page_token(self) -> str:
        """The token of this page, also while a live search adds to it; empty for the first one."""
        starts = self.page_starts
        if not starts:
            return ""
        return self.token_for(starts[-1], starts[:-1], MAX_PAGE_TOKEN_LENGTH)

    @property
    def limit(self) -> int:
        """The number of keys that still fit on the page."""
        return max(1, self.size - (self.live_count or 0))

    @cached_property
    def query(self) -> Query:
        """The query for the inspector, when all parameters have been parsed."""
        filters: dict[str, Any] = {
            FILTERS[name].field: FILTERS[name].parse(value) for name, value in self.filters.items()
        }
        group = self.kind.group(self.scope) if self.kind is not None else None
        pattern = Pattern(self.text, group)
        query = Query(
            pattern,
            scope=self.scope,
            type=self.type,
            value_contains=self.value_text,
            **filters,
        )
        exclude = self.checker.exclusion_filter(self.inspector, query.has_filters)
        if query.value_contains:
            exclude = self.checker.unreadable_filter(self.inspector)
        return replace(query, exclude=exclude)

    @property
    def error(self) -> str:
        """A sentence that says why the pattern is not valid, or an empty text."""
        return self.query.pattern.error

    @property
    def looks_up_exact_key(self) -> bool:
        """Whether a key with exactly the name that was entered is shown instead of a search."""
        return self.query.pattern.may_be_exact_key and not (self.is_wide or self.is_continued)

    @property
    def has_filters(self) -> bool:
        """Whether the search leaves out any keys of its scope."""
        return self.query.has_filters


GLOB_CHARACTERS: Final = re.compile(r"[?\[\]]")
"""Wildcards elsewhere, which are ordinary characters here."""


def explain_no_match(query: Query) -> str:
    """Return why a query may have matched no key."""
    if query.value_contains:
        return _(
            "Only values of at most %(size)s are searched, as their pages show them. "
            "Upper and lower case are the same."
        ) % {"size": formatting.format_size(limits().search_bytes)}
    text = _("Check the spelling. Searches are case-sensitive, and * matches any text.")
    if GLOB_CHARACTERS.search(query.pattern.text):
        note = _("* stands for anything; ? and [ ] are ordinary characters.")
        return f"{note} {_('Check the spelling. Searches are case-sensitive.')}"
    return text


@dataclass(frozen=True)
class SearchResult:
    """A page of keys with their properties."""

    descriptions: Sequence[KeyInfo]
    listing: ScanPage | None
    """The scan, or None if only the key with exactly this name was looked up."""

    examined: int
    """The number of keys examined on this page and the pages before."""

    token: str
    """The signed token of where the search continues; empty at the end."""

    @property
    def auto_continue(self) -> bool:
        """Whether to continue at once; not if all nodes that are left do not answer."""
        if self.listing is None or not self.token:
            return False
        return bool(self.listing.examined) or not self.listing.failed_nodes


def run_search(search: Search, columns: Collection[str]) -> SearchResult:
    """Return one page of results. Errors of the store are not caught."""
    if search.looks_up_exact_key:
        exact = find_exact_key(search, columns)
        if exact is not None:
            return SearchResult([exact], None, 0, "")
    if search.error:
        return SearchResult([], None, 0, "")
    budget = limits().scan_budget if search.live_count is None else limits().live_budget
    listing = Listing(search.inspector, search.query, columns, time.monotonic() + budget)
    page = listing.read_page(search.cursor, search.limit)
    token = "" if page.next is None else search.token_for(page.next, search.page_starts)
    return SearchResult(page.infos, page.scan, page.examined, token)


def exact_key(search: Search) -> bytes:
    """Return the stored key with exactly the name that was entered."""
    if search.scope is Scope.STORE:
        return encode_text(search.text)
    return search.inspector.make_key(search.text)


def find_exact_key(search: Search, columns: Collection[str]) -> KeyInfo | None:
    """Return the key with exactly the name that was entered, if it exists and matches."""
    inspector, query, stored = search.inspector, search.query, exact_key(search)
    name = name_in_scope(inspector, stored, search.scope)
    if query.is_excluded(stored) or not query.pattern.is_in_group(name):
        return None
    wanted = {
        *columns,
        *query.required_columns(inspector.optional_columns),
        "ttl",
        *(["type"] if query.type else []),
    }
    [one] = inspector.describe([stored], wanted)
    if not one.exists or query.type not in ("", one.type) or not query.matches(one):
        return None
    text = query.value_contains
    return one if not text or value_contains(inspector, stored, text) else None
