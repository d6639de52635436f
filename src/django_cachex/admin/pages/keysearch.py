"""The form of the key browser: what can be searched for here, and which columns are shown."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from django_cachex.admin import humane
from django_cachex.admin.filters import FILTERS, Filter
from django_cachex.admin.pages.columns import COLUMNS, available
from django_cachex.admin.parts import Option, Select
from django_cachex.admin.searching import Search
from django_cachex.conf import PAGE_SIZES
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.query import Scope


def plain_selects(search: Search) -> list[Select]:
    """Return what stands beside the search box."""
    types = [Option("", _("any"), not search.type)]
    types += [Option(name, name, name == search.type) for name in search.inspector.types]
    sizes = [Option(str(size), str(size), size == search.size) for size in PAGE_SIZES]
    type_select = [Select("type", _("Type"), types)] if search.inspector.can_type else []
    return [*type_select, Select("size", _("Page size"), sizes)]


def more_selects(search: Search) -> list[Select]:
    """Return the filters beneath it."""
    known = [
        _filter(name, one, search.given.get(name, ""))
        for name, one in FILTERS.items()
        if one.field in search.inspector.filters
    ]
    scopes = search.gate.scopes(search.inspector)
    return [*_scope(search, scopes), *known]


def _scope(search: Search, scopes: Sequence[Scope]) -> list[Select]:
    if len(scopes) < 2:
        return []
    version = search.inspector.cache.version
    texts = {
        Scope.VERSION: _("this version (%(version)s)") % {"version": version},
        Scope.VERSIONS: _("every version"),
        Scope.STORE: _("the whole database"),
    }
    options = [
        Option("" if scope is Scope.VERSION else scope, texts[scope], scope is search.scope)
        for scope in scopes
    ]
    return [Select("scope", _("Keys of"), options)]


def _filter(name: str, one: Filter, given: str) -> Select:
    values = one.values if not given or given in one.values else (*one.values, given)
    options = [Option(value, one.text(value), value == given) for value in values]
    return Select(name, one.label, [Option("", _("any"), not given), *options])


def column_options(inspector: Inspector, shown: Sequence[str]) -> list[Option]:
    """Return the columns to choose from; none where there is no choice."""
    names = available(inspector)
    if len(names) < 2:
        return []
    return [Option(name, COLUMNS[name].label, name in shown) for name in names]


def scope_warning(search: Search) -> str:
    """Return what to know of the keys of other scopes; nothing of one's own."""
    if search.scope is Scope.STORE:
        return _(
            "These are the keys of the whole database, whoever stored them: other caches' and "
            "other applications' are among them. Names are stored keys."
        )
    if search.scope is Scope.VERSIONS:
        return _("These are the keys of every version of this cache. Names are stored keys.")
    return ""


def left_out(search: Search, count: int) -> str:
    """Return how many keys were left out because nobody knows whether they pass the filters."""
    filters = ", ".join(f'"{FILTERS[name].label}"' for name in search.given)
    text = _("%(count)s keys were left out: the server does not say whether they pass %(filters)s.")
    return text % {"count": humane.number(count), "filters": filters}
