"""Settings for Django's own tests: its SQLite ones, with our backend as the default cache."""

import json
import os

DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3"},
    "other": {"ENGINE": "django.db.backends.sqlite3"},
}
SECRET_KEY = "only for tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
CACHES = {
    "default": {
        "BACKEND": os.environ["CACHEX_SUITE_BACKEND"],
        "LOCATION": os.environ["CACHEX_SUITE_LOCATION"],
        "OPTIONS": json.loads(os.environ.get("CACHEX_SUITE_OPTIONS", "{}")),
    }
}
