"""Find the cached pages of URLs in a cache, whatever its backend."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from django.apps import apps
from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.core.exceptions import DisallowedHost
from django.middleware.cache import CacheMiddleware
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils import timezone, translation
from django.utils.encoding import iri_to_uri
from django.utils.translation import gettext as _

from django_cachex.admin.page_keys import (
    PageAddress,
    PageKey,
    PageKeyPattern,
    PageRequest,
    make_page_keys,
)
from django_cachex.commands.text import one_line
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.jobs import (
    FindKeys,
    Job,
    ScanProgress,
    advance,
    decode_key,
    encode_key,
)
from django_cachex.inspectors.keys import try_decode_text
from django_cachex.inspectors.query import Query, Scope
from django_cachex.inspectors.types import KeyInfo

MAX_PAGES: Final = 1000
"""The most pages in one search."""

MAX_ADDRESSES: Final = 10_000
"""The most addresses in one search: one for each page, host and scheme."""

MAX_HOSTS: Final = 10
MAX_ADDRESS_LENGTH: Final = 2000

SCHEMES: Final = ("http", "https")
DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
METHODS: Final = ("GET", "HEAD")

LOCALE_MIDDLEWARE: Final = "django.middleware.locale.LocaleMiddleware"
SITE_MIDDLEWARE: Final = "django.middleware.cache.FetchFromCacheMiddleware"


# What a person enters.


class InvalidAddress(ValueError):
    """A text is no address of a page. `str()` returns a sentence for the form."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class PageTarget:
    """A path to purge, and the host that was given with it, if any."""

    path: str
    """The path and query string, percent-encoded."""

    host: str = ""

    @property
    def is_prefix(self) -> bool:
        """Whether it ends with `*`, and stands for all paths that begin like it."""
        return self.path.endswith("*")


def parse_target(text: str) -> list[PageTarget]:
    """Return the targets of a path, an address, or the name of a view with its arguments.

    Raises:
        InvalidAddress: it is none of them.
    """
    text = text.strip()
    first_word = text.split(maxsplit=1)[0] if text else ""
    if not text or len(text) > MAX_ADDRESS_LENGTH:
        raise InvalidAddress(
            _("Enter an address of at most %(most)s characters.") % {"most": MAX_ADDRESS_LENGTH}
        )
    if "/" not in first_word:
        return _reverse_view(text)
    if text.startswith("/") and not text.startswith("//"):
        return [PageTarget(_encode_path(text))]
    return [_parse_url(text)]


def _parse_url(text: str) -> PageTarget:
    """Return the target of an address, with or without its scheme."""
    refusal = InvalidAddress(_('"%(given)s" isn\'t an address.') % {"given": text[:100]})
    try:
        parts = urlsplit(text if "://" in text else f"http://{text.removeprefix('//')}")
    except ValueError as exc:
        raise refusal from exc
    if parts.scheme not in SCHEMES or not parts.hostname or "@" in parts.netloc:
        raise refusal
    host = normalize_host(parts.netloc.removesuffix(DEFAULT_PORTS[parts.scheme]))
    query = f"?{parts.query}" if parts.query else ""
    return PageTarget(_encode_path(f"{parts.path or '/'}{query}"), host)


def _encode_path(text: str) -> str:
    try:
        return iri_to_uri(text.partition("#")[0])
    except UnicodeEncodeError as exc:
        raise InvalidAddress(
            _("The address contains characters that aren't allowed in addresses.")
        ) from exc


def normalize_host(text: str) -> str:
    """Return a host as browsers send it.

    Raises:
        InvalidAddress: the site doesn't answer under this host.
    """
    text = text.strip().lower()
    try:
        host = text.encode("ascii" if text.isascii() else "idna").decode()
        PageRequest(PageAddress(SCHEMES[0], host, "/")).get_host()
    except (UnicodeError, DisallowedHost) as exc:
        refusal = _(
            'The host "%(host)s" isn\'t in ALLOWED_HOSTS, so this site caches no pages for it.'
        )
        raise InvalidAddress(refusal % {"host": text[:100]}) from exc
    return host


def _reverse_view(text: str) -> list[PageTarget]:
    """Return the paths of a view, in each language if `i18n_patterns` makes them differ.

    The first use of a language takes time, because its translations are loaded.

    Args:
        text: the name of the view, and its arguments: `5` or `slug=lamp`.
    """
    try:
        name, *words = shlex.split(text)
        named = dict(word.split("=", 1) for word in words if "=" in word)
        kwargs: dict[str, Any] = {"kwargs": named} if named else {"args": words}
        if named and len(named) != len(words):
            raise ValueError(words)
        paths = []
        has_languages, _has_prefix = is_language_prefix_patterns_used(settings.ROOT_URLCONF)
        for language in get_languages() if has_languages else [translation.get_language()]:
            with translation.override(language):
                paths.append(reverse(name, **kwargs))
    except (NoReverseMatch, ValueError, TypeError, AttributeError) as exc:  # Also of converters.
        raise InvalidAddress(
            _(
                'There is no view "%(given)s" with these arguments. Start a path with a '
                "slash. Write the arguments of a view after its name: lamp 5, or lamp "
                "number=5."
            )
            % {"given": text[:100]}
        ) from exc
    return [PageTarget(path) for path in dict.fromkeys(paths)]


def get_known_hosts(request_host: str = "") -> list[str]:
    """Return the hosts under which the site may be known: of the request, settings, and sites."""
    hosts = [request_host, *(host.removeprefix(".") for host in settings.ALLOWED_HOSTS)]
    if apps.is_installed("django.contrib.sites"):
        site_model: Any = apps.get_app_config("sites").get_model("Site")
        hosts += site_model._default_manager.values_list("domain", flat=True)[:MAX_HOSTS]
    known = []
    for host in hosts:
        try:
            known.append(normalize_host(host) if host and "*" not in host else "")
        except InvalidAddress:  # A site that another process serves.
            continue
    return [host for host in dict.fromkeys(known) if host][:MAX_HOSTS]


# Where a view is cached.


@dataclass(frozen=True)
class PageCaching:
    """How the page of a path is cached, as far as the code of the site tells."""

    alias: str = ""
    """Empty if no middleware caches it."""

    prefix: str = ""
    has_view: bool = True

    @classmethod
    def of_path(cls, path: str) -> PageCaching:
        try:
            view: Any = resolve(unquote(path.partition("?")[0])).func
        except Resolver404:
            return cls(has_view=False)
        found = find_cache_middleware(view)
        if found is not None:
            return cls(found.cache_alias, found.key_prefix)
        if SITE_MIDDLEWARE in settings.MIDDLEWARE:
            return cls(settings.CACHE_MIDDLEWARE_ALIAS, settings.CACHE_MIDDLEWARE_KEY_PREFIX)
        return cls()


def find_cache_middleware(view: Any) -> CacheMiddleware | None:
    """Return the middleware of a view with `cache_page`, which its wrapper's closures hold."""
    while view is not None:
        values = list(_closure_values(view))
        values += [inner for value in values for inner in _closure_values(value)]
        for value in values:
            if isinstance(value, CacheMiddleware):
                return value
        view = getattr(view, "__wrapped__", None)
    return None


def _closure_values(function: Any) -> Iterator[Any]:
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # The variable isn't set.
            yield cell.cell_contents


# What is searched for.


@dataclass(frozen=True)
class PageSearch:
    """The addresses whose cached pages are searched for."""

    addresses: Mapping[str, PageAddress]
    """The addresses by the hash in their keys."""

    prefixes: Sequence[str] = ()
    """The key prefixes, for caches that can't search the names of their keys."""

    @classmethod
    def of(
        cls, targets: Iterable[PageTarget], hosts: Sequence[str], prefixes: Sequence[str] = ()
    ) -> PageSearch:
        """Return a search for some targets on all hosts, with both schemes."""
        addresses = {}
        for target in targets:
            known = dict.fromkeys([*([target.host] if target.host else []), *hosts])
            for host, scheme in product(known, SCHEMES):
                address = PageAddress(scheme, host, target.path)
                addresses[address.url_hash] = address
        return cls(addresses, prefixes)

    @cached_property
    def query(self) -> Query:
        return Query(PageKeyPattern.of(self.addresses))


def can_search_names(inspector: Inspector) -> bool:
    """Return whether all variants of a page can be found; otherwise keys are computed."""
    return inspector.can_list and inspector.has_key_names


MAX_FOUND: Final = 500
"""The most variants of one cache on a page."""

MAX_FOUND_BYTES: Final = 250_000
"""The most bytes of keys on a page, so that they fit into the state of the search."""


@dataclass(frozen=True)
class FoundPages:
    """A task for a search job: it keeps the keys that were found, up to `MAX_FOUND`."""

    keys: tuple[bytes, ...] = ()
    more: int = 0
    """The number of keys that were found in addition."""

    max_bytes: int = MAX_FOUND_BYTES
    """The most bytes of keys to keep."""

    max_keys: int = MAX_FOUND
    removed = 0

    def process(self, inspector: Inspector, keys: Sequence[bytes]) -> FoundPages:
        kept, more = dict.fromkeys(self.keys), self.more
        size = sum(map(len, kept))
        for stored in keys:
            if stored in kept:  # A server may return a key twice.
                continue
            size += len(stored)
            if len(kept) < self.max_keys and size <= self.max_bytes:
                kept[stored] = None
            else:
                more += 1
        return replace(self, keys=tuple(kept), more=more)

    def to_json(self) -> list[Any]:
        return [self.more, self.max_bytes, *map(encode_key, self.keys)]

    @classmethod
    def from_json(cls, state: list[Any]) -> FoundPages:
        more, max_bytes, *keys = state
        return cls(tuple(map(decode_key, keys)), more, max_bytes)


@dataclass(frozen=True)
class CachedPage:
    """A key of a cached page, or of the header list of pages."""

    stored: bytes
    key: PageKey
    info: KeyInfo
    """Without a TTL and a size if the cache can't tell whether the key exists."""


def parse_stored(inspector: Inspector, stored: bytes) -> PageKey | None:
    """Return what a stored key of a cache says, if it is that of a page."""
    rest = inspector.key_range(Scope.VERSION).extract_name(stored)
    text = None if rest is None else try_decode_text(rest)
    return None if text is None else PageKey.parse(one_line(text))


def describe_pages(inspector: Inspector, keys: Sequence[bytes]) -> list[CachedPage]:
    """Return the pages of stored keys that still exist, in one round trip."""
    infos = inspector.describe(keys, ("ttl", "size")) if keys else []
    parsed = ((info, parse_stored(inspector, info.key)) for info in infos if info.exists)
    return [CachedPage(info.key, key, info) for info, key in parsed if key is not None]


MAX_COMPUTED: Final = 400
"""The most header lists to look up in a cache that can't search the names of its keys."""

MAX_HEADER_LISTS_READ: Final = 20
"""The most header lists to read, each in a round trip."""

MAX_HEADER_LISTS_SHOWN: Final = 5
"""The most header lists to read for a page that only shows them."""


def get_languages() -> list[str]:
    """Return the languages in which pages may be cached; an empty one without `USE_I18N`."""
    if not settings.USE_I18N:
        return [""]
    offered = [code for code, _name in settings.LANGUAGES]
    return offered if LOCALE_MIDDLEWARE in settings.MIDDLEWARE else [settings.LANGUAGE_CODE]


def count_computed(search: PageSearch) -> int:
    """Return how many header lists `compute_pages` would have to look up."""
    return len(search.addresses) * len(search.prefixes) * len(get_languages())


def compute_pages(inspector: Inspector, search: PageSearch) -> list[CachedPage]:
    """Return the pages whose keys can be computed.

    They are those in the languages of the site and in its own time zone, for requests without the
    headers that the pages vary on.

    A cache that can't tell which keys exist gets all header lists. Without its list, Django
    renders a page anew.
    """
    languages, time_zone = get_languages(), timezone.get_default_timezone_name()
    choices = product(search.addresses.values(), search.prefixes, languages)
    lists: dict[str, tuple[PageAddress, str, str]] = {}
    for address, prefix, language in choices:
        header_key, _page = make_page_keys(address, prefix, language=language, time_zone=time_zone)
        lists[header_key] = address, prefix, language
        if len(lists) == MAX_COMPUTED:
            break
    if not inspector.can_list:
        return list(_make_pages(inspector, lists).values())
    existing = _select_existing(inspector, lists)
    pages = dict(existing)
    for number, key in enumerate(existing):
        address, prefix, language = lists[key]
        can_read = number < MAX_HEADER_LISTS_READ
        headers = read_headers(inspector, existing[key].stored) if can_read else ()
        keys = [
            make_page_keys(address, prefix, method, headers, language, time_zone)[1]
            for method in METHODS
        ]
        pages |= _select_existing(inspector, keys)
    return list(pages.values())


def _make_pages(inspector: Inspector, keys: Iterable[str]) -> dict[str, CachedPage]:
    """Return pages by their keys, without knowing whether they exist."""
    parsed = ((key, PageKey.parse(key)) for key in keys)
    made = ((key, page, inspector.make_key(key)) for key, page in parsed if page is not None)
    return {key: CachedPage(stored, page, KeyInfo(stored)) for key, page, stored in made}


def _select_existing(inspector: Inspector, keys: Iterable[str]) -> dict[str, CachedPage]:
    """Return the pages that exist by their keys."""
    pages = _make_pages(inspector, keys)
    stored = [page.stored for page in pages.values()]
    infos = inspector.describe(stored, ("ttl", "size")) if stored else []
    return {
        key: replace(page, info=info)
        for (key, page), info in zip(pages.items(), infos, strict=True)
        if info.exists
    }


def read_headers(inspector: Inspector, stored: bytes) -> tuple[str, ...]:
    """Return the header list in a key, as Django stores it; empty if it isn't one."""
    value = inspector.read(stored)
    headers: Any = value.content.value if value is not None and value.content is not None else None
    is_list = type(headers) is list and all(type(one) is str for one in headers)
    return tuple(headers) if is_list else ()


def read_some_headers(
    inspector: Inspector, pages: Sequence[CachedPage]
) -> dict[tuple[str, str], Sequence[str]]:
    """Return header lists by prefix and hash of the URL, the first ones alone.

    Variants of one URL vary on the same headers, so that one of their lists is enough.
    """
    if not inspector.can_get:
        return {}
    lists = {page.key.group[:2]: page.stored for page in pages if page.key.is_header_list}
    first = list(lists.items())[:MAX_HEADER_LISTS_SHOWN]
    return {group: read_headers(inspector, stored) for group, stored in first}


@dataclass(frozen=True)
class CacheSearch:
    """The search of one cache, and what it has found."""

    inspector: Inspector
    job: Job[FoundPages]
    pages: Sequence[CachedPage] = ()
    headers: Mapping[tuple[str, str], Sequence[str]] = field(default_factory=dict)
    """As returned by `read_some_headers`."""

    @classmethod
    def start(cls, inspector: Inspector, max_bytes: int = MAX_FOUND_BYTES) -> CacheSearch:
        return cls(inspector, Job(FoundPages(max_bytes=max_bytes)))

    @classmethod
    def start_unlimited(cls, inspector: Inspector) -> CacheSearch:
        """Return a search that keeps all keys, whose state isn't sent to a page."""
        return cls(inspector, Job(FoundPages(max_bytes=sys.maxsize, max_keys=sys.maxsize)))

    @property
    def found_all(self) -> bool:
        """Whether there are no other variants."""
        return self.job.complete and not self.job.task.more

    def is_stuck_since(self, before: CacheSearch) -> bool:
        """Return whether the search has made no progress, so that another step would not help."""
        progress = self.job.progress
        return not progress.complete and progress.token == before.job.progress.token

    def advance(self, search: PageSearch, find: FindKeys, deadline: float) -> Iterator[CacheSearch]:
        """Continue the search until the deadline; yield it after each step.

        Args:
            search: the addresses.
            find: finds the keys, in a cache that can search their names.
            deadline: the time to stop at, on the clock of `time.monotonic`.
        """
        if not can_search_names(self.inspector):
            done = replace(self.job, progress=ScanProgress(complete=True))
            yield replace(self, job=done, pages=compute_pages(self.inspector, search))
            return
        after = self
        for job in advance(self.job, find, self.inspector, deadline):
            after = replace(self, job=job)
            yield after
        pages = describe_pages(self.inspector, after.job.task.keys)
        yield replace(after, pages=pages)
        if after.job.complete:
            headers = read_some_headers(self.inspector, pages)
            yield replace(after, pages=pages, headers=headers)


def add_header_lists(selected: Iterable[CachedPage], found: Sequence[CachedPage]) -> list[bytes]:
    """Return the keys to delete: selected pages, and the header lists that no page needs then.

    A list that is deleted while a page needs it makes Django render that page again.
    """
    chosen = {page.stored for page in selected}
    needed = {
        page.key.group
        for page in found
        if page.stored not in chosen and not page.key.is_header_list
    }
    chosen_groups = {page.key.group for page in found if page.stored in chosen}
    lists = [
        page.stored
        for page in found
        if page.key.is_header_list
        and page.key.group in chosen_groups
        and page.key.group not in needed
    ]
    pages = [page.stored for page in found if page.stored in chosen]
    return list(dict.fromkeys([*pages, *lists]))
