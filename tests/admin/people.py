"""Who may hold which permissions, and what that lets them see."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

PERMISSIONS = ("view_cache", "change_cache", "view_key", "add_key", "change_key", "delete_key")

Held = frozenset[str]

NONE: Held = frozenset()
ALL: Held = frozenset(PERMISSIONS)
SINGLES = [frozenset({one}) for one in PERMISSIONS]
ALL_BUT_ONE = [ALL - one for one in SINGLES]
PAIRS = [frozenset(pair) for pair in combinations(PERMISSIONS, 2)]
PEOPLE = [NONE, *SINGLES, *PAIRS, *ALL_BUT_ONE, ALL]

# The pairs that some act needs, or that come near to one.
ACTING_PAIRS = [
    frozenset({"change_cache", "view_key"}),
    frozenset({"change_cache", "change_key"}),
    frozenset({"add_key", "change_key"}),
    frozenset({"add_key", "view_key"}),
    frozenset({"view_key", "delete_key"}),
]


def named(held: Held) -> str:
    return "+".join(sorted(held)) if len(held) < 3 else f"all-{'+'.join(sorted(ALL - held))}"


def sees_caches(held: Held) -> bool:
    return bool(held & {"view_cache", "change_cache"})


def sees_keys(held: Held) -> bool:
    return bool(held & {"view_key", "change_key"})


Expectation = Callable[[Held], bool]
