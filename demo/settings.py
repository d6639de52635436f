"""Settings of the demo: caches of every kind, with Django's admin or Unfold."""

import json
import os
from pathlib import Path

STATE = Path(os.environ.get("DEMO_STATE") or Path(__file__).parent / ".state")
VALKEY = f"127.0.0.1:{os.environ.get('DEMO_VALKEY_PORT', '6379')}"
SKIN = os.environ.get("SKIN") or "admin"

DEBUG = True
SECRET_KEY = "the demo keeps no secrets"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "demo.urls"
STATIC_URL = "/static/"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    *(["unfold", "unfold.contrib.filters", "unfold.contrib.forms"] if SKIN == "unfold" else []),
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    f"django_cachex.{SKIN}",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": STATE / "demo.sqlite3"}}

# With cached_db, users stay logged in when they flush the cache that contains their session.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_CACHE_ALIAS = "sessions"
SESSION_COOKIE_NAME = "cachex_demo_session"
CSRF_COOKIE_NAME = "cachex_demo_csrf"
# A fast hasher: the passwords are public anyway, and the demo starts sooner.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

CACHES = {
    "default": {
        "BACKEND": "django_cachex.cache.ValkeyCache",
        "LOCATION": f"valkey://{VALKEY}/0",
        "KEY_PREFIX": "shop",
    },
    "sessions": {
        "BACKEND": "django_cachex.cache.RedisCache",
        "LOCATION": f"redis://{VALKEY}/1",
        "OPTIONS": {"compressor": "zlib"},
    },
    "catalogue": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"redis://{VALKEY}/2",
        "KEY_PREFIX": "catalogue",
    },
    "dj-redis": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": f"redis://{VALKEY}/3",
        "KEY_PREFIX": "legacy",
        "OPTIONS": {"COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"},
    },
    "local": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "demo",
        "OPTIONS": {"MAX_ENTRIES": 1000},
    },
    "pages": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cached_pages",
        "KEY_PREFIX": "pages",
        "OPTIONS": {"MAX_ENTRIES": 5000},
    },
    "files": {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(STATE / "files"),
    },
    "disk": {
        "BACKEND": "diskcache.DjangoCache",
        "LOCATION": str(STATE / "disk"),
        "KEY_PREFIX": "thumbnails",
        "OPTIONS": {"statistics": True, "eviction_policy": "least-frequently-used"},
    },
    "off": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    "stranger": {"BACKEND": "demo.stranger.NotebookCache"},
    # No server listens on this port: the pages show what a server that is down looks like.
    "dead": {
        "BACKEND": "django_cachex.cache.ValkeyCache",
        "LOCATION": "valkey://shop:a-password@127.0.0.1:1/0",
    },
}

if MEMCACHED := os.environ.get("DEMO_MEMCACHED"):  # Only if the program is installed.
    CACHES["memcached"] = {
        "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
        "LOCATION": MEMCACHED,
        "KEY_PREFIX": "search",
    }

# The setting `CACHEX_ADMIN` as JSON.
CACHEX_ADMIN = json.loads(os.environ.get("DEMO_LIMITS") or "{}")

# Log only warnings, so that the address of the admin stays on the screen.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django.server": {"level": "WARNING"}},
}
