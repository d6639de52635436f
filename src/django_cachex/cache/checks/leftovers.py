"""Settings of django-redis and django-valkey that the project still has, and nobody reads."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from django_cachex.cache.backends import ServerCache

PACKAGES = {"DJANGO_REDIS": "django_redis", "DJANGO_VALKEY": "django_valkey"}


@register(Tags.caches)
def check_leftovers(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of settings that have no effect on the caches of ours.

    Of a package that another cache still uses, they are read.
    """
    backends = {name: str(params.get("BACKEND", "")) for name, params in settings.CACHES.items()}
    ours = ", ".join(f"CACHES[{name!r}]" for name, path in backends.items() if is_ours(path))
    used = {path.partition(".")[0] for path in backends.values()}
    left = [prefix for prefix, package in PACKAGES.items() if ours and package not in used]
    names = {f"{prefix}_{end}": advice for prefix in left for end, advice in equivalents().items()}
    if "DJANGO_VALKEY" in left:
        names |= of_compressors()
    return [
        _unread(name, advice, ours)
        for name, advice in names.items()
        if getattr(settings, name, None)
    ]


def is_ours(path: str) -> bool:
    try:
        found = import_string(path)
    except Exception:  # Importing a module may raise anything. A check of its own says so.
        return False
    return isinstance(found, type) and issubclass(found, ServerCache)


def equivalents() -> dict[str, str]:
    """Return, for the end of each name, what to write instead."""
    logged = _(
        'Leave it out: what "ignore_exceptions" hides is always logged, on the logger '
        "django_cachex.cache."
    )
    return {
        "CLOSE_CONNECTION": _("Leave it out: connections are kept between requests."),
        "CONNECTION_FACTORY": _("Leave it out: connections are made by the driver."),
        "IGNORE_EXCEPTIONS": _(
            'Write "ignore_exceptions": True into OPTIONS, if failures are to be misses there too: '
            "as it is, they are raised."
        ),
        "LOGGER": logged,
        "LOG_IGNORED_EXCEPTIONS": logged,
        "SCAN_ITERSIZE": _(
            "Leave it out: it is 1000. iter_keys() and delete_pattern() take another as itersize."
        ),
    }


def of_compressors() -> dict[str, str]:
    """Return what to write in place of django-valkey's settings of all compressors."""
    return {
        "CACHE_COMPRESS_LEVEL": _('Write "compressor": ("zstd", {"level": 9}) into OPTIONS.'),
        "CACHE_COMPRESS_MIN_LENGTH": _(
            'Write "compressor": ("zstd", {"min_size": 500}) into OPTIONS.'
        ),
    }


def _unread(name: str, advice: str, aliases: str) -> CheckMessage:
    return Warning(
        _("%(name)s has no effect on %(aliases)s.") % {"name": name, "aliases": aliases},
        hint=advice,
        id="django_cachex.W105",
    )
