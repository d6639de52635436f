"""Commands of Valkey's *list* group; elements are decoded like values."""

from django_cachex.commands.lists.elements import ListElements
from django_cachex.commands.lists.ends import ListEnds
from django_cachex.commands.lists.waiting import ListWaiting


class Lists(ListElements, ListEnds, ListWaiting):
    """All commands on lists. A list without elements is no key."""
