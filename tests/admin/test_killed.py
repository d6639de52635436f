"""A run that is killed is on record with what it did, and with nothing that it did not do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest
import valkey

from tests import servers

MANY = 300_000
ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, valkey_server: servers.Server) -> dict[str, str]:
    """The environment of a project with a database in a file and a user, `root`."""
    (tmp_path / "killed_settings.py").write_text(
        dedent(f"""
            from tests.settings import *

            DATABASES = {{
                "default": {{
                    "ENGINE": "django.db.backends.sqlite3",
                    "NAME": {str(tmp_path / "db.sqlite3")!r},
                }}
            }}
            CACHES = {{
                "default": {{
                    "BACKEND": "django_cachex.cache.ValkeyCache",
                    "LOCATION": "valkey://{valkey_server.address}/0",
                }}
            }}
            CACHEX_ADMIN = {{"SCAN_BUDGET": 0.01}}
        """)
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
        "DJANGO_SETTINGS_MODULE": "killed_settings",
        "DJANGO_SUPERUSER_PASSWORD": "root",
    }
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "createsuperuser", "--noinput", "--username", "root", "--email", "")
    return environment


def manage(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "django", *words],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


READ = """
from django.contrib.admin.models import LogEntry
for entry in LogEntry.objects.order_by("pk"):
    print("RECORD", entry.change_message)
"""


def records(environment: dict[str, str]) -> list[str]:
    lines = manage(environment, "shell", "-c", READ).splitlines()
    return [line.removeprefix("RECORD ") for line in lines if line.startswith("RECORD ")]


def deleted(record: str) -> int:
    found = re.search(r"Deleted ([0-9,]+) keys?", record)
    assert found is not None
    return int(found[1].replace(",", ""))


@pytest.mark.slow
def test_a_killed_run_is_on_record_and_the_next_does_the_rest(
    project: dict[str, str], valkey_server: servers.Server
) -> None:
    with valkey.Valkey(port=valkey_server.port) as raw:
        for start in range(0, MANY, 10_000):
            raw.mset({f":1:user:{number}": "v" for number in range(start, start + 10_000)})
        words = ["cachex", "delete", "default", "--pattern", "user:*", "--yes", "--user", "root"]
        process = subprocess.Popen(
            [sys.executable, "-m", "django", *words], env=project, stdout=subprocess.PIPE
        )
        deadline = time.monotonic() + 60
        while raw.dbsize() > MANY * 0.8:
            assert time.monotonic() < deadline
            assert process.poll() is None
        process.kill()
        process.communicate()
        left = raw.dbsize()
        assert 0 < left < MANY * 0.8
        [record] = records(project)
        assert "Not yet at the end." in record
        assert 0 < deleted(record) <= MANY - left
        manage(project, *words)
        assert raw.dbsize() == 0
        _killed, rest = records(project)
        assert deleted(rest) == left
        assert "All were examined." in rest
