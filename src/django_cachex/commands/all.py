"""All groups of commands together."""

from __future__ import annotations

from django_cachex.commands.base import Name
from django_cachex.commands.bitmaps import Bits
from django_cachex.commands.hashes import Hashes
from django_cachex.commands.hyperloglog import HyperLogLogs
from django_cachex.commands.keys import Keys
from django_cachex.commands.lists import Lists
from django_cachex.commands.scripts import Scripts
from django_cachex.commands.server import ServerCommands
from django_cachex.commands.sets import Sets
from django_cachex.commands.sorted_sets import SortedSets
from django_cachex.commands.streams import Streams


class AllCommands(
    Keys,
    Bits,
    HyperLogLogs,
    Lists,
    Hashes[Name],
    Sets,
    SortedSets,
    Streams[Name],
    Scripts,
    ServerCommands,
):
    """Every command that a client, a cache and a pipeline have in common."""
