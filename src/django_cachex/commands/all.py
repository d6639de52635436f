"""All groups of commands together."""

from __future__ import annotations

from django_cachex.commands.base import Name
from django_cachex.commands.bitmaps import Bits
from django_cachex.commands.hash_commands import Hashes
from django_cachex.commands.hyperloglog import HyperLogLogs
from django_cachex.commands.key_timeouts import Lifetimes
from django_cachex.commands.keys import Keys
from django_cachex.commands.list_commands import Lists
from django_cachex.commands.scripts import Scripts
from django_cachex.commands.server import ServerCommands
from django_cachex.commands.sets import Sets
from django_cachex.commands.slowlog import SlowLog
from django_cachex.commands.sorted_set_commands import SortedSets
from django_cachex.commands.stream_commands import Streams
from django_cachex.commands.string_ranges import Strings


class AllCommands(
    Keys,
    Lifetimes,
    Strings,
    Bits,
    HyperLogLogs,
    Lists,
    Hashes[Name],
    Sets,
    SortedSets,
    Streams[Name],
    Scripts,
    ServerCommands,
    SlowLog,
):
    """Every command that a client, a cache and a pipeline have in common."""
