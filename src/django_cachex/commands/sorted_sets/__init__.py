"""Commands of Valkey's *sorted set* group; members are decoded, scores are floats."""

from django_cachex.commands.sorted_sets.algebra import SortedAlgebra
from django_cachex.commands.sorted_sets.members import SortedMembers
from django_cachex.commands.sorted_sets.pops import SortedPops
from django_cachex.commands.sorted_sets.ranges import SortedRanges


class SortedSets(SortedMembers, SortedRanges, SortedPops, SortedAlgebra):
    """All commands on sorted sets. A sorted set without members is no key."""
