"""How the inspectors reach a server, and what is seen of it when they do not."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from django_cachex.commands import CachexError, Command, ServerTimeout, ServerUnavailable
from django_cachex.commands.command import parse_raw
from django_cachex.inspectors.edits import AddValue, Expire
from django_cachex.inspectors.masking import find_secrets, mask
from django_cachex.inspectors.query import Query
from django_cachex.inspectors.types import TTL_NONE
from django_cachex.inspectors.valkey import RedisCacheInspector
from django_cachex.inspectors.valkey.inspector import ServerInspector
from tests import servers
from tests.inspectors.contract import later, listed
from tests.inspectors.valkey.conftest import Store, on_every_backend

Question = Callable[[ServerInspector], Any]

QUESTIONS: dict[str, Question] = {
    "status": lambda inspector: inspector.status(),
    "scan": lambda inspector: inspector.scan(Query(), "", 10, later()),
    "describe": lambda inspector: inspector.describe([b"key"]),
    "read": lambda inspector: inspector.read(b"key"),
    "add": lambda inspector: inspector.apply(b"key", AddValue(1, TTL_NONE)),
    "expire": lambda inspector: inspector.apply(b"key", Expire(TTL_NONE)),
    "delete": lambda inspector: inspector.delete([b"key"]),
    "flush": lambda inspector: inspector.flush(),
    "info": lambda inspector: inspector.info(),
}


@pytest.fixture(params=QUESTIONS)
def question(request: pytest.FixtureRequest) -> Question:
    return QUESTIONS[request.param]


def text_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_a_refused_connection_is_an_error_at_once(store: Store, question: Question) -> None:
    url = f"{store.scheme}://clerk:hunter2@127.0.0.1:{servers.free_port()}/0"
    inspector = store.inspect(url)
    started = time.monotonic()
    with pytest.raises(ServerUnavailable) as failure:
        question(inspector)
    assert time.monotonic() - started < 1
    assert "hunter2" not in mask(text_of(failure.value), find_secrets(inspector.params))


WAITS: dict[str, tuple[str, dict[str, Any]]] = {
    "by default": ("", {}),
    "options": ("", {"socket_timeout": 30, "retry_on_timeout": True}),
    "url": ("?socket_timeout=30&socket_connect_timeout=30&retry_on_timeout=yes", {}),
    "retries": ("", {"retry": ..., "retry_on_timeout": True}),
}
"""How an application is configured to wait: in its URL, and in its options."""


@on_every_backend
@pytest.mark.parametrize("wait", WAITS)
def test_a_silent_server_is_an_error_within_the_timeout_of_the_admin(
    store: Store, settings: Any, wait: str
) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": 0.4}
    query, options = WAITS[wait]
    if "retry" in options:
        retry, backoff = (import_module(f"{store.scheme}.{name}") for name in ("retry", "backoff"))
        options = {**options, "retry": retry.Retry(backoff.NoBackoff(), 5)}
    with servers.silent() as port:
        url = f"{store.scheme}://:hunter2@127.0.0.1:{port}/0{query}"
        inspector = store.inspect(url, OPTIONS=options)
        started = time.monotonic()
        with pytest.raises(ServerTimeout) as failure:
            inspector.status()
        assert 0.3 < time.monotonic() - started < 1
    assert "hunter2" not in mask(text_of(failure.value), find_secrets(inspector.params))


def test_a_server_that_stops_answering_is_an_error_within_the_timeout(
    store: Store, settings: Any
) -> None:
    settings.CACHEX_ADMIN = {"TIMEOUT": 0.4}
    inspector = store.inspect()
    inspector.status()
    store.server.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(ServerTimeout):
            inspector.status()
        assert 0.3 < time.monotonic() - started < 1
    finally:
        store.server.process.send_signal(signal.SIGCONT)
    assert inspector.status().keys == 0


def test_wrong_credentials_are_an_error_without_the_password(store: Store, user: str) -> None:
    inspector = store.inspect(store.url.replace("//", f"//{user}:wrong-pass@"))
    with pytest.raises(CachexError) as failure:
        inspector.status()
    assert "invalid username-password pair" in text_of(failure.value)
    assert "wrong-pass" not in mask(text_of(failure.value), find_secrets(inspector.params))


@contextmanager
def without_password_refused(store: Store) -> Iterator[None]:
    store.permit("default", "resetpass", ">other")
    try:
        yield
    finally:
        store.permit("default", "nopass")


@on_every_backend
@pytest.mark.parametrize(
    "place", ["//{user}:hunter2@{address}/2", "//{address}/2?username={user}&password=hunter2"]
)
def test_credentials_and_database_in_the_url_are_used_and_not_shown(
    store: Store, user: str, place: str
) -> None:
    inspector = store.inspect(
        store.scheme + ":" + place.format(user=user, address=store.server.address)
    )
    with without_password_refused(store):
        inspector.apply(inspector.make_key("key"), AddValue("value", TTL_NONE))
        assert listed(inspector) == {b":1:key"}
    assert store.raw.info("keyspace")["db2"]["keys"] == 1
    assert "hunter2" not in inspector.location
    assert "•••" in inspector.location
    assert "hunter2" not in str(inspector.configuration())
    assert "hunter2" not in str(inspector.preview_flush())
    assert inspector.configured_store_id == ("valkey", "127.0.0.1", store.server.port, 2)


@on_every_backend
def test_credentials_and_database_in_the_options_are_used(store: Store, user: str) -> None:
    options = {"username": user, "password": "hunter2", "db": 3}
    inspector = store.inspect(f"{store.scheme}://{store.server.address}", OPTIONS=options)
    with without_password_refused(store):
        inspector.apply(inspector.make_key("key"), AddValue("value", TTL_NONE))
    assert store.raw.info("keyspace")["db3"]["keys"] == 1
    assert inspector.configured_store_id == ("valkey", "127.0.0.1", store.server.port, 3)


@on_every_backend
def test_a_unix_socket_is_a_location(store: Store) -> None:
    path = store.server.folder / "s"
    inspector = store.inspect(f"unix://{path}?db=1")
    inspector.cache.set("key", "value")
    assert listed(inspector) == {b":1:key"}
    assert inspector.location == f"unix://{path}?db=1"
    assert inspector.configured_store_id == ("valkey", str(path), 0, 1)
    assert str(path) in str(inspector.preview_flush().command)


@on_every_backend
@pytest.mark.parametrize("form", ["list", "semicolons", "commas"])
def test_only_the_primary_is_asked(store: Store, form: str) -> None:
    dead = f"{store.scheme}://:hunter2@127.0.0.1:{servers.free_port()}/0"
    urls = [store.url, dead, dead]
    location = {"list": urls, "semicolons": ";".join(urls), "commas": ",".join(urls)}[form]
    inspector = store.inspect(location)
    store.raw.set(":1:key", 1)
    for _ in range(5):
        assert listed(inspector) == {b":1:key"}
        assert inspector.describe([b":1:key"])[0].exists
        assert inspector.read(b":1:key") is not None
    assert inspector.location.count(store.server.address) == 1
    assert inspector.location.count(", ") == 2
    assert "hunter2" not in inspector.location


def application_runs(inspector: ServerInspector, *words: Any) -> Any:
    """Run a command over the application's connections."""
    if isinstance(inspector, RedisCacheInspector):
        return inspector.cache._cache.get_client(write=True).execute_command(*words)
    return inspector.cache._run(Command(words, parse_raw))


@on_every_backend
def test_the_applications_connections_are_left_alone(store: Store) -> None:
    inspector = store.inspect()
    ids = {inspector.client.run(Command(("CLIENT", "ID"), int)) for _ in range(5)}
    ids |= {store.inspect().client.run(Command(("CLIENT", "ID"), int))}
    assert len(ids) == 1
    assert int(application_runs(inspector, "CLIENT", "ID")) not in ids


@on_every_backend
def test_an_application_that_has_used_up_its_connections_is_no_obstacle(store: Store) -> None:
    inspector = store.inspect(OPTIONS={"max_connections": 1})
    busy = threading.Thread(target=application_runs, args=(inspector, "BLPOP", "queue", 4))
    busy.start()
    try:
        servers.wait_until(lambda: store.raw.info("clients")["blocked_clients"], "the application")
        assert inspector.status().keys == 0
    finally:
        store.raw.rpush("queue", 1)
        busy.join()


@pytest.mark.parametrize("changes", [{"decode_responses": True}, {"protocol": 3}])
@pytest.mark.parametrize("store", ["django"], indirect=True)
def test_options_that_change_how_djangos_backend_reads_do_not_break_the_inspector(
    store: Store, changes: dict[str, Any]
) -> None:
    store.raw.set(":1:key", b"\xff")
    inspector = store.inspect(OPTIONS=changes)
    entry = inspector.read(b":1:key")
    assert entry.content.kind == "bytes"


@pytest.mark.parametrize("store", ["django"], indirect=True)
@pytest.mark.parametrize("location", ["redis://:hunter/2@h:6379/0", "nowhere", [""], [None]])
def test_a_location_that_is_no_url_is_an_error_of_that_cache_only(
    store: Store, location: Any
) -> None:
    inspector = store.inspect(location)
    assert "hunter" not in inspector.location
    assert hash(inspector.configured_store_id) is not None
    with pytest.raises(Exception, match="LOCATION") as failure:
        inspector.status()
    assert "hunter" not in mask(text_of(failure.value), find_secrets(inspector.params))


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URL of a server with TLS, which only Debian's has, and its certificate."""
    folder, port = tmp_path_factory.mktemp("tls"), servers.free_port()
    certificate = certify(folder)
    options = ("--tls-port", str(port), "--tls-auth-clients", "no")
    files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(folder / "key.pem"))
    with servers.valkey(*options, *files, program=servers.redis_server()):
        yield f"rediss://127.0.0.1:{port}/0", certificate


@pytest.mark.parametrize("store", ["redis_server", "django"], indirect=True)
@pytest.mark.parametrize("place", ["url", "options"])
def test_tls_is_used_as_the_alias_is_configured(
    store: Store, encrypted: tuple[str, Path], place: str
) -> None:
    url, certificate = encrypted
    trusted = {"ssl_ca_certs": str(certificate)}
    inspector = (
        store.inspect(url, OPTIONS=trusted)
        if place == "options"
        else store.inspect(f"{url}?{urlencode(trusted)}")
    )
    inspector.apply(b":1:key", AddValue("value", TTL_NONE, replace=True))
    assert listed(inspector) == {b":1:key"}
    with pytest.raises(ServerUnavailable, match=r"(?i)certificate"):
        store.inspect(url, alias="trusting-nobody").status()


def certify(folder: Path) -> Path:
    """Make a certificate of 127.0.0.1 that signs itself; return it, `key.pem` is beside it."""
    program = servers.find_program("openssl")
    if program is None:
        pytest.skip("openssl is not installed: apt-get install openssl")
    certificate = folder / "certificate.pem"
    command = [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate
