"""The environment of a benchmark, without identifying the machine."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import valkey

from tests import servers

# Packages that are known by other names.
DISPLAY_NAMES = {"django": "Django", "valkey": "valkey-py", "redis": "redis-py"}


def describe_environment(server: servers.Server) -> str:
    """Describe the environment of the admin's benchmarks."""
    return environment_sentence(
        *package_versions("django", "valkey"),
        f"Valkey {valkey_version(server)}",
        f"SQLite {sqlite3.sqlite_version}",
        *postgresql_version(),
    )


def environment_sentence(*versions: str) -> str:
    """Return a sentence about processors, load and versions."""
    parts = [
        f"{os.cpu_count()} processors (load {os.getloadavg()[0]:.1f} at the start)",
        f"{platform.python_implementation()} {platform.python_version()}",
        *versions,
    ]
    return f"Measured on {', '.join(parts)}."


def package_versions(*names: str) -> Iterator[str]:
    """Yield packages with their versions."""
    for name in names:
        yield f"{DISPLAY_NAMES.get(name, name)} {version(name)}"


def valkey_version(server: servers.Server) -> str:
    with valkey.Valkey(port=server.port) as client:
        return str(client.info("server")["valkey_version"])


def postgresql_version() -> list[str]:
    """Return the version of Debian's PostgreSQL, if it is installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not programs:
        return []
    output = subprocess.check_output([programs[-1], "--version"], text=True)
    return [f"PostgreSQL {output.split()[2]}"]
