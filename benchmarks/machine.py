"""What was measured on, without naming the machine."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

import django
import valkey

from tests import servers


def described(server: servers.Server) -> str:
    """Return a sentence about processors, versions and how busy the machine was."""
    parts = [
        f"{os.cpu_count()} processors (load {os.getloadavg()[0]:.1f} at the start)",
        f"{platform.python_implementation()} {platform.python_version()}",
        f"Django {django.get_version()}",
        f"valkey-py {version('valkey')}",
        f"Valkey {valkey_version(server)}",
        f"SQLite {sqlite3.sqlite_version}",
        *postgresql_version(),
    ]
    return f"Measured on {', '.join(parts)}."


def valkey_version(server: servers.Server) -> str:
    with valkey.Valkey(port=server.port) as client:
        return str(client.info("server")["valkey_version"])


def postgresql_version() -> list[str]:
    """Return the version of Debian's PostgreSQL, if it is installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not programs:
        return []
    said = subprocess.check_output([programs[-1], "--version"], text=True)
    return [f"PostgreSQL {said.split()[2]}"]
