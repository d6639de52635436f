"""What to send to a Valkey or Redis server and how to read the reply; no I/O."""

from django_cachex.commands.exceptions import (
    AccessDenied,
    CachexError,
    CommandError,
    CrossSlotError,
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

__all__ = [
    "AccessDenied",
    "Attempts",
    "CachexError",
    "CommandError",
    "CrossSlotError",
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
    "WrongTypeError",
    "attempt",
    "awaitable",
    "blocking",
]
