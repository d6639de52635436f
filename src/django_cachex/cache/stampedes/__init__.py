"""Many callers and a value that expires: one makes it anew, the others get the old one at once."""

from django_cachex.cache.stampedes.acts import afollow, follow
from django_cachex.cache.stampedes.entry import Entry
from django_cachex.cache.stampedes.protection import Given, Protection, protection_of

__all__ = ["Entry", "Given", "Protection", "afollow", "follow", "protection_of"]
