"""Commands of Valkey's *list* group; elements are decoded like values."""

from django_cachex.commands.list_blocking import ListWaiting
from django_cachex.commands.list_ends import ListEnds
from django_cachex.commands.lists import ListElements


class Lists(ListElements, ListEnds, ListWaiting):
    """All commands on lists. A list without elements is no key."""
