"""All groups of commands together."""

from __future__ import annotations

from django_cachex.commands.base import FieldT
from django_cachex.commands.bitmaps import BitmapCommands
from django_cachex.commands.hashes import HashCommands
from django_cachex.commands.hyperloglog import HyperLogLogCommands
from django_cachex.commands.keys import KeyCommands
from django_cachex.commands.lists import ListCommands
from django_cachex.commands.scripts import ScriptCommands
from django_cachex.commands.server import ServerCommands
from django_cachex.commands.sets import SetCommands
from django_cachex.commands.sorted_sets import SortedSetCommands
from django_cachex.commands.streams import StreamCommands


class AllCommands(
    KeyCommands,
    BitmapCommands,
    HyperLogLogCommands,
    ListCommands,
    HashCommands[FieldT],
    SetCommands,
    SortedSetCommands,
    StreamCommands[FieldT],
    ScriptCommands,
    ServerCommands,
):
    """All groups of commands except strings, whose methods are based on Django's."""
