"""Rules about the settings of caches and about Django's backends."""

from __future__ import annotations

import stat
from importlib import import_module
from typing import Final

from django.conf import settings
from django.contrib.sessions.backends.cache import SessionStore as CacheSessionStore
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cachex.admin import formatting
from django_cachex.admin.health.evidence import Evidence, NotApplicable, Unknown, has_version_of
from django_cachex.admin.health.report import Finding, Rule, Severity
from django_cachex.admin.health.server_rules import format_percent
from django_cachex.admin.messages import describe_error

NEARLY_FULL: Final = 0.9
MIN_EXPIRED: Final = 100
MANY_EXPIRED: Final = 0.25


def find_unreachable_store(evidence: Evidence) -> Finding | None:
    """The cache doesn't answer, so only its settings can be checked."""
    error = evidence.facts.error
    if error is None:
        return None
    return Finding(
        Severity.CRITICAL,
        describe_error(evidence.inspector, error),
        _("Pages that use this cache fail or are slow."),
        _(
            "Check that the server is running, and that the LOCATION and OPTIONS of the "
            "cache are correct."
        ),
    )


def find_shared_prefix(evidence: Evidence) -> Finding | None:
    """Several caches use the same keys of one store, so each changes and clears the others."""
    inspector = evidence.inspector
    if not inspector.has_key_names:
        others = list(evidence.neighbours)
    else:
        others = [
            other
            for other in evidence.neighbours
            if has_version_of(inspector, other.make_key("key"))
            or has_version_of(other, inspector.make_key("key"))
        ]
    if not others:
        return None
    names = get_text_list([f'"{other.alias}"' for other in others], _("and"))
    differs = any(other.serializer_name != inspector.serializer_name for other in others)
    return Finding(
        Severity.CRITICAL if differs else Severity.WARNING,
        _("The keys of this cache are also keys of %(names)s.") % {"names": names},
        _("Each cache changes and deletes entries of the other, and may be unable to read them.")
        if differs
        else _("Each cache changes and deletes entries of the other. Clearing one clears both."),
        _("Give each cache a KEY_PREFIX of its own, or keep only one of them."),
    )


def find_per_process_sessions(evidence: Evidence) -> Finding | None:
    """Sessions are in a cache that processes don't share, or that stores nothing."""
    inspector = evidence.inspector
    if not inspector.is_per_process and not inspector.discards_entries:
        raise NotApplicable
    engine = settings.SESSION_ENGINE
    store = import_module(engine).SessionStore
    if not hasattr(store, "cache_key_prefix") or inspector.alias != settings.SESSION_CACHE_ALIAS:
        return None
    is_only_store = issubclass(store, CacheSessionStore)
    return Finding(
        Severity.CRITICAL if is_only_store else Severity.WARNING,
        _("SESSION_CACHE_ALIAS names this cache, and SESSION_ENGINE is %(engine)s.")
        % {"engine": engine},
        _(
            "Users are logged out when another process handles their request, or when "
            "the process restarts."
        )
        if is_only_store
        else _("Other processes don't see when a session was changed or deleted."),
        _("Store sessions in the database, or in a cache that all processes share."),
    )


def find_per_process_cache(evidence: Evidence) -> Finding | None:
    """Several processes serve the site, and each of them has its own copy of the cache."""
    if not evidence.inspector.is_per_process:
        raise NotApplicable
    if evidence.is_multiprocess is None:
        raise Unknown(_("only the site's server knows the number of processes"))
    if not evidence.is_multiprocess:
        return None
    return Finding(
        Severity.WARNING,
        _("Several processes serve this site, and each has its own copy of this cache."),
        _(
            "No process sees what another one stores or deletes: values differ from one "
            "request to the next, and rate limits and locks don't work."
        ),
        _("Use a cache that all processes share, such as ValkeyCache or DatabaseCache."),
    )


def find_dummy_cache(evidence: Evidence) -> Finding | None:
    """`DummyCache`, which is for development, is used although `DEBUG` is off."""
    if not evidence.inspector.discards_entries:
        raise NotApplicable
    if settings.DEBUG:
        return None
    return Finding(
        Severity.WARNING,
        _("This cache stores nothing, and DEBUG is off."),
        _("DummyCache is meant for development. Every value is computed each time it is needed."),
        _("Use another backend in production."),
    )


def find_full_store(evidence: Evidence) -> Finding | None:
    """The number of entries is near `MAX_ENTRIES`, at which the backend removes some at random."""
    capacity = evidence.capacity
    if capacity.entries < NEARLY_FULL * capacity.maximum:
        return None
    return Finding(
        Severity.WARNING,
        _("There are %(entries)s entries, and MAX_ENTRIES is %(maximum)s.")
        % {
            "entries": formatting.format_number(capacity.entries),
            "maximum": formatting.format_number(capacity.maximum),
        },
        _(
            "When the limit is reached, the backend removes a third of the entries (or "
            "the share that CULL_FREQUENCY sets), whether they are in use or not."
        ),
        _("Raise MAX_ENTRIES in the OPTIONS of the cache. The default of 300 is small."),
    )


def find_expired_entries(evidence: Evidence) -> Finding | None:
    """Many entries have expired but are still stored."""
    capacity = evidence.capacity
    if capacity.expired is None:
        raise NotApplicable
    few = max(MIN_EXPIRED, MANY_EXPIRED * capacity.entries)
    if capacity.expired < few:
        return None
    return Finding(
        Severity.WARNING,
        _("%(expired)s of %(entries)s entries have expired (%(share)s).")
        % {
            "expired": formatting.format_number(capacity.expired),
            "entries": formatting.format_number(capacity.entries),
            "share": format_percent(capacity.expired / capacity.entries),
        },
        _(
            "This backend only removes expired entries when MAX_ENTRIES is reached. "
            "Until then, they take up space."
        ),
        _("Lower MAX_ENTRIES, or delete expired entries regularly."),
    )


def find_case_insensitive_keys(evidence: Evidence) -> Finding | None:
    """The collation of a database table doesn't distinguish upper and lower case in keys."""
    if not evidence.fact("ignores_case"):
        return None
    return Finding(
        Severity.CRITICAL,
        _(
            "The database ignores the case of keys, because of the collation of the "
            "column cache_key."
        ),
        _('The keys "Key" and "key" overwrite each other, so users may see each other\'s values.'),
        _("Change the collation of the column cache_key to a binary one, such as utf8mb4_bin."),
    )


def find_writable_folder(evidence: Evidence) -> Finding | None:
    """Other users of the machine can write to the folder of a file-based cache."""
    mode: int = evidence.fact("folder_mode")
    if not mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None
    return Finding(
        Severity.CRITICAL if mode & stat.S_IWOTH else Severity.WARNING,
        _("The permissions of %(folder)s are %(mode)s.")
        % {"folder": evidence.inspector.location, "mode": stat.filemode(stat.S_IFDIR | mode)},
        _("The files are pickles. Anyone who can write one can run code in this site."),
        _("Remove write permission for the group and for others: chmod go-w."),
    )


BACKEND_RULES: Final = (
    Rule("unreachable", gettext_lazy("The cache doesn't answer"), find_unreachable_store),
    Rule("shared-keys", gettext_lazy("Caches share their keys"), find_shared_prefix),
    Rule("local-sessions", gettext_lazy("Sessions can be lost"), find_per_process_sessions),
    Rule("local-cache", gettext_lazy("Each process has its own copy"), find_per_process_cache),
    Rule("dummy-cache", gettext_lazy("The cache stores nothing"), find_dummy_cache),
    Rule("entries-full", gettext_lazy("MAX_ENTRIES is nearly reached"), find_full_store),
    Rule("expired-entries", gettext_lazy("Expired entries take up space"), find_expired_entries),
    Rule("case-insensitive", gettext_lazy("Keys ignore case"), find_case_insensitive_keys),
    Rule("writable-folder", gettext_lazy("Others can write to the folder"), find_writable_folder),
)
