"""Commands of Valkey's *sorted set* group; members are decoded, scores are floats."""

from django_cachex.commands.sorted_set_algebra import SortedAlgebra
from django_cachex.commands.sorted_set_pops import SortedPops
from django_cachex.commands.sorted_set_ranges import SortedRanges
from django_cachex.commands.sorted_sets import SortedMembers


class SortedSets(SortedMembers, SortedRanges, SortedPops, SortedAlgebra):
    """All commands on sorted sets. A sorted set without members is no key."""
