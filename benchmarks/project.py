"""The Django project of the benchmarks: the tests' settings and an in-memory database."""

from __future__ import annotations

import os

import django
from django.core.management import call_command


def set_up() -> None:
    """Set up Django and create the tables of its apps."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()
    call_command("migrate", verbosity=0)
