"""The kinds of keys of Django, of this package and of other packages.

Each prefix was read in the source of its package. Those that are settings are read from the
settings, with the package's default.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from django_cachex.admin.fragments import FRAGMENT_PREFIX, get_fragment_name
from django_cachex.admin.kinds import Kind, Parts
from django_cachex.admin.page_keys import COMMON_START, PageKey
from django_cachex.admin.sessions import session_key_prefix


def make_known_kinds() -> list[Kind]:
    """Return the kinds that this package knows. One without patterns is not in use."""
    return [*_make_django_kinds(), *_make_package_kinds(), *_make_task_kinds(), _make_lock_kind()]


def get_prefix(setting: str, default: str) -> str:
    """Return a prefix from the settings. A wildcard in it would match other keys."""
    return str(getattr(settings, setting, default)).replace("*", "")


def starts_with(*prefixes: str) -> tuple[str, ...]:
    """Return the patterns of names that start with one of these. Empty ones match nothing."""
    return tuple(f"{prefix}*" for prefix in prefixes if prefix)


def get_page_parts(name: str) -> Parts:
    """Return what the key of a cached page, or of its header list, says."""
    page = PageKey.parse(name)
    if page is None:
        return []
    parts = [
        (_("Method"), page.method),
        (_("Language"), page.language),
        (_("Time zone"), page.time_zone),
        (_("Key prefix"), page.prefix),
    ]
    return [(label, text) for label, text in parts if text]


def get_fragment_parts(name: str) -> Parts:
    """Return the name of a fragment: see `django.core.cache.utils.make_template_fragment_key`."""
    fragment = get_fragment_name(name)
    return [(_("Fragment"), fragment)] if fragment else []


def _make_django_kinds() -> Iterator[Kind]:
    yield Kind(
        "page",
        _("Cached page"),
        _(
            "A response that Django's cache middleware or cache_page stored. Its key "
            "contains a hash of the address, and a hash of the headers that the response "
            "varies on."
        ),
        starts_with(f"{COMMON_START}page."),
        get_page_parts,
    )
    yield Kind(
        "page-headers",
        _("Header list"),
        _(
            "The list of request headers that the cached responses of one address vary on. "
            "Without it, Django finds none of these responses."
        ),
        starts_with(f"{COMMON_START}header."),
        get_page_parts,
    )
    yield Kind(
        "fragment",
        _("Template fragment"),
        _(
            'A part of a page that the template tag "cache" stored. Its key contains a '
            "hash of the values that it varies on."
        ),
        starts_with(FRAGMENT_PREFIX),
        get_fragment_parts,
    )
    engines = ("django.contrib.sessions.cache", "django.contrib.sessions.cached_db")
    prefixes = dict.fromkeys([*engines, session_key_prefix() or ""])
    yield Kind(
        "session",
        _("Session"),
        _("The session of a visitor, who has to log in again if it is deleted."),
        starts_with(*prefixes),
    )


def _make_package_kinds() -> Iterator[Kind]:
    yield Kind(
        "throttle",
        _("API throttle"),
        _("When a client used an API. Django REST framework uses this to limit requests."),
        starts_with("throttle_"),
    )
    yield Kind(
        "rate-limit",
        _("Rate limit"),
        _("Counts the requests of a client, for django-ratelimit or django-allauth."),
        starts_with(get_prefix("RATELIMIT_CACHE_PREFIX", "rl:"), "allauth:rl:"),
    )
    yield Kind(
        "login-failure",
        _("Failed logins"),
        _("The failed logins of a client, for django-axes or django-defender."),
        starts_with("axes-", f"{get_prefix('DEFENDER_CACHE_PREFIX', 'defender')}:"),
    )
    yield Kind(
        "flag",
        _("Feature flag"),
        _(
            "A flag, switch or sample of django-waffle. If it is deleted, it is read "
            "from the database again."
        ),
        starts_with(get_prefix("WAFFLE_CACHE_PREFIX", "waffle:")),
    )
    yield Kind(
        "setting",
        _("Stored setting"),
        _("A setting of django-constance or django-solo, which can be changed in the admin."),
        starts_with(
            get_prefix("CONSTANCE_REDIS_PREFIX", "constance:"),
            get_prefix("CONSTANCE_DATABASE_PREFIX", ""),
            f"{get_prefix('SOLO_CACHE_PREFIX', 'solo')}:",
        ),
    )
    yield Kind(
        "image",
        _("Image"),
        _(
            "Information about a scaled image and its file, for sorl-thumbnail, ImageKit "
            "or Wagtail."
        ),
        starts_with(
            f"{get_prefix('THUMBNAIL_KEY_PREFIX', 'sorl-thumbnail')}||",
            get_prefix("IMAGEKIT_CACHE_PREFIX", "imagekit:"),
            "wagtail-rendition-",
        ),
    )
    yield Kind(
        "wagtail",
        _("Wagtail"),
        _(
            "The sites or languages of Wagtail. If they are deleted, they are read from "
            "the database again."
        ),
        ("wagtail_site_root_paths", "wagtail_locales_display_name"),
    )
    yield Kind(
        "search",
        _("Search in the admin"),
        _("The results of a search in the admin with the theme Unfold, stored for 5 minutes."),
        starts_with("unfold_search_"),
    )
    yield Kind(
        "form-widget",
        _("Form widget"),
        _("A form field of django-select2, which loads its choices later."),
        starts_with(get_prefix("SELECT2_CACHE_PREFIX", "select2_")),
    )
    yield Kind(
        "asset",
        _("Compressed asset"),
        _("Information about a compressed script or stylesheet, for django-compressor."),
        starts_with("django_compressor."),
    )
    yield Kind(
        "query",
        _("Database query"),
        _("The result of a database query that django-cacheops stored, or what it depends on."),
        # Projects without the package may well have names that start with these words.
        starts_with("q:", "as:", "conj:", "schemes:") if apps.is_installed("cacheops") else (),
    )


def _make_task_kinds() -> Iterator[Kind]:
    yield Kind(
        "task-result",
        _("Task result"),
        _("The state and the result of a Celery task or of a group of tasks."),
        starts_with("celery-task-meta-", "celery-taskset-meta-", "chord-unlock-"),
    )
    yield Kind(
        "task-queue",
        _("Task queue"),
        _("Waiting or running tasks. Celery or RQ loses them if the key is deleted."),
        (
            *starts_with("_kombu.binding.", "rq:"),
            *("unacked", "unacked_index", "unacked_mutex"),
        ),
    )
    prefixes = dict.fromkeys(_iter_channel_prefixes())
    yield Kind(
        "channel",
        _("Channel"),
        _("Messages of Channels on their way to a connection, or the members of a group."),
        starts_with(*(f"{prefix}{text}" for prefix in prefixes for text in CHANNEL_NAMES)),
    )


CHANNEL_NAMES = (":group:", "specific.")
"""What follows the prefix of a channel layer in the names of its keys."""


def _iter_channel_prefixes() -> Iterator[str]:
    """Yield the prefixes of the channel layers in the settings, and the default."""
    yield "asgi"
    layers: Any = getattr(settings, "CHANNEL_LAYERS", {})
    for layer in layers.values() if isinstance(layers, dict) else ():
        config = layer.get("CONFIG", {}) if isinstance(layer, dict) else {}
        prefix = config.get("prefix", "") if isinstance(config, dict) else ""
        if isinstance(prefix, str) and prefix:
            yield prefix.replace("*", "")


def _make_lock_kind() -> Kind:
    return Kind(
        "lock",
        _("Lock"),
        _(
            "A lock, judging by its name. A process may hold it right now: if it is "
            "deleted, another process may do the same work."
        ),
        # The first one is `LOCK_SUFFIX` of `django_cachex.cache.stampede`.
        ("*.recomputing", "lock:*", "*:lock"),
    )
