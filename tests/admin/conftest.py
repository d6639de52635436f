"""People with permissions, and caches of every kind, on real servers."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import valkey
from django.contrib.auth.models import Permission, User
from django.core.cache import caches
from django.core.management import call_command

from tests import servers
from tests.admin.browser import Browser

VALKEY = "django_cachex.cache.ValkeyCache"
REDIS = "django_cachex.cache.RedisCache"
DJANGO_REDIS = "django.core.cache.backends.redis.RedisCache"
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
DATABASE = "django.core.cache.backends.db.DatabaseCache"
FILES = "django.core.cache.backends.filebased.FileBasedCache"
DUMMY = "django.core.cache.backends.dummy.DummyCache"
STRANGER = "tests.admin.strangers.ClearableShelfCache"
UNFLUSHABLE = "tests.admin.strangers.ShelfCache"

TABLE = "cachex_test_cache"
REFUSING_PORT = 1


@pytest.fixture(autouse=True)
def _database(db: None) -> None:
    """Every page asks the database for its user."""


@pytest.fixture
def superuser() -> User:
    return User.objects.create_superuser("root", "", "root")


@pytest.fixture
def admin(superuser: User) -> Browser:
    """A superuser at the admin."""
    return Browser(superuser)


UserWith = Callable[..., User]


@pytest.fixture
def user_with() -> UserWith:
    """Return a function that makes a staff user with permissions of this app."""

    def make(*permissions: str, name: str = "") -> User:
        username = name or f"staff-{uuid.uuid4().hex[:8]}"
        user = User.objects.create_user(username, is_staff=True)
        for codename in permissions:
            user.user_permissions.add(
                Permission.objects.get(content_type__app_label="django_cachex", codename=codename)
            )
        return user

    return make


BrowserOf = Callable[..., Browser]


@pytest.fixture
def browser_of(user_with: UserWith) -> BrowserOf:
    """Return a function that puts a staff user with these permissions at the admin."""
    return lambda *permissions: Browser(user_with(*permissions))


def valkey_params(server: servers.Server, **changes: Any) -> dict[str, Any]:
    return {
        "BACKEND": VALKEY,
        "LOCATION": f"valkey://{server.address}/0",
        "KEY_PREFIX": "p",
        **changes,
    }


ROOMY = {"MAX_ENTRIES": 100_000}
"""Options of Django's own backends, which make room at 300 entries."""


def locmem_params(**changes: Any) -> dict[str, Any]:
    """Return an alias with a store of its own: LocMem's outlive a test."""
    return {"BACKEND": LOCMEM, "LOCATION": uuid.uuid4().hex, "OPTIONS": ROOMY, **changes}


Configure = Callable[..., None]


@pytest.fixture
def configure(settings: Any) -> Iterator[Configure]:
    """Return a function that sets `settings.CACHES`; the connections are closed at the end."""

    def set_caches(**aliases: dict[str, Any]) -> None:
        settings.CACHES = {"default": locmem_params(), **aliases}

    yield set_caches
    caches.close_all()


@pytest.fixture
def server_cache(valkey_server: servers.Server, configure: Configure) -> Any:
    """The cache object of alias `valkey`, empty, whose keys are stored as `p:1:…`."""
    configure(valkey=valkey_params(valkey_server))
    return caches["valkey"]


@pytest.fixture
def raw(valkey_server: servers.Server) -> Iterator[valkey.Valkey]:
    """A plain client of the Valkey that the aliases of a test use."""
    with valkey.Valkey(port=valkey_server.port) as client:
        yield client


@pytest.fixture
def database_table() -> str:
    call_command("createcachetable", TABLE, verbosity=0)
    return TABLE


@pytest.fixture
def caches_of_every_kind(
    valkey_server: servers.Server, configure: Configure, database_table: str, tmp_path: Path
) -> list[str]:
    """Aliases of every kind, each with a key `hello` where it can store one; their names."""
    location = f"valkey://{valkey_server.address}"
    configure(
        valkey=valkey_params(valkey_server),
        redis={"BACKEND": REDIS, "LOCATION": f"redis://{valkey_server.address}/1"},
        django={"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{valkey_server.address}/2"},
        table={"BACKEND": DATABASE, "LOCATION": database_table, "OPTIONS": ROOMY},
        files={"BACKEND": FILES, "LOCATION": str(tmp_path / "files")},
        dummy={"BACKEND": DUMMY},
        stranger={"BACKEND": STRANGER, "LOCATION": uuid.uuid4().hex},
        unflushable={"BACKEND": UNFLUSHABLE, "LOCATION": uuid.uuid4().hex},
        broken={"BACKEND": "tests.admin.strangers.NoSuchCache"},
        refusing={
            "BACKEND": VALKEY,
            "LOCATION": location.replace(f":{valkey_server.port}", f":{REFUSING_PORT}"),
        },
    )
    for alias in ("default", "valkey", "redis", "django", "table", "files", "stranger"):
        caches[alias].set("hello", {"to": "you"}, 1000)
    return [
        *("default", "valkey", "redis", "django", "table", "files", "dummy"),
        *("stranger", "unflushable", "broken", "refusing"),
    ]


def stored_key(alias: str, name: str) -> bytes:
    """Return the stored key of a key in a cache whose store takes what `make_key` gives."""
    return str(caches[alias].make_key(name)).encode()


LISTING = ("valkey", "django", "table", "default")


@pytest.fixture(params=LISTING)
def listing(
    request: pytest.FixtureRequest,
    valkey_server: servers.Server,
    configure: Configure,
    database_table: str,
) -> str:
    """An alias that lists its keys by name, each kind in turn."""
    configure(
        valkey=valkey_params(valkey_server),
        django={"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{valkey_server.address}/1"},
        table={"BACKEND": DATABASE, "LOCATION": database_table, "OPTIONS": ROOMY},
    )
    return str(request.param)


EDITABLE = ("valkey", "redis", "django", "table", "files", "default")


@pytest.fixture(params=EDITABLE)
def editable(
    request: pytest.FixtureRequest,
    valkey_server: servers.Server,
    configure: Configure,
    database_table: str,
    tmp_path: Path,
) -> str:
    """An alias whose values can be edited, each kind in turn."""
    address = valkey_server.address
    configure(
        valkey=valkey_params(valkey_server),
        redis={"BACKEND": REDIS, "LOCATION": f"redis://{address}/1"},
        django={"BACKEND": DJANGO_REDIS, "LOCATION": f"redis://{address}/2"},
        table={"BACKEND": DATABASE, "LOCATION": database_table, "OPTIONS": ROOMY},
        files={"BACKEND": FILES, "LOCATION": str(tmp_path / "files")},
    )
    return str(request.param)


STORES = {
    "valkey": ("valkey_server", VALKEY, "valkey"),
    "redis": ("redis_server", REDIS, "redis"),
    "django": ("redis_server", DJANGO_REDIS, "redis"),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, configure: Configure) -> Iterator[valkey.Valkey]:
    """A plain client of the server behind alias `store`, of each kind in turn."""
    fixture, backend, scheme = STORES[request.param]
    server: servers.Server = request.getfixturevalue(fixture)
    location = f"{scheme}://{server.address}/0"
    configure(store={"BACKEND": backend, "LOCATION": location, "KEY_PREFIX": "p"})
    with valkey.Valkey(port=server.port) as client:
        yield client


@pytest.fixture
def hello(server_cache: Any) -> Any:
    """A cache with one key, `hello`, that lives for a thousand seconds."""
    server_cache.set("hello", {"to": "you"}, 1000)
    return server_cache
