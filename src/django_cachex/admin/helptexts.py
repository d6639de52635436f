"""What the help panels say: what a page shows, its controls, the backend, the permissions."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from django_cachex.admin.components import Topic
from django_cachex.admin.helptopics import backend as _backend
from django_cachex.admin.helptopics import names as _names
from django_cachex.admin.helptopics import permissions as _permissions
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.info import Text


def caches_help() -> Sequence[Topic]:
    return [
        Topic(
            _("This page"),
            [
                _(
                    "Every cache of settings.CACHES: its backend, where it keeps its entries, "
                    "and whether it answers right now."
                ),
                _(
                    "A name opens the keys of that cache; info opens its configuration and what "
                    "its server says of itself."
                ),
                _("A cache that is down does not slow the others: all are asked at the same time."),
            ],
        ),
        Topic(
            _("Support levels"),
            [
                _("cachex: a backend of django-cachex, with everything this admin can do."),
                _("wrapped: a backend of Django, with what it can give."),
                _(
                    "limited: any other backend, through its own get, set and delete: keys by "
                    "exact name."
                ),
            ],
        ),
        Topic(
            _("Flush selected caches"),
            [
                _(
                    "Deletes all entries. A page in between says for each cache exactly what "
                    "would be destroyed; some backends can only empty the whole database or "
                    "table, with other caches' entries in it."
                ),
            ],
        ),
        _permissions(
            _("view_cache or change_cache: see this page and cache info."),
            _("change_cache: flush."),
            _("view_key or change_key: open the keys of a cache."),
        ),
    ]


def keys_help(inspector: Inspector) -> Sequence[Topic]:
    search = [
        _(
            "* stands for anything and is the only wildcard: user:* finds every key that starts "
            "with user:, and *:session every key that ends with :session."
        ),
        _(
            "Text without * finds keys that contain it. A key of exactly that name is shown at "
            "once, without a search; Search for more looks for the others."
        ),
        _("Upper and lower case differ."),
        _(
            "One request examines as many keys as it can in a short while; the line above the "
            "table says how many that were. With scripts the page goes on by itself until it is "
            "full, and Stop ends that; Continue and Next go on from there. What was found at once "
            "is shown whole, so that a page may hold a few keys more."
        ),
    ]
    exact = [_("Type the exact name of a key, as application code calls it, to open that key.")]
    return [
        Topic(_("Search"), search if inspector.can_list else exact),
        *([Topic(_("More filters"), _filters(inspector))] if inspector.can_list else []),
        Topic(
            _("Columns"),
            [
                _(
                    "TTL is the time that a key has left. Size is the stored size of a string "
                    "in bytes, and the number of elements of a collection."
                ),
                *_figures(inspector),
                _("A head sorts the keys on this page by its column, not all that match."),
            ],
        ),
        Topic(
            _("Delete selected keys"),
            [_("Deletes the keys that are ticked on this page, after a page that lists them.")],
        ),
        _names(),
        *_backend(inspector),
        _permissions(
            _("view_key or change_key: see this page."),
            _("add_key: add keys. delete_key: delete keys."),
        ),
    ]


def _filters(inspector: Inspector) -> list[Text]:
    """Return what the filters of this backend mean."""
    size = (
        _("the memory that it takes") if "memory" in inspector.optional_columns else _("its value")
    )
    known = {
        "expires_within": _("Expires: within a time, or never."),
        "larger_than": _("Larger than: by %(what)s.") % {"what": size},
        "idle_for": _("Not used for: where the server does not count uses instead (LFU)."),
    }
    found = [text for name, text in known.items() if name in inspector.filters]
    if len(inspector.scopes) > 1:
        found.append(
            _(
                "Keys of: this cache's prefix and version; every version of it; or, for "
                "superusers, the whole database, other applications' keys included. Keys that "
                "are no cache's are shown and left alone."
            )
        )
    return [*found, _("A key must pass all of them.")]


def _figures(inspector: Inspector) -> list[Text]:
    """Return what the further columns of this backend mean."""
    known = {
        "memory": _("Memory is what a key takes on the server, its overhead included."),
        "idle": _("Idle is the time since it was used; looking at it here does not count."),
        "encoding": _("Encoding is how the server keeps the value."),
    }
    return [text for name, text in known.items() if name in inspector.optional_columns]


def namespaces_help(inspector: Inspector) -> Sequence[Topic]:
    return [
        Topic(
            _("This page"),
            [
                _(
                    "What the keys of this cache are called before the last separator, how many "
                    "begin so, how much memory they take, and how many never expire."
                ),
                _(
                    "A name opens those keys in the key browser; inside shows what it is made of. "
                    "The separator is CACHEX_ADMIN's NAMESPACE_SEPARATOR."
                ),
            ],
        ),
        Topic(
            _("Sample and count"),
            [
                _(
                    "A server returns keys in an order that has nothing to do with their names: "
                    "what was examined first is a sample of the rest. The number after ± says how "
                    "far a share may be off; nineteen samples of twenty are closer."
                ),
                _(
                    "At most 200 namespaces are kept; the smallest are folded into the one that "
                    "they are in. One that appeared after that has at least what it shows."
                ),
            ],
        ),
        *_backend(inspector),
        _permissions(_("view_key or change_key: see this page.")),
    ]


def flushing_help() -> Sequence[Topic]:
    return [
        Topic(
            _("This page"),
            [
                _(
                    "A cache that shares its database is flushed by deleting its keys, in short "
                    "steps. What was deleted is on record in the history of the cache."
                ),
                _("Nothing goes on without this page; Continue goes on from where it is."),
            ],
        ),
        _permissions(_("change_cache: flush.")),
    ]


def matching_help() -> Sequence[Topic]:
    return [
        Topic(
            _("This page"),
            [
                _(
                    "First the keys that match are counted and some of them named; then a page "
                    "asks; then it is done in short steps, each of which is recorded in the "
                    "history of the cache."
                ),
                _(
                    "Stop whenever you like, or close the page: what was done is done and on "
                    "record, and nothing goes on without the page. Continue goes on from there, "
                    "within a day."
                ),
                _(
                    "Keys that are stored while it runs may be missed. The report has what was "
                    "changed, what was gone already, and which keys failed."
                ),
            ],
        ),
        _permissions(
            _("view_key or change_key: see this page. delete_key: delete what matches."),
            _("change_cache: let what matches expire. Only superusers change sessions."),
        ),
    ]


def info_help(inspector: Inspector) -> Sequence[Topic]:
    return [
        Topic(
            _("This page"),
            [
                _(
                    "What settings.CACHES says of this cache, and what its server or store says "
                    "of itself at this moment. Exact figures appear when you point at a number."
                ),
                _("Passwords are never shown."),
            ],
        ),
        *_backend(inspector),
        _permissions(_("view_cache or change_cache: see this page.")),
    ]


def history_help() -> Sequence[Topic]:
    return [
        Topic(
            _("This page"),
            [
                _(
                    "The latest changes made through this admin, by whom. Values are not "
                    "recorded, only their fingerprints."
                ),
            ],
        )
    ]


def delete_help() -> Sequence[Topic]:
    return [
        Topic(
            _("This page"),
            [_("Nothing is deleted until you confirm. The deletion is recorded in the history.")],
        ),
        _permissions(_("delete_key: delete keys.")),
    ]
