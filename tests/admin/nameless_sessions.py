"""A session engine whose keys are the bare ids."""

from django.contrib.sessions.backends.cache import SessionStore as CacheStore


class SessionStore(CacheStore):
    cache_key_prefix = ""
