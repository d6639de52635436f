"""The key browser compared with Django's list of users, with the same number of rows."""

from __future__ import annotations

from functools import partial
from itertools import count

from django.contrib.auth import get_user_model
from django.test import override_settings
from django.urls import reverse

from benchmarks.addresses import LINKS
from benchmarks.bench import Bench, TimedAction, valkey_alias
from benchmarks.figure import RATIO, Figure, Measurement
from benchmarks.keys import KEY_CHECKBOX, KEYS_SHOWN

ROWS = 100
USER_CHECKBOX = 'name="_selected_action"'


DEPTH_STEP = 9
"""How many frames deeper in the stack each round runs.

CPython (since 3.11) keeps Python frames in chunks. A loop whose calls cross the end of a chunk at
every iteration takes several times as long, and templates are full of loops. Any page may hit this
at some stack depth, which depends on middleware and the server. The depths of all rounds together
cover one chunk.
"""


def run_deeper(depth: int, action: TimedAction) -> float:
    """Run an action `depth` frames deeper in the stack."""
    return run_deeper(depth - 1, action) if depth else action()


def measure(bench: Bench) -> Figure:
    users = get_user_model()
    missing = ROWS - users._default_manager.count()
    users._default_manager.bulk_create(
        users(username=f"user-{n}", email=f"user-{n}@example.com", first_name="Ana")
        for n in range(missing)
    )
    keys_url, users_url = LINKS.keys("default"), reverse("admin:auth_user_changelist")
    depths, other_depths = count(step=DEPTH_STEP), count(step=DEPTH_STEP)
    time_page = bench.visitor.time_page
    with override_settings(CACHES={"default": valkey_alias(bench.valkey.port)}):
        seconds, reference = bench.compare(
            lambda: run_deeper(next(depths), partial(time_page, keys_url)),
            lambda: run_deeper(next(other_depths), partial(time_page, users_url)),
        )
        shown = {
            KEYS_SHOWN: bench.visitor.open(keys_url).count(KEY_CHECKBOX),
            "users shown": bench.visitor.open(users_url).count(USER_CHECKBOX),
        }
    return Figure(
        "Key browser and Django's list of users",
        "Both lists have the same number of rows. The users are in an in-memory database. Each "
        "round runs at another depth of the stack, because some depths make one page or the other "
        "several times slower.",
        {RATIO: 1},
        [Measurement("first page", shown, seconds, reference)],
        ("keys", "users"),
    )
