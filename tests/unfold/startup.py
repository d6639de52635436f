"""The tests' project with other apps or settings, started in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

SETUP = """
import json, sys
import django
from django.conf import settings
from tests import settings as given

changes = json.loads(sys.argv[1])
for package in changes.pop("not_installed", ()):
    sys.modules[package] = None
project = {name: getattr(given, name) for name in dir(given) if name.isupper()}
settings.configure(**{**project, **changes})
django.setup()
"""

AFTER_ADMIN = (
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
)


def start(code: str, **changes: Any) -> Any:
    """Return what code prints as JSON in a project with some settings changed.

    `not_installed` names packages that cannot be imported there.
    """
    command = [sys.executable, "-c", SETUP + code, json.dumps(changes)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
