"""What to send to a Valkey or Redis server and how to read the reply; no I/O."""

from django_cachex.commands.args import BlockingCommand
from django_cachex.commands.base import FieldT
from django_cachex.commands.bitmaps import BitmapCommands, HyperLogLogCommands
from django_cachex.commands.command import (
    Batch,
    Command,
    Operation,
    async_method,
    execute_all,
    sync_method,
)
from django_cachex.commands.hashes import HashCommands
from django_cachex.commands.keys import KeyCommands
from django_cachex.commands.lists import ListCommands
from django_cachex.commands.scripts import Script, ScriptCommands
from django_cachex.commands.server import ServerCommands
from django_cachex.commands.sets import SetCommands
from django_cachex.commands.sorted_set_ranges import SortedSetRangeCommands
from django_cachex.commands.sorted_sets import SortedSetCommands
from django_cachex.commands.stream_groups import StreamGroupCommands
from django_cachex.commands.streams import StreamCommands
from django_cachex.exceptions import (
    AccessDenied,
    CachexError,
    CommandError,
    CrossSlotError,
    KeyFunctionNotSupported,
    LockError,
    LockLost,
    LockNotAcquired,
    NotSupportedError,
    OutOfMemoryError,
    OutOfRangeError,
    ReadOnlyError,
    ReplyTooLarge,
    ScriptMissing,
    ServerStateError,
    ServerTimeout,
    ServerUnavailable,
    SlotUnavailable,
    UnexpectedReply,
    UnknownCommand,
    WrongTypeError,
)

__all__ = [
    "AccessDenied",
    "Batch",
    "BlockingCommand",
    "CachexError",
    "Command",
    "CommandError",
    "CrossSlotError",
    "KeyFunctionNotSupported",
    "LockError",
    "LockLost",
    "LockNotAcquired",
    "NotSupportedError",
    "Operation",
    "OutOfMemoryError",
    "OutOfRangeError",
    "ReadOnlyError",
    "ReplyTooLarge",
    "Script",
    "ScriptMissing",
    "ServerStateError",
    "ServerTimeout",
    "ServerUnavailable",
    "SlotUnavailable",
    "UnexpectedReply",
    "UnknownCommand",
    "WrongTypeError",
    "async_method",
    "execute_all",
    "sync_method",
]


class AllCommands(
    KeyCommands,
    BitmapCommands,
    HyperLogLogCommands,
    ListCommands,
    HashCommands[FieldT],
    SetCommands,
    SortedSetCommands,
    SortedSetRangeCommands,
    StreamCommands[FieldT],
    StreamGroupCommands[FieldT],
    ScriptCommands,
    ServerCommands,
):
    """All groups of commands except strings, whose methods are based on Django's."""
