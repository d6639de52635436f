"""What is wrong with a project's settings is said at start-up, with an id and a hint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command

ROOT = Path(__file__).parents[2]


def found(settings: Any, given: Any) -> list[str]:
    settings.CACHEX_ADMIN = given
    return sorted(
        str(message.id)
        for message in run_checks()
        if str(message.id).startswith("django_cachex.") and "CACHEX_ADMIN" in message.msg
    )


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"PAGE_SIZE": 250},
        {"SCAN_BUDGET": 0.5, "SCAN_COUNT": 100, "TIMEOUT": 1},
        {"ALIASES": {"default": "hidden"}},
        {"ALIASES": {"default": "read-only"}},
    ],
)
def test_good_settings_pass(settings: Any, given: dict[str, Any]) -> None:
    assert found(settings, given) == []


def test_no_settings_pass(settings: Any) -> None:
    assert not hasattr(settings, "CACHEX_ADMIN")
    call_command("check")


@pytest.mark.parametrize(
    ("given", "id"),
    [
        ([], "django_cachex.E001"),
        ("hidden", "django_cachex.E001"),
        (None, "django_cachex.E001"),
        ({"PAGE": 100}, "django_cachex.W002"),
        ({"page_size": 100}, "django_cachex.W002"),
        ({5: 100}, "django_cachex.W002"),
        ({"TIMEOUT": 0}, "django_cachex.E002"),
        ({"TIMEOUT": -1}, "django_cachex.E002"),
        ({"TIMEOUT": "2"}, "django_cachex.E002"),
        ({"TIMEOUT": None}, "django_cachex.E002"),
        ({"TIMEOUT": True}, "django_cachex.E002"),
        ({"TIMEOUT": float("nan")}, "django_cachex.E002"),
        ({"SCAN_COUNT": 1.5}, "django_cachex.E002"),
        ({"ELEMENTS": float("inf")}, "django_cachex.E002"),
        ({"PAGE_SIZE": 30}, "django_cachex.E003"),
        ({"ALIASES": {"nobody": "hidden"}}, "django_cachex.W003"),
        ({"SILENCED_FINDINGS": "no-maxmemory"}, "django_cachex.E001"),
        ({"SILENCED_FINDINGS": ["no-such-finding"]}, "django_cachex.W003"),
        ({"SILENCED_FINDINGS": ["nobody:no-maxmemory"]}, "django_cachex.W003"),
        ({"ALIASES": {"default": "secret"}}, "django_cachex.E004"),
        ({"ALIASES": {"default": None}}, "django_cachex.E004"),
        ({"ALIASES": {"default": ["hidden"]}}, "django_cachex.E004"),
    ],
)
def test_bad_settings_are_named(settings: Any, given: Any, id: str) -> None:
    assert found(settings, given) == [id]


@pytest.mark.parametrize("aliases", [["default"], "default", None, 5])
def test_aliases_that_are_no_dict_are_named(settings: Any, aliases: Any) -> None:
    assert len(found(settings, {"ALIASES": aliases})) == 1


def test_messages_say_what_is_allowed(settings: Any) -> None:
    settings.CACHEX_ADMIN = {"PAGE_SIZE": 30, "ALIASES": {"default": "secret"}, "PAGE": 1}
    messages = " ".join(f"{message.msg} {message.hint}" for message in run_checks())
    for words in ("(25, 50, 100, 250, 500)", "'hidden', 'read-only'", "PAGE_SIZE", "30", "secret"):
        assert words in messages


SETUP = """
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.admin",
                    "django.contrib.messages", "django.contrib.sessions", *{apps}],
)
django.setup()
"""


@pytest.mark.parametrize("order", [("admin", "unfold"), ("unfold", "admin")])
def test_both_skins_at_once_are_refused(order: tuple[str, str]) -> None:
    names = [f"django_cachex.{name}" for name in order]
    done = subprocess.run(
        [sys.executable, "-c", SETUP.format(apps=names)],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "django_cachex.admin" in done.stderr
    assert "Use only one" in done.stderr
