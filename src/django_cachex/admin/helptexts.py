"""What the help panels say: what a page shows, its controls, the backend, the permissions."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from django_cachex.admin.parts import Topic
from django_cachex.inspectors import Inspector
from django_cachex.inspectors.facts import Text

EXPLAINED = (
    "can_list",
    "can_get",
    "can_edit",
    "can_delete",
    "can_ttl",
    "can_expire",
    "can_rename",
    "can_copy",
    "can_type",
    "can_info",
    "can_flush",
)


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
        *_backend(inspector),
        _permissions(
            _("view_key or change_key: see this page."),
            _("add_key: add keys. delete_key: delete keys."),
        ),
    ]


def _filters(inspector: Inspector) -> list[Text]:
    """Return what the filters of this backend mean."""
    size = _("the memory that it takes") if "memory" in inspector.figures else _("its value")
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
        "idle": _("Idle is the time since it was used; looking at it here is no use."),
        "encoding": _("Encoding is how the server keeps the value."),
    }
    return [text for name, text in known.items() if name in inspector.figures]


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


def key_help(inspector: Inspector) -> Sequence[Topic]:
    return [
        Topic(
            _("The value"),
            [
                _(
                    "Values are decoded without running any of the code that they name: what is "
                    "not plain data appears as a label with its contents."
                ),
                _(
                    "Formatted shows the value, JSON objects and arrays indented, and blocks of "
                    "large ones that can be closed; Text and Hex show the stored bytes. Load "
                    "more shows further."
                ),
                _(
                    "Edit is offered where saving what is shown would store exactly the same "
                    "value. Where it is not, the page says why, and Replace value stores another "
                    "in its place."
                ),
                *(
                    [_("Increase by adds to a number, whatever it is by then.")]
                    if inspector.can_increase
                    else []
                ),
            ],
        ),
        Topic(
            _("Saving"),
            [
                _(
                    "A value is saved only if the key is still as it was when you opened it. If "
                    "it has changed since, you see both."
                ),
                _(
                    "The TTL stays as it is unless you give another. Every change is recorded "
                    "under History, without the value."
                ),
            ],
        ),
        *_whole_key(inspector),
        *_backend(inspector),
        _permissions(
            _("view_key or change_key: see this page. change_key: edit the value."),
            _("change_cache: change the TTL. delete_key: delete the key."),
            _("add_key: copy it; with change_key, over another key. add_key, delete_key: rename."),
        ),
    ]


def _whole_key(inspector: Inspector) -> list[Topic]:
    """Return what can be done to a key as a whole, as far as this backend can."""
    said = {
        "can_rename": _("Rename gives the key another name; its TTL goes with it."),
        "can_copy": _(
            "Copy key stores the same under another name, or in another cache that can hold it, "
            "to expire at the same time."
        ),
        "can_expire": _(
            "Change TTL sets a number of seconds or a moment, adds time, or removes the expiry, "
            "and says in words what that means before you save."
        ),
        "can_download": _(
            "Download gives the stored bytes of a string, and of other types the server's own "
            "DUMP, which RESTORE reads."
        ),
    }
    sentences = [text for ability, text in said.items() if getattr(inspector, ability)]
    return [Topic(_("The whole key"), sentences)] if sentences else []


def add_help(inspector: Inspector) -> Sequence[Topic]:
    return [
        Topic(
            _("The fields"),
            [
                _(
                    "Key Name: what application code calls the key; the prefix and version of "
                    "this cache are put before it."
                ),
                _(
                    "Value: text that starts with { or [ is read as JSON, other text is stored "
                    "as it stands, spaces included. Store as decides it explicitly."
                ),
                *(
                    [
                        _(
                            "Type: a string holds one value. Other types begin with the elements "
                            "that you type, one a line; Store as holds for each of them."
                        )
                    ]
                    if inspector.addable
                    else []
                ),
                _("Timeout: whole seconds. Left empty, the default of this cache applies."),
                _("A key that exists is not overwritten unless you say so."),
            ],
        ),
        *_backend(inspector),
        _permissions(_("add_key: add keys. change_key as well: replace one that exists.")),
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


def _backend(inspector: Inspector) -> list[Topic]:
    """Return what this backend cannot do and why; nothing for one that can do everything."""
    missing: list[Text] = [
        inspector.reasons[ability]
        for ability in EXPLAINED
        if not getattr(inspector, ability) and ability in inspector.reasons
    ]
    if inspector.can_get_unsafely:
        missing.append(
            _("A backend of your own can have its full abilities: register an inspector for it.")
        )
    return [Topic(_("This backend"), list(dict.fromkeys(missing)))] if missing else []


def _permissions(*sentences: str) -> Topic:
    return Topic(_("Permissions"), [*sentences, _("Superusers need none of them.")])
