"""A page of the key browser beside Django's own list of users, with as many rows."""

from __future__ import annotations

from functools import partial
from itertools import count

from django.contrib.auth import get_user_model
from django.test import override_settings
from django.urls import reverse

from benchmarks.addresses import LINKS
from benchmarks.bench import Bench, Timed, valkey_alias
from benchmarks.figure import RATIO, Figure, Measured
from benchmarks.keys import KEY_BOX, SHOWN

ROWS = 100
USER_BOX = 'name="_selected_action"'


STEP = 9
"""How much deeper in the stack each round is: together they are spread over one chunk of it.

CPython (from 3.11 on) keeps Python's frames in chunks. A loop that steps over the end of one at
every turn takes several times as long, and templates are full of loops: any page may have that bad
luck at some depth, which middleware and servers decide.
"""


def below(depth: int, measured: Timed) -> float:
    """Return what is measured by so many calls further down."""
    return below(depth - 1, measured) if depth else measured()


def measure(bench: Bench) -> Figure:
    users = get_user_model()
    missing = ROWS - users._default_manager.count()
    users._default_manager.bulk_create(
        users(username=f"user-{n}", email=f"user-{n}@example.com", first_name="Ana")
        for n in range(missing)
    )
    keys_url, users_url = LINKS.keys("default"), reverse("admin:auth_user_changelist")
    depths, other_depths = count(step=STEP), count(step=STEP)
    timed = bench.visitor.timed
    with override_settings(CACHES={"default": valkey_alias(bench.valkey.port)}):
        seconds, reference = bench.side_by_side(
            lambda: below(next(depths), partial(timed, keys_url)),
            lambda: below(next(other_depths), partial(timed, users_url)),
        )
        shown = {
            SHOWN: bench.visitor.open(keys_url).count(KEY_BOX),
            "users shown": bench.visitor.open(users_url).count(USER_BOX),
        }
    return Figure(
        "Key browser and Django's list of users",
        "Both lists have the same number of rows, except that the last batch of keys is shown "
        "whole. The users are in an in-memory database. Each round runs at another depth of the "
        "stack, because some depths make one page or the other several times slower.",
        {RATIO: 1},
        [Measured("first page", shown, seconds, reference)],
        ("keys", "users"),
    )
