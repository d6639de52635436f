"""What a policy closes stays closed, whichever alias names its keys and however its server is
written."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import valkey
from django.contrib.admin.models import LogEntry
from django.core.cache import caches
from django.core.management import CommandError, call_command

from django_cachex.admin import stores
from django_cachex.inspectors import inspector_for
from tests import servers
from tests.admin import addresses
from tests.admin.browser import Browser
from tests.admin.conftest import (
    DATABASE,
    DJANGO_REDIS,
    FILES,
    ROOMY,
    VALKEY,
    Configure,
    locmem_params,
    stored_key,
    valkey_params,
)
from tests.admin.test_session_oracle import HASHED, MEMCACHED, RAW

Place = Callable[[servers.Server, Path], str]

PLACES: dict[str, Place] = {
    "the same": lambda server, folder: f"redis://{server.address}/0",
    "localhost": lambda server, folder: f"redis://localhost:{server.port}/0",
    "user and database in the query": lambda server, folder: (
        f"redis://default@127.0.0.1:{server.port}?db=0"
    ),
    "another loopback address": lambda server, folder: f"redis://127.1:{server.port}/0",
    "a socket": lambda server, folder: f"unix://{server.folder / 's'}?db=0",
    "a link to the socket": lambda server, folder: f"unix://{link(server, folder)}?db=0",
}


def link(server: servers.Server, folder: Path) -> Path:
    path = folder / "link"
    if not path.is_symlink():
        path.symlink_to(server.folder / "s")
    return path


WAYS_ROUND: dict[str, dict[str, Any]] = {
    "raw": {"KEY_PREFIX": "", "KEY_FUNCTION": RAW},
    "a shorter prefix": {"KEY_PREFIX": ""},
    "another version": {"KEY_PREFIX": "p", "VERSION": 2},
    "a hash": {"KEY_PREFIX": "p", "KEY_FUNCTION": HASHED},
    "the same keys": {"KEY_PREFIX": "p"},
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, valkey_server: servers.Server, tmp_path: Path) -> str:
    """The URL of one server, in one spelling after the other."""
    return PLACES[request.param](valkey_server, tmp_path)


PAIRS = [
    pytest.param(
        (place, way), marks=[] if place == "a socket" or way == "raw" else [pytest.mark.slow]
    )
    for place in PLACES
    for way in WAYS_ROUND
]


@pytest.fixture(params=PAIRS, ids="-".join)
def closed(
    request: pytest.FixtureRequest,
    valkey_server: servers.Server,
    configure: Configure,
    tmp_path: Path,
) -> bytes:
    """A stored key of alias `closed`, whose entries alias `open` reaches."""
    place, way = request.param
    location = PLACES[place](valkey_server, tmp_path)
    configure(
        closed=valkey_params(valkey_server),
        open={"BACKEND": DJANGO_REDIS, "LOCATION": location, **WAYS_ROUND[way]},
    )
    caches["closed"].set("precious", {"to": "nobody"}, 1000)
    return stored_key("closed", "precious")


def requests(stored: bytes) -> list[tuple[str, dict[str, Any] | None]]:
    """Return whatever shows or changes a key through alias `open`."""
    key_id = addresses.object_id("open", stored)
    page = addresses.key("open", stored)
    return [
        (page, None),
        (addresses.download("open", stored), None),
        (addresses.history("open", stored), None),
        (page, {"mode": "set-value", "value": "x", "store_as": "text", "confirmed": "1"}),
        (page, {"mode": "set-ttl", "timeout": "5"}),
        (page, {"mode": "set-name", "name": "stolen"}),
        (page, {"mode": "make-copy", "name": "stolen", "into": "open"}),
        (addresses.delete("open", stored), {"confirmed": "1"}),
        (addresses.by_form("change"), {"id": key_id}),
        (addresses.by_form("delete"), {"id": key_id, "confirmed": "1"}),
        (addresses.keys("open"), {"action": "delete", "selected": [key_id], "confirmed": "1"}),
    ]


def look(admin: Browser) -> str:
    """Return all that the lists of alias `open` show."""
    urls = [
        *(addresses.keys("open", scope=scope) for scope in ("", "versions", "store")),
        *(addresses.keys("open", q="*precious*", scope=one) for one in ("", "versions", "store")),
        addresses.keys("open", q="p:1:precious"),
        addresses.keys("open", q="*", live="0"),
        addresses.matching("open", action="delete", q="*"),
        addresses.namespaces("open"),
        addresses.namespaces("open", under="p:1:"),
    ]
    return "".join(admin.open(url).html.replace("*precious*", "") for url in urls)


def test_hidden_keys_are_neither_shown_nor_changed(
    admin: Browser, closed: bytes, settings: Any, raw: valkey.Valkey
) -> None:
    settings.CACHEX_ADMIN = {"ALIASES": {"closed": "hidden"}}
    before = raw.dump(closed)
    shown = look(admin)
    assert addresses.object_id("open", closed) not in shown
    assert ">p:1:precious<" not in shown
    assert ">precious<" not in shown
    for url, data in requests(closed):
        page = admin.open(url) if data is None else admin.post(url, data)
        assert page.status in (200, 403, 404), url
        assert "nobody" not in page.text
    assert raw.dump(closed) == before
    assert raw.pttl(closed) > 900_000
    assert raw.dbsize() == 1


def test_read_only_keys_are_shown_and_not_changed(
    admin: Browser, closed: bytes, settings: Any, raw: valkey.Valkey
) -> None:
    settings.CACHEX_ADMIN = {"ALIASES": {"closed": "read-only"}}
    before = raw.dump(closed)
    for url, data in requests(closed):
        if data is not None and data.get("mode") != "make-copy":
            admin.post(url, data)
    assert raw.dump(closed) == before
    assert raw.pttl(closed) > 900_000
    for act in ("delete", "expire"):
        page = admin.open(addresses.matching("open", action=act, q="*", ttl="60"))
        assert "0 keys match" in page.text or page.status in (403, 200)
        assert not page.has_action("ask")
    assert raw.dump(closed) == before


def test_nothing_is_put_in_the_place_of_a_closed_key(
    admin: Browser, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    configure(
        closed=valkey_params(valkey_server), open=valkey_params(valkey_server, **WAYS_ROUND["raw"])
    )
    caches["closed"].set("precious", {"to": "nobody"}, 1000)
    caches["open"].set("mine", "value")
    mine = addresses.key("open", "mine")
    for policy in ("hidden", "read-only"):
        settings.CACHEX_ADMIN = {"ALIASES": {"closed": policy}}
        for name in ("p:1:precious", "p:1:new"):
            added = {"key": name, "value": "x", "store_as": "text", "replace": "on"}
            for url, data in (
                (addresses.add("open"), added),
                (mine, {"mode": "set-name", "name": name, "overwrite": "on", "confirmed": "1"}),
                (
                    mine,
                    {
                        "mode": "make-copy",
                        "name": name,
                        "into": "open",
                        "overwrite": "on",
                        "confirmed": "1",
                    },
                ),
            ):
                assert admin.post(url, data).status == 403
    assert caches["closed"].get("precious") == {"to": "nobody"}
    assert caches["closed"].get("new") is None
    assert caches["open"].get("mine") == "value"


STORES = ["table", "local", "files", "memcached"]


@pytest.mark.parametrize("kind", STORES)
def test_other_stores_are_closed_alike(
    admin: Browser,
    request: pytest.FixtureRequest,
    kind: str,
    configure: Configure,
    settings: Any,
    tmp_path: Path,
) -> None:
    if kind == "table":
        table = request.getfixturevalue("database_table")
        params: list[dict[str, Any]] = [{"BACKEND": DATABASE, "LOCATION": table}] * 2
    elif kind == "files":
        (tmp_path / "link").symlink_to(tmp_path / "files")
        params = [
            {"BACKEND": FILES, "LOCATION": str(tmp_path / name)} for name in ("files", "link")
        ]
    elif kind == "memcached":
        server = request.getfixturevalue("memcached_process")
        places = (server.address, f"localhost:{server.port}")
        params = [{"BACKEND": MEMCACHED, "LOCATION": place} for place in places]
    else:
        params = [locmem_params(OPTIONS=ROOMY)] * 2
    configure(closed={**params[0], "KEY_PREFIX": "p"}, open={**params[1], "KEY_FUNCTION": RAW})
    caches["closed"].set("precious", {"to": "nobody"}, 1000)
    settings.CACHEX_ADMIN = {"ALIASES": {"closed": "hidden"}}
    stored = stored_key("closed", "precious")
    if kind == "files":
        from hashlib import md5

        stored = md5(stored).hexdigest().encode()
    assert addresses.object_id("open", stored) not in look(admin)
    for url, data in requests(stored):
        page = admin.open(url) if data is None else admin.post(url, data)
        assert "nobody" not in page.text
    assert admin.post(addresses.key("open", stored), {"mode": "read"}).status == 404
    assert caches["closed"].get("precious") == {"to": "nobody"}


def test_what_a_flush_would_take_besides_is_not_named(
    admin: Browser, place: str, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    configure(
        closed=valkey_params(valkey_server), open={"BACKEND": DJANGO_REDIS, "LOCATION": place}
    )
    caches["closed"].set("precious", 1)
    for policy in ("hidden", "read-only"):
        settings.CACHEX_ADMIN = {"ALIASES": {"closed": policy}}
        data = {"action": "flush", "selected": ["open"]}
        for given in (data, {**data, "confirmed": "1"}):
            page = admin.post(addresses.caches(), given)
            assert "also delete keys that CACHEX_ADMIN protects" in page.text
            assert '"closed"' not in page.text
        with pytest.raises(CommandError, match="also delete keys that CACHEX_ADMIN protects"):
            call_command("cachex", "flush", "open", "--yes")
    assert caches["closed"].get("precious") == 1


def test_a_flush_of_keys_that_nobody_can_tell_is_refused(
    admin: Browser, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    params = valkey_params(valkey_server)
    configure(closed=params, open={**params, "KEY_PREFIX": "", "KEY_FUNCTION": RAW})
    settings.CACHEX_ADMIN = {"ALIASES": {"closed": "read-only"}}
    caches["closed"].set("precious", 1)
    for given in ({}, {"confirmed": "1"}):
        page = admin.post(addresses.caches(), {"action": "flush", "selected": "open", **given})
        assert page.status == 200
        assert '"open"' in page.text
    assert caches["closed"].get("precious") == 1


def test_the_command_line_keeps_to_policies(
    valkey_server: servers.Server, configure: Configure, settings: Any, raw: valkey.Valkey
) -> None:
    configure(
        closed=valkey_params(valkey_server), open=valkey_params(valkey_server, **WAYS_ROUND["raw"])
    )
    caches["closed"].set("precious", {"to": "nobody"}, 1000)
    settings.CACHEX_ADMIN = {"ALIASES": {"closed": "hidden"}}
    for words in (
        ("get", "open", "p:1:precious"),
        ("set", "open", "p:1:precious", "x", "--replace", "--yes"),
        ("delete", "open", "p:1:precious", "--yes"),
        ("expire", "open", "p:1:precious", "--in", "5", "--yes"),
    ):
        with pytest.raises(CommandError, match="CACHEX_ADMIN restricts"):
            call_command("cachex", *words)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("cachex", "keys", "open", stdout=out, stderr=out)
    with pytest.raises(SystemExit):
        call_command("cachex", "delete", "open", "--pattern", "*", "--yes", stdout=out, stderr=out)
    assert "precious" not in out.getvalue()
    assert caches["closed"].get("precious") == {"to": "nobody"}


def test_the_keys_of_others_stay_open_beside_a_hidden_cache(
    admin: Browser, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    params = valkey_params(valkey_server)
    configure(
        closed=valkey_params(valkey_server, **WAYS_ROUND["raw"]),
        open=params,
        elsewhere={**params, "LOCATION": f"valkey://{valkey_server.address}/3"},
    )
    settings.CACHEX_ADMIN = {"ALIASES": {"closed": "hidden"}}
    for alias in ("open", "elsewhere"):
        caches[alias].set("mine", "value")
        assert admin.open(addresses.keys(alias)).column("Key") == ["mine"]
        assert "value" in admin.open(addresses.key(alias, "p:1:mine")).text


def test_a_server_that_hangs_holds_up_no_page_of_another(
    admin: Browser, valkey_server: servers.Server, configure: Configure, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"ALIASES": {"closed": "hidden"}}
    with servers.silent() as port:
        configure(
            closed={"BACKEND": VALKEY, "LOCATION": f"valkey://127.0.0.1:{port}/0"},
            open=valkey_params(valkey_server),
        )
        caches["open"].set("mine", "value")
        page = admin.open(addresses.keys("open"))
        assert page.column("Key") == ["mine"]
        assert page.seconds < 2
        again = admin.open(addresses.keys("open"))
        assert again.column("Key") == ["mine"]
        assert again.seconds < page.seconds


def test_a_replica_is_the_store_of_its_primary(
    admin: Browser, configure: Configure, settings: Any
) -> None:
    with (
        servers.valkey() as primary,
        servers.valkey(
            "--replicaof", f"127.0.0.1 {primary.port}", "--repl-diskless-sync-delay", "0"
        ) as replica,
    ):
        configure(
            closed=valkey_params(primary),
            open={**valkey_params(replica, **WAYS_ROUND["raw"])},
        )
        caches["closed"].set("precious", 1)
        servers.wait_until(lambda: caches["open"].get("p:1:precious") == 1, "the replica")
        settings.CACHEX_ADMIN = {"ALIASES": {"closed": "hidden"}}
        assert admin.open(addresses.key("open", "p:1:precious")).status == 404
        assert admin.open(addresses.keys("open")).column("Stored key") == []


def test_nothing_is_recorded_of_what_was_refused(
    admin: Browser, closed: bytes, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"ALIASES": {"closed": "hidden"}}
    for url, data in requests(closed):
        if data is not None:
            admin.post(url, data)
    assert not LogEntry.objects.exists()


def test_a_server_that_began_anew_is_known_while_the_closed_alias_does_not_answer(
    valkey_server: servers.Server, configure: Configure
) -> None:
    before = dict.fromkeys(("closed", "open"), frozenset({"the id of its former run/0"}))
    socket = f"unix://{valkey_server.folder / 's'}?db=0"
    with servers.silent() as port:
        configure(
            closed={"BACKEND": VALKEY, "LOCATION": f"valkey://127.0.0.1:{port}/0"},
            open=valkey_params(valkey_server, LOCATION=socket),
        )
        after = stores._fetch_stores(before)
    assert after.is_shared(inspector_for("open"), inspector_for("closed"))
