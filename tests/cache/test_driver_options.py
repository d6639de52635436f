"""Every option that the installed drivers take is honoured, refused, or reported by a check."""

from __future__ import annotations

import asyncio
import inspect
import ssl
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
import valkey
from django.core.checks import CheckMessage
from django.test import override_settings

from django_cachex.cache import Client
from django_cachex.cache.checks import check_caches
from django_cachex.cache.configuration import Configuration
from django_cachex.cache.connection.drivers import load_driver
from django_cachex.cache.options import INEFFECTIVE_DRIVER_OPTIONS, RETRY_OPTIONS
from django_cachex.commands import Command
from django_cachex.commands.command import parse_raw
from tests.cache.conftest import BACKENDS
from tests.servers import Server

DRIVERS = "valkey", "redis"
CLASSES = "Connection", "SSLConnection", "UnixDomainSocketConnection", "ConnectionPool"

INFO = Command(("CLIENT", "INFO"), parse_raw)
WHO = Command(("ACL", "WHOAMI"), parse_raw)


def options_of(driver: str) -> set[str]:
    """Return what the driver's connections and pools take, read from the installed package."""
    found: set[str] = set()
    for module in load_driver(driver).sync_module, load_driver(driver).async_module:
        for name in (*CLASSES, "BlockingConnectionPool"):
            found |= taken_by(getattr(module, name))
    return found


def taken_by(kind: type) -> set[str]:
    """Return the names that `kind` takes, and, as long as each passes others on, its bases."""
    found: set[str] = set()
    for base in kind.__mro__:
        if "__init__" in vars(base):
            parameters = inspect.signature(base.__init__).parameters.values()
            found |= {one.name for one in parameters if one.kind not in (2, 4)} - {"self"}
            if all(one.kind != 4 for one in parameters):
                break
    return found


ALL = [(driver, name) for driver in DRIVERS for name in sorted(options_of(driver))]

REFUSED = {"decode_responses": True, "protocol": 3}


def plain(server: Server) -> str:
    return f"redis://{server.address}"


def tells(request: Command[Any], part: str) -> Callable[[str, str, Any], None]:
    """Return what proves an option by what the server says, on both sides."""

    def prove(driver: str, location: str, options: Any) -> None:
        client = Client.from_options(driver, location, options)
        assert part in client.run(request).decode()
        assert part in asyncio.run(client.arun(request)).decode()

    return prove


def carries(name: str) -> Callable[[str, str, Any], None]:
    """Return what proves that the driver's connections, or what they hold, have the value."""

    def prove(driver: str, location: str, options: Any) -> None:
        made = configuration(driver, location, options)
        value = options[name]
        if name == "ssl_cert_reqs":
            value = ssl.CERT_OPTIONAL
        connections = [made.connection()]
        if name in taken_by(load_driver(driver).async_module.SSLConnection):
            connections.append(made.async_connection())  # type: ignore[arg-type]
        for connection in connections:
            assert value in values_in(connection)

    return prove


def values_in(made: Any) -> list[Any]:
    """Return all that a connection, or the driver's context of TLS in it, keeps."""
    names = {name for base in type(made).__mro__ for name in getattr(base, "__slots__", ())}
    found = [getattr(made, name, None) for name in names | getattr(made, "__dict__", {}).keys()]
    context = getattr(made, "ssl_context", None)
    return found + (values_in(context) if context else [])


def configuration(driver: str, location: str, options: Any) -> Configuration:
    return Client.from_options(driver, location, options).server.configuration


def limits(driver: str, location: str, options: Any) -> None:
    for most in 3, 70:
        assert configuration(driver, location, {"max_connections": most}).max_connections == most


def waits(driver: str, location: str, options: Any) -> None:
    pool = {"pool_class": f"{driver}.BlockingConnectionPool"}
    for seconds in 0, 0.5, 30:
        assert configuration(driver, location, {**pool, "timeout": seconds}).pool_timeout == seconds
    assert configuration(driver, location, {**pool, "timeout": None}).pool_timeout > 10**6


def is_called(driver: str, location: str, options: Any) -> None:
    [name] = options
    called: list[Any] = []
    client = Client.from_options(driver, location, {name: called.append})
    client.ping()
    assert len(called) == 1


def is_made(driver: str, location: str, options: Any) -> None:
    made: list[Any] = []

    class Parser(load_driver(driver).sync_module.DefaultParser):  # type: ignore[misc]  # Of two drivers.
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            made.append(self)
            super().__init__(*args, **kwargs)

    assert Client.from_options(driver, location, {"parser_class": Parser}).ping()
    assert made


def is_the_class(driver: str, location: str, options: Any) -> None:
    class Own(load_driver(driver).sync_module.Connection):  # type: ignore[misc]  # Of two drivers.
        pass

    made = configuration(driver, location, {"connection_class": Own})
    assert isinstance(made.connection(), Own)


Proof = tuple[Any, Callable[[str, str, Any], None]]


def honoured(driver: str, server: Server) -> dict[str, Proof]:
    """Return the value by which each option is tried, and what proves that it has an effect."""
    provider = import_module(f"{driver}.credentials").UsernamePasswordCredentialProvider
    flags = [ssl.VerifyFlags.VERIFY_X509_STRICT]
    proofs: dict[str, Proof] = {
        "client_name": ("mine", tells(INFO, "name=mine")),
        "lib_name": ("mine", tells(INFO, "lib-name=mine")),
        "lib_version": ("7.7", tells(INFO, "lib-ver=7.7")),
        "db": (3, tells(INFO, "db=3")),
        "password": ("right", tells(WHO, "other")),
        "username": ("other", tells(WHO, "other")),
        "credential_provider": (provider("other", "right"), tells(WHO, "other")),
        "host": (server.host, tells(WHO, "default")),
        "port": (server.port, tells(WHO, "default")),
        "path": (str(server.folder / "s"), tells(WHO, "default")),
        "max_connections": (3, limits),
        "timeout": (1, waits),
        "parser_class": (None, is_made),
        "connection_class": (None, is_the_class),
        f"{driver}_connect_func": (None, is_called),
        **{
            name: (value, carries(name))
            for name, value in {
                "socket_timeout": 7.5,
                "socket_connect_timeout": 7.5,
                "socket_keepalive": True,
                "socket_keepalive_options": {4: 7},
                "socket_type": 10,
                "ssl_ca_certs": "/ca.pem",
                "ssl_ca_data": "the authority",
                "ssl_ca_path": "/authorities",
                "ssl_certfile": "/certificate.pem",
                "ssl_keyfile": "/key.pem",
                "ssl_password": "of the key",
                "ssl_cert_reqs": "optional",
                "ssl_check_hostname": True,
                "ssl_ciphers": "HIGH",
                "ssl_min_version": ssl.TLSVersion.TLSv1_3,
                "ssl_include_verify_flags": flags,
                "ssl_exclude_verify_flags": flags,
                "ssl_ocsp_context": object(),
                "ssl_ocsp_expected_cert": "the certificate",
                "ssl_validate_ocsp": True,
                "ssl_validate_ocsp_stapled": True,
            }.items()
        },
    }
    if driver == "redis":
        info = import_module("redis.driver_info").DriverInfo(name="mine")
        proofs["driver_info"] = info, tells(INFO, "lib-name=mine")
    return proofs


def location_for(name: str, server: Server) -> str:
    """Return a URL under which `name` is of use."""
    if name.startswith("ssl_"):
        return f"rediss://{server.address}"
    special = {"host": f"redis://:@:{server.port}", "port": f"redis://{server.host}"}
    special |= {"path": "unix://", "username": f"redis://:right@{server.address}"}
    special |= {"password": f"redis://other@{server.address}"}
    return special.get(name, plain(server))


@pytest.fixture
def server(valkey_server: Server) -> Any:
    with valkey.Valkey(port=valkey_server.port) as client:
        client.execute_command("ACL", "SETUSER", "other", "on", ">right", "+@all", "~*")
        yield valkey_server
        client.execute_command("ACL", "DELUSER", "other")


def check(driver: str, location: str, options: Any) -> list[CheckMessage]:
    backend = f"django_cachex.cache.{driver.capitalize()}Cache"
    one = {"BACKEND": backend, "LOCATION": location, "OPTIONS": options}
    with override_settings(CACHES={"default": one}):
        return check_caches()


@pytest.mark.filterwarnings("ignore:Call to .* deprecated:DeprecationWarning")
@pytest.mark.parametrize(("driver", "name"), ALL)
def test_each_option_is_honoured_or_refused_or_reported(
    driver: str, name: str, server: Server
) -> None:
    location, proofs = location_for(name, server), honoured(driver, server)
    assert (name in proofs) + (name in REFUSED) + (
        name in INEFFECTIVE_DRIVER_OPTIONS | RETRY_OPTIONS
    ) == 1
    if name in proofs:
        value, prove = proofs[name]
        prove(driver, location, {name: value})
        return
    found = check(driver, location, {name: REFUSED.get(name, [])})
    message = [one for one in found if name in one.msg][-1]  # An empty list is no Retry, either.
    assert message.id == ("django_cachex.E100" if name in REFUSED else "django_cachex.W106")
    assert str(message.hint).startswith(("Remove it", "This changes nothing"))


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_has_no_effect_does_no_harm(driver: str, server: Server) -> None:
    for options in ({name: [1]} for name in sorted(INEFFECTIVE_DRIVER_OPTIONS)):
        cache = BACKENDS[driver](plain(server), {"OPTIONS": options})
        cache.set("key", 1)
        assert asyncio.run(cache.aget("key")) == 1
    cache = BACKENDS[driver](f"{plain(server)}?cache_enabled=True&health_check_interval=1", {})
    assert cache.get("key") == 1


@pytest.mark.parametrize("driver", DRIVERS)
def test_health_checks_in_the_url_are_reported(driver: str, server: Server) -> None:
    location = f"{plain(server)}?health_check_interval=1&retry_on_timeout=True"
    found = check(driver, location, {})
    assert [message.id for message in found] == ["django_cachex.W106"] * 2
    assert "is checked before" in str(found[0].hint)
    assert "sent again" in str(found[1].hint)
