"""A page of the key browser beside Django's own list of users, with as many rows."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.test import override_settings
from django.urls import reverse

from benchmarks.addresses import LINKS
from benchmarks.bench import Bench, valkey_alias
from benchmarks.figure import RATIO, Figure, Measured
from benchmarks.keys import KEY_BOX, SHOWN

ROWS = 100
USER_BOX = 'name="_selected_action"'


def measure(bench: Bench) -> Figure:
    users = get_user_model()
    missing = ROWS - users._default_manager.count()
    users._default_manager.bulk_create(
        users(username=f"user-{n}", email=f"user-{n}@example.com", first_name="Ana")
        for n in range(missing)
    )
    keys_url, users_url = LINKS.keys("default"), reverse("admin:auth_user_changelist")
    with override_settings(CACHES={"default": valkey_alias(bench.valkey.port)}):
        seconds, reference = bench.pages_side_by_side(keys_url, users_url)
        counts = {
            SHOWN: bench.visitor.open(keys_url).count(KEY_BOX),
            "users shown": bench.visitor.open(users_url).count(USER_BOX),
        }
    return Figure(
        "Key browser and Django's list of users",
        "As many rows, but for the last batch of keys, which is shown whole. The users are in a "
        "database in memory.",
        {RATIO: 1},
        [Measured("first page", counts, seconds, reference)],
        ("keys", "users"),
    )
