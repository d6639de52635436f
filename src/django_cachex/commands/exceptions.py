"""What can go wrong between a cache and its server, in the cache's own words.

Errors of the drivers become these at one boundary (`django_cachex.cache.errors`), chained with
``raise … from``. No message ever holds a password.
"""

from __future__ import annotations


class CachexError(Exception):
    """The base of every error that django-cachex raises about a server."""


class ServerUnavailable(CachexError):
    """The server could not be reached, hung up, is still loading, or answered nonsense."""


class ServerTimeout(ServerUnavailable):
    """The server did not connect or answer within its timeout."""


class CommandError(CachexError):
    """The server answered a command with an error."""


class WrongTypeError(CommandError, TypeError):
    """The key holds another type than the command works on, or no integer for INCR."""


class OutOfRangeError(CommandError, OverflowError):
    """An integer left the 64 bits that the server counts with."""


class AccessDenied(CommandError):
    """The credentials are wrong, or they may not run this command or touch this key."""


class UnknownCommand(CommandError):
    """The server does not have this command: too old, renamed, or switched off."""


class ReadOnlyError(CommandError):
    """The server is a replica, which takes no writes: probably after a failover."""


class OutOfMemoryError(CommandError):
    """The server reached its ``maxmemory`` and may evict nothing."""


class ScriptMissing(CommandError):
    """EVALSHA named a script that the server does not hold."""


class OpaqueKeysError(CachexError):
    """The cache's KEY_FUNCTION hides keys, so its keys cannot be told from others'."""
