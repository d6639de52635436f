"""Commands of Valkey's *hash* group; values are decoded, field names are names."""

from django_cachex.commands.base import Name
from django_cachex.commands.hash_timeouts import FieldLifetimes
from django_cachex.commands.hashes import HashFields


class Hashes(HashFields[Name], FieldLifetimes):
    """All commands on hashes. A hash without fields is no key."""
