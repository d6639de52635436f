"""The exceptions of caches.

Errors of the drivers are mapped to these in `django_cachex.cache.connection.errors`, and are their
`__cause__`. No message contains a password.
"""

from __future__ import annotations


class CachexError(Exception):
    """The base of every error that django-cachex raises about a server."""

    sent = True
    """Whether a command may have been sent before: not where no connection came about."""


class ServerUnavailable(CachexError):
    """The server could not be reached, hung up, is still loading, or answered nonsense."""


class ServerTimeout(ServerUnavailable):
    """The server did not connect or answer within its timeout."""


class UnexpectedReply(ServerUnavailable):
    """The server answered a command with what that cannot answer: it is none, or not in order."""


class ReplyTooLarge(CachexError):
    """The server's answer was longer than it may be, and was not read to its end."""

    def __init__(self, most: int, head: bytes = b"") -> None:
        super().__init__(most, head)
        self.most = most
        """Bytes that it may have."""
        self.head = head
        """How it began."""

    def __str__(self) -> str:
        return f"The server's answer is larger than {self.most:,} bytes: it was not read."


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


class NotSupportedError(UnknownCommand):
    """The server is too old for a command, or for an option of it; the text says what has it."""


class ServerStateError(CommandError):
    """The server cannot do this at the moment: it cannot save, a script keeps it busy, …

    Another time it could, and so nothing is wrong with the command.
    """


class ReadOnlyError(ServerStateError):
    """The server is a replica, which takes no writes: probably after a failover."""


class OutOfMemoryError(ServerStateError):
    """The server reached its ``maxmemory`` and may evict nothing."""


class ScriptMissing(CommandError):
    """EVALSHA named a script that the server does not hold."""


class CrossSlotError(CommandError):
    """The keys of one command, or of one transaction, are in several slots of a cluster."""


class Redirection(CommandError):
    """A node of a cluster names another one, as in ``MOVED 3999 127.0.0.1:6381``."""

    @property
    def target(self) -> tuple[str, int]:
        """The other node's host, empty where it is the one that was asked, and its port."""
        host, _, port = str(self).split()[2].rpartition(":")
        return host, int(port)


class MovedError(Redirection):
    """Another node has the slot of the key."""


class AskError(Redirection):
    """Another node is taking over the slot, and has this key already."""


class SlotUnavailable(CommandError, ServerUnavailable):
    """No node of a cluster serves the key's slot at the moment: one is down, or it moves."""


class LockError(CachexError):
    """A lock or a semaphore was used as it cannot be: released without having been acquired, …"""


class LockNotAcquired(LockError):
    """A lock, or room in a semaphore, was not to be had in time by a ``with`` statement."""


class LockLost(LockError):
    """A lock, or the lease of a semaphore, had expired or been deleted before it was released."""


class KeyFunctionNotSupported(CachexError):
    """The cache's KEY_FUNCTION hides keys, so its keys cannot be told from others'."""
