"""A page of the key browser beside Django's own list of users, with as many rows."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.test import override_settings
from django.urls import reverse

from benchmarks.addresses import LINKS
from benchmarks.bench import Bench, valkey_alias
from benchmarks.figure import RATIO, Figure, Measured

ROWS = 100


def measure(bench: Bench) -> Figure:
    users = get_user_model()
    missing = ROWS - users._default_manager.count()
    users._default_manager.bulk_create(
        users(username=f"user-{n}", email=f"user-{n}@example.com", first_name="Ana")
        for n in range(missing)
    )
    with override_settings(CACHES={"default": valkey_alias(bench.valkey.port)}):
        seconds, reference = bench.pages_side_by_side(
            LINKS.keys("default"), reverse("admin:auth_user_changelist")
        )
    return Figure(
        f"Key browser and Django's list of users, {ROWS} rows each",
        "The users are in a database in memory.",
        {RATIO: 1},
        [Measured("first page", {}, seconds, reference)],
        ("keys", "users"),
    )
