"""The exceptions of the caches.

`django_cachex.cache.connection.errors` maps the drivers' exceptions to these; the original is their
`__cause__`. Messages never contain passwords.
"""

from __future__ import annotations

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext


class ConfigError(ImproperlyConfigured):
    """A setting of a cache is invalid, or has no effect.

    An error is raised when the cache is used, and reported by a system check; warnings are only
    reported. The texts contain no secrets.

    Args:
        id: the id of the check, such as "django_cachex.E107".
        message, hint: texts, marked for translation, that may refer to `params`.
    """

    def __init__(self, id: str, message: str, hint: str, **params: object) -> None:
        if apps.apps_ready:  # Before this, Django can't translate.
            message, hint = gettext(message), gettext(hint)
        if params:
            message, hint = message % params, hint % params
        super().__init__(id, message, hint)
        self.id = id
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}"

    @property
    def is_warning(self) -> bool:
        return self.id.startswith("django_cachex.W")


class CachexError(Exception):
    """The base class of the exceptions of this package, except `ConfigError`."""

    sent = True
    """Whether a command may have been sent. It is False if the connection could not be opened."""


class ServerUnavailable(CachexError):
    """The server could not be reached, closed the connection, is still loading its data, or sent
    an invalid reply."""


class ServerTimeout(ServerUnavailable):
    """The server did not accept the connection, or did not reply, within the timeout."""


class UnexpectedReply(ServerUnavailable):
    """The reply is not one that the command can have. Perhaps the server is not a Valkey or Redis
    server, or its replies are out of order."""


class ReplyTooLarge(CachexError):
    """The server's reply exceeds the limit, and was not read to its end."""

    def __init__(self, max_bytes: int, head: bytes = b"") -> None:
        super().__init__(max_bytes, head)
        self.max_bytes = max_bytes
        """The limit in bytes."""
        self.head = head
        """The first bytes of the reply."""

    def __str__(self) -> str:
        return f"The server's reply was not read: it exceeds the limit of {self.max_bytes:,} bytes."


class CommandError(CachexError):
    """The server returned an error for a command."""


class WrongTypeError(CommandError, TypeError):
    """The value of the key has the wrong type for the command, or is not an integer for INCR."""


class OutOfRangeError(CommandError, OverflowError):
    """The result of a calculation exceeds the server's 64-bit integers."""


class AccessDenied(CommandError):
    """The credentials are wrong, or the user may not run this command or access this key."""


class UnknownCommand(CommandError):
    """The server doesn't have this command. It may be too old, or have it renamed or disabled."""


DENIED_ERRORS = AccessDenied, UnknownCommand
"""Errors of commands that an ACL denies, or that a managed service hides."""


class NotSupportedError(UnknownCommand):
    """The server is too old for a command or one of its options.

    The message names the versions that support it.
    """


class ServerStateError(CommandError):
    """The server can't run the command in its current state.

    For example, it can't save its data, or it is busy running a script. There is nothing wrong with
    the command itself.
    """


class ReadOnlyError(ServerStateError):
    """The server is a replica, which doesn't accept writes; probably after a failover."""


class OutOfMemoryError(ServerStateError):
    """The server has reached its ``maxmemory`` limit and can't evict any keys."""


class ScriptMissing(CommandError):
    """The script of an EVALSHA command is not in the server's script cache."""


class CrossSlotError(CommandError):
    """The keys of a command or a transaction are in different slots of a cluster."""


class Redirection(CommandError):
    """A node of a cluster redirects the client, as in ``MOVED 3999 127.0.0.1:6381``."""

    @property
    def target(self) -> tuple[str, int]:
        """The host and port of the other node; an empty host means the same host."""
        host, _, port = str(self).split()[2].rpartition(":")
        return host, int(port)


class MovedError(Redirection):
    """The key's slot belongs to another node."""


class AskError(Redirection):
    """The key's slot is being moved to another node, which already has the key."""


class SlotUnavailable(CommandError, ServerUnavailable):
    """No node of the cluster serves the key's slot at the moment: a node is down, or the slot is
    being moved."""


class LockError(CachexError):
    """The base class of errors of locks and semaphores.

    It is raised itself if one is used incorrectly, for example released without having been
    acquired.
    """


class LockNotAcquired(LockError):
    """A ``with`` statement could not acquire its lock or semaphore in time."""


class LockLost(LockError):
    """A lock, or the lease of a semaphore, expired or was deleted before it was released."""


class KeyFunctionNotSupported(CachexError):
    """The cache's KEY_FUNCTION doesn't allow its keys to be told apart from other keys."""
