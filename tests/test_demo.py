"""`python -m demo`, as `make demo` runs it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
import valkey

from tests import servers

ROOT = Path(__file__).parent.parent
ALIASES = [
    *("default", "sessions", "catalogue", "dj-redis", "local"),
    *("pages", "files", "disk", "off", "stranger", "dead"),
    *(["memcached"] if servers.find_program("memcached") else []),
]


@dataclass(frozen=True)
class Demo:
    """A running demo: its process, its address, the port of its Valkey, what it printed."""

    process: subprocess.Popen[str]
    url: str
    valkey_port: int
    printed: str


def start(port: int, state: Path) -> subprocess.Popen[str]:
    # What a shell starts in the background ignores SIGINT, unless it sets a handler.
    in_background = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    return subprocess.Popen(
        [*in_background, sys.executable, "-m", "demo", str(port)],
        cwd=ROOT,
        env=os.environ | {"DEMO_STATE": str(state), "DJANGO_SETTINGS_MODULE": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def running(state: Path) -> Iterator[Demo]:
    """Yield the demo once it has printed its address, which is the last thing it prints."""
    with start(servers.free_port(), state) as process:
        assert process.stdout is not None
        printed = ""
        try:
            for line in process.stdout:
                printed += line
                if address := re.search(r"http://\S+/admin/", line):
                    break
            else:
                pytest.fail(printed)
            (valkey_port,) = re.findall(r"Valkey listens on 127\.0\.0\.1:(\d+)", printed)
            yield Demo(process, address[0], int(valkey_port), printed)
        finally:
            process.terminate()
            process.wait(20)


def log_in(url: str, name: str) -> Any:
    """Return an opener of pages with the session of a user whose password is the name."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    with browser.open(f"{url}login/") as response:
        (token,) = set(
            re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', response.read().decode())
        )
    form = {"csrfmiddlewaretoken": token, "username": name, "password": name, "next": url}
    browser.open(f"{url}login/", urlencode(form).encode()).close()
    return browser


def sizes(port: int) -> list[int]:
    """Return the number of keys of each database that the demo uses."""
    found = []
    for database in range(3):
        with valkey.Valkey(port=port, db=database) as client:
            found.append(client.dbsize())
    return found


def test_demo_shows_every_kind_of_cache(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        assert "user: admin   password: admin" in demo.printed
        browser = log_in(demo.url, "admin")
        with browser.open(f"{demo.url}django_cachex/cache/") as response:
            page = response.read().decode()
        assert [alias for alias in ALIASES if alias not in page] == []
        for alias in ALIASES:  # An answer of 400 or more would raise.
            browser.open(f"{demo.url}django_cachex/cache/{alias}/change/").close()
            browser.open(f"{demo.url}django_cachex/key/?cache={alias}").close()
        (stylesheet, *_) = re.findall(r'href="(/static/django_cachex/[^"]+\.css)"', page)
        with browser.open(demo.url.removesuffix("/admin/") + stylesheet) as response:
            assert response.status == 200


def test_demo_starts_again_with_the_same_caches(tmp_path: Path) -> None:
    with running(tmp_path) as demo:
        before = sizes(demo.valkey_port)
        assert before[0] > 4_500
    with running(tmp_path) as demo:
        assert sizes(demo.valkey_port) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_demo_ends_with_its_valkey(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as demo:
        assert servers.answers("127.0.0.1", demo.valkey_port)
        demo.process.send_signal(number)
        assert demo.process.wait(20) == 0
        assert not servers.answers("127.0.0.1", demo.valkey_port)


def test_demo_says_that_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with start(port, tmp_path) as process:
            said, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"127.0.0.1:{port}" in said
    assert "make demo PORT=8001" in said
    assert not (tmp_path / "demo.sqlite3").exists()
