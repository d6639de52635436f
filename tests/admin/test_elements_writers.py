"""Forms of one element, sent while somebody else keeps on changing it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import valkey
from django.core.cache import caches

from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import Configure, valkey_params

KEY = "p:1:key"
SECONDS = 1.5
REPLACE = """
local old = redis.call('HGET', KEYS[1], 'f')
redis.call('HSET', KEYS[1], 'f', ARGV[1])
return old
"""


@pytest.fixture
def store(configure: Configure, valkey_server: servers.Server) -> Any:
    configure(store=valkey_params(valkey_server))
    with valkey.Valkey(port=valkey_server.port) as client:
        yield client


def test_what_is_said_to_be_saved_was_saved_and_nothing_is_lost(
    admin: Browser, store: valkey.Valkey, valkey_server: servers.Server
) -> None:
    """Each write took the place of what it found: mine was found exactly if the page said so."""
    encode = caches["store"]._encode  # type: ignore[attr-defined]  # ours
    store.hset(KEY, "f", encode("start"))
    found: list[Any] = []
    over = threading.Event()

    def write() -> None:
        with valkey.Valkey(port=valkey_server.port) as client:
            number = 0
            while not over.is_set():
                # Pauses of all lengths: some forms are faster, some are not.
                over.wait(0.001 if number % 40 else 0.15)
                number += 1
                found.append(client.eval(REPLACE, 1, KEY, encode(f"theirs {number}")))

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    said, refused, number = set(), 0, 0
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end or not (said and refused):
            number += 1
            assert number < 500
            page = admin.open(addresses.key("store", KEY, mode="edit-field", element="=Zg"))
            [seen] = page.form("set-field").data()["value"]
            page = admin.submit(page, "set-field", value=f"mine {number}", store_as="text")
            if "Saved." in page.text:
                found.append(encode(seen))
                said.add(encode(f"mine {number}"))
            else:
                assert "Not saved" in page.text
                refused += 1
    finally:
        over.set()
        thread.join(10)
    found.append(store.hget(KEY, "f"))
    assert {one for one in found if one and b"mine" in one} == said
    assert len(found) == len(set(found))
