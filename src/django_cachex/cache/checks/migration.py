"""Check for settings of django-redis and django-valkey."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from django_cachex.cache.backends import ServerCache

BOTH_PACKAGES = frozenset({"django_redis", "django_valkey"})

COMPRESSOR_SETTINGS = (
    *("COMPRESS_BROTLI_LGBLOCK", "COMPRESS_BROTLI_LGWIN", "COMPRESS_BROTLI_MODE"),
    *("COMPRESS_LZMA_CHECK", "COMPRESS_LZMA_FILTERS", "COMPRESS_LZMA_FORMAT"),
    *("COMPRESS_ZLIB_WBITS", "COMPRESS_ZSTD_DICT", "COMPRESS_ZSTD_OPTIONS"),
    *("DECOMPRESS_LZMA_FILTERS", "DECOMPRESS_LZMA_FORMAT", "DECOMPRESS_LZMA_MEMLIMIT"),
    *("DECOMPRESS_ZSTD_DICT", "DECOMPRESS_ZSTD_OPTIONS"),
)


@register(Tags.caches)
def check_migration_settings(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of settings that have no effect on the caches of ours.

    Of a package that another cache still uses, they are read.
    """
    backends = {name: str(params.get("BACKEND", "")) for name, params in settings.CACHES.items()}
    ours = ", ".join(f"CACHES[{name!r}]" for name, path in backends.items() if is_ours(path))
    used = {path.partition(".")[0] for path in backends.values()}
    return [
        Warning(
            _("%(name)s has no effect on %(aliases)s.") % {"name": name, "aliases": ours},
            hint=advice,
            id="django_cachex.W105",
        )
        for name, advice in get_setting_hints().items()
        if ours and used.isdisjoint(get_reading_packages(name)) and getattr(settings, name, None)
    ]


def is_ours(path: str) -> bool:
    try:
        found = import_string(path)
    except Exception:  # Importing a module may raise anything. A check of its own says so.
        return False
    return isinstance(found, type) and issubclass(found, ServerCache)


def get_reading_packages(name: str) -> frozenset[str]:
    """Return the packages that read the setting `name`."""
    if name == "CACHE_HERD_TIMEOUT":
        return BOTH_PACKAGES
    return frozenset({"django_redis" if name.startswith("DJANGO_REDIS") else "django_valkey"})


def get_setting_hints() -> dict[str, str]:
    """Return, for each setting of the two packages, what to write instead."""
    prefixed = {
        f"{prefix}_{end}": advice
        for prefix in ("DJANGO_REDIS", "DJANGO_VALKEY")
        for end, advice in _get_cache_setting_hints().items()
    }
    compressor_hint = _(
        "Write it as an option of the compressor, if that takes it: "
        '"compressor": ("lzma", {"level": 9}).'
    )
    return {
        **prefixed,
        "CACHE_HERD_TIMEOUT": _(
            'Write "stampede_protection": {"early": 60} into OPTIONS, with the seconds.'
        ),
        "CACHE_COMPRESS_LEVEL": _('Write "compressor": ("zstd", {"level": 9}) into OPTIONS.'),
        "CACHE_COMPRESS_MIN_LENGTH": _(
            'Write "compressor": ("zstd", {"min_size": 500}) into OPTIONS.'
        ),
        **dict.fromkeys(COMPRESSOR_SETTINGS, compressor_hint),
    }


def _get_cache_setting_hints() -> dict[str, str]:
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
