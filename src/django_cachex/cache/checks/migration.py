"""The check for settings of django-redis and django-valkey."""

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
    """Warn about settings of these packages that have no effect on the caches of this package.

    There is no warning if another cache still uses the package.
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
        backend = import_string(path)
    except Exception:  # A module may raise any exception. Another check reports it.
        return False
    return isinstance(backend, type) and issubclass(backend, ServerCache)


def get_reading_packages(name: str) -> frozenset[str]:
    """Return the packages that read the setting `name`."""
    if name == "CACHE_HERD_TIMEOUT":
        return BOTH_PACKAGES
    return frozenset({"django_redis" if name.startswith("DJANGO_REDIS") else "django_valkey"})


def get_setting_hints() -> dict[str, str]:
    """Return the hints about what to use in place of each setting of the two packages."""
    prefixed = {
        f"{prefix}_{end}": advice
        for prefix in ("DJANGO_REDIS", "DJANGO_VALKEY")
        for end, advice in _get_cache_setting_hints().items()
    }
    compressor_hint = _(
        "Use an option of the compressor, if there is one, such as "
        '"compressor": ("lzma", {"level": 9}).'
    )
    return {
        **prefixed,
        "CACHE_HERD_TIMEOUT": _(
            'Use "stampede_protection": {"early": 60} in OPTIONS, with the number of seconds.'
        ),
        "CACHE_COMPRESS_LEVEL": _('Use "compressor": ("zstd", {"level": 9}) in OPTIONS.'),
        "CACHE_COMPRESS_MIN_LENGTH": _('Use "compressor": ("zstd", {"min_size": 500}) in OPTIONS.'),
        **dict.fromkeys(COMPRESSOR_SETTINGS, compressor_hint),
    }


def _get_cache_setting_hints() -> dict[str, str]:
    logged = _(
        'Remove it. Errors that "ignore_exceptions" ignores are always logged, by the logger '
        "django_cachex.cache."
    )
    return {
        "CLOSE_CONNECTION": _("Remove it. Connections are kept between requests."),
        "CONNECTION_FACTORY": _("Remove it. The driver creates the connections."),
        "IGNORE_EXCEPTIONS": _(
            'Use "ignore_exceptions": True in OPTIONS to treat errors as misses. At present, they '
            "are raised."
        ),
        "LOGGER": logged,
        "LOG_IGNORED_EXCEPTIONS": logged,
        "SCAN_ITERSIZE": _(
            "Remove it. The default is 1000; iter_keys() and delete_pattern() have the argument "
            "itersize."
        ),
    }
