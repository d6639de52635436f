"""The admin, served by a separate process whose memory is measured.

`python -m benchmarks.browser.site CACHES` serves until its input ends; the aliases are JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import project

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Site:
    """A running admin, and the session of a superuser."""

    url: str
    cookie: Mapping[str, str]
    """A cookie for Playwright's `add_cookies`."""

    pid: int

    def memory(self, name: str) -> int:
        """Return the memory of the process in bytes: `VmRSS`, or `VmHWM` for its peak."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields[name].split()[0]) * 1024


@contextmanager
def serve(caches: Mapping[str, Any]) -> Iterator[Site]:
    """Serve the admin for these caches."""
    command = [sys.executable, "-m", __name__, json.dumps(caches)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Site(**json.loads(process.stdout.readline()), pid=process.pid)
        finally:
            process.stdin.close()
            process.wait(20)


def main() -> None:
    project.set_up()
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client, override_settings
    from pytest_django.live_server_helper import LiveServer

    user = get_user_model()._default_manager.create_superuser("visitor")
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    with override_settings(CACHES=json.loads(sys.argv[1])):
        server = LiveServer("127.0.0.1")
        cookie = {"name": name, "value": client.cookies[name].value, "url": server.url}
        print(json.dumps({"url": server.url, "cookie": cookie}), flush=True)
        sys.stdin.read()
        server.stop()


if __name__ == "__main__":
    main()
