"""Forms and the command line refuse a value that another cache's serializer would run."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import valkey
from django.core.cache import caches
from django.core.management import CommandError, call_command

from tests import servers
from tests.admin import addresses, words
from tests.admin.browser import Browser
from tests.admin.conftest import DJANGO_REDIS, Configure, valkey_params
from tests.cache.codecs.test_running import typed


@pytest.fixture
def folder(valkey_server: servers.Server, configure: Configure, tmp_path: Path) -> Path:
    """A folder that a reader makes where a program gets through: there is such a reader."""
    place = f"redis://{valkey_server.address}/0"
    packing = {"OPTIONS": {"serializer": "msgpack"}, "KEY_PREFIX": "m"}
    configure(
        packing=valkey_params(valkey_server, **packing),
        django={"BACKEND": DJANGO_REDIS, "LOCATION": place, "KEY_PREFIX": "m:1"},
    )
    caches["packing"].set("1:key", {"harmless": 1})
    return tmp_path / "made"


def nothing_ran(folder: Path, raw: valkey.Valkey) -> None:
    """Let the reader read all that is stored under its keys."""
    for stored in raw.keys("m:1:1:*"):
        if raw.type(stored) == b"string":
            with suppress(Exception):
                caches["django"].get(stored.decode().removeprefix("m:1:1:"))
    assert not folder.exists()


def test_a_new_key_is_refused(admin: Browser, folder: Path, raw: valkey.Valkey) -> None:
    sent = {"key": "1:new", "value": json.dumps(typed(folder)), "store_as": "json"}
    page = admin.post(addresses.add("packing"), sent)
    assert "run the value as code" in page.text
    assert words.SAVED not in page.text
    assert not raw.exists("m:1:1:new")
    nothing_ran(folder, raw)


def test_an_edit_is_refused(admin: Browser, folder: Path, raw: valkey.Valkey) -> None:
    before = raw.get("m:1:1:key")
    form = admin.open(addresses.key("packing", "m:1:1:key", mode="edit"))
    page = admin.submit(form, "save", value=json.dumps(typed(folder)), store_as="json")
    assert "run the value as code" in page.text
    assert raw.get("m:1:1:key") == before
    nothing_ran(folder, raw)


def test_an_element_is_refused(admin: Browser, folder: Path, raw: valkey.Valkey) -> None:
    raw.rpush("m:1:1:list", b"\xa1a")
    form = admin.open(addresses.key("packing", "m:1:1:list", mode="add-item"))
    sent: dict[str, Any] = {"value": json.dumps(typed(folder)), "store_as": "json", "end": "last"}
    page = admin.submit(form, "push-item", **sent)
    assert "run the value as code" in page.text
    assert raw.llen("m:1:1:list") == 1


def test_the_command_line_refuses_it(folder: Path, raw: valkey.Valkey) -> None:
    text = json.dumps(typed(folder))
    with pytest.raises(CommandError, match="as code"):
        call_command("cachex", "set", "packing", "1:new", text)
    assert not raw.exists("m:1:1:new")
    nothing_ran(folder, raw)
