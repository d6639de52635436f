"""What to send to a Valkey or Redis server and how to read the reply; no I/O."""

from django_cachex.commands.exceptions import (
    AccessDenied,
    CachexError,
    CommandError,
    CrossSlotError,
    LockError,
    LockLost,
    LockNotAcquired,
    NotSupportedError,
    OpaqueKeysError,
    OutOfMemoryError,
    OutOfRangeError,
    ReadOnlyError,
    ScriptMissing,
    ServerTimeout,
    ServerUnavailable,
    SlotUnavailable,
    UnknownCommand,
    WrongTypeError,
)
from django_cachex.commands.request import Attempts, Request, Steps, attempt, awaitable, blocking
from django_cachex.commands.scripts import Script
from django_cachex.commands.waiting import Waiting

__all__ = [
    "AccessDenied",
    "Attempts",
    "CachexError",
    "CommandError",
    "CrossSlotError",
    "LockError",
    "LockLost",
    "LockNotAcquired",
    "NotSupportedError",
    "OpaqueKeysError",
    "OutOfMemoryError",
    "OutOfRangeError",
    "ReadOnlyError",
    "Request",
    "Script",
    "ScriptMissing",
    "ServerTimeout",
    "ServerUnavailable",
    "SlotUnavailable",
    "Steps",
    "UnknownCommand",
    "Waiting",
    "WrongTypeError",
    "attempt",
    "awaitable",
    "blocking",
]
