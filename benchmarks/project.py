"""The project of the benchmarks: the tests' settings and a database in memory."""

from __future__ import annotations

import os

import django
from django.core.management import call_command


def set_up() -> None:
    """Make Django ready, with the tables of its own apps."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    call_command("migrate", verbosity=0)
